"""Five sentences in plain words at the top of the report, from the tables of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.reporting.display import ladder_order, method_name
from myelosketch.reporting.figures.comparison import differences_to
from myelosketch.reporting.source_tables import NothingToDrawError
from myelosketch.reporting.tables.methods import (
    BY_BOTH,
    BY_DICE,
    BY_MCC,
    SUMMARY_COLUMNS,
    better_than_trivial,
    metric_rows,
    read_summary,
)
from myelosketch.reporting.tables.text import number, p_value

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

# the baselines that a method must beat, by themselves or recalibrated
TRIVIAL, LINEAR = "template", ("ridgevoxel", "ridgemeans")


def read_first(run: RunFolder, facts: Mapping[str, Any]) -> list[str]:
    """Return five sentences that answer what a reader asks first.

    They say who was measured, whether the best method beats the simple ones, how far it is from what can be reached,
    whether demyelinated voxels are found, and what must not be concluded.

    Parameters
    ----------
    run : RunFiles or RunFolder
    facts : dict, what the report states (see :func:`myelosketch.reporting.pages.report.write_report`)

    Returns
    -------
    list of str, five
    """
    try:
        summary = read_summary(run)
    except (NothingToDrawError, InputError):
        summary = pd.DataFrame(columns=SUMMARY_COLUMNS)
    methods = summary[~summary.method.isin(names.CEILINGS)]
    metric = "lesion_mae_visible" if (methods.metric == "lesion_mae_visible").any() else "lesion_mae"
    best = _lowest(methods, metric)
    return [
        _who(facts),
        _against_simple(run, methods, metric, best, alpha=facts["alpha"]),
        _against_limits(summary, best, simulated=facts["simulated"]),
        _demyelinated(methods, facts["k"]),
        _not_concluded(best, facts),
    ]


def _who(facts: Mapping[str, Any]) -> str:
    """Whether people were measured, and how many."""
    n, controls = facts["n_patients"], facts["n_controls"]
    people = f"{n} patient{'s' * (n != 1)} and {controls} control{'s' * (controls != 1)}"
    said = (
        f"No person was measured: the {people} of this run are simulated"
        if facts["simulated"]
        else f"This run compares predictions with the measured PET of {people}"
    )
    return f"{said}{'; one patient shows nothing about other patients' if n == 1 else ''}."


def _against_simple(run: RunFolder, methods: pd.DataFrame, metric: str, best: str, *, alpha: float) -> str:
    """Whether the method with the lowest lesion error beats the trivial baseline and the linear one."""
    if not best:
        return "Which method is best cannot be said, because this run has no lesion error."
    count = methods[methods.metric == metric].dropna(subset=["mean"]).method.nunique()
    against = "noise-free tissue" if metric == "lesion_mae_visible" else "the PET"
    error = number(_value(methods, best, metric), 3)
    linear = _lowest(methods[methods.method.str.removesuffix("recal").isin(LINEAR)], metric)
    beaten: list[str] = []
    not_beaten: list[str] = []
    for other, kind in ((TRIVIAL, "trivial"), (linear, "linear")):
        if other != best:
            sure, words = _margin(run, metric, best, other, kind, alpha)
            (beaten if sure else not_beaten).append(words)
    is_itself = {TRIVIAL: "is itself the trivial baseline", linear: "is itself a linear baseline"}.get(best)
    good = [is_itself] if is_itself else []
    good += [f"beats {' and '.join(beaten)}"] if beaten else []
    said = [" and ".join(good)] if good else []
    said += [f"does not clearly beat {' or '.join(not_beaten)}"] if not_beaten else []
    return (
        f"{method_name(best)} has the lowest lesion error of {count} method{'s' * (count != 1)} ({error} DVR against "
        f"{against}); it {', but '.join(said)}."
    )


def _margin(run: RunFolder, metric: str, best: str, other: str, kind: str, alpha: float) -> tuple[bool, str]:
    """Whether the paired difference to a baseline is beyond chance, and the baseline with the difference in words."""
    try:
        pairs = differences_to(run.path("evaluation/comparisons.tsv"), best)
    except InputError:
        pairs = pd.DataFrame(columns=["metric", "method", "difference", "ci_low"])
    rows = pairs[(pairs.metric == metric) & (pairs.method == other)].dropna(subset=["difference", "ci_low"])
    if rows.empty:
        name = f", {method_name(other)}" if other else ""
        return False, f"the {kind} baseline{name} (not compared in this run)"
    row = rows.iloc[0]
    sure = row.ci_low > 0 and row.p_adjusted < alpha
    doubt = (
        f"; p\u00a0=\u00a0{p_value(row.p_adjusted)} after correction" if row.ci_low > 0 and not sure else ""
    )
    margin = (
        f"{number(row.difference, 3)} lower, interval {number(row.ci_low, 3)} to {number(row.ci_high, 3)}"
    )
    return sure, f"the {kind} baseline, {method_name(other)} ({margin}{doubt})"


def _against_limits(summary: pd.DataFrame, best: str, *, simulated: bool) -> str:
    """How far the best method is from the ceiling and from a second PET, by its error against the PET."""
    if not simulated:
        return (
            "How far the best method is from what can be reached is not known, because this run has no noise-free "
            "tissue and no second PET to compare with."
        )
    error, ceiling, rescan = (_value(summary, name, "lesion_mae") for name in (best, "visible", "rescan"))
    if not error > 0 or pd.isna(ceiling):
        return (
            "How far the best method is from what can be reached cannot be said, because it or the ceiling has no "
            "lesion error against the PET."
        )
    second = f", and a second PET of the same people has {number(rescan, 3)}" if rescan == rescan else ""
    return (
        f"If the tissue were known exactly, {100 * min(1, ceiling / error):.0f}\u00a0% of the error against the "
        f"noisy PET would remain: {method_name(best)} has a lesion error of {number(error, 3)} DVR, the ceiling "
        f"({method_name('visible').lower()}) has {number(ceiling, 3)}{second}."
    )


def _demyelinated(methods: pd.DataFrame, k: float) -> str:
    """Whether any method finds demyelinated lesion voxels better than chance, and better than calling all so."""
    verdicts = {name: better_than_trivial(methods, name, k) for name in ladder_order(methods.method.dropna())}
    judged = [verdict for verdict in verdicts.values() if verdict != "n/a"]
    at_k = f"k\u00a0=\u00a0{k:g}"
    if not judged:
        return (
            f"Whether any method finds demyelinated lesion voxels ({at_k}) cannot be said, because no score has an "
            "interval."
        )
    by_mcc = sum(verdict in (BY_BOTH, BY_MCC) for verdict in judged)
    by_dice = sum(verdict in (BY_BOTH, BY_DICE) for verdict in judged)
    best = metric_rows(methods, "mcc", k).dropna(subset=["mean"]).nlargest(1, "mean")
    mcc = "".join(
        f"; highest MCC: {method_name(row.method)}, {number(row.mean)}, interval {number(row.ci_low)} to "
        f"{number(row.ci_high)}"
        for row in best[["method", "mean", "ci_low", "ci_high"]].itertuples()
    )
    return (
        f"{_count(by_mcc, len(judged)).capitalize()} demyelinated lesion voxels better than chance ({at_k}{mcc}), "
        f"{'and' if bool(by_mcc) == bool(by_dice) else 'but'} {_count(by_dice, len(judged))} them better, by Dice, "
        "than a map that calls every lesion voxel demyelinated."
    )


def _count(n: int, total: int) -> str:
    """``3 of 8 methods find``, or ``no method finds``."""
    return f"{n} of {total} methods find{'s' * (n == 1)}" if n else "no method finds"


def _not_concluded(best: str, facts: Mapping[str, Any]) -> str:
    """What must not be concluded from this run."""
    if not facts["simulated"]:
        own = " or for any other patient" if facts["n_patients"] == 1 else ""
        return (
            "Do not conclude that a predicted map can replace a PET or guide the care of a patient, or that these "
            f"numbers hold for another scanner{own}."
        )
    extra = (
        f"; {method_name(best)} has learned from simulated people, so its rank here may not hold in real ones"
        if best == "transfer"
        else ""
    )
    return (
        "Do not conclude from this run how well myelin can be predicted in people, and do not compare a score with "
        f"the paper's Dice of 0.83{extra}."
    )


def _lowest(table: pd.DataFrame, metric: str) -> str:
    """Method with the lowest mean of an error; blank where there is none."""
    part = metric_rows(table, metric, None).dropna(subset=["mean"])
    return "" if part.empty else str(part.sort_values("mean", kind="stable").method.iloc[0])


def _value(table: pd.DataFrame, method: str, metric: str) -> float:
    """Mean of a metric, NaN where there is none."""
    part = metric_rows(table[table.method == method], metric, None)
    return float("nan") if part.empty else float(part["mean"].iloc[0])
