"""Voxels on which a score is computed: the regions of a label map, where the measured PET has a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from myelosketch.errors import InputError
from myelosketch.io.names import REGION_CODES
from myelosketch.io.volumes import Volume, check_same_grid, has_value, load_volume

# order of the rows of every table with a region; "brain" is the union of the other three
REGIONS = ("brain", "lesion", "nawm", "other")


def region_masks(labels: ArrayLike) -> dict[str, np.ndarray]:
    """Return a boolean mask of each region.

    Parameters
    ----------
    labels : integer array (x, y, z): 0 outside the brain, 1 other, 2 normal-appearing or healthy white
        matter, 3 lesion

    Returns
    -------
    dict : region name -> boolean array (x, y, z); ``brain`` is every voxel that is not 0
    """
    labels = np.asarray(labels)
    masks = {"brain": labels > 0}
    for region in REGIONS[1:]:
        masks[region] = labels == REGION_CODES[region]
    return masks


def scorable_labels(labels: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return the label map without the voxels where the measured DVR has no value (`io.volumes.has_value`).

    A voxel outside the PET's field of view cannot be scored, so it belongs to no region (our choice).

    Parameters
    ----------
    labels : integer array (x, y, z)
    measured : float array (x, y, z), DVR

    Returns
    -------
    integer array (x, y, z)
    """
    return np.where(has_value(measured), labels, 0)


def check_labels(volume: Volume) -> None:
    """Raise an error if the region map contains anything but the codes 0 to 3.

    Parameters
    ----------
    volume : Volume, region codes

    Raises
    ------
    InputError : names the file and the unknown code
    """
    unknown = np.setdiff1d(np.unique(volume.data), [0, *REGION_CODES.values()])
    if unknown.size:
        raise InputError(
            f"{volume.path} holds the value {unknown[0]:g}; expected only 0 (outside), 1 (other), "
            "2 (white matter) and 3 (lesion): delete it and run again."
        )


def check_prediction(volume: Volume, labels: np.ndarray, method: str) -> None:
    """Raise an error if a prediction lacks a finite DVR at a scored voxel.

    Parameters
    ----------
    volume : Volume, predicted DVR
    labels : integer array (x, y, z), of :func:`scorable_labels`
    method : str

    Raises
    ------
    InputError : names the file and counts the voxels without a value. Leaving them out would flatter the method
    """
    missing = int((~np.isfinite(volume.data[labels > 0])).sum())
    if missing:
        raise InputError(
            f"{volume.path} has {missing} brain voxels without a finite DVR; expected a value in every one: "
            f"run the prediction of {method} again, and its training if that does not help."
        )


def read_measured(files: Mapping[str, str | Path]) -> Volume:
    """Return the measured DVR, 0 where the MRI maps have no value: a prediction is 0 there, which is not a DVR.

    Parameters
    ----------
    files : dict of paths: ``dvr`` and ``ad``

    Raises
    ------
    GeometryError : the two have different grids
    """
    measured, axial = load_volume(files["dvr"]), load_volume(files["ad"])
    check_same_grid(measured, axial)
    return Volume(np.where(axial.data > 0, measured.data, 0), measured.affine, measured.path)
