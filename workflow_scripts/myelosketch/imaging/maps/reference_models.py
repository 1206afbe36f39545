"""The two models that give a DVR from the activity curves of voxels and that of a reference region."""

import numpy as np
from scipy.signal import lfilter

# efflux constants of the basis functions, 1/min, and their number (Gunn 1997 spans 0.006-0.6)
BASIS_RANGE = (0.005, 0.6)
N_BASIS = 100
BASIS_STEP_MIN = 1 / 60


def integrals(curves: np.ndarray, starts: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Return the integral of each curve from the injection to the middle of each frame.

    In a gap without frames, the curve is taken as a straight line between the means of the frames on either side.

    Parameters
    ----------
    curves : array (..., n), mean activity of each frame
    starts, durations : arrays (n,)

    Returns
    -------
    array (..., n)
    """
    areas = curves * durations
    found = np.cumsum(areas, axis=-1) - areas / 2
    gaps = starts[1:] - (starts + durations)[:-1]
    found[..., 1:] += np.cumsum(gaps * (curves[..., 1:] + curves[..., :-1]) / 2, axis=-1)
    return found


def logan_dvr(
    curves: np.ndarray,
    reference: np.ndarray,
    *,
    starts: np.ndarray,
    durations: np.ndarray,
    t_star: float,
    k2_prime: float | None = None,
) -> np.ndarray:
    """Return the DVR as the slope of the reference plot (Logan et al., J Cereb Blood Flow Metab 1996).

    The plot is the voxel's integral against the reference's integral (plus the reference's activity / k2'), both
    divided by the voxel's activity, from t* on. The term with k2' can be left out if the ratio of both curves changes
    little after t*.

    Parameters
    ----------
    curves : array (n_voxels, n_frames), mean activity of each frame
    reference : array (n_frames,)
    starts, durations : arrays (n_frames,), min
    t_star : min
    k2_prime : efflux constant of the reference region, 1/min, or None

    Returns
    -------
    array (n_voxels,); NaN where the voxel has no activity in a late frame
    """
    late = starts >= t_star
    tissue = curves[:, late]
    usable = np.all(tissue > 0, axis=1)
    tissue = np.where(usable[:, None], tissue, 1.0)
    area = integrals(reference, starts, durations)[late]
    if k2_prime:
        area = area + reference[late] / k2_prime
    x, y = area / tissue, integrals(curves, starts, durations)[:, late] / tissue
    x = x - x.mean(axis=1, keepdims=True)
    spread = (x * x).sum(axis=1)
    usable &= spread > 0
    slope = (x * y).sum(axis=1) / np.where(usable, spread, 1.0)
    return np.where(usable, slope, np.nan)


def srtm_dvr(
    curves: np.ndarray, reference: np.ndarray, *, starts: np.ndarray, durations: np.ndarray
) -> np.ndarray:
    """Return the DVR of the simplified reference tissue model by basis functions (Gunn et al., NeuroImage 1997).

    C(t) = R1 Cr(t) + (k2 - R1 k2a) Cr(t) * exp(-k2a t), with k2a = k2 / DVR. For each k2a of a grid both factors
    follow from linear least squares, weighted by the frames' durations; the best k2a of each voxel is kept.

    Parameters
    ----------
    curves : array (n_voxels, n_frames), mean activity of each frame
    reference : array (n_frames,)
    starts, durations : arrays (n_frames,), min

    Returns
    -------
    array (n_voxels,); NaN where the voxel has no activity
    """
    weights = np.sqrt(durations / durations.sum())
    target = curves * weights
    best = np.full(len(curves), -np.inf)
    dvr = np.full(len(curves), np.nan)
    for rate, basis in zip(*basis_functions(reference, starts, durations), strict=True):
        design = np.stack([reference, basis], axis=1) * weights[:, None]
        q, r = np.linalg.qr(design)
        projected = target @ q
        explained = (projected**2).sum(axis=1)  # the larger, the smaller the residual
        factors = np.linalg.solve(r, projected.T)
        better = explained > best
        best[better] = explained[better]
        dvr[better] = (factors[0] + factors[1] / rate)[better]
    return np.where((curves > 0).any(axis=1), dvr, np.nan)


def basis_functions(
    reference: np.ndarray, starts: np.ndarray, durations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the reference curve convolved with exponentials, averaged over the frames.

    Parameters
    ----------
    reference : array (n,), mean activity of each frame
    starts, durations : arrays (n,), min

    Returns
    -------
    rates : array (N_BASIS,), 1/min
    basis : array (N_BASIS, n)
    """
    ends = starts + durations
    time = np.arange(0, ends[-1] + BASIS_STEP_MIN, BASIS_STEP_MIN)
    fine = np.interp(time, np.concatenate([[0], starts + durations / 2]), np.concatenate([[0], reference]))
    rates = np.geomspace(*BASIS_RANGE, N_BASIS)
    basis = np.empty((N_BASIS, len(starts)))
    for row, rate in enumerate(rates):
        decay = np.exp(-rate * BASIS_STEP_MIN)
        # the trapezoidal rule for a convolution with an exponential is a recursive filter of order one
        half = BASIS_STEP_MIN / 2
        convolved = lfilter([half, half * decay], [1, -decay], fine)
        area = np.concatenate([[0], np.cumsum((convolved[1:] + convolved[:-1]) * half)])
        basis[row] = (np.interp(ends, time, area) - np.interp(starts, time, area)) / durations
    return rates, basis
