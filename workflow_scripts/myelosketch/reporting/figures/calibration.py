"""Calibration: whether predicted DVR is correct on average, and predicted differences are true (our addition)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from myelosketch.reporting.display import ladder_order, method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import (
    legend_below,
    method_handle,
    method_line,
    method_rows,
    panel_or_reason,
    row_without_value,
    some_drawn,
)
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("method", "subject", "region", "dvr_pred", "mean_true", "n_voxels")
REGIONS = {"lesion": "Lesions", "nawm": "NAWM and HC WM", "other": "Other"}
# a bin is drawn if this many participants have voxels in it (all participants in a smaller cohort)
LEAST_PARTICIPANTS = 3


def build_calibration(
    calibration: str | Path, voxelwise: str | Path, *, method: str, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw mean true against predicted DVR by region, and the slope of true on predicted DVR by participant.

    Parameters
    ----------
    calibration : path of calibration.tsv, mean true DVR per bin of predicted DVR
    voxelwise : path of voxelwise.tsv, for the slopes
    method : the method shown with its spread over participants
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    figure = plt.figure(figsize=(style.WIDTH, 6.9))
    grid = figure.add_gridspec(2, 3, height_ratios=[1.2, 1])
    above = [figure.add_subplot(grid[0, column]) for column in range(3)]
    below = [figure.add_subplot(grid[1, column]) for column in range(3)]
    parts: list[pd.DataFrame] = []
    methods: list[str] = []
    rows = slope_methods(voxelwise)  # all three panels have the same rows; only the first is labelled
    for axes, lower, region in zip(above, below, REGIONS, strict=True):
        with panel_or_reason(axes):
            bins = participant_bins(calibration, region)
            curves = mean_curves(bins)
            _curves(axes, curves, method)
            if not methods:  # the first panel that is drawn
                axes.set_ylabel("Mean true DVR (unitless)")
            _spread(axes, bins[bins.method == method], curves[curves.method == method])
            parts.append(curves.assign(panel="curve", region=region))
            methods += list(curves.method.unique())
        with panel_or_reason(lower):
            slopes = participant_slopes(voxelwise, region)
            _slopes(lower, slopes, rows)
            lower.tick_params(labelleft=not any(earlier.axison for earlier in below[: below.index(lower)]))
            parts.append(slopes.assign(panel="slope", region=region))
        if axes.axison:
            axes.set_title(REGIONS[region])
    data = some_drawn(parts)
    legend_below(figure, _legend(ladder_order(set(methods)), method), ncols=3)
    style.figure_title(figure, f"Calibration of predicted DVR, {method_name(method)}", simulated=simulated)
    wanted = [
        "panel",
        "region",
        "method",
        "dvr_pred",
        "mean_true",
        "n_participants",
        "share",
        "subject",
        "slope",
    ]
    return figure, data.reindex(columns=wanted)


def participant_bins(calibration: str | Path, region: str) -> pd.DataFrame:
    """Return each participant's mean true DVR in each bin of predicted DVR. Sessions are pooled.

    Returns
    -------
    pandas.DataFrame : method subject dvr_pred mean_true n_voxels
    """
    numeric = ("dvr_pred", "mean_true", "n_voxels")
    table = table_to_draw(calibration, COLUMNS, numeric=numeric)
    words = f"calibration of {REGIONS[region]}"
    table = finite_rows(rows_of(table, words, region=region), numeric, words)
    table["weighted"] = table.mean_true * table.n_voxels
    sums = table.groupby(["method", "subject", "dvr_pred"], sort=False)[["weighted", "n_voxels"]].sum()
    sums["mean_true"] = sums.weighted / sums.n_voxels.where(sums.n_voxels > 0)
    return sums.dropna().reset_index().drop(columns="weighted")


def mean_curves(bins: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over participants and the share of voxels for each method and bin."""
    groups = bins.groupby(["method", "dvr_pred"], sort=False)
    curves = groups.agg(
        mean_true=("mean_true", "mean"), n_participants=("subject", "nunique"), share=("n_voxels", "sum")
    ).reset_index()
    curves["share"] /= curves.groupby("method")["share"].transform("sum")
    least = min(LEAST_PARTICIPANTS, bins.subject.nunique())
    return curves[curves.n_participants >= least].sort_values(["method", "dvr_pred"]).reset_index(drop=True)


