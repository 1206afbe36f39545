"""Mean DVR of each lesion, true against predicted: over all lesions, and by size, place and kind (our addition)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import (
    agreement_handles,
    agreement_lines,
    identity,
    interval_dot,
    legend_below,
    panel_or_reason,
    row_without_value,
    signed,
    some_drawn,
)
from myelosketch.reporting.source_tables import (
    LESION_COLUMNS,
    NothingToDrawError,
    lesion_rows,
    rows_of,
    table_to_draw,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELLED = 10  # the largest disagreements are marked with the rank that they have in the report's table
# strata of lesion_agreement.tsv and lesions.tsv; kinds are known in a simulated cohort only
STRATA = {"size": "Size", "place": "Place", "kind": "Kind (simulated)"}
PLACES = ("periventricular", "deep", "juxtacortical", "infratentorial")
# column of lesion_agreement.tsv -> axis label
AGREEMENT = {"pearson_r": "Pearson r", "icc": "ICC(2,1)", "bias": "Bias (DVR)"}
ENDS = ("", "_ci_low", "_ci_high")


def build_lesion_means(lesions: str | Path, *, method: str, simulated: bool) -> tuple[Figure, pd.DataFrame]:
    """Draw the mean DVR of each lesion, true against predicted, and the Bland-Altman plot.

    Parameters
    ----------
    lesions : path of lesions.tsv
    method : the method shown
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = lesion_rows(lesions, method)
    # area grows with volume, within bounds that keep small lesions visible
    size = np.clip(20 * np.sqrt(table.volume_mm3 / table.volume_mm3.median()), 8, 120)
    dots: dict[str, Any] = {
        "s": size,
        "color": style.METHOD_COLOUR,
        "alpha": 0.5,
        "linewidths": 0.4,
        "edgecolors": "black",
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 4.4))
    left.scatter(table.mean_dvr_true, table.mean_dvr_pred, **dots)
    identity(left, *_range(table))
    left.set(xlabel="True mean DVR of lesion (unitless)", ylabel="Predicted mean DVR (unitless)")
    difference, middle = table.difference, (table.mean_dvr_pred + table.mean_dvr_true) / 2
    right.scatter(middle, difference, **dots)
    bias, spread = difference.mean(), difference.std(ddof=1)  # without a second lesion there are no limits
    for axes, x, y in ((left, table.mean_dvr_true, table.mean_dvr_pred), (right, middle, difference)):
        number_marks(axes, x, y, table["rank"])
    agreement_lines(right, bias, bias - 1.96 * spread, bias + 1.96 * spread)
    right.set(xlabel="Mean of true and predicted DVR (unitless)", ylabel="Predicted \u2212 true DVR")
    right.set_title(f"bias {signed(bias)}")
    right.margins(x=0.1, y=0.12)
    for axes in (left, right):
        style.tidy_axes(axes, grid="both")
    same = Line2D([], [], color="black", linewidth=1, linestyle="--", label="identity")
    legend_below(figure, [same, *agreement_handles()], ncols=3)
    words = f"Mean DVR of {len(table)} lesions in {table.scan.nunique()} scans, {method_name(method)}"
    style.figure_title(figure, words, simulated=simulated)
    return figure, table[[*LESION_COLUMNS, "rank"]]


