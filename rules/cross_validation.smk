"""A cohort with PET: models trained and cross-validated, scores, figures and the report."""


include: "standard_space.smk"
include: "figure_inputs.smk"
include: "figures.smk"
include: "reporting.smk"


if not ARCHIVE:

    include: "models.smk"


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
    evaluation,
    figures,


rule evaluation:
    """All tables of results/evaluation."""
    input:
        EVALUATION,
        REGION_VOLUMES,
        REGISTRATION_ERROR,


rule figures:
    """All figures, from tables and stored maps only."""
    input:
        expand(f"{FIGURE_FILES}.{{suffix}}", figure=drawn_figures(), suffix=["png", "svg", "tsv"]),
