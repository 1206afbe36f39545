"""Figure of the ladder at one k: MCC, Dice and lesion MAE of every rung with intervals, and the trivial Dice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from myelosketch.calibration.criteria import FROM_TRUTH, ORDER
from myelosketch.calibration.figure_tissue import BLUE, VERMILION
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = (
    ("mcc", "MCC, higher is better"),
    ("dice", "Dice, higher is better"),
    ("lesion_mae", "lesion MAE (DVR),\nlower is better"),
)
RUNG_NAMES = {"voxelwise": "Ridge, voxelwise", "means3": "Ridge, 3³ means"}


def rung_name(method: str) -> str:
    """Return the name of a rung as readers see it."""
    return RUNG_NAMES.get(method) or method_name(method)


def build_ladder(summary: pd.DataFrame, *, k: float, alpha: float) -> tuple[Figure, pd.DataFrame]:
    """Draw the ladder and return the figure and its data.

    Parameters
    ----------
    summary : DataFrame as from ``prediction.summarise_ladder``
    k : threshold of demyelination, in SD
    alpha : the intervals cover 1 - alpha
    """
    wanted = [name for name, _ in PANELS] + ["trivial_dice"]
    at_k = summary.k.isna() | np.isclose(summary.k.astype(float), k)
    table = summary[summary.metric.isin(wanted) & at_k].reset_index(drop=True)
    figure, panels = plt.subplots(1, 3, figsize=(style.WIDTH, 3.7), sharey=True)
    for axes, (metric, label) in zip(panels, PANELS, strict=True):
        rows = table[table.metric == metric].set_index("method")
        for place, method in enumerate(ORDER):
            row, truth = rows.loc[method], method in FROM_TRUTH
            colour = VERMILION if truth else BLUE
            axes.plot(
                [row.ci_low, row.ci_high], [place, place], color=colour, linewidth=2, solid_capstyle="butt"
            )
            axes.plot(row["mean"], place, marker="s" if truth else "o", color=colour, ms=6)
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        style.tidy_axes(axes, grid="x")
    trivial = table[table.metric == "trivial_dice"]["mean"].mean()
    panels[1].axvline(trivial, color="black", linewidth=1.2, linestyle="--")
    panels[0].set_yticks(range(len(ORDER)), [rung_name(method) for method in ORDER])
    panels[0].set_ylim(len(ORDER) - 0.5, -0.5)
    figure.legend(handles=_legend(alpha), loc="outside lower center", ncols=3)
    n = int(table.n.max())
    style.figure_title(figure, f"Ladder on true poses, {n} patients, k = {k:g}", simulated=True)
    return figure, table


def _legend(alpha: float) -> list[Line2D]:
    interval = f"mean and {100 * (1 - alpha):g} % interval"
    return [
        Line2D([], [], marker="o", color=BLUE, label=f"from MRI, held out: {interval}"),
        Line2D([], [], marker="s", color=VERMILION, label="from the truth"),
        Line2D([], [], color="black", linestyle="--", label="trivial Dice"),
    ]


def cohort_share(demyelination: pd.DataFrame) -> pd.DataFrame:
    """Return the means over patients of the true demyelinated share (percent) and of the trivial Dice, for each k."""
    one = demyelination[demyelination.method == "visible"]
    table = one.groupby("k")[["pct_true", "trivial_dice"]].mean().reset_index()
    return pd.DataFrame(table)
