"""One picture per scan: its images on one grid in PET space, with the contours of the T1w's tissue on each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import affine_transform

from myelosketch.imaging.registration.alignment import apply, values_on, world_grid
from myelosketch.imaging.registration.itk import world_matrix
from myelosketch.io.provenance import write_bytes
from myelosketch.io.volumes import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from myelosketch.imaging.registration.quality import Head

STEP_MM = 1.5
# colour-blind readers can distinguish these (Okabe and Ito), and they differ in brightness
BORDER, BRAIN, LESION = "#F0E442", "#56B4E9", "#D55E00"
WIDTH_PX, DPI, GREYS = 1240, 100, 56
# height of the axial slice within the brain, if there are no lesions; distance of the sagittal slice from the middle
AXIAL_SHARE, SAGITTAL_MM = 0.62, 14.0
PLANES = ("axial", "coronal", "sagittal")
WHITE = 3  # code of white matter in the tissue map


def draw_overlay(
    path: str | Path,
    head: Head,
    images: Mapping[str, Volume],
    chains: Mapping[str, Sequence[str | Path] | None],
    t1w_to_petref: str | Path,
    *,
    title: str,
) -> None:
    """Draw axial, coronal and sagittal slices of each image, with white matter, brain and lesions as contours.

    Radiological convention: the participant's left is on the right of axial and coronal slices.

    Parameters
    ----------
    path : ``.png``, at most WIDTH_PX wide
    head : object with the Volumes ``brain``, ``tissue`` and ``lesion`` on the T1w grid and ``points`` in the brain
    images : dict of Volume, by the text above their column
    chains : dict: transforms from T1w to each image, [] for T1w itself, None for an image in PET space
    t1w_to_petref : path of the transform
    title : text
    """
    to_pet = np.linalg.inv(world_matrix([t1w_to_petref]))
    brain = apply(to_pet, head.points)
    lesion = np.argwhere(head.lesion.data > 0.5)
    grid = world_grid(brain, STEP_MM, margin_mm=8.0)
    slices = _slices(grid, brain, apply(to_pet @ head.lesion.affine, lesion))
    placed = {
        name: (volume, [] if (chain := chains[name]) is None else [t1w_to_petref, *chain])
        for name, volume in images.items()
    }
    masks = {
        name: (Volume(data.astype(np.float32), head.brain.affine), [t1w_to_petref])
        for name, data in (
            ("brain", head.brain.data > 0),
            ("border", head.tissue.data == WHITE),
            ("lesion", head.lesion.data),
        )
    }
    write_bytes(path, _picture(_cut(placed, grid, slices), _cut(masks, grid, slices), title))


def _slices(grid: Volume, brain: np.ndarray, lesion: np.ndarray) -> list[int]:
    """Return the index along x, y and z of the three slices.

    The coronal and the axial slice have the most lesion voxels; without lesions, they are at fixed places in the
    brain. The sagittal slice is always at a fixed place. Points (n, 3) of brain and lesions are in the world of the
    grid.
    """
    to_voxels = np.linalg.inv(grid.affine)
    low, high = (apply(to_voxels, edge(brain, axis=0)[None])[0] for edge in (np.min, np.max))
    middle = (low + high) / 2
    chosen = [middle[0] + SAGITTAL_MM / STEP_MM, middle[1], low[2] + AXIAL_SHARE * (high - low)[2]]
    chosen = [int(place) for place in chosen]
    if len(lesion):
        places = np.clip(np.rint(apply(to_voxels, lesion)).astype(int), 0, np.array(grid.shape) - 1)
        chosen[1], chosen[2] = (int(np.bincount(places[:, axis]).argmax()) for axis in (1, 2))
    return chosen


def _cut(
    volumes: Mapping[str, tuple[Volume, Sequence[str | Path]]], grid: Volume, slices: Sequence[int]
) -> dict[str, list[np.ndarray]]:
    """Return each volume as its transforms place it on the slices: dict by name of three arrays, along x, y and z.

    In the arrays, anterior or superior is at the top and the left of the body on the right.
    """
    planes = []
    for axis, index in enumerate(slices):
        shape, corner = list(grid.shape), [0, 0, 0, 1]
        shape[axis], corner[axis] = 1, index
        affine = grid.affine.copy()
        affine[:, 3] = grid.affine @ corner
        planes.append(Volume(np.zeros(shape, np.float32), affine))
    # sagittal: anterior to the left
    return {
        name: [
            _on_plane(volume, plane, chain).squeeze(axis).T[::-1, ::-1] for axis, plane in enumerate(planes)
        ]
        for name, (volume, chain) in volumes.items()
    }


def _on_plane(volume: Volume, plane: Volume, chain: Sequence[str | Path]) -> np.ndarray:
    """Return the values on a grid one voxel thick.

    Without a warp, the matrix is used directly, because ANTs would copy the volume each time.
    """
    if not all(str(path).endswith(".mat") for path in chain):
        return values_on(volume, plane, chain)
    place = np.linalg.inv(volume.affine) @ world_matrix(chain) @ plane.affine
    return affine_transform(
        np.nan_to_num(volume.data), place[:3, :3], place[:3, 3], plane.shape, order=1, output=np.float32
    )


def _picture(shown: dict[str, list[np.ndarray]], masks: dict[str, list[np.ndarray]], title: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    order = (2, 1, 0)  # axis at right angles to each plane
    sizes = [masks["brain"][axis].shape for axis in order]
    column, heights = max(size[1] for size in sizes), [size[0] for size in sizes]
    scale = (WIDTH_PX - 40) / (column * max(4, len(shown)))
    height = sum(heights) * scale + 76
    with matplotlib.rc_context({"font.size": 9, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(WIDTH_PX / DPI, height / DPI), dpi=DPI, facecolor="black")
        FigureCanvasAgg(figure)
        figure.text(0.5, 1 - 14 / height, title, color="white", ha="center", va="center", fontsize=12)
        for row, axis in enumerate(order):
            top = 50 + sum(heights[:row]) * scale
            figure.text(
                13 / WIDTH_PX, 1 - (top + heights[row] * scale / 2) / height, PLANES[row], color="white",
                rotation=90, ha="center", va="center",
            )  # fmt: skip
            for place, (name, data) in enumerate(shown.items()):
                left = 28 + place * column * scale
                axes = figure.add_axes(
                    (
                        left / WIDTH_PX, 1 - (top + heights[row] * scale) / height, column * scale / WIDTH_PX,
                        heights[row] * scale / height,
                    )
                )  # fmt: skip
                window = _window(data, masks["brain"])
                _draw(axes, data[axis], {name: parts[axis] for name, parts in masks.items()}, window)
                if row == 0:
                    axes.set_title(name, color="white", fontsize=11, pad=3)
                if axis != 0:
                    for x, letter in ((0.02, "R"), (0.98, "L")):
                        axes.text(x, 0.5, letter, color="white", ha="center", transform=axes.transAxes)
        legend = ((BRAIN, "brain"), (BORDER, "white–grey border"), (LESION, "lesions"))
        for place, (colour, text) in enumerate(legend):
            figure.text(
                0.3 + 0.2 * place, 12 / height, f"— {text} of the T1w", color=colour, ha="center", va="center"
            )
        stream = io.BytesIO()
        figure.savefig(stream, format="png", facecolor="black", metadata={"Software": None})
    return _with_few_colours(stream)


def _window(data: Sequence[np.ndarray], brain: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """Return the darkest and brightest value of an image's slices; None if they show nothing of the brain."""
    pairs = zip(data, brain, strict=True)
    inside = np.concatenate([part[(mask > 0.5) & (part != 0)] for part, mask in pairs])
    if not inside.size:
        return None
    # the darkest tissue is black and the brightest is not quite white, so that contours stand out
    low, top = np.percentile(inside, [2, 99])
    low, top = max(0.0, low - 0.1 * (top - low)), top + 0.3 * (top - low)
    return low, max(top, low + 1e-6)


