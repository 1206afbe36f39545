"""Floor 1: who is in, who is left out, the folds, and whether each file is what it should be."""

COHORT_TABLES = [
    "results/cohort/cohort.tsv",
    "results/cohort/excluded.tsv",
    "results/cohort/folds.tsv",
    "results/cohort/inputs.tsv",
]


rule write_cohort:
    """The cohort, the exclusions and the folds, as decided when the workflow was read."""
    output:
        cohort="results/cohort/cohort.tsv",
        excluded="results/cohort/excluded.tsv",
        folds="results/cohort/folds.tsv",
    log:
        "results/logs/write_cohort.log",
    benchmark:
        "results/benchmarks/write_cohort.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        cohort=COHORT.to_dict("records"),
        excluded=EXCLUDED.to_dict("records"),
        folds=FOLDS.to_dict("records"),
    script:
        "../workflow_scripts/write_cohort.py"


rule check_inputs:
    """Open every file before anything expensive starts; all problems at once."""
    input:
        cohort="results/cohort/cohort.tsv",
        files=[
            path
            for name in ("T1w", "lesion_mask", *names.INPUT_MAPS, "DVR")
            for path in COHORT[name].dropna()
        ],
        library=library("cohort.checks"),
    output:
        "results/cohort/inputs.tsv",
    log:
        "results/logs/check_inputs.log",
    benchmark:
        "results/benchmarks/check_inputs.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    script:
        "../workflow_scripts/check_inputs.py"
