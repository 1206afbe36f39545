"""Maps that show more than the brain, or were never masked: the brain of the T1w image says where they are read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from myelosketch.imaging.registration.resampling import resample_fraction
from myelosketch.io.volumes import Volume, has_value

# a map with values in more than this part of the brain's volume shows more than the brain
BEYOND_BRAIN = 1.3
# a displacement cannot be undone like a matrix: the brain is widened by as much as it moves most voxels
WARP_MARGIN_MM = 4.0
# share of an image beyond what tissue has: more is noise of the air, and not of fluid
MOST_PEAKS = 0.05


def shows_more_than(brain: Volume, volume: Volume) -> bool:
    """Whether a map (Volume) has values in clearly more than the brain (Volume, above 0 inside)."""
    content = np.count_nonzero(has_value(volume.data)) * volume.voxel_volume
    return bool(content > BEYOND_BRAIN * np.count_nonzero(brain.data > 0) * brain.voxel_volume)


def without_peaks(volume: Volume, most: float) -> Volume:
    """A map for its registration: values limited from 0 to ``most`` where noise of the air goes beyond.

    Parameters
    ----------
    volume : Volume
    most : highest value that tissue has, in the unit of the map

    Returns
    -------
    Volume ; ``volume`` itself if fewer than MOST_PEAKS of its voxels lie beyond
    """
    beyond = (volume.data < 0) | (volume.data > most)
    if beyond.mean() < MOST_PEAKS:
        return volume
    return Volume(np.clip(np.nan_to_num(volume.data), 0, most), volume.affine, volume.path)


def within_brain(volume: Volume, brain: Volume, transforms: Sequence[str | Path]) -> Volume:
    """A map of the whole head, 0 outside the brain of the T1w image; a map of the brain as it is.

    The map is cut on its own grid, before anything smooths or interpolates it, so that no skull and no noise of the
    air comes into the brain.

    Parameters
    ----------
    volume : Volume
    brain : Volume on the T1w grid, above 0 inside
    transforms : list of paths for ``ants.apply_transforms`` that brings the map to T1w; a warp may stand last

    Returns
    -------
    Volume
    """
    if not shows_more_than(brain, volume):
        return volume
    linear = [path for path in transforms if str(path).endswith(".mat")]
    whole = Volume((brain.data > 0).astype(np.float32), brain.affine)
    inside = resample_fraction(whole, volume, linear[::-1], inverted=[True] * len(linear)).data >= 0.5
    if len(linear) < len(transforms):
        inside = distance_transform_edt(~inside, sampling=volume.voxel_size) <= WARP_MARGIN_MM
    return Volume(np.where(inside, volume.data, 0).astype(np.float32), volume.affine, volume.path)
