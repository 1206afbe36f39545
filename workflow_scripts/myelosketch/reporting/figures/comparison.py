"""Comparisons of methods over all subjects, and of external sites with the cross-validation (our addition)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from myelosketch.evaluation.summary import METRICS
from myelosketch.reporting.display import (
    METRIC_NAMES,
    ladder_order,
    method_name,
    metric_name,
    patients_words,
)
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import (
    interval_dot,
    legend_below,
    line_above_ceilings,
    method_rows,
    panel_or_reason,
    row_without_value,
)
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, table_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANKS = ("metric", "method", "mean_rank", "n", "critical_difference", "friedman_p")
DIFFERENCES = ("metric", "method_a", "method_b", "difference", "ci_low", "ci_high", "p_adjusted")
SUMMARY = ("method", "metric", "k", "mean", "ci_low", "ci_high", "n")
MOST_METRICS = 3
BETTER = {metric.name: metric.better for metric in METRICS}
# metrics shown if there are more, robust ones first
PREFERRED = ("lesion_mae", "mcc", "dice_minus_trivial", "pct_abs_error")
# panels of the sites figure: metric, whether it belongs to a threshold k, position of a reference line
SITE_PANELS = (("lesion_mae", False, None), ("lesion_bias", False, 0.0), ("mcc", True, 0.0))


def build_comparison(
    ranks: str | Path, comparisons: str | Path, *, method: str, alpha: float = 0.05, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw mean ranks with their critical difference, and each method's difference from one method with its interval.

    Parameters
    ----------
    ranks : path of ranks.tsv
    comparisons : path of comparisons.tsv, differences method_a - method_b paired by subject
    method : the method with which the others are compared
    alpha : level of tests and intervals
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = table_to_draw(ranks, RANKS, numeric=RANKS[2:])
    table = finite_rows(table, ("mean_rank",), "mean rank")
    metrics = [name for name in [*PREFERRED, *METRIC_NAMES] if name in set(table.metric)]
    metrics = list(dict.fromkeys([*metrics, *table.metric]))[:MOST_METRICS]
    table = table[table.metric.isin(metrics)].merge(
        differences_to(comparisons, method), on=["metric", "method"], how="left"
    )
    most = table.groupby("metric").method.nunique().max()
    figure, panels = plt.subplots(
        len(metrics), 2, figsize=(style.WIDTH, 1.0 + len(metrics) * (1.1 + 0.24 * most)), squeeze=False
    )
    for (left, right), metric in zip(panels, metrics, strict=True):
        part = table[table.metric == metric].sort_values(["mean_rank", "method"])
        _ranks(left, part, metric)
        with panel_or_reason(right):
            _differences(right, part, metric, method, alpha)
    legend_below(figure, _comparison_legend(alpha), ncols=1)
    words = f"Comparison of methods, paired by subject, differences to {method_name(method)}"
    style.figure_title(figure, words, simulated=simulated)
    return figure, table.sort_values(["metric", "mean_rank"]).reset_index(drop=True)


def build_sites(
    summary: str | Path, external: str | Path, *, k: float, alpha: float = 0.05, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw external sites next to the cross-validation: lesion error, bias and MCC of every method.

    Parameters
    ----------
    summary, external : paths of summary.tsv of the cross-validation and of the external sites
    k : threshold of the MCC; the rest as in :func:`build_comparison`

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = pd.concat(
        [site_rows(summary, k).assign(site="internal"), site_rows(external, k).assign(site="external")],
        ignore_index=True,
    )
    methods = ladder_order(table.method.unique())
    figure, panels = plt.subplots(1, 3, figsize=(style.WIDTH, 1.9 + 0.4 * len(methods)), sharey=True)
    for axes, (metric, _, level) in zip(panels, SITE_PANELS, strict=True):
        for site, shift in (("internal", -0.17), ("external", 0.17)):
            rows = table[(table.metric == metric) & (table.site == site)].set_index("method")
            for place, name in enumerate(methods):
                if name in rows.index:
                    row = rows.loc[name]
                    look = SITE_LOOKS[site]
                    interval_dot(axes, place + shift, row["mean"], row.ci_low, row.ci_high, **look)
                else:
                    row_without_value(axes, place + shift)
        if level is not None:
            axes.axvline(level, color=style.REFERENCE_COLOUR, linewidth=0.9, linestyle=":", zorder=0)
        line_above_ceilings(axes, methods)
        axes.set_xlabel(metric_name(metric))
        style.tidy_axes(axes, grid="x")
    method_rows(panels[0], methods)
    legend_below(figure, _site_legend(table, alpha), ncols=2)
    style.figure_title(figure, f"External sites beside the cross-validation, k = {k:g}", simulated=simulated)
    return figure, table[["site", *SUMMARY]]


SITE_LOOKS: dict[str, dict[str, Any]] = {
    "internal": {"colour": style.METHOD_COLOUR, "marker": "o"},
    "external": {"colour": style.EXTERNAL_COLOUR, "marker": "D"},
}


def differences_to(comparisons: str | Path, method: str) -> pd.DataFrame:
    """Return the difference of every other method from one, with interval and adjusted p.

    Returns
    -------
    pandas.DataFrame : metric method difference ci_low ci_high p_adjusted; without rows if there is no table
    """
    columns = ["metric", "method", "difference", "ci_low", "ci_high", "p_adjusted"]
    try:
        table = table_to_draw(comparisons, DIFFERENCES, numeric=DIFFERENCES[3:])
    except NothingToDrawError:
        return pd.DataFrame(
            {name: pd.Series(dtype=object if name in columns[:2] else float) for name in columns}
        )
    as_stored = table[table.method_b == method].rename(columns={"method_a": "method"})
    turned = table[table.method_a == method].rename(columns={"method_b": "method"})
    turned = turned.assign(difference=-turned.difference, ci_low=-turned.ci_high, ci_high=-turned.ci_low)
    return pd.concat([as_stored, turned])[columns]


def cliques(ranks: Sequence[float] | np.ndarray, critical_difference: float) -> list[tuple[int, int]]:
    """Return the longest runs of methods, by rank, within the critical difference (Demsar 2006).

    Parameters
    ----------
    ranks : sorted mean ranks
    critical_difference : of the Nemenyi test; NaN joins none

    Returns
    -------
    list of (first, last), indices of runs of at least two methods, none inside another
    """
    runs: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        near = [
            place for place in range(first, len(ranks)) if ranks[place] - ranks[first] < critical_difference
        ]
        last = max(near, default=first)
        if last > first and not any(last <= end for _, end in runs):
            runs.append((first, last))
    return runs


def site_rows(summary: str | Path, k: float) -> pd.DataFrame:
    """Return the rows of a summary that the sites figure shows."""
    table = table_to_draw(summary, SUMMARY, numeric=SUMMARY[2:])
    at_k = (table.k - k).abs() < 1e-9
    keep = pd.Series(False, index=table.index)
    for metric, thresholded, _ in SITE_PANELS:
        keep |= (table.metric == metric) & (at_k | (not thresholded))
    return finite_rows(table[keep], ("mean",), "score of a site")[list(SUMMARY)]


def _ranks(axes: Axes, part: pd.DataFrame, metric: str) -> None:
    """Draw methods in order of their mean rank. A bar at the right joins those that do not differ."""
    methods, ranks = list(part.method), part.mean_rank.to_numpy()
    critical = part.critical_difference.iloc[0]
    for place, (name, rank) in enumerate(zip(methods, ranks, strict=True)):
        axes.plot(
            rank, place, marker=style.method_look(name)[2], color=style.METHOD_COLOUR, ms=7, linestyle=""
        )
    last = ranks.max() + 0.3
    for order, (start, end) in enumerate(cliques(ranks, critical)):
        spot = last + 0.25 * order
        axes.plot([spot, spot], [start - 0.25, end + 0.25], color="black", linewidth=3, solid_capstyle="butt")
    method_rows(axes, methods)
    axes.set_xlim(0.7, None)
    axes.margins(x=0.08)
    p = part.friedman_p.iloc[0]
    told = "n/a" if np.isnan(p) else "< 0.0001" if p < 1e-4 else f"= {p:.2g}"
    difference = "n/a" if np.isnan(critical) else f"{critical:.2f}"
    axes.set_title(
        f"{metric_name(metric)}: Friedman p {told}, critical difference {difference}", fontsize=8, loc="left"
    )
    axes.set_xlabel("Mean rank over subjects (1 is best)")
    style.tidy_axes(axes, grid="x")


def _differences(axes: Axes, part: pd.DataFrame, metric: str, method: str, alpha: float) -> None:
    """Draw the difference of each method from the reference method, filled if it is significant."""
    if part.difference.isna().all():
        raise NothingToDrawError(f"comparisons.tsv has no difference from {method_name(method)}.")
    for place, row in enumerate(part.itertuples()):
        if row.method == method:
            at_right: dict[str, Any] = {
                "ha": "right",
                "va": "center",
                "transform": axes.get_yaxis_transform(),
            }
            axes.text(0.98, place, "the one compared with", fontsize=8, **at_right)
            continue
        if np.isnan(row.difference):
            row_without_value(axes, place)
            continue
        significant = row.p_adjusted < alpha
        axes.plot([row.ci_low, row.ci_high], [place, place], color=style.METHOD_COLOUR, linewidth=2, zorder=2)
        face = style.METHOD_COLOUR if significant else "white"
        axes.plot(row.difference, place, "o", ms=6, mec=style.METHOD_COLOUR, mfc=face, zorder=3)
    axes.axvline(0, color=style.REFERENCE_COLOUR, linewidth=0.9, linestyle=":", zorder=0)
    axes.set_yticks(range(len(part)), [""] * len(part))
    axes.set_ylim(len(part) - 0.4, -0.6)
    side = {"lower": ">", "higher": "<"}.get(BETTER.get(metric, ""))
    better = f"\n{side} 0: {method_name(method)} is better" if side else ""
    axes.set_xlabel(f"{metric_name(metric)}, difference{better}")
    style.tidy_axes(axes, grid="x")


def _comparison_legend(alpha: float) -> list[Line2D]:
    blue: dict[str, Any] = {"color": style.METHOD_COLOUR, "marker": "o", "ms": 6, "linewidth": 2}
    level = f"{100 * (1 - alpha):g} % interval"
    return [
        Line2D([], [], color="black", linewidth=3, label="joined: ranks closer than the critical difference"),
        Line2D([], [], **blue, label=f"difference with {level}, adjusted p < {alpha:g}"),
        Line2D([], [], **blue, mfc="white", label=f"difference with {level}, adjusted p \u2265 {alpha:g}"),
    ]


def _site_legend(table: pd.DataFrame, alpha: float) -> list[Line2D]:
    labels = {"internal": "cross-validation", "external": "external sites"}
    handles = []
    for site, look in SITE_LOOKS.items():
        rows = table[table.site == site]
        level = f"{100 * (1 - alpha):g} % interval" if rows.ci_low.notna().any() else "no interval"
        text = f"{labels[site]}, {patients_words(rows.n)}, {level}"
        handles.append(
            Line2D([], [], color=look["colour"], marker=look["marker"], ms=7, linewidth=2, label=text)
        )
    return handles
