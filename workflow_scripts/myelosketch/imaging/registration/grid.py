"""The grid of a scan without PET: a box around its brain, with the voxel size that a model was trained at."""

from collections.abc import Sequence

import numpy as np

from myelosketch.imaging.registration.resampling import content_box, crop
from myelosketch.io.volumes import Volume, canonical

# around the brain; networks crop their input to the brain themselves
MARGIN_MM = 10.0


def grid_around(brain: Volume, voxel_mm: Sequence[float]) -> Volume:
    """Return an empty grid with the axes of an image, in canonical order, around its brain and a margin.

    Parameters
    ----------
    brain : Volume, above 0 in the brain
    voxel_mm : sides of the new voxels, mm, (3,): right, anterior, superior

    Returns
    -------
    Volume of zeros, float32; its middle is that of the box around the brain
    """
    around = canonical(brain)
    around = crop(around, content_box(around, MARGIN_MM))
    sides = np.asarray(voxel_mm, float)
    directions = around.affine[:3, :3] / around.voxel_size
    shape = np.ceil(np.array(around.shape) * around.voxel_size / sides - 1e-6).astype(int)
    middle = around.affine @ np.append((np.array(around.shape) - 1) / 2, 1)
    affine = np.eye(4)
    affine[:3, :3] = directions * sides
    affine[:3, 3] = middle[:3] - affine[:3, :3] @ ((shape - 1) / 2)
    return Volume(np.zeros(tuple(shape), np.float32), affine)
