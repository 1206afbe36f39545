"""Mean of every metric over subjects with its interval, and its paired difference from the refiner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.evaluation.bootstrap import (
    icc_of_moments,
    interval,
    line_moments,
    mean_interval,
    slope_and_correlation,
    subject_draws,
)
from myelosketch.evaluation.voxelwise import VISIBLE_COLUMNS
from myelosketch.io.provenance import provenance, write_json
from myelosketch.io.tables import read_table, write_table

COLUMNS = (
    *("method", "metric", "k", "mean", "ci_low", "ci_high", "n"),
    *("diff_to_refiner", "diff_ci_low", "diff_ci_high", "note"),
)
REFERENCE_METHOD = "refiner"


@dataclass(frozen=True)
class Metric:
    """Source of a metric: ``table`` and ``column``, for ``voxelwise`` also ``region``.

    ``better`` is ``lower``, ``higher`` or the ideal value."""

    name: str
    table: str
    column: str
    region: str | None = None
    better: str = "lower"


METRICS = (
    Metric("lesion_mae", "voxelwise", "mae", "lesion"),
    Metric("lesion_mae_visible", "voxelwise", "mae_visible", "lesion"),
    Metric("lesion_r_visible", "voxelwise", "r_visible", "lesion", "higher"),
    Metric("nawm_mae", "voxelwise", "mae", "nawm"),
    Metric("other_mae", "voxelwise", "mae", "other"),
    Metric("brain_mae", "voxelwise", "mae", "brain"),
    Metric("lesion_bias", "voxelwise", "bias", "lesion", "0"),
    Metric("nawm_bias", "voxelwise", "bias", "nawm", "0"),
    Metric("lesion_voxel_slope", "voxelwise", "slope", "lesion", "1"),
    Metric("nawm_voxel_slope", "voxelwise", "slope", "nawm", "1"),
    Metric("lesion_pearson_r", "voxelwise", "pearson_r", "lesion", "higher"),
    Metric("brain_psnr", "voxelwise", "psnr", "brain", "higher"),
    Metric("brain_ssim", "voxelwise", "ssim", "brain", "higher"),
    Metric("lesion_ssim", "voxelwise", "ssim", "lesion", "higher"),
    Metric("dice", "demyelination", "dice", better="higher"),
    Metric("trivial_dice", "demyelination", "trivial_dice", better="higher"),
    Metric("dice_minus_trivial", "demyelination", "dice_minus_trivial", better="higher"),
    Metric("dice_not_demyelinated", "demyelination", "dice_not_demyelinated", better="higher"),
    Metric("mcc", "demyelination", "mcc", better="higher"),
    Metric("kappa", "demyelination", "kappa", better="higher"),
    Metric("auc", "demyelination", "auc", better="higher"),
    Metric("pct_true", "demyelination", "pct_true", better="-"),
    Metric("pct_bias", "demyelination", "pct_bias", better="0"),
    Metric("pct_abs_error", "demyelination", "pct_abs_error"),
    Metric("lesion_slope", "lesions", "slope", better="1"),
    Metric("lesion_mean_r", "lesions", "r", better="higher"),
    Metric("lesion_icc", "lesions", "icc", better="higher"),
)
METRIC = {metric.name: metric for metric in METRICS}


def summarise(
    paths: Mapping[str, str | Path],
    output: str | Path,
    sidecar: str | Path,
    *,
    methods: Sequence[str],
    k: float,
    bootstrap: int,
    alpha: float,
    seed: int,
) -> pd.DataFrame:
    """Summarise the gathered tables of all scans.

    Parameters
    ----------
    paths : dict, ``voxelwise``, ``demyelination``, ``lesions`` -> TSV
    output : path of ``summary.tsv``
    sidecar : path of ``summary.json``: k, resamples, level, and whether higher or lower is better for each metric
    methods : list of str, methods and ceilings in the order of the rows. A method without a scan gets n/a and the
        reason
    k : float, the configured threshold
    bootstrap : int, resamples over subjects; alpha : float; seed : int

    Returns
    -------
    pandas.DataFrame : :data:`COLUMNS`, one row per method, metric and (for demyelination) k
    """
    tables = {name: read_scores(path) for name, path in paths.items()}
    options: dict[str, Any] = {"draws": int(bootstrap), "seed": int(seed), "alpha": float(alpha)}
    summary = summarise_tables(tables, methods=methods, **options)
    write_table(summary, output)
    parameters = {"k": k, "reference_method": REFERENCE_METHOD} | options
    parameters["interval"] = "expanded percentile, bootstrap over subjects"
    better = {metric.name: metric.better for metric in METRICS}
    write_json(sidecar, provenance(sources=list(paths.values()), parameters=parameters, Better=better))
    return summary


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a gathered table: names as text, scores as numbers."""
    names = {
        "method",
        "scan",
        "subject",
        "group",
        "region",
        "size",
        "place",
        "kind",
        "axis",
        "value",
        "metric",
    }
    header = read_table(path)
    return read_table(path, numeric=[column for column in header.columns if column not in names])


