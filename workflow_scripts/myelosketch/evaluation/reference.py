"""Healthy white matter as a place of the brain knows it: mean and SD around each point of the template (ours).

The pooled reference is one mean and one SD for the whole brain. White matter is not the same everywhere, so the
voxelwise reference takes both from the neighbourhood of each place in MNI152 space, over the white-matter voxels of
the same controls: local moments with Gaussian weights. With ever wider weights it becomes the pooled one. Where the
neighbourhood holds less white matter than one control would bring, nothing is known, and the pooled value stands.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.evaluation.mni import petref_to_mni, resample
from myelosketch.io.names import REGION_CODES
from myelosketch.io.volumes import Volume, has_value, load_volume

REFERENCES = ("pooled", "voxelwise")
# the box of the MNI152 2009a template, at 3 mm
GRID_SHAPE, GRID_VOXEL = (66, 78, 63), 3.0
GRID_AFFINE = np.array([[3.0, 0, 0, -98], [0, 3.0, 0, -134], [0, 0, 3.0, -72], [0, 0, 0, 1]])
FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
# white matter of the controls, weighted over the neighbourhood, in numbers of controls
LEAST_CONTROLS = 1.0


def white_matter_moments(dvr: Volume, regions: Volume, matrix: np.ndarray) -> np.ndarray:
    """White matter of one control on the template's grid: weight, and weight times DVR and its square.

    Squares are moved as values of their own: the square of an interpolated value has less noise in it.

    Parameters
    ----------
    dvr, regions : Volume on one grid
    matrix : array (4, 4), points of the PET grid to MNI152, mm

    Returns
    -------
    array (3, x, y, z)
    """
    white = (regions.data == REGION_CODES["nawm"]) & has_value(dvr.data)
    values = np.where(white, dvr.data, 0).astype(float)
    back = np.linalg.inv(matrix)
    return np.stack(
        [
            resample(Volume(moment, dvr.affine), GRID_SHAPE, GRID_AFFINE, back)
            for moment in (white.astype(float), values, values**2)
        ]
    )


def local_reference(
    moments: np.ndarray, pooled: Mapping[str, Any], fwhm_mm: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and SD of healthy white matter around each voxel of the template's grid.

    Parameters
    ----------
    moments : array (3, x, y, z), summed over the controls (:func:`white_matter_moments`)
    pooled : dict with ``mean`` and ``sd``, which stand where too little is known
    fwhm_mm : width of the neighbourhood

    Returns
    -------
    mean, sd : arrays (x, y, z), DVR
    known : boolean array (x, y, z)
    """
    sigma = fwhm_mm / FWHM_PER_SIGMA / GRID_VOXEL
    # beyond the box there is no white matter either
    weight, first, second = (ndimage.gaussian_filter(moment, sigma, mode="constant") for moment in moments)
    known = weight >= LEAST_CONTROLS
    mean = np.divide(first, weight, out=np.full_like(weight, pooled["mean"]), where=known)
    square = np.divide(second, weight, out=np.zeros_like(weight), where=known)
    variance = np.where(known, np.clip(square - mean**2, 0, None), pooled["sd"] ** 2)
    return mean, np.sqrt(variance), known


def known_places(
    mean_path: str | Path, sd_path: str | Path, pooled: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """The voxelwise reference at the places where it is not the pooled one.

    Parameters
    ----------
    mean_path, sd_path : paths of the maps in MNI152 space
    pooled : dict with ``mean``, the value that the maps hold where nothing is known (NaN or None: nowhere known)

    Returns
    -------
    mean, sd : arrays (n,), DVR

    Raises
    ------
    InputError : a map is missing or cannot be read
    """
    mean, sd = (load_volume(path).data for path in (mean_path, sd_path))
    if pooled["mean"] is None or not np.isfinite(pooled["mean"]):
        return np.empty(0), np.empty(0)
    known = mean != np.float32(pooled["mean"])
    return mean[known], sd[known]


def place_reference(
    mean_path: str | Path,
    sd_path: str | Path,
    pooled: dict[str, Any],
    like: Volume,
    transforms: Mapping[str, str | Path],
) -> dict[str, Any]:
    """The voxelwise reference on the PET grid of a scan.

    Parameters
    ----------
    mean_path, sd_path : paths of the maps in MNI152 space
    pooled : dict with ``mean`` and ``sd``, for places outside the template's box
    like : Volume that gives the grid
    transforms : dict of paths ``xfm_t1w_to_petref`` and ``xfm_t1w_to_mni`` of the scan

    Returns
    -------
    dict : ``mean`` and ``sd``, arrays (x, y, z), and the other entries of ``pooled``; ``pooled`` itself where the
        fold has no control
    """
    if not np.isfinite(pooled["mean"]):
        return pooled
    matrix = petref_to_mni(transforms)
    maps = {
        name: resample(load_volume(path), like.shape, like.affine, matrix, outside=pooled[name])
        for name, path in (("mean", mean_path), ("sd", sd_path))
    }
    return pooled | maps
