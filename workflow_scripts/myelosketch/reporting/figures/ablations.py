"""Ablation figure: variants of the training minus the configured training (our addition)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from myelosketch.learning.ladder import CONFIGURED
from myelosketch.reporting.display import ladder_order, method_name, metric_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import interval_dot, legend_below, row_without_value
from myelosketch.reporting.source_tables import finite_rows, table_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUMERIC = (
    *("n", "n_seeds", "configured", "difference", "diff_ci_low", "diff_ci_high"),
    *("seed_low", "seed_high"),
)
COLUMNS = ("variant", "method", "metric", *NUMERIC)
# metric, which way is better
PANELS = (
    ("lesion_mae", "left is better"),
    ("mcc", "right is better"),
    ("dice_minus_trivial", "right is better"),
)
ROW = 0.36
METHOD_STEP = 0.32
SEED_RANGE: dict[str, Any] = {"linewidth": 0.7, "marker": "|", "markersize": 6, "zorder": 1}


def build_ablations(
    ablations: str | Path, *, k: float, alpha: float = 0.05, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw differences of variants to the configured training, with intervals and range of seeds, one row each.

    Parameters
    ----------
    ablations : path of ablations.tsv
    k : threshold of the demyelination scores
    alpha : the intervals of the table cover 1 - alpha
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = table_to_draw(ablations, COLUMNS, numeric=NUMERIC)
    table = table[table.metric.isin([metric for metric, _ in PANELS])]
    table = finite_rows(table, ("difference",), "difference to the configured training")[list(COLUMNS)]
    variants = list(dict.fromkeys(table.variant))
    methods = ladder_order(table.method.unique())
    size = (style.WIDTH, 1.9 + ROW * len(variants))
    figure, panels = plt.subplots(1, len(PANELS), figsize=size, sharey=True)
    for axes, (metric, direction) in zip(panels, PANELS, strict=True):
        part = table[table.metric == metric]
        _rows(axes, part, variants, methods)
        axes.axvline(0, color="black", linewidth=0.9)
        axes.set_xlabel(f"{metric_name(metric)}\ndifference, {direction}")
        axes.margins(x=0.08)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        style.tidy_axes(axes, grid="x")
    labels = ["as configured" if name == CONFIGURED else name.replace("_", " ") for name in variants]
    panels[0].set_yticks(range(len(variants)), labels)
    panels[0].set_ylim(len(variants) - 0.4, -0.6)
    n_seeds = int(table.n_seeds.max())
    legend_below(figure, _legend(methods, alpha, n_seeds), ncols=2)
    counts = sorted({int(n) for n in table.n})
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    seeds = f"{n_seeds} seeds, " if n_seeds > 1 else ""
    title = f"Variants minus the configured training, {seeds}{n} patients, k = {k:g}"
    style.figure_title(figure, title, simulated=simulated)
    return figure, table.reset_index(drop=True)


def _rows(axes: Axes, part: pd.DataFrame, variants: Sequence[str], methods: Sequence[str]) -> None:
    """Draw one row per variant, with its methods slightly below each other."""
    for place, variant in enumerate(variants):
        rows = part[part.variant == variant].set_index("method")
        if rows.empty:
            row_without_value(axes, place)
        shown = [method for method in methods if method in rows.index]
        for order, method in enumerate(shown):
            row, colour = rows.loc[method], style.method_look(method)
            spot = place + (order - (len(shown) - 1) / 2) * METHOD_STEP
            look: dict[str, Any] = {"colour": colour[0], "marker": colour[2]}
            interval_dot(axes, spot, row.difference, row.diff_ci_low, row.diff_ci_high, **look)
            if row.n_seeds > 1:
                axes.plot([row.seed_low, row.seed_high], [spot, spot], color=colour[0], **SEED_RANGE)


def _legend(methods: Sequence[str], alpha: float, n_seeds: int) -> list[Line2D]:
    handles = []
    for method in methods:
        colour, _, marker = style.method_look(method)
        label = f"{method_name(method)}, mean and {100 * (1 - alpha):g} % interval"
        handles.append(Line2D([], [], marker=marker, color=colour, label=label))
    if n_seeds > 1:
        label = f"lowest and highest of {n_seeds} seeds"
        handles.append(Line2D([], [], color="black", label=label, **SEED_RANGE))
    return [*handles, Line2D([], [], color="black", linewidth=0.9, label="as configured")]
