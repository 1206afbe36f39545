"""Read masks of 0 and 1, of 0 and 255, of probabilities or of labels, and decide which voxels count."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from myelosketch.errors import InputError
from myelosketch.intake.checks import Finding
from myelosketch.io.volumes import Volume, load_volume

MASKS = ("lesion_mask", "reference_mask")
THRESHOLD = 0.5
# how far resampling overshoots 0 and 1, and how far it changes whole numbers, at most
OVERSHOOT, WHOLE = 0.01, 1e-3
# a segmentation has at least this many labels; one without the lesion label has no lesions
SEGMENTATION = 3
# neighbouring voxels mostly have the same number in a label image, but not in a probability in percent
LEAST_ALIKE, LEAST_PAIRS = 0.5, 30


class UnclearMaskError(ValueError):
    """It is unclear which voxels of a mask count.

    Attributes
    ----------
    reason, way_out : str, as in Finding
    """

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(f"{reason}: {way_out}")
        self.reason, self.way_out = reason, way_out


class Mask(NamedTuple):
    """Voxels that count (array of bool), and how the values of the file were read."""

    inside: np.ndarray
    values: str


def read_mask(data: np.ndarray, *, threshold: float = THRESHOLD, label: int | None = None) -> Mask:
    """Return which voxels of a mask count.

    Parameters
    ----------
    data : array (x, y, z), finite
    threshold : lowest probability that counts, if the values are probabilities (0 to 1)
    label : number that counts, if they are labels; None for every number above 0

    Returns
    -------
    Mask

    Raises
    ------
    UnclearMaskError : values below 0, values above 1 that are not whole, whole numbers that vary from voxel to voxel,
        or a label that the mask does not have
    """
    values = np.unique(data[data != 0])
    low, high = (float(values[0]), float(values[-1])) if values.size else (0.0, 0.0)
    if low < -OVERSHOOT:
        raise UnclearMaskError(
            f"has values below 0 (from {low:.3g} to {high:.3g})", "write 0 outside the mask"
        )
    if (np.abs(values - np.round(values)) <= WHOLE).all():
        numbers = [int(number) for number in np.unique(np.round(values)) if number]
        return _of_labels(data, numbers, label)
    if high > 1 + OVERSHOOT:
        raise UnclearMaskError(
            f"has values from {low:.3g} to {high:.3g}, neither probabilities (0 to 1) nor whole numbers",
            "divide a probability map by its highest possible value, or resample labels by nearest neighbour",
        )
    if label is not None:
        raise UnclearMaskError(
            f"has probabilities, but lesions.label is {label}",
            "give the label image, or set lesions.label: null",
        )
    return Mask(data >= threshold, f"probability, threshold {threshold:g}")


def _of_labels(data: np.ndarray, numbers: list[int], label: int | None) -> Mask:
    if not numbers:
        return Mask(np.zeros(data.shape, bool), "0 everywhere")
    if label is None:
        if len(numbers) > 1:
            _refuse_percent(data)
            return Mask(np.round(data) > 0, "labels, every number above 0")
        return Mask(np.round(data) > 0, f"0 and {numbers[0]}")
    if label not in numbers and len(numbers) < SEGMENTATION:
        raise UnclearMaskError(
            f"has only the number {' and '.join(map(str, numbers))}, but lesions.label is {label}",
            "give the label image, or set lesions.label: null",
        )
    return Mask(np.round(data) == label, f"labels, {label} alone")


def _refuse_percent(data: np.ndarray) -> None:
    """Raise an error for whole numbers that vary from voxel to voxel: probabilities on another scale, not labels."""
    pairs = alike = 0
    for axis in range(data.ndim):
        first, second = np.moveaxis(data, axis, 0)[:-1], np.moveaxis(data, axis, 0)[1:]
        both = (first > 0) & (second > 0)
        pairs += int(both.sum())
        alike += int((first[both] == second[both]).sum())
    if pairs >= LEAST_PAIRS and alike < LEAST_ALIKE * pairs:
        raise UnclearMaskError(
            f"has whole numbers up to {data.max():g} that differ from voxel to voxel, unlike labels",
            "if it is a probability, divide it by its highest possible value (100 or 255)",
        )


def load_mask(
    path: str | Path, *, threshold: float = THRESHOLD, label: int | None = None
) -> tuple[Volume, str]:
    """Read a mask from a file: 1 in the voxels that count and 0 elsewhere, and how its values were read.

    Parameters
    ----------
    path : of the mask
    threshold, label : see ``read_mask``

    Returns
    -------
    Volume : float32, 0 or 1
    str : such as "probability, threshold 0.5"

    Raises
    ------
    InputError : values are not numbers, or it is unclear which of them count
    """
    volume = load_volume(path)
    if not np.isfinite(volume.data).all():
        raise InputError(f"{path} has voxels that are not numbers: write 0 outside the mask.")
    try:
        mask = read_mask(volume.data, threshold=threshold, label=label)
    except UnclearMaskError as error:
        raise InputError(f"{path} {error}.") from error
    return Volume(mask.inside.astype(np.float32), volume.affine, volume.path), mask.values


def judge_mask(name: str, data: np.ndarray, settings: Mapping[str, Any]) -> tuple[list[Finding], Mask | None]:
    """Return findings about a lesion or reference mask, and how it is read; no Mask if it cannot be read.

    An empty lesion mask is fine, for a control and for a patient without lesions.

    Parameters
    ----------
    name : one of MASKS
    data : array (x, y, z), finite
    settings : dict, ``threshold`` and ``label`` of the section ``lesions``, for a lesion mask
    """
    of_lesions = name == "lesion_mask"
    try:
        mask = read_mask(data, **(settings if of_lesions else {}))
    except UnclearMaskError as error:
        return [Finding("not_binary", name, error.reason, error.way_out)], None
    if of_lesions:
        return [], mask
    if mask.values.startswith("labels"):
        return [
            Finding("not_binary", name, "has more than one number above 0", "give the mask of one region")
        ], None
    if not mask.inside.any():
        way_out = "draw the reference region, or set maps.reference: grey_matter"
        return [Finding("empty", name, "is empty", way_out)], mask
    return [], mask
