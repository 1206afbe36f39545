"""Comparisons of every pair of methods, paired by subject, and the mean ranks of the methods."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.inference import MIN_SUBJECTS, holm, paired_difference
from myelosketch.evaluation.summary import METRICS, known_metrics, metric_values, read_scores
from myelosketch.io.tables import write_table

COMPARED = (
    "lesion_mae",
    "lesion_mae_visible",
    "lesion_r_visible",
    "nawm_mae",
    "brain_mae",
    "dice",
    "mcc",
    "auc",
    "pct_abs_error",
)
COLUMNS = (
    *("metric", "method_a", "method_b", "difference", "ci_low", "ci_high", "p_wilcoxon", "p_corrected"),
    *("p_adjusted", "effect_size", "n", "note"),
)
RANK_COLUMNS = ("metric", "method", "mean_rank", "n", "critical_difference", "friedman_p", "note")
_BETTER = {metric.name: metric.better for metric in METRICS}


def compare_methods(
    tables: Mapping[str, pd.DataFrame],
    *,
    methods: Sequence[str],
    k: float,
    draws: int,
    seed: int,
    alpha: float,
) -> pd.DataFrame:
    """Return the differences of every pair of methods, metric by metric.

    Parameters
    ----------
    tables : dict of DataFrame, ``voxelwise`` and ``demyelination``
    methods : list of str, without ceilings
    k : float, the configured threshold
    draws, seed : int, of the bootstrap over subjects; alpha : float

    Returns
    -------
    DataFrame : :data:`COLUMNS`. ``difference`` is the mean of a minus b over subjects with its bootstrap interval,
        ``p_wilcoxon`` the signed-rank test over subjects, ``p_corrected`` the resampled t-test over folds,
        ``p_adjusted`` Wilcoxon's p adjusted by Holm over the pairs of a metric, ``effect_size`` Cohen's d_z
    """
    folds = tables["voxelwise"].groupby("subject")["fold"].first()
    rows = []
    for name in known_metrics(COMPARED, tables):
        wide = metric_values(name, tables, k).reindex(columns=list(methods))
        for first, second in itertools.combinations(methods, 2):
            difference = (wide[first] - wide[second]).astype(float)
            test = paired_difference(wide[first], wide[second], alpha=alpha)
            _, low, high, _ = mean_interval(difference, draws=draws, seed=seed, alpha=alpha)
            corrected, note = corrected_resampled_test(difference, folds.reindex(wide.index))
            if test["n"] < MIN_SUBJECTS:
                corrected, note = np.nan, None  # the test over subjects gives the reason
            row = {"metric": name, "method_a": first, "method_b": second, "difference": test["estimate"]}
            row |= {"ci_low": low, "ci_high": high, "p_wilcoxon": test["p"], "p_corrected": corrected}
            row |= {name_: test[name_] for name_ in ("effect_size", "n")}
            rows.append(row | {"note": "; ".join(filter(None, (test["note"], note))) or None})
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "p_adjusted"])
    table["p_adjusted"] = table.groupby("metric", sort=False)["p_wilcoxon"].transform(
        lambda p: holm(p.to_numpy(float))
    )
    return table[list(COLUMNS)]


def corrected_resampled_test(differences: ArrayLike, folds: ArrayLike) -> tuple[float, str | None]:
    """Run the corrected resampled t-test over the folds of a cross-validation (Nadeau and Bengio 2003, eq. 9).

    The models of the folds share training subjects, so the variance of the J fold means is too small. It is
    multiplied by 1 / J + n_test / n_train instead of 1 / J. With 3 folds the test has two degrees of freedom and
    little power.

    Parameters
    ----------
    differences : float array (n,), one per subject; NaN are left out
    folds : array (n,), the fold in which each subject is held out

    Returns
    -------
    (p, note) : p is NaN, with the reason, if there are fewer than two folds or the fold means do not differ
    """
    differences, folds = np.asarray(differences, float), np.asarray(folds)
    valid = np.isfinite(differences)
    means = pd.Series(differences[valid]).groupby(folds[valid]).mean().to_numpy()
    if means.size < 2:
        return np.nan, "fewer than 2 folds, so no corrected test"
    variance = means.var(ddof=1)
    if variance <= 1e-24:
        return np.nan, "the folds do not differ, so no corrected test"
    share = 1 / means.size  # share of the subjects that one fold tests
    t = means.mean() / np.sqrt((1 / means.size + share / (1 - share)) * variance)
    return float(2 * stats.t.sf(abs(t), means.size - 1)), None


def rank_methods(
    tables: Mapping[str, pd.DataFrame], *, methods: Sequence[str], k: float, alpha: float
) -> pd.DataFrame:
    """Return the mean rank of each method over subjects, with Nemenyi's critical difference (Demšar 2006).

    Rank 1 is the best. Subjects take the role of Demšar's data sets. Subjects of one fold share their models, so the
    p of Friedman's test is a little too small.

    Parameters
    ----------
    tables, methods, k, alpha : as in :func:`compare_methods`

    Returns
    -------
    DataFrame : :data:`RANK_COLUMNS`
    """
    rows = []
    for name in known_metrics(COMPARED, tables):
        wide = metric_values(name, tables, k).reindex(columns=list(methods)).astype(float)
        scored = [method for method in methods if wide[method].notna().any()]
        complete = wide[scored].dropna()
        n, count = complete.shape
        shared = {"metric": name, "n": n, "critical_difference": np.nan, "friedman_p": np.nan, "note": None}
        if n < MIN_SUBJECTS or count < 2:
            shared["note"] = f"fewer than {MIN_SUBJECTS} subjects" if count >= 2 else "fewer than 2 methods"
            rows += [shared | {"method": method} for method in methods]
            continue
        ascending = -1 if _BETTER[name] == "higher" else 1
        # differences in the last digits are rounding errors
        ranks = stats.rankdata(np.round(ascending * complete.to_numpy(), 9), axis=1)
        shared["critical_difference"] = nemenyi_difference(count, n, alpha)
        if count < 3:
            shared["note"] = "Friedman's test needs 3 methods"
        elif np.ptp(ranks):
            shared["friedman_p"] = float(stats.friedmanchisquare(*ranks.T).pvalue)
        else:
            shared["note"] = "all methods tie in every subject"
        means = dict(zip(scored, ranks.mean(axis=0), strict=True))
        for method in methods:
            row = shared | {"method": method, "mean_rank": means.get(method, np.nan)}
            if method not in means:
                row["note"] = "no predictions of this method, or no value"
            rows.append(row)
    return pd.DataFrame(rows, columns=list(RANK_COLUMNS))


def nemenyi_difference(count: int, n: int, alpha: float) -> float:
    """Return the smallest difference of two mean ranks that Nemenyi's test calls significant.

    Parameters
    ----------
    count : int, methods; n : int, subjects; alpha : float

    Returns
    -------
    float
    """
    quantile = stats.studentized_range.ppf(1 - alpha, count, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(count * (count + 1) / (6 * n)))


def write_comparisons(
    paths: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    methods: Sequence[str],
    k: float,
    bootstrap: int,
    seed: int,
    alpha: float,
) -> None:
    """Write ``comparisons.tsv`` and ``ranks.tsv``.

    Parameters
    ----------
    paths : dict, ``voxelwise`` and ``demyelination`` -> TSV
    outputs : dict, ``comparisons`` and ``ranks`` -> TSV
    methods, k, seed, alpha : as in :func:`compare_methods`; bootstrap : int, resamples
    """
    tables = {name: read_scores(path) for name, path in paths.items()}
    shared: dict[str, Any] = {"methods": methods, "k": k, "alpha": float(alpha)}
    write_table(
        compare_methods(tables, draws=int(bootstrap), seed=int(seed), **shared), outputs["comparisons"]
    )
    write_table(rank_methods(tables, **shared), outputs["ranks"])
