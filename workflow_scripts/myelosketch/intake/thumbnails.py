"""Draw one small picture per scan: an axial and a coronal slice of each image, without the face."""

import struct
import zlib
from collections.abc import Mapping

import nibabel as nib
import numpy as np

from myelosketch.io.volumes import Volume

TILE = 96
# height of the axial slice within the content, from its lower end: above the eyes
AXIAL_HEIGHT = 0.65
MANY_VOXELS = 100_000


def strip(volumes: Mapping[str, Volume | None]) -> bytes:
    """Return the pictures of a scan as the bytes of one PNG, a column per image, in the order of ``volumes``.

    Parameters
    ----------
    volumes : dict of Volume, or of None for an image that cannot be read, whose tile is black; the lesion mask is
        drawn on the first image that shares its grid
    """
    columns = []
    for name, volume in volumes.items():
        under = _same_grid(volume, volumes) if name == "lesion_mask" and volume else None
        columns.append(column(volume, under) if volume else blank())
    return png(np.concatenate(columns or [blank()], axis=1))


def column(volume: Volume, under: Volume | None = None) -> np.ndarray:
    """Return the tiles of one image: axial above coronal, grey from 0 to the 99th percentile, (2 TILE, TILE) uint8.

    Radiological convention: the participant's left is on the right of the picture.

    Parameters
    ----------
    volume : Volume
    under : Volume on the same grid, if ``volume`` is a mask to be drawn on it in white; the slices are then those
        with the most voxels of the mask
    """
    data, sides = upright(volume)
    positive = data[data > 0]
    if not positive.size:
        return blank()
    low, high = content_ends(data > 0)
    axial = int(low[2] + AXIAL_HEIGHT * (high[2] - low[2]))
    coronal = int((low[1] + high[1]) / 2)
    top = float(np.percentile(positive[:: max(1, positive.size // MANY_VOXELS)], 99))
    if under is not None:
        coronal, axial = (int((data > 0).sum(axis=axes).argmax()) for axes in ((0, 2), (0, 1)))
        data, top = _overlay(upright(under)[0], data > 0)
    slices = (data[:, :, axial], sides[[0, 1]]), (data[:, coronal, :], sides[[0, 2]])
    return np.concatenate([tile(part, voxel, top) for part, voxel in slices])


def _same_grid(mask: Volume, volumes: Mapping[str, Volume | None]) -> Volume | None:
    others = [volume for volume in volumes.values() if volume is not None and volume is not mask]
    return next(
        (
            volume
            for volume in others
            if volume.shape == mask.shape and np.allclose(volume.affine, mask.affine, atol=1e-3)
        ),
        None,
    )


def _overlay(data: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, float]:
    """Return an image at half its brightness with a mask in white, and the value that is white."""
    top = float(np.percentile(data, 99.5)) or 1.0
    return np.where(mask, top, 0.5 * np.clip(data, 0, top)), top


def content_ends(inside: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the first and the last index of the True voxels of a mask along each axis: two lists of three."""
    spans = [np.flatnonzero(inside.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return [int(span[0]) for span in spans], [int(span[-1]) for span in spans]


def upright(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return an image thinned to about the size of a tile, in RAS order, with NaN as 0, and its voxel sides, mm."""
    step = max(1, max(volume.shape) // TILE)
    data = np.nan_to_num(volume.data[::step, ::step, ::step], posinf=0, neginf=0)
    orientation = nib.io_orientation(volume.affine)
    return nib.apply_orientation(data, orientation), step * volume.voxel_size[np.argsort(orientation[:, 0])]


def tile(part: np.ndarray, voxel: np.ndarray, top: float) -> np.ndarray:
    """Return one slice (x, y) as a picture (TILE, TILE) in true proportions, by nearest neighbour."""
    scale = max(np.array(part.shape) * voxel) / TILE
    positions = np.arange(TILE) - TILE / 2
    columns, rows = (
        np.round(positions * scale / side + (size - 1) / 2).astype(int)
        for size, side in zip(part.shape, voxel, strict=True)
    )
    inside = ((columns >= 0) & (columns < part.shape[0]))[:, None] & ((rows >= 0) & (rows < part.shape[1]))
    picked = part[np.clip(columns, 0, part.shape[0] - 1)][:, np.clip(rows, 0, part.shape[1] - 1)]
    grey = np.clip(255 * picked / top, 0, 255) * inside
    return grey.astype(np.uint8)[::-1, ::-1].T


def blank() -> np.ndarray:
    return np.zeros((2 * TILE, TILE), np.uint8)


def png(picture: np.ndarray) -> bytes:
    """Return a grey picture (rows, columns) uint8 as the bytes of a PNG without any text."""
    height, width = picture.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), picture], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
