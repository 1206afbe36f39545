"""A new scan for tests of its page: maps of a small head with lesions, and the numbers that belong to them."""

import numpy as np

from myelosketch.evaluation.lesions import label_lesions, size_class
from myelosketch.io.provenance import write_json
from myelosketch.io.volumes import save_volume

SHAPE = (36, 44, 32)
VOXEL = 4.0
AFFINE = np.array([[VOXEL, 0, 0, -70.0], [0, VOXEL, 0, -90.0], [0, 0, VOXEL, -50.0], [0, 0, 0, 1.0]])
HEALTHY = {"mean": 1.27, "sd": 0.1, "threshold": 1.17, "k": 1.0, "n_voxels": 90000, "n_controls": 10}
ACCEPT = "prediction: {accept: {sub-01: [range]}}"
MAPS = ("mtr", "fa", "rd", "ad", "regions", "predicted", "expected_error", "demyelinated")
LESIONS = ((np.s_[12:17, 20:25, 18:21]), (np.s_[20:23, 22:25, 14:16]), (np.s_[13:15, 15:17, 22:23]))


def head(lesions=LESIONS, seed=0):
    """Maps by key: arrays (x, y, z)."""
    rng = np.random.default_rng(seed)
    place = (np.indices(SHAPE).T - (np.array(SHAPE) - 1) / 2).T / (np.array(SHAPE)[:, None, None, None] / 2)
    radius = np.sqrt((place**2).sum(axis=0))
    regions = np.where(radius < 0.9, 1, 0) + (radius < 0.7)
    level = {0: (0, 0, 0, 0, 0), 1: (30, 0.15, 0.8, 1.0, 1.0), 2: (41, 0.45, 0.55, 1.2, 1.26)}
    level[3] = (32, 0.3, 0.9, 1.35, 1.08)
    for box in lesions:
        regions[box] = 3
    noise = (1.0, 0.05, 0.05, 0.05, 0.06)
    maps = {
        name: (np.array([level[code][n] for code in range(4)])[regions] + rng.normal(0, noise[n], SHAPE))
        * (regions > 0)
        for n, name in enumerate(("mtr", "fa", "rd", "ad", "predicted"))
    }
    maps["expected_error"] = np.abs(rng.normal(0.06, 0.02, SHAPE)) * (regions > 0)
    maps["demyelinated"] = (regions == 3) & (maps["predicted"] < HEALTHY["threshold"])
    return maps | {"regions": regions}


def numbers_of(maps, *, voxel_volume=VOXEL**3, **changes):
    """Return ``numbers`` for the maps of :func:`head`; ``changes`` replace entries."""
    regions, dvr = maps["regions"], maps["predicted"]
    numbers, volumes = label_lesions(regions == 3, voxel_volume=voxel_volume)
    lesions = []
    for number, volume in enumerate(volumes, start=1):
        inside = numbers == number
        mean = dvr[inside].mean()
        share = 100 * maps["demyelinated"][inside].mean()
        lesions.append(
            {"lesion": number, "volume_mm3": volume, "size": size_class(volume, [100, 300, 1000]), "mean_dvr": mean}
            | {"low": mean - 0.09, "high": mean + 0.09, "level": 0.9, "pct_demyelinated": share}
        )  # fmt: skip

    def region(code):
        inside = regions == code
        if not inside.any():
            return None
        mean = dvr[inside].mean()
        found = {"mean_dvr": mean, "low": mean - 0.05, "high": mean + 0.05, "level": 0.9, "note": ""}
        return found | {"volume_ml": inside.sum() * voxel_volume / 1000}

    share = None
    if (regions == 3).any():
        value = 100 * maps["demyelinated"][regions == 3].mean()
        share = {
            "value": value,
            "low": max(value - 15, 0),
            "high": min(value + 15, 100),
            "level": 0.9,
            "note": "",
        }
    return {
        "scan": "sub-01", "group": "MS", "site": None, "verdict": "ok", "reasons": [], "lesion_source": "mask",
        "n_lesions": len(volumes), "lesion_volume_ml": volumes.sum() / 1000,
        "n_lesion_voxels": int((regions == 3).sum()), "healthy": HEALTHY, "pct_demyelinated": share,
        "regions": {"white_matter": region(2), "other": region(1), "lesions": region(3)}, "lesions": lesions,
        "range": [
            {"map": name, "feature": feature, "value": 1.02 * scale, "expected": scale, "low": 0.9 * scale,
             "high": 1.1 * scale, "z": 0.4, "verdict": "ok", "reason": ""}
            for name, scale in (("MTR", 41.0), ("FA", 0.45), ("RD", 0.55), ("AD", 1.2))
            for feature in ("level", "other", "spread", "noise", "coverage")
        ],
        "quality": [
            {"modality": modality, "verdict": "ok", "reason": None, "coverage": 1.0, "overlap": 0.95, "nmi": 1.201,
             "border_contrast": 1.8, "border_shift_mm": 0.4, "inverse_mm": 0.31, "repeat_mm": 0.2,
             "repeat_max_mm": 0.6, "stretch_mm": 0.3}
            for modality in ("dwi", "MTR")
        ],
        "model": model(), "voxel_mm": [VOXEL] * 3, "harmonised": None,
    } | changes  # fmt: skip


def model(**changes):
    """Facts about a model whose errors are smaller than the trivial baseline's."""
    columns = {"lesion_mae": (0.062, 0.13), "lesion_bias": (-0.004, 0.11), "lesion_mean_r": (0.61, None),
               "pct_abs_error": (9.4, 61.0), "dice": (0.82, 0.02), "trivial_dice": (0.78, 0.78),
               "mcc": (0.27, 0.0)}  # fmt: skip
    scores = [
        {"method": method, "metric": metric, "mean": means[place], "n": 18}
        | {"ci_low": means[place] and means[place] - 0.01, "ci_high": means[place] and means[place] + 0.01}
        for metric, means in columns.items()
        for place, method in enumerate(("refiner", "template"))
    ]
    return {
        "sha256": "0123456789abcdef" * 4, "method": "refiner", "simulated": False, "n_patients": 18, "n_controls": 10,
        "voxel_mm": [2.0, 2.0, 2.0], "scores": scores, "software": {"myelosketch": "0.1.0"}, "commit": "c0ffee" * 6,
    } | changes  # fmt: skip


def withheld(numbers):
    """The same scan with all numbers withheld."""
    return numbers | {
        "verdict": "withheld", "pct_demyelinated": None, "lesions": [],
        "regions": {
            name: {"volume_ml": found["volume_ml"], "mean_dvr": None}
            for name, found in numbers["regions"].items()
        },
        "reasons": [f"MTR is 10 times that of the training scans; if this is correct, accept it by {ACCEPT}"],
    }  # fmt: skip


def write_new_scan(folder, maps, numbers, *, keys=MAPS, affine=AFFINE):
    """Write maps and numbers; paths by key, as the page takes them."""
    files = {key: folder / f"{key}.nii.gz" for key in keys}
    for key, path in files.items():
        kind = np.uint8 if key in ("regions", "demyelinated") else np.float32
        save_volume(path, maps[key].astype(kind), affine)
    write_json(folder / "numbers.json", numbers)
    return files | {"numbers": folder / "numbers.json"}
