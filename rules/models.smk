"""Models trained on the folds of a cohort with PET, their predictions, and the bundle of them."""


include: "training.smk"
include: "prediction.smk"
include: "bundle_inputs.smk"
include: "bundle.smk"


localrules:
    training,
    predictions,
    bundle,
    predict,


rule training:
    """All models of all folds."""
    input:
        MODELS,


rule predictions:
    """The held-out DVR map of every scan by every method."""
    input:
        all_of(COHORT.scans, "predicted"),


rule bundle:
    """The models of this run in one file to keep and share: model.zip in the results folder."""
    input:
        MODEL_BUNDLE,


rule predict:
    """New scans by a trained model, which the configuration names (prediction.model)."""
    input:
        model_is_needed,
