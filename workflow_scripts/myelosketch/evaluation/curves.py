"""ROC curves and calibration curves of each scan, on grids that can be averaged over patients."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from myelosketch.evaluation.masks import REGIONS, region_masks

FALSE_POSITIVE_RATES = np.linspace(0, 1, 51)
BIN_WIDTH = 0.05  # DVR


def roc_points(truth: ArrayLike, scores: ArrayLike) -> list[dict[str, float]]:
    """Return the empirical ROC curve on the fixed grid of false-positive rates.

    Tied scores enter together, as one straight segment, so they count one half in the area.

    Parameters
    ----------
    truth : boolean array (n,)
    scores : float array (n,), larger for the positive class

    Returns
    -------
    list of dict : ``fpr`` (:data:`FALSE_POSITIVE_RATES`) and ``tpr``, the highest rate reached there. NaN where the
        truth is of one class
    """
    truth = np.asarray(truth, bool)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if positives and negatives:
        order = np.argsort(-np.asarray(scores, float), kind="stable")
        ranked, hits = np.asarray(scores, float)[order], np.cumsum(truth[order])
        last = np.append(np.diff(ranked) != 0, True)  # last of its tied scores
        tpr = np.append(0, hits[last] / positives)
        fpr = np.append(0, (np.arange(1, truth.size + 1) - hits)[last] / negatives)
        # where several points share one rate, numpy takes the last, which is the highest
        values = np.interp(FALSE_POSITIVE_RATES, fpr, tpr)
    else:
        values = np.full(FALSE_POSITIVE_RATES.size, np.nan)
    return [{"fpr": float(x), "tpr": float(y)} for x, y in zip(FALSE_POSITIVE_RATES, values, strict=True)]


def calibration_rows(predicted: np.ndarray, measured: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """Return the mean measured DVR and the mean error in bins of predicted DVR, per region.

    Parameters
    ----------
    predicted, measured : float arrays (x, y, z), DVR
    labels : integer array (x, y, z), region codes; 0 is not scored

    Returns
    -------
    list of dict : ``region``, ``dvr_pred`` (centre of a bin of :data:`BIN_WIDTH`), ``mean_true``,
        ``mean_abs_error`` (of predicted from measured DVR), ``n_voxels``; only bins with a voxel
    """
    rows = []
    for region, mask in zip(REGIONS, region_masks(labels).values(), strict=True):
        # a DVR at a border, such as 1.05, must not fall below it by rounding
        guess, truth = predicted[mask].astype(float), measured[mask].astype(float)
        bins = np.floor(guess / BIN_WIDTH + 1e-6).astype(int)
        found, index = np.unique(bins, return_inverse=True)
        counts = np.bincount(index)
        means, errors = (
            np.bincount(index, v) / np.maximum(counts, 1) for v in (truth, np.abs(guess - truth))
        )
        rows += [
            {
                "region": region,
                "dvr_pred": (number + 0.5) * BIN_WIDTH,
                "mean_true": mean,
                "mean_abs_error": error,
                "n_voxels": int(count),
            }
            for number, mean, error, count in zip(found, means, errors, counts, strict=True)
        ]
    return rows
