"""The cohort table: one row per scan, whatever the source; who is complete and who is left out."""

import re
from pathlib import Path

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.names import GROUPS, scan_name
from myelosketch.tables import read_table

ID_PATTERN = re.compile(r"[A-Za-z0-9]+")
FILE_COLUMNS = ("T1w", "lesion_mask", "FA", "RD", "AD", "MTR", "DVR")
COLUMNS = ("subject", "session", "group", *FILE_COLUMNS)


def cohort_from_rows(rows):
    """Cohort table from dictionaries (the simulated cohort), with every column present.

    Returns
    -------
    pandas.DataFrame : ``scan`` first, then COLUMNS; missing entries are None
    """
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS)).astype(object)
    table = table.where(table.notna(), None)
    table.insert(0, "scan", [scan_name(*key) for key in zip(table.subject, table.session, strict=True)])
    return table


def read_cohort(path):
    """Read and check a user's cohort table (TSV or CSV); file paths may be relative to the table.

    Parameters
    ----------
    path : str, table with at least ``subject``, ``group``, ``T1w``, ``FA``, ``RD``, ``AD``, ``MTR``, ``DVR`` and
        ``lesion_mask``; ``session`` is optional

    Returns
    -------
    pandas.DataFrame : ``scan`` first, then COLUMNS

    Raises
    ------
    InputError : listing every problem of the table at once, each with its row
    """
    if not path:
        raise InputError(
            "cohort.source is table, but cohort.table is blank: name your TSV or CSV file there."
        )
    table = read_table(path)
    unknown = sorted(set(table.columns) - set(COLUMNS))
    absent = [name for name in COLUMNS if name not in table and name != "session"]
    problems = [f"column {name!r} is unknown (valid: {', '.join(COLUMNS)})" for name in unknown]
    problems += [f"column {name!r} is missing" for name in absent]
    if not problems:
        table = table.reindex(columns=list(COLUMNS)).astype(object)
        table = table.where(table.notna(), None)
        problems = _row_problems(table)
    if problems:
        raise InputError(_listing(f"The cohort table {path} has", problems))
    folder = Path(path).parent
    for name in FILE_COLUMNS:
        table[name] = [str(folder / entry) if entry else None for entry in table[name]]
    return cohort_from_rows(table.to_dict("records"))


def _row_problems(table):
    problems = [] if len(table) else ["no rows: give one row per scan"]
    for number, row in enumerate(table.to_dict("records"), start=2):  # line 1 is the header
        for name in ("subject", "session"):
            entry = row[name]
            if (name == "subject" or entry is not None) and not ID_PATTERN.fullmatch(entry or ""):
                problems.append(f"line {number}: {name} {entry!r} must be letters and digits only")
        if row["group"] not in GROUPS:
            problems.append(f"line {number}: group {row['group']!r} must be one of {', '.join(GROUPS)}")
    with_session = table.session.notna()
    if with_session.any() and not with_session.all():
        problems.append("some rows have a session and others none: give one to all, or to none")
    for key, rows in table.groupby(["subject", "session"], dropna=False):
        if len(rows) > 1:
            lines = " and ".join(str(index + 2) for index in rows.index)
            problems.append(
                f"lines {lines}: {scan_name(key[0], key[1] if with_session.any() else None)} appears twice"
            )
    for subject, rows in table.groupby("subject"):
        if rows.group.nunique() > 1:
            problems.append(
                f"subject {subject} is in two groups: {' and '.join(sorted(rows.group.unique()))}"
            )
    return problems


def split_complete(table, *, exclude=(), check_files=True):
    """Separate the scans that have all they need from those that do not.

    Parameters
    ----------
    table : cohort table
    exclude : scans (``sub-01``) left out by the configuration
    check_files : bool, also require that each named file exists

    Returns
    -------
    included : pandas.DataFrame, rows that can be run
    excluded : pandas.DataFrame with ``scan``, ``group``, ``reason``

    Raises
    ------
    InputError : ``exclude`` names a scan that is not in the cohort
    """
    strangers = sorted(set(exclude) - set(table.scan))
    if strangers:
        raise InputError(
            f"cohort.exclude names {', '.join(strangers)}, not in the cohort: use names such as {table.scan.iloc[0]}."
        )
    reasons = [
        "named in cohort.exclude" if row["scan"] in exclude else _reason(row, check_files)
        for row in table.to_dict("records")
    ]
    left_out = pd.Series([bool(reason) for reason in reasons], index=table.index, dtype=bool)
    excluded = table.loc[left_out, ["scan", "group"]].assign(reason=[reason for reason in reasons if reason])
    return table[~left_out].reset_index(drop=True), excluded.reset_index(drop=True)


def _reason(row, check_files):
    needed = [name for name in FILE_COLUMNS if name != "lesion_mask" or row["group"] == "MS"]
    missing = [name for name in needed if not row[name]]
    if missing:
        return f"no {', '.join(missing)} in the table"
    absent = [f"{name} ({row[name]})" for name in needed if check_files and not Path(row[name]).is_file()]
    return f"file does not exist: {', '.join(absent)}" if absent else ""


def _listing(start, problems):
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return f"{start} {count}:\n{lines}"
