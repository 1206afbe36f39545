"""Scan–rescan error of lesions, from the participant's own white matter, which has no reason to change (ours).

The lesions of a patient are put elsewhere, shapes as they are, into white matter: how their mean changes there
between two sessions is what noise, registration and interpolation make of regions of this size and shape. All lesions
of a draw are moved by about the same way, so that errors which near lesions share stay shared. A lesion may lie where
the map is steeper, at a ventricle or by its own border, and a shift of a tenth of a millimetre shows there: what is
found in white matter is scaled by how much more the rest of the brain changes at places as steep.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

DRAWS = 1000
# places in white matter that are tried for every lesion
CANDIDATES = 4000
# a place holds a lesion if this share of its voxels are white matter there; of a lesion that fits nowhere, the best
LEAST_SHARE = 0.8
FEWEST_PLACES = 200
# classes of steepness, of equally many voxels each
STEEPNESS_CLASSES = 12


@dataclass(frozen=True)
class Placements:
    """Lesions put into white matter at random.

    Parameters
    ----------
    voxels : list of arrays (draws, n), one per lesion: flat index of the white-matter voxel under each of its voxels;
        -1 where there is none
    independent : about how many such sets of lesions the white matter could hold
    """

    voxels: list[np.ndarray]
    independent: float


def place_lesions(labels: np.ndarray, white: np.ndarray, *, seed: int, draws: int = DRAWS) -> Placements:
    """Put the lesions of a patient into white matter, many times.

    Parameters
    ----------
    labels : int array (x, y, z), 0 outside, 1, 2, ... the lesions, the largest first
    white : bool array (x, y, z), white matter without lesions
    seed : int
    draws : int

    Returns
    -------
    Placements
    """
    rng = np.random.default_rng(seed)
    places = np.argwhere(white)
    places = places[rng.permutation(len(places))[:CANDIDATES]]
    shapes = [np.argwhere(labels == number) for number in range(1, labels.max() + 1)]
    shift: np.ndarray | None = None
    placed = []
    for shape in shapes:
        centre = shape[((shape - shape.mean(axis=0)) ** 2).sum(axis=1).argmin()]
        around = shape - centre
        fitting = places[_fits(around, places, white)]
        if shift is None:
            shift = fitting[rng.integers(len(fitting), size=draws)] - centre
        where = fitting[cKDTree(fitting).query(centre + shift)[1]]
        placed.append(_voxels(around, where, white))
    n_lesion = sum(len(shape) for shape in shapes)
    return Placements(placed, float(white.sum() / max(n_lesion, 1)))


def _fits(around: np.ndarray, places: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Which places hold a lesion well enough, bool (places,)."""
    share = np.concatenate(
        [(_voxels(around, part, white) >= 0).mean(axis=1) for part in np.array_split(places, 40) if len(part)]
    )
    best = np.sort(share)[::-1][min(FEWEST_PLACES, len(share)) - 1]
    return share >= min(LEAST_SHARE, best)


def _voxels(around: np.ndarray, places: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Flat index of the voxel under each voxel of a lesion at each place, (places, n); -1 where it is not white."""
    flat, inside = np.zeros((len(places), len(around)), np.int32), np.ones((len(places), len(around)), bool)
    for axis, length in enumerate(white.shape):
        at = (places[:, None, axis] + around[None, :, axis]).astype(np.int32)
        inside &= (at >= 0) & (at < length)
        flat = flat * length + at
    return np.where(inside & white.ravel()[np.where(inside, flat, 0)], flat, -1)


def placed_values(values: np.ndarray, placements: Placements, *, seed: int) -> list[np.ndarray]:
    """Values of a map under the placed lesions; where no white matter lies, another value of the same place.

    Parameters
    ----------
    values : array (x, y, z)
    placements : Placements
    seed : int

    Returns
    -------
    list of arrays (draws, n), one per lesion
    """
    rng = np.random.default_rng(seed)
    found = []
    for voxels in placements.voxels:
        landed = voxels >= 0
        order = np.argsort(~landed, axis=1, kind="stable")
        other = (rng.random(voxels.shape) * landed.sum(axis=1)[:, None]).astype(int)
        source = np.where(landed, np.arange(voxels.shape[1])[None], np.take_along_axis(order, other, axis=1))
        found.append(values.ravel()[np.take_along_axis(voxels, source, axis=1)])
    return found


def spread_by_steepness(change: np.ndarray, middle: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """How much a voxel changes between two sessions without reason, by how steep the map is there.

    Parameters
    ----------
    change : array (x, y, z)
    middle : array (x, y, z), mean of both sessions
    reference : bool array (x, y, z), the brain without lesions

    Returns
    -------
    array (x, y, z), root mean square of the change of reference voxels as steep
    """
    steepness = np.sqrt(sum(part**2 for part in np.gradient(middle)))
    order = np.argsort(steepness[reference], kind="stable")
    classes = [part for part in np.array_split(order, STEEPNESS_CLASSES) if part.size]
    typical = [steepness[reference][part].mean() for part in classes]
    spread = [np.sqrt((change[reference][part] ** 2).mean()) for part in classes]
    return np.interp(steepness, typical, spread)
