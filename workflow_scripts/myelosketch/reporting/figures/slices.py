"""Axial slices of stored maps, in radiological convention: anterior up, the participant's left on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.patheffects as effects
import numpy as np

from myelosketch.evaluation.lesions import label_lesions
from myelosketch.io.names import REGION_CODES
from myelosketch.io.volumes import Volume, canonical, check_same_grid, load_volume
from myelosketch.reporting.source_tables import NothingToDrawError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage
    from numpy.typing import DTypeLike


@dataclass(frozen=True)
class Window:
    """Part of an axial slice: index ``z`` and half-open ranges of x and y, on the canonical grid."""

    z: int
    x: tuple[int, int]
    y: tuple[int, int]
    voxel_size: tuple[float, float, float]

    def cut(self, data: np.ndarray) -> np.ndarray:
        """Cut the window of a canonical array (x, y, z) as an image with rows from posterior to anterior."""
        return data[self.x[0] : self.x[1], self.y[0] : self.y[1], self.z].T

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Return left, right, bottom, top in mm from the corner of the grid, for imshow with origin lower."""
        dx, dy = self.voxel_size[:2]
        return (self.x[0] * dx, self.x[1] * dx, self.y[0] * dy, self.y[1] * dy)


def load_canonical(
    path: str | Path, *, like: Volume | None = None, dtype: DTypeLike = np.float32
) -> tuple[Volume, Volume]:
    """Read a map and reorder its axes to right, anterior, superior (no interpolation).

    Parameters
    ----------
    path : NIfTI
    like : Volume as stored, optional; the map must have its grid
    dtype : of the data

    Returns
    -------
    (Volume canonical, Volume as stored)

    Raises
    ------
    GeometryError : the grids differ
    """
    stored = load_volume(path, dtype=dtype)
    if like is not None:
        check_same_grid(like, stored)
    return canonical(stored), stored


def largest_lesion_slice(regions: np.ndarray) -> int:
    """Return the index of the axial slice with most voxels of the largest lesion (as in evaluation.lesions).

    Parameters
    ----------
    regions : array (x, y, z), canonical, region codes

    Raises
    ------
    NothingToDrawError : there is no lesion voxel
    """
    lesion = regions == REGION_CODES["lesion"]
    if not lesion.any():
        raise NothingToDrawError("the patient has no lesion voxel on the PET grid.")
    labels, _ = label_lesions(lesion, voxel_volume=1.0)
    return int(np.argmax((labels == 1).sum(axis=(0, 1))))


def brain_window(
    regions: np.ndarray, z: int, voxel_size: Sequence[float] | np.ndarray, *, margin_mm: float = 4.0
) -> Window:
    """Return a window around the whole brain, so that every slice of a scan has one frame."""
    return _window(np.any(regions > 0, axis=2), z, voxel_size, margin_mm, regions.shape)


def lesion_window(
    regions: np.ndarray,
    z: int,
    voxel_size: Sequence[float] | np.ndarray,
    *,
    margin_mm: float = 8.0,
    least_mm: float = 45.0,
) -> Window:
    """Return a square window around the largest lesion of one slice, at least ``least_mm`` wide."""
    labels, _ = label_lesions(regions[:, :, z : z + 1] == REGION_CODES["lesion"], voxel_volume=1.0)
    window = _window(labels[:, :, 0] == 1, z, voxel_size, margin_mm, regions.shape)
    return _square(window, regions.shape, least_mm)


def show(
    axes: Axes,
    image: np.ndarray,
    window: Window,
    *,
    cmap: str | Colormap | None,
    limits: tuple[float | None, float | None],
    interpolation: str = "nearest",
) -> AxesImage:
    """Draw an image of a window, without ticks and with an aspect in mm. Return the AxesImage."""
    shown = axes.imshow(
        image,
        origin="lower",
        extent=window.extent,
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        interpolation=interpolation,
        aspect="equal",
    )
    radiological(axes)
    return shown


def radiological(axes: Axes) -> None:
    """Draw an image with x to the participant's right so that this side is on the left, without ticks."""
    axes.xaxis.set_inverted(True)
    axes.set_axis_off()


def outline(
    axes: Axes, mask: np.ndarray, window: Window, *, colour: str = "white", width: float = 0.7
) -> None:
    """Draw the contour of a mask on voxel edges, light on dark so that it is visible on any grey."""
    if not mask.any():
        return
    fine = np.kron(np.pad(mask, 1), np.ones((8, 8)))
    dx, dy = window.voxel_size[:2]
    left, bottom = (window.x[0] - 1) * dx, (window.y[0] - 1) * dy
    x = left + (np.arange(fine.shape[1]) + 0.5) * dx / 8
    y = bottom + (np.arange(fine.shape[0]) + 0.5) * dy / 8
    stroke = [effects.withStroke(linewidth=width + 0.9, foreground="black")]
    view = axes.axis()
    axes.contour(x, y, fine, levels=[0.5], colors=[colour], linewidths=width).set(path_effects=stroke)
    axes.axis(view)  # the contour extends one voxel beyond the window, unlike the image


def orientation_marks(axes: Axes, *, colour: str = "white", size: float = 7) -> None:
    """Write R and L in the upper corners and A between them. The image's left is the participant's right."""
    for x, mark, across in ((0.03, "R", "left"), (0.97, "L", "right"), (0.5, "A", "center")):
        shadow = [effects.withStroke(linewidth=1.5, foreground="black")]
        axes.text(
            x,
            0.97,
            mark,
            transform=axes.transAxes,
            ha=across,
            va="top",
            color=colour,
            fontsize=size,
            path_effects=shadow,
        )


def _window(
    inside: np.ndarray,
    z: int,
    voxel_size: Sequence[float] | np.ndarray,
    margin_mm: float,
    shape: tuple[int, ...],
) -> Window:
    ranges = []
    for axis in (0, 1):
        used = np.flatnonzero(inside.any(axis=1 - axis))
        margin = int(np.ceil(margin_mm / voxel_size[axis]))
        ranges.append((max(0, int(used[0]) - margin), min(shape[axis], int(used[-1]) + 1 + margin)))
    dx, dy, dz = (float(side) for side in voxel_size)
    return Window(z, ranges[0], ranges[1], (dx, dy, dz))


def _square(window: Window, shape: tuple[int, ...], least_mm: float) -> Window:
    """Widen the shorter side (in mm) so that windows of several patients have the same shape."""
    pairs = zip((window.x, window.y), window.voxel_size, strict=False)
    sides = [least_mm, *[(high - low) * side for (low, high), side in pairs]]
    ranges = []
    for axis, (low, high) in enumerate((window.x, window.y)):
        wanted = int(round(max(sides) / window.voxel_size[axis]))
        grow = max(0, wanted - (high - low))
        low = min(max(0, low - grow // 2), max(0, shape[axis] - max(wanted, high - low)))
        ranges.append((low, min(shape[axis], low + max(wanted, high - low))))
    return Window(window.z, ranges[0], ranges[1], window.voxel_size)
