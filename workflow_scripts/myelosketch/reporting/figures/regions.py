"""Regional means of true and predicted DVR, by group and by participant (Fig. 4A, 4B of Wei et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from myelosketch.reporting.display import method_name, region_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.source_tables import finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("method", "subject", "group", "region", "mean_dvr_true", "mean_dvr_pred")
# the paper's three ROIs, as (name, group, region)
ROIS = (("hcwm", "HC", "nawm"), ("nawm", "MS", "nawm"), ("lesion", "MS", "lesion"))
SOURCES = {"true": "True PET", "predicted": "Predicted"}


def build_groups(
    regions: str | Path, *, method: str, methods: Sequence[str], simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw Figure 4A: box plots of the participants' mean DVR per ROI, true and predicted.

    Parameters
    ----------
    regions : path of regions.tsv
    method : the method shown large; ``methods`` : every method, shown small below it
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = roi_means(regions)
    wanted = [method, *[other for other in methods if other != method]]
    others = [name for name in wanted[1:] if (table.method == name).any()]
    data = pd.concat([_long(table, name) for name in (method, *others)], ignore_index=True)
    rows = -(-len(others) // 3)
    figure = plt.figure(figsize=(style.WIDTH, 4.0 + 2.1 * rows))
    grid = figure.add_gridspec(1 + rows, min(3, max(1, len(others))), height_ratios=[3.4, *[2] * rows])
    main = figure.add_subplot(grid[0, :])
    _boxes(main, rows_of(data, f"region mean of {method_name(method)}", method=method))
    main.set_title(method_name(method))
    main.set_ylabel("Mean DVR of participant (unitless)")
    figure.legend(handles=_box_legend(), loc="outside lower center", ncols=5)
    for place, name in enumerate(others):
        row, column = divmod(place, 3)
        panel = figure.add_subplot(grid[1 + row, column], sharey=main)
        _boxes(panel, data[data.method == name], small=True)
        panel.set_title(method_name(name), fontsize=8)
        panel.set_ylabel("Mean DVR" if column == 0 else "")
        panel.tick_params(labelleft=column == 0)
    style.figure_title(figure, "Mean DVR by region of interest", simulated=simulated)
    return figure, data


def build_individuals(regions: str | Path, *, method: str, simulated: bool) -> tuple[Figure, pd.DataFrame]:
    """Draw Figure 4B: each participant's mean DVR in WM or NAWM and in lesions, true and predicted.

    Parameters are as in :func:`build_groups`.

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = rows_of(roi_means(regions), f"region mean of {method_name(method)}", method=method)
    order = _participants(table)
    table["position"] = table.subject.map({subject: place for place, subject in enumerate(order.subject)})
    table = table.sort_values(["roi", "position"]).reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(style.WIDTH, 4.2))
    for roi, dashes in (("hcwm", "-"), ("nawm", "-"), ("lesion", ":")):
        part = table[table.roi == roi]
        axes.plot(part.position, part.mean_dvr_true, dashes, color=style.INDIVIDUALS_TRUE, marker="o", ms=4)
        axes.plot(
            part.position,
            part.mean_dvr_pred,
            dashes,
            color=style.INDIVIDUALS_PREDICTED,
            marker="s",
            ms=4,
            markerfacecolor="white",
        )
    style.tidy_axes(axes)
    style.participant_ticks(axes, list(order.subject))
    _group_brackets(axes, order)
    axes.set(xlabel="Participant", ylabel="Mean DVR (unitless)")
    figure.legend(handles=_line_legend(), loc="outside lower center", ncols=4)
    words = f"Mean DVR of each participant, true and predicted by {method_name(method)}"
    style.figure_title(figure, words, simulated=simulated)
    return figure, table[["method", "subject", "group", "roi", "position", "mean_dvr_true", "mean_dvr_pred"]]


def roi_means(regions: str | Path) -> pd.DataFrame:
    """Return the mean DVR per method, participant and ROI. Sessions are averaged, as the participant is the unit.

    Returns
    -------
    pandas.DataFrame : method subject group roi mean_dvr_true mean_dvr_pred
    """
    numeric = ("mean_dvr_true", "mean_dvr_pred")
    table = finite_rows(table_to_draw(regions, COLUMNS, numeric=numeric), numeric, "mean DVR")
    roi = {(group, region): name for name, group, region in ROIS}
    table["roi"] = [roi.get(pair) for pair in zip(table.group, table.region, strict=True)]
    keys = ["method", "subject", "group", "roi"]
    return table.dropna(subset=["roi"]).groupby(keys, sort=False)[list(numeric)].mean().reset_index()