def _draw(
    axes: Axes, data: np.ndarray, masks: Mapping[str, np.ndarray], window: tuple[float, float] | None
) -> None:
    low, top = window or (0.0, 1.0)
    axes.imshow(data, cmap="gray", vmin=low, vmax=top, interpolation="bilinear")
    for name, colour, width in (("brain", BRAIN, 0.9), ("border", BORDER, 0.7), ("lesion", LESION, 1.3)):
        mask = masks[name]
        if mask.max() > 0.5 > mask.min():
            axes.contour(mask, levels=[0.5], colors=[colour], linewidths=[width])
    if window is None:
        axes.text(0.5, 0.5, "nothing here", color="white", ha="center", transform=axes.transAxes)
    axes.set_axis_off()


def _with_few_colours(stream: io.BytesIO) -> bytes:
    """Return the same picture with a palette of greys and of the three colours on greys, at a third of the size."""
    from PIL import Image

    greys = np.repeat(np.linspace(0, 255, GREYS)[:, None], 3, axis=1)
    under = np.linspace(0, 255, 5)[:, None]
    inks = [
        part * np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) + (1 - part) * under
        for colour in (BORDER, BRAIN, LESION)
        for part in (0.35, 0.7, 1.0)
    ]
    colours = np.concatenate([greys, *inks]).round().astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes() + bytes(768 - colours.size))
    small = io.BytesIO()
    picture = Image.open(stream).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    picture.save(small, "png", optimize=True)
    return small.getvalue()
