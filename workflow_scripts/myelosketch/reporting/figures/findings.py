"""Titles that state the finding of a figure, each from the figure's own table.

A function takes the table and the settings of the figure and returns the title. The title is blank where the table
decides nothing.
A title counts people, quotes a number or repeats the verdict of a test: it never judges by eye.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from myelosketch.io import names
from myelosketch.io.tables import read_table
from myelosketch.reporting.display import ladder_order, method_name


def finding(name: str, path: str | Path, settings: Mapping[str, Any]) -> str:
    """Return the title of a figure that states its finding.

    Parameters
    ----------
    name : function of this module, as in :class:`myelosketch.reporting.figures.catalogue.Figure`; blank for none
    path : TSV of what is drawn
    settings : facts of the run, at least those that the figure is drawn with

    Returns
    -------
    str, blank where no finding can be decided or nothing is drawn
    """
    if not name or not Path(path).is_file():
        return ""
    table = read_table(path, numeric=True)
    return "" if "not_drawn" in table else FINDINGS[name](table, settings)


def lesions_below_nawm(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """In how many patients lesions lie below NAWM."""
    own = table[(table.method == settings["method"]) & table.roi.isin(["lesion", "nawm"])]
    wide = own.pivot_table(index="subject", columns=["source", "roi"], values="mean_dvr").dropna()
    if wide.empty or wide.shape[1] != 4:
        return ""
    counts = [int((wide[source]["lesion"] < wide[source]["nawm"]).sum()) for source in ("true", "predicted")]
    return (
        f"Lesions have a lower DVR than NAWM in {counts[0]} of {_patients(len(wide))} by PET and in {counts[1]} by "
        f"{method_name(settings['method'])}"
    )


def spread_of_white_matter(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Whether predicted means of white matter vary between participants as the measured ones do (Pitman-Morgan)."""
    part = table[table.roi.isin(["hcwm", "nawm"])].dropna(subset=["mean_dvr_true", "mean_dvr_pred"])
    true, predicted = part.mean_dvr_true, part.mean_dvr_pred
    if len(part) < 4 or (true + predicted).std() == 0 or (true - predicted).std() == 0:
        return ""
    if stats.pearsonr(true + predicted, true - predicted).pvalue >= 0.05:
        return ""
    word = "less" if predicted.std() < true.std() else "more"
    return (
        f"Predicted means of white matter vary {word} between participants than measured ones "
        f"(SD {predicted.std():.3f} against {true.std():.3f})"
    )


