"""The numbers of a new scan, each with an interval from the held-out participants of the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.evaluation.intervals import interval
from myelosketch.evaluation.lesions import label_lesions, score_lesions, size_class

if TYPE_CHECKING:
    import pandas as pd

PATIENTS = "MS"
# region of a page and table -> region of the label map, and the quantity with the residuals for its interval
REGIONS = {
    "white_matter": ("nawm", "white_matter_mean_dvr"),
    "lesions": ("lesion", "lesions_mean_dvr"),
    "other": ("other", "other_mean_dvr"),
}


def scan_numbers(
    dvr: np.ndarray,
    masks: Mapping[str, np.ndarray],
    support: np.ndarray,
    voxel_volume: float,
    *,
    source: str,
    threshold: float,
    residuals: pd.DataFrame,
    settings: Mapping[str, Any],
    level: float,
    group: str | None,
    withheld: bool,
) -> dict[str, Any]:
    """Return the numbers of lesions and regions and the demyelinated share of one scan.

    Volumes and counts are those of the masks. DVR and shares are over the voxels with a prediction: elsewhere the map
    is 0, which is not a DVR.

    Parameters
    ----------
    dvr : float array (x, y, z), predicted
    masks : dict of bool arrays (x, y, z): ``lesion``, ``nawm``, ``other``
    support : bool array (x, y, z), where there is a prediction
    voxel_volume : mm3
    source : source of the lesions: mask, flair, or none (lesion numbers are then None)
    threshold : DVR below which a lesion voxel is demyelinated
    residuals : DataFrame, held-out predictions of the training run (`evaluation.residuals`)
    settings : dict with ``min_lesion_mm3`` and ``lesion_sizes_mm3``
    level : probability of the intervals
    group : MS, HC or None (taken as MS)
    withheld : bool; if True, only volumes and counts are given

    Returns
    -------
    dict : ``n_lesions``, ``n_lesion_voxels``, ``lesion_volume_ml``, ``pct_demyelinated``, ``regions``, ``lesions``
    """
    people = group or PATIENTS
    lesion = masks["lesion"]

    def with_interval(value: float, quantity: str, size: str | None = None) -> dict[str, Any]:
        found = interval(value, residuals, quantity, level, size=size, group=people)
        return {"low": found.low, "high": found.high, "level": found.level, "note": found.note}

    numbered, volumes = label_lesions(
        lesion, voxel_volume=voxel_volume, min_volume_mm3=settings["min_lesion_mm3"]
    )
    none = source == "none"
    content: dict[str, Any] = {
        "n_lesions": None if none else len(volumes),
        "n_lesion_voxels": None if none else int(lesion.sum()),
        "lesion_volume_ml": None if none else float(lesion.sum() * voxel_volume / 1000),
        "pct_demyelinated": None,
        "regions": {},
        "lesions": [],
    }
    for name, (mask, quantity) in REGIONS.items():
        values = dvr[masks[mask] & support]
        volume = float(masks[mask].sum() * voxel_volume / 1000)
        if withheld or not values.size:
            content["regions"][name] = {"volume_ml": volume, "mean_dvr": None}
        else:
            mean = float(values.mean(dtype=float))
            content["regions"][name] = {"volume_ml": volume, "mean_dvr": mean} | with_interval(mean, quantity)
    seen = lesion & support
    if withheld or not seen.any():
        return content
    share = 100 * float((dvr[seen] < threshold).mean())
    content["pct_demyelinated"] = {"value": share} | with_interval(share, "pct_demyelinated")
    for row in score_lesions(dvr, dvr, np.where(support, numbered, 0), volumes, threshold):
        size = size_class(row["volume_mm3"], settings["lesion_sizes_mm3"])
        content["lesions"].append(
            {"lesion": int(row["lesion"]), "volume_mm3": float(row["volume_mm3"]), "size": size}
            | {"mean_dvr": row["mean_dvr_pred"], "pct_demyelinated": row["pct_pred"]}
            | with_interval(row["mean_dvr_pred"], "lesion_mean_dvr", size)
        )
    return content