def summarise_tables(
    tables: Mapping[str, pd.DataFrame], *, methods: Sequence[str], draws: int, seed: int, alpha: float
) -> pd.DataFrame:
    """Do the same as :func:`summarise` with tables in memory.

    Raises
    ------
    InputError : fewer than 1000 resamples, or a level outside 0 to 1
    """
    if not 0 < alpha < 1:
        raise InputError(f"evaluation.alpha is {alpha}; expected a number between 0 and 1, such as 0.05.")
    rows = []
    for metric in (METRIC[name] for name in known_metrics(METRIC, tables)):
        if metric.table == "lesions":
            rows += _lesion_rows(metric, tables["lesions"], methods, draws=draws, seed=seed, alpha=alpha)
            continue
        values = subject_values(metric, tables)
        for k in sorted(values["k"].unique()) or [np.nan]:
            chosen = values if np.isnan(k) else values[values["k"] == k]
            wide = chosen.pivot(index="subject", columns="method", values="value").sort_index()
            rows += _mean_rows(metric, k, wide, methods, draws=draws, seed=seed, alpha=alpha)
    scored = set(tables["voxelwise"]["method"])
    for row in rows:
        if row["method"] not in scored:
            row["note"] = "no predictions of this method"
    order = {method: i for i, method in enumerate(methods)}
    rows.sort(key=lambda row: order[row["method"]])  # stable: the order of METRICS and k is kept
    return pd.DataFrame(rows, columns=list(COLUMNS))


