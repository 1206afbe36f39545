"""Check whether an image is mirrored relative to the T1w: align it coarsely as it is and mirrored, and compare.

Brains are nearly symmetric, but the individual folds are not: the mutual information of an image with the T1w of the
same head falls clearly when it is mirrored, in simulated and in real images (docs/decisions/0004-intake.md).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from myelosketch.intake.between import CONTENT_SHARE
from myelosketch.intake.checks import Finding
from myelosketch.io.volumes import Volume

COMPARED = ("FLAIR", "FA", "MTR", "DVR", "mt_off", "dwi", "pet")
# the mirrored image must fit better by this much (nats), and well enough to be the same head at all
MARGIN = 0.05
LEAST_FIT = 0.25
STEP_MM = 4.0
POINTS = 2000
BINS = 16
MIN_POINTS = 500
# signs that a mirrored image gives to rotations about x, y and z and to shifts along them
MIRROR = np.array([1, -1, -1, -1, 1, 1])
BLUR_VOXELS = 1.5
SEARCH = {"xtol": 0.05, "ftol": 1e-4, "maxiter": 6}
FIRST_STEP = 4.0  # degrees and mm


def mirror_findings(volumes: Mapping[str, Volume]) -> list[Finding]:
    """Return findings about images that fit the T1w better when left and right are swapped.

    Parameters
    ----------
    volumes : dict of Volume by input name
    """
    compared = [name for name in COMPARED if name in volumes]
    if "T1w" not in volumes or not compared:
        return []
    points, bins = sample_points(volumes["T1w"])
    findings = []
    for name in compared if len(points) >= MIN_POINTS else ():
        straight, mirrored = both_fits(points, bins, volumes[name])
        if mirrored > max(LEAST_FIT, straight + MARGIN):
            findings.append(
                Finding(
                    "mirrored", name,
                    f"fits the T1w better with left and right swapped (mutual information {mirrored:.2f}, "
                    f"{straight:.2f} as it is)",
                    "which of the two images lost its orientation? Export it again",
                )
            )  # fmt: skip
    return findings


def sample_points(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return points of the content, world (n, 3) mm, and their grey-value bins (n,) from 0 to BINS - 1."""
    data, affine = coarse(volume)
    index = np.argwhere(data > CONTENT_SHARE * _top(data))
    keep = np.random.default_rng(0).permutation(len(index))[:POINTS]
    index = index[keep]
    return index @ affine[:3, :3].T + affine[:3, 3], _bins(data[tuple(index.T)], _top(data))


def both_fits(points: np.ndarray, bins: np.ndarray, volume: Volume) -> tuple[float, float]:
    """Return the best mutual information with an image unchanged and mirrored, each after a rigid alignment.

    Parameters
    ----------
    points : array (n, 3), world points of the T1w, mm
    bins : array (n,), their grey values
    volume : Volume to compare with
    """
    data, affine = coarse(volume)
    flipped = np.diag([-1.0, 1, 1, 1]) @ affine
    start = np.zeros(6)
    straight = _fit(points, bins, data, affine, [start])
    mirrored = _fit(points, bins, data, flipped, [start, MIRROR * straight[1]])
    # each hypothesis also starts from the result of the other, so that a bad optimum does not decide
    again = _fit(points, bins, data, affine, [MIRROR * mirrored[1]], levels=1)
    return max(straight[0], again[0]), mirrored[0]


def coarse(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return an image smoothed and subsampled to voxels of about STEP_MM, NaN as 0: data and affine."""
    factor = np.maximum(1, np.round(STEP_MM / volume.voxel_size)).astype(int)
    data = np.nan_to_num(volume.data, posinf=0, neginf=0)
    data = gaussian_filter(data, np.where(factor > 1, 0.4 * factor, 0))
    affine = volume.affine.copy()
    affine[:3, :3] = affine[:3, :3] * factor
    return data[:: factor[0], :: factor[1], :: factor[2]], affine


def _fit(
    points: np.ndarray,
    bins: np.ndarray,
    data: np.ndarray,
    affine: np.ndarray,
    starts: Sequence[np.ndarray],
    *,
    levels: int = 2,
) -> tuple[float, np.ndarray]:
    """Return the best rigid alignment from several starts: (mutual information, parameters in degrees and mm)."""
    inverse, top = np.linalg.inv(affine), _top(data)
    content = np.argwhere(data > CONTENT_SHARE * top)
    centre = points.mean(axis=0)
    target = (content @ affine[:3, :3].T + affine[:3, 3]).mean(axis=0)

    def cost(parameters: np.ndarray, data: np.ndarray) -> float:
        turned = (points - centre) @ Rotation.from_euler("xyz", parameters[:3], degrees=True).as_matrix().T
        world = turned + target + parameters[3:]
        voxel = world @ inverse[:3, :3].T + inverse[:3, 3]
        return -mutual_information(bins, _bins(map_coordinates(data, voxel.T, order=1), top))

    found = []
    for start in starts:
        # the coarse level widens the capture range
        for blurred in (gaussian_filter(data, BLUR_VOXELS), data)[2 - levels :]:
            # the search modifies its directions in place
            options = SEARCH | {"direc": np.diag([FIRST_STEP] * 6)}
            result = minimize(cost, start, args=(blurred,), method="Powell", options=options)
            start = result.x
        found.append((-result.fun, result.x))
    return max(found, key=lambda pair: pair[0])


def mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mutual information of two binned samples (n,), in nats."""
    joint = np.bincount(first * BINS + second, minlength=BINS * BINS).reshape(BINS, BINS) / len(first)
    apart = joint.sum(axis=1, keepdims=True) @ joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / apart[filled])).sum())


def _top(data: np.ndarray) -> float:
    positive = data[data > 0]
    return float(np.percentile(positive, 99)) if positive.size else 1.0


def _bins(values: np.ndarray, top: float) -> np.ndarray:
    return np.clip(values * (BINS / top), 0, BINS - 1).astype(int)
