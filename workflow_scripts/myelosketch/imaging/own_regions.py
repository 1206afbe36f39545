"""Read a user's own label image and its names, check it against the brain, and bring it to a PET grid."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from myelosketch.errors import InputError
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import Volume, load_volume

# an image with more different numbers than any parcellation shows a signal, not labels
MOST_LABELS = 2000
# share of the labelled voxels that must be in the brain (assumed: nearly all labels of a brain are)
LEAST_IN_BRAIN = 0.5
# labels that a tool stores as floats differ from whole numbers by at most this
WHOLE = 1e-3
# a PET voxel is sampled at this many points or more along each axis. Twice as many take three times as long and
# change 1 % of the voxels of 100 labels: those that two labels share almost evenly
FEWEST = 3
# largest number of characters of an index that a message shows
SHOWN = 40
_LUT_LINE = re.compile(r"\s*(\d+)\s+(\S+)(?:\s+\d+){3,4}\s*(?:#.*)?")


class GridLabels(NamedTuple):
    """Labels on a grid (int32 array, 0 outside), and voxels of each label beyond the grid's edge (dict of int)."""

    data: np.ndarray
    beyond: dict[int, int]


def load_labels(path: str | Path) -> Volume:
    """Return a label image, whatever its data type in the file.

    Parameters
    ----------
    path : NIfTI or MGH

    Returns
    -------
    Volume : int32, 0 outside the regions

    Raises
    ------
    InputError : the values are not labels
    """
    volume = load_volume(path, dtype=np.float64)
    data = volume.data
    if not np.isfinite(data).all():
        raise InputError(f"{path} has voxels that are not numbers: write 0 outside the regions.")
    if data.min() < -WHOLE or data.max() > np.iinfo(np.int32).max:
        raise InputError(
            f"{path} has values from {data.min():.6g} to {data.max():.6g}; expected labels, whole numbers "
            "from 0: give the label image."
        )
    labels = np.rint(data).astype(np.int32)
    if np.abs(data - labels).max() > WHOLE:
        raise InputError(
            f"{path} has values that are not whole numbers (up to {data.max():.6g}), so it is not a label "
            "image: give the labels, or resample them by nearest neighbour."
        )
    count = pd.unique(labels.ravel()).size
    if count > MOST_LABELS:
        raise InputError(
            f"{path} has {count} different numbers, expected at most {MOST_LABELS} labels: is it the right "
            "image?"
        )
    if not labels.any():
        raise InputError(f"{path} is 0 everywhere; expected at least one label: give the label image.")
    return Volume(labels, volume.affine, str(path))


def read_names(path: str | Path) -> dict[int, str]:
    """Return the names of labels by their number.

    Parameters
    ----------
    path : TSV or CSV with ``index`` and ``name`` (BIDS), or text as FreeSurferColorLUT.txt: number, name, R, G, B, A

    Returns
    -------
    dict : number to name

    Raises
    ------
    InputError : a missing column, no line with a name, text that is not a number, or a number with two names
    """
    if Path(path).suffix.lower() in (".tsv", ".csv"):
        pairs = _from_table(path)
    else:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        found = filter(None, map(_LUT_LINE.fullmatch, text.splitlines()))
        pairs = [(match[1], match[2]) for match in found]
        if not pairs:
            raise InputError(
                f"{path} has no line with a number, a name and a colour, as in FreeSurferColorLUT.txt: "
                "give such a file, or a TSV with the columns index and name."
            )
    names: dict[int, str] = {}
    for number, name in pairs:
        if not re.fullmatch(r"\d{1,9}(\.0*)?", number):
            raise InputError(
                f"{path} has the index {number[:SHOWN]!r}; expected a whole number from 0 with at most "
                "nine digits: correct it."
            )
        index = int(float(number))
        if names.setdefault(index, name) != name:
            raise InputError(
                f"{path} names the label {index} twice ({names[index]} and {name}): keep one of the names."
            )
    return names


