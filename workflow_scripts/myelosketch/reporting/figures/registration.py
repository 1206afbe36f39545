"""Quality of each registration: its measurements and the limits that flag a scan (our addition)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.panels import legend_below, line_of_panels
from myelosketch.reporting.source_tables import NothingToDrawError, table_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEYS = ("scan", "modality", "verdict")
# number of qc.tsv -> axis label, whether higher is better; numbers missing from the table are not drawn
NUMBERS = {
    "coverage": ("Share of the brain covered", True),
    "overlap": ("Dice of the brain masks", True),
    "nmi": ("Normalised mutual information", True),
    "border_contrast": ("Contrast across the border\nof white and grey matter", True),
    "border_shift_mm": ("Shift of that border (mm)", False),
    "inverse_mm": ("Forward and back again (mm)", False),
    "repeat_mm": ("Distance of new starts, median (mm)", False),
    "repeat_max_mm": ("Distance of new starts, largest (mm)", False),
    "stretch_mm": ("Stretch by a free affine (mm)", False),
}
# the template is another brain, so its registration has a separate limit for both of these
TEMPLATE, OF_TEMPLATE = "MNI152", ("inverse_mm", "repeat_mm")
GOOD = "ok"


def build_registration_quality(
    qc: str | Path, *, limits: Mapping[str, Any], simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw strip plots of the quality of every registration, one panel per number, one dot per scan.

    Parameters
    ----------
    qc : path of qc.tsv, a row per scan and modality
    limits : ``registration.quality`` of the configuration: {number: limit}, ``template_mm`` for the registration of
        the template. A number without a limit has no line. Other keys are ignored
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    data = quality_rows(qc)
    data["limit"] = [limit_of(*pair, limits) for pair in zip(data.number, data.modality, strict=True)]
    numbers = [name for name in NUMBERS if name in set(data.number)]
    modalities = list(dict.fromkeys(data.modality))
    looks = {word: _look(word) for word in sorted(set(data.verdict), key=lambda word: (word != GOOD, word))}
    rows, columns = -(-len(numbers) // 3), min(3, len(numbers))
    figure, panels = plt.subplots(rows, columns, figsize=(style.WIDTH, 0.9 + 2.7 * rows), squeeze=False)
    for axes, number in line_of_panels(panels, numbers):
        label, higher = NUMBERS[number]
        _strip(axes, data[data.number == number], modalities, looks)
        axes.set_ylabel(f"{label}\n{'higher' if higher else 'lower'} is better", fontsize=8)
        axes.margins(y=0.1)
        style.tidy_axes(axes)
    legend_below(figure, _legend(looks, data), ncols=4)
    words = f"Registration quality of {data.scan.nunique()} scans"
    style.figure_title(figure, words, simulated=simulated)
    return figure, data


def limit_of(number: str, modality: str, limits: Mapping[str, Any]) -> float:
    """Return the limit of a number for one modality, NaN if there is none (as in imaging.quality_verdicts)."""
    if modality == TEMPLATE:
        return limits.get("template_mm", np.nan) if number in OF_TEMPLATE else np.nan
    return limits.get(number, np.nan)


def quality_rows(qc: str | Path) -> pd.DataFrame:
    """Return the numbers of qc.tsv in one long table: scan modality verdict number value.

    Raises
    ------
    NothingToDrawError : the table is absent, or contains none of the numbers
    """
    table = table_to_draw(qc, KEYS)
    numbers = [name for name in NUMBERS if name in table]
    for name in numbers:
        table[name] = pd.to_numeric(table[name], errors="coerce")
    if not numbers or table[numbers].isna().all(axis=None):
        raise NothingToDrawError("no registration was measured: every number of qc.tsv is n/a.")
    table = table.fillna({"verdict": "not judged"})
    long = table.melt(id_vars=list(KEYS), value_vars=numbers, var_name="number", value_name="value")
    return long.dropna(subset=["value"]).reset_index(drop=True)


def _strip(
    axes: Axes, part: pd.DataFrame, modalities: Sequence[str], looks: Mapping[str, tuple[str, str]]
) -> None:
    """Draw dots of one number by modality, spread evenly in table order. Scans that are not ok are named."""
    for place, modality in enumerate(modalities):
        rows = part[part.modality == modality]
        spots = place + np.linspace(-0.28, 0.28, max(len(rows), 2))[: len(rows)]
        for spot, row in zip(spots, rows.itertuples(), strict=True):
            colour, marker = looks[row.verdict]
            size = 4 if row.verdict == GOOD else 6
            axes.plot(spot, row.value, marker, color=colour, ms=size, mew=0.4, mec="black", alpha=0.8)
            if row.verdict != GOOD:
                beside: dict[str, Any] = {"xytext": (4, 3), "textcoords": "offset points", "fontsize": 6}
                axes.annotate(row.scan.removeprefix("sub-"), (spot, row.value), **beside)
        limit = rows.limit.dropna().head(1)
        for level in limit:
            ends = [place - 0.45, place + 0.45]
            axes.plot(ends, [level, level], "--", color=style.NOTED_COLOUR, linewidth=1.2, zorder=1)
    turn: dict[str, Any] = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if len(modalities) > 3 else {}
    )
    axes.set_xticks(range(len(modalities)), ["PET" if name == "pet" else name for name in modalities], **turn)
    axes.set_xlim(-0.6, len(modalities) - 0.4)


def _look(verdict: str) -> tuple[str, str]:
    """Return colour and marker of a verdict. Every verdict except ok has a separate marker."""
    looks = {GOOD: (style.METHOD_COLOUR, "o"), "accepted": (style.EXTERNAL_COLOUR, "D")}
    return looks.get(verdict, (style.NOTED_COLOUR, "^"))


def _legend(looks: Mapping[str, tuple[str, str]], data: pd.DataFrame) -> list[Line2D]:
    counts = data.drop_duplicates(["scan", "modality"]).verdict.value_counts()
    handles = [
        Line2D(
            [], [], color=colour, marker=marker, mec="black", mew=0.4, ms=6, linestyle="",
            label=f"{word}: n = {counts[word]}",
        )
        for word, (colour, marker) in looks.items()
    ]  # fmt: skip
    if data.limit.notna().any():
        line: dict[str, Any] = {"color": style.NOTED_COLOUR, "linewidth": 1.2, "linestyle": "--"}
        handles.append(Line2D([], [], **line, label="limit"))
    return handles
