"""What every stage asks: the checked configuration, the cohort, the folds, and where files lie."""

import ast
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
from myelosketch.cohort.refusals import check_accept, leave_out_refused, scan_state
from myelosketch.cohort.table import (
    cohort_from_rows,
    companions,
    read_cohort,
    split_complete,
    used_files,
)
from myelosketch.errors import MyelosketchError
from myelosketch.learning.checks import check_settings
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.provenance import sidecar_path
from myelosketch.simulation.cohort import (
    dataset_files,
    simulated_people,
    simulated_files,
    simulated_siblings,
    truth_file,
    truth_files,
)

CONFIG_SCHEMA = Path(workflow.basedir) / "rules/schemas/config.schema.yaml"
RESULTS = "results"
SIMULATED = f"{RESULTS}/simulated"
# what the intake of an earlier run refused; read here, because the cohort is decided when the workflow is read
REFUSED = f"{RESULTS}/cohort/refused.tsv"
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
    if key not in ("n_patients", "n_controls", "external")
}
SIMULATION_LEVEL = config["simulation"]["level"]
SIMULATED_PEOPLE = simulated_people(config["simulation"])


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
    """Scans that can be run, those left out, those an earlier run refused, and the folds."""
    settings = config["cohort"]
    included, excluded = split_complete(
        FOUND,
        exclude=settings["exclude"],
        check_files=not IS_SIMULATED,
        reference=config["maps"]["reference"],
    )
    check_accept(settings["accept"], FOUND["scan"])
    included, excluded, refused = leave_out_refused(
        included, excluded, REFUSED, units=config["units"], maps=config["maps"]
    )
    for row in excluded.to_dict("records"):  # before the folds: it says why there may be too few
        logger.warning(f"Left out: {row['scan']} ({row['reason']})")
    internal, external = split_external(included, external_sites())
    if config["folds"]["file"]:
        folds = read_folds(config["folds"]["file"], internal)
    else:
        folds = assign_folds(internal, config["folds"]["n"], config["seed"])
    return included, excluded, refused, with_external(folds, external)


try:
    FOUND = load_table()
    COHORT, EXCLUDED, REFUSED_EARLIER, FOLDS = load_cohort()
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None

SCANS = COHORT["scan"].tolist()
# every scan that has its files: those refused earlier are looked at again, and shown on the page
INSPECTED = {
    row["scan"]: row for part in (COHORT, REFUSED_EARLIER) for row in part.to_dict("records")
}
GROUP = dict(zip(COHORT["scan"], COHORT["group"]))
FOLD_OF_SUBJECT = dict(zip(FOLDS["subject"], FOLDS["fold"].astype(int)))
FOLD = {scan: FOLD_OF_SUBJECT[names.subject_of(scan)] for scan in SCANS}
FOLD_IDS = sorted(set(FOLD.values()))
CROSS_VALIDATION = [fold for fold in FOLD_IDS if fold != EXTERNAL_FOLD]
# cross-validation and the scans of external sites never share a table or a figure
INTERNAL = [scan for scan in SCANS if FOLD[scan] != EXTERNAL_FOLD]
EXTERNAL = [scan for scan in SCANS if FOLD[scan] == EXTERNAL_FOLD]
PATIENTS = [scan for scan in INTERNAL if GROUP[scan] == "MS"]
METHODS = [name for name in names.METHODS if name in config["training"]["methods"]]
CEILINGS = list(names.CEILINGS) if IS_SIMULATED else []
RAW_DVR = "raw_dvr_srtm" if config["maps"]["dvr_model"] == "srtm" else "raw_dvr"
# where a map lies that the table does not give
DERIVED = {"FA": "raw_fa", "RD": "raw_rd", "AD": "raw_ad", "MTR": "raw_mtr", "DVR": RAW_DVR}


wildcard_constraints:
    scan=names.SCAN_PATTERN,
    folder=names.FOLDER_PATTERN,
    subject="[A-Za-z0-9]+",
    fold="[0-9]+",
    method="|".join(names.METHODS + names.CEILINGS + ("pet",)),


