"""Random changes of a training crop, each off at strength 0 (ours): brightness of the maps, and where the head
lies.

A change is drawn anew for every crop. Maps, start image, measured PET, support and weights move together.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Augmentation:
    """Strengths: standard deviations of normal draws.

    ``intensity_scale`` relative change of a map around its mean, each map its own; ``intensity_shift`` shift of a
    map in its SD over the brain; ``rotation_deg`` turn about each axis, degrees; ``zoom`` relative change of size.
    The start image (sketch or ridge) keeps its values: it is a DVR map already.
    """

    intensity_scale: float = 0.0
    intensity_shift: float = 0.0
    rotation_deg: float = 0.0
    zoom: float = 0.0

    @property
    def moves(self):
        """Whether the head is turned or resized at all."""
        return bool(self.rotation_deg or self.zoom)

    def placement(self, random):
        """Matrix (3, 3) from voxels of the crop to voxels of the volume, both counted from the crop's centre."""
        turn = Rotation.from_euler("xyz", random.normal(0, self.rotation_deg, 3), degrees=True)
        return turn.as_matrix() / np.exp(random.normal(0, self.zoom))

    def brighten(self, maps, support, random):
        """Change the values of maps, Tensor (inputs, x, y, z), z-scores, in place; 0 outside the support stays 0."""
        if self.intensity_scale or self.intensity_shift:
            shape = (len(maps), 1, 1, 1)
            maps *= maps.new_tensor(1 + random.normal(0, self.intensity_scale, shape))
            maps += maps.new_tensor(random.normal(0, self.intensity_shift, shape))
            maps *= support


def cut_placed(volume, centre, crop, matrix, *, smooth, masked, weights):
    """Cut a crop that is turned and resized around a voxel; zeros beyond the image.

    Parameters
    ----------
    volume : array (channels, x, y, z)
    centre : three indices, the voxel in the middle of the crop
    crop : three sides
    matrix : (3, 3), see `Augmentation.placement`
    smooth : channels of images that know no outside: interpolated linearly
    masked : (channels, mask): the channels are interpolated linearly within the mask, which is itself a channel
        of nearest neighbours
    weights : channel of loss weights: nearest neighbours, times the volume of a voxel of the crop in the image,
        so that a region keeps its weight however large it is shown

    Returns
    -------
    float32 array (channels, *crop)
    """
    offset = np.asarray(centre, float) - matrix @ (np.asarray(crop) // 2)

    def sample(image, order):
        return ndimage.affine_transform(
            image.astype(np.float32), matrix, offset, tuple(crop), order=order, mode="constant"
        )

    cut = np.zeros((len(volume), *crop), np.float32)
    for channel in smooth:
        cut[channel] = sample(volume[channel], 1)
    channels, mask = masked
    inside = sample(volume[mask], 0) > 0
    share = np.where(inside, sample(volume[mask], 1), 1)
    for channel in channels:
        cut[channel] = np.where(inside, sample(volume[channel], 1) / share, 0)
    cut[mask] = inside
    cut[weights] = sample(volume[weights], 0) * abs(np.linalg.det(matrix))
    return cut
