"""The model bundle: the models of a finished run in one file, with all that predictions for new patients need."""

from myelosketch.io.run_files import BUNDLE
from myelosketch.prediction.bundle_plan import IMAGES, SOURCE_TABLES

MODEL_BUNDLE = f"{RESULTS}/{BUNDLE}"
# settings of the evaluation that a bundle records
BUNDLE_SETTINGS = ("k", "alpha", "min_lesion_mm3", "lesion_sizes_mm3")


rule write_bundle:
    """Models of all folds, range of the training maps, healthy white matter, errors and scores, in one zip."""
    input:
        unpack(bundled_files),
        **of_scans(COHORT.internal, *IMAGES),
        inspections=expand(INSPECTION, scan=COHORT.internal),
        tables=expand("<results>/evaluation/{table}.tsv", table=SOURCE_TABLES),
    output:
        MODEL_BUNDLE,
    log:
        "<results>/logs/write_bundle.log",
    benchmark:
        "<results>/benchmarks/write_bundle.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        # fold and method of each of the weights
        models=lambda wildcards: [
            (fold, method) for fold in COHORT.cross_validation for method in methods_to_bundle()
        ],
        groups=[COHORT.group[scan] for scan in COHORT.internal],
        pet_fwhm_mm=config["registration"]["pet_fwhm_mm"],
        settings={
            **{key: config["evaluation"][key] for key in BUNDLE_SETTINGS},
            "flips": config["prediction"]["flips"],
            "regions": config["regions"],
        },
        facts={key: run_facts()[key] for key in ("method", "simulated", "n_patients", "n_controls")},
        library=library("prediction.bundling"),
    script:
        "../workflow_scripts/write_bundle.py"
