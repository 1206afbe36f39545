"""Scores of one patient that separate methods where counts of demyelinated voxels do not."""

import numpy as np
from scipy import stats

# a ceiling that only the ladder study has: a network trained on many participants of the same world
ATTAINABLE = "attainable"
ATTAINABLE_NETWORK = "unetroi"


def visible_moments(predicted: np.ndarray, visible: np.ndarray) -> dict[str, float]:
    """Return what the R² over all patients (`explained_share`) needs from the lesion voxels of one patient.

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
    """Return R² over the lesions of all patients, where each patient counts once: 1 - mean error / mean spread.

    The spread of a patient is the mean squared distance of its voxels to the mean of all patients. R² therefore
    includes differences between patients as well as within them.

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
    """Return Spearman's correlation over the lesion voxels of a patient. It does not depend on level and scale.

    Parameters
    ----------
    predicted, measured : float arrays (n,), DVR

    Returns
    -------
    float. A constant prediction of differing values gives 0, as chance does (NaN would drop the failures of a
    method). Fewer than two values, or constant measured values, give NaN
    """
    if measured.size < 2 or np.ptp(measured) == 0:
        return np.nan
    if np.ptp(predicted) == 0:
        return 0.0
    return float(stats.spearmanr(predicted, measured).statistic)


def matched_mcc(predicted: np.ndarray, demyelinated: np.ndarray) -> float:
    """Return Matthews correlation if the prediction marks as many voxels as are truly demyelinated.

    The voxels of lowest DVR are marked. The score then depends only on where the map places demyelination, not on how
    much it predicts. Voxels of equal DVR at the border are marked in part, each with the same share.

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
    """Return the mean squared difference between neighbouring voxels of the mask: how sharp a map is.

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
