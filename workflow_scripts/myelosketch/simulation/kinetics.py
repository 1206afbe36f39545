"""Kinetics of [11C]PIB: from the DVR of a tissue to its activity in the frames of a dynamic scan, and the noise.

The reference curve is one tissue compartment with a plasma curve of the shape of Feng et al. (1993) and assumed
constants. Targets follow the simplified reference tissue model (Lammertsma and Hume 1996). Its k2' is .149/min, as
for PIB in cerebellum (Lopresti et al. 2005, recalled). The delivery R1 of each tissue is assumed. Under this model
the reference Logan plot with k2' is straight from the first minute, so its slope is the DVR.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter

HALF_LIFE_MIN = 20.36  # carbon-11
DECAY_PER_MIN = np.log(2) / HALF_LIFE_MIN
# plasma (kBq/mL) after t minutes: (A1 t - A2 - A3) exp(-L1 t) + A2 exp(-L2 t) + A3 exp(-L3 t).
PLASMA_RISE = (600.0, 4.0)  # A1 (kBq/mL/min), L1 (1/min)
PLASMA_FALL = ((20.0, 0.15), (4.0, 0.015))  # A2 (kBq/mL), L2 (1/min); A3, L3
REFERENCE_K1 = 0.22  # mL/cm3/min
REFERENCE_K2 = 0.149  # 1/min
DELIVERY = {"white": 0.6, "cortex": 1.0, "deep": 1.0, "csf": 0.3}  # R1
STEP_S = 1.0
LOGAN_START_MIN = 35.0  # start of the Logan plot's line, as in the analysis; here it scales the noise
TYPICAL_DVR = 1.28  # white matter


def frame_times(durations: ArrayLike) -> np.ndarray:
    """Return the start of each frame (s) from the durations (s)."""
    return np.concatenate([[0.0], np.cumsum(durations)[:-1]])


def mid_times(durations: ArrayLike) -> np.ndarray:
    """Return the middle of each frame (min) from the durations (s)."""
    return (frame_times(durations) + np.asarray(durations) / 2) / 60


def late_frames(durations: ArrayLike) -> np.ndarray:
    """Return which frames start at LOGAN_START_MIN or later, as booleans."""
    return frame_times(durations) >= 60 * LOGAN_START_MIN


def reference_curve(minutes: np.ndarray) -> np.ndarray:
    """Return the decay-corrected activity of the reference region, kBq/mL: K1 plasma convolved with exp(-k2 t)."""
    a1, l1 = PLASMA_RISE
    terms = [*PLASMA_FALL, (-sum(a for a, _ in PLASMA_FALL), l1)]
    washed = np.exp(-REFERENCE_K2 * minutes)
    curve = sum(a * (np.exp(-rate * minutes) - washed) / (REFERENCE_K2 - rate) for a, rate in terms)
    gap = REFERENCE_K2 - l1
    curve = curve + a1 * (np.exp(-l1 * minutes) * (minutes / gap - 1 / gap**2) + washed / gap**2)
    return REFERENCE_K1 * curve


def target_curve(reference: np.ndarray, dvr: float, delivery: float, step_min: float) -> np.ndarray:
    """Return the activity of a tissue, R1 Cr + (k2 - R1 k2a) Cr convolved with exp(-k2a t).

    This is the simplified reference tissue model.

    Parameters
    ----------
    reference : array (t,), activity of the reference at equal steps from 0
    dvr : distribution volume ratio, above 0: k2a = k2 / DVR with k2 = R1 k2'
    delivery : R1
    step_min : min

    Returns
    -------
    array (t,), in units of ``reference``
    """
    k2 = delivery * REFERENCE_K2
    k2a = k2 / dvr
    left = np.exp(-k2a * step_min)
    kept = lfilter([step_min / 2, step_min / 2 * left], [1, -left], reference)
    return delivery * reference + (k2 - delivery * k2a) * kept


def frame_curves(durations: ArrayLike, dvr: ArrayLike, delivery: float) -> np.ndarray:
    """Return the mean activity of a tissue in each frame.

    Parameters
    ----------
    durations : frames, s
    dvr : array (n,)
    delivery : R1

    Returns
    -------
    array (frames, n), kBq/mL, decay-corrected
    """
    edges = np.concatenate([[0.0], np.cumsum(durations)])
    seconds = np.arange(0, edges[-1] + 2 * STEP_S, STEP_S)
    reference = reference_curve(seconds / 60)
    curves = []
    for value in np.atleast_1d(dvr):
        fine = target_curve(reference, value, delivery, STEP_S / 60)
        total = np.concatenate([[0], np.cumsum((fine[1:] + fine[:-1]) * STEP_S / 2)])
        curves.append(np.diff(np.interp(edges, seconds, total)) / np.asarray(durations))
    return np.array(curves).T


def logan_slope(durations: ArrayLike, target: np.ndarray, reference: np.ndarray) -> float:
    """Return the DVR: the slope of the reference Logan plot with k2', by least squares from LOGAN_START_MIN on.

    It serves only to relate the noise of the frames to that of the DVR. The analysis has its own function.

    Parameters
    ----------
    durations : frames, s
    target, reference : arrays (frames,)
    """
    minutes = np.asarray(durations) / 60
    used = late_frames(durations)
    sums = [np.cumsum(c * minutes) - c * minutes / 2 for c in (target, reference)]
    y = (sums[0] / target)[used]
    x = ((sums[1] + reference / REFERENCE_K2) / target)[used]
    x = x - x.mean()
    return (x @ y) / (x @ x)


def relative_noise(activity: np.ndarray, durations: ArrayLike) -> np.ndarray:
    """Return the counting noise of each frame, up to a factor: sqrt(activity exp(lambda t) / duration).

    Parameters
    ----------
    activity : array (frames, ...), kBq/mL, decay-corrected
    durations : frames, s

    Returns
    -------
    array like ``activity``
    """
    factor = np.exp(DECAY_PER_MIN * mid_times(durations)) / np.asarray(durations)
    return np.sqrt(np.maximum(activity, 0) * factor.reshape(-1, *[1] * (np.ndim(activity) - 1)))


def noise_scale(durations: ArrayLike, dvr_sd: float) -> float:
    """Return the factor on :func:`relative_noise` that gives white matter's Logan DVR a wanted SD, to first order.

    SD(DVR)^2 is factor^2 times the sum over frames of (dDVR/dC_f relative_noise_f)^2. The derivatives are numerical,
    so any frames can be used.

    Parameters
    ----------
    durations : frames, s
    dvr_sd : wanted SD

    Returns
    -------
    float, (kBq s / mL)^(1/2)
    """
    reference = frame_curves(durations, 1.0, DELIVERY["cortex"])[:, 0]
    target = frame_curves(durations, TYPICAL_DVR, DELIVERY["white"])[:, 0]
    noise = relative_noise(target, durations)
    derivatives = []
    for frame in range(len(target)):
        step = np.zeros(len(target))
        step[frame] = 1e-4 * target[frame]
        ahead, behind = (logan_slope(durations, target + sign * step, reference) for sign in (1, -1))
        derivatives.append((ahead - behind) / (2 * step[frame]))
    return dvr_sd / np.sqrt(np.sum((np.array(derivatives) * noise) ** 2))
