"""What every stage asks: the checked configuration, the cohort, the folds, and where files lie."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

LIBRARY = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(LIBRARY))

from myelosketch import names
from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.config import check_config
from myelosketch.cohort.folds import (
    EXTERNAL_FOLD,
    assign_folds,
    read_folds,
    split_external,
    with_external,
)
from myelosketch.cohort.table import cohort_from_rows, needs_flair, read_cohort, split_complete
from myelosketch.cohort.verdicts import check_accept
from myelosketch.errors import MyelosketchError
from myelosketch.interpreter import without_spaces
from myelosketch.learning.checks import check_settings, gpus_of_a_training
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.simulation.cohort import (
    participant_settings,
    simulated_files,
    simulated_people,
)

sys.executable = without_spaces(sys.executable)
CONFIG_SCHEMA = Path(workflow.basedir) / "rules/schemas/config.schema.yaml"
RESULTS = "results"
SIMULATED = f"{RESULTS}/simulated"
try:
    check_config(config, CONFIG_SCHEMA)
    for method in NETWORK_METHODS:
        if method in config["training"]["methods"]:
            check_settings(method, config["training"])
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None
validate(config, str(CONFIG_SCHEMA))

IS_SIMULATED = config["cohort"]["source"] == "simulate"
SIMULATION_SETTINGS = participant_settings(config["simulation"])
SIMULATION_LEVEL = config["simulation"]["level"]
SIMULATED_PEOPLE = simulated_people(config["simulation"])
SIMULATED_SITE = dict(zip(SIMULATED_PEOPLE["subject"], SIMULATED_PEOPLE["site"]))


# how lesions are found; who is left out without a mask changes no preparation
FOUND_ON_FLAIR = {"flair": config["lesions"]["flair"]}


def external_sites():
    """Sites that no model learns from: those of the configuration, and a simulated second site."""
    simulated = config["simulation"]["external"]
    second = IS_SIMULATED and simulated["n_patients"] + simulated["n_controls"]
    return [*config["cohort"]["external_sites"], *([simulated["site"]] if second else [])]


def load_table():
    """Every scan of the configured source, complete or not."""
    if IS_SIMULATED:
        return cohort_from_rows(
            [
                {
                    **row,
                    **simulated_files(SIMULATED, row["subject"], row["group"], SIMULATION_LEVEL),
                }
                for row in SIMULATED_PEOPLE.to_dict("records")
            ]
        )
    if config["cohort"]["source"] == "table":
        return read_cohort(config["cohort"]["table"])
    table, hints = read_bids(config["cohort"]["bids"], config["cohort"]["exclude"])
    for hint in hints:
        logger.warning(hint)
    return table


def load_cohort():
    """Scans that can be run, those left out, and the folds: all that follows from configuration and table."""
    settings = config["cohort"]
    included, excluded = split_complete(
        FOUND,
        exclude=settings["exclude"],
        check_files=not IS_SIMULATED,
        reference=config["maps"]["reference"],
        without_mask=config["lesions"]["without_mask"],
    )
    check_accept(settings["accept"], FOUND["scan"])
    check_accept(
        config["registration"]["accept"], FOUND["scan"], key="registration.accept", also=()
    )
    for row in excluded.to_dict("records"):  # before the folds: it says why there may be too few
        logger.warning(f"Left out: {row['scan']} ({row['reason']})")
    internal, external = split_external(included, external_sites())
    if config["folds"]["file"]:
        folds = read_folds(config["folds"]["file"], internal)
    else:
        folds = assign_folds(internal, config["folds"]["n"], config["seed"])
    return included, excluded, with_external(folds, external)


try:
    FOUND = load_table()
    COHORT, EXCLUDED, FOLDS = load_cohort()
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None

SCANS = COHORT["scan"].tolist()
ROWS = {row["scan"]: row for row in COHORT.to_dict("records")}
GROUP = dict(zip(COHORT["scan"], COHORT["group"]))
# scans whose lesions are drawn, or have to be found, on their FLAIR
ON_FLAIR = {scan for scan, row in ROWS.items() if needs_flair(row)}
FOLD_OF_SUBJECT = dict(zip(FOLDS["subject"], FOLDS["fold"].astype(int)))
FOLD = {scan: FOLD_OF_SUBJECT[names.subject_of(scan)] for scan in SCANS}
FOLD_IDS = sorted(set(FOLD.values()))
CROSS_VALIDATION = [fold for fold in FOLD_IDS if fold != EXTERNAL_FOLD]
# cross-validation and the scans of external sites never share a table or a figure
INTERNAL = [scan for scan in SCANS if FOLD[scan] != EXTERNAL_FOLD]
EXTERNAL = [scan for scan in SCANS if FOLD[scan] == EXTERNAL_FOLD]
PATIENTS = [scan for scan in INTERNAL if GROUP[scan] == "MS"]
METHODS = [name for name in names.METHODS if name in config["training"]["methods"]]
# trained in epochs, with a history
TRAINED_NETWORKS = [name for name in METHODS if name in NETWORK_METHODS]
CEILINGS = list(names.CEILINGS) if IS_SIMULATED else []
# where a map lies that the table does not give
DERIVED = names.derived_maps(config["maps"]["dvr_model"])


wildcard_constraints:
    scan=names.SCAN_PATTERN,
    folder=names.FOLDER_PATTERN,
    subject="[A-Za-z0-9]+",
    fold="[0-9]+",
    method="|".join(names.METHODS + names.CEILINGS + ("pet",)),
