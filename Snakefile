"""myelosketch: predict myelin (PIB PET DVR) from MRI with sketcher-refiner GANs, from images to report."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.17.1")


configfile: Path(workflow.current_basedir) / "config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/change_inputs.smk"
include: "rules/archive.smk" if ARCHIVE else "rules/preparation.smk"
include: "rules/evaluation.smk"
include: "rules/change.smk"
include: "rules/own_regions.smk"
include: "rules/new_patients.smk" if PREDICTS else "rules/cross_validation.smk"


localrules:
    all,
    change,


rule all:
    """Everything: tables, figures and the report for a cohort with PET; maps, tables and pages for new scans."""
    default_target: True
    input:
        EVERYTHING,


rule change:
    """Change between sessions: change.tsv and change_lesions.tsv, if participants have several."""
    input:
        CHANGE,
