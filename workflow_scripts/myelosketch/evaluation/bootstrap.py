"""Intervals by bootstrap over subjects.

The subject is the unit, never the voxel or the lesion. Intervals are *expanded percentile* intervals
(Hesterberg 2015, The American Statistician 69:371, section 4): the percentile interval of a mean is too
narrow in small samples by the factor sqrt((n - 1) / n) and by using the normal instead of Student's
distribution, so the percentiles are moved outwards to Phi(-sqrt(n / (n - 1)) t). With 18 patients this brings
the coverage of nominal 95 % from about 92 % to about 95 % for symmetric data. This is our choice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from myelosketch.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MIN_DRAWS = 1000


@lru_cache(maxsize=64)
def _draws(n: int, draws: int, seed: int) -> np.ndarray:
    """Return how often each of n subjects is drawn, (draws, n) float64.

    A seed has one table for all methods and metrics, so that differences between methods are paired."""
    generator = np.random.default_rng([seed, n])
    counts = generator.multinomial(n, np.full(n, 1 / n), size=draws).astype(float)
    counts.setflags(write=False)
    return counts


def subject_draws(n: int, *, draws: int, seed: int) -> np.ndarray:
    """Draw resamples of n subjects with replacement, as counts.

    Parameters
    ----------
    n : int, subjects, at least 1
    draws : int, number of resamples, at least 1000
    seed : int

    Returns
    -------
    float array (draws, n), read-only; each row sums to n

    Raises
    ------
    InputError : too few resamples for the percentiles
    """
    if draws < MIN_DRAWS:
        raise InputError(f"evaluation.bootstrap is {draws}; expected at least {MIN_DRAWS} resamples.")
    return _draws(int(n), int(draws), int(seed))


def expanded_levels(n: int, alpha: float) -> tuple[float, float]:
    """Return the lower and upper percentile of the expanded interval.

    Parameters
    ----------
    n : int, subjects, at least 2
    alpha : float, 0.05 for a 95 % interval

    Returns
    -------
    (float, float), 0 to 1
    """
    lower = stats.norm.cdf(-np.sqrt(n / (n - 1)) * stats.t.ppf(1 - alpha / 2, n - 1))
    return float(lower), float(1 - lower)


def interval(replicates: np.ndarray, n: int, alpha: float) -> tuple[float, float]:
    """Return the expanded percentile interval of bootstrap replicates.

    Parameters
    ----------
    replicates : float array (draws,). NaN marks resamples in which the statistic does not exist; they are left out
    n : int, subjects
    alpha : float

    Returns
    -------
    (float, float), NaN for fewer than 3 subjects or if more than a tenth of the resamples is NaN (our choice)
    """
    valid = replicates[np.isfinite(replicates)]
    if n < 3 or valid.size < 0.9 * replicates.size:
        return np.nan, np.nan
    low, high = np.quantile(valid, expanded_levels(n, alpha))
    return float(low), float(high)


def mean_interval(
    values: np.ndarray | pd.Series, *, draws: int, seed: int, alpha: float
) -> tuple[float, float, float, int]:
    """Return the mean over subjects with its interval.

    Parameters
    ----------
    values : float array (n,), one value per subject; NaN and infinite values are left out
    draws, seed : int
    alpha : float

    Returns
    -------
    (mean, low, high, n) : n is the number of subjects with a value. The rest is NaN if there is none
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    n = values.size
    if n == 0:
        return np.nan, np.nan, np.nan, 0
    centre = values.mean()
    # centred, so that equal values give an interval of width exactly 0
    replicates = centre + subject_draws(n, draws=draws, seed=seed) @ (values - centre) / n
    return float(centre), *interval(replicates, n, alpha), int(n)


def line_moments(
    x: np.ndarray | pd.Series, y: np.ndarray | pd.Series, subjects: np.ndarray | pd.Series
) -> np.ndarray:
    """Return per-subject sums from which a pooled slope and correlation follow, for a bootstrap over subjects.

    Parameters
    ----------
    x, y : float arrays (m,), one value per lesion
    subjects : array (m,), the subject of each lesion

    Returns
    -------
    float array (n_subjects, 6): count, sums of x, y, x², xy, y². Subjects are in sorted order. x and y are centred
    for numerical accuracy; slope and correlation do not depend on it
    """
    x = np.asarray(x, float)
    y = np.asarray(y, float)
    if not x.size:
        return np.zeros((0, 6))
    x = x - x.mean()
    y = y - y.mean()
    names, index = np.unique(np.asarray(subjects), return_inverse=True)
    terms = (np.ones_like(x), x, y, x * x, x * y, y * y)
    return np.column_stack([np.bincount(index, term, len(names)) for term in terms])


def slope_and_correlation(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slope of y on x and Pearson r, from summed moments.

    Parameters
    ----------
    moments : float array (..., 6), sums over the subjects of :func:`line_moments`

    Returns
    -------
    (slope, r) : float arrays (...), NaN where x (for r also y) does not vary
    """
    n, sx, sy, sxx, sxy, syy = np.moveaxis(np.asarray(moments, float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        vx = sxx - sx**2 / n
        vy = syy - sy**2 / n
        cxy = sxy - sx * sy / n
        no_x = ~(vx > 1e-12 * n)
        no_y = ~(vy > 1e-12 * n)
        slope = np.where(no_x, np.nan, cxy / vx)
        r = np.where(no_x | no_y, np.nan, cxy / np.sqrt(vx * vy))
    return slope, np.clip(r, -1, 1)


def icc_of_moments(moments: np.ndarray, shift: float) -> np.ndarray:
    """Return ICC(2,1), absolute agreement of two raters (Shrout and Fleiss 1979), from summed moments.

    Parameters
    ----------
    moments : float array (..., 6), sums over the subjects of :func:`line_moments`
    shift : float, mean of y minus mean of x, which the centred moments no longer contain

    Returns
    -------
    float array (...), NaN where the pairs do not differ
    """
    n, sx, sy, sxx, sxy, syy = np.moveaxis(np.asarray(moments, float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        vx, vy, cxy = sxx - sx**2 / n, syy - sy**2 / n, sxy - sx * sy / n
        # mean squares: rows, columns, residual
        rows = (vx + vy + 2 * cxy) / 2 / (n - 1)
        columns = n * ((sy - sx) / n + shift) ** 2 / 2
        error = np.clip(vx + vy - 2 * cxy, 0, None) / (n - 1) / 2
        below = rows + error + 2 * (columns - error) / n
        return np.where((rows > 1e-12) & (below > 0), (rows - error) / below, np.nan)
