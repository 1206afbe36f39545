"""The cohort table: one row per scan, whatever the source; who is complete and who is left out."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.cohort.column_names import misspelt
from myelosketch.errors import InputError
from myelosketch.io.names import GROUPS, scan_name
from myelosketch.io.provenance import sidecar_path
from myelosketch.io.tables import read_lines

ID_PATTERN = re.compile(r"[A-Za-z0-9]+")
# maps that one raw acquisition gives together, and the raw images they can be derived from
SOURCES = ((("FA", "RD", "AD"), ("dwi",)), (("MTR",), ("mt_on", "mt_off")), (("DVR",), ("pet",)))
MAPS = tuple(name for maps, _ in SOURCES for name in maps)
RAW = tuple(name for _, raw in SOURCES for name in raw)
FILE_COLUMNS = ("T1w", "FLAIR", "lesion_mask", "segmentation", *MAPS, *RAW, "reference_mask")
# what has to lie beside a raw series, under its name
COMPANIONS = {"dwi": ("bval", "bvec"), "pet": ("json",)}
COLUMNS = ("subject", "session", "group", "site", "lesion_space", *FILE_COLUMNS)
# images on which a lesion mask may have been drawn; all of a scan, but for the template
LESION_SPACES = ("T1w", "FLAIR", "dwi", "MTR", "MNI152")


def cohort_from_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Cohort table from dictionaries (the simulated cohort), with every column present.

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
        maps or a raw image; ``session``, ``site``, ``FLAIR``, ``lesion_space``, ``segmentation`` and
        ``reference_mask`` are optional; ``scan`` must be what the workflow calls the row; any further column is kept
    predicts : bool, for new scans of a trained model, whose ``group``, ``lesion_mask`` and PET are optional too

    Returns
    -------
    pandas.DataFrame : ``scan`` first, then COLUMNS, then the further columns

    Raises
    ------
    InputError : listing every problem of the table at once, each with its row
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
    """Columns a table must have: a map only where no column could hold what it is derived from."""
    derived = {name for maps, raw in SOURCES if set(raw) & set(present) for name in maps}
    needed = ("subject", "group", "T1w", "lesion_mask", *MAPS)
    optional = {"group", "lesion_mask", "DVR"} if predicts else set()
    return [name for name in needed if name not in derived | optional]


def companions(name: str, path: str | Path) -> dict[str, str]:
    """Files that belong to a raw series and have its name: ``.bval``, ``.bvec`` or ``.json`` for ``.nii.gz``.

    Parameters
    ----------
    name : column of the cohort table; only those of COMPANIONS have companions
    path : path of the series

    Returns
    -------
    dict : suffix to path (str)
    """
    return {kind: str(sidecar_path(path).with_suffix(f".{kind}")) for kind in COMPANIONS.get(name, ())}


def used_inputs(row: Mapping[str, Any], *, reference: str = "mask") -> list[str]:
    """Columns of a scan whose files the workflow opens; a map that is given wins over the raw images.

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
    return [name for name in FILE_COLUMNS if name in used and row.get(name)]


def used_files(row: Mapping[str, Any], *, reference: str = "mask") -> dict[str, str]:
    """Paths of all files of a scan that the workflow opens, companions included, by a name for messages."""
    files = {name: row[name] for name in used_inputs(row, reference=reference)}
    beside = {
        f"{kind} of {name}": path for name in files for kind, path in companions(name, files[name]).items()
    }
    return files | beside


def has_pet(row: Mapping[str, Any]) -> bool:
    """Whether a scan has a DVR map, or a PET that one can be derived from."""
    return bool(row.get("DVR") or row.get("pet"))


def lesion_space(row: Mapping[str, Any]) -> str:
    """Image that a scan's lesion mask was drawn on, one of LESION_SPACES; T1w where the table says nothing."""
    return row.get("lesion_space") or "T1w"


def lesion_source(row: Mapping[str, Any]) -> str:
    """Where a scan's lesions come from: ``mask``, ``flair`` (found on it) or ``none`` (controls)."""
    if row.get("lesion_mask"):
        return "mask"
    return "flair" if row["group"] != "HC" and row.get("FLAIR") else "none"


def needs_flair(row: Mapping[str, Any]) -> bool:
    """Whether a scan's FLAIR has to be brought to its T1w: for a mask drawn on it, or to find lesions on it."""
    source = lesion_source(row)
    return source == "flair" or (source == "mask" and lesion_space(row) == "FLAIR")


