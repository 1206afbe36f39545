"""Agreement of true and predicted PET on demyelinated lesion voxels (Fig. 5B of Wei et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch, Rectangle

from myelosketch.io.names import REGION_CODES
from myelosketch.io.volumes import Volume, has_value
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.slices import (
    brain_window,
    largest_lesion_slice,
    lesion_window,
    load_canonical,
    orientation_marks,
    outline,
    show,
)
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

    from myelosketch.io.run_files import RunFolder
    from myelosketch.reporting.figures.slices import Window

# the brightest grey of the background, dark enough for every class colour
BACKGROUND_TOP = 0.5
# columns of the figure
PATIENTS = 3
# with more voxels than this in a slice, marks would hide the colours
MOST_MARKS = 900


def build_agreement(
    demyelination: str | Path,
    *,
    maps: RunFolder,
    scans: Sequence[str],
    method: str,
    k: float,
    agreement_colours: str = "paper",
    simulated: bool,
) -> tuple[Figure, pd.DataFrame]:
    """Draw Figure 5B: agreement maps of up to three patients, on the true DVR in grey.

    Patients are chosen by their Dice: highest, median and lowest. Good ones alone would be misleading (our choice).

    Parameters
    ----------
    demyelination : path of demyelination.tsv (Dice)
    maps : RunFiles or RunFolder
    scans : scans of patients to choose from
    method : the method compared with the true PET
    k : threshold of the stored demyelination maps
    agreement_colours : ``paper`` or ``colourblind``
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    chosen = choose_by_dice(demyelination, scans=scans, method=method, k=k)
    loaded = [_load(maps, scan, method) for _, scan, _ in chosen]
    figure, grid = _frame(loaded)
    counted = []
    for column, ((word, scan, dice), volumes) in enumerate(zip(chosen, loaded, strict=True)):
        window = _draw_patient(figure, grid, column, volumes, style.AGREEMENT_COLOURS[agreement_colours])
        counts = count_classes(volumes["classes"], window.z)
        counted.append(
            counts.assign(scan=scan, dice=dice, slice=window.z, chosen_as=word, colours=agreement_colours)
        )
        title = f"Patient {scan.removeprefix('sub-')}\n{word} Dice {dice:.2f}, slice {window.z}"
        figure.axes[2 * column].set_title(title, fontsize=9)
        _legend(figure.axes[2 * column + 1], counts, style.AGREEMENT_COLOURS[agreement_colours])
    words = f"Demyelinated lesion voxels, true PET and {method_name(method)}, k = {k:g}"
    style.figure_title(figure, words, simulated=simulated)
    data = pd.concat(counted, ignore_index=True)
    order = ["scan", "chosen_as", "dice", "slice", "class", "n_voxels", "n_voxels_slice", "colour_set"]
    return figure, data.rename(columns={"colours": "colour_set"})[order]


