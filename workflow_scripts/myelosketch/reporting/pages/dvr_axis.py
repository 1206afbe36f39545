"""An axis that shows a patient's mean DVR, with intervals, and the healthy range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from myelosketch.reporting.tables.text import number

MARGIN = 4.0  # percent of the width at each end, so that the text of the last tick is not cut off
MOST_TICKS = 7
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Span(NamedTuple):
    """A value on the axis, in percent of the width: ``middle``, and ``low`` and ``high`` if it has an interval."""

    name: str
    text: str
    middle: float
    low: float | None
    high: float | None


class Axis(NamedTuple):
    """Positions on the axis in percent of its width: healthy mean \u00b1 SD, threshold, ticks with text, spans."""

    healthy: tuple[float, float, float]  # low end, mean, high end
    threshold: float
    ticks: list[tuple[float, str]]
    spans: list[Span]


def dvr_axis(healthy: Mapping[str, Any], regions: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Axis:
    """Return an axis that holds all regions and the healthy range.

    Parameters
    ----------
    healthy : dict, mean, sd, threshold (DVR)
    regions : (name, text, dict with mean_dvr, low, high) of each; bounds may be None

    Returns
    -------
    Axis
    """
    band = [healthy["mean"] - healthy["sd"], healthy["mean"], healthy["mean"] + healthy["sd"]]
    known = [
        value
        for _, _, found in regions
        for value in (found["mean_dvr"], found["low"], found["high"])
        if _given(value)
    ]
    low, high, ticks = axis_range([*band, healthy["threshold"], *known])

    def place(value: float) -> float:
        return round(MARGIN + (100 - 2 * MARGIN) * (float(value) - low) / (high - low), 2)

    spans = [
        Span(
            name,
            text,
            place(found["mean_dvr"]),
            *((place(found[end]) for end in ("low", "high")) if _bounded(found) else (None, None)),
        )
        for name, text, found in regions
    ]
    first, middle, last = (place(value) for value in band)
    return Axis(
        (first, middle, last),
        place(healthy["threshold"]),
        [(place(tick), number(tick)) for tick in ticks],
        spans,
    )


def axis_range(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Return limits with some room around the values, and at most :data:`MOST_TICKS` round values for ticks.

    Returns
    -------
    (low, high, list of float)
    """
    least, most = min(values), max(values)
    room = 0.08 * max(most - least, 0.1)
    low, high = least - room, most + room
    for step in STEPS:
        ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        if len(ticks) <= MOST_TICKS:
            break
    return float(low), float(high), [float(tick) for tick in ticks]


def _bounded(found: Mapping[str, Any]) -> bool:
    return _given(found["low"]) and _given(found["high"])


def _given(value: Any) -> bool:
    return number(value) != "n/a"
