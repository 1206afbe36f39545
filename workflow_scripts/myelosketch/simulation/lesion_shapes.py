"""Places and shapes of lesions, which grow one by one in the white matter that is still free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from myelosketch.simulation import lesion_statistics as measured
from myelosketch.simulation.fields import smooth_field

if TYPE_CHECKING:
    from myelosketch.simulation.anatomy import Anatomy

# ratio of a lesion's axes before it grows (assumed): median long / short, SD of its logarithm, and power of it that
# gives long / middle. Rugged borders and the shape of the free white matter add to the ratio that is measured later.
AXIS_RATIO_MEDIAN, AXIS_RATIO_LOG_SD, LONG_MIDDLE_EXPONENT = 2.75, 0.35, 0.47
# power of the volume in the ratio of large lesions (the measured ratio above 300 mm3 is 3.2)
LARGE_ELONGATION = 0.12
# far larger lesions are placed by the risk of a lesion voxel, far smaller ones by that of a lesion
LARGE_MM3 = 100.0
FOCUS_MM3 = 1500.0  # volume per focus: a larger lesion is confluent, and each focus has its own kind
RIM_MM = 6.0  # voxels deeper than this below the border are core (assumed)
HUG = 0.5  # lesions grow towards places of higher risk: power of the relative risk in the metric (assumed)
WHITE_ENOUGH = 0.6  # a voxel with less white matter holds no lesion
TRIES, NEARLY = 10, 0.97  # number of places tried for a lesion; share of its volume that is enough
TOUCHING = np.ones((3, 3, 3), bool)  # by face, edge or corner: such voxels would form one lesion


class LesionGround:
    """White matter that lesions may still take, and the risk of each place.

    Parameters
    ----------
    anatomy : Anatomy
    rng : numpy.random.Generator
    """

    def __init__(self, anatomy: Anatomy, rng: np.random.Generator) -> None:
        white = anatomy.fractions["white"]
        self.voxel = anatomy.voxel
        self.white = white > WHITE_ENOUGH
        self.free, self.taken = self.white.copy(), np.zeros(white.shape, bool)
        band = np.digitize(anatomy.ventricle_distance[self.free], measured.DISTANCE_EDGES_MM[1:-1])
        self.places = np.flatnonzero(self.free)
        by_voxel = measured.mean_relative_risk()
        self.cumulated = {
            size: np.cumsum(np.take(risk, band), dtype=np.float64)
            for size, risk in (("large", by_voxel), ("small", measured.small_lesion_risk()))
        }
        roughness = 1 + 0.22 * smooth_field(white.shape, self.voxel, 6.0, rng)
        self.resistance = np.zeros(white.shape, np.float32)
        self.resistance[self.free] = np.take(by_voxel, band) ** -HUG * roughness[self.free]

    def take(self, volume: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Return the voxels (three index arrays) of a new lesion; they and their neighbours are no longer free."""
        wanted = max(1, round(volume / self.voxel**3))
        metric, best = _ellipsoid(volume, rng), np.empty((0, 3), int)
        for _ in range(TRIES):  # a place may be in an island of white matter that is too small
            found = self._grown(self._centre(volume, rng), wanted, metric)
            best = max(best, found, key=len)
            if len(best) >= NEARLY * wanted:
                break
        low = np.maximum(best.min(axis=0) - 1, 0)
        box = tuple(slice(a, b) for a, b in zip(low, best.max(axis=0) + 2, strict=True))
        lesion = np.zeros(self.free[box].shape, bool)
        lesion[tuple((best - low).T)] = True
        self.taken[box] |= lesion
        self.free[box] &= ~ndimage.binary_dilation(lesion, TOUCHING)
        return tuple(best.T)

    def _centre(self, volume: float, rng: np.random.Generator) -> np.ndarray:
        """Return a free voxel, drawn by the relative risk of its distance from the ventricles."""
        large = rng.random() < volume / (volume + LARGE_MM3)
        cumulated = self.cumulated["large" if large else "small"]
        while True:
            for _ in range(TRIES):
                drawn = np.searchsorted(cumulated, rng.random(256) * cumulated[-1], side="right")
                open_places = self.places[drawn][self.free.flat[self.places[drawn]]]
                if len(open_places):
                    return np.array(np.unravel_index(open_places[0], self.free.shape))
            # no white matter is left apart from the others: from now on lesions may touch
            self.free = self.white & ~self.taken

    def _grown(self, centre: np.ndarray, wanted: int, metric: np.ndarray) -> np.ndarray:
        """Return the free voxels (n, 3) nearest to the centre and connected with it; fewer if too few are free."""
        half = int(np.ceil(2.6 * wanted ** (1 / 3))) + 3  # large enough for the longest ellipsoid
        for side in (half, 2 * half, 4 * half):
            low = np.maximum(centre - side, 0)
            box = tuple(slice(a, b) for a, b in zip(low, centre + side + 1, strict=True))
            labels, _ = ndimage.label(self.free[box])
            around = labels == labels[tuple(centre - low)]
            index = np.argwhere(around)
            if len(index) >= wanted:
                break
        offset = index + low - centre
        distance = np.sqrt(np.einsum("ij,jk,ik->i", offset, metric, offset)) * self.resistance[box][around]
        order = np.argsort(distance, kind="stable")
        return _connected(index[order], around.shape, tuple(centre - low), wanted) + low


