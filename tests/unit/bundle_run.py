"""The parts of a finished run that a model bundle needs: models of two folds, images, tables of the evaluation."""

import hashlib
import json
import zipfile

import numpy as np
import pandas as pd

from myelosketch.io.provenance import read_json, write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.learning.models import save_model, split_card
from myelosketch.prediction.bundle_plan import IMAGES, SOURCE_TABLES
from myelosketch.prediction.bundling import pack, write_bundle

# scans and groups; one control was scanned twice
SCANS = {
    "sub-Meier7": "MS",
    "sub-Okafor3": "MS",
    "sub-Lund5": "MS",
    "sub-Ito2_ses-baseline": "HC",
    "sub-Ito2_ses-later": "HC",
    "sub-Rossi9": "HC",
}
SUBJECTS = {scan: scan.removeprefix("sub-").split("_")[0] for scan in SCANS}
FOLDS = (1, 2)
MODELS = ("sketcher", "refiner")
SHAPE = (6, 7, 5)
RANGES = {"MTR": [12.0, 55.0], "FA": [0.0, 0.9], "RD": [0.1, 3.1], "AD": [0.3, 3.4], "DVR": [0.2, 2.1]}
NORMALISATION = {
    "maps": {name: {"mean": 1.0, "sd": 0.5} for name in ("MTR", "FA", "RD", "AD")},
    "dvr": {"mean": 1.1, "sd": 0.2},
}
FACTS = {
    "method": "refiner",
    "simulated": True,
    "n_patients": 3,
    "n_controls": 2,
    "pet_fwhm_mm": 0.0,
    "settings": {
        "k": 1.0,
        "alpha": 0.05,
        "min_lesion_mm3": 100,
        "lesion_sizes_mm3": [300, 1000],
        "flips": True,
        "regions": {"threshold": 0.5, "perilesional_mm": 3.0, "white_erosion_mm": 0.0},
    },
}
LEVELS = {"MTR": 40.0, "FA": 0.45, "RD": 0.55, "AD": 1.1}


class Run:
    """A run in a folder whose name must not appear in the bundle."""

    def __init__(self, folder):
        self.folder = folder / "charite_study" / "results"
        self.models = {
            (fold, method): self.folder / f"training/fold-{fold}/{method}"
            for fold in FOLDS
            for method in MODELS
        }
        for fold in FOLDS:
            sketcher = self.write_model(fold, "sketcher")
            self.write_model(fold, "refiner", sketcher_sha256=sketcher["weights_sha256"])
        self.images = {key: [] for key in IMAGES}
        self.inspections = [self.folder / f"cohort/intake/{scan}.json" for scan in SCANS]
        for path in self.inspections:
            write_json(path, {"files": [{"input": "MTR", "voxel_mm": [1.0, 1.0, 2.0]}]})
        for place, (scan, group) in enumerate(SCANS.items()):
            self.write_images(scan, group, place)
        self.tables = {name: self.folder / f"evaluation/{name}.tsv" for name in SOURCE_TABLES}
        for name, table in score_tables().items():
            write_table(table, self.tables[name])

    def write_model(self, fold, method, **entries):
        """One model with distinct weights. Its card names scans, like that of a training."""
        generator = np.random.default_rng(10 * fold + MODELS.index(method))
        tensors = {
            "up.weight": generator.normal(size=(4, 3, 3)).astype(np.float32),
            "bias": np.zeros(4, np.float32),
        }
        card = {
            "method": method,
            "fold": fold,
            "settings": {"epochs": 5, "lambda_l1": 100.0},
            "normalisation": NORMALISATION,
            "value_ranges": RANGES,
            "split": split_card(list(SCANS)[:4], list(SCANS)[4:5]),
            "validation": {"participants_share": 0.2},
            "data_sha256": "d" * 64,
            "checkpoint": str(self.folder / "training/fold-1/refiner/checkpoints/last.ckpt"),
            "seed": 2018,
            **entries,
        }
        return save_model(self.models[fold, method], tensors, card)

    def write_images(self, scan, group, place):
        """Maps of known levels, with white matter in the middle; voxels of 2 mm, in one scan of 3."""
        affine = np.diag([3.0 if place == 0 else 2.0, 2.0, 2.5, 1.0])
        regions = np.ones(SHAPE, np.uint8)
        regions[1:4, 1:4, 1:4] = 2
        if group == "MS":
            regions[4, 4, 2:4] = 3
        noise = 1 + 0.05 * np.random.default_rng(place).standard_normal(SHAPE)
        data = {name.lower(): (level + 0.01 * place) * noise for name, level in LEVELS.items()}
        data["dvr"] = np.where(regions == 2, 1.2 + 0.1 * place, 1.0)
        data["dvr"][2, 2, 2] = np.nan  # outside the scanner's field of view
        for key in IMAGES:
            self.images[key].append(self.folder / f"derivatives/{scan}/{scan}_{key}.nii.gz")
            save_volume(self.images[key][-1], regions if key == "regions" else data[key], affine)

    def bundle(self, output=None, **changes):
        """Path of the written bundle; the arguments of `write_bundle` may be changed."""
        output = output or self.folder / "model.zip"
        arguments = {"models": self.models, "tables": self.tables, "images": self.images}
        arguments |= {"inspections": self.inspections, "groups": list(SCANS.values()), "facts": FACTS}
        write_bundle(output, **(arguments | changes))
        return output

    def change_card(self, fold, method, **entries):
        path = self.models[fold, method] / "model.json"
        path.write_text(json.dumps({**read_json(path), **entries}))


