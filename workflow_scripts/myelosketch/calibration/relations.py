"""Rank correlations of DVR with each MRI map, in lesions and across tissues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from myelosketch.io.names import INPUT_MAPS, REGION_CODES

if TYPE_CHECKING:
    from myelosketch.calibration.participant import Participant

COLUMNS = ("where", "map", "pooled", "mean", "sd", "n_participants", "n_voxels")
FEWEST_VOXELS = 20  # least number for a rank correlation (assumed)
PER_PARTICIPANT = 5000  # most voxels taken from a region, because ranks of millions take minutes
WHERE = ("lesion", "white", "brain")
# absolute rank correlation of DVR and RD in lesions (literature: -.20 to -.26; the band is assumed)
LESION_RD_BAND = (0.2, 0.5)


def correlations(people: Sequence[Participant]) -> pd.DataFrame:
    """Return Spearman's correlation of DVR with each map: pooled over voxels, and mean and SD over participants.

    Parameters
    ----------
    people : list of Participant

    Returns
    -------
    DataFrame : COLUMNS; ``where`` is lesion (patients' lesion voxels), white (white matter with lesions) or
        brain. Large regions are thinned evenly to PER_PARTICIPANT voxels of each participant.
    """
    rows = []
    for where in WHERE:
        parts = [_voxels(person, where) for person in people]
        parts = [part for part in parts if len(part) >= FEWEST_VOXELS]
        for column, name in enumerate(INPUT_MAPS, start=1):
            each = [rank_correlation(part[:, 0], part[:, column]) for part in parts]
            together = np.concatenate(parts) if parts else np.empty((0, 1 + len(INPUT_MAPS)))
            rows.append(
                {
                    "where": where,
                    "map": name,
                    "pooled": rank_correlation(together[:, 0], together[:, column]),
                    "mean": float(np.mean(each)) if each else np.nan,
                    "sd": float(np.std(each, ddof=1)) if len(each) > 1 else np.nan,
                    "n_participants": len(each),
                    "n_voxels": len(together),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation, or NaN for fewer than three values or if one side is constant."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(stats.spearmanr(first, second).statistic)


def _voxels(person: Participant, where: str) -> np.ndarray:
    """Return the DVR and the four maps (n, 5) of a region's voxels, thinned evenly to at most PER_PARTICIPANT."""
    lesion = person.regions == REGION_CODES["lesion"]
    white = lesion | (person.regions == REGION_CODES["nawm"])
    inside = {"lesion": lesion, "white": white, "brain": person.regions > 0}[where]
    rows = np.stack([person.maps[name][inside] for name in ("DVR", *INPUT_MAPS)], axis=1)
    return rows[:: max(1, -(-len(rows) // PER_PARTICIPANT))]


def lesion_voxels(people: Sequence[Participant]) -> pd.DataFrame:
    """Return the DVR and the maps of the lesion voxels of all patients, thinned as in :func:`correlations`.

    Returns
    -------
    DataFrame : DVR, the maps of INPUT_MAPS, and subject
    """
    parts = [
        pd.DataFrame(_voxels(person, "lesion"), columns=["DVR", *INPUT_MAPS]).assign(subject=person.subject)
        for person in people
        if person.group == "MS"
    ]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["DVR", *INPUT_MAPS, "subject"])
    )
