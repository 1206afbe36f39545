"""A cohort with PET: models trained and cross-validated, scores, figures and the report."""


include: "training.smk"
include: "prediction.smk"
include: "standard_space.smk"
include: "figure_inputs.smk"
include: "bundle_inputs.smk"
include: "bundle.smk"
include: "figures.smk"
include: "reporting.smk"


EVERYTHING = [
    *COHORT_TABLES,
    *DESCRIBED,
    *EVALUATION,
    *CHANGE,
    *REGION_TABLES,
    *STANDARD_SPACE,
    *expand(f"{FIGURE_FILES}.{{suffix}}", figure=drawn_figures(), suffix=["png", "svg", "tsv"]),
    *REPORT,
]


localrules:
    training,
    predictions,
    evaluation,
    bundle,
    figures,
    predict,


rule training:
    """All models of all folds."""
    input:
        MODELS,


rule predictions:
    """The held-out DVR map of every scan by every method."""
    input:
        all_of(COHORT.scans, "predicted"),


rule evaluation:
    """All tables of results/evaluation."""
    input:
        EVALUATION,
        REGION_VOLUMES,
        REGISTRATION_ERROR,


rule bundle:
    """The models of this run in one file to keep and hand on: model.zip in the folder of results."""
    input:
        MODEL_BUNDLE,


rule figures:
    """All figures, from tables and stored maps only."""
    input:
        expand(f"{FIGURE_FILES}.{{suffix}}", figure=drawn_figures(), suffix=["png", "svg", "tsv"]),


rule predict:
    """New scans by a trained model, which the configuration names (prediction.model)."""
    input:
        model_is_needed,
