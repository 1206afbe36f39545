"""Where files lie: the functions that rules ask for their inputs, outputs and the library's modules."""

from myelosketch.cohort.table import companions, used_files
from myelosketch.modules import hash_of as library
from myelosketch.provenance import sidecar_path
from myelosketch.simulation.cohort import (
    dataset_files,
    simulated_siblings,
    truth_file,
    truth_files,
)
from myelosketch.simulation.sites import site_settings


def train_scans(fold):
    """Scans that the models of a fold learn from."""
    return [scan for scan in INTERNAL if FOLD[scan] != int(fold)]


def derivative(key, scan=None, **entities):
    """Path of a derivative of a scan, or without one its pattern, with the wildcards {folder} and {scan}."""
    if scan:
        return names.path(RESULTS, key, scan=scan, **entities)
    pattern = f"{RESULTS}/{names.pattern(key)}"
    return pattern.replace("{method}", entities["method"]) if entities else pattern


def derivatives(*keys):
    """Patterns of some derivatives of a scan, by key."""
    return {key: derivative(key) for key in keys}


def beside(paths):
    """What is written beside some derivatives: JSON sidecars, and transforms as text."""
    return [other for path in paths for other in names.written_beside(path)]


def of_scans(scans, *keys):
    """Derivatives of some scans, by key one path per scan."""
    return {key: [derivative(key, scan) for scan in scans] for key in keys}


def all_of(scans, *keys):
    """Derivatives of some scans in one list; those that each method has, of all methods."""
    methods = {"predicted": METHODS, "demyelinated": ["pet", *METHODS]}
    return [
        derivative(key, scan, **entities)
        for scan in scans
        for key in keys
        for entities in ([{"method": name} for name in methods[key]] if key in methods else [{}])
    ]


def truth(scan, which):
    """Path of a simulated scan's truth."""
    return truth_file(SIMULATED, names.subject_of(scan), which)


def truth_input(which):
    """Input function: one file of a simulated scan's truth ([] where it has none)."""
    return lambda wildcards: truth_files(
        SIMULATED, names.subject_of(wildcards.scan), GROUP[wildcards.scan]
    ).get(which, [])


def simulated_outputs(subject, group):
    """Every image and table that one participant's simulation writes, by name; the level decides which."""
    return (
        simulated_files(SIMULATED, subject, group, SIMULATION_LEVEL)
        | simulated_siblings(SIMULATED, subject, SIMULATION_LEVEL)
        | truth_files(SIMULATED, subject, group)
    )


def simulated_beside(subject, group):
    """The JSON sidecars of a participant's simulated images that are no inputs of their own."""
    outputs = simulated_outputs(subject, group).values()
    return [path for path in beside(outputs) if path not in outputs]


def simulated_subjects(group):
    """Pattern of the simulated participants of a group, of all sites."""
    return f"{group}[A-Z]?[0-9]+"


def simulated_settings(wildcards):
    """Settings of the simulation at the site of a simulated participant."""
    return site_settings(SIMULATION_SETTINGS, SIMULATED_SITE[wildcards.subject])


def scan_input(name):
    """Input function: a file of the cohort table for the scan of the wildcards ([] where there is none)."""
    return lambda wildcards: ROWS[wildcards.scan][name] or []


def companion_input(name, kind):
    """Input function: a file that belongs to a raw series of the cohort table ([] where there is none)."""

    def companion(wildcards):
        path = ROWS[wildcards.scan][name]
        return companions(name, path)[kind] if path else []

    return companion


def inspected_files(wildcards):
    """Input function: every file of a scan, with the JSON beside an image where a user's data have one."""
    files = list(used_files(ROWS[wildcards.scan], reference=config["maps"]["reference"]).values())
    sidecars = [str(sidecar_path(path)) for path in files]
    own = [path for path in sidecars if not IS_SIMULATED and Path(path).is_file()]
    return list(dict.fromkeys(files + own))


