"""From images to maps on the PET grid: the cohort, its simulation, maps, registration and regions."""


include: "cohort_inputs.smk"
include: "cohort.smk"
include: "simulation.smk"
include: "maps.smk"
include: "registration.smk"
include: "regions.smk"
include: "common_space.smk"


localrules:
    simulated_cohort,
    cohort,
    cohort_table,
    registration,
    regions,


rule simulated_cohort:
    """The complete simulated dataset, for use on its own."""
    input:
        SIMULATED_DATASET,


rule cohort:
    """Who is in, who is left out, the folds, and the check of every input file."""
    input:
        COHORT_TABLES,


rule cohort_table:
    """The table of every scan found, to inspect, edit and use with cohort.source: table."""
    input:
        "<results>/cohort/found.tsv",


rule registration:
    """Every MRI map in PET space, and the page with the quality of its registration."""
    input:
        all_of(COHORT.scans, *ON_PETREF),
        all_of(WITH_PET, "dvr"),
        QUALITY,


rule regions:
    """Lesion, normal-appearing white matter and other, on each PET grid."""
    input:
        all_of(COHORT.scans, "regions"),
