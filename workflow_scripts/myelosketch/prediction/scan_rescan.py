"""Scan–rescan error of lesions, from the participant's white matter, which is assumed not to change (our method).

The shapes of a patient's lesions are moved into normal-appearing white matter. The change of their mean there between
two sessions is the effect of noise, registration and interpolation on regions of this size and shape. All lesions of
a draw are moved by about the same shift, so that errors shared by neighbouring lesions stay shared. A lesion may be
where the gradient of the map is steeper, at a ventricle or at its border, so that a shift of a tenth of a millimetre
matters. The change found in white matter is therefore scaled by how much more the rest of the brain changes at equal
gradients.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats
from scipy.spatial import cKDTree

DRAWS = 1000
# number of positions in white matter that are tried for every lesion
CANDIDATES = 4000
# a lesion fits a position if this share of its voxels is white matter there; if it fits nowhere, the best positions
LEAST_SHARE = 0.9
FEWEST_PLACES = 200
# number of gradient classes, with equal numbers of voxels
STEEPNESS_CLASSES = 12
SMALLEST_SPREAD = 1e-6  # DVR; avoids 0 for two equal maps


@dataclass(frozen=True)
class ScanRescan:
    """Simulated changes of a patient's lesions between two sessions if nothing had changed.

    Parameters
    ----------
    changes : arrays (draws, n), one per lesion: change of each of its voxels in each draw, DVR
    averages : arrays (n,), one per lesion: mean of both sessions in its voxels, DVR
    spreads : array (n_lesions,), DVR, root mean square of the mean change of each lesion over all positions it fits
    offset_error : array (n_lesions,), DVR, error that subtracting the offset may leave in each lesion
    n_independent : approximate number of such sets of lesions that fit into the white matter
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
        """Number of voxels of each lesion, array (n_lesions,)."""
        return np.array([part.size for part in self.averages])

    def lesion_limits(self, listed: np.ndarray, alpha: float) -> np.ndarray:
        """Return the limit of each listed lesion. In ``alpha`` of unchanged patients any lesion exceeds its limit.

        Parameters
        ----------
        listed : int array (m,), indices of lesions that have voxels
        alpha : float

        Returns
        -------
        array (m,), DVR
        """
        if not len(listed):
            return np.empty(0)
        spreads = np.maximum(self.spreads[listed], SMALLEST_SPREAD)
        means = np.stack([self.changes[place].mean(axis=1) for place in listed])
        # the largest change in units of the lesion's spread gives one factor for the family, at least Bonferroni's
        drawn = np.quantile(np.abs(means / spreads[:, None]).max(axis=0), 1 - alpha)
        factor = max(drawn, stats.norm.ppf(1 - alpha / (2 * len(listed))))
        return factor * spreads * self._small_sample_factor(alpha) + self.offset_error[listed]

    def mean_limit(self, alpha: float) -> float:
        """Return the limit of the mean over all lesion voxels, DVR."""
        n_voxels = self.sizes.sum()
        means = np.sum([part.sum(axis=1) for part in self.changes], axis=0) / n_voxels
        left = float((self.sizes * self.offset_error).sum() / n_voxels)
        normal = stats.norm.ppf(1 - alpha / 2) * _root_mean_square(means)
        drawn = max(np.quantile(np.abs(means), 1 - alpha), normal)
        return float(drawn) * self._small_sample_factor(alpha) + left

    def index_limit(self, threshold: float, alpha: float) -> float:
        """Return the limit of the larger of both indices, percent of the lesion voxels.

        The best estimate of an unchanged voxel is the mean of both sessions. Half of a drawn change is subtracted
        from it for the first session and added for the second.

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
        """Return the factor by which a limit widens if the lesions fit into white matter only a few times
        (Student)."""
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
    """Draw the changes that lesions would show if nothing had changed.

    Parameters
    ----------
    change : array (x, y, z), DVR of the second session minus the first, without the offset
    average : array (x, y, z), mean of both sessions
    labels : int array (x, y, z), 0 outside, 1 to ``n_lesions`` the lesions, largest first; some may be empty
    n_lesions : int
    white : bool array (x, y, z), normal-appearing white matter
    known : bool array (x, y, z), where both sessions have a value
    offset : the offset that was subtracted. An additive and a multiplicative offset differ where DVR is lower than in
        white matter; their difference remains as an error
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
        # positions at the edge of white matter are drawn more often than others, and change more
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
    """Return the root mean square over positions of the mean over voxels, array (places, n); 0 without voxels."""
    return _root_mean_square(values.mean(axis=1)) if values.size else 0.0


