"""Measure how well a map is aligned with a T1w image, from both images as they are placed, without a registration."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from myelosketch.imaging.registration.itk import from_ants, to_ants
from myelosketch.imaging.registration.starts import shared_information
from myelosketch.io.volumes import Volume

# places along the normal of the border at which a map is read, mm; negative is white matter
STEPS_MM = np.arange(-8.0, 8.5, 1.0)
# distance of the two places that give the contrast, mm: beyond the blur of a PET, within the cortex
ACROSS_MM = 2.0
# the steepest place is looked for within this distance of the border
SEARCH_MM = 6.0
BORDER_POINTS = 20000
# places nearer to a lesion than this are left out: they are not a border between healthy tissues
LESION_MARGIN_MM = 4.0
# number of parts of the border: the points of each part are near each other and face the same direction
PARTS = 60
LEAST_POINTS = 20
BINS = 32
WHITE, GREY = 3, 2  # codes of the tissue map, as tissue.TISSUE_CODES


class Border(NamedTuple):
    """Places on the border of white and grey matter, world RAS in mm: ``points`` and unit ``normals``, (n, 3)."""

    points: np.ndarray
    normals: np.ndarray


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return points (n, 3) moved by a 4x4 matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def world_grid(points: np.ndarray, step_mm: float, margin_mm: float = 10.0) -> Volume:
    """Return an empty volume along the world's axes around some points.

    Parameters
    ----------
    points : array (n, 3), world RAS, mm
    step_mm : voxel side
    margin_mm : distance that is kept around the points

    Returns
    -------
    Volume of zeros, float32
    """
    low, high = points.min(axis=0) - margin_mm, points.max(axis=0) + margin_mm
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:3, 3] = low
    return Volume(np.zeros(np.ceil((high - low) / step_mm).astype(int) + 1, np.float32), affine)


def brain_points(brain: Volume, most: int = 4000) -> np.ndarray:
    """Return the places of at most about ``most`` voxels spread evenly over a mask, world RAS in mm, (n, 3)."""
    inside = np.argwhere(brain.data > 0)
    return apply(brain.affine, inside[:: max(1, len(inside) // most)])


def white_grey_border(tissue: Volume, lesion: np.ndarray) -> Border:
    """Return the border of white and grey matter, away from lesions and where neither tissue is too thin.

    Parameters
    ----------
    tissue : Volume, 2 grey, 3 white
    lesion : array like ``tissue``, True in lesions

    Returns
    -------
    Border with at most BORDER_POINTS points; normals point from white to grey
    """
    sides = tissue.voxel_size
    white = tissue.data == WHITE
    found = white & binary_dilation(tissue.data == GREY)
    if lesion.any():
        near = cKDTree(np.argwhere(lesion) * sides).query(
            np.argwhere(found) * sides, distance_upper_bound=LESION_MARGIN_MM
        )
        found[found] = np.isinf(near[0])
    slope = np.gradient(gaussian_filter(white.astype(np.float32), 1.5 / sides), *sides)
    normals = -np.stack([part[found] for part in slope], axis=-1)
    length = np.linalg.norm(normals, axis=1)
    clear = length > 1e-3
    normals = normals[clear] / length[clear, None]
    places = (
        np.argwhere(found)[clear] + 0.5 * normals
    )  # found voxels are white: the border is half a voxel further

    def label(step: float) -> np.ndarray:
        return map_coordinates(tissue.data, (places + step * normals / sides).T, order=0)

    clear = (label(-3.0) == WHITE) & (label(1.5) == GREY)
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(clear))[:BORDER_POINTS]
    turn = tissue.affine[:3, :3] / sides
    return Border(apply(tissue.affine, places[chosen]), normals[chosen] @ turn.T)


def placed(
    volume: Volume, grid: Volume, transforms: Sequence[str | Path], inverted: Sequence[bool] | None = None
) -> tuple[Volume, np.ndarray]:
    """Return a map on another grid, by ANTs, and where it has a value (bool); 0 elsewhere.

    Parameters
    ----------
    volume : Volume, 0 where it has no value
    grid : Volume that gives the grid
    transforms, inverted : as for ``ants.apply_transforms``
    """
    there = support_on(volume, grid, transforms, inverted)
    return Volume(np.where(there, values_on(volume, grid, transforms, inverted), 0), grid.affine), there


def values_on(
    volume: Volume, grid: Volume, transforms: Sequence[str | Path], inverted: Sequence[bool] | None = None
) -> np.ndarray:
    """Return the values of a map on another grid, linear, float32; see ``placed``."""
    return _resampled(np.nan_to_num(volume.data), volume, grid, transforms, inverted, "linear")


def support_on(
    volume: Volume, grid: Volume, transforms: Sequence[str | Path], inverted: Sequence[bool] | None = None
) -> np.ndarray:
    """Return where a map has a value on another grid, bool; see ``placed``."""
    there = (np.nan_to_num(volume.data) != 0).astype(np.float32)
    return _resampled(there, volume, grid, transforms, inverted, "nearestNeighbor") > 0.5


def _resampled(
    data: np.ndarray,
    volume: Volume,
    grid: Volume,
    transforms: Sequence[str | Path],
    inverted: Sequence[bool] | None,
    interpolator: str,
) -> np.ndarray:
    import ants

    image = ants.apply_transforms(
        fixed=to_ants(grid), moving=to_ants(Volume(data, volume.affine, volume.path)),
        transformlist=[str(path) for path in transforms], whichtoinvert=inverted or [False] * len(transforms),
        interpolator=interpolator,
    )  # fmt: skip
    return from_ants(image).data.astype(np.float32)


def normalised_mutual_information(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the normalised mutual information of paired values, (H(a) + H(b)) / H(a, b), after Studholme 1999.

    It is 1 if the values are unrelated and 2 if each determines the other. Values beyond the 1st and 99th percentile
    are set to these, so that a few voxels do not take all bins.

    Parameters
    ----------
    first, second : arrays (n,)

    Returns
    -------
    float, or None if either is constant
    """
    clipped = [np.clip(values, *np.percentile(values, [1, 99])) for values in (first, second)]
    if any(np.ptp(values) == 0 for values in clipped):
        return None
    return shared_information(np.histogram2d(clipped[0], clipped[1], BINS)[0] / first.size)


