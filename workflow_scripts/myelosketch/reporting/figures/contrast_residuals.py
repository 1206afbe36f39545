"""Residuals of the adjusted contrasts against fitted values and against normal quantiles (our addition)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D

from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import legend_below
from myelosketch.reporting.source_tables import finite_rows, table_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NUMERIC = ("fitted", "residual", "studentised", "normal_quantile")
COLUMNS = ("contrast", "source", "adjusted_for", "scan", *NUMERIC)
MEASURED = "pet"
MEASURED_LOOK: dict[str, Any] = {"marker": "o", "markerfacecolor": "none", "markeredgecolor": "black"}
PREDICTED_LOOK: dict[str, Any] = {
    "marker": "s", "markerfacecolor": style.METHOD_COLOUR, "markeredgecolor": "white", "markeredgewidth": 0.4,
}  # fmt: skip


def build_contrast_residuals(
    contrast_residuals: str | Path, *, method: str, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw the residuals of each adjusted contrast, in the measured PET and in the shown method.

    Parameters
    ----------
    contrast_residuals : path of contrast_residuals.tsv
    method : the method shown
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = table_to_draw(contrast_residuals, COLUMNS, numeric=NUMERIC)
    looks = {MEASURED: MEASURED_LOOK, method: PREDICTED_LOOK}
    table = finite_rows(table[table.source.isin(list(looks))], ("fitted", "residual"), "residual")
    contrasts = list(dict.fromkeys(table.contrast))
    figure, panels = plt.subplots(
        len(contrasts), 2, figsize=(style.WIDTH, 1.1 + 2.4 * len(contrasts)), squeeze=False
    )
    for (left, right), contrast in zip(panels, contrasts, strict=True):
        for source, look in looks.items():
            part = table[(table.contrast == contrast) & (table.source == source)]
            left.plot(part.fitted, part.residual, linestyle="", ms=5, **look)
            right.plot(part.normal_quantile, part.studentised, linestyle="", ms=5, **look)
        left.axhline(0, color=style.MUTED_COLOUR, linewidth=0.8)
        right.axline((0, 0), slope=1, color="black", linewidth=1, linestyle="--", zorder=1)
        unit = "%" if "%" in contrast else "DVR"
        adjusted = table.adjusted_for[table.contrast == contrast].iloc[0]
        left.set_title(f"{contrast}, adjusted for {adjusted}", loc="left", fontsize=8)
        left.set(xlabel=f"Fitted ({unit})", ylabel=f"Residual ({'points' if unit == '%' else unit})")
        right.set(xlabel="Normal quantile", ylabel="Studentised residual")
        for axes in (left, right):
            style.tidy_axes(axes, grid="both")
    names = {MEASURED: method_name(MEASURED), method: method_name(method)}
    handles = [
        Line2D([], [], linestyle="", ms=5, label=names[source], **look) for source, look in looks.items()
    ]
    normal = Line2D([], [], color="black", linewidth=1, linestyle="--", label="normal")
    legend_below(figure, [*handles, normal], ncols=3)
    style.figure_title(figure, "Residuals of the adjusted contrasts", simulated=simulated)
    return figure, table[list(COLUMNS)].reset_index(drop=True)
