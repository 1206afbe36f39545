"""Sentences of the report: which method is best by each score, and what was inspected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.reporting.display import ladder_order, method_name
from myelosketch.reporting.figures.comparison import differences_to
from myelosketch.reporting.pages.intake import ORDER, status
from myelosketch.reporting.source_tables import NothingToDrawError, table_to_draw
from myelosketch.reporting.tables.methods import metric_rows, read_summary
from myelosketch.reporting.tables.text import interval, number

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

REFERENCE = "refiner"  # the paper's method; summary.tsv holds the differences to it
# baselines without a network, as they are or recalibrated
BASELINES = ("ridgevoxel", "ridgemeans", "trees")


def findings(run: RunFolder, *, k: float, alpha: float) -> list[str]:
    """Return sentences about the best method by each score, from summary.tsv; none where the table is missing.

    Parameters
    ----------
    run : RunFiles or RunFolder
    k : threshold
    alpha : float, for adjusted p

    Returns
    -------
    list of str
    """
    try:
        summary = read_summary(run)
    except (NothingToDrawError, InputError):
        return []
    summary = summary[~summary.method.isin(names.CEILINGS)]
    return [
        *_best(metric_rows(summary, "lesion_mae", None), "lesion MAE", "lowest", ascending=True),
        *_best(
            metric_rows(summary, "lesion_mae_visible", None),
            "lesion MAE to noise-free tissue",
            "lowest",
            ascending=True,
        ),
        *_advantage(run, summary, alpha),
        *_best(metric_rows(summary, "mcc", k), "MCC", "highest", ascending=False),
    ]


def _best(part: pd.DataFrame, metric: str, word: str, *, ascending: bool) -> list[str]:
    """Which method is best by one metric, and which ones tie with the refiner, or how far it is from the best."""
    part = part.dropna(subset=["mean"]).sort_values("mean", ascending=ascending, kind="stable")
    if len(part) < 2:
        return []
    best = part.iloc[0]
    value = number(best["mean"], 3)
    said = f"{method_name(best.method)} has the {word} {metric} of {len(part)} methods ({value})."
    own = part[part.method == REFERENCE]
    if own.empty:
        return [said]
    if best.method == REFERENCE:
        return [f"{said}{_ties(part)}"]
    said += f" {method_name(REFERENCE)} has {number(own['mean'].iloc[0], 3)}"
    if "diff_to_refiner" in part:
        difference, low, high = (
            best.get(name) for name in ("diff_to_refiner", "diff_ci_low", "diff_ci_high")
        )
        said += f"; the difference is {interval(difference, low, high, 3)}"
    return [f"{said}."]


def _ties(part: pd.DataFrame) -> str:
    """Return a sentence on the methods whose difference to the refiner has an interval that holds 0."""
    if "diff_to_refiner" not in part:
        return ""
    low, high = (pd.to_numeric(part[name], errors="coerce") for name in ("diff_ci_low", "diff_ci_high"))
    others = part[(part.method != REFERENCE) & (low <= 0) & (high >= 0)]
    tied = [method_name(method) for method in ladder_order(others.method)]
    return f" Its difference to {', '.join(tied)} may be chance." if tied else ""


def _advantage(run: RunFolder, summary: pd.DataFrame, alpha: float) -> list[str]:
    """Whether refiner and strongest baseline differ in level or in the order of lesion voxels (simulation)."""
    metrics = ("lesion_mae_visible", "lesion_bias", "lesion_r_visible")
    baseline = _strongest_baseline(summary, metrics[0])
    rows = {
        (method, metric): part.iloc[0]
        for method in (REFERENCE, baseline)
        for metric in metrics
        if len(part := metric_rows(summary[summary.method == method], metric, None).dropna(subset=["mean"]))
    }
    if len(rows) < 2 * len(metrics) or "diff_to_refiner" not in summary:
        return []
    error, order = (
        pd.to_numeric(
            rows[baseline, name].drop(["method", "metric", "note"], errors="ignore"), errors="coerce"
        )
        for name in (metrics[0], metrics[2])
    )
    biases = [abs(rows[method, metrics[1]]["mean"]) for method in (REFERENCE, baseline)]
    verdict = ("does not clearly have a lower or higher", "has a lower", "has a higher")[
        _direction(run, metrics[0], baseline, alpha)
    ]
    level = "nearer" if biases[0] < biases[1] else "not nearer"
    better = ("not clearly better or worse", "worse", "better")[_direction(run, metrics[2], baseline, alpha)]
    return [
        f"Against noise-free tissue, {method_name(REFERENCE)} {verdict} lesion error than {method_name(baseline)} "
        f"(difference {interval(-error['diff_to_refiner'], -error['diff_ci_high'], -error['diff_ci_low'], 3)}). "
        f"Its level is {level} (bias {number(rows[REFERENCE, metrics[1]]['mean'], 3)} against "
        f"{number(rows[baseline, metrics[1]]['mean'], 3)}) and its order of the voxels is {better} "
        f"(r {number(rows[REFERENCE, metrics[2]]['mean'])} against {number(order['mean'])})."
    ]


def _direction(run: RunFolder, metric: str, other: str, alpha: float) -> int:
    """Return 1 if the score of another method is surely higher than the refiner's, -1 if lower, 0 if neither.

    Sure is a difference whose interval excludes 0 and whose p, adjusted for all pairs of methods, is below alpha."""
    try:
        pairs = differences_to(run.path("evaluation/comparisons.tsv"), REFERENCE)
    except InputError:
        return 0
    rows = pairs[(pairs.metric == metric) & (pairs.method == other) & (pairs.p_adjusted < alpha)]
    return int((rows.ci_low > 0).any()) - int((rows.ci_high < 0).any())


def _strongest_baseline(summary: pd.DataFrame, metric: str) -> str:
    """Return the method of :data:`BASELINES` with the lowest error, blank if none was run."""
    part = metric_rows(summary, metric, None).dropna(subset=["mean"])
    part = part[part.method.str.removesuffix("recal").isin(BASELINES)]
    return "" if part.empty else str(part.loc[part["mean"].idxmin(), "method"])


def cohort_sentences(run: RunFolder, *, flair: Sequence[str]) -> list[str]:
    """Return sentences about the inspection of the input files and about lesions that no reader drew.

    Parameters
    ----------
    run : RunFiles or RunFolder
    flair : scans whose lesions were found on their FLAIR

    Returns
    -------
    list of str
    """
    said = []
    try:
        intake = table_to_draw(run.path("cohort/intake.tsv"), ("scan", "verdict", "accepted"))
        statuses = [status(rows) for _, rows in intake.groupby("scan")]
        counts = [f"{statuses.count(word)} {word}" for word in ORDER if word in statuses]
        said.append(f"{len(statuses)} scans were inspected before the run: {', '.join(counts)}.")
    except (NothingToDrawError, InputError):
        pass
    if flair:
        said.append(
            f"Lesions of {len(flair)} scan{'s' * (len(flair) > 1)} were found on the FLAIR by a classical method, "
            f"not drawn by a reader: {', '.join(flair)}."
        )
    return said
