"""Mean DVR of each region, true and predicted."""

from typing import Any

import numpy as np

from myelosketch.evaluation.masks import REGIONS, region_masks


def score_regions(predicted: np.ndarray, measured: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """Return the mean DVR per region.

    Parameters
    ----------
    predicted, measured : float arrays (x, y, z), DVR
    labels : integer array (x, y, z), region codes; 0 is not scored

    Returns
    -------
    list of dict : ``region``, ``mean_dvr_true``, ``mean_dvr_pred`` (NaN for an empty region), ``n_voxels``
    """
    rows = []
    for region, mask in ((name, region_masks(labels)[name]) for name in REGIONS):
        count = int(mask.sum())
        rows.append(
            {
                "region": region,
                "mean_dvr_true": float(measured[mask].mean(dtype=float)) if count else np.nan,
                "mean_dvr_pred": float(predicted[mask].mean(dtype=float)) if count else np.nan,
                "n_voxels": count,
            }
        )
    return rows
