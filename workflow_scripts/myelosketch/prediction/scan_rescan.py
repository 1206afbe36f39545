"""Scan–rescan error of lesions, from the participant's own white matter, which has no reason to change (ours).

The lesions of a patient are shifted, shapes as they are, into normal-appearing white matter: how their mean changes
there between two sessions is what noise, registration and interpolation make of regions of this size and shape. All
lesions of a draw are shifted by about the same way, so that errors which near lesions share stay shared. A lesion may
lie where the map is steeper, at a ventricle or by its own border, and a shift of a tenth of a millimetre shows there:
what is found in white matter is scaled by how much more the rest of the brain changes at places as steep.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats
from scipy.spatial import cKDTree

DRAWS = 1000
# places in white matter that are tried for every lesion
CANDIDATES = 4000
# a place holds a lesion if this share of its voxels are white matter there; of a lesion that fits nowhere, the best
LEAST_SHARE = 0.9
FEWEST_PLACES = 200
# classes of steepness, of equally many voxels each
STEEPNESS_CLASSES = 12
SMALLEST_SPREAD = 1e-6  # DVR; two equal maps have none


@dataclass(frozen=True)
class ScanRescan:
    """What a patient's lesions would show between two sessions if nothing had changed.

    Parameters
    ----------
    changes : arrays (draws, n), one per lesion: change of each of its voxels in each draw, DVR
    averages : arrays (n,), one per lesion: mean of both sessions in its voxels, DVR
    spreads : array (n_lesions,), DVR, root mean square of the mean change of each lesion over all places that hold it
    offset_error : array (n_lesions,), DVR, what taking off the offset may leave in each lesion
    n_independent : about how many such sets of lesions the white matter could hold
    seed : int
    """

    changes: list[np.ndarray]
    averages: list[np.ndarray]
    spreads: np.ndarray
    offset_error: np.ndarray
    n_independent: float
    seed: int

    @property
    def sizes(self) -> np.ndarray:
        """Voxels of each lesion, array (n_lesions,)."""
        return np.array([part.size for part in self.averages])

    def lesion_limits(self, listed: np.ndarray, alpha: float) -> np.ndarray:
        """Limit of each listed lesion: in ``alpha`` of unchanged patients one of them is beyond its own.

        Parameters
        ----------
        listed : int array (m,), positions of lesions that have voxels
        alpha : float

        Returns
        -------
        array (m,), DVR
        """
        if not len(listed):
            return np.empty(0)
        spreads = np.maximum(self.spreads[listed], SMALLEST_SPREAD)
        means = np.stack([self.changes[place].mean(axis=1) for place in listed])
        # the largest of all lesions in units of its own spread: one factor for the family, not below Bonferroni's
        drawn = np.quantile(np.abs(means / spreads[:, None]).max(axis=0), 1 - alpha)
        factor = max(drawn, stats.norm.ppf(1 - alpha / (2 * len(listed))))
        return factor * spreads * self._small_sample_factor(alpha) + self.offset_error[listed]

    def mean_limit(self, alpha: float) -> float:
        """Limit of the mean over all lesion voxels, DVR."""
        n_voxels = self.sizes.sum()
        means = np.sum([part.sum(axis=1) for part in self.changes], axis=0) / n_voxels
        left = float((self.sizes * self.offset_error).sum() / n_voxels)
        normal = stats.norm.ppf(1 - alpha / 2) * _root_mean_square(means)
        drawn = max(np.quantile(np.abs(means), 1 - alpha), normal)
        return float(drawn) * self._small_sample_factor(alpha) + left

    def index_limit(self, threshold: float, alpha: float) -> float:
        """Limit of the larger of both indices, percent of the lesion voxels.

        The mean of both sessions is all that is known of an unchanged voxel; half of a drawn change is taken from it
        for the first session and added for the second.

        Parameters
        ----------
        threshold : DVR below which a voxel is demyelinated
        alpha : float
        """
        signs = np.random.default_rng(self.seed).choice([-1.0, 1.0], size=(2, len(self.changes[0])))
        crossed = np.zeros((2, signs.shape[1]))
        for changes, average, left in zip(self.changes, self.averages, self.offset_error, strict=True):
            half = (signs[0][:, None] * changes + (signs[1] * left)[:, None]) / 2
            first, second = average - half < threshold, average + half < threshold
            crossed += [(~first & second).sum(axis=1), (first & ~second).sum(axis=1)]
        return float(np.quantile(100 * crossed.max(axis=0) / self.sizes.sum(), 1 - alpha))

    def _small_sample_factor(self, alpha: float) -> float:
        """How much wider a limit is where white matter holds the lesions only a few times (Student)."""
        freedom = max(self.n_independent - 1, 2.0)
        return float(stats.t.ppf(1 - alpha / 2, freedom) / stats.norm.ppf(1 - alpha / 2))


def scan_rescan(
    change: np.ndarray,
    average: np.ndarray,
    labels: np.ndarray,
    n_lesions: int,
    white: np.ndarray,
    known: np.ndarray,
    *,
    offset: float,
    seed: int,
    draws: int = DRAWS,
) -> ScanRescan:
    """Draw what lesions would show if nothing had changed.

    Parameters
    ----------
    change : array (x, y, z), DVR of the second session minus the first, without the offset
    average : array (x, y, z), mean of both sessions
    labels : int array (x, y, z), 0 outside, 1 to ``n_lesions`` the lesions, the largest first; some may be empty
    n_lesions : int
    white : bool array (x, y, z), normal-appearing white matter
    known : bool array (x, y, z), where both sessions have a value
    offset : what was taken off. Added or multiplied, it is not the same where DVR is lower than in white matter:
        the difference of both stays as an error
    seed : int
    draws : int

    Returns
    -------
    ScanRescan
    """
    reference = ndimage.binary_erosion(known) & (labels == 0)
    spread = np.maximum(spread_by_steepness(change, average, reference), SMALLEST_SPREAD)
    relative = (change / spread).astype(np.float32)
    shapes = [np.argwhere(labels == number) for number in range(1, n_lesions + 1)]
    rng = np.random.default_rng(seed)
    places = [fitting_places(shape, white, rng) for shape in shapes]
    changes, spreads = [], []
    for shape, held, drawn in zip(shapes, places, drawn_places(shapes, places, draws, rng), strict=True):
        values = values_at(relative, voxels_at(shape, held, white), rng) * spread[tuple(shape.T)]
        spreads.append(_spread_of_means(values))
        # places at the edge of white matter are drawn more often than others, and change more
        excess = _spread_of_means(values[drawn]) / max(spreads[-1], SMALLEST_SPREAD)
        changes.append(values[drawn] / max(excess, SMALLEST_SPREAD))
    averages = [average[tuple(shape.T)] for shape in shapes]
    level = average[white].mean()
    left = [abs(offset * (1 - part.mean() / level)) if part.size else 0.0 for part in averages]
    n_independent = float(white.sum() / max((labels > 0).sum(), 1))
    return ScanRescan(changes, averages, np.array(spreads), np.array(left), n_independent, seed)


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def _spread_of_means(values: np.ndarray) -> float:
    """Root mean square over places of the mean over voxels, array (places, n); 0 of a lesion without voxels."""
    return _root_mean_square(values.mean(axis=1)) if values.size else 0.0


def fitting_places(shape: np.ndarray, white: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places of white matter that hold a lesion.

    Parameters
    ----------
    shape : int array (n, 3), voxels of the lesion
    white : bool array (x, y, z), normal-appearing white matter
    rng : numpy.random.Generator, for the CANDIDATES that are tried

    Returns
    -------
    int array (places, 3), voxels on which the lesion's centre is put: those where white matter lies under LEAST_SHARE
        of it, or of a lesion that fits nowhere the FEWEST_PLACES where most of it fits
    """
    places = np.argwhere(white)
    places = places[rng.permutation(len(places))[:CANDIDATES]]
    parts = np.array_split(places, min(40, len(places)))  # a large lesion at all places takes much memory
    share = np.concatenate([_landed(voxels_at(shape, part, white)) for part in parts])
    best = np.sort(share)[::-1][min(FEWEST_PLACES, len(share)) - 1]
    return places[share >= min(LEAST_SHARE, best)]


