"""The page of the quality control of registration: every scan with its picture, the worst first."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from myelosketch.imaging.registration.verdicts import ACCEPTED, FAILED, NUMBERS, OK
from myelosketch.io.provenance import read_json, write_text
from myelosketch.io.tables import read_table
from myelosketch.reporting.pages.rendering import render
from myelosketch.reporting.tables.text import HtmlTable, number

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = "registration.html.j2"
ORDER = (FAILED, ACCEPTED, OK)
# a page with more pictures opens slowly; scans that are ok lose theirs first
MAX_PICTURES = 60
LESION_SOURCES = {"mask": "from a mask", "flair": "found on the FLAIR", "none": "none"}
HEADER = [
    "Image", "Verdict", "Brain shown", "Overlap", "Mutual information", "Border contrast, SD", "Border off, mm",
    "Other way round, mm", "Again, mm", "Again, largest, mm", "Free shape, mm",
]  # fmt: skip
DIGITS = dict.fromkeys(NUMBERS, 2) | {"nmi": 3, "coverage": 3, "overlap": 3}


class Scan(NamedTuple):
    """A scan as the page shows it."""

    name: str
    group: str
    status: str
    problems: list[tuple[str, str, str]]  # of (modality, reason, verdict)
    lesions: str
    picture: str
    table: HtmlTable


def write_registration_page(
    html: str | Path, *, table: str | Path, jsons: Iterable[str | Path], pictures: Iterable[str | Path]
) -> None:
    """Write the page of the quality control.

    Parameters
    ----------
    html : path to write
    table : path of qc.tsv
    jsons, pictures : paths of the JSON and PNG files of the scans, in the same order
    """
    content = page_content(table, jsons, pictures)
    write_text(html, render(TEMPLATE, **content))


def page_content(
    table: str | Path, jsons: Iterable[str | Path], pictures: Iterable[str | Path]
) -> dict[str, Any]:
    """Return all that the template shows; see :func:`write_registration_page`."""
    judged = read_table(table)
    judged = judged.astype(object).where(judged.notna(), None)
    shown = {
        content["scan"]: (content, picture)
        for content, picture in zip(map(read_json, jsons), pictures, strict=True)
    }
    rows = dict(iter(judged.groupby("scan")))
    names = sorted(rows, key=lambda scan: (*_badness(rows[scan]), scan))
    scans = [
        _scan(name, rows[name], *shown[name], with_picture=place < MAX_PICTURES)
        for place, name in enumerate(names)
    ]
    return {
        "counts": {word: sum(scan.status == word for scan in scans) for word in ORDER},
        "scans": scans,
        "entry": _entry(judged),
        "without_pictures": max(len(scans) - MAX_PICTURES, 0),
    }


def _badness(rows: pd.DataFrame) -> tuple[int, float]:
    """Sort key of a scan: failed, accepted, ok; then the largest error of border and repeats, largest first."""
    status = min(ORDER.index(verdict) for verdict in rows.verdict)
    off = rows.loc[rows.modality != "MNI152", ["border_shift_mm", "repeat_mm", "stretch_mm"]].astype(float)
    return status, -float(off.max().max()) if off.notna().any(axis=None) else 0.0


def _entry(table: pd.DataFrame) -> str:
    """Return the line of the configuration that accepts the failed registrations."""
    failed = table[table.verdict == FAILED]
    accepted = (f"{scan}: [{', '.join(rows.modality)}]" for scan, rows in failed.groupby("scan", sort=False))
    return f"registration: {{accept: {{{', '.join(accepted)}}}}}" if len(failed) else ""


def _scan(
    name: str, rows: pd.DataFrame, content: Mapping[str, Any], picture: str | Path, *, with_picture: bool
) -> Scan:
    data = base64.b64encode(Path(picture).read_bytes()).decode("ascii") if with_picture else ""
    missing = {row["modality"]: row.get("missing", {}) for row in content["rows"]}
    notes = [
        f"{modality}, {_title(key)}: {reason}"
        for modality, found in missing.items()
        for key, reason in found.items()
    ]
    return Scan(
        name=name,
        group=rows.group.iloc[0],
        status=ORDER[min(ORDER.index(verdict) for verdict in rows.verdict)],
        problems=[(row.modality, row.reason, row.verdict) for row in rows.itertuples() if row.reason],
        lesions=LESION_SOURCES.get(content["lesion_source"], content["lesion_source"]),
        picture=f"data:image/png;base64,{data}" if data else "",
        table=HtmlTable(
            f"Numbers of {name}",
            HEADER,
            [_numbers(row) for row in rows.to_dict("records")],
            note=f"n/a: {'; '.join(notes)}." if notes else "",
            text_columns=2,
        ),
    )


def _numbers(row: Mapping[str, Any]) -> list[str]:
    image = row["modality"] + (", given" if row.get("given") else "")
    return [image, row["verdict"], *(number(row[name], DIGITS[name]) for name in NUMBERS)]


def _title(name: str) -> str:
    return HEADER[2 + NUMBERS.index(name)].removesuffix(", mm").removesuffix(", SD").lower()
