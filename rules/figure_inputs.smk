"""Functions for figures and report: which figures a run draws, and their inputs."""

from myelosketch.cohort.columns import adjusting_columns, covariates
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures.catalogue import FIGURES, SECTIONS


def drawn_figures():
    """Names of the figures of this run, in the order of the catalogue."""
    compared = COHORT.included[COHORT.included["scan"].isin(COHORT.internal)]
    has = {
        "": True,
        "known poses of the images": IS_SIMULATED,
        "an external site": bool(COHORT.external),
        "a follow-up": bool(COHORT.followed_among(COHORT.internal)),
        "a column to adjust for": bool(
            adjusting_columns(covariates(compared), config["evaluation"]["adjust_for"])
        ),
        "a trained network": any(method in NETWORK_METHODS for method in METHODS),
    }
    return [name for name, figure in FIGURES.items() if has[figure.needs]]


def figure_of(wildcards):
    """Entry of a figure in the catalogue."""
    if wildcards.figure not in FIGURES:
        raise WorkflowError(
            f"There is no figure {wildcards.figure}; the figures of this run are {', '.join(drawn_figures())}."
        )
    return FIGURES[wildcards.figure]


def figure_input(wildcards):
    """Input function: the tables and the maps that a figure is drawn from."""
    figure = figure_of(wildcards)
    trained = [method for method in METHODS if method in NETWORK_METHODS]
    return {
        "tables": [
            path
            for table in figure.tables
            for path in expand(f"{RESULTS}/{table}", fold=COHORT.cross_validation, method=trained)
        ],
        "maps": all_of(COHORT.patients, *figure.maps),
    }


def figure_facts(wildcards):
    """Settings of a figure and the values in its caption, by name."""
    figure = figure_of(wildcards)
    wanted = ("simulated", "world", "n_patients", "n_controls", *figure.settings, *figure.stated)
    named = ("method_name",) if "method" in wanted else ()
    return {name: run_facts()[name] for name in (*wanted, *named)}


def figure_category(wildcards):
    """Category of a figure in Snakemake's own report."""
    return SECTIONS[figure_of(wildcards).section]


def run_facts():
    """Facts about this run for titles, captions and the report, by name."""
    settings, reporting = config["evaluation"], config["reporting"]
    groups = list(COHORT.participants.values())
    return {
        "simulated": IS_SIMULATED,
        "world": config["simulation"]["world"] if IS_SIMULATED else "",
        "n_patients": groups.count("MS"),
        "n_controls": groups.count("HC"),
        "n_folds": len(COHORT.cross_validation),
        "scans": COHORT.patients,
        "methods": METHODS,
        "method": SHOWN_METHOD,
        "method_name": method_name(SHOWN_METHOD),
        "limits": config["registration"]["quality"],
        # the value of each setting of the sensitivity in this run
        "in_force": {
            "k": settings["k"],
            "reference": settings["reference"],
            "perilesional_mm": config["regions"]["perilesional_mm"],
            "min_lesion_mm3": settings["min_lesion_mm3"],
        },
        **{
            key: settings[key]
            for key in ("k", "alpha", "min_lesion_mm3", "adjust_for", "relate_to")
        },
        **{key: reporting[key] for key in ("example_patient", "agreement_colours")},
    }
