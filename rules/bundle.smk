"""The model bundle: a finished run's models in one file, with what predictions for new patients need."""

from myelosketch.prediction.bundle_plan import BUNDLE, IMAGES, SOURCE_TABLES, bundled_models

MODEL_BUNDLE = f"{RESULTS}/{BUNDLE}"
# of the evaluation, what a bundle states of its own settings
BUNDLE_SETTINGS = ("k", "alpha", "min_lesion_mm3", "lesion_sizes_mm3")


def methods_to_bundle():
    """Methods whose models a bundle of this run holds; a run that cannot be bundled is refused."""
    try:
        return bundled_models(
            SHOWN_METHOD,
            n_controls=list(COHORT.participants.values()).count("HC"),
            reference=config["evaluation"]["reference"],
        )
    except MyelosketchError as error:
        raise WorkflowError(str(error)) from None


def bundled_files(wildcards):
    """Input function: weights and cards of a bundle's models, fold by fold."""
    return {
        kind: [
            f"{MODEL_FOLDER}/{method}/model.{suffix}".format(fold=fold)
            for fold in COHORT.cross_validation
            for method in methods_to_bundle()
        ]
        for kind, suffix in (("weights", "safetensors"), ("cards", "json"))
    }


rule write_bundle:
    """Models of all folds, range of the training maps, healthy white matter, errors and scores, in one zip."""
    input:
        unpack(bundled_files),
        **of_scans(COHORT.internal, *IMAGES),
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