def _connected(index: np.ndarray, shape: tuple[int, ...], centre: tuple[int, ...], wanted: int) -> np.ndarray:
    """Return the first ``wanted`` of the voxels (n, 3), in order of their distance, that connect with the centre."""
    core = _hanging(index[:wanted], shape, centre)
    few, many = wanted, wanted
    while len(core) < wanted and many < len(index):
        few, many = many, min(len(index), many + max(wanted - len(core), many // 10))
        larger = _hanging(index[:many], shape, centre)
        if len(larger) < wanted:
            core = larger
            continue
        while many - few > 1:  # the last voxel may connect a whole island
            middle = (few + many) // 2
            found = _hanging(index[:middle], shape, centre)
            few, many, core = (middle, many, found) if len(found) < wanted else (few, middle, core)
        island = _hanging(index[:many], shape, centre)
        near = np.argsort(((island - index[many - 1]) ** 2).sum(axis=1), kind="stable")
        inside = np.zeros(shape, bool)
        inside[tuple(core.T)] = True
        added = island[near][~inside[tuple(island[near].T)]][: wanted - len(core)]
        return _hanging(np.concatenate([core, added]), shape, centre)
    return core


def _hanging(voxels: np.ndarray, shape: tuple[int, ...], centre: tuple[int, ...]) -> np.ndarray:
    """Return those of the voxels (n, 3) that are connected with the centre through faces."""
    mask = np.zeros(shape, bool)
    mask[tuple(voxels.T)] = True
    labels, count = ndimage.label(mask)
    return voxels if count == 1 else voxels[labels[tuple(voxels.T)] == labels[centre]]


def foci(
    where: tuple[np.ndarray, ...], volume: float, voxel: float, rng: np.random.Generator
) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
    """Yield the parts of a lesion that began separately and have grown together.

    Parameters
    ----------
    where : three index arrays, the lesion's voxels
    volume : mm3
    voxel : voxel side, mm
    rng : numpy.random.Generator

    Yields
    ------
    where : three index arrays of the part
    radius : array (n,), 0 at the deepest voxels, up to 1 at the lesion's border
    """
    places = np.stack(where, axis=1)
    number = max(1, min(len(places), round(volume / FOCUS_MM3)))
    seeds = places[rng.choice(len(places), number, replace=False)]
    nearest = cKDTree(seeds).query(places)[1]
    low = places.min(axis=0) - 1
    lesion = np.zeros(places.max(axis=0) - low + 2, bool)
    lesion[tuple((places - low).T)] = True
    depth = ndimage.distance_transform_edt(lesion, voxel)[tuple((places - low).T)] - voxel / 2
    for focus in np.unique(nearest):
        part = nearest == focus
        rim = min(depth[part].max(), RIM_MM)  # in a part that is nowhere deeper, the deepest voxels are core
        yield tuple(axis[part] for axis in where), 1 - np.minimum(depth[part] / rim, 1)


def _ellipsoid(volume: float, rng: np.random.Generator) -> np.ndarray:
    """Return the metric (3, 3) of a randomly turned ellipsoid with different axes; larger lesions are longer."""
    median = AXIS_RATIO_MEDIAN * max(1.0, volume / LARGE_MM3) ** LARGE_ELONGATION
    ratio = max(1.0, median * np.exp(AXIS_RATIO_LOG_SD * rng.standard_normal()))
    axes = np.array([1.0, ratio**-LONG_MIDDLE_EXPONENT, ratio**-1.0])
    axes /= axes.prod() ** (1 / 3)
    turn = Rotation.random(random_state=rng).as_matrix()
    return turn @ np.diag(axes**-2) @ turn.T
