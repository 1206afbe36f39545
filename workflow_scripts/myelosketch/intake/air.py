"""Maps that were never masked: their air is full of noise, so they are judged by the middle of the head alone."""

import numpy as np

from myelosketch.io.volumes import Volume, has_value

# no head reaches into the corners of a field of view: a map with a value in more of their voxels was never masked
CORNER, MOST_IN_CORNERS = 0.1, 0.25
# a ball this far below the top of the head, and of this radius, holds brain alone, also if the head moved by 2 cm
DEPTH_MM = 75.0
RADIUS_MM = 45.0


def head_centre(box: np.ndarray | None) -> np.ndarray | None:
    """A point in the middle of the brain, world mm, (3,), by the box (2, 3) of the T1w's content; None without one.

    The neck may be in the image, so the height is counted from the top.
    """
    if box is None:
        return None
    centre = box.mean(axis=0)
    centre[2] = max(centre[2], box[1, 2] - DEPTH_MM)
    return centre


def never_masked(volume: Volume) -> bool:
    """Whether a map has values in the air: in the corners of its field of view, each a tenth of its sides."""
    ends = [
        np.r_[: int(np.ceil(CORNER * side)), int(side - np.ceil(CORNER * side)) : side]
        for side in volume.shape
    ]
    return bool(has_value(volume.data[np.ix_(*ends)]).mean() > MOST_IN_CORNERS)


def judged_voxels(volume: Volume, centre: np.ndarray | None) -> np.ndarray | None:
    """Which voxels of a map are judged by their values.

    Parameters
    ----------
    volume : Volume
    centre : of :func:`head_centre`

    Returns
    -------
    array (x, y, z) of bool : those in the middle of the head; None: all, of a map whose background is 0
    """
    if centre is None or not never_masked(volume):
        return None
    index = np.moveaxis(np.indices(volume.shape), 0, -1)
    places = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    near = ((places - centre) ** 2).sum(axis=-1) <= RADIUS_MM**2
    return near if has_value(volume.data[near]).any() else None
