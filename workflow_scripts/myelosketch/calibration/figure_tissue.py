"""Figures of the values of every tissue, compared with the literature, and of DVR against RD in lesions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from myelosketch.calibration.participant import TISSUES, Participant
from myelosketch.calibration.relations import lesion_voxels, rank_correlation
from myelosketch.calibration.targets import ABSOLUTE, PERCENT, POINTS, QUANTITIES, TARGETS
from myelosketch.reporting.figures import style
from myelosketch.reporting.source_tables import NothingToDrawError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any kind of colour vision can distinguish
BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#8c8c8c",
)
ROWS = {
    "hc_white": ("HC white matter", BLUE),
    "nawm": ("NAWM", GREEN),
    "lesion": ("Lesions", ORANGE),
    "black_hole": ("Black holes", VERMILION),
    "cortex": ("Cortex", PURPLE),
}
LABELS = {
    "FA": "FA",
    "RD": "RD (10⁻³ mm²/s)",
    "AD": "AD (10⁻³ mm²/s)",
    "MTR": "MTR (%)",
    "DVR": "DVR",
}
RANGES = {"FA": (0, 0.9), "RD": (0.2, 1.7), "AD": (0.6, 2.2), "MTR": (8, 56), "DVR": (0.5, 1.8)}
BINS = 60


def build_histograms(people: Sequence[Participant]) -> tuple[Figure, pd.DataFrame]:
    """Draw histograms of every quantity by tissue over the literature's bands; return the figure and its data."""
    figure, panels = plt.subplots(2, 3, figsize=(style.WIDTH, 6.4), sharey=True)
    data = []
    for axes, quantity in zip(panels.flat, QUANTITIES, strict=False):
        for place, (tissue, (_, colour)) in enumerate(reversed(ROWS.items())):
            values = tissue_voxels(people, tissue, quantity)
            band = literature_band(people, tissue, quantity)
            if band:
                axes.fill_between(band, place - 0.05, place + 0.85, color="#d9d9d9", linewidth=0)
            data += _silhouette(axes, place, values, RANGES[quantity], colour, (tissue, quantity), band)
        axes.set_xlim(*RANGES[quantity])
        axes.set_xlabel(LABELS[quantity])
        style.tidy_axes(axes, grid="x")
    for axes in panels[:, 0]:
        axes.set_yticks(
            [place + 0.3 for place in range(len(ROWS))], [name for name, _ in reversed(ROWS.values())]
        )
    panels.flat[0].set_ylim(-0.3, len(ROWS))
    panels.flat[5].set_axis_off()
    panels.flat[5].legend(handles=_legend(), loc="center left", fontsize=9)
    style.figure_title(figure, "Voxels of each tissue and the literature's means", simulated=True)
    columns = ["tissue", "quantity", "low", "high", "voxels", "band_low", "band_high"]
    return figure, pd.DataFrame(data, columns=columns)


def tissue_voxels(people: Sequence[Participant], tissue: str, quantity: str) -> np.ndarray:
    """Return the values (n,) of a quantity in all voxels of a tissue, over all participants."""
    codes = {"lesion": ("lesion", "black_hole"), "hc_white": ("white",), "nawm": ("white",)}.get(
        tissue, (tissue,)
    )
    group = {"hc_white": "HC", "nawm": "MS"}.get(tissue)
    inside = [TISSUES[code] for code in codes]
    parts = [p.maps[quantity][np.isin(p.tissue, inside)] for p in people if group in (None, p.group)]
    return np.concatenate(parts) if parts else np.empty(0)


def literature_band(people: Sequence[Participant], tissue: str, quantity: str) -> tuple[float, float] | None:
    """Return the lowest and highest mean in the literature; differences are added to the mean of the controls."""
    rows = [t for t in TARGETS if (t.tissue, t.quantity) == (tissue, quantity)]
    absolute = [t for t in rows if t.kind == ABSOLUTE]
    if absolute:
        return absolute[0].low, absolute[0].high
    for target in rows:
        reference = tissue_voxels(people, "hc_white", quantity)
        if target.kind in (PERCENT, POINTS) and reference.size:
            middle = float(reference.mean())
            scale = middle / 100 if target.kind == PERCENT else 1
            return middle + scale * target.low, middle + scale * target.high
    return None


def _silhouette(
    axes: Axes,
    place: int,
    values: np.ndarray,
    limits: tuple[float, float],
    colour: str,
    names: tuple[str, str],
    band: tuple[float, float] | None,
) -> list[tuple[str, str, float, float, int, float, float]]:
    if not values.size:
        axes.text(0.02, place + 0.3, "none", transform=axes.get_yaxis_transform(), va="center", fontsize=8)
        return []
    counts, edges = np.histogram(np.clip(values, *limits), bins=BINS, range=limits)
    height = 0.8 * counts / counts.max()
    axes.stairs(place + height, edges, baseline=place, fill=True, color=colour, alpha=0.75)
    axes.plot(values.mean(), place, marker="^", color="black", ms=5, zorder=5)
    low, high = band or (np.nan, np.nan)
    return [(*names, a, b, int(n), low, high) for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)]


def _legend() -> list[Line2D | Patch]:
    return [
        Patch(color="#d9d9d9", label="mean in the literature"),
        Line2D([], [], marker="^", linestyle="", color="black", label="mean of the cohort's voxels"),
        Patch(
            color=BLUE,
            alpha=0.75,
            label="voxels, scaled to the\nhighest bin; end bins\nhold what lies beyond",
        ),
    ]


def build_relation(people: Sequence[Participant]) -> tuple[Figure, pd.DataFrame]:
    """Draw DVR against RD of lesion voxels, with both rank correlations; return the figure and its data."""
    voxels = lesion_voxels(people)
    if len(voxels) < 20:
        raise NothingToDrawError("the cohort has fewer than 20 lesion voxels.")
    figure, axes = plt.subplots(figsize=(0.7 * style.WIDTH, 4.4))
    shown = axes.hexbin(
        voxels.RD, voxels.DVR, gridsize=45, mincnt=1, bins="log", cmap="cividis", extent=(0.3, 1.6, 0.5, 1.7)
    )
    figure.colorbar(shown, ax=axes, label="lesion voxels")
    each = [rank_correlation(p.DVR, p.RD) for _, p in voxels.groupby("subject") if len(p) >= 20]
    pooled = rank_correlation(voxels.DVR, voxels.RD)
    text = f"Spearman: pooled {pooled:.2f},\nmean of {len(each)} patients {np.mean(each):.2f}"
    axes.text(0.98, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize=9)
    axes.set_xlabel(LABELS["RD"])
    axes.set_ylabel("DVR, measured")
    style.tidy_axes(axes, grid=None)
    style.figure_title(figure, "DVR and RD inside lesions", simulated=True)
    return figure, voxels[["subject", "DVR", "RD"]]
