"""Results of the intake: for one scan before its first job, and for all of them in one table."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.intake.checks import REFUSED, SUSPICIOUS, Finding, is_accepted, sentence, worst
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table, write_table

FACTS = (
    "shape", "voxel_mm", "orientation", "data_type", "length_unit", "unit", "used", "mask_values", "minimum", "p1",
    "p50", "p99", "maximum", "share_nan", "share_zero", "forms_mm", "determinant",
)  # fmt: skip
TABLE_COLUMNS = [
    "scan", "group", "input", "file", "verdict", "check", "accepted", "reason", "way_out", "readable",
    *FACTS, "size", "sha256",
]  # fmt: skip
BETWEEN_ROWS = " | "


def gather_intake(
    inspections: Iterable[str | Path], output: str | Path, accept: Mapping[str, Collection[str]]
) -> None:
    """Write the table of the intake: one row per scan and file, with its verdict.

    Parameters
    ----------
    inspections : paths of the JSON files of ``inspection.inspect_scan``
    output : path of intake.tsv (TABLE_COLUMNS)
    accept : dict, ``cohort.accept``: scan, or ``all``, to names of checks
    """
    scans = read_inspections(inspections)
    add_repeated(scans)
    rows = [_row(scan, file, accept) for scan in scans for file in scan["files"]]
    write_table(pd.DataFrame(rows, columns=TABLE_COLUMNS), output)


def read_inspections(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Return all scans of the JSON files of ``inspection.inspect_scan``, a list of dict."""
    return [read_json(path) for path in paths]


def refuse_scan(inspection: str | Path, accept: Mapping[str, Collection[str]]) -> None:
    """Raise an error in the first job of a scan that is refused, or suspicious and not accepted.

    Parameters
    ----------
    inspection : path of the JSON file of ``inspection.inspect_scan``
    accept : dict, ``cohort.accept``

    Raises
    ------
    InputError : every finding of the scan, and what to do
    """
    scan = read_json(inspection)
    table = pd.DataFrame([_row(scan, file, accept) for file in scan["files"]], columns=TABLE_COLUMNS)
    stop = _stops(table)
    if stop:
        raise InputError(stop)


def admit_scans(intake: str | Path, output: str | Path) -> None:
    """Raise an error with all problems of the cohort, or write the table of admitted scans.

    Parameters
    ----------
    intake : path of intake.tsv
    output : path of the table of admitted scans: scan, group, verdict, accepted

    Raises
    ------
    InputError : every refused and every suspicious scan, with the reason and what to do
    """
    table = read_table(intake)
    table = table.astype(object).where(table.notna(), None)
    stop = _stops(table)
    if stop:
        raise InputError(stop)
    verdicts = [
        {
            "scan": scan,
            "group": rows.group.iloc[0],
            "verdict": worst(rows.verdict),
            "accepted": BETWEEN_ROWS.join(sorted({entry for entry in rows.accepted if entry})) or None,
        }
        for scan, rows in table.groupby("scan", sort=False)
    ]
    write_table(pd.DataFrame(verdicts, columns=["scan", "group", "verdict", "accepted"]), output)


def add_repeated(scans: Iterable[dict[str, Any]]) -> None:
    """Add the findings that need more than one scan: one image under two participants or sessions.

    Parameters
    ----------
    scans : list of dict as from ``inspection.inspect_scan``; changed in place
    """
    seen: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for scan in scans:
        for file in scan["files"]:
            digest = file.get("voxels_sha256")
            # several scans may share one reference region, and all masks without lesions are the same
            if digest and file["input"] != "reference_mask" and file.get("share_zero") != 1:
                seen.setdefault((file["input"], digest), []).append(scan)
    for (name, _), holders in seen.items():
        for scan in holders:
            others = [other["scan"] for other in holders if other is not scan]
            strangers = [other for other in others if _subject(other) != _subject(scan["scan"])]
            if strangers:
                scan["findings"].append(_same_image(name, strangers[0]))
            elif others and name == "T1w":
                scan["findings"].append(_same_t1w(name, others[0]))


