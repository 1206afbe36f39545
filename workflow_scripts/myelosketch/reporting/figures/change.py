"""Change between sessions: which lesion changes are found, and each lesion before and after (our addition)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from statsmodels.stats.proportion import proportion_confint

from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import (
    identity,
    interval_dot,
    legend_below,
    panel_or_reason,
    some_drawn,
)
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("subject", "session_before", "session_after", "source", "method", "lesion", "volume_mm3")
NUMBERS = ("mean_dvr_before", "mean_dvr_after", "change", "limit", "change_true")
# borders of the classes of true change, DVR; a lesion below the first counts as unchanged
BORDERS = (0.01, 0.03, 0.06, 0.1, 0.15)
SOURCES = {"predicted": (style.METHOD_COLOUR, "o", -0.12), "measured": ("black", "D", 0.12)}
CLAIMS = {
    "gain": (style.GAIN_COLOUR, "^", "higher, beyond its limit"),
    "loss": (style.NOTED_COLOUR, "v", "lower, beyond its limit"),
    "none": (style.FAINT_COLOUR, "o", "within its limit"),
}


def build_change(lesions: str | Path, *, alpha: float = 0.05, simulated: bool) -> tuple[Figure, pd.DataFrame]:
    """Draw the share of lesions called changed by true change, and each lesion before and after.

    Parameters
    ----------
    lesions : path of change_lesions.tsv
    alpha : level of the limits; the intervals cover 1 - alpha
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    table = table_to_draw(lesions, (*COLUMNS, *NUMBERS, "claimed"), numeric=("volume_mm3", *NUMBERS))
    figure, panels = plt.subplots(1, 3, figsize=(style.WIDTH, 3.4), width_ratios=[1.25, 1, 1])
    parts = []
    with panel_or_reason(panels[0]):
        parts.append(detection(table, alpha).assign(part="detection"))
        _draw_detection(panels[0], parts[0], alpha)
    for axes, source in zip(panels[1:], SOURCES, strict=True):
        with panel_or_reason(axes):
            shown = rows_of(table, f"pair of sessions with {source} DVR", source=source)
            shown = finite_rows(shown, ("mean_dvr_before", "change"), f"{source} change of a lesion")
            _draw_before_after(axes, shown)
            parts.append(shown.assign(part="lesion"))
    data = some_drawn(parts)
    legend_below(figure, _handles(table, alpha), ncols=3)
    n = table.subject.nunique()
    words = f"Change of DVR between sessions, {n} participant{'s' * (n > 1)}"
    style.figure_title(figure, words, simulated=simulated)
    return figure, data


def detection(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return the share of lesions called changed, by source and class of true change.

    Parameters
    ----------
    table : pandas.DataFrame, change_lesions.tsv
    alpha : Wilson's intervals cover 1 - alpha, assuming independent lesions

    Returns
    -------
    pandas.DataFrame : ``source``, ``true_class`` (in words), ``n_lesions``, ``n_participants``, ``share_claimed``,
        ``ci_low``, ``ci_high``

    Raises
    ------
    NothingToDrawError : the true change is unknown
    """
    known = table.dropna(subset=["change_true"])
    if known.empty:
        raise NothingToDrawError("the true change of lesions is known in a simulated cohort only.")
    size = np.searchsorted(BORDERS, known.change_true.abs(), side="right")
    rows = []
    for source in SOURCES:
        for place, words in enumerate(_classes()):
            part = known[(known.source == source) & (size == place)]
            if len(part):
                yes = int((part.claimed == "yes").sum())
                low, high = proportion_confint(yes, len(part), alpha=alpha, method="wilson")
                n = {"n_lesions": len(part), "n_participants": part.subject.nunique()}
                ends = {"share_claimed": yes / len(part), "ci_low": low, "ci_high": high}
                rows.append({"source": source, "true_class": words} | n | ends)
    return pd.DataFrame(rows)


def _classes() -> list[str]:
    between = [f"{low:g}\u2013{high:g}" for low, high in zip(BORDERS[:-1], BORDERS[1:], strict=True)]
    return [f"< {BORDERS[0]:g}", *between, f"\u2265 {BORDERS[-1]:g}"]


def _draw_detection(axes: Axes, rows: pd.DataFrame, alpha: float) -> None:
    classes = _classes()
    axes.axhline(100 * alpha, color=style.REFERENCE_COLOUR, linewidth=0.9, linestyle=":", zorder=0)
    for source, (colour, marker, aside) in SOURCES.items():
        part = rows[rows.source == source]
        for row in part.itertuples():
            ends = 100 * row.share_claimed, 100 * row.ci_low, 100 * row.ci_high
            place = classes.index(row.true_class) + aside
            interval_dot(axes, place, *ends, colour=colour, marker=marker, upright=True)
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right", fontsize=7)
    axes.set(xlabel="True change of mean DVR", ylabel="Lesions called changed (%)", ylim=(-4, 104))
    axes.set_xlim(-0.6, len(classes) - 0.4)
    style.tidy_axes(axes)


def _draw_before_after(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the mean DVR of each lesion in the second session, without the offset, against that in the first."""
    after = rows.mean_dvr_before + rows.change
    claim = np.where(rows.claimed != "yes", "none", np.where(rows.change > 0, "gain", "loss"))
    for name in ("none", "gain", "loss"):
        colour, marker, _ = CLAIMS[name]
        here = claim == name
        area = np.clip(14 * np.sqrt(rows.volume_mm3[here] / 300), 6, 70)
        edge: dict[str, Any] = {"linewidths": 0.3, "edgecolors": "white" if name == "none" else "black"}
        axes.scatter(rows.mean_dvr_before[here], after[here], s=area, color=colour, marker=marker, **edge)
    both = pd.concat([rows.mean_dvr_before, after])
    margin = 0.05 * max(float(both.max() - both.min()), 0.1)
    identity(axes, both.min() - margin, both.max() + margin)
    source, method = rows.source.iloc[0], rows.method.iloc[0]
    axes.set_title("Measured PET" if source == "measured" else style.balanced(method_name(method), 22))
    axes.set(xlabel="Lesion mean DVR before", ylabel="after, without offset")
    style.tidy_axes(axes, grid="both")


def _handles(table: pd.DataFrame, alpha: float) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=f"{source} DVR")
        for source, (colour, marker, _) in SOURCES.items()
        if source in set(table.source)
    ]
    handles.append(Line2D([], [], color=style.REFERENCE_COLOUR, linestyle=":", label=f"{100 * alpha:g} %"))
    handles += [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=words)
        for colour, marker, words in CLAIMS.values()
    ]
    return handles