def slope_methods(voxelwise: str | Path) -> list[str]:
    """Return the methods with a slope in any region, from simple to refined; [] without the table."""
    try:
        table = table_to_draw(voxelwise, ("method", "region", "slope"), numeric=("slope",))
    except NothingToDrawError:
        return []
    known = table.slope.notna() & table.region.isin(list(REGIONS))
    return ladder_order(table.method[known].unique())


def participant_slopes(voxelwise: str | Path, region: str) -> pd.DataFrame:
    """Return the slope of true on predicted DVR over the voxels of each participant, averaged over sessions."""
    table = table_to_draw(voxelwise, ("method", "subject", "region", "slope"), numeric=("slope",))
    words = f"slope in {REGIONS[region]}"
    table = finite_rows(rows_of(table, words, region=region), ("slope",), words)
    return table.groupby(["method", "subject"], sort=False)["slope"].mean().reset_index()


def _curves(axes: Axes, curves: pd.DataFrame, method: str) -> None:
    if curves.empty:
        raise NothingToDrawError(f"no bin contains voxels of {LEAST_PARTICIPANTS} participants.")
    ends = curves[["dvr_pred", "mean_true"]].to_numpy()
    low, high = ends.min() - 0.05, ends.max() + 0.05
    axes.plot([low, high], [low, high], "--", color="black", linewidth=1, zorder=1)
    for name in ladder_order(curves.method.unique()):
        part = curves[curves.method == name]
        method_line(axes, part.dvr_pred, part.mean_true, name, shown=name == method, marks=False)
    axes.set_xlabel("Predicted DVR (unitless)")
    style.tidy_axes(axes, grid="both")


def _spread(axes: Axes, bins: pd.DataFrame, curve: pd.DataFrame) -> None:
    """Draw quartiles over participants as a band, and the share of voxels as bars at the bottom of the axes."""
    if curve.empty:
        return
    colour = style.METHOD_COLOUR
    quartiles = bins.groupby("dvr_pred").mean_true.quantile([0.25, 0.75]).unstack().loc[curve.dvr_pred]
    axes.fill_between(curve.dvr_pred, quartiles[0.25], quartiles[0.75], color=colour, alpha=0.25, linewidth=0)
    height = 0.18 * curve.share / curve.share.max()
    width = float(np.diff(curve.dvr_pred).min()) if len(curve) > 1 else 0.05
    foot: dict[str, Any] = {
        "transform": axes.get_xaxis_transform(),
        "color": style.FAINT_COLOUR,
        "zorder": 0.6,
    }
    axes.bar(curve.dvr_pred, height, width * 0.9, **foot)


def _slopes(axes: Axes, slopes: pd.DataFrame, methods: Sequence[str]) -> None:
    axes.axvline(1, color=style.REFERENCE_COLOUR, linewidth=1, linestyle="--", zorder=1)
    axes.axvline(0, color=style.REFERENCE_COLOUR, linewidth=0.9, linestyle=":", zorder=1)
    for place, name in enumerate(methods):
        values = slopes[slopes.method == name].slope
        spread = np.linspace(-0.22, 0.22, max(len(values), 2))[: len(values)]
        axes.plot(values, place + spread, "o", color=style.method_look(name)[0], ms=3, alpha=0.6, mew=0)
        if len(values):
            axes.plot([values.mean()] * 2, [place - 0.34, place + 0.34], color="black", linewidth=2)
        else:
            row_without_value(axes, place)
    method_rows(axes, methods, short=True)
    axes.set_xlabel("Slope of true\non predicted DVR")
    style.tidy_axes(axes, grid="x")


def _legend(methods: Sequence[str], shown: str) -> list[Artist]:
    handles = [method_handle(name, shown=name == shown, marks=False) for name in methods]
    return [
        *handles,
        Patch(facecolor=style.METHOD_COLOUR, alpha=0.25, label="quartiles over participants"),
        Patch(facecolor=style.FAINT_COLOUR, label="share of the region's voxels"),
        Line2D([], [], color="black", linewidth=1, linestyle="--", label="identity; slope 1 (right spread)"),
        Line2D([], [], color="black", linewidth=2, label="mean slope; dots: participants"),
    ]
