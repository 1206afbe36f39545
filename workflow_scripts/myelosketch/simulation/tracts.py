"""Directions of the white matter: fibre systems of the template, their crossings and their coherence (assumed).

No bundled atlas has fibre directions, so each system is a family of smooth curves through known landmarks of MNI
space. A voxel takes the direction of the nearest curve of every system, weighted by its distance. Where systems of
similar weight meet, the mean of their directions' dyads is less anisotropic, as in a crossing.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree
from scipy.special import ndtri

from myelosketch.simulation.fields import FWHM_TO_SIGMA
from myelosketch.simulation.template import template

GRID_MM = 2  # voxel side of the tract maps; every system is wider
# bundles of the right side, by name: landmarks in MNI space (mm), width (mm) and weight
BUNDLES = {
    "cingulum": (
        [(7, 24, -6), (7, 36, 4), (7, 34, 16), (7, 20, 28), (7, 0, 34), (7, -20, 34), (7, -36, 28), (8, -46, 14),
         (16, -46, 4), (22, -36, -8), (24, -20, -20)], 3.0, 6.0),
    "superior longitudinal": (
        [(38, 30, 22), (37, 10, 28), (36, -10, 30), (36, -30, 31), (40, -46, 28), (42, -62, 22)], 5.0, 1.3),
    "arcuate": ([(37, -8, 30), (37, -28, 30), (42, -43, 20), (46, -40, 2), (47, -24, -9)], 4.0, 1.0),
    "inferior longitudinal": (
        [(26, -86, -2), (36, -62, -6), (40, -40, -10), (40, -22, -18), (36, -4, -28)], 5.0, 1.1),
    "inferior fronto-occipital": (
        [(20, -90, 8), (32, -66, 6), (35, -44, 2), (36, -24, -4), (32, 0, -8), (28, 22, -3), (28, 38, 0),
         (24, 56, 2)], 4.0, 1.3),
    "uncinate": ([(34, 2, -30), (34, 6, -18), (28, 16, -12), (22, 30, -10), (16, 46, -8)], 3.5, 1.0),
    "anterior thalamic": ([(12, -8, 8), (18, 10, 8), (21, 26, 10), (21, 44, 12), (18, 58, 10)], 4.0, 1.2),
    "optic radiation": ([(22, -24, -2), (32, -34, 4), (30, -56, 8), (22, -76, 8), (14, -90, 4)], 4.0, 1.2),
    "middle cerebellar": ([(0, -20, -36), (10, -22, -36), (20, -34, -36), (26, -48, -38), (28, -62, -40)], 6.0, 1.0),
    "superior cerebellar": ([(4, -24, -10), (6, -36, -22), (10, -48, -30), (14, -58, -36)], 3.0, 0.7),
}  # fmt: skip
# projection fibres have the same course (mm) from the brain stem to the capsule, and fan out to places of the cortex
PYRAMID = [
    (5, -34, -62),
    (5, -28, -48),
    (7, -24, -34),
    (10, -21, -22),
    (15, -18, -10),
    (21, -14, 2),
    (24, -14, 12),
]
# ends of the projection fibres in the cortex, mm
FAN = [
    (12, -22, 70), (24, -24, 68), (38, -18, 58), (50, -10, 42), (12, 4, 66), (26, 6, 58), (42, 6, 40), (16, 26, 52),
    (30, 28, 40), (14, 44, 38), (12, -46, 66), (26, -48, 62), (40, -42, 52), (18, -66, 52), (30, -66, 42),
]  # fmt: skip
PROJECTION_WIDTH_MM = 5.0
# heights (mm) and the weights there: dense in the capsule, spread below the cortex
PROJECTION_WEIGHT = ((12, 45), (3.0, 0.7))
# midline of the callosum from rostrum to splenium (y, z; mm)
CALLOSUM = [
    (14, 0),
    (23, 0),
    (30, 5),
    (26, 13),
    (18, 18),
    (8, 22),
    (-4, 25),
    (-16, 25),
    (-26, 22),
    (-34, 17),
    (-39, 12),
]
CALLOSUM_CENTRE = (-4.0, 0.0)  # the point of the mid-sagittal plane that the callosum surrounds (y, z; mm)
CALLOSUM_REACH_MM = (20, 26, 33, 42, 54)  # lateral distances at which the families of fibres bend
CALLOSUM_WIDTH_MM = (2.5, 5.0)  # at the midline, and from 20 mm lateral on
CALLOSUM_WEIGHT = (0.8, 5.0, 12.0)  # far lateral, added at the midline, and width (mm) of what is added
# callosal fibres to the lateral cortex, which cross the corona radiata: x and rise above the midline (mm); width (mm)
# and weight
CROSSING, CROSSING_WIDTH_WEIGHT = [(0, 0), (10, 3), (24, 10), (40, 14), (56, 14)], (6.0, 1.4)
# gyral white matter: SD of its depth below the cortex (mm), and weight at the cortex
BLADE_MM, BLADE_WEIGHT = 4.0, 0.5
UNORDERED = 0.35  # weight of fibres without a common direction, the same everywhere
DEPTH_BONUS = 0.35  # weight of the depth below the cortex in the score of coherence
LOWEST, SPREAD = 0.42, 0.60  # coherence is LOWEST plus a log-normal part; its mean over the white matter is 1
# DVR that healthy myelin of a system adds to that of average white matter, the same in everyone. Like the myelin
# water fraction, it is high from the brain stem to the capsule and in the optic radiation, and low in frontal and
# gyral white matter (order recalled, numbers assumed).
BINDING = {
    "callosum": 0.01, "crossing": -0.02, "projection": 0.06, "blades": -0.05, "unordered": -0.01,
    "cingulum": -0.04, "superior longitudinal": 0.01, "arcuate": -0.01, "inferior longitudinal": -0.03,
    "inferior fronto-occipital": 0.01, "uncinate": -0.06, "anterior thalamic": -0.03, "optic radiation": 0.08,
    "middle cerebellar": 0.08, "superior cerebellar": 0.06,
}  # fmt: skip
# SD over the white matter to which the smoothed binding is scaled (DVR), and the width of the smoothing
BINDING_SD, BINDING_FWHM_MM = 0.04, 8.0


@lru_cache(maxsize=1)
def template_tracts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean dyad of fibre directions, coherence and binding of the template's white matter, at GRID_MM.

    Returns
    -------
    dyads : array (6, x, y, z), float32: xx, xy, xz, yy, yz, zz; trace 1; 0 far from white matter
    coherence : array (x, y, z), float32, mean 1 over the white matter, smooth beyond it
    binding : array (x, y, z), float32, DVR by tract, mean 0 and SD BINDING_SD over the white matter, smooth beyond it
    """
    maps, affine = template()
    step = (slice(None, None, GRID_MM),) * 3
    white, cortex = maps["white"][step], maps["cortex"][step]
    inside = ndimage.binary_dilation(white > 0.1, iterations=2)
    points = np.argwhere(inside) * float(GRID_MM) + affine[:3, 3]
    side = np.where(points[:, :1] < 0, -1.0, 1.0) * [[1, 0, 0]] + [[0, 1, 1]]
    total = np.full(len(points), UNORDERED)
    dyad = np.eye(3)[None] * (UNORDERED / 3)
    bound = total * BINDING["unordered"]
    for name, direction, weight in _systems(points * side):
        bound = bound + weight * BINDING[name]
        dyad = dyad + weight[:, None, None] * direction[:, :, None] * direction[:, None, :]
        total += weight
    direction, weight = _blades(white, cortex, inside, side)
    weight = weight / total  # gyral fibres fill what the bundles leave
    dyad = dyad + weight[:, None, None] * direction[:, :, None] * direction[:, None, :]
    bound = bound + weight * BINDING["blades"]
    total += weight
    mirror = side[:, :, None] * side[:, None, :]
    dyad = dyad * mirror / total[:, None, None]
    dyads = np.zeros((6, *white.shape), np.float32)
    dyads[:, inside] = dyad[:, *np.triu_indices(3)].T
    dyads = np.stack([ndimage.gaussian_filter(part, 0.6) for part in dyads])
    return dyads, _coherence(dyads, white, inside), _binding(bound / total, white, inside)