def known_metrics(names: Iterable[str], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the metrics that the cohort has. Those against noise-free tissue (``visible``) need simulation.

    Parameters
    ----------
    names : keys of :data:`METRIC`
    tables : dict of DataFrame, ``voxelwise`` among them

    Returns
    -------
    list of str
    """
    voxelwise = tables["voxelwise"]
    absent = {name for name in VISIBLE_COLUMNS if name not in voxelwise or voxelwise[name].isna().all()}
    return [name for name in names if METRIC[name].column not in absent]


def subject_values(metric: Metric, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one value per method, subject and k: the mean over the subject's scans.

    Trivial Dice counts only where Dice exists. A patient with two empty masks has no Dice; counting that patient in
    the mean of trivial Dice only would make it easier to beat (our choice).

    Parameters
    ----------
    metric : Metric of ``voxelwise`` or ``demyelination``
    tables : dict of DataFrame

    Returns
    -------
    DataFrame : method, subject, k (NaN where there is none), value (NaN where no scan has one)
    """
    table = tables[metric.table]
    if metric.table == "voxelwise":
        # subjects without the region (a lesion in a control) are left out
        table = table[(table["region"] == metric.region) & (table["n_voxels"] > 0)].assign(k=np.nan)
        values = table[metric.column]
    else:
        derived = {
            "trivial_dice": lambda t: t["trivial_dice"].where(t["dice"].notna()),
            "dice_minus_trivial": lambda t: t["dice"] - t["trivial_dice"],
            "pct_bias": lambda t: t["pct_pred"] - t["pct_true"],
            "pct_abs_error": lambda t: (t["pct_pred"] - t["pct_true"]).abs(),
        }
        values = derived.get(metric.column, lambda t: t[metric.column])(table)
    # an infinite PSNR (a map equal to the truth) has no mean
    values = values.astype(float).replace([np.inf, -np.inf], np.nan)
    keys = [table["method"], table["subject"], table["k"].astype(float)]
    return values.groupby(keys, dropna=False).mean().rename("value").reset_index()


def metric_values(name: str, tables: Mapping[str, pd.DataFrame], k: float) -> pd.DataFrame:
    """Return the values of one metric at one k, with subjects as rows and methods as columns."""
    metric = METRIC[name]
    values = subject_values(metric, tables)
    if metric.table == "demyelination":
        values = values[np.isclose(values["k"].astype(float), k)]
    return values.pivot(index="subject", columns="method", values="value").sort_index()


def _mean_rows(
    metric: Metric, k: float, wide: pd.DataFrame, methods: Sequence[str], **options: Any
) -> list[dict[str, Any]]:
    """Return the rows of one metric. ``wide`` has subjects as rows and methods as columns."""
    rows = []
    for method in methods:
        row: dict[str, Any] = {"method": method, "metric": metric.name, "k": k, "n": 0, "note": None}
        if method not in wide:
            rows.append(row | {"note": "no subject with a value"})
            continue
        values = wide[method].to_numpy()
        row["mean"], row["ci_low"], row["ci_high"], row["n"] = mean_interval(values, **options)
        if method != REFERENCE_METHOD and REFERENCE_METHOD in wide:
            difference = values - wide[REFERENCE_METHOD].to_numpy()
            mean, low, high, _ = mean_interval(difference, **options)
            row |= {"diff_to_refiner": mean, "diff_ci_low": low, "diff_ci_high": high}
        rows.append(row | {"note": _why_missing(row["n"], len(values))})
    return rows


def _why_missing(n: int, total: int) -> str | None:
    """Return the reason why a row, or some of its subjects, has no value."""
    notes = []
    if n < total:
        reasons = "no lesion, nothing demyelinated, one class only, or constant"
        notes.append(f"no value in {total - n} of {total} subjects ({reasons})")
    if n < 3:
        notes.append("no interval below 3 subjects")
    return "; ".join(notes) or None


def _of_lesions(column: str, moments: np.ndarray, shift: float) -> np.ndarray:
    """Return ``slope``, ``r`` or ``icc`` of summed moments of predicted and true means."""
    if column == "icc":
        return icc_of_moments(moments, shift)
    return slope_and_correlation(moments)[("slope", "r").index(column)]


def _lesion_rows(
    metric: Metric, lesions: pd.DataFrame, methods: Sequence[str], *, draws: int, seed: int, alpha: float
) -> list[dict[str, Any]]:
    """Return the calibration slope (true on predicted lesion means), Pearson r or ICC. Subjects are resampled."""
    estimates, replicates, sizes = {}, {}, {}
    for method in methods:
        table = lesions[lesions["method"] == method].sort_values(["subject", "scan", "lesion"], kind="stable")
        moments = line_moments(table["mean_dvr_pred"], table["mean_dvr_true"], table["subject"])
        sizes[method] = len(moments), len(table)
        if not len(moments):
            estimates[method], replicates[method] = np.nan, np.full(draws, np.nan)
            continue
        shift = float((table["mean_dvr_true"] - table["mean_dvr_pred"]).mean())
        estimates[method] = float(_of_lesions(metric.column, moments.sum(axis=0), shift))
        resampled = subject_draws(len(moments), draws=draws, seed=seed) @ moments
        replicates[method] = _of_lesions(metric.column, resampled, shift)
    rows = []
    for method in methods:
        n, count = sizes[method]
        row: dict[str, Any] = {
            "method": method,
            "metric": metric.name,
            "k": np.nan,
            "mean": estimates[method],
            "n": n,
        }
        row["ci_low"], row["ci_high"] = interval(replicates[method], n, alpha)
        if method != REFERENCE_METHOD and n and sizes.get(REFERENCE_METHOD, (0, 0)) == (n, count):
            row["diff_to_refiner"] = estimates[method] - estimates[REFERENCE_METHOD]
            difference = replicates[method] - replicates[REFERENCE_METHOD]
            row["diff_ci_low"], row["diff_ci_high"] = interval(difference, n, alpha)
        row["note"] = f"{count} lesions" if n else "no lesion of the minimum size"
        if n and np.isnan(estimates[method]):
            row["note"] += "; the lesions' means do not vary"
        rows.append(row)
    return rows
