"""Where files lie: the functions that rules ask for their inputs, outputs and the library's modules."""

import hashlib
import re
from functools import cache

from myelosketch.cohort.refusals import scan_state
from myelosketch.cohort.table import companions, used_files
from myelosketch.provenance import sidecar_path
from myelosketch.simulation.cohort import (
    dataset_files,
    simulated_siblings,
    truth_file,
    truth_files,
)
from myelosketch.simulation.sites import site_settings

# a line of a module that imports of this library; parsing the module for it would take ten times as long
IMPORT = re.compile(r"^[ \t]*from (myelosketch[\w.]*) import (\([^)]*\)|[^\n(]*)", re.MULTILINE)


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
    """Files of a named target that a simulated cohort alone has, or else an input function that refuses it."""

    def refuse(wildcards):
        raise WorkflowError(
            f"cohort.source is {config['cohort']['source']}; {target} measures the simulated cohort, whose truth "
            "is known: set cohort.source to simulate."
        )

    return files if IS_SIMULATED else refuse


def simulated_outputs(subject, group):
    """Every image and table that one participant's simulation writes, by name; the level decides which."""
    return (
        simulated_files(SIMULATED, subject, group, SIMULATION_LEVEL)
        | simulated_siblings(SIMULATED, subject, SIMULATION_LEVEL)
        | truth_files(SIMULATED, subject, group)
    )


def simulated_subjects(group):
    """Pattern of the simulated participants of a group, of all sites."""
    return f"{group}[A-Z]?[0-9]+"


def simulated_settings(wildcards):
    """Settings of the simulation at the site of a simulated participant."""
    return site_settings(SIMULATION_SETTINGS, SIMULATED_SITE[wildcards.subject])


def scan_input(name):
    """Input function: a file of the cohort table for the scan of the wildcards ([] where there is none)."""
    return lambda wildcards: INSPECTED[wildcards.scan][name] or []


def companion_input(name, kind):
    """Input function: a file that belongs to a raw series of the cohort table ([] where there is none)."""

    def companion(wildcards):
        path = INSPECTED[wildcards.scan][name]
        return companions(name, path)[kind] if path else []

    return companion


def inspected_files(wildcards):
    """Input function: every file of a part's scans, with the JSON beside an image where a user's data have one."""
    files = [
        path
        for scan in INSPECTED_PARTS[wildcards.part]
        for path in used_files(INSPECTED[scan], reference=config["maps"]["reference"]).values()
    ]
    sidecars = [str(sidecar_path(path)) for path in files]
    own = [path for path in sidecars if not IS_SIMULATED and Path(path).is_file()]
    return list(dict.fromkeys(files + own))


def inspected_state(scan):
    """What identifies the files of a user's scan as they are now; simulated ones are not there yet."""
    settings = {key: config[key] for key in ("units", "maps")}
    return "" if IS_SIMULATED else scan_state(INSPECTED[scan], **settings)


def dataset_root():
    """Folder of the user's dataset, out of which no link should lead."""
    if IS_SIMULATED:
        return None
    if config["cohort"]["source"] == "table":
        return str(Path(config["cohort"]["table"]).parent)
    return config["cohort"]["bids"]["dataset"]


def map_units(scan):
    """Unit of each map of a scan: as declared, or our own where the workflow derives the map itself."""
    row = INSPECTED[scan]
    return {
        name: config["units"][name] if row[name] else unit for name, unit in names.UNITS.items()
    }


def map_input(name):
    """Input function: a map as the cohort table gives it, or else as derived from raw images."""
    return lambda wildcards: (
        INSPECTED[wildcards.scan][name] or out(DERIVED[name], scan=wildcards.scan)
    )


def own_images(scan):
    """What the registration reads of a scan: its own images, or maps derived from them, None where there are none."""
    row = INSPECTED[scan]
    sidecar = sidecar_path(row["dwi"] or row["FA"])
    return {
        **{name: row[name] or out(DERIVED[name], scan=scan) for name in DERIVED},
        **{name: row[name] for name in ("T1w", "lesion_mask", "segmentation")},
        # lesions are drawn or found on it
        "FLAIR": row["FLAIR"] if scan in ON_FLAIR else None,
        # the mean of early frames, where the DVR is derived from a dynamic PET
        "pet_anatomy": None if row["DVR"] else out("pet_early", scan=scan),
        # names the phase encoding
        "dwi_json": str(sidecar) if DEFORMABLE and (IS_SIMULATED or sidecar.is_file()) else None,
    }


def train_controls(fold):
    """Training scans of a fold that are controls."""
    return [scan for scan in train_scans(fold) if GROUP[scan] == "HC"]


def network_settings(method, training=None):
    """The part of the configuration (or of a variant's training) that shapes one network method."""
    training = training or config["training"]
    return {key: training[key] for key in (*NETWORK_SETTINGS, method)}


def gpus_of_a_training(wildcards):
    """GPUs that a training asks for: one, or none where this machine has none and it would train on the CPU.

    Trainings that ask for none run side by side; those that do take turns on the one GPU (profiles/default).
    """
    device = config["training"]["device"]
    # the machines of a cluster cannot be looked at from here
    on_cpu = device == "auto" and workflow.local_exec and not has_gpu()
    return 0 if device == "cpu" or on_cpu else 1


def own_file(path):
    """Path of a file of the workflow: the same from every working directory, or relative to it if inside."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@cache  # a module is imported by many, and every job reads the rules
def imports_of(path):
    """Names of this library's modules that one of its files imports, wherever in it."""
    found = IMPORT.findall(path.read_text(encoding="utf-8"))
    return [
        name
        for module, imported in found
        for name in (module, *(f"{module}.{word}" for word in re.findall(r"\w+", imported)))
    ]


@cache
def file_digest(path):
    """SHA-256 of a module's source."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def library(*modules):
    """Hash of library modules and of all they import: as a parameter, so that an edit reruns the rules it concerns."""
    found, pending = set(), [f"myelosketch.{name}" for name in modules]
    while pending:
        path = LIBRARY.joinpath(*pending.pop().split(".")).with_suffix(".py")
        if path.is_file() and path not in found:
            found.add(path)
            pending += imports_of(path)
    together = "".join(file_digest(path) for path in sorted(found))
    return hashlib.sha256(together.encode()).hexdigest()[:16]
