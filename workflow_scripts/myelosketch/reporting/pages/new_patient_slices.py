"""Slices of a new patient: MRI, predicted DVR and its expected error, each with one scale for the whole brain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.slices import brain_window, lesion_window, load_canonical
from myelosketch.reporting.pages.patient_maps import MAP_UNITS, number_lesions, robust_limits, widest_slices
from myelosketch.reporting.pages.slice_panels import (
    GREY,
    Panel,
    colour_bar,
    map_panel,
    mark_path,
    outline_path,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from myelosketch.reporting.figures.slices import Window

STEP_MM = 4.0  # between the slices shown
AROUND_MM = 8.0  # shown beyond the highest and the lowest lesion
MOST_SLICES = 45
ENLARGED = 4  # lesions that are shown enlarged
GAP_MM = 6.0  # between two slices through the largest lesions
LEAST_BRAIN = (
    0.1  # least area of brain in a slice, as a share of the largest one; used where there is no lesion
)
ERROR_CMAP = "magma"
PREDICTED, ERROR = "Predicted DVR", "Expected error"
SIGN = "+"  # in the middle of a demyelinated voxel


class NewMaps(NamedTuple):
    """The volumes of one scan, all on one canonical grid: arrays (x, y, z)."""

    shown: dict[str, np.ndarray]  # title -> map
    demyelinated: np.ndarray
    regions: np.ndarray
    lesions: np.ndarray  # number of the lesion as in the table, 0 outside
    affine: np.ndarray
    voxel_size: np.ndarray

    @property
    def lesion(self) -> np.ndarray:
        return self.regions == REGION_CODES["lesion"]

    @property
    def brain(self) -> np.ndarray:
        return self.regions > 0


class Scale(NamedTuple):
    """Colour scale of a map: name, colour bar as data URI, text of its ends, unit."""

    title: str
    image: str
    low: str
    high: str
    unit: str


def load_new_maps(files: Mapping[str, str | Path], *, predicted: bool) -> NewMaps:
    """Read the maps of a scan onto one canonical grid.

    Parameters
    ----------
    files : dict: mtr, fa, rd, ad, regions; for a prediction also predicted, expected_error and demyelinated
    predicted : whether the prediction is shown; without it only the MRI is read

    Raises
    ------
    GeometryError : the grids differ
    """
    regions, grid = load_canonical(files["regions"], dtype=np.int16)

    def read(key: str, dtype: DTypeLike = np.float32) -> np.ndarray:
        return load_canonical(files[key], like=grid, dtype=dtype)[0].data

    shown = {name: read(name.lower()) for name in INPUT_MAPS}
    if predicted:
        shown |= {PREDICTED: read("predicted"), ERROR: read("expected_error")}
    return NewMaps(
        shown=shown,
        demyelinated=read("demyelinated", np.uint8) > 0 if predicted else np.zeros(regions.shape, bool),
        regions=regions.data,
        lesions=number_lesions(grid, grid.data),
        affine=regions.affine,
        voxel_size=regions.voxel_size,
    )


def scales(maps: NewMaps, healthy: Mapping[str, Any]) -> dict[str, tuple[tuple[float, float], str]]:
    """Return limits of the colours and colour map of every map, by its title.

    DVR has the same scale in every patient of a model: from 4 SD below the healthy mean to 2 SD above it.
    """
    brain = maps.brain
    found = {name: (robust_limits(maps.shown[name][brain]), GREY) for name in INPUT_MAPS}
    if PREDICTED in maps.shown:
        mean, sd = healthy["mean"], healthy["sd"]
        low, high = np.floor((mean - 4 * sd) * 20) / 20, np.ceil((mean + 2 * sd) * 20) / 20
        found[PREDICTED] = ((max(float(low), 0.0), float(high)), style.DVR_CMAP)
        top = robust_limits(maps.shown[ERROR][brain])[1]
        found[ERROR] = ((0.0, float(np.ceil(top * 50) / 50)), ERROR_CMAP)
    return found


def scale_bars(limits: Mapping[str, tuple[tuple[float, float], str]]) -> list[Scale]:
    """Return the colour bar of every map, with its unit."""
    bars = []
    for title, ((low, high), cmap) in limits.items():
        ends = [f"{end:.2f}" if title in (PREDICTED, ERROR) else f"{end:.2g}" for end in (low, high)]
        unit = {PREDICTED: "ratio", ERROR: "DVR"}.get(title) or MAP_UNITS[title]
        bars.append(Scale(title, colour_bar(cmap), ends[0], ends[1], unit))
    return bars


def choose_strip(maps: NewMaps, printed: int) -> tuple[list[int], list[int]]:
    """Return the slices of the page, the highest first, and those of them that are printed.

    There is a slice every 4 mm in the part of the brain that holds lesions, or in the whole brain if there is none.
    The slices where the largest lesions are widest are among them.

    Parameters
    ----------
    maps : NewMaps
    printed : largest number of slices in print

    Returns
    -------
    (list of int, list of int) : the second is part of the first
    """
    dz = float(maps.voxel_size[2])
    area = maps.brain.sum(axis=(0, 1))
    used = np.flatnonzero(area > LEAST_BRAIN * area.max())
    if maps.lesions.any():
        held = np.flatnonzero(maps.lesion.any(axis=(0, 1)))
        around = round(AROUND_MM / dz)
        low, high = max(held[0] - around, 0), min(held[-1] + around, len(area) - 1)
        low, high = max(low, np.flatnonzero(area)[0]), min(high, np.flatnonzero(area)[-1])
        telling = widest_slices(maps.lesions, maps.brain, maps.voxel_size, most=printed, gap_mm=GAP_MM)
    else:
        low, high = used[0], used[-1]
        telling = sorted({int(low + share * (high - low)) for share in (0.6, 0.5, 0.7)[:printed]})
    step = max(STEP_MM / dz, (high - low) / MOST_SLICES)
    regular = {int(z) for z in np.round(np.arange(low, high + 0.5, max(step, 1.0)))}
    near = {z for z in regular for other in telling if abs(z - other) <= step / 2}
    return sorted((regular - near) | set(telling), reverse=True), telling


def slice_content(
    maps: NewMaps, healthy: Mapping[str, Any], *, listed: int, printed: int, colour: str
) -> dict[str, Any]:
    """Return what the template shows of the maps.

    Parameters
    ----------
    maps : NewMaps
    healthy : dict, mean and sd of healthy white matter
    listed : number of lesions in the table
    printed : largest number of slices on the printed sheet
    colour : colour of the sign on demyelinated voxels

    Returns
    -------
    dict : ``lesions`` (whether there is any), ``scales``, ``slices`` (of :func:`slice_row`), ``jumps`` (number of a
        lesion -> address of its slice), ``enlarged`` (the largest lesions)
    """
    limits = scales(maps, healthy)
    strip, telling = choose_strip(maps, printed)
    return {
        "lesions": bool(maps.lesions.any()),
        "scales": scale_bars(limits),
        "slices": [slice_row(maps, z, limits, listed, colour) | {"printed": z in telling} for z in strip],
        "jumps": {str(n): f"#slice-{nearest_slice(maps, n, strip)}" for n in range(1, listed + 1)},
        "enlarged": [enlarged_row(maps, n, limits, colour) for n in range(1, min(listed, ENLARGED) + 1)],
    }


def nearest_slice(maps: NewMaps, number: int, strip: Sequence[int]) -> int:
    """Return the slice of the strip that shows most of a lesion, or the nearest one if none shows it."""
    areas = (maps.lesions == number).sum(axis=(0, 1))
    widest = int(np.argmax(areas))
    return max(strip, key=lambda z: (areas[z], -abs(z - widest)))


def panel_ratio(maps: NewMaps) -> float:
    """Return the height of a panel divided by its width."""
    left, right, bottom, top = brain_window(maps.regions, 0, maps.voxel_size).extent
    return (top - bottom) / (right - left)


def slice_row(
    maps: NewMaps,
    z: int,
    limits: Mapping[str, tuple[tuple[float, float], str]],
    listed: int,
    colour: str,
) -> dict[str, Any]:
    """Return a slice: its place in mm, the lesions in it, the path of their outlines and a panel of every map."""
    window = brain_window(maps.regions, z, maps.voxel_size)
    place = slice_place(maps.affine, maps.regions.shape, z)
    numbers = [int(number) for number in np.unique(maps.lesions[:, :, z]) if number]
    return {
        "z": z,
        "place": place,
        "lesions": lesion_words(numbers, listed),
        "lines": outline_path(window.cut(maps.lesion), window.voxel_size),
        "panels": _panels(maps, window, limits, colour, f"axial slice at {place}", outlined=False),
    }


def lesion_words(numbers: Sequence[int], listed: int) -> str:
    """Return words on the lesions in a slice: numbers of those in the table, and "small ones" for the others."""
    told = [str(number) for number in numbers if number <= listed]
    if not told:
        return "" if not numbers else "small lesions only" if listed else "with lesions"
    others = " and small ones" if len(told) < len(numbers) else ""
    return f"lesion{'s' if len(told) > 1 else ''} {', '.join(told)}{others}"


def enlarged_row(
    maps: NewMaps, number: int, limits: Mapping[str, tuple[tuple[float, float], str]], colour: str
) -> dict[str, Any]:
    """Return a lesion enlarged, in the slice where it is widest."""
    only = maps.lesions == number
    z = int(np.argmax(only.sum(axis=(0, 1))))
    window = lesion_window(np.where(only, REGION_CODES["lesion"], 0), z, maps.voxel_size)
    place = slice_place(maps.affine, maps.regions.shape, z)
    where = f"lesion {number}, axial slice at {place}"
    return {
        "lesion": number,
        "place": place,
        "panels": _panels(maps, window, limits, colour, where, outlined=True),
    }


def _panels(
    maps: NewMaps,
    window: Window,
    limits: Mapping[str, tuple[tuple[float, float], str]],
    colour: str,
    where: str,
    *,
    outlined: bool,
) -> list[Panel]:
    """Return a panel of every map; without ``outlined`` the template draws the outlines."""
    lesion = maps.lesion if outlined else np.zeros_like(maps.lesion)
    panels = []
    for title, data in maps.shown.items():
        (low, high), cmap = limits[title]
        panel = map_panel(
            title, "", data, window, limits=(low, high), lesion=lesion, brain=maps.brain, cmap=cmap
        )
        marks: tuple[tuple[str, str], ...] = ()
        if title == PREDICTED:
            path = mark_path(window.cut(maps.demyelinated), window.voxel_size, SIGN)
            marks = ((path, colour),) if path else ()
        panels.append(panel._replace(alt=f"{title}, {where}", marks=marks))
    return panels


def slice_place(affine: np.ndarray, shape: tuple[int, ...], z: int) -> str:
    """Return the height of the middle of a slice in the scanner's coordinates, as ``z = +24 mm``."""
    middle = affine @ [(shape[0] - 1) / 2, (shape[1] - 1) / 2, z, 1]
    return f"z = {round(float(middle[2])):+d} mm".replace("-", "\u2212")
