"""Which scans are complete, and why the others are left out."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from myelosketch.cohort.presence import unusable_files
from myelosketch.cohort.table import SOURCES, has_pet, lesion_space, used_files
from myelosketch.errors import InputError


def split_complete(
    table: pd.DataFrame,
    *,
    exclude: Collection[str] = (),
    check_files: bool = True,
    reference: str = "mask",
    without_mask: str = "leave_out",
    predicts: bool = False,
    closed: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separate complete scans from incomplete ones.

    Parameters
    ----------
    table : cohort table
    exclude : scans (``sub-01``) left out by the configuration
    check_files : bool, also require that each file that the workflow opens exists and can be read
    reference : ``mask`` or ``grey_matter`` (maps.reference)
    without_mask : ``flair`` or ``leave_out`` (lesions.without_mask), for patients without a lesion mask
    predicts : bool, for new scans: they need no group, no lesion mask and no PET
    closed : scans with a folder that cannot be read, and why

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
            f"cohort.exclude names {', '.join(strangers)}, which the cohort does not have: use names such "
            f"as {table.scan.iloc[0]}."
        )
    reasons = [
        "named in cohort.exclude"
        if row["scan"] in exclude
        else (closed or {}).get(row["scan"]) or _reason(row, check_files, reference, without_mask, predicts)
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
    missing = missing_inputs(row, reference=reference, without_mask=without_mask, predicts=predicts)
    if missing:
        hint = f" ({_way_to_lesions(row)})" if "lesion_mask" in missing else ""
        return f"no {', '.join(missing)} in the table{hint}"
    if row["lesion_mask"] and lesion_space(row) == "FLAIR" and not row["FLAIR"]:
        return "lesion_space is FLAIR, but there is no FLAIR in the table"
    try:
        return unusable_files(used_files(row, reference=reference)) if check_files else ""
    except InputError as error:  # two files of metadata apply
        return str(error).rstrip(".")


def _way_to_lesions(row: Mapping[str, Any]) -> str:
    """Return what to do for a patient without a lesion mask."""
    if row["FLAIR"]:
        return "to segment lesions on its FLAIR, set lesions.without_mask: flair"
    return "give one, or a FLAIR and lesions.without_mask: flair to segment lesions on it"


def missing_inputs(
    row: Mapping[str, Any],
    *,
    reference: str = "mask",
    without_mask: str = "leave_out",
    predicts: bool = False,
) -> list[str]:
    """Return the columns that a scan lacks: for each of SOURCES its maps, or else all of its raw images.

    Parameters
    ----------
    row, reference, without_mask, predicts : as of ``split_complete``
    """
    on_flair = without_mask == "flair" and row.get("FLAIR")
    with_lesions = row["group"] == "MS" and not on_flair and not predicts
    needed = ["T1w"] + (["lesion_mask"] if with_lesions else [])
    for maps, raw in SOURCES:
        if predicts and maps == ("DVR",) and not has_pet(row):
            continue
        from_raw = not any(row.get(name) for name in maps) and any(row.get(name) for name in raw)
        needed += raw if from_raw else maps
    if "pet" in needed and reference == "mask":
        needed.append("reference_mask")
    return [name for name in needed if not row.get(name)]
