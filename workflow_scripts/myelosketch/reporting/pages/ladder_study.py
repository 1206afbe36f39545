"""The page of the study of the ladder, in Markdown: one table of scores and one of differences per world."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.evaluation.ladder_study import METRICS
from myelosketch.io.provenance import write_text
from myelosketch.reporting.display import metric_name

if TYPE_CHECKING:
    import pandas as pd

BEGIN, END = "<!-- ladder study: begin -->", "<!-- ladder study: end -->"
_SIGNED = ("lesion_bias",)


def write_ladder_page(
    table: pd.DataFrame, output: str | Path, *, alpha: float, facts: Mapping[str, Any]
) -> None:
    """Write the page.

    Parameters
    ----------
    table : DataFrame of `evaluation.ladder_study.write_ladder`
    output : path
    alpha : float, of its intervals
    facts : dict: ``training_participants`` (world -> MS, HC), ``attainable`` (``patients``, ``controls``; None for no
        such row), ``min_voxels``, ``k``
    """
    write_text(output, ladder_page(table, alpha=alpha, facts=facts))


def ladder_page(table: pd.DataFrame, *, alpha: float, facts: Mapping[str, Any]) -> str:
    """Markdown text of the page; see `write_ladder_page`."""
    learned, many = facts["training_participants"], facts["attainable"]
    lines = [
        f"Each cell: mean over patients and training seeds with its {100 * (1 - alpha):g} % interval, for which both "
        f"are samples. AUC, rank correlation and MCC are of patients with at least {facts['min_voxels']} lesion "
        f"voxels, at k = {facts['k']:g}. Sharpness is the squared difference between neighbouring voxels, as a "
        "multiple of that of the noise-free tissue (`visible`).",
    ]
    if many:
        lines.append(
            f"`attainable` is a U-Net with region weights that learned from further participants of the same world "
            f"({many['patients']} patients, {many['controls']} controls), with their noise-free tissue as the target."
        )
    for world in dict.fromkeys(table.world):
        rows = table[table.world == world]
        reference = rows.reference.iloc[0]
        seeds = rows.n_seeds.max()
        counts = " to ".join(str(n) for n in sorted({rows.n_patients.min(), rows.n_patients.max()}))
        lines += [
            f"**World `{world}`: scores** (methods learn from {learned[world]['MS']} patients and "
            f"{learned[world]['HC']} controls; {counts} patients scored, {seeds} seeds)"
        ]
        lines += [_table(rows, ("value", "ci_low", "ci_high"), signed=_SIGNED)]
        lines += [f"**World `{world}`: method minus `{reference}`**"]
        others = rows[rows.method != reference]
        lines += [_table(others, ("difference", "diff_ci_low", "diff_ci_high"), signed=METRICS)]
    return "\n\n".join(lines) + "\n"


def with_study(page: str, study: str) -> str:
    """A page of the documentation with the study's page between its two marks.

    Raises
    ------
    ValueError : the page lacks a mark
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{study}\n{END}{after}"


def _table(rows: pd.DataFrame, columns: tuple[str, str, str], *, signed: tuple[str, ...]) -> str:
    """A row per method, a column per metric."""
    cells = rows.set_index(["method", "metric"])
    lines = [["method", *map(metric_name, METRICS)], ["---"] * (len(METRICS) + 1)]
    for method in dict.fromkeys(rows.method):
        found = [cells.loc[method, metric] for metric in METRICS]
        lines.append(
            [
                f"`{method}`",
                *(
                    _cell(*(row[name] for name in columns), signed=metric in signed)
                    for metric, row in zip(METRICS, found, strict=True)
                ),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: float, low: float, high: float, *, signed: bool) -> str:
    if not np.isfinite(value):
        return "n/a"
    if not np.isfinite(low):
        return _number(value, signed)
    return f"{_number(value, signed)} ({_number(low, signed)} to {_number(high, signed)})"


def _number(value: float, signed: bool) -> str:
    """Three decimals, no zero before the point, a true minus sign."""
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    text = text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text
    return text.replace("-", "−")
