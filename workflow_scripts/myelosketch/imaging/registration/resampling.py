"""Interpolate a map once onto another grid, with anti-aliasing and without mixing its edge with the background."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ants
import numpy as np
from scipy.ndimage import affine_transform, distance_transform_edt, gaussian_filter

from myelosketch.imaging.registration.itk import from_ants, to_ants
from myelosketch.imaging.registration.transforms import world_matrix
from myelosketch.io.volumes import Volume

FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
# two grids have their voxels at the same places if none is further from its partner than this share of a voxel
SAME_PLACE = 0.01


def content_box(volume: Volume, margin_mm: float = 10.0) -> tuple[slice, ...]:
    """Return the part of an image that contains the head.

    Half of most fields of view is air, which costs as much time as tissue.

    Parameters
    ----------
    volume : Volume
    margin_mm : air that is kept around the head

    Returns
    -------
    tuple of three slices; the whole image if it is empty
    """
    positive = volume.data[volume.data > 0]
    if not positive.size:
        return (slice(None),) * 3
    where = np.argwhere(volume.data > 0.1 * np.percentile(positive, 99))
    margin = np.ceil(margin_mm / volume.voxel_size - 1e-6).astype(int)  # 2.0000001 voxels are 2
    first = np.maximum(where.min(axis=0) - margin, 0)
    last = np.minimum(where.max(axis=0) + margin + 1, volume.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))


def crop(volume: Volume, box: tuple[slice, ...]) -> Volume:
    """Return the part of a volume in a box of slices; every voxel keeps its place in the world."""
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start or 0 for part in box]
    return Volume(volume.data[box], affine, volume.path)


def anti_alias(data: np.ndarray, voxel_size: np.ndarray, target_voxel_size: np.ndarray) -> np.ndarray:
    """Smooth to the resolution of a coarser grid, so that sampling it does not alias.

    Parameters
    ----------
    data : array (x, y, z)
    voxel_size, target_voxel_size : mm, (3,); every axis is compared with the longest side of the target, because a
        rotation may swap axes

    Returns
    -------
    array : smoothed by a Gaussian whose FWHM is the root of the difference of both squared sides; unchanged along
        axes where the target is not coarser
    """
    voxel_size, target = np.asarray(voxel_size, float), float(np.max(target_voxel_size))
    fwhm = np.sqrt(np.clip(target**2 - voxel_size**2, 0, None))
    sigma = fwhm / FWHM_PER_SIGMA / voxel_size
    return (
        gaussian_filter(np.asarray(data, np.float32), sigma) if sigma.any() else np.asarray(data, np.float32)
    )


def resample_map(
    volume: Volume,
    target: Volume,
    transforms: Sequence[str | Path],
    *,
    inverted: Sequence[bool] | None = None,
    fwhm_mm: float = 0.0,
) -> Volume:
    """Return a quantitative map on another grid; voxels outside its support are 0 and do not dilute its edge.

    The map and its support (where it is not 0) are smoothed and interpolated alike, and the result is their ratio. If
    the voxels of both grids are at the same places already, they are not interpolated, and smoothed only to
    ``fwhm_mm``.

    Parameters
    ----------
    volume : Volume, 0 outside the head
    target : Volume that gives the grid
    transforms : list of paths (``.mat``, ``.txt`` or a warp), in the order of ``ants.apply_transforms``
    inverted : list of bool, optional, which transforms to invert
    fwhm_mm : resolution of the result, such as that of the PET; if it is less than a target voxel, that of the voxel

    Returns
    -------
    Volume on the grid of ``target``, float32
    """
    support = (volume.data != 0).astype(np.float32)
    how: dict[str, Any] = {"inverted": inverted, "fwhm_mm": fwhm_mm}
    weight = resample_fraction(Volume(support, volume.affine), target, transforms, **how).data
    values = resample_fraction(volume, target, transforms, **how).data
    inside = weight >= 0.5
    data = np.divide(values, weight, out=np.zeros_like(values), where=inside)
    return Volume(data, target.affine)


def resample_fraction(
    volume: Volume,
    target: Volume,
    transforms: Sequence[str | Path],
    *,
    inverted: Sequence[bool] | None = None,
    fwhm_mm: float = 0.0,
) -> Volume:
    """Return a mask or probability on another grid, as the fraction of each target voxel it fills.

    Parameters
    ----------
    volume, target, transforms, inverted, fwhm_mm : see ``resample_map``

    Returns
    -------
    Volume on the grid of ``target``, float32
    """
    step = lattice_step(volume, target, transforms, inverted)
    # voxels at the same places need no anti-aliasing, even if their sides differ
    resolution = np.maximum(0.0 if step is not None else target.voxel_size, fwhm_mm)
    smooth = anti_alias(volume.data, volume.voxel_size, resolution)
    if step is not None:
        data = affine_transform(smooth, step[:3, :3], step[:3, 3], output_shape=target.shape, order=0)
        return Volume(data, target.affine)
    moving = Volume(smooth, volume.affine, volume.path)
    return Volume(_interpolated(moving, target, transforms, inverted, "linear"), target.affine)


def lattice_step(
    volume: Volume,
    target: Volume,
    transforms: Sequence[str | Path],
    inverted: Sequence[bool] | None = None,
) -> np.ndarray | None:
    """Return the matrix from voxels of a grid to voxels of an image at the same places; None if they are elsewhere.

    Parameters
    ----------
    volume, target, transforms, inverted : see ``resample_map``

    Returns
    -------
    array (4, 4) of whole numbers, from indices of ``target`` to indices of ``volume``, or None
    """
    if any(not str(path).endswith((".mat", ".txt")) for path in transforms):
        return None
    step = np.linalg.inv(volume.affine) @ world_matrix(transforms, inverted=inverted) @ target.affine
    whole = np.rint(step)
    corners = [[*corner, 1] for corner in itertools.product(*((0, side) for side in target.shape))]
    turns_only = np.array_equal(whole[:3, :3] @ whole[:3, :3].T, np.eye(3))
    return whole if turns_only and np.abs((step - whole) @ np.transpose(corners)).max() < SAME_PLACE else None


def resample_sharp(
    volume: Volume,
    target: Volume,
    transforms: Sequence[str | Path],
    *,
    inverted: Sequence[bool] | None = None,
) -> Volume:
    """Return a quantitative map on another grid of the same voxel size, by cubic splines.

    The blur of a linear interpolation depends on the distance between the centres of new and old voxels. It differs
    between two sessions, and in a small lesion that looks like a change. The map is continued beyond its support
    before the interpolation.

    Parameters
    ----------
    volume, target, transforms, inverted : see ``resample_map``

    Returns
    -------
    Volume on the grid of ``target``, float32, 0 outside the support
    """
    support = volume.data != 0
    if not support.any():
        return Volume(np.zeros(target.shape, np.float32), target.affine)
    nearest = distance_transform_edt(~support, return_distances=False, return_indices=True)
    continued = Volume(volume.data[tuple(nearest)], volume.affine)
    there = Volume(support.astype(np.float32), volume.affine)
    inside = _interpolated(there, target, transforms, inverted, "linear") >= 0.5
    values = _interpolated(continued, target, transforms, inverted, "bSpline")
    return Volume(np.where(inside, values, 0).astype(np.float32), target.affine)


def _interpolated(
    volume: Volume,
    target: Volume,
    transforms: Sequence[str | Path],
    inverted: Sequence[bool] | None,
    interpolator: str,
) -> np.ndarray:
    image = ants.apply_transforms(
        fixed=to_ants(target),
        moving=to_ants(volume),
        transformlist=[str(path) for path in transforms],
        # always given, because ANTs by itself inverts a matrix that precedes a warp
        whichtoinvert=inverted or [False] * len(transforms),
        interpolator=interpolator,
    )
    return from_ants(image).data.astype(np.float32)
