"""The small table at the end of a run: lesion MAE, Dice, trivial Dice, MCC and slope of each method."""

from pathlib import Path

import numpy as np
import pandas as pd

from myelosketch.evaluation.verdicts import number
from myelosketch.io.names import CEILINGS
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table

# heading, metric, whether it depends on k, number of digits, whether the interval is shown
_COLUMNS = (
    ("lesion MAE", "lesion_mae", False, 3, True),
    ("Dice", "dice", True, 2, True),
    ("trivial Dice", "trivial_dice", True, 2, False),
    ("Dice - trivial", "dice_minus_trivial", True, 2, True),
    ("MCC", "mcc", True, 2, True),
    ("slope", "lesion_voxel_slope", False, 2, False),
)


def final_table(summary: str | Path | pd.DataFrame, *, k: float | None = None) -> str:
    """Return the table as plain text for a console.

    Parameters
    ----------
    summary : path of ``summary.tsv``, or its DataFrame
    k : float, the threshold to show. The default is the configured one, from ``summary.json`` next to the table, or 1
        if there is none

    Returns
    -------
    str, several lines without a trailing newline: one line per method, below a rule one line per ceiling, then an
    explanation of the numbers

    Raises
    ------
    InputError : the table does not exist or cannot be read
    """
    if not isinstance(summary, pd.DataFrame):
        sidecar = Path(summary).with_suffix(".json")
        if k is None and sidecar.is_file():
            k = read_json(sidecar)["Parameters"]["k"]
        summary = read_summary(summary)
    k = 1.0 if k is None else float(k)
    methods = list(dict.fromkeys(summary["method"]))
    lines = [["method", *(column[0] for column in _COLUMNS)]]
    for method in sorted(methods, key=lambda name: name in CEILINGS):
        lines.append([method, *(_cell(summary, method, k, *column[1:]) for column in _COLUMNS)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    first_ceiling = 1 + sum(method not in CEILINGS for method in methods)
    text = [
        text[0],
        rule,
        *text[1:first_ceiling],
        *([rule] if first_ceiling < len(text) else []),
        *text[first_ceiling:],
    ]
    patients = summary.loc[summary["metric"] == "lesion_mae", "n"].max()
    count = f"{int(patients)} patients" if np.isfinite(patients) else "no patients"
    return "\n".join([*text, "", *_explanation(count, k, first_ceiling < len(lines))])


def read_summary(path: str | Path) -> pd.DataFrame:
    """Read ``summary.tsv`` with numbers as numbers."""
    return read_table(path, numeric=("k", "mean", "ci_low", "ci_high", "n"))


def _cell(
    summary: pd.DataFrame,
    method: str,
    k: float,
    metric: str,
    thresholded: bool,
    digits: int,
    with_interval: bool,
) -> str:
    chosen = (summary["method"] == method) & (summary["metric"] == metric)
    if thresholded:
        chosen &= np.isclose(summary["k"].astype(float), k)
    if not chosen.any() or pd.isna(summary.loc[chosen, "mean"].iloc[0]):
        return "n/a"
    row = summary.loc[chosen].iloc[0]
    mean = number(row["mean"], digits)
    if not with_interval:
        return mean
    n = f" n={row['n']:.0f}"
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{mean} [n/a]{n}"
    return f"{mean} [{number(row['ci_low'], digits)}, {number(row['ci_high'], digits)}]{n}"


def _explanation(count: str, k: float, ceilings: bool) -> list[str]:
    lines = [
        f"Each number is the mean over n of {count}: those that have the score. No model was trained on the",
        "patient that it predicts. Intervals are by bootstrap over patients.",
        f"Demyelinated: DVR below mean - {k:g} SD of healthy white matter.",
        "Trivial Dice: every lesion voxel called demyelinated. MCC: 0 is chance, 1 is perfect.",
        "Slope of true on predicted DVR over lesion voxels: 1 is ideal, 0 means no relation, n/a a constant map.",
    ]
    if ceilings:
        lines.append(
            "Below the line are ceilings, known only in simulation (a second PET, the truth before noise, its"
        )
        lines.append("conditional mean given noise-free myelin and water, which bounds squared error only).")
    return lines
