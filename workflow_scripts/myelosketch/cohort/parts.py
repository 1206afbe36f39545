"""Scans that one job works on together, and the record of what it wrote for each of them."""

import zlib
from pathlib import Path

import pandas as pd

from myelosketch.tables import write_table


def split_in_parts(scans, size):
    """Deal scans into parts of about ``size``, each scan by its own name.

    A scan that comes or goes changes its own part alone, until the number of parts doubles or halves (ours).

    Parameters
    ----------
    scans : list of scan names
    size : int, scans of a part, on average at most; with 1 every scan is its own part, which has its name

    Returns
    -------
    dict : name of the part ("1", "2", ... or that of its scan) to its scans in the order given; no part is empty
    """
    if size == 1:
        return {scan: [scan] for scan in scans}
    count = 1
    while count * size < len(scans):
        count *= 2
    parts = {}
    for scan in scans:
        parts.setdefault(zlib.crc32(scan.encode()) % count + 1, []).append(scan)
    return {str(part): parts[part] for part in sorted(parts)}


def write_record(path, written):
    """Write the record of a part: which files its scans were given. Written last, it says that all of them are there.

    Parameters
    ----------
    path : TSV
    written : list of dict with ``scan``, ``file`` and what else is worth knowing of it
    """
    write_table(pd.DataFrame(written), path)


def files_gone(record):
    """Files that a record names and that are no longer there, list of str; none if there is no record."""
    record = Path(record)
    if not record.is_file():
        return []
    head, *lines = record.read_text(encoding="utf-8").splitlines()
    column = head.split("\t").index("file")
    files = dict.fromkeys(line.split("\t")[column] for line in lines)
    return [file for file in files if not Path(file).exists()]
