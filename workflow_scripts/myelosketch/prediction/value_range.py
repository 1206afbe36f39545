"""Comparison of the maps of a new scan with the training scans: a few numbers per map, with limits (our choice)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS
from myelosketch.prediction.range_reasons import add_reasons

# map -> feature -> number
Description = dict[str, dict[str, float | None]]

# map -> source columns of the cohort table
FILES = {"MTR": ("MTR", "mt_off"), **{name: (name, "dwi") for name in ("FA", "RD", "AD")}}
# name of the PET grid among the maps
GRID = "petref"
# feature -> smallest standard deviation between scans, as a share of the mean; smaller differences do not matter even
# if the training scans are similar
FEATURES = {"level": 0.025, "other": 0.025, "spread": 0.1, "noise": 0.12, "coverage": 0.02, "voxel_mm": 0.1}
# chance that a correct scan has any row beyond the limits of a verdict, if the numbers are normally distributed
ALPHA = {"unusual": 0.05, "out_of_range": 0.001}
VERDICTS = ("ok", *ALPHA)
FEWEST_SCANS = 3
SD_PER_MAD = 1.4826


def describe_maps(
    maps: Mapping[str, np.ndarray],
    white_matter: np.ndarray,
    voxel_mm: Sequence[float],
    *,
    native: Mapping[str, Sequence[float]] | None = None,
) -> Description:
    """Return numbers of a scan's maps that distinguish a wrong map or another scanner from the training scans.

    Parameters
    ----------
    maps : dict, MTR, FA, RD and AD as arrays (x, y, z) on petref; 0 where a map has no value
    white_matter : bool array (x, y, z), white matter outside lesions
    voxel_mm : sides of petref's voxels, (3,), mm
    native : dict, map -> sides of the acquired voxels, (3,), mm; optional

    Returns
    -------
    dict, map -> dict: ``level`` median of the white matter, ``other`` median of the rest of the brain (where AD
    is above 0), ``spread`` robust standard deviation in white matter, ``noise`` robust standard deviation from
    voxel to voxel there, ``coverage`` share of the white matter in which the map is not 0, ``voxel_mm`` cube root
    of the volume of an acquired voxel. petref has only the voxel size of its grid. None where a number is undefined

    Raises
    ------
    InputError : no white matter
    """
    if not white_matter.any():
        raise InputError(
            "the region map has no voxel of white matter outside lesions, so the maps cannot be compared with those "
            "of the training scans: check the tissue segmentation."
        )
    rest = (maps["AD"] > 0) & ~white_matter
    found: Description = {
        name: _describe(maps[name], white_matter, rest) for name in INPUT_MAPS if name in maps
    }
    for name, sides in (native or {}).items():
        found[name]["voxel_mm"] = _side(sides)
    return found | {GRID: {"voxel_mm": _side(voxel_mm)}}


def native_voxels(inspection: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the voxel sides of the source files of a scan's maps.

    Parameters
    ----------
    inspection : dict, as `intake.inspection.inspect_scan` gave it

    Returns
    -------
    dict, map -> sides (3,), mm, without maps from unknown files
    """
    sides = {file["input"]: file["voxel_mm"] for file in inspection["files"] if file.get("voxel_mm")}
    found = {name: next((sides[file] for file in FILES[name] if file in sides), None) for name in INPUT_MAPS}
    return {name: voxel for name, voxel in found.items() if voxel}


def training_range(descriptions: Sequence[Description], groups: Sequence[str]) -> dict[str, Any]:
    """Return the range of maps to expect, from the training scans.

    Parameters
    ----------
    descriptions : of the training scans, see `describe_maps`; at least three
    groups : MS or HC of each

    Returns
    -------
    dict of plain values: ``n_patients`` and ``n_controls``, scans of each; ``maps``, map -> feature -> ``mean``,
    ``sd``, ``n``

    Raises
    ------
    InputError : there are too few scans
    """
    if len(descriptions) < FEWEST_SCANS:
        raise InputError(
            f"{len(descriptions)} training scans are too few for a range; expected {FEWEST_SCANS} or more."
        )
    maps: dict[str, dict[str, dict[str, float]]] = {}
    for name in (*INPUT_MAPS, GRID):
        for feature in FEATURES:
            values = [description.get(name, {}).get(feature) for description in descriptions]
            numbers = np.array([value for value in values if value is not None])
            if len(numbers) >= FEWEST_SCANS:
                maps.setdefault(name, {})[feature] = {
                    "mean": float(numbers.mean()),
                    "sd": float(numbers.std(ddof=1)),
                    "n": len(numbers),
                }
    return {
        "n_patients": sum(group == "MS" for group in groups),
        "n_controls": sum(group == "HC" for group in groups),
        "maps": maps,
    }


