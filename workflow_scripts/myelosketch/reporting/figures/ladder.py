"""The prediction ladder: every method and ceiling, from the template to a second PET."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from myelosketch.io import names
from myelosketch.reporting.display import ladder_order, patients_words
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import (
    interval_dot,
    line_above_ceilings,
    method_rows,
    row_without_value,
)
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, table_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("method", "metric", "k", "mean", "ci_low", "ci_high", "n")
NUMERIC = ("k", "mean", "ci_low", "ci_high", "n")
# metric, whether it belongs to a threshold k, axis label
PANELS = (
    ("lesion_mae", False, "Lesion MAE (DVR)\nlower is better"),
    ("dice", True, "Dice of demyelination\nhigher is better"),
    ("mcc", True, "MCC of demyelination\nhigher is better; 0: chance"),
)


def build_ladder(
    summary: str | Path, *, k: float, alpha: float = 0.05, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw lesion MAE, Dice, trivial Dice and MCC of every method and ceiling, with intervals (our addition).

    Parameters
    ----------
    summary : path of summary.tsv
    k : threshold of the demyelination metrics
    alpha : the intervals of the table cover 1 - alpha
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = ladder_rows(summary, k=k)
    methods = ladder_order(table.method.unique())
    figure, panels = plt.subplots(1, 3, figsize=(style.WIDTH, 1.7 + 0.34 * len(methods)), sharey=True)
    for axes, (metric, _, label) in zip(panels, PANELS, strict=True):
        part = table[table.metric == metric].set_index("method")
        for place, method in enumerate(methods):
            if method in part.index:
                row = part.loc[method]
                interval_dot(axes, place, row["mean"], row.ci_low, row.ci_high, **_look(method))
            else:
                row_without_value(axes, place)
        if metric == "dice":
            _trivial(axes, table, methods)
        if metric == "mcc":
            axes.axvline(0, color=style.REFERENCE_COLOUR, linewidth=0.9, linestyle=":", zorder=0)
        line_above_ceilings(axes, methods)
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        style.tidy_axes(axes, grid="x")
    method_rows(panels[0], methods)
    figure.legend(handles=_legend(methods, alpha), loc="outside lower center", ncols=3)
    style.figure_title(
        figure, f"Prediction ladder, {patients_words(table.n)}, k = {k:g}", simulated=simulated
    )
    return figure, table


def ladder_rows(summary: str | Path, *, k: float) -> pd.DataFrame:
    """Return the rows of summary.tsv for the ladder, including trivial Dice. Rows without a number are dropped."""
    table = table_to_draw(summary, COLUMNS, numeric=NUMERIC)
    thresholded = {metric: needs_k for metric, needs_k, _ in PANELS} | {"trivial_dice": True}
    at_k = (table.k - k).abs() < 1e-9
    free = [metric for metric, needs_k in thresholded.items() if not needs_k]
    keep = table.metric.isin(free) | (table.metric.isin(thresholded) & at_k)
    if not keep.any():
        raise NothingToDrawError(f"summary.tsv has no lesion MAE, Dice or MCC at k = {k:g}.")
    table = finite_rows(table[keep], ("mean",), "lesion MAE, Dice and MCC")
    return table[list(COLUMNS)].reset_index(drop=True)


def _look(method: str) -> dict[str, Any]:
    if method in names.CEILINGS:
        return {"colour": style.CEILING_COLOUR, "marker": "s"}
    return {"colour": style.METHOD_COLOUR, "marker": "o"}


def _trivial(axes: Axes, table: pd.DataFrame, methods: Sequence[str]) -> None:
    """Draw the Dice of calling every lesion voxel demyelinated as a tall tick on each method's row."""
    part = table[table.metric == "trivial_dice"].set_index("method")
    for place, method in enumerate(methods):
        if method in part.index:
            axes.plot(part.loc[method, "mean"], place, marker="|", color="black", ms=17, mew=1.8)


def _legend(methods: Sequence[str], alpha: float) -> list[Line2D]:
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            color=style.METHOD_COLOUR,
            label=f"method, mean and {100 * (1 - alpha):g} % interval",
        )
    ]
    if any(method in names.CEILINGS for method in methods):
        handles.append(Line2D([], [], marker="s", color=style.CEILING_COLOUR, label="ceiling or second PET"))
    trivial: dict[str, Any] = {"marker": "|", "linestyle": "", "color": "black", "ms": 11, "mew": 1.8}
    return [*handles, Line2D([], [], label="trivial Dice (all demyelinated)", **trivial)]
