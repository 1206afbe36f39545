"""Affine transforms between the PET grid of a scan and MNI152 space.

They are read without ants, because importing it takes as long as scoring a scan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.io
from numpy.typing import ArrayLike
from scipy import ndimage
from scipy.io.matlab import MatReadError

from myelosketch.errors import InputError
from myelosketch.io.matrices import FLIP, matrix_of

if TYPE_CHECKING:
    from myelosketch.io.volumes import Volume


def point_matrix(path: str | Path) -> np.ndarray:
    """Read the matrix of a linear transform: RAS points of the fixed image to RAS points of the moving image, mm.

    Parameters
    ----------
    path : ``.mat`` as ANTs writes it

    Returns
    -------
    array (4, 4)

    Raises
    ------
    InputError : the file is absent, or is not one affine transform of three dimensions
    """
    try:
        content = scipy.io.loadmat(path)
        (parameters,) = (values.ravel().astype(float) for key, values in content.items() if "_3_3" in key)
        matrix = matrix_of(parameters, content["fixed"].ravel().astype(float))
    except (OSError, KeyError, ValueError, NotImplementedError, MatReadError) as error:
        raise InputError(
            f"{path} is not an affine transform of ANTs ({error}): delete it and run its registration again."
        ) from error
    return FLIP @ matrix @ FLIP


def petref_to_mni(files: Mapping[str, str | Path]) -> np.ndarray:
    """Return the matrix that maps points of the PET grid of a scan to MNI152 space, RAS mm.

    Parameters
    ----------
    files : dict of paths with ``xfm_t1w_to_petref`` and ``xfm_t1w_to_mni``

    Returns
    -------
    array (4, 4)
    """
    # a transform "from A to B" maps points of B to A, as resampling A onto B needs
    return np.linalg.inv(point_matrix(files["xfm_t1w_to_mni"])) @ point_matrix(files["xfm_t1w_to_petref"])


def resample(
    volume: Volume,
    shape: Sequence[int],
    affine: np.ndarray,
    matrix: np.ndarray,
    *,
    order: int = 1,
    outside: float = 0.0,
) -> np.ndarray:
    """Resample an image to another grid.

    Parameters
    ----------
    volume : Volume
    shape, affine : of the target grid
    matrix : array (4, 4), points of the target's world to points of the volume's world
    order : int, 0 nearest voxel, 1 linear
    outside : value beyond the volume

    Returns
    -------
    array of ``shape``, in the type of the volume's data
    """
    voxels = np.linalg.inv(volume.affine) @ matrix @ affine
    return ndimage.affine_transform(
        volume.data, voxels[:3, :3], voxels[:3, 3], tuple(shape), order=order, cval=outside
    )


def to_world(index: ArrayLike, affine: np.ndarray) -> np.ndarray:
    """Return the world coordinates (n, 3), mm, of voxel indices (n, 3)."""
    return np.asarray(index) @ affine[:3, :3].T + affine[:3, 3]
