"""What every stage asks: the checked configuration, the cohort, the folds, and where files lie."""

import ast
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

LIBRARY = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(LIBRARY))

from myelosketch import names
from myelosketch.cohort.config import check_config
from myelosketch.cohort.folds import assign_folds, read_folds
from myelosketch.cohort.table import cohort_from_rows, read_cohort, split_complete
from myelosketch.errors import MyelosketchError
from myelosketch.learning.checks import check_settings
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.simulation.cohort import (
    dataset_files,
    participants,
    simulated_files,
    truth_file,
    truth_files,
)

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
# what shapes a simulated participant; the size of the cohort does not, so a larger one keeps its first members
SIMULATION_SETTINGS = {
    key: value
    for key, value in config["simulation"].items()
    if key not in ("n_patients", "n_controls")
}
SIMULATED_PEOPLE = participants(
    config["simulation"]["n_patients"], config["simulation"]["n_controls"]
)


def load_cohort():
    """Cohort table of the configured source: (included, excluded, folds)."""
    settings = config["cohort"]
    if IS_SIMULATED:
        table = cohort_from_rows(
            [
                {**row, **simulated_files(SIMULATED, row["subject"], row["group"])}
                for row in SIMULATED_PEOPLE.to_dict("records")
            ]
        )
    else:
        table = read_cohort(settings["table"])
    included, excluded = split_complete(
        table, exclude=settings["exclude"], check_files=not IS_SIMULATED
    )
    if config["folds"]["file"]:
        return included, excluded, read_folds(config["folds"]["file"], included)
    return included, excluded, assign_folds(included, config["folds"]["n"], config["seed"])


try:
    COHORT, EXCLUDED, FOLDS = load_cohort()
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None

for row in EXCLUDED.to_dict("records"):
    logger.warning(f"Left out: {row['scan']} ({row['reason']})")

SCANS = COHORT["scan"].tolist()
GROUP = dict(zip(COHORT["scan"], COHORT["group"]))
PATIENTS = [scan for scan in SCANS if GROUP[scan] == "MS"]
FOLD = {scan: int(FOLDS.set_index("subject")["fold"][names.subject_of(scan)]) for scan in SCANS}
FOLD_IDS = sorted(set(FOLD.values()))
METHODS = [name for name in names.METHODS if name in config["training"]["methods"]]
CEILINGS = list(names.CEILINGS) if IS_SIMULATED else []


wildcard_constraints:
    scan=names.SCAN_PATTERN,
    folder=names.FOLDER_PATTERN,
    subject="[A-Za-z0-9]+",
    fold="[0-9]+",
    method="|".join(names.METHODS + names.CEILINGS + ("pet",)),


def train_scans(fold):
    """Scans that the models of a fold learn from."""
    return [scan for scan in SCANS if FOLD[scan] != int(fold)]


def out(key, **entities):
    """Path of one scan's derivative."""
    return names.path(RESULTS, key, **entities)


def pat(key):
    """Path of a derivative with wildcards, for outputs."""
    return f"{RESULTS}/{names.pattern(key)}"


def truth(scan, which):
    """Path of a simulated scan's truth."""
    return truth_file(SIMULATED, names.subject_of(scan), which)


def simulated_outputs(subject, group):
    """Every image and table that one participant's simulation writes, by name."""
    return simulated_files(SIMULATED, subject, group) | truth_files(SIMULATED, subject, group)


def simulated_subjects(group):
    """Pattern of the simulated participants of a group; an impossible one where the group is empty."""
    people = SIMULATED_PEOPLE["subject"][SIMULATED_PEOPLE["group"] == group]
    return "|".join(people) or "none in this group"


def scan_input(name):
    """Input function: a file of the cohort table for the scan of the wildcards ([] where there is none)."""
    files = dict(zip(COHORT["scan"], COHORT[name]))
    return lambda wildcards: files[wildcards.scan] or []


def train_controls(fold):
    """Training scans of a fold that are controls."""
    return [scan for scan in train_scans(fold) if GROUP[scan] == "HC"]


def fold_files(key):
    """Input function: a derivative of each training scan of a fold; no file of a held-out scan is an input."""
    return lambda wildcards: [out(key, scan=scan) for scan in train_scans(wildcards.fold)]


def control_files(key):
    """Input function: a derivative of each training control of a fold."""
    return lambda wildcards: [out(key, scan=scan) for scan in train_controls(wildcards.fold)]


def network_settings(method):
    """The part of the configuration that shapes one network method."""
    return {key: config["training"][key] for key in (*NETWORK_SETTINGS, method)}


def held_out_models(file):
    """Input function: a file of every model that was trained without the scan of the wildcards."""
    return lambda wildcards: [
        f"{RESULTS}/training/fold-{FOLD[wildcards.scan]}/{method}/{file}" for method in MODELS_READ
    ]


def own_file(path):
    """Path of a file of the workflow: the same from every working directory, or relative to it if inside."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def imports_of(path):
    """Names of this library's modules that one of its files imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [
        name
        for line in lines
        if (line.module or "").startswith("myelosketch")
        for name in (line.module, *(f"{line.module}.{alias.name}" for alias in line.names))
    ]


def library(*modules):
    """Files of library modules and of all they import, so that an edit reruns just the rules it concerns."""
    found, pending = set(), [f"myelosketch.{name}" for name in modules]
    while pending:
        path = LIBRARY.joinpath(*pending.pop().split(".")).with_suffix(".py")
        if path.is_file() and path not in found:
            found.add(path)
            pending += imports_of(path)
    return sorted(own_file(path) for path in found)
