"""Paths of files: functions for the inputs, outputs and library modules of the rules."""

from myelosketch.learning.data import TRAINING_FILES
from myelosketch.modules import hash_of as library
from myelosketch.io.derivatives import dataset_files

# training data of a fold, and its models
PACK = f"{RESULTS}/training/scans/fold-{{fold}}.safetensors"
MODEL_FOLDER = f"{RESULTS}/training/fold-{{fold}}"
# healthy white matter of a fold's training controls: one mean and SD, and maps of both in MNI152 space
REFERENCE = {
    "threshold": f"{MODEL_FOLDER}/threshold.json",
    "reference_mean": f"{MODEL_FOLDER}/white-matter_mean.nii.gz",
    "reference_sd": f"{MODEL_FOLDER}/white-matter_sd.nii.gz",
}
# numbers and picture of the registration of a scan, and all its scores
CHECK = f"{RESULTS}/registration/scans/{{folder}}/{{scan}}"
SCORES = f"{RESULTS}/evaluation/scans/{{folder}}/{{scan}}.json"
# description of the model of new scans; nothing expensive starts before it is read
MODEL_FACTS = f"{RESULTS}/prediction/model.json" if PREDICTS else []
# held-out predictions of the model's training, on which its intervals are calibrated
RESIDUALS = f"{RESULTS}/prediction/residuals.tsv"
# description of a run's cohort, and the intake of each scan
COHORT_TABLES = expand(
    f"{RESULTS}/cohort/{{file}}",
    file=[
        "config.json",
        "cohort.tsv",
        "cohort.json",
        "excluded.tsv",
        "folds.tsv",
        "intake.tsv",
        "intake.html",
        "admitted.tsv",
    ],
)
INSPECTION = f"{RESULTS}/cohort/intake/{{scan}}.json"
# tables and pages over all scans, of their registration and of their regions
QUALITY = [f"{RESULTS}/registration/{file}" for file in ("qc.tsv", "qc.html", "admitted.tsv")]
REGISTRATION_ERROR = [f"{RESULTS}/evaluation/registration_error.tsv"] if IS_SIMULATED else []
REGION_VOLUMES = f"{RESULTS}/evaluation/region_volumes.tsv"
# the nonlinear warp of the template to the head, if there is one
WARP_MNI = ["warp_mni"] if config["tissue"]["template"] == "syn" else []
# written once, before anything else, when a copy of results is redone; it is next to Snakemake's metadata: a copy
# without the metadata does not have this file either, so that everything is redone, whatever the times of its files
OPENED = ".snakemake/archive.json" if ARCHIVE else []
# path of a map that the cohort's table does not give
DERIVED = names.derived_maps(config["maps"]["dvr_model"])


