"""Magnetisation transfer ratio from the images with and without the saturation pulse."""

from pathlib import Path

import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.maps.motion import align_volumes, head_mask, motion_summary
from myelosketch.io.names import UNITS
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import check_same_grid, load_volume, save_volume

# 0 means outside in every map of this library: inside, a value is at least this (percent)
LEAST_VALUE = 0.01


def compute_mtr(
    mt_on: str | Path, mt_off: str | Path, output: str | Path, *, align: bool, noise_share: float, seed: int
) -> None:
    """Compute the MTR of one scan, and write it with its sidecar.

    Parameters
    ----------
    mt_on, mt_off : paths, images with and without the pulse on one grid, same gain
    output : path of the map, percent
    align : bool, align ``mt_on`` rigidly with ``mt_off`` first, if the head has moved
    noise_share : share of the 99th percentile of ``mt_off`` below which a voxel is noise, 0-1
    seed : int

    Raises
    ------
    InputError : no head is found
    GeometryError : the two images are on different grids
    """
    on, off = load_volume(mt_on), load_volume(mt_off)
    check_same_grid(off, on)
    bad = ~(np.isfinite(on.data) & np.isfinite(off.data))
    on.data[bad], off.data[bad] = 0, 0
    head = head_mask(off.data, noise_share)
    if not head.any():
        raise InputError(f"{mt_off} shows no head: is it the image without the saturation pulse?")
    moved = {}
    if align:
        series = on.data[..., None].copy()
        matrices = align_volumes(
            series, off.data, off.affine, kind="rigid", seed=seed, mask=head, names=[str(mt_on)]
        )
        aligned, moved = series[..., 0], motion_summary(matrices, off.affine, head)
    else:
        aligned = on.data
    ratio, counts = magnetisation_transfer_ratio(aligned, off.data, head & ~bad, noise_share)
    sidecar = provenance(
        sources=[mt_on, mt_off],
        parameters={"align": align, "noise_share": noise_share, "seed": seed},
        Units=UNITS["MTR"],
        VoxelCounts=counts | {"NotFinite": int(bad.sum())},
        Motion=moved,
    )
    save_volume(output, ratio, off.affine, sidecar=sidecar)


def magnetisation_transfer_ratio(
    on: np.ndarray, off: np.ndarray, head: np.ndarray, noise_share: float
) -> tuple[np.ndarray, dict[str, int]]:
    """Return 100 (off - on) / off inside the head, where there is signal.

    Parameters
    ----------
    on, off : arrays (x, y, z)
    head : array of bool
    noise_share : see ``compute_mtr``

    Returns
    -------
    ratio : array (x, y, z), percent, float32, limited to LEAST_VALUE to 100 inside; 0 outside
    counts : dict of int: voxels inside, and voxels that were below 0 or above 100
    """
    inside = head & (off > noise_share * np.percentile(off[head], 99)) if head.any() else head
    on, below = np.asarray(on, np.float64)[inside], np.asarray(off, np.float64)[inside]
    found = 100.0 * (below - on) / below
    ratio = np.zeros(off.shape, np.float32)
    ratio[inside] = np.clip(found, LEAST_VALUE, 100)
    return ratio, {"Inside": int(inside.sum()), "Limited": int(((found < 0) | (found > 100)).sum())}
