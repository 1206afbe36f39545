"""Write the table of all scans found, complete or not, to inspect, edit and use with ``cohort.source: table``."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from myelosketch.cohort.table import FILE_COLUMNS, cohort_from_rows
from myelosketch.io.tables import write_table


def write_found(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write a cohort table that can be read from any folder: its paths are absolute.

    Parameters
    ----------
    rows : list of dict with COLUMNS and any further ones, one per scan; scans without any file are not written, nor
        those without a session if others have one
    path : path of the TSV
    """
    table = cohort_from_rows([{key: value for key, value in row.items() if key != "scan"} for row in rows])
    table = table.drop(columns="scan")
    for name in FILE_COLUMNS:
        table[name] = [os.path.abspath(entry) if entry else None for entry in table[name]]
    known = table[list(FILE_COLUMNS)].notna().any(axis=1)
    if table.session[known].notna().any():
        known &= table.session.notna()
    write_table(table[known], path)