def _row_problems(table: pd.DataFrame) -> list[str]:
    problems = [] if len(table) else ["no rows: give one row per scan"]
    for number, row in zip(table.index, table.to_dict("records"), strict=True):
        for name in ("subject", "session", "site"):
            entry = row[name]
            if (name == "subject" or entry is not None) and not ID_PATTERN.fullmatch(entry or ""):
                problems.append(f"line {number}: {name} {entry!r} must be letters and digits only")
        if row["group"] is not None and row["group"] not in GROUPS:  # without a group, a scan is left out
            problems.append(f"line {number}: group {row['group']!r} must be one of {', '.join(GROUPS)}")
        if row["lesion_space"] is not None and row["lesion_space"] not in LESION_SPACES:
            problems.append(
                f"line {number}: lesion_space {row['lesion_space']!r} must be one of {', '.join(LESION_SPACES)}, or "
                "blank for T1w"
            )
        scan = scan_name(row["subject"], row["session"])
        if row.get("scan") not in (None, scan):
            problems.append(
                f"line {number}: scan {row['scan']!r} must be {scan}, as its subject and session say"
            )
    with_session = table.session.notna()
    if with_session.any() and not with_session.all():
        problems.append("some rows have a session and others none: give one to all, or to none")
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


def split_complete(
    table: pd.DataFrame,
    *,
    exclude: Collection[str] = (),
    check_files: bool = True,
    reference: str = "mask",
    without_mask: str = "leave_out",
    predicts: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separate the scans that have all they need from those that do not.

    Parameters
    ----------
    table : cohort table
    exclude : scans (``sub-01``) left out by the configuration
    check_files : bool, also require that each file the workflow will open exists
    reference : ``mask`` or ``grey_matter`` (maps.reference)
    without_mask : ``flair`` or ``leave_out`` (lesions.without_mask), for patients without a lesion mask
    predicts : bool, for new scans: they need no group, no lesion mask and no PET

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
        "named in cohort.exclude"
        if row["scan"] in exclude
        else _reason(row, check_files, reference, without_mask, predicts)
        for row in table.to_dict("records")
    ]
    left_out = pd.Series([bool(reason) for reason in reasons], index=table.index, dtype=bool)
    excluded = table.loc[left_out, ["scan", "group"]].assign(reason=[reason for reason in reasons if reason])
    return table[~left_out].reset_index(drop=True), excluded.reset_index(drop=True)


def _reason(
    row: Mapping[str, Any], check_files: bool, reference: str, without_mask: str, predicts: bool
) -> str:
    if not row["group"] and not predicts:
        return "no group"
    missing = _missing(row, reference, without_mask, predicts)
    if missing:
        hint = f" ({_way_to_lesions(row)})" if "lesion_mask" in missing else ""
        return f"no {', '.join(missing)} in the table{hint}"
    if row["lesion_mask"] and lesion_space(row) == "FLAIR" and not row["FLAIR"]:
        return "lesion_space is FLAIR, but there is no FLAIR in the table"
    files = used_files(row, reference=reference) if check_files else {}
    absent = {name: Path(path) for name, path in files.items() if not Path(path).is_file()}
    in_annex = [
        name for name, path in absent.items() if path.is_symlink() and "annex" in path.readlink().parts
    ]
    parts = {
        "not downloaded": [f"{name} (datalad get {absent[name]})" for name in in_annex],
        "file does not exist": [f"{name} ({absent[name]})" for name in absent if name not in in_annex],
    }
    return "; ".join(f"{start}: {', '.join(items)}" for start, items in parts.items() if items)


def _way_to_lesions(row: Mapping[str, Any]) -> str:
    """What to do for a patient without a lesion mask."""
    if row["FLAIR"]:
        return "to find lesions on its FLAIR, set lesions.without_mask: flair"
    return "give one, or a FLAIR on which lesions can be found with lesions.without_mask: flair"


def _missing(row: Mapping[str, Any], reference: str, without_mask: str, predicts: bool) -> list[str]:
    """Columns that a scan lacks: of each of SOURCES its maps, or else all of its raw images."""
    on_flair = without_mask == "flair" and row["FLAIR"]
    with_lesions = row["group"] == "MS" and not on_flair and not predicts
    needed = ["T1w"] + (["lesion_mask"] if with_lesions else [])
    for maps, raw in SOURCES:
        if predicts and maps == ("DVR",) and not has_pet(row):
            continue
        from_raw = not any(row[name] for name in maps) and any(row[name] for name in raw)
        needed += raw if from_raw else maps
    if "pet" in needed and reference == "mask":
        needed.append("reference_mask")
    return [name for name in needed if not row[name]]


def _listing(start: str, problems: Sequence[str]) -> str:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return f"{start} {count}:\n{lines}"
