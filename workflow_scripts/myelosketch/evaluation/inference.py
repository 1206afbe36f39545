"""Tests on one value per subject: estimate, interval, p and effect size, or a note why there is none.

Every function returns a dict with the keys of :data:`RESULT`. What cannot be computed is NaN, with the reason
in ``note``. Too few subjects or equal values raise no error.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

RESULT = ("estimate", "ci_low", "ci_high", "statistic", "p", "effect_size", "n", "method", "note")
MIN_SUBJECTS = 3
MAX_EXACT_PAIRS = 50


def _result(**known: Any) -> dict[str, Any]:
    empty = dict.fromkeys(RESULT, np.nan) | {"n": 0, "method": None, "note": None}
    return empty | known


def paired_difference(first: ArrayLike, second: ArrayLike, *, alpha: float = 0.05) -> dict[str, Any]:
    """Test the difference first minus second within subjects.

    The estimate is the mean difference with Student's interval. The test is Wilcoxon's signed-rank test, exact for at
    most 50 subjects without ties or zeros. The effect size is Cohen's d_z (mean / SD of the differences).

    Parameters
    ----------
    first, second : float arrays (n,); subjects where either is NaN are left out
    alpha : float

    Returns
    -------
    dict, see :data:`RESULT`
    """
    difference = np.asarray(first, float) - np.asarray(second, float)
    difference = difference[np.isfinite(difference)]
    n = difference.size
    known = {"n": n, "method": "Wilcoxon signed-rank"}
    if n == 0:
        return _result(**known, note="no subject with both values")
    estimate = float(difference.mean())
    if n < MIN_SUBJECTS:
        return _result(**known, estimate=estimate, note=f"fewer than {MIN_SUBJECTS} subjects")
    low, high = mean_t_interval(difference, alpha)
    known |= {"estimate": estimate, "ci_low": low, "ci_high": high}
    if not difference.any():
        return _result(**known, note="all differences are zero")
    sd = difference.std(ddof=1)
    if sd > 1e-12:
        known["effect_size"] = estimate / sd
    magnitudes = np.abs(difference)
    exact = n <= MAX_EXACT_PAIRS and magnitudes.all() and np.unique(magnitudes).size == n
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # scipy warns of small samples with ties, which the column method states
        test = stats.wilcoxon(difference, method="exact" if exact else "asymptotic")
    known["method"] += " (exact)" if exact else " (normal approximation)"
    note = None if sd > 1e-12 else "all differences are equal, so there is no effect size"
    return _result(**known, statistic=float(test.statistic), p=float(test.pvalue), note=note)


def group_difference(first: ArrayLike, second: ArrayLike, *, alpha: float = 0.05) -> dict[str, Any]:
    """Test the difference first group minus second group.

    The estimate is the difference of means with Welch's interval. The test is Mann–Whitney's U, exact without ties up
    to 10,000 pairs. The effect size is Hedges' g.

    Parameters
    ----------
    first, second : float arrays (n1,), (n2,); NaN are left out
    alpha : float

    Returns
    -------
    dict, see :data:`RESULT`; ``n`` counts both groups
    """
    a, b, known = _two_groups(first, second, "Mann–Whitney U")
    if known["note"]:
        return _result(**known)
    low, high = CompareMeans(DescrStatsW(a), DescrStatsW(b)).tconfint_diff(alpha=alpha, usevar="unequal")
    known |= {"ci_low": float(low), "ci_high": float(high), "effect_size": hedges_g(a, b)}
    pooled = np.concatenate([a, b])
    exact = a.size * b.size <= 10_000 and np.unique(pooled).size == pooled.size
    test = stats.mannwhitneyu(a, b, method="exact" if exact else "asymptotic")
    known["method"] += " (exact)" if exact else " (normal approximation)"
    return _result(**known, statistic=float(test.statistic), p=float(test.pvalue))


def equivalence(first: ArrayLike, second: ArrayLike, *, margin: float, alpha: float = 0.05) -> dict[str, Any]:
    """Test whether the difference of means is within ± margin by two one-sided tests (Schuirmann 1987, Welch's form).

    Parameters
    ----------
    first, second : float arrays (n1,), (n2,); NaN are left out
    margin : float, in the unit of the values
    alpha : float; the interval has the level 1 - 2 alpha, which corresponds to the test

    Returns
    -------
    dict, see :data:`RESULT`; ``p`` is the larger of the two, ``statistic`` its t
    """
    a, b, known = _two_groups(
        first, second, f"TOST (Welch), margin ±{margin:g}, interval of level {1 - 2 * alpha:g}"
    )
    if known["note"]:
        return _result(**known)
    compare = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    p, (lower, upper) = compare.ttost_ind(-margin, margin, usevar="unequal")
    low, high = compare.tconfint_diff(alpha=2 * alpha, usevar="unequal")
    decisive = lower if lower[1] >= upper[1] else upper
    known |= {"ci_low": float(low), "ci_high": float(high), "effect_size": hedges_g(a, b)}
    return _result(**known, statistic=float(decisive[0]), p=float(p))


def _two_groups(
    first: ArrayLike, second: ArrayLike, method: str
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    a, b = (np.asarray(values, float) for values in (first, second))
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    known = {"n": a.size + b.size, "method": method, "note": None}
    if a.size and b.size:
        known["estimate"] = float(np.round(a.mean() - b.mean(), 12))  # equal up to rounding is equal
    if a.size == 0 or b.size == 0:
        known["note"] = "one group is missing"
    elif min(a.size, b.size) < MIN_SUBJECTS:
        known["note"] = f"fewer than {MIN_SUBJECTS} subjects in a group"
    elif max(np.ptp(a), np.ptp(b)) <= 1e-12:
        known["note"] = "no value varies within the groups"
    return a, b, known


def hedges_g(first: np.ndarray, second: np.ndarray) -> float:
    """Return the standardised difference of means with Hedges' correction for small samples (1981)."""
    freedom = first.size + second.size - 2
    variance = ((first.size - 1) * first.var(ddof=1) + (second.size - 1) * second.var(ddof=1)) / freedom
    return float((first.mean() - second.mean()) / np.sqrt(variance) * (1 - 3 / (4 * freedom - 1)))


def mean_t_interval(values: np.ndarray, alpha: float) -> tuple[float, float]:
    """Return Student's interval of a mean."""
    half = stats.t.ppf(1 - alpha / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    return float(values.mean() - half), float(values.mean() + half)


def icc_2_1(ratings: np.ndarray, *, alpha: float = 0.05) -> dict[str, Any]:
    """Return ICC(2,1): two-way random effects, absolute agreement, single rating (Shrout and Fleiss 1979).

    Parameters
    ----------
    ratings : float array (n_subjects, n_raters); subjects with a NaN are left out
    alpha : float; interval as in McGraw and Wong 1996 (table 7, case 2)

    Returns
    -------
    dict, see :data:`RESULT`; ``estimate`` is the ICC and its own effect size, ``statistic`` and ``p`` are the
    F test of ICC = 0
    """
    ratings = np.asarray(ratings, float)
    ratings = ratings[np.isfinite(ratings).all(axis=1)]
    n, k = ratings.shape
    known = {"n": n, "method": "ICC(2,1)"}
    if n < MIN_SUBJECTS:
        return _result(**known, note=f"fewer than {MIN_SUBJECTS} subjects")
    centred = ratings - ratings.mean()
    rows = k * (centred.mean(axis=1) ** 2).sum() / (n - 1)
    columns = n * (centred.mean(axis=0) ** 2).sum() / (k - 1)
    residual = centred - centred.mean(axis=1, keepdims=True) - centred.mean(axis=0, keepdims=True)
    error = (residual**2).sum() / ((n - 1) * (k - 1))
    denominator = rows + (k - 1) * error + k * (columns - error) / n
    if rows <= 1e-15 * max(1.0, float(ratings.mean()) ** 2) or denominator <= 0:
        return _result(**known, note="the subjects do not differ")
    icc = float((rows - error) / denominator)
    known |= {"estimate": icc, "effect_size": icc}
    if error <= 1e-15 * rows:  # raters that differ by a constant at most: no noise to build an interval on
        return _result(
            **known, p=0.0, statistic=np.inf, note="no residual variation, so there is no interval"
        )
    f = rows / error
    p = float(stats.f.sf(f, n - 1, (n - 1) * (k - 1)))
    low, high = _icc_interval(icc, rows, columns, error, n, k, alpha)
    return _result(**known, ci_low=low, ci_high=high, statistic=float(f), p=p)


def _icc_interval(
    icc: float, rows: float, columns: float, error: float, n: int, k: int, alpha: float
) -> tuple[float, float]:
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * error) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    low_f = stats.f.ppf(1 - alpha / 2, n - 1, freedom)
    high_f = stats.f.ppf(1 - alpha / 2, freedom, n - 1)
    spread = k * columns + (k * n - k - n) * error
    low = n * (rows - low_f * error) / (low_f * spread + n * rows)
    high = n * (high_f * rows - error) / (spread + n * high_f * rows)
    return float(low), float(high)


def bland_altman(predicted: ArrayLike, true: ArrayLike, *, alpha: float = 0.05) -> dict[str, Any]:
    """Return the bias (mean of predicted minus true) with its interval and limits of agreement.

    The method is that of Bland and Altman (1986).

    Parameters
    ----------
    predicted, true : float arrays (n,)
    alpha : float, for the interval of the bias; the limits are bias ± 1.96 SD

    Returns
    -------
    dict, see :data:`RESULT`, with ``limit_low`` and ``limit_high``. Test and effect size are those of
    :func:`paired_difference`
    """
    result = paired_difference(predicted, true, alpha=alpha)
    difference = np.asarray(predicted, float) - np.asarray(true, float)
    difference = difference[np.isfinite(difference)]
    half = 1.96 * difference.std(ddof=1) if difference.size >= MIN_SUBJECTS else np.nan
    result["method"] = "Bland–Altman; " + result["method"]
    return result | {"limit_low": result["estimate"] - half, "limit_high": result["estimate"] + half}


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust p values within a family by Holm's step-down method. NaN stay NaN and do not count.

    Parameters
    ----------
    p_values : float array (m,)

    Returns
    -------
    float array (m,)
    """
    p_values = np.asarray(p_values, float)
    adjusted = np.full(p_values.shape, np.nan)
    known = np.isfinite(p_values)
    if known.any():
        adjusted[known] = multipletests(p_values[known], method="holm")[1]
    return adjusted
