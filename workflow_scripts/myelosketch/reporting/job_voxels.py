"""How many voxels a job works on, by the family of its rule."""

import functools
import math
import re
from pathlib import Path

from myelosketch import names
from myelosketch.provenance import read_json
from myelosketch.tables import read_table
from myelosketch.volumes import open_image

# what the rules of a family hold in memory: an image of the scan, those of a fold's training scans, or crops
PER_SCAN = {
    "T1w": (
        "simulate_participant",
        "simulate_control",
        "prepare_anatomy",
        "inspect_scans",
    ),
    "petref": (
        "register_scans",
        "label_scans",
        "pack_scans",
        "predict_scans",
        "score_scans",
        "measure_participant",
    ),
    "dwi": ("fit_tensor",),
    "mt_on": ("compute_mtr",),
    "pet": ("average_pet", "fit_dvr"),
}
# of a job that works on a part of the scans: where they are listed
RECORDS = {
    "inspect_scans": "cohort/intake/{part}.json",
    "prepare_anatomy": "registration/parts/{part}_anatomy.tsv",
    "register_scans": "registration/parts/{part}.tsv",
    "label_scans": "regions/{part}.tsv",
    "pack_scans": "regions/{part}.tsv",
    "predict_scans": "predictions/{part}.tsv",
    "score_scans": "regions/{part}.tsv",
}
PER_FOLD = {
    "petref of training scans": ("fit_ridge",),
    "petref of training controls": ("fit_template", "fit_threshold"),
}
PER_CROP = ("train_sketcher", "train_refiner", "train_comparison", "train_ablation")
OF_THE_RUN = "run"
UNKNOWN = (math.nan, math.nan)


def job_voxels(root, rule, job):
    """Family of a rule and the voxels of one of its jobs.

    Parameters
    ----------
    root : results folder
    rule : name of the rule
    job : what its benchmark is named after, such as ``sub-01/sub-01`` or ``fold-1_unet``

    Returns
    -------
    tuple : what the voxels are of (str); voxels held at a time; voxels worked through. The last two differ for a
        part of the scans (the largest image, and all of them) and for a training (crops of a step, and of all
        steps), and are missing (NaN) where the images are, or for a rule that
        works on tables.
    """
    for image, rules in PER_SCAN.items():
        if rule in rules:
            voxels = [_scan_voxels(str(root), scan, image) for scan in _scans(root, rule, job)]
            return image, max(voxels, default=math.nan), sum(voxels) if voxels else math.nan
    for per, rules in PER_FOLD.items():
        if rule in rules:
            voxels = _fold_voxels(str(root), _fold(job), controls=per.endswith("controls"))
            return per, voxels, voxels
    if rule in PER_CROP:
        return "crops of a step", *_crop_voxels(Path(root), rule, job)
    return OF_THE_RUN, *UNKNOWN


def _scans(root, rule, job):
    """Scans of a job: those of its part's record; of ``sub-01/sub-01``, and ``01`` of the simulation, one."""
    name = job.rsplit("/", 1)[-1]
    if rule not in RECORDS or name.startswith("sub-"):
        return [name if name.startswith("sub-") else names.scan_name(name)]
    record = Path(root) / RECORDS[rule].format(part=name)
    if not record.is_file():
        return []
    return [row["scan"] for row in read_json(record)] if record.suffix == ".json" else _listed(record)


def _listed(record):
    return list(read_table(record).scan.unique())


def _fold(job):
    """Number of the fold in ``fold-1``, ``1`` or ``variant_fold-1``."""
    return re.search(r"(?:^|fold-)(\d+)", job)[1]


@functools.cache
def _cohort(root):
    """The cohort table of the run by scan; empty where there is none."""
    path = Path(root) / "cohort/cohort.tsv"
    return read_table(path).set_index("scan").to_dict("index") if path.is_file() else {}


@functools.cache
def _scan_voxels(root, scan, image):
    """Voxels (with volumes) of an image of a scan; NaN where there is none."""
    given = _cohort(root).get(scan, {}).get(image)
    path = names.path(root, "dvr", scan=scan) if image == "petref" else given
    if not isinstance(path, str) or not Path(path).is_file():
        return math.nan
    return float(math.prod(open_image(path).shape))


def _fold_voxels(root, fold, *, controls):
    """Voxels of the PET grids of a fold's training scans, or of its controls alone."""
    path = Path(root) / "cohort/folds.tsv"
    folds = read_table(path).set_index("subject").fold.to_dict() if path.is_file() else {}
    training = [
        scan
        for scan, row in _cohort(root).items()
        if folds.get(row["subject"]) not in (None, fold, "0") and (row["group"] == "HC" or not controls)
    ]
    return sum(_scan_voxels(root, scan, "petref") for scan in training) if training else math.nan


def _crop_voxels(root, rule, job):
    """Voxels of the crops of one step, and of all steps, by the model's card."""
    fold = f"fold-{_fold(job)}"
    if rule == "train_ablation":  # <variant>_seed-<seed>_fold-<fold>_<method>
        variant, seed, method = re.fullmatch(r"(.+)_(seed-\d+)_fold-\d+_(\w+)", job).groups()
        folder = root / "ablations" / variant / seed / fold / method
    else:
        method = job.split("_", 1)[1] if rule == "train_comparison" else rule.removeprefix("train_")
        folder = root / "training" / fold / method
    if not (folder / "model.json").is_file():
        return UNKNOWN
    card = read_json(folder / "model.json")
    settings = card["settings"]
    if settings["crop"] is None:  # whole volumes, which differ in size
        return UNKNOWN
    step = float(math.prod(settings["crop"]) * settings["batch"])
    return step, step * settings["steps_per_epoch"] * card["epochs"]
