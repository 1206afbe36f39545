"""The MNI152 head under known moves, seen by scanners with their own grids: for tests of the registration."""

from functools import cache

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from myelosketch.imaging.anatomy.template import load_template
from myelosketch.imaging.registration.itk import from_ants
from myelosketch.io.volumes import Volume


@cache
def template_head():
    """T1w contrast of the template (Volume) and its csf, grey and white (arrays on its grid, 0-1)."""
    head, priors = load_template()
    return from_ants(head), *(from_ants(prior).data for prior in priors)


def contrast(csf, grey, white):
    """Volume with these values in the tissues of the template."""
    head, *tissues = template_head()
    data = sum(value * tissue for value, tissue in zip((csf, grey, white), tissues, strict=True))
    return Volume(data.astype(np.float32), head.affine)


def box(voxel, side=180.0, turn=None):
    """Grid around the head: shape and affine, with voxels of one or three sides (mm), turned by a matrix (4, 4)."""
    voxel = np.broadcast_to(voxel, 3).astype(float)
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = [-side / 2, -side / 2 - 20, -side / 2 + 15]
    shape = tuple(int(length) for length in np.array([side, 1.2 * side, side]) / voxel)
    return shape, affine if turn is None else turn @ affine


def moved(volume, pose, voxel, side=180.0, turn=None):
    """``volume`` as seen by a head that ``pose`` (world to world) has moved, on a new grid around it."""
    shape, affine = box(voxel, side, turn)
    mapping = np.linalg.inv(volume.affine) @ np.linalg.inv(pose) @ affine
    blurred = gaussian_filter(volume.data, np.broadcast_to(voxel, 3).mean() / volume.voxel_size / 2.5)
    data = affine_transform(blurred, mapping[:3, :3], mapping[:3, 3], shape, order=1)
    return Volume(data.astype(np.float32), affine)


def noisy(volume, part, seed):
    """Noise of a standard deviation that is ``part`` of the head's mean, inside the head."""
    inside = volume.data > 0.1 * volume.data.max()
    noise = np.random.default_rng(seed).normal(0, part * volume.data[inside].mean(), volume.shape)
    return Volume((volume.data + inside * noise).clip(0).astype(np.float32), volume.affine)


def brain_points(volume):
    """Points inside a head in world coordinates, mm, (n, 3)."""
    inside = volume.data > 0.1 * volume.data.max()
    return np.argwhere(inside)[::50] @ volume.affine[:3, :3].T + volume.affine[:3, 3]