def build_lesion_agreement(
    lesions: str | Path, lesion_agreement: str | Path, *, method: str, alpha: float = 0.05, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw lesion means by size, place and kind: a scatter plot per stratum, and the agreement of its levels.

    Parameters
    ----------
    lesion_agreement : path of lesion_agreement.tsv; the rest as in :func:`build_lesion_means`
    alpha : the intervals of the table cover 1 - alpha

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = lesion_rows(lesions, method)
    strata = {name: words for name, words in STRATA.items() if name in table and table[name].notna().any()}
    if not strata:
        raise NothingToDrawError("the table lesions.tsv names neither size nor place of a lesion.")
    # height of each row of panels in inches: a scatter plot, or the number of levels
    figure, panels = plt.subplots(
        len(strata), 4, figsize=(style.WIDTH, 0.8 + 2.35 * len(strata)), squeeze=False,
        width_ratios=[1.5, 1, 1, 1], sharex="col",
    )  # fmt: skip
    parts = []
    for row, (line, (stratum, words)) in enumerate(zip(panels, strata.items(), strict=True)):
        levels = ordered_levels(table[stratum].dropna(), table)
        _scatter(line[0], table, stratum, levels)
        line[0].set_ylabel(f"{words}\nPredicted mean DVR")
        dots = table.loc[table[stratum].notna(), [*LESION_COLUMNS, stratum]]
        parts.append(dots.rename(columns={stratum: "level"}).assign(part="lesion", stratum=stratum))
        agreed = _agreement_rows(lesion_agreement, method, stratum)
        for axes, (column, label) in zip(line[1:], AGREEMENT.items(), strict=True):
            axes.tick_params(left=axes is line[1])
            with panel_or_reason(axes):
                _forest(axes, agreed, levels, column)
                axes.set_xlabel(label if row == len(strata) - 1 else "")
        line[1].set_yticks(range(len(levels)), _level_labels(levels, agreed))
        if agreed is not None:
            parts.append(agreed.assign(part="agreement"))
    panels[-1, 0].set_xlabel("True mean DVR (unitless)")
    interval = Line2D(
        [], [], color="black", marker="o", ms=5, label=f"value and {100 * (1 - alpha):g} % interval"
    )
    same = Line2D([], [], color="black", linewidth=1, linestyle="--", label="identity")
    legend_below(figure, [same, interval], ncols=2)
    style.figure_title(
        figure, f"Mean DVR of {len(table)} lesions by stratum, {method_name(method)}", simulated=simulated
    )
    return figure, some_drawn(parts)


def number_marks(axes: Axes, x: pd.Series, y: pd.Series, rank: pd.Series) -> None:
    """Write the rank next to the largest disagreements, each at the corner farthest from other marks."""
    spans = [np.ptp(values) or 1.0 for values in (x, y)]
    marked = sorted(
        (place, across, up) for across, up, place in zip(x, y, rank, strict=True) if place <= LABELLED
    )
    placed: list[np.ndarray] = []
    for place, across, up in marked:
        corners = {
            (right, above): np.array([across / spans[0] + 0.03 * right, up / spans[1] + 0.03 * above])
            for right in (1, -1)
            for above in (1, -1)
        }
        room = {
            corner: min((float(np.hypot(*(spot - other))) for other in placed), default=1.0)
            for corner, spot in corners.items()
        }
        right, above = max(room, key=lambda corner: min(room[corner], 0.1))  # the first free corner
        placed.append(corners[right, above])
        axes.annotate(
            str(place), (across, up), xytext=(4 * right, 3 * above), textcoords="offset points", fontsize=7,
            ha="left" if right > 0 else "right", va="bottom" if above > 0 else "top", zorder=5,
        )  # fmt: skip


def ordered_levels(values: pd.Series, table: pd.DataFrame) -> list[str]:
    """Sort levels: places by anatomy, sizes by volume, others by name."""
    found = set(values)
    if found <= set(PLACES):
        return [place for place in PLACES if place in found]
    volume = table.loc[values.index, "volume_mm3"].groupby(values).agg(["max", "min"])
    by_volume = volume.sort_values("max")
    if (by_volume["min"].iloc[1:].to_numpy() >= by_volume["max"].iloc[:-1].to_numpy()).all():
        return list(by_volume.index)  # classes of volume do not overlap
    return sorted(found)


def _range(table: pd.DataFrame) -> tuple[float, float]:
    both = table[["mean_dvr_true", "mean_dvr_pred"]].to_numpy()
    return both.min() - 0.02, both.max() + 0.02


def _scatter(axes: Axes, table: pd.DataFrame, stratum: str, levels: Sequence[str]) -> None:
    for place, level in enumerate(levels):
        part = table[table[stratum] == level]
        colour, marker, _ = style.level_look(place)
        edge: dict[str, Any] = {"edgecolors": "black", "linewidths": 0.4}
        axes.scatter(
            part.mean_dvr_true, part.mean_dvr_pred, s=18, color=colour, marker=marker, alpha=0.8, **edge
        )
    identity(axes, *_range(table))
    style.tidy_axes(axes, grid="both")


def _agreement_rows(path: str | Path, method: str, stratum: str) -> pd.DataFrame | None:
    """Return the rows of one method and stratum, or None if the table or its rows are missing."""
    numbers = [name + end for name in AGREEMENT for end in ENDS]
    columns = ("method", "stratum", "level", "n_lesions", "n_patients", *numbers)
    try:
        table = table_to_draw(path, columns, numeric=columns[3:])
        return rows_of(table, "row", method=method, stratum=stratum)[list(columns)]
    except NothingToDrawError:
        return None


def _forest(axes: Axes, agreed: pd.DataFrame | None, levels: Sequence[str], column: str) -> None:
    """Draw one row per level: the number with its interval, or n/a."""
    if agreed is None:
        raise NothingToDrawError("lesion_agreement.tsv has no row for this stratum.")
    by_level = agreed.set_index("level")
    for place, level in enumerate(levels):
        row = by_level.loc[level] if level in by_level.index else None
        if row is None or np.isnan(row[column]):
            row_without_value(axes, place)
            continue
        colour, marker, _ = style.level_look(place)
        ends = row[f"{column}_ci_low"], row[f"{column}_ci_high"]
        interval_dot(axes, place, row[column], *ends, colour=colour, marker=marker)
    if column == "bias":
        axes.axvline(0, color=style.REFERENCE_COLOUR, linewidth=0.9, linestyle=":", zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(2))
    else:
        axes.set_xlim(-1.05, 1.05)
    axes.set_ylim(len(levels) - 0.4, -0.6)
    axes.set_yticks(range(len(levels)), [""] * len(levels))
    axes.tick_params(labelbottom=True)
    axes.margins(x=0.1)
    style.tidy_axes(axes, grid="x")


def _in_words(level: str) -> str:
    """Return the label of a level, with symbols instead of their spelling."""
    signs = {">=": "\u2265", "<=": "\u2264", "mm3": "mm\u00b3", "_": " ", "-": "\u2013"}
    text = str(level)
    for spelling, sign in signs.items():
        text = text.replace(spelling, sign)
    return text


def _level_labels(levels: Sequence[str], agreed: pd.DataFrame | None) -> list[str]:
    counts = {} if agreed is None else {row.level: row for row in agreed.itertuples()}
    words = {level: _in_words(level) for level in levels}
    return [
        f"{words[level]}\nn = {counts[level].n_lesions:.0f} in {counts[level].n_patients:.0f}"
        if level in counts
        else words[level]
        for level in levels
    ]
