"""One wide table with a row per scan and all results of the run for it, and a description of each column."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.cohort.table import COLUMNS as COHORT_COLUMNS
from myelosketch.cohort.table import FILE_COLUMNS
from myelosketch.evaluation.scoring import MEASURED
from myelosketch.io.names import REGION_CODES
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import read_table, write_table

# column of the wide table -> column of the source, description, unit
PER_METHOD = {
    "dvr_lesion": "mean DVR of the lesions",
    "dvr_nawm": "mean DVR of normal-appearing (patients) or healthy (controls) white matter",
    "dvr_other": "mean DVR of other tissue",
    "pct_demyelinated": "share of the lesion voxels that are demyelinated",
}
SCORES = {
    "mae_lesion": "mean absolute error in the lesions, against the measured DVR",
    "mae_nawm": "mean absolute error in white matter, against the measured DVR",
    "mae_brain": "mean absolute error in the brain, against the measured DVR",
    "dice": "Dice of the demyelinated lesion voxels",
    "mcc": "Matthews correlation of the demyelinated lesion voxels",
}
UNITS = {"dvr": "1", "mae": "1", "dice": "1", "mcc": "1", "pct": "%"}


def write_scans(
    paths: Mapping[str, str | Path],
    output: str | Path,
    sidecar: str | Path,
    *,
    methods: Sequence[str],
    k: float,
) -> None:
    """Write scans.tsv and scans.json.

    Parameters
    ----------
    paths : dict, ``cohort``, ``folds``, ``quality``, ``volumes``, ``regions``, ``demyelination``, ``voxelwise``,
        ``lesions`` -> TSV. Each of the last four may be a list: TSV of the cross-validation and of external sites
    output, sidecar : paths
    methods : list of str
    k : threshold of the demyelinated share
    """
    tables = {name: _read(path) for name, path in paths.items()}
    table, described = scan_table(tables, methods=methods, k=k)
    write_table(table, output)
    write_json(sidecar, described)


def scan_table(
    tables: Mapping[str, pd.DataFrame], *, methods: Sequence[str], k: float
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Return the wide table and its data dictionary from tables in memory; see :func:`write_scans`.

    Returns
    -------
    table : DataFrame, one row per scan of the cohort, in its order
    described : dict, column to ``Description`` and, for numbers, ``Units``
    """
    cohort = tables["cohort"]
    files = {name for name in FILE_COLUMNS if name in cohort}
    kept = [name for name in cohort if name not in files]
    wide = cohort[kept].set_index("scan", drop=False)
    described = {name: {"Description": _of_cohort(name)} for name in kept}
    fold = dict(zip(tables["folds"]["subject"], tables["folds"]["fold"], strict=True))
    columns: list[tuple[str, pd.Series, str, str | None]] = [
        (
            "fold",
            wide["subject"].map(fold),
            "fold in which the participant is held out; 0 is an external site",
            None,
        ),
        *_quality(tables["quality"]),
        *_volumes(tables["volumes"]),
        *_lesions(tables["lesions"]),
        *_measures(tables, methods, k),
    ]
    for name, _, words, unit in columns:
        described[name] = {"Description": words} | ({"Units": unit} if unit else {})
    added = pd.DataFrame({name: values.reindex(wide.index) for name, values, *_ in columns}, index=wide.index)
    return pd.concat([wide, added], axis=1).reset_index(drop=True), described


def _of_cohort(name: str) -> str:
    known = {
        "scan": "name of the scan, sub-<subject> or sub-<subject>_ses-<session>",
        "subject": "participant",
        "session": "session of the participant",
        "group": "MS (patient) or HC (healthy control)",
        "site": "site where the scan was acquired",
        "lesion_space": "image that the lesion mask was drawn on; blank for T1w",
    }
    if name in known:
        return known[name]
    return "column of the cohort's table" if name in COHORT_COLUMNS else "column of the user's cohort table"


def _quality(quality: pd.DataFrame) -> Iterator[tuple[str, pd.Series, str, str | None]]:
    for modality, rows in quality.groupby("modality", sort=False):
        words = (
            f"verdict on the registration of {modality}: ok, accepted (failed and kept by the user) or failed"
        )
        yield f"registration_{modality}", rows.set_index("scan")["verdict"], words, None
    by_scan = quality.drop_duplicates("scan").set_index("scan")
    if "lesion_source" in by_scan:
        yield (
            "lesion_source",
            by_scan["lesion_source"],
            "source of the lesions: mask, flair (found on FLAIR) or none",
            None,
        )


def _volumes(volumes: pd.DataFrame) -> Iterator[tuple[str, pd.Series, str, str | None]]:
    for region in REGION_CODES:
        rows = volumes[volumes["region"] == region].set_index("scan")
        words = f"volume of {region} on the PET grid"
        yield f"volume_ml_{region}", rows["volume_ml"].astype(float), words, "mL"


def _lesions(lesions: pd.DataFrame) -> Iterator[tuple[str, pd.Series, str, str | None]]:
    listed = lesions.drop_duplicates(["scan", "lesion"])
    yield "n_lesions", listed.groupby("scan").size(), "lesions of at least evaluation.min_lesion_mm3", None


def _measures(
    tables: Mapping[str, pd.DataFrame], methods: Sequence[str], k: float
) -> Iterator[tuple[str, pd.Series, str, str | None]]:
    regions, voxelwise = tables["regions"], tables["voxelwise"]
    shares = tables["demyelination"]
    shares = shares[np.isclose(shares["k"].astype(float), k)]
    for source in (MEASURED, *methods):
        measured = source == MEASURED
        words = "measured by PET" if measured else f"predicted by {source}"
        side = "true" if measured else "pred"
        for name, what in PER_METHOD.items():
            if name == "pct_demyelinated":
                rows, column = shares, f"pct_{side}"
                what = f"{what}, k = {k:g}"
            else:
                rows = regions[regions["region"] == name.removeprefix("dvr_")]
                column = f"mean_dvr_{side}"
            yield f"{name}_{source}", _column(rows, source, column), f"{what}, {words}", _unit(name)
        if measured:
            continue
        for name, what in SCORES.items():
            rows, column = shares, name
            if name.startswith("mae_"):
                rows, column = voxelwise[voxelwise["region"] == name.removeprefix("mae_")], "mae"
            else:
                what = f"{what}, k = {k:g}"
            yield f"{name}_{source}", _column(rows, source, column), f"{what}, {words}", _unit(name)


def _column(rows: pd.DataFrame, source: str, column: str) -> pd.Series:
    rows = rows if source == MEASURED else rows[rows["method"] == source]
    return rows.drop_duplicates("scan").set_index("scan")[column].astype(float)


def _unit(name: str) -> str:
    return UNITS[name.split("_")[0]]


def _read(path: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    paths = [path] if isinstance(path, str | Path) else path
    return pd.concat([read_table(one) for one in paths], ignore_index=True)
