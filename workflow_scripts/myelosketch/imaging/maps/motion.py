"""Correct motion within one acquisition: align its volumes to one image, and turn gradients with the head."""

import tempfile
from collections.abc import Sequence
from typing import Any

import ants
import numpy as np
from scipy.ndimage import affine_transform, binary_fill_holes, label

from myelosketch.errors import InputError
from myelosketch.imaging.registration.itk import make_repeatable, to_ants, world_matrix
from myelosketch.io.volumes import Volume

# voxel sizes of the levels, mm (none is coarse, because the head moves little), their iterations, and the share of
# the voxels that the metric uses
LEVELS_MM = (6.0, 4.0)
ITERATIONS = (200, 100)
SAMPLING = 0.4
# less motion than this share of a voxel's side is within the registration error, and is not corrected (assumed)
STILL_SHARE = 0.1
# nobody moves that far within a scan: the registration has failed
MAX_MOTION_MM = 30.0


def head_mask(data: np.ndarray, share: float) -> np.ndarray:
    """Return the largest connected part that is brighter than a share of the image's 99th percentile, holes filled.

    Parameters
    ----------
    data : array (x, y, z), intensities
    share : 0-1

    Returns
    -------
    array of bool; empty if no voxel is above 0
    """
    positive = data[data > 0]
    if not positive.size:
        return np.zeros(data.shape, bool)
    return largest_part(data > share * np.percentile(positive, 99))


def largest_part(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected part of a mask, with its holes filled."""
    parts, count = label(mask)
    if count == 0:
        return mask
    return binary_fill_holes(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))


def find_motion(
    fixed: np.ndarray,
    moving: np.ndarray,
    affine: np.ndarray,
    *,
    kind: str,
    seed: int,
    mask: np.ndarray | None = None,
    name: str = "volume",
) -> np.ndarray:
    """Return the motion of the head from one volume to another, by ANTs (mutual information), from the identity on.

    Parameters
    ----------
    fixed, moving : arrays (x, y, z) on one grid
    affine : (4, 4), voxel to world RAS, mm
    kind : "rigid" | "affine" (also scales and shears, for eddy currents)
    seed : int
    mask : array of bool, optional, voxels that the metric uses
    name : what the moving volume is called in an error

    Returns
    -------
    array (4, 4) : points of ``fixed`` to points of ``moving``, world RAS, mm

    Raises
    ------
    InputError : ANTs finds no solution
    """
    make_repeatable(seed)
    target, source = to_ants(Volume(fixed, affine)), to_ants(Volume(moving, affine))
    looked_at = None if mask is None else target.new_image_like(mask.astype(np.float32))
    factors = [max(1, round(level / min(target.spacing))) for level in LEVELS_MM]
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = ants.registration(
                fixed=target,
                moving=source,
                type_of_transform=kind.capitalize(),
                initial_transform="Identity",
                mask=looked_at,
                aff_metric="mattes",
                aff_random_sampling_rate=SAMPLING,
                aff_iterations=ITERATIONS,
                aff_shrink_factors=tuple(factors),
                aff_smoothing_sigmas=tuple(factor * min(target.spacing) / 2 for factor in factors),
                smoothing_in_mm=True,
                outprefix=f"{folder}/",
            )
            return world_matrix(result["fwdtransforms"])
        except (RuntimeError, ValueError, IndexError) as error:
            raise InputError(
                f"The alignment of {name} failed ({str(error).splitlines()[0]}): inspect it, or turn the "
                "alignment off (maps.motion, maps.align_mt, maps.pet_motion)."
            ) from error


def displacement(matrix: np.ndarray, affine: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean distance by which a transform moves the voxels of a mask, mm; 0 for an empty mask.

    Parameters
    ----------
    matrix : (4, 4), world mm
    affine : (4, 4) of the mask
    mask : array (x, y, z) of bool

    Returns
    -------
    float
    """
    points = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.linalg.norm(moved - points, axis=1).mean()) if len(points) else 0.0


