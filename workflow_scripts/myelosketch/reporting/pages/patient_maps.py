"""Functions that all pages of patients share: limits of the colours, numbered lesions, choice of slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from myelosketch.evaluation.lesions import label_lesions
from myelosketch.io.names import REGION_CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myelosketch.io.volumes import Volume
    from myelosketch.reporting.pages.patient import Maps

MAP_UNITS = {
    "MTR": "%",
    "FA": "",
    "RD": "\u00d710\u207b\u00b3 mm\u00b2/s",
    "AD": "\u00d710\u207b\u00b3 mm\u00b2/s",
}


def robust_limits(values: np.ndarray, percentiles: tuple[float, float] = (2, 98)) -> tuple[float, float]:
    """Return percentiles of the finite values; single voxels at the edge of the brain do not change them."""
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, percentiles) if values.size else (0.0, 1.0)
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def scale_words(name: str, limits: tuple[float, float]) -> str:
    """Return the ends of the grey scale of an MRI map, with its unit."""
    return f"{limits[0]:.2g} to {limits[1]:.2g} {MAP_UNITS[name]}".strip()


def dvr_limits(maps: Maps) -> tuple[float, float]:
    """Return the DVR scale of all maps of a patient: 10th to 99th percentile of the true map, rounded to 0.05."""
    low, high = robust_limits(maps.dvr[maps.brain], (10, 99))
    return float(np.floor(low * 20) / 20), float(np.ceil(high * 20) / 20)


def number_lesions(grid: Volume, labels: np.ndarray) -> np.ndarray:
    """Number lesions as the tables do, from the largest, on the grid as stored; then turn to canonical order.

    Parameters
    ----------
    grid : Volume as stored, whose affine is taken
    labels : integer array (x, y, z) as stored, region codes

    Returns
    -------
    int array (x, y, z), canonical; 0 outside
    """
    numbers, _ = label_lesions(labels == REGION_CODES["lesion"], voxel_volume=grid.voxel_volume)
    return np.asarray(nib.apply_orientation(numbers, nib.io_orientation(grid.affine)))


def widest_slices(
    lesions: np.ndarray,
    brain: np.ndarray,
    voxel_size: Sequence[float] | np.ndarray,
    *,
    most: int,
    gap_mm: float,
) -> list[int]:
    """Return axial slices where the largest lesions are widest, or the middle of the brain if there is no lesion.

    Parameters
    ----------
    lesions : int array (x, y, z), canonical, of :func:`number_lesions`
    brain : bool array (x, y, z)
    voxel_size : mm
    most : largest number of slices
    gap_mm : least distance of two slices; a nearer one shows the same lesions again

    Returns
    -------
    list of int, from the largest lesion down
    """
    chosen: list[int] = []
    for number in range(1, int(lesions.max()) + 1):
        z = int(np.argmax((lesions == number).sum(axis=(0, 1))))
        if all(abs(z - other) * voxel_size[2] >= gap_mm for other in chosen):
            chosen.append(z)
        if len(chosen) == most:
            break
    used = np.flatnonzero(brain.any(axis=(0, 1)))
    return chosen or [int(used[len(used) // 2])]
