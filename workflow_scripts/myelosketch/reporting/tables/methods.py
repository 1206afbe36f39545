"""Tables of the ladder: every method and ceiling next to the score of a guess, and comparisons of methods."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pandas as pd

from myelosketch.io import names
from myelosketch.learning.ladder import base_of
from myelosketch.reporting.display import VISIBLE_WORDS, ladder_order, method_name, metric_name
from myelosketch.reporting.source_tables import NothingToDrawError, table_to_draw
from myelosketch.reporting.tables.text import (
    HtmlTable,
    has_notes,
    interval,
    number,
    or_reason,
    p_value,
    remark,
    why_missing,
    with_n,
)

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

SUMMARY_COLUMNS = ("method", "metric", "k", "mean", "ci_low", "ci_high", "n")
LONG = 12  # a table with more rows than this is folded
# shorter names of metrics in column headings
HEADS = {
    "lesion_mean_r": "r of lesion means",
    "lesion_mae_visible": "Error to noise-free tissue (DVR)",
    "lesion_r_visible": "r with noise-free tissue",
    "trivial_dice": "Trivial Dice",
    "dice_minus_trivial": "Dice \u2212 trivial",
    "auc": "ROC AUC",
    "pct_true": "True (%)",
    "pct_bias": "Bias (points)",
    "pct_abs_error": "Absolute error (points)",
}
# metrics that depend on k
AT_K = (
    *("dice", "trivial_dice", "dice_minus_trivial", "dice_not_demyelinated", "mcc", "kappa", "auc"),
    *("pct_true", "pct_bias", "pct_abs_error"),
)
# shown first in a measured cohort, where the noise-free truth is unknown: PET is most repeatable in lesion means
LESION_LEVEL = ("lesion_mean_r", "lesion_icc")
# metrics of a simulated cohort
AGAINST_VISIBLE = ("lesion_mae_visible", "lesion_r_visible")
BY_BOTH, BY_MCC, BY_DICE, NO = "yes, by Dice and MCC", "by MCC only", "by Dice only", "no"


def metric_head(metric: str) -> str:
    """Return the name of a metric for a column heading. An unknown metric keeps its name."""
    return HEADS.get(metric) or metric_name(metric)


def digits_of(metric: str) -> int:
    """Return the number of decimals of a metric: DVR to 0.001, percentages to 0.1, all others to 0.01."""
    name = metric_head(metric)
    return 3 if "(DVR)" in name else 1 if "%" in name or "points" in name else 2


@or_reason("Every method and ceiling")
def glance_table(run: RunFolder, *, k: float) -> HtmlTable:
    """Return errors, bias, correlation, MCC, Dice and trivial Dice of each method, ceilings last."""
    return _glance(read_summary(run), "Every method and ceiling", k)


def external_table(run: RunFolder, *, k: float) -> HtmlTable | None:
    """Return the same at external sites, by models of all internal scans. None without such a site."""
    if not run.path("evaluation/external/summary.tsv").is_file():
        return None
    return _external(run, k=k)


@or_reason("At external sites")
def _external(run: RunFolder, *, k: float) -> HtmlTable:
    return _glance(read_summary(run, "external/summary.tsv"), "At external sites", k)


def _glance(summary: pd.DataFrame, title: str, k: float) -> HtmlTable:
    known = [name for name in AGAINST_VISIBLE if name in set(summary.metric)]
    metrics = ["lesion_mae", *known] if known else [*LESION_LEVEL, "lesion_mae"]
    metrics += ["lesion_bias", "lesion_slope", "mcc", "dice", "trivial_dice"]
    shown = pd.concat([metric_rows(summary, name, k if name in AT_K else None) for name in metrics])
    most = shown.groupby("method").n.max().reindex(summary.method.dropna().unique())
    rows = [
        [
            laddered_name(method),
            better_than_trivial(summary, method, k),
            number(most[method], 0) if most[method] > 0 else "n/a",
            *(_summary_cell(summary, method, metric, k, n=most[method]) for metric in metrics),
        ]
        for method in ladder_order(summary.method.dropna().unique())
    ]
    if not rows:
        raise NothingToDrawError("summary.tsv names no method.")
    header = ["Method", "Better than trivial", "n", *map(metric_head, metrics)]
    note = (
        "Mean over n patients (or the n in the cell), with its interval by bootstrap over patients; r, ICC and "
        f"slope of lesion means are over all lesions. Demyelinated: DVR below mean \u2212 {k:g} SD of healthy white "
        "matter. Trivial Dice: every lesion voxel called demyelinated. Better than trivial: the intervals of "
        "Dice \u2212 trivial and of MCC are above 0. MCC: 0 is chance, 1 is perfect. Bias: predicted \u2212 true DVR "
        "of the lesion voxels. Slope of true on predicted mean DVR of the lesions: 1 is ideal, 0 means no relation. "
        "A low MAE alone says little: predicting the mean of all lesions gives a low MAE too."
    )
    if known:
        note += (
            f" Noise-free tissue: {VISIBLE_WORDS}. It bounds the squared error only: Dice, MCC or AUC of a method "
            "may be higher. The error to it is the error of the method without PET noise and without what "
            "leaves no trace in MRI. The correlation with it says whether voxels are in the right order, "
            "whatever the level."
        )
    if any(base_of(method) for method in shown.method):
        note += " A recalibrated method also uses the lesion mask. The others use the maps only."
    note += why_missing(shown, "mean")
    return HtmlTable(title, header, rows, note, text_columns=2)


def laddered_name(method: str) -> str:
    """Return the display name of a method in a ladder, with a mark before a reference or ceiling.

    A second PET is a reference, not a ceiling: a method can be nearer to the first PET than the second PET is.
    """
    if method not in names.CEILINGS:
        return method_name(method)
    return f"{'Reference' if method == 'rescan' else 'Ceiling'}: {method_name(method)}"


def better_than_trivial(summary: pd.DataFrame, method: str, k: float) -> str:
    """Say whether a method finds demyelinated voxels better than calling every lesion voxel demyelinated does.

    Parameters
    ----------
    summary : table of :func:`read_summary`
    method : str
    k : threshold

    Returns
    -------
    str : yes if the intervals of Dice minus trivial Dice and of MCC are above 0, by one of them only, no, or n/a if
        neither has an interval
    """
    lows = {}
    for metric in ("dice_minus_trivial", "mcc"):
        part = metric_rows(summary[summary.method == method], metric, k).dropna(subset=["ci_low"])
        lows[metric] = part.ci_low.iloc[0] if len(part) else None
    if all(low is None for low in lows.values()):
        return "n/a"
    by_dice, by_mcc = (low is not None and low > 0 for low in lows.values())
    return {(True, True): BY_BOTH, (False, True): BY_MCC, (True, False): BY_DICE}.get((by_dice, by_mcc), NO)


@or_reason("Scores of the demyelinated lesion voxels")
def demyelination_table(run: RunFolder, *, k: float) -> HtmlTable:
    """Return every score of the demyelinated voxels at k, by method."""
    summary = read_summary(run)
    metrics = [metric for metric in AT_K if len(metric_rows(summary, metric, k))]
    if not metrics:
        raise NothingToDrawError(f"summary.tsv has no score of demyelinated voxels at k = {k:g}.")
    rows = [
        [
            laddered_name(method),
            *(_summary_cell(summary, method, metric, k) for metric in metrics),
        ]
        for method in ladder_order(summary.method.dropna().unique())
    ]
    note = (
        "Mean over n patients, with its interval by bootstrap over patients. Percentages are shares of a patient's "
        "lesion voxels. Bias: predicted \u2212 true. Absolute error: its size in each patient."
    )
    title = f"Scores of the demyelinated lesion voxels, k = {k:g}"
    return HtmlTable(title, ["Method", *map(metric_head, metrics)], rows, note, folded=True)


@or_reason("Methods compared in pairs")
def comparison_table(run: RunFolder, *, method: str) -> HtmlTable:
    """Return the differences between the shown method and every other, paired by participant."""
    numeric = (
        *("difference", "ci_low", "ci_high", "p_wilcoxon", "p_corrected", "p_adjusted"),
        *("effect_size", "n"),
    )
    needed = ("metric", "method_a", "method_b", *numeric)
    table = table_to_draw(run.path("evaluation/comparisons.tsv"), needed, numeric=numeric)
    pairs = len(table.drop_duplicates(["method_a", "method_b"]))
    table = table[(table.method_a == method) | (table.method_b == method)]
    if table.empty:
        raise NothingToDrawError(f"there is no comparison with {method_name(method)}.")
    noted = has_notes(table)
    rows = [
        [
            metric_head(row["metric"]),
            f"{method_name(row['method_a'])} \u2212 {method_name(row['method_b'])}",
            interval(
                row["difference"], row["ci_low"], row["ci_high"], 1 if digits_of(row["metric"]) == 1 else 3
            ),
            *(p_value(row[name]) for name in ("p_wilcoxon", "p_corrected", "p_adjusted")),
            number(row["effect_size"]),
            number(row["n"], 0),
            *([remark(row["note"])] if noted else []),
        ]
        for row in table.to_dict("records")
    ]
    header = ["Score", "Difference of", "Difference (interval)", "p, Wilcoxon", "p, resampled", "p, Holm"]
    header += ["Effect size", "n", *(["Note"] if noted else [])]
    note = (
        "Paired by participant over all folds, with intervals by bootstrap over participants. The second p is from "
        "the corrected resampled t-test over folds. The third p is the first, adjusted by Holm over all "
        f"{pairs} pairs of methods of a score. Effect size: mean of the differences over their "
        "SD. All pairs of methods: evaluation/comparisons.tsv."
    )
    return HtmlTable(
        f"{method_name(method)} against every other method", header, rows, note, folded=len(rows) > LONG,
        text_columns=2,
    )  # fmt: skip


@or_reason("Mean ranks")
def rank_table(run: RunFolder) -> HtmlTable:
    """Return the mean rank of every method by each metric over participants, 1 is best."""
    numeric = ("mean_rank", "n", "critical_difference", "friedman_p")
    table = table_to_draw(run.path("evaluation/ranks.tsv"), ("metric", "method", *numeric), numeric=numeric)
    metrics = list(dict.fromkeys(table.metric))
    wide = table.pivot_table(index="method", columns="metric", values="mean_rank", dropna=False)
    rows = [
        [method_name(method), *(number(wide.loc[method].get(metric)) for metric in metrics)]
        for method in ladder_order(wide.index)
    ]
    first = table.drop_duplicates("metric").set_index("metric")
    for label, column, shown in (
        ("n, participants", "n", functools.partial(number, digits=0)),
        ("Critical difference", "critical_difference", number),
        ("p of the Friedman test", "friedman_p", p_value),
    ):
        rows.append([label, *(shown(first[column].get(metric)) for metric in metrics)])
    note = (
        "Ranks within each participant, 1 is best, averaged. If two mean ranks are closer than the critical "
        "difference of Nemenyi's test, these data do not tell the methods apart. This does not show that they are "
        "equal."
    )
    return HtmlTable("Mean ranks", ["Method", *map(metric_head, metrics)], rows, note)


def read_summary(run: RunFolder, file: str = "summary.tsv") -> pd.DataFrame:
    """Read summary.tsv, or external/summary.tsv, with numbers as numbers."""
    return table_to_draw(run.path(f"evaluation/{file}"), SUMMARY_COLUMNS, numeric=SUMMARY_COLUMNS[2:])


def metric_rows(summary: pd.DataFrame, metric: str, at_k: float | None) -> pd.DataFrame:
    """Return the rows of one metric, at one k if it depends on k (else None)."""
    keep = summary.metric == metric
    return summary[keep & ((summary.k - at_k).abs() < 1e-9) if at_k is not None else keep]


def _summary_cell(summary: pd.DataFrame, method: str, metric: str, k: float, n: float | None = None) -> str:
    """Return the mean with its interval, and its n where that is not ``n``.

    Trivial Dice has no interval, because it is a threshold to compare with and not a result."""
    at_k = k if metric in AT_K else None
    part = metric_rows(summary[summary.method == method], metric, at_k)
    if part.empty:
        return "n/a"
    row, digits = part.iloc[0], digits_of(metric)
    mean = number(row["mean"], digits)
    words = mean if metric == "trivial_dice" else interval(row["mean"], row.ci_low, row.ci_high, digits)
    return words if row.n == n else with_n(words, row.n)