def score_tables():
    """Tables of the evaluation for refiner and template, with different numbers for each participant."""
    rows = {name: [] for name in SOURCE_TABLES}
    for method in ("template", "refiner"):
        worse = 2 if method == "template" else 1
        for place, (scan, group) in enumerate(SCANS.items()):
            who = {"method": method, "scan": scan, "subject": SUBJECTS[scan], "fold": 1 + place % 2}
            for region in ("brain", "lesion", "nawm", "other"):
                if region == "lesion" and group == "HC":
                    continue
                means = {"mean_dvr_true": 1.2 + 0.01 * place, "mean_dvr_pred": 1.2 + 0.02 * place * worse}
                rows["regions"].append({**who, "region": region, "group": group, **means, "n_voxels": 20})
                for error, centre in ((0.05 * worse, 1.175), (0.01 * place * worse, 1.225)):
                    rows["calibration"].append(
                        {
                            **who,
                            "region": region,
                            "dvr_pred": centre,
                            "mean_true": 1.2,
                            "mean_abs_error": error,
                        }
                        | {"n_voxels": 30 if scan.endswith("later") else 10}
                    )
            if group == "MS":
                for lesion in (1, 2):
                    means = {
                        "mean_dvr_true": 1.0 + 0.01 * place,
                        "mean_dvr_pred": 1.1,
                        "pct_true": 70,
                        "pct_pred": 60,
                    }
                    facts = {"lesion": lesion, "volume_mm3": 400 / lesion, "size": "300-1000 mm3"}
                    rows["lesions"].append({**who, **facts, **means, "place": "deep", "kind": None})
                for k in (0.5, 1.0):
                    rows["demyelination"].append(
                        {
                            **who,
                            "k": k,
                            "n_lesion_voxels": 40,
                            "pct_true": 60 + place,
                            "pct_pred": 50 + 10 * k,
                        }
                    )
        for metric, k, mean in (
            ("lesion_mae", None, 0.1),
            ("dice", 0.5, 0.5),
            ("dice", 1.0, 0.7),
            ("mcc", 1.0, None),
        ):
            spread = {"ci_low": None, "ci_high": None}
            if mean:
                spread = {"ci_low": mean * worse - 0.02, "ci_high": mean * worse + 0.03}
            row = {
                "method": method,
                "metric": metric,
                "k": k,
                "mean": mean and mean * worse,
                **spread,
                "n": 3,
            }
            rows["summary"].append(row | {"diff_to_refiner": None, "note": "no value in 1 of 3 subjects"})
    return {name: pd.DataFrame(table) for name, table in rows.items()}


def unpacked(path):
    """Every file of a bundle, dict of bytes."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(path, files, /, **entries):
    """Write a bundle with changed files and manifest entries, but with a correct checksum."""
    manifest = json.loads(files["bundle.json"]) | entries
    path.write_bytes(pack(files | {"bundle.json": json.dumps(manifest).encode()}))
    return path


def signed(content):
    """Bytes of a zip with the right checksum as its comment."""
    return bytes(content) + f"sha256:{hashlib.sha256(content).hexdigest()}".encode()
