"""Voxelwise reference: local mean and SD of healthy white matter at each point of the template (our method).

The pooled reference is one mean and one SD for the whole brain. White matter differs between locations. The voxelwise
reference therefore uses the neighbourhood of each point in MNI152 space: moments of the white-matter voxels of the
same controls, with Gaussian weights. As the width grows it approaches the pooled reference. Where the neighbourhood
contains less white matter than one control would contribute, the pooled value is used.
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
# least white matter in the neighbourhood, as a number of controls
LEAST_CONTROLS = 1.0


def white_matter_moments(dvr: Volume, regions: Volume, matrix: np.ndarray) -> np.ndarray:
    """Return the white matter of one control on the template's grid: weight, weight times DVR, and times DVR².

    The squares are interpolated separately, because the square of an interpolated value contains less noise.

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
    """Return the mean and SD of healthy white matter around each voxel of the template's grid.

    Parameters
    ----------
    moments : array (3, x, y, z), summed over the controls (:func:`white_matter_moments`)
    pooled : dict with ``mean`` and ``sd``, used where there is too little white matter
    fwhm_mm : width of the neighbourhood

    Returns
    -------
    mean, sd : arrays (x, y, z), DVR
    known : boolean array (x, y, z)
    """
    sigma = fwhm_mm / FWHM_PER_SIGMA / GRID_VOXEL
    # there is no white matter beyond the box
    weight, first, second = (ndimage.gaussian_filter(moment, sigma, mode="constant") for moment in moments)
    known = weight >= LEAST_CONTROLS
    mean = np.divide(first, weight, out=np.full_like(weight, pooled["mean"]), where=known)
    square = np.divide(second, weight, out=np.zeros_like(weight), where=known)
    variance = np.where(known, np.clip(square - mean**2, 0, None), pooled["sd"] ** 2)
    return mean, np.sqrt(variance), known


def known_places(
    mean_path: str | Path, sd_path: str | Path, pooled: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxelwise reference at the voxels where it differs from the pooled one.

    Parameters
    ----------
    mean_path, sd_path : paths of the maps in MNI152 space
    pooled : dict with ``mean``, the value of the maps where the pooled reference is used (NaN or None if there is
        none)

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
    """Return the voxelwise reference on the PET grid of a scan.

    Parameters
    ----------
    mean_path, sd_path : paths of the maps in MNI152 space
    pooled : dict with ``mean`` and ``sd``, for voxels outside the template's box
    like : Volume that gives the grid
    transforms : dict of paths ``xfm_t1w_to_petref`` and ``xfm_t1w_to_mni`` of the scan

    Returns
    -------
    dict : ``mean`` and ``sd``, arrays (x, y, z), and the other entries of ``pooled``. If the fold has no control,
        this is ``pooled``
    """
    if not np.isfinite(pooled["mean"]):
        return pooled
    matrix = petref_to_mni(transforms)
    maps = {
        name: resample(load_volume(path), like.shape, like.affine, matrix, outside=pooled[name])
        for name, path in (("mean", mean_path), ("sd", sd_path))
    }
    return pooled | maps