def _same_image(name: str, other: str) -> dict[str, str]:
    finding = Finding(
        "same_file", name, f"is the same image as that of {other}",
        f"correct the table, or leave one of them out with cohort.exclude: [{other}]",
    )  # fmt: skip
    return {**finding._asdict(), "verdict": finding.verdict}


def _same_t1w(name: str, other: str) -> dict[str, str]:
    finding = Finding(
        "same_session", name, f"is the same image as that of {other}", "was a session's own T1w not exported?"
    )
    return {**finding._asdict(), "verdict": finding.verdict}


def _subject(scan: str) -> str:
    return scan.split("_")[0]


def _row(
    scan: Mapping[str, Any], file: Mapping[str, Any], accept: Mapping[str, Collection[str]]
) -> dict[str, Any]:
    """Return one row of the table: the file's facts, and its findings, the most severe first."""
    found = [entry for entry in scan["findings"] if entry["input"] == file["input"]]
    found.sort(key=lambda entry: entry["verdict"] != REFUSED)
    accepted = [entry["check"] for entry in found if is_accepted(entry["check"], scan["scan"], accept)]
    standing = [entry for entry in found if entry["check"] not in accepted]
    row = {key: _text(file.get(key)) for key in (*FACTS, "input", "file", "readable", "size", "sha256")}
    return row | {
        "scan": scan["scan"],
        "group": scan["group"],
        "verdict": worst(entry["verdict"] for entry in standing),
        "check": BETWEEN_ROWS.join(entry["check"] for entry in found) or None,
        "accepted": BETWEEN_ROWS.join(accepted) or None,
        "reason": BETWEEN_ROWS.join(entry["reason"] for entry in found) or None,
        "way_out": BETWEEN_ROWS.join(entry["way_out"] for entry in found) or None,
    }


def _text(value: Any) -> Any:
    return "x".join(f"{side:.4g}" for side in value) if isinstance(value, list) else value


def _stops(table: pd.DataFrame) -> str:
    """Return the message about all refused and suspicious scans of a table; empty if there are none."""
    refused = table[table.verdict == REFUSED]
    gone = list(dict.fromkeys(refused.scan))
    open_rows = table[(table.verdict == SUSPICIOUS) & ~table.scan.isin(gone)]
    if not gone and open_rows.empty:
        return ""
    lines = [
        "The intake found problems that must be resolved; cohort/intake.html in the results folder shows every scan."
    ]
    if gone:
        lines.append(f"Refused ({_count(gone)}):")
        lines += _sentences(refused, lambda check, scan: "")
    if not open_rows.empty:
        doubtful = list(dict.fromkeys(open_rows.scan))
        lines.append(
            f"Suspicious ({_count(doubtful)}); accept what is correct, and correct or exclude the rest:"
        )
        lines += _sentences(
            open_rows, lambda check, scan: f" To accept: cohort: {{accept: {{{scan}: [{check}]}}}}"
        )
    if gone:
        lines.append(
            "Correct the files, or leave the scans out with this line in the configuration: "
            f"cohort: {{exclude: [{', '.join(gone)}]}}. Then run the same command again: it continues."
        )
    return "\n".join(lines)


def _sentences(table: pd.DataFrame, entry: Callable[[str, str], str]) -> Iterator[str]:
    for row in table.to_dict("records"):
        accepted = set((row["accepted"] or "").split(BETWEEN_ROWS))
        parts = (row[key].split(BETWEEN_ROWS) for key in ("check", "reason", "way_out"))
        for check, reason, way_out in zip(*parts, strict=True):
            if check not in accepted:
                finding = Finding(check, row["input"], reason, way_out)
                yield f"  - {sentence(row['scan'], row['file'], finding)}{entry(check, row['scan'])}"


def _count(scans: Sequence[str]) -> str:
    return "1 scan" if len(scans) == 1 else f"{len(scans)} scans"