def dice(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the overlap of two masks, 2 |a and b| / (|a| + |b|); None if both are empty."""
    total = first.sum() + second.sum()
    return float(2 * (first & second).sum() / total) if total else None


def border_profiles(image: Volume, border: Border) -> np.ndarray:
    """Return the values of a map along the normals of a border, (points, STEPS_MM); NaN where it has none (is 0).

    Parameters
    ----------
    image : Volume, in the world of the border
    border : Border
    """
    places = border.points[:, None] + STEPS_MM[None, :, None] * border.normals[:, None]
    voxels = apply(np.linalg.inv(image.affine), places.reshape(-1, 3))
    values = map_coordinates(image.data, voxels.T, order=1, mode="constant", cval=0.0)
    return np.where(values == 0, np.nan, values).reshape(len(border.points), -1)


def border_contrast(profiles: np.ndarray, spread: float) -> float | None:
    """Return the difference of a map across the border, 2 mm on either side, in its standard deviations in the brain.

    It is positive if white matter is brighter. The cost of boundary-based registration (Greve and Fischl 2009) is the
    same difference relative to the mean, which depends on where a map has its zero.

    Parameters
    ----------
    profiles : array of ``border_profiles``
    spread : standard deviation of the map in the brain

    Returns
    -------
    float, or None if fewer than LEAST_POINTS places have a value on both sides
    """
    inside, outside = (profiles[:, np.flatnonzero(step == STEPS_MM)[0]] for step in (-ACROSS_MM, ACROSS_MM))
    difference = (inside - outside)[np.isfinite(inside - outside)]
    return float(difference.mean() / spread) if difference.size >= LEAST_POINTS and spread > 0 else None


def border_shift(profiles: np.ndarray, border: Border) -> float | None:
    """Return the distance of the border in the map from that of the T1w: the median over parts of the border, mm.

    In each part, the mean profile is steepest at the border of the map. Blur and neighbouring fluid shift all parts
    alike, so the median shift is subtracted. A rigid shift moves the parts that face it, and a head of another shape
    moves many parts.

    Returns
    -------
    float, or None if fewer than ten parts have enough points with values
    """
    whole = np.isfinite(profiles).all(axis=1)
    if whole.sum() < 10 * LEAST_POINTS:
        return None
    profiles, points, normals = profiles[whole], border.points[whole], border.normals[whole]
    slope = profiles[:, :-1] - profiles[:, 1:]
    middle = (STEPS_MM[:-1] + STEPS_MM[1:]) / 2
    slope *= np.sign(slope[:, np.abs(middle) < ACROSS_MM].mean()) or 1.0
    features = np.hstack([points / 20.0, 1.5 * normals])
    first = features[np.random.default_rng(0).permutation(len(features))[:PARTS]]
    part = kmeans2(features, first, minit="matrix", iter=8, seed=0, missing="warn")[1]
    found = np.array([_steepest(slope[part == number].mean(axis=0), middle) for number in _large(part)])
    return float(np.median(np.abs(found - np.median(found)))) if len(found) >= 10 else None


def _large(part: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.bincount(part) >= LEAST_POINTS)


def _steepest(slope: np.ndarray, middle: np.ndarray) -> float:
    """Return the place of the largest mean slope, mm: the top of a parabola through it and both its neighbours."""
    smooth = np.convolve(slope, [0.25, 0.5, 0.25], "same")
    reached = np.flatnonzero(np.abs(middle) <= SEARCH_MM)
    top = reached[np.argmax(smooth[reached])]
    before, here, after = smooth[top - 1 : top + 2]
    bend = before - 2 * here + after
    return middle[top] + (np.clip(0.5 * (before - after) / bend, -0.5, 0.5) if bend < 0 else 0.0)
