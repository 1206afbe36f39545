"""Criteria for the cohort: the value found, the value wanted, and whether the criterion is met."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from myelosketch.calibration.relations import LESION_RD_BAND
from myelosketch.calibration.targets import INSIDE, TISSUE_NAMES

COLUMNS = ("criterion", "found", "wanted", "met")
# rungs of the ladder, from the lowest to the highest MCC; the last three come from the truth
ORDER = ("template", "voxelwise", "means3", "visible", "rescan", "noisefree")
FROM_TRUTH = ORDER[3:]
LEAST_ROOM = 0.25  # of the way from the template to ``visible``, above the better linear model
LARGEST_SHARE = 0.75  # of lesion voxels that are demyelinated at k = 1; above it Dice says nothing
# volumes of lesions, and mean difference of two scans in % of their mean; published is 10 % at 106 mm3 (EJNMMI Res
# 2024, Logan), and the band is assumed
REPEAT_MM3, REPEAT_BAND = (100, 200), (7.0, 12.0)
# r of lesion means was .70 in patients (external cohort, SPIE 12926, 2024); a value below it would be no upper bound
LEAST_R = 0.70
LARGEST_KS = 0.10  # in 95 % of splits, two halves of the thirty measured patients differ by less (assumed)


def room_above_linear(mcc: Mapping[str, float]) -> float:
    """Return the share of the way from the template to ``visible`` that is left above the better linear model.

    Parameters
    ----------
    mcc : dict, mean MCC by method of ORDER

    Returns
    -------
    float : (visible - better ridge) / (visible - template); NaN if visible is not above the template
    """
    whole = mcc["visible"] - mcc["template"]
    better = max(mcc["voxelwise"], mcc["means3"])
    return (mcc["visible"] - better) / whole if whole > 0 else np.nan


def ladder_criteria(summary: pd.DataFrame, k: float) -> list[dict[str, str]]:
    """Check the ladder at one k: that every rung is above the one before, and the room above the linear models.

    Parameters
    ----------
    summary : DataFrame as from ``prediction.summarise_ladder``
    k : float

    Returns
    -------
    list of dict: COLUMNS
    """
    rows = summary[(summary.metric == "mcc") & np.isclose(summary.k, k)]
    mcc = rows.set_index("method")["mean"].astype(float).to_dict()
    found = [
        _row(
            f"MCC of {lower} below {higher}",
            f"{mcc[lower]:.3f} and {mcc[higher]:.3f}",
            "lower < higher",
            mcc[lower] < mcc[higher],
        )
        for lower, higher in zip(ORDER[:-1], ORDER[1:], strict=True)
    ]
    room = room_above_linear(mcc)
    wanted = f"at least {LEAST_ROOM:.0%}"
    found.append(_row("room above the better linear model", f"{room:.0%}", wanted, room >= LEAST_ROOM))
    return found


def share_criteria(demyelination: pd.DataFrame, k: float) -> list[dict[str, str]]:
    """Check that the demyelinated share of lesion voxels is not too large.

    Parameters
    ----------
    demyelination : DataFrame with ``subject``, ``k`` and ``pct_true``
    k : float
    """
    rows = demyelination[np.isclose(demyelination.k, k)].drop_duplicates("subject")
    share = float(rows.pct_true.mean() / 100)
    wanted = f"at most {LARGEST_SHARE:.0%}"
    return [
        _row(f"demyelinated share of lesions at k = {k:g}", f"{share:.0%}", wanted, share <= LARGEST_SHARE)
    ]


def repeat_criteria(lesions: pd.DataFrame) -> list[dict[str, str]]:
    """Check the difference of two scans, and the correlation of lesion means with noise-free tissue.

    Parameters
    ----------
    lesions : DataFrame with ``method``, ``volume_mm3``, ``mean_dvr_true`` and ``mean_dvr_pred``; one row per lesion
        and method
    """
    rescan = lesions[(lesions.method == "rescan") & lesions.volume_mm3.between(*REPEAT_MM3)]
    mean = (rescan.mean_dvr_true + rescan.mean_dvr_pred) / 2
    value = float((100 * (rescan.mean_dvr_true - rescan.mean_dvr_pred).abs() / mean).mean())
    low, high = REPEAT_BAND
    sizes = "{} to {} mm³".format(*REPEAT_MM3)
    repeat = _row(
        f"difference of two scans, {len(rescan)} lesions of {sizes}, %",
        f"{value:.3g}",
        f"{low:g} to {high:g}",
        low <= value <= high,
    )
    visible = lesions[lesions.method == "visible"]
    r = float(visible.mean_dvr_true.corr(visible.mean_dvr_pred))
    name = f"correlation of lesion means with noise-free tissue, {len(visible)} lesions"
    return [repeat, _row(name, f"{r:.2f}", f"at least {LEAST_R:.2f}", r >= LEAST_R)]


def tissue_criteria(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return one criterion per target of the tissue table."""
    words = {
        "absolute": "",
        "percent": " against its reference, %",
        "points": " against its reference, points",
    }
    rows = []
    for row in table.itertuples():
        name = f"{TISSUE_NAMES[row.tissue]}: {row.quantity}{words.get(row.kind, ', SD between participants')}"
        wanted = f"{row.low:g} to {row.high:g}"
        rows.append(_row(name, f"{row.mean:.4g}", wanted, row.verdict == INSIDE))
    return rows


def relation_criteria(table: pd.DataFrame) -> list[dict[str, str]]:
    """Check that the rank correlation of DVR and RD in lesions is neither too weak nor too strong."""
    row = table[(table["where"] == "lesion") & (table["map"] == "RD")].iloc[0]
    low, high = LESION_RD_BAND
    value = abs(float(row["mean"]))
    text = f"{row['mean']:.2f} (mean of patients; pooled {row['pooled']:.2f})"
    wanted = f"absolute value {low:g} to {high:g}"
    return [_row("rank correlation of DVR and RD in lesions", text, wanted, low <= value <= high)]


def criteria_table(*groups: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """Collect all criteria, those not met first.

    Returns
    -------
    DataFrame : COLUMNS; ``met`` is yes or no
    """
    table = pd.DataFrame([row for group in groups for row in group], columns=list(COLUMNS))
    return table.sort_values("met", kind="stable", ignore_index=True)


def _row(criterion: str, found: str, wanted: str, met: bool) -> dict[str, str]:
    return dict(zip(COLUMNS, (criterion, found, wanted, "yes" if bool(met) else "no"), strict=True))