def _from_table(path: str | Path) -> list[tuple[str, str]]:
    table = read_table(path)
    absent = [name for name in ("index", "name") if name not in table]
    if absent:
        raise InputError(
            f"{path} lacks the column {' and '.join(absent)} (found {', '.join(table.columns)}): a table of labels "
            "has index and name."
        )
    table = table.dropna(subset=["index", "name"])
    return list(zip(table["index"].astype(str), table["name"].astype(str), strict=True))


def check_place(labels: Volume, brain: Volume, space: str) -> None:
    """Raise an error if too few labelled voxels are in the brain that the label image should be aligned with.

    Parameters
    ----------
    labels : Volume, 0 outside the regions
    brain : Volume, above 0 inside, in the same world space
    space : name of the image or template that the labels should be aligned with, for the message

    Raises
    ------
    InputError : the share of the labelled voxels in the brain is below LEAST_IN_BRAIN
    """
    index = np.argwhere(labels.data > 0)
    index = index[:: max(1, len(index) // 100_000)]
    to_brain = np.linalg.inv(brain.affine) @ labels.affine
    voxels = np.rint(index @ to_brain[:3, :3].T + to_brain[:3, 3]).astype(int)
    voxels = voxels[((voxels >= 0) & (voxels < brain.shape)).all(axis=1)]
    share = float((brain.data[tuple(voxels.T)] > 0).sum() / len(index))
    if share < LEAST_IN_BRAIN:
        raise InputError(
            f"{labels.path} is not aligned with {space}: {100 * share:.0f} % of its labelled voxels are "
            "in that brain, "
            f"expected at least {100 * LEAST_IN_BRAIN:.0f} %: give an image in that space."
        )


def labels_on_grid(
    labels: Volume,
    shape: tuple[int, ...],
    affine: np.ndarray,
    matrix: np.ndarray,
    *,
    threshold: float,
    unbend: Callable[[np.ndarray], np.ndarray] | None = None,
    reach_mm: float = 0.0,
) -> GridLabels:
    """Return the label that fills most of each voxel of a grid, if it fills at least a share of it.

    Every voxel is sampled at points that are evenly spread in it, and each point has the label of the label voxel
    that it is in. Along each axis there are as many points as label voxels that the voxel spans, or a multiple of
    that number, and at least FEWEST. Each label image is thus interpolated only once, the numbers of labels are never
    averaged, and the time hardly depends on the number of labels.

    Parameters
    ----------
    labels : Volume, int32, 0 outside the regions
    shape, affine : of the grid, (3,) and (4, 4)
    matrix : array (4, 4), points of the grid's world to points of the labels' world, mm
    threshold : share of a voxel that its label must fill; of two labels with equal shares, the lower number is taken
    unbend : function that undoes a bend, from points (3, n) in the labels' world to points in it, mm; the
        displacement is taken as constant within a voxel
    reach_mm : largest distance that ``unbend`` moves a point

    Returns
    -------
    GridLabels
    """
    to_labels = np.linalg.inv(labels.affine) @ matrix @ affine
    start, size = _content_box(
        labels, np.linalg.inv(to_labels), reach_mm / np.linalg.norm(affine[:3, :3], axis=0)
    )
    codes, numbers = pd.factorize(labels.data.ravel(), sort=True)  # numpy.unique would sort all voxels
    if numbers[0] != 0:  # an image without background
        numbers, codes = np.insert(numbers, 0, 0), codes + 1
    codes = codes.reshape(labels.shape).astype(np.uint16)
    offsets = _offsets(np.linalg.norm(to_labels[:3, :3], axis=0))
    filled = np.zeros(size, np.uint16)
    to_world = matrix @ affine
    for x in range(size[0]):
        index = np.indices((1, *size[1:]), np.float64).reshape(3, -1) + (start + [x, 0, 0])[:, None]
        if unbend is None:
            centres = to_labels[:3, :3] @ index + to_labels[:3, 3:]
        else:
            to_voxel = np.linalg.inv(labels.affine)
            points = unbend(to_world[:3, :3] @ index + to_world[:3, 3:])
            centres = to_voxel[:3, :3] @ points + to_voxel[:3, 3:]
        samples = np.stack(
            [_nearest(codes, centres + (to_labels[:3, :3] @ step)[:, None]) for step in offsets]
        )
        filled[x] = _owner(samples, threshold * len(offsets)).reshape(size[1:])
    inside = [
        slice(max(0, -first), max(0, -first, min(side, length - first)))
        for first, side, length in zip(start, size, shape, strict=True)
    ]
    data = np.zeros(shape, np.int32)
    there = tuple(
        slice(part.start + first, part.stop + first) for part, first in zip(inside, start, strict=True)
    )
    data[there] = numbers[filled[tuple(inside)]]
    whole, kept = (
        np.bincount(filled.ravel(), minlength=len(numbers)),
        np.bincount(filled[tuple(inside)].ravel(), minlength=len(numbers)),
    )
    beyond = {int(number): int(count) for number, count in zip(numbers, whole - kept, strict=True) if number}
    return GridLabels(data, beyond)


def inverse_of_bend(field: np.ndarray, affine: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that undoes a displacement field, by fixed-point iteration.

    Parameters
    ----------
    field : array (x, y, z, 3), displacement in mm, RAS
    affine : array (4, 4), of the field's grid

    Returns
    -------
    function : points q (3, n), mm, to the points p with p + field(p) = q, to about 0.01 mm where nothing folds
    """
    to_voxel = np.linalg.inv(affine)

    def at(points: np.ndarray) -> np.ndarray:
        voxels = to_voxel[:3, :3] @ points + to_voxel[:3, 3:]
        return np.stack(
            [ndimage.map_coordinates(field[..., axis], voxels, order=1, mode="nearest") for axis in range(3)]
        )

    def unbend(points: np.ndarray) -> np.ndarray:
        found = points
        for _ in range(50):
            previous, found = found, points - at(found)
            if np.abs(found - previous).max(initial=0) < 0.01:
                break
        return found

    return unbend


def _content_box(
    labels: Volume, to_grid: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the first voxel and the size of the box of a grid that holds the labelled voxels.

    The box may reach beyond the edge of the grid.
    """
    bounds = []
    for axis in range(3):
        used = np.flatnonzero((labels.data > 0).any(axis=tuple(other for other in range(3) if other != axis)))
        bounds.append((used[0] - 0.5, used[-1] + 0.5))
    corners = np.stack(np.meshgrid(*bounds, indexing="ij")).reshape(3, -1)
    places = to_grid[:3, :3] @ corners + to_grid[:3, 3:]
    first = np.floor(places.min(axis=1) - reach).astype(int)
    last = np.ceil(places.max(axis=1) + reach).astype(int)
    return first, tuple(int(side) for side in last - first + 1)


def _offsets(span: np.ndarray) -> np.ndarray:
    """Return the places to sample within a voxel, array (n, 3) from -0.5 to 0.5.

    ``span`` is the number of label voxels that the voxel spans along each axis.
    """
    spans = [max(1, int(np.ceil(side - 1e-3))) for side in span]
    counts = [side * -(-FEWEST // side) for side in spans]
    places = [(np.arange(count) + 0.5) / count - 0.5 for count in counts]
    return np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 3)


def _nearest(codes: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Return the code of the voxel that each place (3, n) is in, 0 beyond the image."""
    index = np.floor(voxels + 0.5).astype(np.int32)
    inside = ((index >= 0) & (index < np.array(codes.shape)[:, None])).all(axis=0)
    result = np.zeros(voxels.shape[1], codes.dtype)
    result[inside] = codes[tuple(index[:, inside])]
    return result


def _owner(samples: np.ndarray, least: float) -> np.ndarray:
    """Return the most frequent code above 0 of each column of samples (k, n), or 0 if it is rarer than ``least``."""
    owner = samples[0].copy()
    mixed = np.flatnonzero((samples != samples[0]).any(axis=0))
    ordered = np.sort(samples[:, mixed], axis=0)
    run = np.ones(mixed.size, int)
    most, best = np.where(ordered[0] > 0, 1, 0), ordered[0].copy()
    for before, row in zip(ordered, ordered[1:], strict=False):
        run = np.where(row == before, run + 1, 1)
        better = (run > most) & (row > 0)
        most, best = np.where(better, run, most), np.where(better, row, best)
    owner[mixed] = np.where(most >= least - 1e-9, best, 0)
    return owner