def limits_of_share(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Between which limits the predicted demyelinated share of a patient is wrong."""
    rows = table[table.measure == "pct_demyelinated"].dropna(subset=["limit_low", "limit_high"])
    if rows.empty or not rows.limit_low.iloc[0] < 0 < rows.limit_high.iloc[0]:
        return ""
    return (
        f"The predicted demyelinated share of a patient may be {-rows.limit_low.iloc[0]:.0f} points too low or "
        f"{rows.limit_high.iloc[0]:.0f} too high"
    )


def slopes_in_lesions(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """In how many patients a predicted difference between lesion voxels goes with a smaller measured one."""
    rows = table[(table.panel == "slope") & (table.region == "lesion") & (table.method == settings["method"])]
    slopes = rows.slope.dropna()
    if slopes.empty:
        return ""
    return (
        "A predicted difference between lesion voxels goes with a smaller measured one (slope below 1) in "
        f"{int((slopes < 1).sum())} of {_patients(len(slopes))}"
    )


def share_too_high(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """In how many patients the predicted demyelinated share is too high."""
    shares = table.groupby("subject")[["pct_true", "pct_pred"]].mean().dropna()
    if shares.empty:
        return ""
    high, low = int((shares.pct_pred > shares.pct_true).sum()), int((shares.pct_pred < shares.pct_true).sum())
    return f"The predicted demyelinated share is too high in {high} and too low in {low} of {_patients(len(shares))}"


def range_of_dice(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Dice of the worst and of the best patient."""
    dice = table.dropna(subset=["dice"]).groupby("chosen_as").dice.first()
    if not {"lowest", "highest"} <= set(dice.index):
        return ""
    return f"Dice runs from {dice['lowest']:.2f} in the worst patient to {dice['highest']:.2f} in the best"


def areas_above_chance(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """In how many patients the area under the ROC curve is above 0.5."""
    own = table[(table.curve == "patient") & (table.method == settings["method"])].sort_values("fpr")
    areas = [float(np.trapezoid(part.tpr, part.fpr)) for _, part in own.groupby("subject")]
    if not areas:
        return ""
    return (
        f"{method_name(settings['method'])} ranks lesion voxels better than chance (AUC above 0.5) in "
        f"{sum(area > 0.5 for area in areas)} of {_patients(len(areas))}"
    )


def error_of_lesions(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """By how much the predicted mean of a lesion is off on average."""
    error = (table.mean_dvr_pred - table.mean_dvr_true).abs().mean()
    scans = table.scan.nunique()
    return (
        f"The predicted mean DVR of a lesion is off by {error:.2f} on average ({len(table)} lesion"
        f"{'s' * (len(table) > 1)} in {scans} scan{'s' * (scans > 1)})"
    )


def size_of_lesions(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Whether large lesions agree better than small ones; blank where the intervals of the ICC overlap."""
    rows = table[(table.part == "agreement") & (table.stratum == "size")].dropna(
        subset=["icc_ci_low", "icc_ci_high"]
    )
    if len(rows) < 2:
        return ""
    first, last = rows.iloc[0], rows.iloc[-1]
    if first.icc_ci_high >= last.icc_ci_low and last.icc_ci_high >= first.icc_ci_low:
        return ""
    word = "better" if last.icc > first.icc else "worse"
    small, large = (row.level.replace("mm3", "mm\u00b3") for row in (first, last))
    icc = f"ICC {last.icc:.2f} against {first.icc:.2f}"
    return f"Lesions of {large} agree {word} with the PET than those of {small} ({icc})"


def lowest_error(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Method with the lowest lesion error, and how many methods have a mean Dice above the trivial one."""
    own = table[~table.method.isin(names.CEILINGS)]
    wide = own.pivot_table(index="method", columns="metric", values="mean").reindex(
        columns=["lesion_mae", "dice", "trivial_dice"]
    )
    errors = wide.lesion_mae.dropna()
    if len(errors) < 2:
        return ""
    dice = wide.dropna(subset=["dice", "trivial_dice"])
    above = int((dice.dice > dice.trivial_dice).sum())
    rest = (
        f"; the mean Dice of {above or 'none'} is above the trivial Dice" if len(dice) == len(errors) else ""
    )
    return f"{method_name(errors.idxmin())} has the lowest lesion error of {len(errors)} methods{rest}"


def told_apart(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """How many methods have another lesion error than the shown one, after correction for all pairs."""
    rows = table[(table.metric == "lesion_mae") & (table.method != settings["method"])]
    rows = rows.dropna(subset=["difference", "p_adjusted"])
    if rows.empty:
        return ""
    sure = rows.p_adjusted < settings["alpha"]
    worse, better = int((sure & (rows.difference > 0)).sum()), int((sure & (rows.difference < 0)).sum())
    return (
        f"The lesion error of {method_name(settings['method'])} is lower than that of {worse} of {len(rows)} other "
        f"method{'s' * (len(rows) > 1)}, higher than that of {better or 'none'}, and not told apart from "
        f"{len(rows) - worse - better}"
    )


def external_errors(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """How many methods have a higher lesion error at external sites."""
    own = table[(table.metric == "lesion_mae") & ~table.method.isin(names.CEILINGS)]
    wide = own.pivot_table(index="method", columns="site", values="mean").dropna()
    if wide.empty or wide.shape[1] != 2:
        return ""
    higher = int((wide.external > wide.internal).sum())
    return f"The lesion error is higher at external sites for {higher} of {len(wide)} methods"


def best_at_each_value(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """Whether the same method is best at every value of a setting."""
    own = table[~table.method.isin((*names.CEILINGS, "pet"))].dropna(subset=["mean"])
    metric = next((metric for metric in _BEST_BY if metric in set(own.metric)), None)
    if metric is None or own.value.nunique() < 2 or own.method.nunique() < 2:
        return ""
    words, lowest = _BEST_BY[metric]
    by_value = own[own.metric == metric].sort_values("mean", ascending=lowest, kind="stable").groupby("value")
    first = by_value.method.first()
    if first.nunique() == 1:
        count = "both" if len(first) == 2 else f"all {len(first)}"
        return f"{method_name(first.iloc[0])} has {words} at {count} values"
    found = ", ".join(method_name(method) for method in ladder_order(first.unique()))
    return f"The method with {words} depends on the value: {found}"


def registrations_passed(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """How many registrations passed."""
    rows = table.drop_duplicates(["scan", "modality"])
    if rows.empty:
        return ""
    passed = int((rows.verdict == "ok").sum())
    return f"{passed} of {len(rows)} registrations pass all limits"


def largest_registration_error(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """The largest median error of a scan."""
    rows = table[table.statistic == "median_mm"].dropna(subset=["error_mm"])
    if rows.empty:
        return ""
    worst = rows.loc[rows.error_mm.idxmax()]
    return f"No image is off by more than {worst.error_mm:.2f} mm (median over the brain; largest: {worst.modality})"


def discriminator_learned(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """How many patches the discriminators tell right in the last epoch."""
    rows = table[table.loss == "accuracy"].dropna(subset=["value"])
    if rows.empty:
        return ""
    last = rows.sort_values("epoch").groupby(["method", "fold"]).value.last().groupby("method").mean()
    shares = [
        f"{100 * last[method]:.0f}\u00a0% ({method_name(method)})" for method in ladder_order(last.index)
    ]
    return f"The discriminator tells {' and '.join(shares)} of patches right at the end; 50\u00a0% is chance"


# the first metric that a figure shows -> words for the best, whether the lowest value is best
_BEST_BY = {
    "mcc": ("the highest MCC", False),
    "nawm_mae": ("the lowest NAWM error", True),
    "lesion_mean_r": ("the highest r of lesion means", False),
}
FINDINGS: dict[str, Callable[[pd.DataFrame, Mapping[str, Any]], str]] = {
    function.__name__: function
    for function in (
        *(lesions_below_nawm, spread_of_white_matter, limits_of_share, slopes_in_lesions, share_too_high),
        *(range_of_dice, areas_above_chance, error_of_lesions, size_of_lesions, lowest_error, told_apart),
        *(external_errors, best_at_each_value, registrations_passed, largest_registration_error),
        discriminator_learned,
    )
}


def _patients(n: int) -> str:
    return f"{n} patient{'s' * (n != 1)}"
