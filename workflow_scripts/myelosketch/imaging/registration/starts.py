"""Where a registration starts: coarse images, several poses, and the similarity that chooses among them."""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from myelosketch.io.volumes import Volume

# further starts are turned by this angle about the centre of the head
TURN_DEG = 30.0
# two starts end at one place if points at this distance from the centre of the head end less than this apart, mm
HEAD_RADIUS_MM, ONE_PLACE_MM = 80.0, 4.0
BINS = 32
# intensities above this percentile of the values above 0 count as the brightest (vessels, fat, noise)
BRIGHTEST_PERCENTILE = 99.5


def shrink(volume: Volume, voxel_mm: float) -> Volume:
    """Return means over blocks of voxels with sides of up to ``voxel_mm``; an axis that is as coarse already is kept.

    Parameters
    ----------
    volume : Volume
    voxel_mm : longest side of a block, mm

    Returns
    -------
    Volume, at the same place; the last voxels are repeated where blocks do not fill
    """
    factor = np.maximum(1, np.floor(voxel_mm / volume.voxel_size + 1e-3).astype(int))
    if (factor == 1).all():
        return volume
    padded = np.pad(
        volume.data, [(0, -side % k) for side, k in zip(volume.shape, factor, strict=True)], mode="edge"
    )
    blocks = [part for side, k in zip(padded.shape, factor, strict=True) for part in (side // k, k)]
    affine = volume.affine.copy()
    affine[:3, :3] *= factor
    affine[:3, 3] = (volume.affine @ [*((factor - 1) / 2), 1])[:3]
    return Volume(padded.reshape(blocks).mean(axis=(1, 3, 5)).astype(np.float32), affine, volume.path)


def centre_of_mass(volume: Volume) -> np.ndarray:
    """Return the centre of the intensities above 0, world RAS, mm, (3,)."""
    weight = np.clip(np.nan_to_num(volume.data), 0, None).astype(np.float64)
    index = [
        (weight.sum(axis=tuple(k for k in range(3) if k != axis)) * np.arange(side)).sum() / weight.sum()
        for axis, side in enumerate(weight.shape)
    ]
    return (volume.affine @ [*index, 1])[:3]


def start_poses(fixed: Volume, moving: Volume, starts: int) -> dict[str, np.ndarray]:
    """Return poses to start from: both centres of mass at one place, turns about them, and scanner coordinates.

    Parameters
    ----------
    fixed, moving : Volume, each with values above 0
    starts : number of turns, by TURN_DEG about axes that spread evenly over the sphere

    Returns
    -------
    dict : name to matrix (4, 4), from points of ``fixed`` to points of ``moving``
    """
    here, there = centre_of_mass(fixed), centre_of_mass(moving)
    poses = {"centres of mass": about(np.eye(3), here, there)}
    for axis in axes(starts):
        turn = Rotation.from_rotvec(np.radians(TURN_DEG) * axis).as_matrix()
        name = "centres of mass, turned about " + ", ".join(f"{value:.2f}" for value in axis)
        poses[name] = about(turn, here, there)
    return poses | {"scanner coordinates": np.eye(4)}


def confirmed(
    best: str, found: Mapping[str, np.ndarray], poses: Mapping[str, np.ndarray], centre: np.ndarray
) -> bool:
    """Return whether another start with another rotation ended where the best one did: wrong results seldom agree.

    Parameters
    ----------
    best : name of the start whose images share most
    found : dict of arrays (4, 4), where each start ended, from points of the fixed to points of the moving image
    poses : dict of arrays (4, 4), where each began
    centre : of the head in the fixed image, world RAS, mm, (3,)

    Returns
    -------
    bool
    """
    edge = centre + HEAD_RADIUS_MM * np.concatenate([np.eye(3), -np.eye(3)])

    def apart(name: str) -> float:
        difference = found[name] - found[best]
        return np.linalg.norm(edge @ difference[:3, :3].T + difference[:3, 3], axis=1).max()

    return any(
        apart(name) < ONE_PLACE_MM and not np.allclose(poses[name][:3, :3], poses[best][:3, :3])
        for name in found
    )


def axes(count: int) -> np.ndarray:
    """Return unit vectors that spread evenly over the sphere (Fibonacci's spiral), (count, 3)."""
    height = 1 - (2 * np.arange(count) + 1) / max(count, 1)
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def about(turn: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the matrix (4, 4) of a rotation (3, 3) about ``here`` that moves this point to ``there``, mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = there - turn @ here
    return matrix


class Similarity:
    """Normalised mutual information (Studholme 1999) of two small images: 1 if nothing is shared, 2 if equal.

    Parameters
    ----------
    fixed, moving : Volume, each with values above 0; outside its grid ``moving`` is 0
    """

    def __init__(self, fixed: Volume, moving: Volume) -> None:
        where = np.argwhere(np.ones(fixed.shape, bool))
        self._points = where @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
        self._fixed = _binned(fixed.data.ravel(), brightest(fixed))
        self._moving, self._top = moving, brightest(moving)
        self._to_voxels = np.linalg.inv(moving.affine)

    def __call__(self, matrix: np.ndarray) -> float:
        """Return the similarity if ``matrix`` (4, 4) takes points of fixed to points of moving."""
        place = self._to_voxels @ matrix
        voxels = self._points @ place[:3, :3].T + place[:3, 3]
        seen = _binned(map_coordinates(self._moving.data, voxels.T, order=1, cval=0), self._top)
        joint = np.bincount(self._fixed * BINS + seen, minlength=BINS**2).reshape(BINS, BINS) / len(seen)
        return shared_information(joint)


def shared_information(joint: np.ndarray) -> float:
    """Return the normalised mutual information, (H(a) + H(b)) / H(a, b), of a joint histogram that sums to 1."""
    own = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))
    return float(own / max(_entropy(joint), 1e-12))


def brightest(volume: Volume) -> float:
    """Return the intensity that counts as the brightest."""
    return float(np.percentile(volume.data[volume.data > 0], BRIGHTEST_PERCENTILE))


def _binned(values: np.ndarray, top: float) -> np.ndarray:
    return np.clip(values / top * (BINS - 1) + 0.5, 0, BINS - 1).astype(int)


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
