"""A scan with predictions on disk, for tests that score it as a whole."""

import numpy as np
from evaluation_files import write_tissues, write_transform

from myelosketch.evaluation.scoring import TABLES, score_scan
from myelosketch.evaluation.summary import read_scores
from myelosketch.io.provenance import write_json
from myelosketch.io.volumes import save_volume

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
SHAPE = (14, 14, 14)
MEAN, SD = 1.27, 0.1
SETTINGS = {
    "k": 1.0,
    "ks": [0.5, 2.0],
    "dvr_range": (0, 2),
    "min_lesion_mm3": 0,
    "reference": "pooled",
    "lesion_sizes_mm3": [100],
    "periventricular_mm": 3.0,
    "juxtacortical_mm": 1.5,
    "sensitivity": {"perilesional_mm": [0.0, 3.0], "min_lesion_mm3": [50]},
    "regions": {"threshold": 0.5, "white_erosion_mm": 0.0},
}


class Scan:
    """A scan on disk with two lesions, a measured DVR and predictions by name."""

    def __init__(self, folder, seed=0):
        self.folder = folder
        generator = np.random.default_rng(seed)
        self.labels = np.zeros(SHAPE, np.uint8)
        self.labels[1:-1, 1:-1, 1:-1] = 1
        self.labels[3:11, 3:11, 3:11] = 2
        self.labels[4:7, 4:7, 4:7] = 3
        self.labels[9, 9, 9] = 3
        self.lesion = self.labels == 3
        self.measured = generator.normal(1.27, 0.05, SHAPE)
        self.measured[self.lesion] = generator.normal(1.12, 0.1, self.lesion.sum())
        self.predictions = {}
        self.dvr = self.write("dvr", self.measured)
        self.regions = self.write("regions", self.labels)
        self.write("ad", np.ones(SHAPE))
        self.threshold = folder / "threshold.json"
        write_json(self.threshold, {"fold": 1, "mean": MEAN, "sd": SD, "note": None})
        self.truth = {}
        self.write_anatomy()
        self.tables = {name: folder / f"{name}.tsv" for name in TABLES}
        self.masks = {}

    def write_anatomy(self):
        """Fractions, a template without places, transforms, and a voxelwise reference like the pooled one."""
        white = np.isin(self.labels, (2, 3))
        tissues = {"brain": self.labels > 0, "white": white, "lesion": self.lesion, "grey": self.labels == 1}
        write_tissues(self.folder / "fractions.nii.gz", AFFINE, **tissues)
        self.write("places", np.zeros(SHAPE, np.uint8))
        write_transform(self.folder / "xfm.mat")
        self.write("reference_mean", np.full(SHAPE, MEAN))
        self.write("reference_sd", np.full(SHAPE, SD))

    def files(self):
        names_ = ("ad", "fractions", "places", "reference_mean", "reference_sd")
        files = {name: self.folder / f"{name}.nii.gz" for name in names_}
        files |= dict.fromkeys(("xfm_t1w_to_petref", "xfm_t1w_to_mni"), self.folder / "xfm.mat")
        return files | {"dvr": self.dvr, "regions": self.regions, "threshold": self.threshold} | self.truth

    def write(self, name, data, affine=AFFINE):
        save_volume(self.folder / f"{name}.nii.gz", data, affine)
        return str(self.folder / f"{name}.nii.gz")

    def add(self, method, data, affine=AFFINE):
        self.predictions[method] = self.write(method, data, affine)
        self.masks[method] = self.folder / f"{method}_mask.nii.gz"

    def score(self, *, group="MS", fold=1, scan="sub-01", **changes):
        masks = {"pet": self.folder / "pet_mask.nii.gz"} | self.masks
        people = {"scan": scan, "subject": scan.removeprefix("sub-"), "group": group, "fold": fold}
        settings = SETTINGS | changes
        score_scan(self.files(), self.predictions, self.tables, masks, settings=settings, **people)
        return {name: read_scores(path) for name, path in self.tables.items()}
