"""Parts that several figures share: dots with intervals, lines of agreement, legends and empty axes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from myelosketch.io import names
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.source_tables import NothingToDrawError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import MarkerType


@contextlib.contextmanager
def panel_or_reason(axes: Axes) -> Iterator[None]:
    """Draw one axes of a figure. If it has no data, write the reason into it and draw the others."""
    try:
        yield
    except NothingToDrawError as reason:
        style.empty_panel(axes, str(reason))


def some_drawn(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the data of the drawn panels as one table.

    Parameters
    ----------
    parts : list of pandas.DataFrame, one per panel that was drawn

    Raises
    ------
    NothingToDrawError : no panel has data
    """
    if not parts:
        raise NothingToDrawError("none of its panels has data in this run.")
    return pd.concat(parts, ignore_index=True)


def line_of_panels(panels: np.ndarray, items: Sequence[str]) -> list[tuple[Axes, str]]:
    """Pair the axes of a grid with their content, row by row. Unused axes are hidden."""
    flat = list(np.asarray(panels).flat)
    for axes in flat[len(items) :]:
        axes.set_axis_off()
    return list(zip(flat, items, strict=False))


def interval_dot(
    axes: Axes,
    place: float,
    mean: float,
    low: float,
    high: float,
    *,
    colour: str,
    marker: MarkerType,
    upright: bool = False,
) -> None:
    """Draw a value with its interval, if there is one, at a row (or, if upright, a column)."""
    line: dict[str, Any] = {"color": colour, "linewidth": 2, "solid_capstyle": "butt", "zorder": 2}
    edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.8, "zorder": 3}
    if pd.notna(low) and pd.notna(high):
        ends = [low, high], [place, place]
        axes.plot(*(ends[::-1] if upright else ends), **line)
    spot = (place, mean) if upright else (mean, place)
    axes.plot(*spot, marker=marker, color=colour, ms=7, linestyle="", **edge)


def row_without_value(axes: Axes, place: float) -> None:
    """Write n/a in the row of a value that cannot be computed."""
    axes.text(0.02, place, "n/a", va="center", fontsize=8, transform=axes.get_yaxis_transform())


def legend_below(figure: Figure, handles: Sequence[Artist], *, ncols: int) -> None:
    """Draw one legend below all axes, without overlap of their labels."""
    figure.legend(handles=handles, loc="outside lower center", ncols=ncols, borderaxespad=0.9)


def method_rows(axes: Axes, methods: Sequence[str], *, short: bool = False) -> None:
    """Label rows with methods, the first on top, and draw a line above the ceilings."""
    axes.set_yticks(range(len(methods)), [method_name(method, short=short) for method in methods])
    axes.set_ylim(len(methods) - 0.4, -0.6)


def line_above_ceilings(axes: Axes, methods: Sequence[str]) -> None:
    """Draw a line between the last method and the first ceiling."""
    first = next((place for place, method in enumerate(methods) if method in names.CEILINGS), None)
    if first:
        axes.axhline(first - 0.5, color=style.MUTED_COLOUR, linewidth=0.8)


def identity(axes: Axes, low: float, high: float) -> None:
    """Set equal axes from low to high and draw the line where prediction equals truth."""
    axes.plot([low, high], [low, high], "--", color="black", linewidth=1, zorder=1)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def agreement_lines(
    axes: Axes, bias: float, low: float, high: float, *, bias_interval: tuple[float, float] = (np.nan, np.nan)
) -> None:
    """Draw the lines of a Bland-Altman plot: zero, bias with its interval as a band, and limits of agreement."""
    axes.axhline(0, color=style.MUTED_COLOUR, linewidth=0.8)
    if np.isfinite(bias_interval).all():
        axes.axhspan(*bias_interval, color=style.METHOD_COLOUR, alpha=0.18, linewidth=0)
    if np.isfinite(bias):
        axes.axhline(bias, color="black", linewidth=1.2)
    for limit in (low, high):
        if np.isfinite(limit):
            axes.axhline(limit, color="black", linewidth=1, linestyle=":")


def agreement_handles(*, interval: str | None = None) -> list[Artist]:
    """Return the legend of :func:`agreement_lines`. ``interval`` names the level of the band, None for no band."""
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Line2D([], [], color="black", linewidth=1.2, label="bias"),
        Line2D(
            [], [], color="black", linewidth=1, linestyle=":", label="limits of agreement (bias ± 1.96 SD)"
        ),
    ]
    if interval:
        band = Patch(facecolor=style.METHOD_COLOUR, alpha=0.18, label=f"{interval} interval of the bias")
        handles.insert(1, band)
    return handles


def method_line(
    axes: Axes, x: pd.Series, y: pd.Series, method: str, *, shown: bool = False, marks: bool = True
) -> None:
    """Draw a line in the style of its method. The main method of the figure is thicker and on top."""
    colour, dashes, marker = style.method_look(method)
    axes.plot(
        x,
        y,
        color=colour,
        dashes=dashes,
        marker=marker if marks else None,
        ms=5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        linewidth=2.2 if shown else 1.3,
        zorder=4 if shown else 3,
    )


def method_handle(
    method: str, label: str | None = None, *, shown: bool = False, marks: bool = True
) -> Line2D:
    """Return the legend entry of :func:`method_line`."""
    colour, dashes, marker = style.method_look(method)
    handle = Line2D(
        [],
        [],
        color=colour,
        marker=marker if marks else None,
        ms=5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        linewidth=2.2 if shown else 1.3,
        label=label or method_name(method),
    )
    handle.set_dashes(dashes)
    return handle


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign, with a true minus sign."""
    return "n/a" if pd.isna(value) else f"{value:+.{digits}f}".replace("-", "\u2212")


def with_interval(value: float, low: float, high: float, digits: int = 2, *, sign: bool = False) -> str:
    """Return ``0.45 [0.12, 0.70]``, the value alone without an interval, or n/a without a value."""
    if pd.isna(value):
        return "n/a"
    form = f"{'+' if sign else ''}.{digits}f"
    text = f"{value:{form}}"
    if pd.notna(low) and pd.notna(high):
        text += f" [{low:{form}}, {high:{form}}]"
    return text.replace("-", "\u2212")
