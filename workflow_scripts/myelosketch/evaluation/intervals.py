"""Intervals of stated coverage around predicted values: split conformal prediction over participants.

An interval is predicted ± radius. The radius is a quantile of the absolute errors of held-out predictions (Vovk,
Gammerman and Shafer 2005, *Algorithmic Learning in a Random World*; Lei, G'Sell, Rinaldo, Tibshirani and Wasserman
2018, *JASA* 113:1094, split conformal). Participants are exchangeable; lesions, scans and voxels of one participant
are not. So errors have two layers, participants and the rows of each, and every participant weighs the same (Dunn,
Wasserman and Ramdas 2023, *JASA* 118:2491, pooling of CDFs). The weight of the new participant is placed at infinity,
so that the level holds in small samples too (Lee, Barber and Willett 2023, arXiv:2306.06342).

What it promises: for new participants like those of the training run, at least the share ``level`` of the values is
inside the interval, on average over participants. For a participant with several lesions, the share of the lesions
inside counts. This needs no assumption on how errors are distributed or how good the model is: a bad model has wide
intervals.

What it does not promise:

- The level is a mean over participants, and over lesions of a size class. It holds neither for a single participant
  nor for another kind of lesion.
- Each bound is for one value. All lesions of a patient are inside their intervals together less often.
- The errors come from models trained on two thirds of the participants. A new scan gets the mean of the models of all
  folds, which should err less. The intervals are then too wide (conservative). This is not proven.
- A scan of another scanner, protocol or kind of patient is not exchangeable with those of the training run. There the
  level does not hold.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from myelosketch.errors import InputError

# rounding error of sums of shares
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Interval:
    """Bounds of one predicted value.

    ``low`` and ``high`` are NaN without a prediction or without participants. ``level`` is the level in force,
    ``n_participants`` the number of participants it is calibrated on. ``note`` may be blank."""

    low: float
    high: float
    level: float
    n_participants: int
    note: str


@dataclass(frozen=True)
class Calibration:
    """Half width of the intervals of one kind of value.

    ``pooled`` says whether lesion sizes or groups had to be combined. The rest is as in :class:`Interval`."""

    radius: float
    level: float
    n_participants: int
    pooled: bool
    note: str


def highest_level(n_participants: int) -> float:
    """Return the highest level that n participants allow, n / (n + 1). Above it the radius is infinite."""
    return n_participants / (n_participants + 1)


def conformal_radius(errors: ArrayLike, participants: ArrayLike, level: float) -> float:
    """Return the quantile of absolute errors in which every participant has the same weight.

    Each of n participants has mass 1 / (n + 1), shared equally between its rows. The remaining 1 / (n + 1) is at
    infinity. For one row per participant this is the ceil((n + 1) level)-th smallest absolute error.

    Parameters
    ----------
    errors : float array (rows,), predicted minus true
    participants : array (rows,), the participant of each row
    level : float, above 0 and below 1

    Returns
    -------
    float, in the unit of the errors; infinite with too few participants for the level

    Raises
    ------
    InputError : a level outside 0 to 1, or an error that is not finite
    """
    _check_level(level)
    magnitudes = np.abs(np.asarray(errors, float))
    if not np.isfinite(magnitudes).all():
        raise InputError(
            "The held-out residuals have a row without a finite error; expected numbers: write them again."
        )
    _, person, rows = np.unique(np.asarray(participants), return_inverse=True, return_counts=True)
    order = np.argsort(magnitudes)
    mass = np.cumsum(1 / rows[person][order]) / (rows.size + 1)
    place = np.searchsorted(mass, level - _TOLERANCE)
    return float(magnitudes[order][place]) if place < mass.size else np.inf


def interval(
    predicted: float,
    residuals: pd.DataFrame,
    quantity: str,
    level: float,
    size: str | None = None,
    group: str | None = None,
) -> Interval:
    """Return the interval of one predicted value. The head of this module says what it promises.

    Parameters
    ----------
    predicted : float, NaN gives bounds of NaN
    residuals : DataFrame, of :func:`myelosketch.evaluation.residuals.held_out_residuals`
    quantity, level, size, group : as in :func:`calibrate`

    Returns
    -------
    Interval : percentages are cut to 0 to 100
    """
    found = calibrate(residuals, quantity, level, size=size, group=group)
    low, high = bounds(predicted, found.radius, quantity)
    return Interval(float(low), float(high), found.level, found.n_participants, found.note)


def bounds(predicted: ArrayLike, radius: float, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper bounds, float arrays like ``predicted``. Percentages are cut to 0 to 100."""
    centre = np.asarray(predicted, float)
    ends = centre - radius, centre + radius
    if not quantity.startswith("pct"):
        return ends
    low, high = (np.clip(end, 0, 100) for end in ends)
    return low, high


def calibrate(
    residuals: pd.DataFrame, quantity: str, level: float, *, size: str | None = None, group: str | None = None
) -> Calibration:
    """Return the half width of the intervals of one kind of value, from the residuals of the same kind.

    Parameters
    ----------
    residuals : DataFrame, of :func:`myelosketch.evaluation.residuals.held_out_residuals`
    quantity : str, as there
    level : float, above 0 and below 1. With too few participants the highest possible level is in force
    size : size class of a lesion. If too few participants have such a lesion, lesions of all sizes count
    group : "MS" or "HC". None (unknown) counts as a patient. Without a participant of the group, all participants
        count

    Returns
    -------
    Calibration : NaN if there is no participant

    Raises
    ------
    InputError : as in :func:`conformal_radius`
    """
    _check_level(level)
    column = {name: residuals[name].to_numpy() for name in residuals.columns}
    chosen = column["quantity"] == quantity
    group, notes = group or "MS", []
    if (of_group := chosen & (column["group"] == group)).any():
        chosen = of_group
    elif chosen.any():
        notes.append(f"no participant of group {group}: all participants together")
    if size is not None:
        of_size = chosen & (column["size"] == size)
        n = len(set(column["participant"][of_size]))
        if level <= highest_level(n) + _TOLERANCE:
            chosen = of_size
        else:
            notes.append(f"{_count(n, 'has', 'have')} lesions of this size: lesions of all sizes together")
    pooled = bool(notes)
    participants = column["participant"][chosen]
    if not (n := len(set(participants))):
        return Calibration(np.nan, np.nan, 0, pooled, "no participant to calibrate on")
    in_force = min(level, highest_level(n))
    if in_force < level - _TOLERANCE:
        notes.append(f"{_count(n, 'allows', 'allow')} a level of at most {percent(in_force)}")
    errors = (column["predicted"] - column["true"])[chosen]
    radius = conformal_radius(errors, participants, in_force)
    return Calibration(radius, in_force, n, pooled, "; ".join(notes))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(
            f"The level of an interval is {level:g}; expected a number between 0 and 1, such as 0.9."
        )


def percent(level: float) -> str:
    """Return a level as text, rounded down to whole percent so that it does not promise more: 5 / 6 is ``83 %``."""
    return f"{int(100 * level + _TOLERANCE)} %"


def _count(n: int, one: str, several: str) -> str:
    return f"{n} participant {one}" if n == 1 else f"{n} participants {several}"
