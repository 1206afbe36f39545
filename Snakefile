"""myelosketch: myelin (PIB PET DVR) predicted from MRI by sketcher-refiner GANs, from images to report."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.17.1")


configfile: Path(workflow.current_basedir) / "config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/cohort_inputs.smk"
include: "rules/cohort.smk"
include: "rules/simulation.smk"
include: "rules/maps.smk"
include: "rules/registration.smk"
include: "rules/regions.smk"
include: "rules/evaluation.smk"
include: "rules/change_inputs.smk"
include: "rules/change.smk"
include: "rules/own_regions.smk"
include: "rules/new_patients.smk" if PREDICTS else "rules/cross_validation.smk"


localrules:
    all,
    simulated_cohort,
    cohort,
    cohort_table,
    registration,
    regions,
    change,


rule all:
    """Everything: of a cohort with PET tables, figures and the report; of new scans maps, tables and pages."""
    default_target: True
    input:
        EVERYTHING,


rule simulated_cohort:
    """The simulated dataset, whole, for use on its own."""
    input:
        SIMULATED_DATASET,


rule cohort:
    """Who is in, who is left out, the folds, and the check of every input file."""
    input:
        COHORT_TABLES,


rule cohort_table:
    """The table of every scan found, to look at, edit and use with cohort.source: table."""
    input:
        "<results>/cohort/found.tsv",


rule registration:
    """Every MRI map in PET space, and the page that shows how well it lies there."""
    input:
        all_of(COHORT.scans, *ON_PETREF),
        QUALITY,


rule regions:
    """Lesion, normal-appearing white matter and other, on each PET grid."""
    input:
        all_of(COHORT.scans, "regions"),


rule change:
    """Change between sessions: change.tsv and change_lesions.tsv, where participants have several."""
    input:
        CHANGE,