def dataset_root():
    """Folder of the user's dataset, out of which no link should lead."""
    if IS_SIMULATED:
        return None
    if config["cohort"]["source"] == "table":
        return str(Path(config["cohort"]["table"]).parent)
    return config["cohort"]["bids"]["dataset"]


def map_units(scan):
    """Unit of each map of a scan: as declared, or our own where the workflow derives the map itself."""
    row = ROWS[scan]
    return {
        name: config["units"][name] if row[name] else unit for name, unit in names.UNITS.items()
    }


def map_input(name):
    """Input function: a map as the cohort table gives it, or else as derived from raw images."""
    return lambda wildcards: (
        ROWS[wildcards.scan][name] or derivative(DERIVED[name], wildcards.scan)
    )


def flair_input(wildcards):
    """Input function: the FLAIR of a scan whose lesions are drawn, or found, on it."""
    return ROWS[wildcards.scan]["FLAIR"] if wildcards.scan in ON_FLAIR else []


def pet_anatomy_input(wildcards):
    """Input function: the mean of early frames, where the DVR is derived from a dynamic PET."""
    return [] if ROWS[wildcards.scan]["DVR"] else derivative("pet_early", wildcards.scan)


def phase_encoding_input(wildcards):
    """Input function: the JSON that names the phase encoding of a scan's diffusion images, where it is needed."""
    row = ROWS[wildcards.scan]
    sidecar = sidecar_path(row["dwi"] or row["FA"])
    return str(sidecar) if DEFORMABLE and (IS_SIMULATED or sidecar.is_file()) else []


def flair_transform_input(wildcards):
    """Input function: the transform of the FLAIR, where there is one."""
    return derivative("xfm_flair_to_t1w", wildcards.scan) if wildcards.scan in ON_FLAIR else []


def control_files(wildcards):
    """Input function: the files of a fold's training controls, each kind as one list."""
    keys = ("dvr", "regions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")
    return of_scans(train_controls(wildcards.fold), *keys)


def files_to_pack(wildcards):
    """Input function: what a training reads of the scans that a fold holds out, each kind as one list."""
    return of_scans(held_out(wildcards.fold), *TRAINING_FILES)


def held_out(fold):
    """Scans that a fold holds out."""
    return [scan for scan in SCANS if FOLD[scan] == int(fold)]


def training_packs(wildcards):
    """Input function: packs of the folds that a fold's models learn from; of no scan that it holds out."""
    return [PACK.format(fold=fold) for fold in CROSS_VALIDATION if fold != int(wildcards.fold)]


def train_controls(fold):
    """Training scans of a fold that are controls."""
    return [scan for scan in train_scans(fold) if GROUP[scan] == "HC"]


def own_file(path):
    """Path of a file of the workflow: the same from every working directory, or relative to it if inside."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def checks_of(scans, kind):
    """Numbers (json) or pictures (png) of the registration of some scans."""
    return [f"{CHECK}.{kind}".format(folder=names.folder_of(scan), scan=scan) for scan in scans]


def only(scans):
    """Wildcard constraint that some scans match; of none, one that nothing matches."""
    return "|".join(scans) or "(?!)"


def reference_input(wildcards):
    """Input function: healthy white matter as the fold that holds a scan out knows it."""
    return {key: path.format(fold=FOLD[wildcards.scan]) for key, path in REFERENCE.items()}


def truth_of(wildcards):
    """Input function: of a simulated scan's truth its ceilings and, of a patient, its lesions."""
    if not IS_SIMULATED:
        return {}
    known = truth_files(SIMULATED, names.subject_of(wildcards.scan), GROUP[wildcards.scan])
    return {key: known[key] for key in (*CEILINGS, *LESION_TRUTH) if key in known}


def scores_of(scans):
    """Scores of some scans."""
    return [SCORES.format(folder=names.folder_of(scan), scan=scan) for scan in scans]
