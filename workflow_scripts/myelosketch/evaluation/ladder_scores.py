"""Scores of a patient that tell methods apart where counts of demyelinated voxels do not; numbers in, numbers out."""

import numpy as np
from scipy import stats

# a ceiling of the study of the ladder alone: a network that learned from many participants of the same world
ATTAINABLE = "attainable"
ATTAINABLE_NETWORK = "unetroi"


def visible_moments(predicted: np.ndarray, visible: np.ndarray) -> dict[str, float]:
    """What the R² over all patients is made of (`explained_share`), of one patient's lesion voxels.

    Parameters
    ----------
    predicted, visible : float arrays (n,), DVR

    Returns
    -------
    dict : ``mse_visible`` mean squared error; ``mean_visible``, ``var_visible`` mean and variance (n) of ``visible``
    """
    predicted, visible = predicted.astype(float), visible.astype(float)
    return {
        "mse_visible": float(((predicted - visible) ** 2).mean()),
        "mean_visible": float(visible.mean()),
        "var_visible": float(visible.var()),
    }


def explained_share(mse: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> tuple[float, np.ndarray]:
    """R² over the lesions of all patients, in which each patient counts once: 1 - mean error / mean spread.

    The spread of a patient is the mean squared distance of its voxels to the mean of all patients, so R² counts
    what a map knows about differences between patients as well as within them.

    Parameters
    ----------
    mse : float array (patients, seeds); mean, variance : float arrays (patients,), see `visible_moments`

    Returns
    -------
    share : float, 1 for the truth and 0 for one number for all
    linear : float array (patients, seeds) whose mean is ``share`` and whose interval is that of ``share`` (delta
        method)
    """
    spread = variance + (mean - mean.mean()) ** 2
    ratio = mse.mean() / spread.mean()
    return float(1 - ratio), 1 - ratio - (mse - ratio * spread[:, None]) / spread.mean()


def rank_correlation(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Spearman's correlation over a patient's lesion voxels: free of level and scale.

    Parameters
    ----------
    predicted, measured : float arrays (n,), DVR

    Returns
    -------
    float; 0 for a constant prediction of values that differ, as chance (NaN would drop a method's failures); NaN for
    fewer than two values or constant ones
    """
    if measured.size < 2 or np.ptp(measured) == 0:
        return np.nan
    if np.ptp(predicted) == 0:
        return 0.0
    return float(stats.spearmanr(predicted, measured).statistic)


def matched_mcc(predicted: np.ndarray, demyelinated: np.ndarray) -> float:
    """Matthews correlation if the prediction marks as many voxels as are truly demyelinated, those of lowest DVR.

    What is left is where the map places demyelination; how much of it there is no longer counts. Voxels of the same
    DVR at the border are marked in part, each with the same share.

    Parameters
    ----------
    predicted : float array (n,), DVR; demyelinated : boolean array (n,)

    Returns
    -------
    float, at most 1; NaN where the truth is of one class
    """
    n, positive = demyelinated.size, int(demyelinated.sum())
    if positive in (0, n):
        return np.nan
    border = np.partition(predicted, positive - 1)[positive - 1]
    below, at = predicted < border, predicted == border
    share = (positive - below.sum()) / at.sum()
    hits = (demyelinated & below).sum() + share * (demyelinated & at).sum()
    return float((hits * n - positive**2) / (positive * (n - positive)))


def gradient_energy(volume: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared difference between neighbouring voxels, both in the mask, per axis and voxel: how sharp a map is.

    Parameters
    ----------
    volume : float array (x, y, z); mask : boolean array (x, y, z)

    Returns
    -------
    float, sum over the axes; NaN where an axis has no two neighbours in the mask
    """
    energy = 0.0
    for axis in range(3):
        pairs = np.take(mask, range(1, mask.shape[axis]), axis) & np.take(
            mask, range(mask.shape[axis] - 1), axis
        )
        steps = np.diff(volume.astype(float), axis=axis)[pairs]
        energy += float((steps**2).mean()) if steps.size else np.nan
    return energy
