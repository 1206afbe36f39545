"""Individual lesions: connected components of a patient's lesion voxels, and their means."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

# Voxels that share a face, an edge or a corner belong to one lesion (our choice; the paper does not say).
# The whole project uses this definition of a lesion.
CONNECTIVITY = 26

_STRUCTURE = ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[CONNECTIVITY])


def label_lesions(
    lesion: np.ndarray, *, voxel_volume: float, min_volume_mm3: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Number the lesions of a mask, largest first.

    Parameters
    ----------
    lesion : boolean array (x, y, z)
    voxel_volume : float, mm³
    min_volume_mm3 : float, smaller components are left out

    Returns
    -------
    labels : int32 array (x, y, z), 0 outside, 1 the largest; equal volumes keep the order of their first
        voxel
    volumes : float array (n_lesions,), mm³
    """
    components, count = ndimage.label(lesion, structure=_STRUCTURE)
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    # the tolerance keeps a lesion of exactly the minimum volume if its product rounds below it
    kept = [i for i in order if sizes[i] * voxel_volume >= min_volume_mm3 * (1 - 1e-6)]
    number = np.zeros(count + 1, np.int32)
    for new, old in enumerate(kept, start=1):
        number[old + 1] = new
    return number[components], sizes[kept] * voxel_volume


def score_lesions(
    predicted: np.ndarray,
    measured: np.ndarray,
    labels: np.ndarray,
    volumes: np.ndarray,
    threshold: float | np.ndarray,
) -> list[dict[str, Any]]:
    """Return the true and predicted mean DVR and demyelinated share of each lesion.

    Parameters
    ----------
    predicted, measured : float arrays (x, y, z), DVR
    labels : integer array (x, y, z) and volumes : float array (n,), of :func:`label_lesions`; voxels that are not
        scored may be set to 0
    threshold : float or array (x, y, z), DVR below which a voxel is demyelinated; NaN leaves the shares NaN

    Returns
    -------
    list of dict, one per lesion with a voxel that is scored: ``lesion`` (1 is the largest), ``volume_mm3`` (of the
        whole lesion), ``n_voxels`` (scored), ``mean_dvr_true``, ``mean_dvr_pred``, ``pct_true``, ``pct_pred``
        (percent of the scored voxels)
    """
    index = np.arange(1, len(volumes) + 1)
    if not index.size:
        return []
    inside = labels > 0
    numbers = labels[inside]

    def means(values: np.ndarray) -> np.ndarray:
        return np.bincount(numbers, values[inside].astype(float), len(index) + 1)[1:][scored] / sizes[scored]

    sizes = np.bincount(numbers, minlength=len(index) + 1)[1:]
    scored = sizes > 0
    known = np.isfinite(threshold).all()
    nothing = np.full(int(scored.sum()), np.nan)
    columns = {
        "lesion": index[scored],
        "volume_mm3": volumes[scored],
        "n_voxels": sizes[scored],
        "mean_dvr_true": means(measured),
        "mean_dvr_pred": means(predicted),
        "pct_true": 100 * means(measured < threshold) if known else nothing,
        "pct_pred": 100 * means(predicted < threshold) if known else nothing,
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def size_class(volume: float, borders: Sequence[float]) -> str:
    """Return the size class of a lesion, such as "300-1000 mm3".

    Parameters
    ----------
    volume : float, mm³
    borders : list of float, mm³, increasing; a lesion at a border belongs to the larger class

    Returns
    -------
    str
    """
    return size_classes(borders)[int(np.searchsorted(borders, volume * (1 + 1e-6), side="right"))]


def size_classes(borders: Sequence[float]) -> list[str]:
    """Return the names of the size classes, smallest first."""
    between = [f"{low:g}-{high:g} mm3" for low, high in itertools.pairwise(borders)]
    return [f"< {borders[0]:g} mm3", *between, f">= {borders[-1]:g} mm3"]