def _long(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return one row per participant, ROI and source (true or predicted)."""
    part = rows_of(table, f"region mean of {method_name(method)}", method=method)
    part = part.rename(columns={"mean_dvr_true": "true", "mean_dvr_pred": "predicted"})
    keys = ["method", "subject", "group", "roi"]
    return part.melt(id_vars=keys, value_vars=["true", "predicted"], var_name="source", value_name="mean_dvr")


def _boxes(axes: Axes, data: pd.DataFrame, *, small: bool = False) -> None:
    """Draw boxes of quartiles, with whiskers over the range as in the paper, dotted mean and solid median."""
    order = [name for name, _, _ in ROIS]
    palette = {"true": style.GROUPS_TRUE, "predicted": style.GROUPS_PREDICTED}
    shared: dict[str, Any] = {
        "data": data,
        "x": "roi",
        "y": "mean_dvr",
        "hue": "source",
        "order": order,
        "hue_order": list(SOURCES),
        "legend": False,
        "ax": axes,
    }
    line: dict[str, Any] = {"color": "black", "linewidth": 1.0 if small else 1.6}
    sns.boxplot(
        **shared,
        palette=palette,
        whis=(0, 100),
        width=0.7,
        showfliers=False,
        showmeans=True,
        meanline=True,
        saturation=1,
        medianprops={**line, "linestyle": "-"},
        meanprops={**line, "linestyle": ":"},
        linewidth=0.8,
    )
    if not small:
        _points(axes, data, order)
    counts = data[data.source == "true"].groupby("roi").size()
    labels = [region_name(name) + f"\nn = {counts.get(name, 0)}" for name in order]
    axes.set_xticks(range(len(order)), labels, fontsize=7 if small else 8)
    axes.set_xlabel("")
    style.tidy_axes(axes)


def _points(axes: Axes, data: pd.DataFrame, order: Sequence[str]) -> None:
    """Draw each participant as a small dot over the box, spread evenly instead of randomly."""
    for place, roi in enumerate(order):
        for source, shift in (("true", -0.175), ("predicted", 0.175)):
            values = data[(data.roi == roi) & (data.source == source)].mean_dvr.to_numpy()
            spread = np.linspace(-0.09, 0.09, max(len(values), 2))[: len(values)]
            axes.plot(place + shift + spread, values, "o", ms=2.5, color="black", alpha=0.55, mew=0)


def _participants(table: pd.DataFrame) -> pd.DataFrame:
    """Return the order of the participants along the axis: patients, then controls, each by identifier."""
    order = table[["subject", "group"]].drop_duplicates()
    return order.sort_values(["group", "subject"], ascending=[False, True]).reset_index(drop=True)


def _group_brackets(axes: Axes, order: pd.DataFrame) -> None:
    """Draw a thin line between patients and controls, with their names and numbers above the axes."""
    for group, words in (("MS", "patients"), ("HC", "controls")):
        places = np.flatnonzero(order.group == group)
        if len(places):
            words = f"{group} {words}, n = {len(places)}"
            above: dict[str, Any] = {"ha": "center", "va": "bottom", "transform": axes.get_xaxis_transform()}
            axes.text(places.mean(), 1.01, words, fontsize=8, **above)
    if order.group.nunique() > 1:
        axes.axvline((order.group == "MS").sum() - 0.5, color=style.MUTED_COLOUR, linewidth=0.8)
    axes.set_xlim(-0.8, len(order) - 0.2)


def _box_legend() -> list[Artist]:
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=style.GROUPS_TRUE, edgecolor="black", label="True PET"),
        Patch(facecolor=style.GROUPS_PREDICTED, edgecolor="black", label="Predicted"),
        Line2D([], [], color="black", linestyle="-", label="median"),
        Line2D([], [], color="black", linestyle=":", label="mean"),
        Line2D([], [], color="black", linestyle="", marker="o", ms=2.5, alpha=0.55, label="participant"),
    ]


def _line_legend() -> list[Line2D]:
    true: dict[str, Any] = {"color": style.INDIVIDUALS_TRUE, "marker": "o", "ms": 4}
    predicted: dict[str, Any] = {
        "color": style.INDIVIDUALS_PREDICTED,
        "marker": "s",
        "ms": 4,
        "markerfacecolor": "white",
    }
    return [
        Line2D([], [], linestyle="-", label="WM/NAWM, true PET", **true),
        Line2D([], [], linestyle="-", label="WM/NAWM, predicted", **predicted),
        Line2D([], [], linestyle=":", label="lesions, true PET", **true),
        Line2D([], [], linestyle=":", label="lesions, predicted", **predicted),
    ]
