"""Input functions of the bundle rule: which models a bundle of this run contains."""

from myelosketch.prediction.bundle_plan import bundled_models


def methods_to_bundle():
    """Methods whose models a bundle of this run contains; raises an error if the run cannot be bundled."""
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


def model_is_needed(wildcards):
    """Input function of predict without a model: raises an error that says what is missing."""
    raise WorkflowError(
        "snakemake predict needs a trained model: name one in your configuration, as prediction: "
        "{model: path/to/model.zip}; snakemake bundle makes it from a finished run."
    )