def classify_agreement(true: np.ndarray, predicted: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    """Return the class of each lesion voxel.

    Parameters
    ----------
    true, predicted : arrays (x, y, z), non-zero where demyelinated
    lesion : array (x, y, z), True in lesions

    Returns
    -------
    array (x, y, z) of int8 : -1 outside lesions, else the index in ``style.AGREEMENT_CLASSES``
        (0 both, 1 neither, 2 true PET only, 3 predicted only)
    """
    true, predicted = np.asarray(true) > 0, np.asarray(predicted) > 0
    classes = np.select([true & predicted, ~true & ~predicted, true], [0, 1, 2], default=3)
    return np.where(lesion, classes, -1).astype(np.int8)


def paint_agreement(background: np.ndarray, classes: np.ndarray, palette: Mapping[str, str]) -> np.ndarray:
    """Return an RGB image (rows, columns, 3) with a grey background (0 to 1) and class colours on lesion voxels."""
    image = np.repeat(np.clip(background, 0, 1)[..., None] * BACKGROUND_TOP, 3, axis=2)
    for code, name in enumerate(style.AGREEMENT_CLASSES):
        image[classes == code] = to_rgb(palette[name])
    return image


def count_classes(classes: np.ndarray, z: int) -> pd.DataFrame:
    """Count the voxels of each class in the whole scan and in one slice."""
    return pd.DataFrame(
        {
            "class": style.AGREEMENT_CLASSES,
            "n_voxels": [int((classes == code).sum()) for code in range(4)],
            "n_voxels_slice": [int((classes[:, :, z] == code).sum()) for code in range(4)],
        }
    )


def choose_by_dice(
    demyelination: str | Path, *, scans: Sequence[str], method: str, k: float
) -> list[tuple[str, str, float]]:
    """Return the patients with the highest, median and lowest Dice as (word, scan, dice), or fewer."""
    table = table_to_draw(demyelination, ("method", "scan", "k", "dice"), numeric=("k", "dice"))
    words = f"Dice of {method_name(method)} at k = {k:g}"
    table = finite_rows(rows_of(table, words, method=method, k=k), ("dice",), words)
    table = table[table.scan.isin(scans)].sort_values(["dice", "scan"], ascending=[False, True])
    if table.empty:
        raise NothingToDrawError(f"no patient has a {words}.")
    places = {"highest": 0, "median": len(table) // 2, "lowest": len(table) - 1}
    chosen, seen = [], set()
    for word, place in places.items():
        row = table.iloc[place]
        if row.scan not in seen:
            chosen.append((word, row.scan, float(row.dice)))
            seen.add(row.scan)
    return chosen


def _load(maps: RunFolder, scan: str, method: str) -> dict[str, Any]:
    regions, grid = load_canonical(maps.derivative("regions", scan=scan), dtype=np.uint8)
    dvr, _ = load_canonical(maps.derivative("dvr", scan=scan), like=grid)
    seen = has_value(dvr.data)
    paths = [maps.derivative("demyelinated", scan=scan, method=name) for name in ("pet", method)]
    true, predicted = (load_canonical(path, like=grid, dtype=np.uint8)[0].data for path in paths)
    classes = classify_agreement(true, predicted, seen & (regions.data == REGION_CODES["lesion"]))
    dvr = Volume(np.where(seen, dvr.data, np.nan), dvr.affine, dvr.path)
    return {"regions": regions, "dvr": dvr, "classes": classes}


def _frame(loaded: Sequence[Mapping[str, Any]]) -> tuple[Figure, GridSpec]:
    """Create a figure with two rows and three columns, high enough for the longest head."""
    form = 1.0
    for volumes in loaded:
        regions = volumes["regions"]
        left, right, bottom, top = brain_window(regions.data, 0, regions.voxel_size).extent
        form = max(form, (top - bottom) / (right - left))
    # inches; images have a fixed aspect ratio, so the frame is computed instead of using a layout engine
    edge, gap, head, foot = 0.08, 0.1, 0.9, 1.15
    side = (style.WIDTH - 2 * edge - (PATIENTS - 1) * gap) / PATIENTS
    height = head + side * form + gap + side + foot
    figure = plt.figure(figsize=(style.WIDTH, height), layout="none")
    grid = figure.add_gridspec(
        2,
        PATIENTS,
        height_ratios=[form, 1],
        left=edge / style.WIDTH,
        right=1 - edge / style.WIDTH,
        top=1 - head / height,
        bottom=foot / height,
        wspace=gap / side,
        hspace=2 * gap / (side * (form + 1)),
    )
    return figure, grid


def _draw_patient(
    figure: Figure, grid: GridSpec, column: int, volumes: Mapping[str, Any], palette: Mapping[str, str]
) -> Window:
    """Draw the whole slice above and its lesions enlarged below. Return the window of the slice."""
    regions = volumes["regions"]
    z = largest_lesion_slice(regions.data)
    whole = brain_window(regions.data, z, regions.voxel_size)
    zoom = lesion_window(regions.data, z, regions.voxel_size)
    inside = volumes["dvr"].data[regions.data > 0]
    low, high = np.nanpercentile(inside, [2, 98])
    for row, window in enumerate((whole, zoom)):
        axes = figure.add_subplot(grid[row, column], anchor="N")
        background = np.where(window.cut(regions.data) > 0, window.cut(volumes["dvr"].data), low)
        background = np.nan_to_num((background - low) / max(high - low, 1e-6))
        classes = window.cut(volumes["classes"])
        show(axes, paint_agreement(background, classes, palette), window, cmap=None, limits=(None, None))
        orientation_marks(axes, size=8)
        if row == 1:
            outline(axes, classes >= 0, window, width=0.4)
            _mark_classes(axes, classes, window)
    left, right, bottom, top = zoom.extent
    figure.axes[2 * column].add_patch(
        Rectangle((left, bottom), right - left, top - bottom, fill=False, edgecolor="white", linewidth=0.8)
    )
    return whole


def _mark_classes(axes: Axes, classes: np.ndarray, window: Window) -> None:
    """Mark every class except "neither", so that the classes differ in grey too (our choice)."""
    if (classes >= 0).sum() > MOST_MARKS:
        return
    for code, sign, colour in ((0, ".", "black"), (2, "x", "white"), (3, "+", "black")):
        row, column = np.nonzero(classes == code)
        x = (window.x[0] + column + 0.5) * window.voxel_size[0]
        y = (window.y[0] + row + 0.5) * window.voxel_size[1]
        axes.plot(x, y, sign, color=colour, ms=3.5, mew=0.9, linestyle="")


def _legend(axes: Axes, counts: pd.DataFrame, palette: Mapping[str, str]) -> None:
    signs = {"both": " (\u00b7)", "true_only": " (\u00d7)", "predicted_only": " (+)"}
    handles = [
        Patch(
            facecolor=palette[name],
            edgecolor="black",
            linewidth=0.6,
            label=f"{style.AGREEMENT_LABELS[name]}{signs.get(name, '')}: {count:,} voxels",
        )
        for name, count in zip(counts["class"], counts.n_voxels, strict=True)
    ]
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        fontsize=8,
        handlelength=1.2,
        title="All lesion voxels of the patient",
        title_fontsize=8,
    )
