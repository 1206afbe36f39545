"""The cohort table: one row per scan, whatever the source."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.cohort.column_names import misspelt
from myelosketch.errors import InputError
from myelosketch.io.inheritance import nearest
from myelosketch.io.names import GROUPS, scan_name
from myelosketch.io.provenance import sidecar_path
from myelosketch.io.tables import read_lines

ID_PATTERN = re.compile(r"[A-Za-z0-9]+")
# maps that one raw acquisition gives, and the raw images that they can be derived from
SOURCES = ((("FA", "RD", "AD"), ("dwi",)), (("MTR",), ("mt_on", "mt_off")), (("DVR",), ("pet",)))
MAPS = tuple(name for maps, _ in SOURCES for name in maps)
RAW = tuple(name for _, raw in SOURCES for name in raw)
# images that are registered to the T1w, unless a transform to it is given
ALIGNED = ("dwi", "MTR", "pet", "FLAIR")
TRANSFORMS = tuple(f"xfm_{name}" for name in ALIGNED)
FILE_COLUMNS = ("T1w", "FLAIR", "lesion_mask", "segmentation", *MAPS, *RAW, "reference_mask", *TRANSFORMS)
# files that must exist beside a raw series, with its name
COMPANIONS = {"dwi": ("bval", "bvec"), "pet": ("json",)}
COLUMNS = ("subject", "session", "group", "site", "lesion_space", *FILE_COLUMNS)
# images on which a lesion mask may have been drawn: those of a scan, and the template
LESION_SPACES = ("T1w", "FLAIR", "dwi", "MTR", "MNI152")


def cohort_from_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a cohort table from dictionaries (the simulated cohort), with every column present.

    Returns
    -------
    pandas.DataFrame : ``scan`` first, then COLUMNS, then any further columns; missing entries are None
    """
    columns = dict.fromkeys((*COLUMNS, *(name for row in rows for name in row)))
    table = pd.DataFrame(rows).reindex(columns=list(columns)).astype(object)
    table = table.where(table.notna(), None)
    table.insert(0, "scan", [scan_name(*key) for key in zip(table.subject, table.session, strict=True)])
    return table


def read_cohort(path: str | Path, *, predicts: bool = False) -> pd.DataFrame:
    """Read and check a user's cohort table (TSV or CSV); file paths may be relative to the table.

    Parameters
    ----------
    path : str, table with at least ``subject``, ``group``, ``T1w``, ``lesion_mask`` and, of each of SOURCES, the
        maps or a raw image; ``session``, ``site``, ``FLAIR``, ``lesion_space``, ``segmentation``, ``reference_mask``
        and TRANSFORMS are optional; ``scan`` must be the workflow's own name of the row; any further column is kept
    predicts : bool, for new scans of a trained model, whose ``group``, ``lesion_mask`` and PET are optional too

    Returns
    -------
    pandas.DataFrame : ``scan`` first, then COLUMNS, then the further columns

    Raises
    ------
    InputError : lists every problem of the table at once, each with its row
    """
    if not path:
        raise InputError(
            "cohort.source is table, but cohort.table is blank: name your TSV or CSV file there."
        )
    table = read_lines(path)
    unknown = misspelt(table.columns, COLUMNS)
    absent = [name for name in _needed_columns(table.columns, predicts) if name not in table]
    problems = [f"column {name!r} is unknown: did you mean {meant}?" for name, meant in unknown.items()]
    problems += [f"column {name!r} is missing" for name in absent]
    if not problems:
        table = table.reindex(columns=list(dict.fromkeys((*COLUMNS, *table.columns)))).astype(object)
        table = table.where(table.notna(), None)
        problems = _row_problems(table)
    if problems:
        raise InputError(_listing(f"The cohort table {path} has", problems))
    folder = Path(path).parent
    for name in FILE_COLUMNS:
        table[name] = [str(folder / entry) if entry else None for entry in table[name]]
    return cohort_from_rows(table.drop(columns="scan", errors="ignore").to_dict("records"))


def _needed_columns(present: Iterable[str], predicts: bool) -> list[str]:
    """Return the columns that a table must have: a map only if no column could have what it is derived from."""
    derived = {name for maps, raw in SOURCES if set(raw) & set(present) for name in maps}
    needed = ("subject", "group", "T1w", "lesion_mask", *MAPS)
    optional = {"group", "lesion_mask", "DVR"} if predicts else set()
    return [name for name in needed if name not in derived | optional]


def companions(name: str, path: str | Path) -> dict[str, str]:
    """Return the files of a raw series: ``.bval``, ``.bvec`` or ``.json``, in a BIDS dataset inherited from above.

    Parameters
    ----------
    name : column of the cohort table; only those of COMPANIONS have companions
    path : path of the series

    Returns
    -------
    dict : suffix to path (str) of the nearest one that applies; if there is none, of the one beside the series
    """
    return {
        kind: str(nearest(path, f".{kind}") or sidecar_path(path).with_suffix(f".{kind}"))
        for kind in COMPANIONS.get(name, ())
    }


