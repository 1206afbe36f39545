"""A user's lesion mask, drawn on any image of the scan or on the template, as a fraction on the T1w grid."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.registration.resampling import resample_fraction
from myelosketch.imaging.registration.transforms import save_matrix, world_matrix
from myelosketch.io.volumes import GRID_TOLERANCE_MM, Volume

# if a smaller share of the lesions' volume is in the T1w image, the mask belongs to another place
LEAST_PART = 0.5


def place_lesions(
    drawn: Volume, space: str, t1w: Volume, transforms: Mapping[str, Sequence[str | Path]]
) -> Volume:
    """Return lesions as the fraction of each T1w voxel that they fill.

    They are interpolated once, or not at all if the mask is on the T1w grid.

    Parameters
    ----------
    drawn : Volume, 1 in lesions and 0 elsewhere, as from ``intake.masks.load_mask``
    space : image that it was drawn on, a key of ``transforms``
    t1w : Volume that gives the grid
    transforms : dict, space to the list for ``ants.apply_transforms`` that brings an image in it to T1w; with an
        empty list, the header places the image. For MNI152: ``[inverse_of(xfm_t1w_to_mni, ...)]``

    Returns
    -------
    Volume : fraction 0-1, float32, on the grid of ``t1w``; 0 everywhere for an empty mask

    Raises
    ------
    InputError : a space without a transform, or lesions of which most are outside the T1w image
    """
    path = drawn.path
    if space not in transforms:
        raise InputError(
            f"{path} was drawn on {space} (lesion_space), but there is no registration of {space} to T1w; expected "
            f"one of {', '.join(transforms)}: correct lesion_space, or supply that image."
        )
    before = float(drawn.data.sum()) * drawn.voxel_volume
    if before == 0:  # a control, or a patient without lesions
        return Volume(np.zeros(t1w.shape, np.float32), t1w.affine)
    if not transforms[space] and _same_grid(drawn, t1w):
        return drawn
    placed = resample_fraction(drawn, t1w, transforms[space])
    fraction = np.clip(placed.data, 0.0, 1.0)
    after = float(fraction.sum()) * t1w.voxel_volume
    if after < LEAST_PART * before:
        raise InputError(
            f"{path} has {before / 1000:.1f} mL of lesions, but {after / 1000:.1f} mL of them are in the "
            f"T1w image after registration from {space}: is lesion_space correct, and is it the mask of "
            "this participant?"
        )
    return Volume(fraction, t1w.affine)


def inverse_of(transform: str | Path, output: str | Path) -> str:
    """Write the inverse of a linear transform, without a sidecar.

    Parameters
    ----------
    transform : path ``.mat``
    output : path ``.mat``

    Returns
    -------
    str : ``output``
    """
    save_matrix(output, np.linalg.inv(world_matrix([transform])))
    return str(output)


def _same_grid(first: Volume, second: Volume) -> bool:
    return first.shape == second.shape and np.abs(first.affine - second.affine).max() <= GRID_TOLERANCE_MM
