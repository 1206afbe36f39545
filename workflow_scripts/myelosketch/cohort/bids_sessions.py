"""Further columns of each session of a BIDS dataset, from sub-XX/sub-XX_sessions.tsv."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from myelosketch.cohort.column_names import bare_id, column_like, further_names
from myelosketch.cohort.table import COLUMNS
from myelosketch.errors import InputError
from myelosketch.io.names import scan_name
from myelosketch.io.tables import read_rows

PREFIX = "sessions"  # prefix of a further column that has the name of a known one


class Sessions(NamedTuple):
    """Content of the tables of sessions.

    Parameters
    ----------
    values : dict, (subject, session) to {column: str or None}
    problems : list of sentences: a table cannot be read, or has a session twice
    hints : list of sentences: a table is not downloaded, or a session has a similar name
    """

    values: dict[tuple[str, str | None], dict[str, str | None]]
    problems: list[str]
    hints: list[str]


def read_sessions(dataset: str | Path, scans: Iterable[tuple[str, str | None]]) -> Sessions:
    """Read ``sub-XX/sub-XX_sessions.tsv`` of every participant who has sessions.

    A column of a participant's table applies to all sessions of this participant: a session without a row has n/a.

    Parameters
    ----------
    dataset : folder of the dataset
    scans : (subject, session); session is None where there is none

    Returns
    -------
    Sessions
    """
    sessions = defaultdict(list)
    for subject, session in sorted(key for key in scans if key[1]):
        sessions[subject].append(session)
    found = Sessions({}, [], [])
    for subject, labels in sessions.items():
        path = Path(dataset) / scan_name(subject) / f"{scan_name(subject)}_sessions.tsv"
        if path.is_file():
            try:
                _read(path, subject, labels, found)
            except InputError as error:
                found.problems.append(str(error))
        elif path.is_symlink():
            found.hints.append(f"{path} is not downloaded (datalad get {path}): its columns are unknown.")
    return found


def _read(path: Path, subject: str, sessions: list[str | None], found: Sessions) -> None:
    """Add one table to what was found."""
    columns, rows = read_rows(path)
    key = column_like(columns, "session_id")
    if key is None:
        raise InputError(f"{path} lacks the column session_id; found: {', '.join(columns)}.")
    names = further_names([name for name in columns if name != key], ("scan", *COLUMNS), PREFIX)
    labels = [row[key] or "" for row in rows]
    by_session = {label.removeprefix("ses-"): row for label, row in zip(labels, rows, strict=True)}
    if len(by_session) < len(rows):
        raise InputError(f"{path} has a session twice: keep one row of each.")
    near = {bare_id(label): label for label in labels if label.removeprefix("ses-") not in sessions}
    for session in sessions:
        row = by_session.get(str(session), {})
        found.values[subject, session] = {name: row.get(column) for column, name in names.items()}
        if not row and bare_id(str(session)) in near:
            found.hints.append(
                f"{path}: no row for ses-{session}; the table has {near[bare_id(str(session))]!r}: write "
                "each id like the name of its folder."
            )
