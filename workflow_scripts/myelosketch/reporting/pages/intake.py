"""The page of the intake: every scan with pictures, what is wrong and what to do, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from myelosketch.intake.checks import (
    CHECKS,
    OK,
    REFUSALS,
    REFUSED,
    SUSPICIONS,
    SUSPICIOUS,
    ended,
    worst,
)
from myelosketch.intake.gate import BETWEEN_ROWS, read_inspections
from myelosketch.io.provenance import write_text
from myelosketch.io.tables import read_table
from myelosketch.reporting.pages.rendering import render
from myelosketch.reporting.tables.text import HtmlTable, number, words

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = "intake.html.j2"
ACCEPTED = "accepted"
ORDER = (REFUSED, SUSPICIOUS, ACCEPTED, OK)
# a page with more pictures opens slowly; scans that are ok lose theirs first
MAX_PICTURES = 200
HEADER = [
    "Input", "File", "Verdict", "Shape", "Voxel, mm", "Axes", "Type", "Unit or values", "Used", "Minimum", "1 %",
    "Median",
    "99 %", "Maximum", "NaN", "Zero",
]  # fmt: skip


class Problem(NamedTuple):
    """A finding as the page shows it."""

    check: str
    where: str
    reason: str
    way_out: str
    verdict: str
    entry: str  # line of the configuration that accepts it


class Scan(NamedTuple):
    """A scan as the page shows it."""

    name: str
    group: str
    status: str
    problems: list[Problem]
    picture: str
    columns: list[str]
    table: HtmlTable


def write_intake_page(
    html: str | Path, *, intake: str | Path, excluded: str | Path, inspections: Iterable[str | Path]
) -> None:
    """Write the page of the intake.

    Parameters
    ----------
    html : path to write
    intake : path of intake.tsv
    excluded : path of excluded.tsv
    inspections : paths of the JSON files of ``inspection.inspect_scans``
    """
    content = page_content(intake, excluded, inspections)
    write_text(html, render(TEMPLATE, **content))


def page_content(
    intake: str | Path, excluded: str | Path, inspections: Iterable[str | Path]
) -> dict[str, Any]:
    """Return all that the template shows; see :func:`write_intake_page`."""
    table = read_table(intake)
    table = table.astype(object).where(table.notna(), None)
    inspected = {scan["scan"]: scan for scan in read_inspections(inspections)}
    statuses = {scan: status(rows) for scan, rows in table.groupby("scan")}
    names = sorted(statuses, key=lambda scan: (ORDER.index(statuses[scan]), scan))
    scans = [
        _scan(inspected[name], statuses[name], table[table.scan == name], with_picture=place < MAX_PICTURES)
        for place, name in enumerate(names)
    ]
    left_out = read_table(excluded)
    return {
        "counts": {word: sum(scan.status == word for scan in scans) for word in ORDER},
        "scans": scans,
        "without_pictures": max(len(scans) - MAX_PICTURES, 0),
        "left_out": HtmlTable(
            "Left out of the cohort",
            ["Scan", "Group", "Reason"],
            [[words(cell) for cell in row] for row in left_out.itertuples(index=False)],
            missing="" if len(left_out) else "No scan is left out.",
            text_columns=3,
        ),
        "checks": HtmlTable(
            "The checks",
            ["Check", "Verdict", "What it finds"],
            [[name, CHECKS[name], text] for name, text in (REFUSALS | SUSPICIONS).items()],
            folded=True,
            text_columns=3,
        ),
    }


def status(rows: pd.DataFrame) -> str:
    """Return the verdict on a scan from its rows: refused, suspicious, accepted (all suspicions are) or ok."""
    verdict = worst(rows.verdict)
    return ACCEPTED if verdict == OK and rows.accepted.notna().any() else verdict


def _scan(inspection: Mapping[str, Any], verdict: str, rows: pd.DataFrame, *, with_picture: bool) -> Scan:
    problems = [problem for row in rows.to_dict("records") for problem in _problems(row)]
    return Scan(
        name=inspection["scan"],
        group=rows.group.iloc[0],
        status=verdict,
        problems=sorted(problems, key=lambda problem: ORDER.index(problem.verdict)),
        picture=f"data:image/png;base64,{inspection['picture']}" if with_picture else "",
        columns=inspection["columns"],
        table=HtmlTable(
            f"Files of {inspection['scan']}",
            HEADER,
            [_file_row(row) for row in rows.to_dict("records")],
            folded=True,
            text_columns=9,
        ),
    )


def _problems(row: Mapping[str, Any]) -> Iterator[Problem]:
    if not row["check"]:
        return
    accepted = set((row["accepted"] or "").split(BETWEEN_ROWS))
    parts = (row[key].split(BETWEEN_ROWS) for key in ("check", "reason", "way_out"))
    for check, reason, way_out in zip(*parts, strict=True):
        verdict = ACCEPTED if check in accepted else CHECKS[check]
        entry = f"cohort: {{accept: {{{row['scan']}: [{check}]}}}}" if verdict == SUSPICIOUS else ""
        yield Problem(check, row["input"], reason, ended(way_out), verdict, entry)


def _file_row(row: Mapping[str, Any]) -> list[str]:
    numbers = [_short(row[key]) for key in ("minimum", "p1", "p50", "p99", "maximum")]
    shares = [_percent(row[key]) for key in ("share_nan", "share_zero")]
    texts = [row[key] for key in ("shape", "voxel_mm", "orientation", "data_type")]
    texts += [row["unit"] or row["mask_values"], row["used"]]
    return [
        row["input"], Path(row["file"]).name, row["verdict"], *map(words, texts), *numbers, *shares,
    ]  # fmt: skip


def _short(value: str | float | None) -> str:
    return "n/a" if value is None else f"{float(value):.4g}".replace("-", "\u2212")


def _percent(share: str | float | None) -> str:
    return "n/a" if share is None else f"{number(100 * float(share), 1)} %"