def judge_range(description: Description, training: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare a scan with the training scans.

    The limits of each number are prediction limits for one additional scan, by Student's t with the chances of ALPHA
    divided among all rows (Bonferroni). Beyond the first limits a number is ``unusual``, beyond the second it is
    ``out_of_range``.

    Parameters
    ----------
    description : of `describe_maps`
    training : dict of `training_range`

    Returns
    -------
    list of dict, one per map and feature: ``map``, ``feature``, ``value``, ``expected`` (mean of the training
    scans), ``low`` and ``high`` (limits of ``unusual``), ``z``, ``verdict`` (ok, unusual, out_of_range), ``reason``
    (a sentence if the verdict is not ok and no other row says the same, else "")
    """
    wanted = [
        (name, feature, known)
        for name, of_map in training["maps"].items()
        for feature, known in of_map.items()
    ]
    rows = []
    for name, feature, known in wanted:
        value = description.get(name, {}).get(feature)
        if feature == "coverage" and name not in description:
            value = 0.0
        if value is None:
            continue
        least = max(FEATURES[feature] * abs(known["mean"]), 1e-12)
        sd = max(known["sd"], least) * np.sqrt(1 + 1 / known["n"])
        limit = {
            verdict: stats.t.isf(alpha / 2 / len(wanted), known["n"] - 1) for verdict, alpha in ALPHA.items()
        }
        z = (value - known["mean"]) / sd
        beyond = [verdict for verdict in ALPHA if abs(z) > limit[verdict]]
        rows.append(
            {
                "map": name,
                "feature": feature,
                "value": float(value),
                "expected": known["mean"],
                "low": float(known["mean"] - limit["unusual"] * sd),
                "high": float(known["mean"] + limit["unusual"] * sd),
                "z": float(z),
                "verdict": beyond[-1] if beyond else "ok",
                "reason": "",
            }
        )
    return add_reasons(rows, training)


def worst_verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the worst verdict among rows of `judge_range`: ok, unusual or out_of_range."""
    return max((row["verdict"] for row in rows), key=VERDICTS.index, default="ok")


def reasons(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the sentences of rows of `judge_range`, worst first."""
    said = [row for row in rows if row["reason"]]
    said.sort(key=lambda row: -VERDICTS.index(row["verdict"]))
    return list(dict.fromkeys(row["reason"] for row in said))


def _describe(image: np.ndarray, white_matter: np.ndarray, rest: np.ndarray) -> dict[str, float | None]:
    shown = np.isfinite(image) & (image != 0)
    white, other = white_matter & shown, rest & shown
    found: dict[str, float | None] = {
        "level": _median(image[white]),
        "other": _median(image[other]),
        "spread": _robust_sd(image[white]),
        "noise": _noise(image, white),
        "coverage": float(white.sum() / white_matter.sum()),
    }
    return found


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if values.size else None


def _robust_sd(values: np.ndarray) -> float | None:
    if not values.size:
        return None
    return float(SD_PER_MAD * np.median(np.abs(values - np.median(values))))


def _noise(image: np.ndarray, inside: np.ndarray) -> float | None:
    """Return the robust SD of second differences over that of white noise of SD 1, averaged over the axes."""
    found = []
    for axis in range(3):
        here, there = np.moveaxis(image, axis, 0), np.moveaxis(inside, axis, 0)
        three = there[:-2] & there[1:-1] & there[2:]
        found.append(_robust_sd((here[:-2] - 2.0 * here[1:-1] + here[2:])[three]))
    known = [value for value in found if value is not None]
    return float(np.mean(known) / np.sqrt(6)) if known else None


def _side(sides: Sequence[float]) -> float:
    return float(np.prod(np.asarray(sides, np.float64)) ** (1 / 3))