def _systems(points: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the name, direction (n, 3) and weight (n,) of each system at points (n, 3) of the right half, mm."""
    lateral, midline, reach = CALLOSUM_WEIGHT
    weight = lateral + midline * np.exp(-0.5 * (points[:, 0] / reach) ** 2)
    width = np.interp(points[:, 0], (0, 20), CALLOSUM_WIDTH_MM)
    yield "callosum", *_nearest(points, *_callosum(), width, weight)
    curves = [_curve([(x, y, z + rise) for x, rise in CROSSING]) for y, z in CALLOSUM[4:10]]
    yield "crossing", *_nearest(points, *_joined(curves), *CROSSING_WIDTH_WEIGHT)
    curves = [_curve([*PYRAMID, _on_the_way(target), target]) for target in FAN]
    weight = np.interp(points[:, 2], *PROJECTION_WEIGHT)
    yield "projection", *_nearest(points, *_joined(curves), PROJECTION_WIDTH_MM, weight)
    for name, (landmarks, wide, heavy) in BUNDLES.items():
        yield name, *_nearest(points, *_curve(landmarks), wide, heavy)


def _joined(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the points and tangents of several curves together."""
    points, tangents = (np.concatenate(parts) for parts in zip(*curves, strict=True))
    return points, tangents


def _on_the_way(target: Sequence[float]) -> tuple[float, ...]:
    """Return the point of the corona radiata between the capsule and a target in the cortex."""
    return tuple(0.55 * np.array([25, -13, 24]) + 0.45 * np.array(target))


def _curve(landmarks: Sequence[Sequence[float]], spacing: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, 3) and unit tangents (n, 3) of the smooth curve through the landmarks, mm."""
    places = np.array(landmarks, float)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    spline = CubicSpline(length, places)
    along = np.arange(0, length[-1], spacing)
    tangent = spline(along, 1)
    return spline(along), tangent / np.linalg.norm(tangent, axis=1, keepdims=True)


def _callosum() -> tuple[np.ndarray, np.ndarray]:
    """Return the points and tangents of fibres that leave the midline sideways and bend outward from its centre."""
    arc, _ = _curve([(0, *point) for point in CALLOSUM], 2.0)
    outward = arc - [0, *CALLOSUM_CENTRE]
    outward[:, 2] += 8.0 * (outward[:, 1] > -26)  # frontal and parietal fibres rise, occipital ones run back
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    reach = np.array(CALLOSUM_REACH_MM, float)
    turn = np.linspace(0, 1.35, 28)
    # axes: along the arc, reach, turn, (x, y, z)
    shape = (len(arc), len(reach), len(turn), 3)
    lateral = np.sin(turn)[:, None] * reach[:, None, None] * [1.0, 0, 0]
    rise = (1 - np.cos(turn))[None, None, :, None] * 45.0 * outward[:, None, None, :]
    tangent = (np.cos(turn)[:, None] * reach[:, None, None] * [1.0, 0, 0])[None] + (
        np.sin(turn)[None, None, :, None] * 45.0 * outward[:, None, None, :]
    )
    place = arc[:, None, None, :] + lateral[None] + rise
    tangent = tangent / np.linalg.norm(tangent, axis=-1, keepdims=True)
    return place.reshape(-1, 3), np.broadcast_to(tangent, shape).reshape(-1, 3)


def _nearest(
    points: np.ndarray,
    curve: np.ndarray,
    tangent: np.ndarray,
    width: float | np.ndarray,
    weight: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the direction of the nearest curve, and a weight that is a Gaussian of its distance up to 3.5 widths."""
    reach = 3.5 * np.max(width)
    # beyond the reach the distance is infinite, and the index is one past the last
    distance, nearest = cKDTree(curve).query(points, distance_upper_bound=reach)
    return np.append(tangent, [[0.0, 0.0, 0.0]], axis=0)[nearest], weight * np.exp(
        -0.5 * (distance / width) ** 2
    )


def _blades(
    white: np.ndarray, cortex: np.ndarray, inside: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return direction and weight of gyral white matter: towards the cortex, away from the deep white matter."""
    depth = ndimage.gaussian_filter(white, 5.0 / GRID_MM)
    outward = -np.stack([part[inside] for part in np.gradient(depth)], axis=1) * side
    direction = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    below = ndimage.distance_transform_edt(cortex < 0.5, GRID_MM)[inside]
    return direction, BLADE_WEIGHT * np.exp(-0.5 * (below / BLADE_MM) ** 2)


def _binding(values: np.ndarray, white: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the binding (n,) of the voxels ``inside`` as a smooth map of mean 0 and SD BINDING_SD."""
    filled = _filled(values, inside)
    smooth = ndimage.gaussian_filter(filled, BINDING_FWHM_MM * FWHM_TO_SIGMA / GRID_MM)
    core = smooth[white > 0.8]
    return ((smooth - core.mean()) * (BINDING_SD / core.std())).astype(np.float32)


def _coherence(dyads: np.ndarray, white: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the coherence: the ranks of a score of anisotropy and depth, mapped to the wanted distribution."""
    xx, xy, xz, yy, yz, zz = dyads[:, inside]
    norm = xx**2 + yy**2 + zz**2 + 2 * (xy**2 + xz**2 + yz**2)
    mean = (xx + yy + zz) / 3
    anisotropy = np.sqrt(np.maximum(1.5 * (norm - 3 * mean**2) / np.maximum(norm, 1e-12), 0))
    depth = ndimage.gaussian_filter(white, 2.0 / GRID_MM)[inside]
    score = anisotropy + DEPTH_BONUS * np.minimum(depth, 0.8)
    core = np.sort(score[white[inside] > 0.8])
    rank = np.clip(np.searchsorted(core, score) / len(core), 0.002, 0.998)
    values = LOWEST + (1 - LOWEST) * np.exp(SPREAD * ndtri(rank) - SPREAD**2 / 2)
    return _filled(values, inside)


def _filled(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return values (n,) of the voxels ``inside`` as an array (x, y, z), float32; others have the nearest value."""
    result = np.zeros(inside.shape, np.float32)
    result[inside] = values
    # so that an interpolation at the border of the white matter does not fall to 0
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return result[tuple(nearest)]


def orientation_field(target: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """Return the main fibre direction at places of a participant's brain, turned with the local deformation.

    The inverse of the warp's Jacobian carries a tangent of the template into the anatomy (preservation of the
    principal direction, Alexander et al. 2001).

    Parameters
    ----------
    target : array (3, n), template voxel coordinates (1 mm) of the places
    jacobian : array (n, 3, 3), derivative of template world by anatomy world

    Returns
    -------
    array (3, n), float32: unit vectors in the anatomy world (RAS), sign arbitrary
    """
    dyads, _, _ = template_tracts()
    parts = np.stack([ndimage.map_coordinates(d, target / GRID_MM, order=1, mode="nearest") for d in dyads])
    matrix = parts[[[0, 1, 2], [1, 3, 4], [2, 4, 5]]].transpose(2, 0, 1)
    main = np.linalg.eigh(matrix)[1][:, :, 2]
    carried = np.linalg.solve(jacobian, main[:, :, None])[:, :, 0]
    return (carried / np.linalg.norm(carried, axis=1, keepdims=True)).T.astype(np.float32)