def used_inputs(row: Mapping[str, Any], *, reference: str = "mask") -> list[str]:
    """Return the columns of a scan whose files the workflow opens; a given map takes precedence over raw images.

    Parameters
    ----------
    row : dict, a row of the cohort table
    reference : ``mask`` or ``grey_matter`` (maps.reference): only the first needs ``reference_mask``

    Returns
    -------
    list of column names that have an entry, in the order of FILE_COLUMNS
    """
    used = ["T1w", "FLAIR", "lesion_mask", "segmentation"]
    for maps, raw in SOURCES:
        used += maps if any(row.get(name) for name in maps) else raw
    if "pet" in used and reference == "mask":
        used.append("reference_mask")
    absent = {"pet": not has_pet(row), "FLAIR": not row.get("FLAIR")}
    used += [f"xfm_{name}" for name in ALIGNED if not absent.get(name)]
    return [name for name in FILE_COLUMNS if name in used and row.get(name)]


def already_aligned(row: Mapping[str, Any], given: Mapping[str, Collection[str]]) -> list[str]:
    """Return the images of a scan that are already aligned with its T1w; a transform in its row takes precedence.

    Parameters
    ----------
    row : dict, a row of the cohort table
    given : dict, ``registration.given``: scan, or ``all``, to some of ALIGNED

    Returns
    -------
    list of str, in the order of ALIGNED
    """
    named = {*given.get(row["scan"], ()), *given.get("all", ())}
    return [name for name in ALIGNED if name in named and not row.get(f"xfm_{name}")]


def used_files(row: Mapping[str, Any], *, reference: str = "mask") -> dict[str, str]:
    """Return the paths of all files of a scan that the workflow opens, with companions, by a name for messages."""
    files = {name: row[name] for name in used_inputs(row, reference=reference)}
    beside = {
        f"{kind} of {name}": path for name in files for kind, path in companions(name, files[name]).items()
    }
    return files | beside


def near_files(row: Mapping[str, Any], *, reference: str = "mask") -> list[str]:
    """Return the paths of all files of a scan that the workflow may open: those of `used_files`, and their JSON."""
    files = list(used_files(row, reference=reference).values())
    return list(dict.fromkeys([*files, *(str(sidecar_path(path)) for path in files)]))


def has_pet(row: Mapping[str, Any]) -> bool:
    """Return whether a scan has a DVR map, or a PET that one can be derived from."""
    return bool(row.get("DVR") or row.get("pet"))


def lesion_space(row: Mapping[str, Any]) -> str:
    """Return the image that a scan's lesion mask was drawn on, one of LESION_SPACES; T1w by default."""
    return row.get("lesion_space") or "T1w"


def lesion_source(row: Mapping[str, Any]) -> str:
    """Return the source of a scan's lesions: ``mask``, ``flair`` (segmented on it, in patients) or ``none``."""
    if row.get("lesion_mask"):
        return "mask"
    return "flair" if row["group"] != "HC" and row.get("FLAIR") else "none"


def needs_flair(row: Mapping[str, Any]) -> bool:
    """Return whether a scan's FLAIR is registered to its T1w: for a mask drawn on it, or to segment lesions on it."""
    source = lesion_source(row)
    return source == "flair" or (source == "mask" and lesion_space(row) == "FLAIR")


def _row_problems(table: pd.DataFrame) -> list[str]:
    problems = [] if len(table) else ["no rows: give one row per scan"]
    for number, row in zip(table.index, table.to_dict("records"), strict=True):
        for name in ("subject", "session", "site"):
            entry = row[name]
            if (name == "subject" or entry is not None) and not ID_PATTERN.fullmatch(entry or ""):
                problems.append(f"line {number}: {name} {entry!r} must be letters and digits only")
        if row["group"] is not None and row["group"] not in GROUPS:  # a scan without a group is left out
            problems.append(f"line {number}: group {row['group']!r} must be one of {', '.join(GROUPS)}")
        if row["lesion_space"] is not None and row["lesion_space"] not in LESION_SPACES:
            problems.append(
                f"line {number}: lesion_space {row['lesion_space']!r} must be one of {', '.join(LESION_SPACES)}, or "
                "blank for T1w"
            )
        scan = scan_name(row["subject"], row["session"])
        if row.get("scan") not in (None, scan):
            problems.append(
                f"line {number}: scan {row['scan']!r} must be {scan}, from its subject and session"
            )
    with_session = table.session.notna()
    if with_session.any() and not with_session.all():
        problems.append("some rows have a session and others do not: give one to all, or to none")
    for key, rows in table.groupby(["subject", "session"], dropna=False):
        if len(rows) > 1:
            lines = " and ".join(map(str, rows.index))
            problems.append(
                f"lines {lines}: {scan_name(key[0], key[1] if with_session.any() else None)} appears twice"
            )
    for subject, rows in table.groupby("subject"):
        if rows.group.nunique() > 1:
            problems.append(
                f"subject {subject} is in two groups: {' and '.join(sorted(rows.group.dropna().unique()))}"
            )
    return problems


def _listing(start: str, problems: Sequence[str]) -> str:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return f"{start} {count}:\n{lines}"
