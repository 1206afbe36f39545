"""A copy of results without its images (reporting.archive): what is read from it, and what cannot be redone."""

from myelosketch.cohort.archive import check_archive, not_from_archive

# targets that need what such a copy does not have
NEEDS_IMAGES = ("simulated_cohort", "cohort", "cohort_table", "registration", "regions", "predict")
NEEDS_TRAINING = ("training", "predictions", "bundle")


def files_of_archive():
    """Files of the run that tables, figures and report need, and that no rule makes in a copy."""
    maps = ("mtr", "fa", "rd", "ad", "dvr", "regions", "fractions", "lesion", "predicted")
    transforms = ("xfm_t1w_to_petref", "xfm_t1w_to_mni", *WARP_MNI)
    followed = [scan for scans in COHORT.followed_up.values() for scan in scans]
    return [
        *COHORT_TABLES,
        *QUALITY,
        *REGISTRATION_ERROR,
        REGION_VOLUMES,
        f"{RESULTS}/provenance.json",
        *all_of(COHORT.scans, *maps, *transforms),
        *beside(all_of(COHORT.scans, "predicted")),
        *expand([*REFERENCE.values()], fold=COHORT.fold_ids),
        *expand(
            f"{MODEL_FOLDER}/{{method}}/history.tsv",
            fold=COHORT.cross_validation,
            method=[method for method in METHODS if method in NETWORK_METHODS],
        ),
        *all_of(followed, "xfm_t1w_to_common"),
        *checks_of(followed, "json"),
        *expand(COMMON, subject=COHORT.followed_up),
        *[path for scan in COHORT.scans if HAS_TRUTH for path in DATASET.truth(scan).values()],
    ]


if workflow.is_main_process:
    try:
        check_archive(files_of_archive())
    except MyelosketchError as error:
        raise WorkflowError(str(error)) from None
    if IS_SIMULATED and not HAS_TRUTH:
        logger.warning(
            f"{DATASET.folder}/derivatives/truth is not in this copy: tables and figures come without the rows "
            f"{', '.join(names.CEILINGS)} and without the error against visible."
        )


def refused(target, needs):
    """Input function of a target that a copy cannot make: raises an error that says so."""

    def refuse(wildcards):
        raise WorkflowError(not_from_archive(target, needs))

    return refuse


localrules:
    open_archive,


rule open_archive:
    """Mark the tables and figures of a copy as made on another machine, which Snakemake cannot know."""
    input:
        config=COHORT_TABLES[0],
    output:
        OPENED,
    log:
        "<results>/logs/open_archive.log",
    benchmark:
        "<results>/benchmarks/open_archive.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        library=library("reporting.run_provenance"),
    script:
        "../workflow_scripts/open_archive.py"


for target in (*NEEDS_IMAGES, *NEEDS_TRAINING):

    rule:
        name:
            target
        input:
            refused(target, "images" if target in NEEDS_IMAGES else "training"),
