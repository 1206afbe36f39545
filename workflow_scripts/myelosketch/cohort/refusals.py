"""Scans that an earlier run refused: left out from the start, until one of their files or settings changes."""

import hashlib
import json
from pathlib import Path

import pandas as pd

from myelosketch.cohort.table import used_files
from myelosketch.errors import InputError
from myelosketch.provenance import sidecar_path
from myelosketch.tables import read_table

COLUMNS = ["scan", "group", "input", "check", "reason", "file", "size", "mtime_ns", "with", "state"]


def scan_state(row, *, units, maps, settings=None):
    """Text that changes when a file of a scan, or a setting it is judged by, changes.

    Parameters
    ----------
    row : dict, a row of the cohort table
    units, maps : dict, sections ``units`` and ``maps`` of the configuration
    settings : dict, optional, what else the scan is judged by; of its ``accept`` (scan to names) only the scan's own
        entry counts

    Returns
    -------
    str, 16 hexadecimal digits, from names, sizes and times of the files; no file is opened
    """
    files = used_files(row, reference=maps.get("reference", "mask"))
    sidecars = {f"json of {name}": sidecar_path(path) for name, path in files.items() if " of " not in name}
    found = {name: _stamp(path) for name, path in {**files, **sidecars}.items()}
    if settings:
        settings = {**settings, "accept": settings.get("accept", {}).get(row["scan"], [])}
    judged = json.dumps(
        [row["group"], row.get("lesion_space"), units, maps, settings, found], sort_keys=True, default=str
    )
    return hashlib.sha256(judged.encode()).hexdigest()[:16]


def leave_out_refused(included, excluded, refused, *, units, maps, settings=None):
    """Move the scans of an earlier refusal that still holds from the included to the excluded ones.

    Parameters
    ----------
    included, excluded : pandas.DataFrame as from ``table.split_complete``
    refused : path of refused.tsv; nothing changes where it is absent
    units, maps, settings : see ``scan_state``

    Returns
    -------
    included, excluded : pandas.DataFrame
    judged : pandas.DataFrame, rows of the refused scans, to be looked at again with the others
    """
    if not Path(refused).is_file():
        return included, excluded, included.iloc[:0]
    earlier = read_refusals(refused)
    present = set(included.scan)
    reasons = {}
    for row in included.to_dict("records"):
        for refusal in earlier.get(row["scan"], ()):
            holds = refusal["state"] == scan_state(row, units=units, maps=maps, settings=settings)
            if holds and (not refusal["with"] or refusal["with"] in present):
                reasons.setdefault(row["scan"], f"refused: {refusal['input']} {refusal['reason']}")
    out = included.scan.isin(list(reasons))
    more = included.loc[out, ["scan", "group"]].assign(reason=included.scan[out].map(reasons))
    return (
        included[~out].reset_index(drop=True),
        pd.concat([excluded, more], ignore_index=True),
        included[out].reset_index(drop=True),
    )


def check_accept(accept, scans, *, key="cohort.accept", also=("all",)):
    """A setting that accepts findings may name scans of the cohort only.

    Parameters
    ----------
    accept : dict, scan to what is accepted
    scans : names of the cohort's scans
    key : name of the setting, for the message
    also : names beside scans that the setting knows

    Raises
    ------
    InputError : naming the strangers
    """
    strangers = sorted(set(accept) - set(scans) - set(also))
    if strangers:
        raise InputError(
            f"{key} names {', '.join(strangers)}, not in the cohort: use names such as "
            f"{' or '.join([min(scans, default='sub-01'), *also])}."
        )


def read_refusals(path):
    """Refusals by scan, lists of dict; a table that is absent or of another version refuses nobody."""
    try:
        table = read_table(path)
    except InputError:
        return {}
    if not set(COLUMNS) <= set(table.columns):
        return {}
    table = table.astype(object).where(table.notna(), None)
    return {scan: rows.to_dict("records") for scan, rows in table.groupby("scan")}


def _stamp(path):
    path = Path(path)
    return [path.name, path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else [path.name]