def rotation_degrees(matrix: np.ndarray) -> float:
    """Return the angle of the rotation in a transform, degrees."""
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation_part(matrix)) - 1) / 2, -1, 1))))


def rotation_part(matrix: np.ndarray) -> np.ndarray:
    """Return the rotation nearest to a transform (polar decomposition), (3, 3)."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    return left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right


def resample(data: np.ndarray, affine: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return a volume resampled onto the image it was aligned to, by one cubic interpolation.

    The result is never below 0, or never below the lowest value of ``data`` if that is negative.

    Parameters
    ----------
    data : array (x, y, z)
    affine : (4, 4) of both grids
    matrix : (4, 4), points of the target to points of ``data``, world mm

    Returns
    -------
    array (x, y, z), float32; beyond the field of view the last slice is repeated
    """
    to_source = np.linalg.inv(affine) @ matrix @ affine
    moved = affine_transform(data, to_source[:3, :3], to_source[:3, 3], order=3, mode="nearest")
    return np.maximum(moved, min(float(data.min()), 0.0)).astype(np.float32)


def align_volumes(
    series: np.ndarray,
    fixed: np.ndarray,
    affine: np.ndarray,
    *,
    kind: str,
    seed: int,
    mask: np.ndarray,
    names: Sequence[str],
) -> list[np.ndarray]:
    """Align the volumes of a series to one image, in place.

    Parameters
    ----------
    series : array (x, y, z, n), changed
    fixed : array (x, y, z)
    affine : (4, 4)
    kind, seed : see ``find_motion``
    mask : array of bool: voxels that the metric uses and in which motion is measured
    names : names of the n volumes for errors

    Returns
    -------
    list of n arrays (4, 4) : the transforms applied; the identity where the head did not move

    Raises
    ------
    InputError : a registration fails, or ends beyond MAX_MOTION_MM
    """
    still = STILL_SHARE * float(np.linalg.norm(affine[:3, :3], axis=0).min())
    matrices = []
    for number, name in enumerate(names):
        matrix = find_motion(fixed, series[..., number], affine, kind=kind, seed=seed, mask=mask, name=name)
        moved = displacement(matrix, affine, mask)
        if moved > MAX_MOTION_MM:
            raise InputError(
                f"{name} seems to have moved by {moved:.0f} mm: inspect it, and leave it out or turn the "
                "alignment off (maps.motion, maps.align_mt, maps.pet_motion)."
            )
        if moved < still:
            matrix = np.eye(4)
        else:
            series[..., number] = resample(series[..., number], affine, matrix)
        matrices.append(matrix)
    return matrices


def rotate_gradients(bvecs: np.ndarray, affine: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Return gradient directions in the frame of the aligned head.

    FSL stores directions along the image's axes, with x mirrored where the affine's determinant is positive. If a
    head that was turned by R was measured with the gradient g in world coordinates, the gradient in the frame of the
    reference is R' g, where R' is the inverse of R.

    Parameters
    ----------
    bvecs : array (n, 3), as in the file
    affine : (4, 4) of the image
    matrices : n arrays (4, 4), points of the reference to points of the volume, world mm

    Returns
    -------
    array (n, 3), in the same convention
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    to_world = axes @ np.diag([-1.0 if np.linalg.det(axes) > 0 else 1.0, 1, 1])
    turned = [
        np.linalg.solve(to_world, rotation_part(matrix).T @ to_world @ vector)
        for vector, matrix in zip(bvecs, matrices, strict=True)
    ]
    return np.array(turned).reshape(-1, 3)


def motion_summary(matrices: Sequence[np.ndarray], affine: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Return the motion for a sidecar: mm and degrees of every volume, and the largest distance, mm."""
    moved = [round(displacement(matrix, affine, mask), 3) for matrix in matrices]
    turned = [round(rotation_degrees(matrix), 3) for matrix in matrices]
    return {
        "MeanDisplacementMm": moved,
        "RotationDegrees": turned,
        "LargestDisplacementMm": max(moved, default=0.0),
    }
