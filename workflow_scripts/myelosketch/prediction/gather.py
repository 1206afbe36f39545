"""The table of all new scans: numbers, verdicts, and the reason for each scan without numbers."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.io import names
from myelosketch.io.provenance import read_json, write_json
from myelosketch.io.tables import write_table

FAILED, LEFT_OUT = "failed", "left_out"
# start of the error message in the log of a job (`job.job`)
ERROR = "\nError: "
# reasons why a lesion number is missing
NO_MASK, OF_CONTROL, EMPTY_MASK, NOTHING_FOUND = (
    "n/a: no lesion mask",
    "n/a: hyperintensities of a control count as other tissue",
    "n/a: no lesion in the lesion mask",
    "n/a: no lesion found on the FLAIR",
)
COLUMNS = {
    "scan": "Name of the scan",
    "group": "MS or HC, if given in the cohort table",
    "site": "Site, if given in the cohort table",
    "verdict": "ok; unusual (numbers are given, see reasons); withheld (no numbers are given); failed (a step of "
    "its preparation failed); left_out (of the cohort)",
    "reasons": "Why the verdict is not ok",
    "lesion_source": "mask (supplied), flair (found on the FLAIR), none",
    "n_lesions": "Number of lesions of at least the smallest listed size",
    "lesion_volume_ml": "Volume of all lesion voxels, mL",
    "pct_demyelinated": "Demyelinated share of the lesion voxels, percent",
    "pct_low": "Lower end of its interval",
    "pct_high": "Upper end of its interval",
    "pct_level": "Probability of that interval",
    "lesions_mean_dvr": "Mean predicted DVR of all lesion voxels",
    "lesions_low": "Lower end of its interval",
    "lesions_high": "Upper end of its interval",
    "white_matter_mean_dvr": "Mean predicted DVR of normal-appearing white matter",
    "white_matter_low": "Lower end of its interval",
    "white_matter_high": "Upper end of its interval",
    "healthy_mean_dvr": "Mean measured DVR of healthy white matter in the training controls",
    "healthy_sd_dvr": "Standard deviation of its voxels",
    "lesion_note": "Why lesion numbers are missing",
    "model_sha256": "SHA-256 of the model",
}


def write_predictions(
    numbers: Iterable[str | Path],
    output: str | Path,
    *,
    excluded: Sequence[Mapping[str, Any]] = (),
    failed: Sequence[Mapping[str, str]] = (),
) -> pd.DataFrame:
    """Write one row per scan, and next to the table a JSON file that explains its columns.

    Parameters
    ----------
    numbers : paths of the JSON of each predicted scan (`new_scan.predict_new_scan`)
    output : path of the TSV
    excluded : dicts of ``scan``, ``group`` and ``reason``: scans left out of the cohort
    failed : dicts of ``scan`` and ``reason``

    Returns
    -------
    pandas.DataFrame
    """
    rows = [_row(read_json(path)) for path in numbers]
    rows += [{"scan": row["scan"], "verdict": FAILED, "reasons": row["reason"]} for row in failed]
    rows += [
        {key: row[key] for key in ("scan", "group")} | {"verdict": LEFT_OUT, "reasons": row["reason"]}
        for row in excluded
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    write_table(table, output)
    write_json(
        Path(output).with_suffix(".json"), {name: {"Description": text} for name, text in COLUMNS.items()}
    )
    return table


def write_failures(
    output: str | Path, *, folder: str | Path, scans: Sequence[str], excluded: Sequence[Mapping[str, Any]]
) -> None:
    """Write the table of a run in which scans failed, with the finished scans and why the others have no numbers.

    The file gets an old modification time, so that Snakemake writes it again when more scans have numbers.

    Parameters
    ----------
    output : path of the TSV
    folder : results folder
    scans : all scans of the run
    excluded : see `write_predictions`
    """
    done, failed = [], []
    for scan in scans:
        path = Path(folder, "prediction/scans", names.folder_of(scan), f"{scan}.json")
        if path.is_file():
            done.append(path)
        else:
            failed.append({"scan": scan, "reason": said(folder, scan) or "not reached"})
    write_predictions(done, output, excluded=excluded, failed=failed)
    os.utime(output, (1, 1))  # Snakemake treats 0 as a missing time


def said(folder: str | Path, scan: str) -> str:
    """Return the message of the last failed job of a scan in one line; blank if no job failed."""
    logs = [*Path(folder, "logs").glob(f"*/{names.folder_of(scan)}/{scan}.log")]
    logs += Path(folder, "logs").glob(f"*/{scan}.log")
    for log in sorted(logs, key=lambda path: path.stat().st_mtime, reverse=True):
        text = log.read_text(encoding="utf-8", errors="replace")
        if ERROR in f"\n{text}":
            # an error message may list several findings, one per line
            return " ".join(f"\n{text}".rsplit(ERROR, 1)[1].split())
    return ""


def _row(scan: Mapping[str, Any]) -> dict[str, Any]:
    share = scan["pct_demyelinated"] or {}
    lesions, white = scan["regions"]["lesions"], scan["regions"]["white_matter"]
    note = None
    if scan["lesion_source"] == "none":
        note = NO_MASK
    elif scan["group"] == "HC":
        note = OF_CONTROL
    elif not scan["n_lesion_voxels"]:
        note = NOTHING_FOUND if scan["lesion_source"] == "flair" else EMPTY_MASK
    return {
        **{key: scan[key] for key in ("scan", "group", "site", "verdict", "lesion_source", "n_lesions")},
        "reasons": " ".join(scan["reasons"]) or None,
        "lesion_volume_ml": scan["lesion_volume_ml"],
        "pct_demyelinated": share.get("value"),
        "pct_low": share.get("low"),
        "pct_high": share.get("high"),
        "pct_level": share.get("level"),
        "lesions_mean_dvr": lesions["mean_dvr"],
        "lesions_low": lesions.get("low"),
        "lesions_high": lesions.get("high"),
        "white_matter_mean_dvr": white["mean_dvr"],
        "white_matter_low": white.get("low"),
        "white_matter_high": white.get("high"),
        "healthy_mean_dvr": scan["healthy"]["mean"],
        "healthy_sd_dvr": scan["healthy"]["sd"],
        "lesion_note": note,
        "model_sha256": scan["model"]["sha256"],
    }
