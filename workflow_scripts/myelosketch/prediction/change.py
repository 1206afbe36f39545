"""Change between two sessions of a participant on one grid: per lesion, over all lesions, and of demyelinated voxels.

A change is claimed only if it is larger than what the participant's white matter shows by chance (``scan_rescan``).
The mean change of all white matter counts as an offset between the sessions. It is reported and subtracted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.evaluation.lesions import label_lesions, size_class
from myelosketch.io.volumes import has_value
from myelosketch.prediction.scan_rescan import scan_rescan

FEWEST_WHITE_VOXELS = 500
# numbers of a pair of sessions that need lesions; indices and shares are in percent of the lesion voxels
OF_LESIONS = (
    *("mean_dvr_before", "mean_dvr_after", "change", "limit", "claimed", "n_lesions_claimed"),
    *("pct_demyelinated_before", "pct_demyelinated_after", "index_demyelination", "index_remyelination"),
    *("limit_index", "claimed_demyelination", "claimed_remyelination"),
)


@dataclass(frozen=True)
class Lesions:
    """Lesions of a participant on the common grid.

    Parameters
    ----------
    labels : int array (x, y, z), 0 outside, 1 the largest, ...
    volumes : array (n,), mm³
    """

    labels: np.ndarray
    volumes: np.ndarray

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of a map in each lesion, array (n,), NaN for a lesion without voxels."""
        inside = self.labels > 0
        numbers, n = self.labels[inside], len(self.volumes) + 1
        with np.errstate(invalid="ignore"):
            return (np.bincount(numbers, values[inside], n) / np.bincount(numbers, minlength=n))[1:]

    def cut(self, known: np.ndarray) -> "Lesions":
        """Return the same lesions without the voxels that have no value."""
        return Lesions(np.where(known, self.labels, 0), self.volumes)


def shared_lesions(fractions: Sequence[np.ndarray], threshold: float, voxel_volume: float) -> Lesions:
    """Combine the lesions of all sessions: voxels that lesion fills in any session.

    Parameters
    ----------
    fractions : arrays (x, y, z), one per session, share of each voxel that is lesion
    threshold : smallest share that makes a voxel lesion
    voxel_volume : mm³

    Returns
    -------
    Lesions
    """
    union = np.max(fractions, axis=0) >= threshold
    return Lesions(*label_lesions(union, voxel_volume=voxel_volume))


def measure_pair(
    before: np.ndarray,
    after: np.ndarray,
    lesions: Lesions,
    white: np.ndarray,
    threshold: float,
    *,
    alpha: float,
    min_lesion_mm3: float,
    sizes_mm3: Sequence[float],
    seed: int,
    name: str,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Measure the change of DVR between two sessions, and whether it exceeds chance.

    One half of ``alpha`` is used for the mean of all lesions, the other for the listed lesions together. A change is
    thus claimed in at most ``alpha`` of unchanged patients. The two indices share another ``alpha``.

    Parameters
    ----------
    before, after : arrays (x, y, z), DVR on the common grid, not finite or 0 where unknown
    lesions : Lesions; if there are none, only white matter is measured
    white : bool array (x, y, z), normal-appearing white matter of both sessions
    threshold : DVR below which a lesion voxel is demyelinated, NaN if unknown
    alpha : level of the limits
    min_lesion_mm3, sizes_mm3 : volume of the smallest listed lesion, and borders of the size classes
    seed : int
    name : of the pair, for messages

    Returns
    -------
    dict : ``n_lesions`` (listed), ``n_lesion_voxels``, ``n_white_voxels``, ``white_matter_before``, ``offset`` (mean
        change of white matter), and OF_LESIONS, which are None without lesions
    list of dict : one per listed lesion

    Raises
    ------
    InputError : there is too little white matter for an offset and a limit
    """
    known = has_value(before) & has_value(after)
    before, after = np.where(known, before, 0), np.where(known, after, 0)
    lesions = lesions.cut(known)
    white = white & known & (lesions.labels == 0)
    if white.sum() < FEWEST_WHITE_VOXELS:
        raise InputError(
            f"{name} share {int(white.sum())} voxels of normal-appearing white matter with a DVR; expected at least "
            f"{FEWEST_WHITE_VOXELS} to compute the offset and limit of a change: check the regions of both scans."
        )
    difference = after - before
    offset = float(difference[white].mean())
    row: dict[str, Any] = {
        "n_lesions": 0,
        "n_lesion_voxels": int((lesions.labels > 0).sum()),
        "n_white_voxels": int(white.sum()),
        "white_matter_before": float(before[white].mean()),
        "offset": offset,
        **dict.fromkeys(OF_LESIONS),
    }
    if not row["n_lesion_voxels"]:
        return row, []
    average = (before + after) / 2
    change = difference - offset
    chance = scan_rescan(
        change, average, lesions.labels, len(lesions.volumes), white, known, offset=offset, seed=seed
    )
    # the same tolerance as in label_lesions
    listed = np.flatnonzero((lesions.volumes >= min_lesion_mm3 * (1 - 1e-6)) & (chance.sizes > 0))
    limits = chance.lesion_limits(listed, alpha / 2)
    means = {
        key: lesions.means(values)
        for key, values in (("before", before), ("after", after), ("change", change))
    }
    shares = {
        key: 100 * lesions.means((corrected < threshold).astype(float))
        for key, corrected in (("before", average - change / 2), ("after", average + change / 2))
    }
    rows = [
        {
            "lesion": int(place + 1),
            "volume_mm3": float(lesions.volumes[place]),
            "size": size_class(float(lesions.volumes[place]), sizes_mm3),
            "mean_dvr_before": float(means["before"][place]),
            "mean_dvr_after": float(means["after"][place]),
            "change": float(means["change"][place]),
            "limit": float(limit),
            "claimed": yes(abs(means["change"][place]) > limit),
            "pct_demyelinated_before": _known(shares["before"][place], threshold),
            "pct_demyelinated_after": _known(shares["after"][place], threshold),
        }
        for place, limit in zip(listed, limits, strict=True)
    ]
    inside = lesions.labels > 0
    total, limit = float(change[inside].mean()), chance.mean_limit(alpha / 2)
    row |= {
        "n_lesions": len(rows),
        "mean_dvr_before": float(before[inside].mean()),
        "mean_dvr_after": float(after[inside].mean()),
        "change": total,
        "limit": limit,
        "claimed": yes(abs(total) > limit),
        "n_lesions_claimed": sum(lesion["claimed"] == "yes" for lesion in rows),
    }
    if np.isfinite(threshold):
        row |= _crossings(average[inside], change[inside], threshold)
        limit = chance.index_limit(threshold, alpha)
        row["limit_index"] = limit
        for kind in ("demyelination", "remyelination"):
            row[f"claimed_{kind}"] = yes(row[f"index_{kind}"] > limit)
    return row, rows


def yes(answer: bool) -> str:
    """Return ``yes`` or ``no``."""
    return "yes" if answer else "no"


def _known(share: float, threshold: float) -> float | None:
    return float(share) if np.isfinite(threshold) else None


def _crossings(average: np.ndarray, change: np.ndarray, threshold: float) -> dict[str, float]:
    """Return the percentages of lesion voxels below the threshold at each session, and of those that crossed it."""
    first, second = average - change / 2 < threshold, average + change / 2 < threshold
    return {
        "pct_demyelinated_before": 100 * float(first.mean()),
        "pct_demyelinated_after": 100 * float(second.mean()),
        "index_demyelination": 100 * float((~first & second).mean()),
        "index_remyelination": 100 * float((first & ~second).mean()),
    }