def own_file(path):
    """Path of a file of the workflow: the same from every working directory, or relative to it if inside."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def templates(*pages):
    """Templates of some pages, list of paths."""
    folder = LIBRARY / "myelosketch/reporting/pages"
    return [own_file(folder / f"{page}.html.j2") for page in pages]


def only(scans):
    """Wildcard constraint that matches some scans; without scans, one that matches nothing."""
    return "|".join(scans) or "(?!)"


# derivatives


def derivative(key, scan=None, **entities):
    """Path of a derivative of a scan, or without a scan its pattern, with the wildcards {folder} and {scan}."""
    if scan:
        return names.path(RESULTS, key, scan=scan, **entities)
    pattern = f"{RESULTS}/{names.pattern(key)}"
    return pattern.replace("{method}", entities["method"]) if entities else pattern


def measured_dvr_input(wildcards):
    """Input function: the measured DVR of a scan on petref; none of a scan without PET."""
    return [] if wildcards.scan in COHORT.without_pet else derivative("dvr", wildcards.scan)


def derivatives(*keys):
    """Patterns of some derivatives of a scan, by key."""
    return {key: derivative(key) for key in keys}


def by_method(key, methods):
    """Patterns of a derivative that each method has, by method."""
    return {method: derivative(key, method=method) for method in methods}


def beside(paths):
    """Files written beside some derivatives: JSON sidecars, and transforms as text."""
    return [other for path in paths for other in names.written_beside(path)]


# description of the derivatives as a dataset, and of the simulated dataset that they may come from
DESCRIPTION = dataset_files(RESULTS)
DESCRIBED = [*DESCRIPTION.values(), *(DATASET.dataset_files.values() if IS_SIMULATED else [])]
DESCRIBED = [] if ARCHIVE else DESCRIBED


def source_description():
    """The dataset_description.json of the dataset that the images come from, [] if it has none."""
    if IS_SIMULATED:
        return DATASET.dataset_files["description"]
    if config["cohort"]["source"] != "bids":
        return []
    path = Path(config["cohort"]["bids"]["dataset"]) / "dataset_description.json"
    return str(path) if path.is_file() else []


# the DVR map of a scan by every method
PREDICTED = by_method("predicted", METHODS)


def of_scans(scans, *keys):
    """Derivatives of some scans, by key one path per scan."""
    return {key: [derivative(key, scan) for scan in scans] for key in keys}


def all_of(scans, *keys):
    """Derivatives of some scans in one list; for derivatives of methods, those of all methods."""
    methods = {"predicted": METHODS, "demyelinated": ["pet", *METHODS]}
    return [
        derivative(key, scan, **entities)
        for scan in scans
        for key in keys
        for entities in ([{"method": name} for name in methods[key]] if key in methods else [{}])
    ]


def checks_of(scans, kind):
    """Numbers (json) or pictures (png) of the registration of some scans."""
    return [f"{CHECK}.{kind}".format(folder=names.folder_of(scan), scan=scan) for scan in scans]


def scores_of(scans):
    """Scores of some scans."""
    return [SCORES.format(folder=names.folder_of(scan), scan=scan) for scan in scans]


# the simulated cohort's truth


def truth_of(wildcards):
    """Input function: from a simulated scan's truth, its ceilings and, for a patient, its lesions."""
    if not CEILINGS:
        return {}
    known = DATASET.truth(wildcards.scan)
    lesions = ("lesions", "lesion_table") if COHORT.group[wildcards.scan] == "MS" else ()
    return {key: known[key] for key in (*CEILINGS, "poses", *lesions)}


# folds and models


def control_files(wildcards):
    """Input function: the files of a fold's training controls, each kind as one list."""
    keys = ("dvr", "regions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")
    return of_scans(COHORT.train_controls(wildcards.fold), *keys)


def files_to_pack(wildcards):
    """Input function: training data of the scans that a fold holds out, each kind as one list."""
    return of_scans(COHORT.held_out(wildcards.fold), *TRAINING_FILES)


def training_packs(wildcards):
    """Input function: packs of the other folds, on which a fold's models are trained; no scan that it holds out."""
    return [
        PACK.format(fold=fold) for fold in COHORT.cross_validation if fold != int(wildcards.fold)
    ]


def sketcher_of(wildcards):
    """Input function: weights and card of the frozen sketcher that a refiner starts from (Eq. 3)."""
    if wildcards.method != "refiner":
        return []
    return expand(
        f"{MODEL_FOLDER}/sketcher/model.{{kind}}",
        fold=wildcards.fold,
        kind=("safetensors", "json"),
    )


def pretrained_of(wildcards):
    """Input function: weights and card of the user's own pretrained network, for the method transfer."""
    return PRETRAINED_FILES if wildcards.method == TRANSFER else []


def models_of(kind, methods):
    """Input function: weights (safetensors) or cards (json) of the models of the fold that holds a scan out."""
    return lambda wildcards: expand(
        f"{MODEL_FOLDER}/{{method}}/model.{kind}",
        fold=COHORT.fold[wildcards.scan],
        method=methods,
    )


def reference_input(wildcards):
    """Input function: healthy white matter of the fold that holds a scan out."""
    return {key: path.format(fold=COHORT.fold[wildcards.scan]) for key, path in REFERENCE.items()}


# tables over all scans


def scan_tables(wildcards):
    """Input function: tables whose rows of a scan are joined into one; scores of external sites beside the others."""
    folders = ["", "external/"] if COHORT.measured_external else [""]
    scores = ("regions", "demyelination", "voxelwise", "lesions")
    return {
        "cohort": f"{RESULTS}/cohort/cohort.tsv",
        "folds": f"{RESULTS}/cohort/folds.tsv",
        "quality": QUALITY[0],
        "volumes": REGION_VOLUMES,
        **{
            table: [f"{RESULTS}/evaluation/{folder}{table}.tsv" for folder in folders]
            for table in scores
        },
    }
