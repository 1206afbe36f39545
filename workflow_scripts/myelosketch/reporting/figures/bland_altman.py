"""Bland-Altman plots of the patients: demyelinated percentage, mean DVR of lesions and of NAWM (our addition)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import (
    agreement_handles,
    agreement_lines,
    legend_below,
    panel_or_reason,
    some_drawn,
    with_interval,
)
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# measure of patient_agreement.tsv -> title, unit of values, unit of differences, digits
MEASURES = {
    "pct_demyelinated": ("Demyelinated lesion voxels", "%", "points", 1),
    "mean_dvr_lesion": ("Mean DVR of lesions", "unitless", "DVR", 3),
    "mean_dvr_nawm": ("Mean DVR of NAWM", "unitless", "DVR", 3),
}
NUMBERS = (
    *("n", "icc", "icc_ci_low", "icc_ci_high"),
    *("bias", "bias_ci_low", "bias_ci_high", "limit_low", "limit_high"),
)


def build_bland_altman(
    demyelination: str | Path,
    regions: str | Path,
    patient_agreement: str | Path,
    *,
    method: str,
    k: float,
    alpha: float = 0.05,
    simulated: bool,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the difference against the mean of true and predicted in three panels, one dot per patient.

    Parameters
    ----------
    demyelination, regions : paths of demyelination.tsv and regions.tsv, for the dots
    patient_agreement : path of patient_agreement.tsv, for bias, limits of agreement and ICC
    method : the method shown
    k : threshold, mean - k SD of healthy white matter
    alpha : the intervals of the table cover 1 - alpha
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    figure, panels = plt.subplots(1, 3, figsize=(style.WIDTH, 3.9))
    lines = agreement_rows(patient_agreement, method)
    parts = []
    for axes, measure in zip(panels, MEASURES, strict=True):
        title, unit, apart, digits = MEASURES[measure]
        with panel_or_reason(axes):
            points = patient_points(measure, demyelination, regions, method=method, k=k)
            told = lines.get(measure, dict.fromkeys(NUMBERS, float("nan")))
            _panel(axes, points, told)
            axes.set(xlabel=f"Mean of both ({unit})", ylabel=f"Predicted \u2212 true ({apart})")
            icc = with_interval(told["icc"], told["icc_ci_low"], told["icc_ci_high"])
            bias = with_interval(told["bias"], told["bias_ci_low"], told["bias_ci_high"], digits, sign=True)
            axes.set_title(f"{title}\nbias {bias}\nICC {icc}, n = {len(points)}", fontsize=8)
            parts.append(points.assign(measure=measure, **told))
    data = some_drawn(parts)
    handles = agreement_handles(interval=f"{100 * (1 - alpha):g} %")
    legend_below(figure, handles, ncols=3)
    words = f"Agreement over patients, {method_name(method)}, k = {k:g}"
    style.figure_title(figure, words, simulated=simulated)
    return figure, data[["measure", "subject", "true", "predicted", "mean", "difference", *NUMBERS]]


def patient_points(
    measure: str, demyelination: str | Path, regions: str | Path, *, method: str, k: float
) -> pd.DataFrame:
    """Return the true and predicted value of each patient. The sessions of a patient are averaged first.

    Returns
    -------
    pandas.DataFrame : subject true predicted mean difference
    """
    words = f"{MEASURES[measure][0].lower().replace('dvr', 'DVR').replace('nawm', 'NAWM')}"
    if measure == "pct_demyelinated":
        columns = ("pct_true", "pct_pred")
        table = table_to_draw(demyelination, ("method", "subject", "k", *columns), numeric=("k", *columns))
        table = rows_of(table, f"row of {method_name(method)} at k = {k:g}", method=method, k=k)
    else:
        columns = ("mean_dvr_true", "mean_dvr_pred")
        region = measure.removeprefix("mean_dvr_")
        table = table_to_draw(regions, ("method", "subject", "group", "region", *columns), numeric=columns)
        wanted = {"method": method, "group": "MS", "region": region}
        table = rows_of(table, f"{words} of a patient by {method_name(method)}", **wanted)
    table = finite_rows(table, columns, words)
    points = table.groupby("subject")[list(columns)].mean().reset_index()
    points.columns = ["subject", "true", "predicted"]
    return points.assign(mean=(points.true + points.predicted) / 2, difference=points.predicted - points.true)


def agreement_rows(path: str | Path, method: str) -> dict[str, dict[str, float]]:
    """Return bias, limits and ICC per measure for one method, {measure: {column: number}}; {} without a table."""
    try:
        table = table_to_draw(path, ("method", "measure", *NUMBERS), numeric=NUMBERS)
        table = rows_of(table, "row", method=method)
    except NothingToDrawError:
        return {}
    return {row["measure"]: {name: row[name] for name in NUMBERS} for row in table.to_dict("records")}


def _panel(axes: Axes, points: pd.DataFrame, told: Mapping[str, float]) -> None:
    dots: dict[str, Any] = {"s": 26, "color": style.METHOD_COLOUR, "edgecolors": "black", "linewidths": 0.5}
    axes.scatter(points["mean"], points.difference, **dots, zorder=3)
    bias_interval = (told["bias_ci_low"], told["bias_ci_high"])
    agreement_lines(axes, told["bias"], told["limit_low"], told["limit_high"], bias_interval=bias_interval)
    axes.margins(x=0.08, y=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    style.tidy_axes(axes, grid="both")
