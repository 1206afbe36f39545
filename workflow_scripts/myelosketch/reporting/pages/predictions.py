"""The overview of new patients: one row per scan with its verdict, its main numbers and a link to its page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from myelosketch.io.provenance import read_json, write_text
from myelosketch.io.run_files import RunFiles
from myelosketch.io.tables import read_table
from myelosketch.reporting.pages.new_patient import RESEARCH_USE, SIMULATED_MODEL
from myelosketch.reporting.pages.rendering import render
from myelosketch.reporting.tables.coverage import coverage_table
from myelosketch.reporting.tables.methods import external_table
from myelosketch.reporting.tables.new_patient import (
    LESIONS_INCLUDED,
    OK,
    UNUSUAL,
    WITHHELD,
    demyelinated,
    filled,
    mean_dvr,
    white_matter_name,
)
from myelosketch.reporting.tables.text import HtmlTable, words

TEMPLATE = "predictions.html.j2"
NO_PREDICTION = ("failed", "left_out")  # verdicts in predictions.tsv
HEADER = [
    "Scan", "Group", "Verdict", "Reasons", "Demyelinated share of the lesions", "Mean DVR of the lesions",
    "Mean DVR of white matter",
]  # fmt: skip


def write_predictions_page(
    page: str | Path,
    numbers: Iterable[str | Path],
    *,
    pages: Mapping[str, str | Path],
    failed: Sequence[Mapping[str, Any]] = (),
    scores: Sequence[str | Path] = (),
    method: str = "",
    k: float = 1.0,
) -> None:
    """Write the overview.

    Parameters
    ----------
    page : HTML to write
    numbers : JSON files of the scans, in the order of the rows
    pages : dict, scan -> path of its page, to which its row links
    failed : rows of the scans without a prediction: ``scan``, ``reason``
    scores : paths of ``external/summary.tsv`` and ``external/coverage.tsv``, if some scans also have a PET
    method, k : method and threshold of the predictions, for the tables of scores
    """
    scans = [read_json(path) for path in numbers]
    folder = Path(page).parent
    links = {scan: Path(os.path.relpath(path, folder)).as_posix() for scan, path in pages.items()}
    counts = {word: sum(scan["verdict"] == word for scan in scans) for word in (OK, UNUSUAL, WITHHELD)}
    simulated = any(scan["model"]["simulated"] for scan in scans)
    content = {
        "banners": [RESEARCH_USE, *([SIMULATED_MODEL] if simulated else [])],
        "counts": counts | {"without prediction": len(failed)},
        "scans": scan_table(scans, links),
        "failed": failed_table(failed),
        "scores": score_tables(scores, method, k),
        "models": sorted({scan["model"]["sha256"] for scan in scans}),
    }
    write_text(page, render(TEMPLATE, **content))


def score_tables(scores: Sequence[str | Path], method: str, k: float) -> list[HtmlTable]:
    """Return scores and coverage of the intervals for the scans that also have a PET."""
    if not scores:
        return []
    run = RunFiles(scores)
    tables = [external_table(run, k=k), coverage_table(run, method=method)]
    return [table for table in tables if table is not None]


def scan_table(scans: Sequence[Mapping[str, Any]], links: Mapping[str, str]) -> HtmlTable:
    """Return one row per scan with a prediction, in the order given."""
    rows = [
        [
            scan["scan"],
            words(scan["group"]),
            scan["verdict"],
            " ".join(scan["reasons"]),
            str(demyelinated(scan)),
            str(mean_dvr(scan, "lesions")),
            str(mean_dvr(scan, "white_matter")),
        ]
        for scan in scans
    ]
    if not rows:
        return HtmlTable("Scans", [], [], missing="No scan has a prediction.")
    levels = dict.fromkeys(mean_dvr(scan, "white_matter").level for scan in scans)
    note = f"In brackets: intervals, level {' or '.join(level for level in levels if level) or 'n/a'}."
    if any(white_matter_name(scan) == LESIONS_INCLUDED for scan in scans):
        note += " White matter of a scan without a lesion mask includes its lesions."
    return filled(HtmlTable("Scans", HEADER, rows, note, text_columns=len(HEADER), links=dict(links)))


def without_prediction(table: str | Path) -> list[dict[str, str]]:
    """Return the scans of predictions.tsv without a prediction: dicts of ``scan`` and ``reason``."""
    rows = read_table(table)
    rows = rows[rows.verdict.isin(NO_PREDICTION)]
    return rows.rename(columns={"reasons": "reason"})[["scan", "reason"]].to_dict("records")


def failed_table(failed: Sequence[Mapping[str, Any]]) -> HtmlTable | None:
    """Return scans without a prediction and the reasons, or None if every scan has one."""
    rows = [[words(row["scan"]), words(row["reason"])] for row in failed]
    return HtmlTable("Scans without a prediction", ["Scan", "Reason"], rows, text_columns=2) if rows else None
