"""Unmasked maps have noise in the air around the head, so only the middle of the head is checked."""

import numpy as np

from myelosketch.io.volumes import Volume, has_value

# a head does not reach into the corners of a field of view (each a tenth of its sides), so a map with values in a
# larger share of their voxels is unmasked
CORNER, MOST_IN_CORNERS = 0.1, 0.25
# a ball with this radius, this far below the top of the head, contains only brain, even if the head moved by 2 cm
DEPTH_MM = 75.0
RADIUS_MM = 45.0


def head_centre(box: np.ndarray | None) -> np.ndarray | None:
    """Return a point in the middle of the brain, world mm, (3,), from the T1w's content box (2, 3); None without one.

    The neck may be in the image, so the height is counted from the top.
    """
    if box is None:
        return None
    centre = box.mean(axis=0)
    centre[2] = max(centre[2], box[1, 2] - DEPTH_MM)
    return centre


def never_masked(volume: Volume) -> bool:
    """Return whether a map has values in the air: in the corners of its field of view, each a tenth of its sides."""
    ends = [
        np.r_[: int(np.ceil(CORNER * side)), int(side - np.ceil(CORNER * side)) : side]
        for side in volume.shape
    ]
    return bool(has_value(volume.data[np.ix_(*ends)]).mean() > MOST_IN_CORNERS)


def judged_voxels(volume: Volume, centre: np.ndarray | None) -> np.ndarray | None:
    """Return the voxels of a map whose values are checked.

    Parameters
    ----------
    volume : Volume
    centre : of :func:`head_centre`

    Returns
    -------
    array (x, y, z) of bool : the voxels in the middle of the head. None if all voxels are checked: the background of
        the map is 0, ``centre`` is None, or the map has no value in the middle of the head
    """
    if centre is None or not never_masked(volume):
        return None
    index = np.moveaxis(np.indices(volume.shape), 0, -1)
    places = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    near = ((places - centre) ** 2).sum(axis=-1) <= RADIUS_MM**2
    return near if has_value(volume.data[near]).any() else None
