"""Slices for web pages: small images with one pixel per voxel, and outlines and marks as SVG on top."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np

from myelosketch.reporting.figures import style

if TYPE_CHECKING:
    from myelosketch.reporting.figures.slices import Window

GREY = "gray"
SHADES = 256


class Panel(NamedTuple):
    """An image of a page: ``image`` is a data URI, sizes are in mm, ``lines`` and ``marks`` are SVG paths in mm."""

    title: str
    note: str
    alt: str
    image: str
    width: float
    height: float
    lines: str = ""
    marks: tuple[tuple[str, str], ...] = ()  # (path, colour)


def map_panel(
    title: str,
    note: str,
    data: np.ndarray,
    window: Window,
    *,
    limits: tuple[float, float],
    lesion: np.ndarray,
    brain: np.ndarray,
    cmap: str = GREY,
) -> Panel:
    """Return a map in a window of a slice, black outside the brain, with outlines of lesions.

    Parameters
    ----------
    title, note : str, above and below the image
    data : array (x, y, z), canonical; NaN is black
    window : :class:`myelosketch.reporting.figures.slices.Window`
    limits : (low, high) of the colours
    lesion, brain : bool arrays (x, y, z)
    cmap : name of a colour map

    Returns
    -------
    Panel
    """
    inside = window.cut(brain)
    values = np.where(inside, window.cut(data), np.nan)
    low, high = limits
    # shade 0 is for voxels without a value
    shades = 1 + np.clip((values - low) / max(high - low, 1e-9), 0, 1) * (SHADES - 2)
    shades = np.where(np.isfinite(values), shades, 0)
    colours = np.vstack([np.zeros((1, 3)), mpl.colormaps[cmap](np.linspace(0, 1, SHADES - 1))[:, :3]])
    return _panel(
        title, note, shades, colours, window, lines=outline_path(window.cut(lesion), window.voxel_size)
    )


def agreement_panel(
    title: str,
    note: str,
    background: np.ndarray,
    classes: np.ndarray,
    window: Window,
    *,
    palette: Mapping[str, str],
    brain: np.ndarray,
) -> Panel:
    """Return the agreement of two demyelination maps in the lesions of a window, on a grey background.

    Parameters
    ----------
    background : array (x, y, z) in 0 to 1, shown in dark grey
    classes : array (x, y, z), of :func:`myelosketch.reporting.figures.agreement.classify_agreement`
    palette : dict, class -> colour

    Returns
    -------
    Panel : with a dot on "both", a cross on "true PET only" and a plus on "predicted only", so that the classes
        differ in grey too
    """
    n_greys = SHADES - len(style.AGREEMENT_CLASSES)
    grey = np.linspace(0, 0.5, n_greys)[:, None].repeat(3, axis=1)
    colours = np.vstack([grey, [mpl.colors.to_rgb(palette[name]) for name in style.AGREEMENT_CLASSES]])
    shown = window.cut(classes).astype(int)
    shades = np.nan_to_num(np.clip(window.cut(background), 0, 1)) * (n_greys - 1) * window.cut(brain)
    shades = np.where(shown >= 0, n_greys + shown, shades)
    marks = tuple(
        (mark_path(shown == style.AGREEMENT_CLASSES.index(name), window.voxel_size, sign), colour)
        for name, sign, colour in AGREEMENT_SIGNS
        if (shown == style.AGREEMENT_CLASSES.index(name)).any()
    )
    return _panel(title, note, shades, colours, window, marks=marks)


AGREEMENT_SIGNS = (
    ("both", "\u00b7", "#000000"),
    ("true_only", "\u00d7", "#ffffff"),
    ("predicted_only", "+", "#000000"),
)


def colour_bar(cmap: str) -> str:
    """Return a horizontal colour bar as data URI."""
    return png_uri(np.arange(SHADES)[None], mpl.colormaps[cmap](np.linspace(0, 1, SHADES))[:, :3])


def outline_path(mask: np.ndarray, voxel_size: Sequence[float] | np.ndarray) -> str:
    """Return an SVG path along the edges of a mask (x, y of `Window.cut`), in mm from the upper left of the panel."""
    inside = np.pad(_radiological(np.asarray(mask, bool)), 1)
    dx, dy = (float(side) for side in voxel_size[:2])
    rows, columns = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])
    across = [f"M{x * dx:g} {y * dy:g}h{dx:g}" for y, x in zip(rows, columns, strict=True)]
    rows, columns = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])
    down = [f"M{x * dx:g} {y * dy:g}v{dy:g}" for y, x in zip(rows, columns, strict=True)]
    return "".join(across + down)


def mark_path(mask: np.ndarray, voxel_size: Sequence[float] | np.ndarray, sign: str) -> str:
    """Return an SVG path with a sign in the middle of every voxel of a mask: a dot, a cross or a plus."""
    dx, dy = (float(side) for side in voxel_size[:2])
    arm = min(dx, dy) * 0.22
    shapes = {
        "\u00b7": "m{n:g} 0h{d:g}",
        "\u00d7": "m{n:g} {n:g}l{d:g} {d:g}m0 {m:g}l{m:g} {d:g}",
        "+": "m{n:g} 0h{d:g}m{n:g} {n:g}v{d:g}",
    }
    reach = arm / 3 if sign == "\u00b7" else arm
    shape = shapes[sign].format(n=-reach, d=2 * reach, m=-2 * reach)
    rows, columns = np.nonzero(_radiological(np.asarray(mask, bool)))
    return "".join(
        f"M{(x + 0.5) * dx:g} {(y + 0.5) * dy:g}{shape}" for y, x in zip(rows, columns, strict=True)
    )


def png_uri(shades: np.ndarray, colours: np.ndarray) -> str:
    """Return a PNG of indexed colours as data URI.

    Parameters
    ----------
    shades : array (rows, columns), indices 0 to 255
    colours : array (n, 3), 0 to 1

    Returns
    -------
    str
    """
    from PIL import Image

    # a palette is larger than a small image, so it holds the colours in use only, and greys have none
    used, places = np.unique(np.asarray(shades).round().astype(int), return_inverse=True)
    palette = (np.asarray(colours)[used] * 255).round().astype(np.uint8)
    places = places.reshape(np.shape(shades)).astype(np.uint8)
    if (palette == palette[:, :1]).all():
        image = Image.fromarray(palette[places, 0])
    else:
        image = Image.fromarray(places)
        image.putpalette(palette.tobytes())
    stream = io.BytesIO()
    image.save(stream, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _radiological(image: np.ndarray) -> np.ndarray:
    """Rows from anterior to posterior, columns from the participant's right to the left."""
    return image[::-1, ::-1]


def _panel(
    title: str, note: str, shades: np.ndarray, colours: np.ndarray, window: Window, **drawn: Any
) -> Panel:
    left, right, bottom, top = window.extent
    alt = f"{title}, axial slice {window.z}"
    return Panel(
        title, note, alt, png_uri(_radiological(shades), colours), right - left, top - bottom, **drawn
    )
