"""Remove the air from maps that were never masked, and cut maps of the whole head to the brain of the T1w image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_erosion, binary_fill_holes, distance_transform_edt, label, uniform_filter

from myelosketch.imaging.registration.resampling import resample_fraction
from myelosketch.intake.air import never_masked
from myelosketch.io.volumes import Volume, has_value

# a map with values in more than this many times the brain's volume shows more than the brain
BEYOND_BRAIN = 1.3
# a displacement cannot be inverted like a matrix: the brain is widened by the distance that it moves most voxels
WARP_MARGIN_MM = 4.0


def shows_more_than(brain: Volume, volume: Volume) -> bool:
    """Return whether a map (Volume) has values in clearly more than the brain (Volume, above 0 inside)."""
    content = np.count_nonzero(has_value(volume.data)) * volume.voxel_volume
    return bool(content > BEYOND_BRAIN * np.count_nonzero(brain.data > 0) * brain.voxel_volume)


def without_air(volume: Volume) -> Volume:
    """Return a map for its registration: a map that was never masked is 0 outside its quiet part, the head.

    Any other map is unchanged, and so is one in which no such part is found. The noise of a fit or a ratio (tensor,
    DVR, MTR) differs from voxel to voxel by far more than tissue does; that of a signal, as in a FLAIR, does not. The
    head is found on the map itself, so that a registration is not confirmed by a mask that it placed.

    Parameters
    ----------
    volume : Volume: MTR, DVR or ``input_maps.tensor_contrast``

    Returns
    -------
    Volume, 0 in the air
    """
    if not never_masked(volume):
        return volume
    from dipy.segment.threshold import otsu

    data = np.nan_to_num(volume.data)
    even = np.clip(data, *np.percentile(data, (5, 95)))  # peaks of the noise would raise the threshold
    rough = uniform_filter(np.abs(even - uniform_filter(even, 3)), 5)  # voxels
    parts, count = label(rough < otsu(rough[data != 0]))
    largest = (
        parts == 1 + np.argmax(np.bincount(parts.ravel(), minlength=count + 1)[1:]) if count else parts > 0
    )
    head = binary_fill_holes(largest)
    inner = data[binary_erosion(head, iterations=2)]
    # the noise that is left at the edge is limited to the values of the head
    limited = np.clip(data, *np.percentile(inner, (0.5, 99.5))) if inner.size else data
    quiet = Volume(np.where(head, limited, 0), volume.affine, volume.path)
    return volume if never_masked(quiet) else quiet


def within_brain(volume: Volume, brain: Volume, transforms: Sequence[str | Path]) -> Volume:
    """Return a map of the whole head with 0 outside the brain of the T1w image; a map of the brain is unchanged.

    The map is cut on its own grid, before anything smooths or interpolates it, so that neither the skull nor the
    noise of the air is mixed into the brain.

    Parameters
    ----------
    volume : Volume
    brain : Volume on the T1w grid, above 0 inside
    transforms : list of paths for ``ants.apply_transforms`` that bring the map to T1w; a warp may be the last

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
