"""The ladder study: scores of each method in each world, over patients and training seeds (our addition)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from myelosketch.reporting.display import metric_name, patients_words
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import (
    interval_dot,
    legend_below,
    line_above_ceilings,
    method_rows,
    row_without_value,
)
from myelosketch.reporting.source_tables import finite_rows, table_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NUMERIC = ("value", "ci_low", "ci_high", "n_patients", "n_seeds")
COLUMNS = ("world", "method", "metric", *NUMERIC)
# metric, which way is better; the first two are the primary scores of the study
PANELS = (
    ("lesion_mae_visible", "left is better"),
    ("lesion_r2_visible", "right is better"),
    ("lesion_mae", "left is better"),
    ("mcc_matched", "right is better"),
)
ROW = 0.24


def build_ladder_study(
    ladder: str | Path, *, k: float, alpha: float = 0.05, simulated: bool = True
) -> tuple[Figure, pd.DataFrame]:
    """Draw a row of panels per world, with one panel per score and one row per method in it.

    Parameters
    ----------
    ladder : path of ladder.tsv
    k : threshold of the demyelination scores
    alpha : the intervals of the table cover 1 - alpha
    simulated : always True

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = table_to_draw(ladder, COLUMNS, numeric=NUMERIC)
    table = table[table.metric.isin([metric for metric, _ in PANELS])]
    table = finite_rows(table, ("value",), "score")[list(COLUMNS)]
    worlds, methods = list(dict.fromkeys(table.world)), list(dict.fromkeys(table.method))
    size = (style.WIDTH, 1.6 + len(worlds) * (0.75 + ROW * len(methods)))
    figure, panels = plt.subplots(
        len(worlds), len(PANELS), figsize=size, sharey=True, sharex="col", squeeze=False
    )
    for world, line in zip(worlds, panels, strict=True):
        for axes, (metric, direction) in zip(line, PANELS, strict=True):
            rows = table[(table.world == world) & (table.metric == metric)].set_index("method")
            for place, method in enumerate(methods):
                if method not in rows.index:
                    row_without_value(axes, place)
                    continue
                row, look = rows.loc[method], style.method_look(method)
                interval = (row["value"], row.ci_low, row.ci_high)
                interval_dot(axes, place, *interval, colour=look[0], marker=look[2])
            line_above_ceilings(axes, methods)
            axes.margins(x=0.08)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            style.tidy_axes(axes, grid="x")
            if world == worlds[-1]:
                axes.set_xlabel(f"{style.balanced(metric_name(metric), 20)}\n({direction})")
        method_rows(line[0], methods, short=True)
        line[0].set_ylabel(f"World: {world.replace('_', ' ')}")
    label = f"mean over patients and seeds, {100 * (1 - alpha):g} % interval"
    legend_below(figure, [Line2D([], [], marker="o", color="black", label=label)], ncols=1)
    seeds = int(table.n_seeds.max())
    of = f"{seeds} training seed{'s' if seeds > 1 else ''}, {patients_words(table.n_patients)}"
    title = f"The ladder, {of}, k = {k:g}"
    style.figure_title(figure, title, simulated=simulated)
    return figure, table.reset_index(drop=True)