def fitting_places(shape: np.ndarray, white: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the positions in white matter that fit a lesion.

    Parameters
    ----------
    shape : int array (n, 3), voxels of the lesion
    white : bool array (x, y, z), normal-appearing white matter
    rng : numpy.random.Generator, which selects the CANDIDATES to try

    Returns
    -------
    int array (places, 3), voxels for the lesion's centre. LEAST_SHARE of the lesion is white matter there. For a
    lesion
        that fits nowhere, these are the FEWEST_PLACES voxels with the largest share
    """
    places = np.argwhere(white)
    places = places[rng.permutation(len(places))[:CANDIDATES]]
    parts = np.array_split(places, min(40, len(places)))  # a large lesion at all positions takes much memory
    share = np.concatenate([_landed(voxels_at(shape, part, white)) for part in parts])
    best = np.sort(share)[::-1][min(FEWEST_PLACES, len(share)) - 1]
    return places[share >= min(LEAST_SHARE, best)]


def _landed(voxels: np.ndarray) -> np.ndarray:
    """Return the share of a lesion's voxels in white matter, by position; 1 for a lesion without voxels."""
    return (voxels >= 0).mean(axis=1) if voxels.shape[1] else np.ones(len(voxels))


def drawn_places(
    shapes: list[np.ndarray], places: list[np.ndarray], draws: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw positions for all lesions, moved by about the same shift.

    In each draw one lesion is moved to a random position. Every other lesion is moved to the position nearest to the
    result of the same shift.

    Parameters
    ----------
    shapes : int arrays (n, 3), voxels of the lesions; some may be empty
    places : arrays of :func:`fitting_places`, one per lesion
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    list of int arrays (draws,), one per lesion: index of the position
    """
    centres = [centre_voxel(shape) for shape in shapes]
    filled = [number for number, shape in enumerate(shapes) if len(shape)]
    shift = np.zeros((draws, 3))
    if filled:
        for draw, number in enumerate(rng.choice(filled, size=draws)):
            shift[draw] = places[number][rng.integers(len(places[number]))] - centres[number]
    return [cKDTree(held).query(centre + shift)[1] for held, centre in zip(places, centres, strict=True)]


def centre_voxel(shape: np.ndarray) -> np.ndarray:
    """Return the voxel of a lesion, int array (n, 3), that is nearest to its centre."""
    if not len(shape):
        return np.zeros(3, int)
    return shape[((shape - shape.mean(axis=0)) ** 2).sum(axis=1).argmin()]


def voxels_at(shape: np.ndarray, places: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Return the white-matter voxels under a lesion.

    Parameters
    ----------
    shape : int array (n, 3), voxels of the lesion
    white : bool array (x, y, z)
    places : int array (places, 3), voxels for the lesion's centre

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
    """Return the values of a map under a lesion. Without white matter, another value under the lesion is used.

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
    order = np.argsort(~landed, axis=1, kind="stable")  # voxels in white matter first
    other = (rng.random(voxels.shape) * landed.sum(axis=1)[:, None]).astype(int)
    source = np.where(landed, np.arange(voxels.shape[1]), np.take_along_axis(order, other, axis=1))
    return values.ravel()[np.take_along_axis(voxels, source, axis=1)]


def spread_by_steepness(change: np.ndarray, average: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the random change of a voxel between two sessions, by the local gradient of the map.

    Parameters
    ----------
    change, average : arrays (x, y, z), as in :func:`scan_rescan`
    reference : bool array (x, y, z), the brain without lesions

    Returns
    -------
    array (x, y, z), root mean square of the change of reference voxels with a similar gradient
    """
    steepness = np.sqrt(sum(part**2 for part in np.gradient(average)))
    order = np.argsort(steepness[reference], kind="stable")
    classes = [part for part in np.array_split(order, STEEPNESS_CLASSES) if part.size]
    typical = [steepness[reference][part].mean() for part in classes]
    spread = [np.sqrt((change[reference][part] ** 2).mean()) for part in classes]
    return np.interp(steepness, typical, spread)
