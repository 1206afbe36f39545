"""Agreement of two binary classifications of the same voxels: Dice, and the scores that Dice needs beside it.

Dice rises with the share p of positive voxels: calling every voxel positive already scores 2p / (1 + p). It is
therefore always reported with trivial Dice, Dice of the other class, MCC, Cohen's kappa and the area under the ROC
curve.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

COUNTS = ("tp", "fp", "fn", "tn")
SCORES = ("dice", "trivial_dice", "dice_not_demyelinated", "mcc", "kappa", "auc")


def confusion_counts(truth: ArrayLike, predicted: ArrayLike) -> dict[str, int]:
    """Count true and false positives and negatives.

    Parameters
    ----------
    truth, predicted : boolean arrays of one shape

    Returns
    -------
    dict : ``tp``, ``fp``, ``fn``, ``tn``, int
    """
    truth = np.asarray(truth, bool)
    predicted = np.asarray(predicted, bool)
    tp = int((truth & predicted).sum())
    fp = int((~truth & predicted).sum())
    fn = int((truth & ~predicted).sum())
    return {"tp": tp, "fp": fp, "fn": fn, "tn": int(truth.size) - tp - fp - fn}


def dice(tp: int, fp: int, fn: int) -> float:
    """Return the Dice coefficient 2TP / (2TP + FP + FN).

    Two empty masks give NaN, because there was nothing to find; the caller counts these cases. One empty mask
    gives 0.

    Parameters
    ----------
    tp, fp, fn : int

    Returns
    -------
    float
    """
    total = 2 * tp + fp + fn
    return 2 * tp / total if total else np.nan


def trivial_dice(share: float) -> float:
    """Return the Dice of calling every voxel positive where a share p of them is: 2p / (1 + p).

    Parameters
    ----------
    share : float, 0 to 1

    Returns
    -------
    float
    """
    return 2 * share / (1 + share)


def matthews(tp: int, fp: int, fn: int, tn: int) -> float:
    """Return Matthews correlation coefficient.

    A truth of one class gives NaN for every method, because there is nothing to distinguish. A constant prediction
    of a mixed truth gives 0, the value of chance (the convention of scikit-learn). NaN there would drop the failures
    of a method from its mean.

    Parameters
    ----------
    tp, fp, fn, tn : int

    Returns
    -------
    float, -1 to 1
    """
    if tp + fn == 0 or tn + fp == 0:
        return np.nan
    if tp + fp == 0 or tn + fn == 0:
        return 0.0
    # logarithms, because the product of four counts of a large lesion load overflows 64-bit integers
    scale = 0.5 * sum(np.log(float(n)) for n in (tp + fp, tp + fn, tn + fp, tn + fn))
    return float((float(tp) * tn - float(fp) * fn) * np.exp(-scale))


def cohen_kappa(tp: int, fp: int, fn: int, tn: int) -> float:
    """Return Cohen's kappa (1960), the agreement beyond that of independent raters. A truth of one class gives NaN.

    Parameters
    ----------
    tp, fp, fn, tn : int

    Returns
    -------
    float, at most 1
    """
    if tp + fn == 0 or tn + fp == 0:
        return np.nan
    n = tp + fp + fn + tn
    observed = (tp + tn) / n
    expected = ((tp + fp) / n) * ((tp + fn) / n) + ((tn + fn) / n) * ((tn + fp) / n)
    return float((observed - expected) / (1 - expected))


def roc_auc(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the ROC curve from ranks (Mann–Whitney). Ties count one half.

    Parameters
    ----------
    truth : boolean array (n,)
    scores : float array (n,), larger for the positive class

    Returns
    -------
    float, 0 to 1; NaN where the truth is of one class
    """
    truth = np.asarray(truth, bool)
    positives = int(truth.sum())
    negatives = truth.size - positives
    if positives == 0 or negatives == 0:
        return np.nan
    ranks = stats.rankdata(scores)
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def agreement(truth: ArrayLike, predicted: ArrayLike, scores: ArrayLike) -> dict[str, float]:
    """Return every count and score of two classifications.

    Parameters
    ----------
    truth, predicted : boolean arrays (n,)
    scores : float array (n,), larger for the positive class

    Returns
    -------
    dict : :data:`COUNTS`, ``pct_true``, ``pct_pred`` (percent of n) and :data:`SCORES`. All scores are
        NaN if n is 0
    """
    counts = confusion_counts(truth, predicted)
    tp, fp, fn, tn = (counts[name] for name in COUNTS)
    n = tp + fp + fn + tn
    if n == 0:
        return counts | dict.fromkeys(("pct_true", "pct_pred", *SCORES), np.nan)
    return counts | {
        "pct_true": 100 * (tp + fn) / n,
        "pct_pred": 100 * (tp + fp) / n,
        "dice": dice(tp, fp, fn),
        "trivial_dice": trivial_dice((tp + fn) / n),
        "dice_not_demyelinated": dice(tn, fn, fp),
        "mcc": matthews(tp, fp, fn, tn),
        "kappa": cohen_kappa(tp, fp, fn, tn),
        "auc": roc_auc(truth, scores),
    }
