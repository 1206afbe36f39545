"""Scores under another threshold, reference, shell width or smallest lesion (our addition)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from myelosketch.reporting.display import METRIC_NAMES, ladder_order, metric_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import interval_dot, legend_below, line_of_panels, method_handle
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("axis", "value", "method", "metric", "mean", "ci_low", "ci_high", "n")
NUMERIC = ("mean", "ci_low", "ci_high", "n")
# axis of sensitivity.tsv -> title, label of the x axis
AXES = {
    "k": ("threshold k", "k (threshold: mean \u2212 k SD)"),
    "reference": ("reference of the threshold", "Reference"),
    "perilesional_mm": ("perilesional width", "Perilesional width (mm)"),
    "min_lesion_mm3": ("smallest lesion", "Smallest lesion (mm\u00b3)"),
}
# the Dice of calling every lesion voxel demyelinated is drawn in the panel of Dice, never alone
TRIVIAL = "trivial_dice"
OF_PET = "pct_true"
MOST_PANELS = 6


def build_sensitivity(
    axis: str, sensitivity: str | Path, *, in_force: Mapping[str, Any], alpha: float = 0.05, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw each score of sensitivity.tsv against one setting, one line per method, with intervals.

    Parameters
    ----------
    axis : one of :data:`AXES`
    sensitivity : path of sensitivity.tsv
    in_force : dict, the value of every axis in this run
    alpha : the intervals of the table cover 1 - alpha
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = sensitivity_rows(sensitivity, axis)
    values = ordered_values(table.value)
    place = {value: spot for spot, value in enumerate(values)}
    metrics = panel_metrics(table.metric)
    methods = ladder_order(table.method.unique())
    rows, columns = -(-len(metrics) // 3), min(3, len(metrics))
    height = 1.1 + 2.5 * rows + 0.17 * -(-len(methods) // 3)
    figure, panels = plt.subplots(rows, columns, figsize=(style.WIDTH, height), squeeze=False)
    for axes, metric in line_of_panels(panels, metrics):
        part = table[table.metric == metric]
        _lines(axes, part, methods, place)
        if metric == "dice":
            _trivial(axes, table[table.metric == TRIVIAL], place)
        _in_force(axes, place, in_force[axis])
        axes.set_xticks(range(len(values)), [_short(value) for value in values])
        axes.set_xlim(-0.5, len(values) - 0.5)
        axes.set(ylabel=metric_name(metric), xlabel=AXES[axis][1])
        style.tidy_axes(axes)
    handles = [method_handle(method) for method in methods]
    legend_below(figure, [*handles, *_legend(table, alpha)], ncols=3)
    style.figure_title(figure, f"Sensitivity to the {AXES[axis][0]}", simulated=simulated)
    return figure, table.reset_index(drop=True)


build_sensitivity_k = functools.partial(build_sensitivity, "k")
build_sensitivity_reference = functools.partial(build_sensitivity, "reference")
build_sensitivity_perilesional = functools.partial(build_sensitivity, "perilesional_mm")
build_sensitivity_lesion_size = functools.partial(build_sensitivity, "min_lesion_mm3")


def sensitivity_rows(sensitivity: str | Path, axis: str) -> pd.DataFrame:
    """Return the rows of one axis that have a number.

    Raises
    ------
    NothingToDrawError : the axis has no row with a number; the message has the table's reason, if there is one
    """
    table = table_to_draw(sensitivity, COLUMNS, numeric=NUMERIC)
    table = rows_of(table, f"score under another {AXES[axis][0]}", axis=axis)
    if table["mean"].isna().all() and "note" in table and table.note.notna().any():
        raise NothingToDrawError(f"{str(table.note.dropna().iloc[0]).rstrip('.')}.")
    table = finite_rows(table, ("mean",), f"score under another {AXES[axis][0]}")[list(COLUMNS)]
    # a value of the PET is the same for every method, so it is one line
    of_pet = table.metric == OF_PET
    table.loc[of_pet, "method"] = "pet"
    return table[~of_pet | ~table.duplicated(["value", "method", "metric"])]


def ordered_values(values: Iterable[str]) -> list[str]:
    """Return the values of the setting in order: numbers by size, words in table order (evenly spaced in both)."""
    found = list(dict.fromkeys(values))
    numbers = pd.to_numeric(pd.Series(found), errors="coerce")
    return found if numbers.isna().any() else [found[place] for place in np.argsort(numbers, kind="stable")]


def panel_metrics(metrics: Iterable[str]) -> list[str]:
    """Return at most six metrics, one per panel: known ones in their usual order, then others."""
    found = [name for name in dict.fromkeys(metrics) if name != TRIVIAL]
    known = [name for name in METRIC_NAMES if name in found]
    return [*known, *[name for name in found if name not in known]][:MOST_PANELS]


def _lines(axes: Axes, part: pd.DataFrame, methods: Sequence[str], place: Mapping[str, int]) -> None:
    """Draw one line per method, with dots slightly apart so that intervals do not overlap."""
    shift = 0.5 / max(len(methods), 1)
    for order, method in enumerate(methods):
        rows = part[part.method == method]
        colour, dashes, marker = style.method_look(method)
        spots = [place[value] + (order - (len(methods) - 1) / 2) * shift for value in rows.value]
        paired = sorted(zip(spots, rows.to_dict("records"), strict=True), key=lambda pair: pair[0])
        spots = [spot for spot, _ in paired]
        axes.plot(spots, [row["mean"] for _, row in paired], color=colour, dashes=dashes, linewidth=1.2)
        for spot, row in paired:
            look: dict[str, Any] = {"colour": colour, "marker": marker, "upright": True}
            interval_dot(axes, spot, row["mean"], row["ci_low"], row["ci_high"], **look)


def _trivial(axes: Axes, rows: pd.DataFrame, place: Mapping[str, int]) -> None:
    """Draw trivial Dice as a short line at each value: the mean over methods, which hardly differ in it."""
    for value, part in rows.groupby("value"):
        level = part["mean"].mean()
        ends = [place[value] - 0.36, place[value] + 0.36]
        axes.plot(ends, [level, level], color="black", linewidth=1.8, zorder=1)


def _in_force(axes: Axes, place: Mapping[str, int], in_force: str | float) -> None:
    for value, spot in place.items():
        if _same(value, in_force):
            axes.axvspan(
                spot - 0.42, spot + 0.42, color=style.FAINT_COLOUR, alpha=0.25, linewidth=0, zorder=0
            )


def _same(value: str, other: str | float) -> bool:
    try:
        return abs(float(value) - float(other)) < 1e-9
    except (TypeError, ValueError):
        return str(value) == str(other)


def _short(value: str) -> str:
    try:
        return f"{float(value):g}"
    except ValueError:
        return str(value)


def _legend(table: pd.DataFrame, alpha: float) -> list[Artist]:
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Line2D([], [], color=style.REFERENCE_COLOUR, linewidth=2, label=f"{100 * (1 - alpha):g} % interval"),
        Patch(facecolor=style.FAINT_COLOUR, alpha=0.25, label="value of this run"),
    ]
    if (table.metric == TRIVIAL).any():
        handles.append(Line2D([], [], color="black", linewidth=1.8, label="trivial Dice (all demyelinated)"))
    return handles
