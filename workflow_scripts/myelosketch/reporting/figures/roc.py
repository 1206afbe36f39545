"""ROC curves: how well each method separates demyelinated lesion voxels, at any threshold (our addition)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.lines import Line2D

from myelosketch.reporting.display import ladder_order, method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import legend_below, method_handle, method_line, panel_or_reason
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("method", "subject", "k", "fpr", "tpr")


def build_roc(
    roc: str | Path, summary: str | Path, *, method: str, k: float, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw ROC curves: the mean over patients of every method, and each patient's curve for the method shown.

    Parameters
    ----------
    roc : path of roc.tsv, true positive rate on a fixed grid of false positive rates
    summary : path of summary.tsv, for the mean area under the patients' curves
    method : the method shown patient by patient
    k : threshold that makes a voxel demyelinated in the true PET
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    patients = patient_curves(roc, k)
    means = patients.groupby(["method", "fpr"], sort=False)["tpr"].mean().reset_index()
    methods = ladder_order(means.method.unique())
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(style.WIDTH, 4.5 + 0.18 * -(-(len(methods) + 2) // 2))
    )
    for name in methods:
        part = means[means.method == name].sort_values("fpr")
        method_line(left, part.fpr, part.tpr, name, shown=name == method, marks=False)
    left.set_title("Mean over patients")
    own = patients[patients.method == method]
    with panel_or_reason(right):
        _patients(right, own, means[means.method == method], method)
    for axes in (left, right):
        if axes.axison:
            _frame(axes)
    areas = mean_areas(summary, k)
    handles = [
        method_handle(name, method_name(name) + areas.get(name, ""), shown=name == method, marks=False)
        for name in methods
    ]
    chance = Line2D([], [], color=style.MUTED_COLOUR, linewidth=0.9, linestyle="--", label="chance")
    thin = Line2D([], [], color=style.MUTED_COLOUR, linewidth=0.8, label="one patient")
    legend_below(figure, [*handles, thin, chance], ncols=2)
    count = own.subject.nunique() if len(own) else patients.subject.nunique()
    words = f"ROC curves of demyelinated lesion voxels, n = {count} patients, k = {k:g}"
    style.figure_title(figure, words, simulated=simulated)
    data = pd.concat([means.assign(curve="mean"), own.assign(curve="patient")], ignore_index=True)
    return figure, data[["curve", "method", "subject", "fpr", "tpr"]]


def patient_curves(roc: str | Path, k: float) -> pd.DataFrame:
    """Return one curve per method and patient. Sessions are averaged, and patients without a curve are left out.

    Returns
    -------
    pandas.DataFrame : method subject fpr tpr
    """
    table = table_to_draw(roc, COLUMNS, numeric=("k", "fpr", "tpr"))
    table = rows_of(table, f"ROC curve at k = {k:g}", k=k)
    words = f"ROC curve at k = {k:g} (no patient has both demyelinated lesion voxels and others)"
    table = finite_rows(table, ("fpr", "tpr"), words)
    return table.groupby(["method", "subject", "fpr"], sort=False)["tpr"].mean().reset_index()


def mean_areas(summary: str | Path, k: float) -> dict[str, str]:
    """Return text with the mean area under the curve of each method from summary.tsv; {} without the table."""
    try:
        table = table_to_draw(summary, ("method", "metric", "k", "mean"), numeric=("k", "mean"))
        table = finite_rows(rows_of(table, "area", metric="auc", k=k), ("mean",), "area")
    except NothingToDrawError:
        return {}
    return {row.method: f", mean AUC {row.mean:.2f}" for row in table[["method", "mean"]].itertuples()}


def _patients(axes: Axes, own: pd.DataFrame, mean: pd.DataFrame, method: str) -> None:
    if own.empty:
        raise NothingToDrawError(f"there is no ROC curve of {method_name(method)}.")
    colour, _, _ = style.method_look(method)
    for _, part in own.groupby("subject"):
        part = part.sort_values("fpr")
        axes.plot(part.fpr, part.tpr, color=style.MUTED_COLOUR, linewidth=0.8, alpha=0.8)
    mean = mean.sort_values("fpr")
    axes.plot(mean.fpr, mean.tpr, color=colour, linewidth=2.2)
    axes.set_title(f"{method_name(method)}, each patient")


def _frame(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=style.MUTED_COLOUR, linewidth=0.9, linestyle="--", zorder=1)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", anchor="N")  # unused space goes below
    axes.set(xlabel="False positive rate", ylabel="True positive rate")
    style.tidy_axes(axes, grid="both")