def _landed(voxels: np.ndarray) -> np.ndarray:
    """Share of a lesion's voxels with white matter under them, by place; 1 of a lesion without voxels."""
    return (voxels >= 0).mean(axis=1) if voxels.shape[1] else np.ones(len(voxels))


def drawn_places(
    shapes: list[np.ndarray], places: list[np.ndarray], draws: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Places of all lesions in each draw, shifted by about the same way.

    In each draw one lesion goes to a place at random; every other one to the place nearest to where the same shift
    would take it.

    Parameters
    ----------
    shapes : int arrays (n, 3), voxels of the lesions; some may be empty
    places : arrays of :func:`fitting_places`, one per lesion
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    list of int arrays (draws,), one per lesion: which of its places
    """
    centres = [centre_voxel(shape) for shape in shapes]
    filled = [number for number, shape in enumerate(shapes) if len(shape)]
    shift = np.zeros((draws, 3))
    if filled:
        for draw, number in enumerate(rng.choice(filled, size=draws)):
            shift[draw] = places[number][rng.integers(len(places[number]))] - centres[number]
    return [cKDTree(held).query(centre + shift)[1] for held, centre in zip(places, centres, strict=True)]


def centre_voxel(shape: np.ndarray) -> np.ndarray:
    """Of the voxels of a lesion, int array (n, 3), the one that is nearest to their centre."""
    if not len(shape):
        return np.zeros(3, int)
    return shape[((shape - shape.mean(axis=0)) ** 2).sum(axis=1).argmin()]


def voxels_at(shape: np.ndarray, places: np.ndarray, white: np.ndarray) -> np.ndarray:
    """White-matter voxels under a lesion.

    Parameters
    ----------
    shape : int array (n, 3), voxels of the lesion
    white : bool array (x, y, z)
    places : int array (places, 3), voxels on which the lesion's centre is put

    Returns
    -------
    int array (places, n), flat index of the voxel under each voxel of the lesion, -1 where it is not white matter
    """
    around = shape - centre_voxel(shape)
    flat = np.zeros((len(places), len(around)), np.int32)
    inside = np.ones(flat.shape, bool)
    for axis, length in enumerate(white.shape):
        at = (places[:, None, axis] + around[None, :, axis]).astype(np.int32)
        inside &= (at >= 0) & (at < length)
        flat = flat * length + at
    return np.where(inside & white.ravel()[np.where(inside, flat, 0)], flat, -1)


def values_at(values: np.ndarray, voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values of a map under a lesion; where no white matter lies, another value under the same lesion.

    Parameters
    ----------
    values : array (x, y, z)
    voxels : int array (places, n) of :func:`voxels_at`
    rng : numpy.random.Generator

    Returns
    -------
    array (places, n)
    """
    landed = voxels >= 0
    order = np.argsort(~landed, axis=1, kind="stable")  # those that landed first
    other = (rng.random(voxels.shape) * landed.sum(axis=1)[:, None]).astype(int)
    source = np.where(landed, np.arange(voxels.shape[1]), np.take_along_axis(order, other, axis=1))
    return values.ravel()[np.take_along_axis(voxels, source, axis=1)]


def spread_by_steepness(change: np.ndarray, average: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """How much a voxel changes between two sessions without reason, by how steep the map is there.

    Parameters
    ----------
    change, average : arrays (x, y, z), as in :func:`scan_rescan`
    reference : bool array (x, y, z), the brain without lesions

    Returns
    -------
    array (x, y, z), root mean square of the change of reference voxels as steep
    """
    steepness = np.sqrt(sum(part**2 for part in np.gradient(average)))
    order = np.argsort(steepness[reference], kind="stable")
    classes = [part for part in np.array_split(order, STEEPNESS_CLASSES) if part.size]
    typical = [steepness[reference][part].mean() for part in classes]
    spread = [np.sqrt((change[reference][part] ** 2).mean()) for part in classes]
    return np.interp(steepness, typical, spread)