def train_scans(fold):
    """Scans that the models of a fold learn from."""
    return [scan for scan in INTERNAL if FOLD[scan] != int(fold)]


def out(key, **entities):
    """Path of one scan's derivative."""
    return names.path(RESULTS, key, **entities)


def pat(key):
    """Path of a derivative with wildcards, for outputs."""
    return f"{RESULTS}/{names.pattern(key)}"


def truth(scan, which):
    """Path of a simulated scan's truth."""
    return truth_file(SIMULATED, names.subject_of(scan), which)


def truth_input(which):
    """Input function: one file of a simulated scan's truth ([] where it has none)."""
    return lambda wildcards: truth_files(
        SIMULATED, names.subject_of(wildcards.scan), GROUP[wildcards.scan]
    ).get(which, [])


def only_simulated(target, files):
    """Files of a named target that a simulated cohort alone has; whoever asks for it without one is told."""
    if IS_SIMULATED:
        return files
    refusal = WorkflowError(
        f"cohort.source is {config['cohort']['source']}; {target} measures the simulated cohort, whose truth "
        "is known: set cohort.source to simulate."
    )
    if target in sys.argv[1:]:  # said here it comes without the traceback of an input function
        raise refusal

    def refuse(wildcards):
        raise refusal

    return refuse


def simulated_outputs(subject, group):
    """Every image and table that one participant's simulation writes, by name; the level decides which."""
    return (
        simulated_files(SIMULATED, subject, group, SIMULATION_LEVEL)
        | simulated_siblings(SIMULATED, subject, SIMULATION_LEVEL)
        | truth_files(SIMULATED, subject, group)
    )


def simulated_subjects(group):
    """Pattern of the simulated participants of a group; an impossible one where the group is empty."""
    people = SIMULATED_PEOPLE["subject"][SIMULATED_PEOPLE["group"] == group]
    return "|".join(people) or "none in this group"


def scan_input(name):
    """Input function: a file of the cohort table for the scan of the wildcards ([] where there is none)."""
    files = dict(zip(COHORT["scan"], COHORT[name]))
    return lambda wildcards: files[wildcards.scan] or []


def companion_input(name, kind):
    """Input function: a file that belongs to a raw series of the cohort table ([] where there is none)."""
    files = dict(zip(COHORT["scan"], COHORT[name]))
    return lambda wildcards: (
        companions(name, files[wildcards.scan])[kind] if files[wildcards.scan] else []
    )


def inspected_files(wildcards):
    """Input function: every file of a scan, with the JSON beside an image where a user's data have one."""
    row = INSPECTED[wildcards.scan]
    files = list(used_files(row, reference=config["maps"]["reference"]).values())
    sidecars = [str(sidecar_path(path)) for path in files]
    own = [path for path in sidecars if not IS_SIMULATED and Path(path).is_file()]
    return list(dict.fromkeys(files + own))


def inspected_state(wildcards):
    """What identifies the files of a user's scan as they are now; simulated ones are not there yet."""
    settings = {key: config[key] for key in ("units", "maps")}
    return "" if IS_SIMULATED else scan_state(INSPECTED[wildcards.scan], **settings)


def dataset_root():
    """Folder of the user's dataset, out of which no link should lead."""
    if IS_SIMULATED:
        return None
    if config["cohort"]["source"] == "table":
        return str(Path(config["cohort"]["table"]).parent)
    return config["cohort"]["bids"]["dataset"]


def map_units(wildcards):
    """Unit of each map of a scan: as declared, or our own where the workflow derives the map itself."""
    row = INSPECTED[wildcards.scan]
    return {
        name: config["units"][name] if row[name] else unit for name, unit in names.UNITS.items()
    }


def map_input(name):
    """Input function: a map as the cohort table gives it, or else as derived from raw images."""
    given = dict(zip(COHORT["scan"], COHORT[name]))
    return lambda wildcards: given[wildcards.scan] or out(DERIVED[name], scan=wildcards.scan)


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
