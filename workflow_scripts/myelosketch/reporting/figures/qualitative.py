"""One patient, one slice: MRI maps, true DVR and every prediction of it (Fig. 3 of Wei et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, ListedColormap

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.io.volumes import has_value
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.slices import (
    brain_window,
    largest_lesion_slice,
    load_canonical,
    orientation_marks,
    outline,
    radiological,
    show,
)
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, table_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from myelosketch.io.run_files import RunFolder
    from myelosketch.reporting.figures.slices import Window

MAP_UNITS = {
    "MTR": "%",
    "FA": "unitless",
    "RD": "10\u207b\u00b3 mm\u00b2/s",
    "AD": "10\u207b\u00b3 mm\u00b2/s",
}
COLUMNS = 5


def build_qualitative(
    region_volumes: str | Path,
    *,
    maps: RunFolder,
    scans: Sequence[str],
    methods: Sequence[str],
    example_patient: str = "",
    simulated: bool,
) -> tuple[Figure, pd.DataFrame]:
    """Draw Figure 3: input maps, true DVR and predictions in the slice through the largest lesion of one patient.

    Parameters
    ----------
    region_volumes : path of region_volumes.tsv (lesion load)
    maps : RunFiles or RunFolder
    scans : scans of patients to choose from
    methods : methods to show, in order
    example_patient : scan to show; blank shows the patient with the median lesion load
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn

    Raises
    ------
    InputError : ``example_patient`` is not one of ``scans``
    """
    scan = choose_patient(scans, region_volumes, example_patient)
    regions, grid = load_canonical(maps.derivative("regions", scan=scan), dtype=np.uint8)
    window = brain_window(regions.data, largest_lesion_slice(regions.data), regions.voxel_size)
    paths = {name: maps.derivative(name.lower(), scan=scan) for name in INPUT_MAPS}
    paths |= {"pet": maps.derivative("dvr", scan=scan)}
    paths |= {method: maps.derivative("predicted", scan=scan, method=method) for method in methods}
    shown = {name: load_canonical(path, like=grid)[0].data for name, path in paths.items()}
    shown["pet"] = np.where(has_value(shown["pet"]), shown["pet"], np.nan)
    figure = _panels(shown, regions.data, window, methods)
    load = float((regions.data == REGION_CODES["lesion"]).sum() * regions.voxel_volume / 1000)
    style.figure_title(
        figure,
        f"Patient {scan.removeprefix('sub-')}, axial slice {window.z} through the largest lesion, "
        f"lesion load {load:.1f} mL",
        simulated=simulated,
    )
    return figure, _slice_values(shown, regions.data, window, scan)


def choose_patient(scans: Sequence[str], region_volumes: str | Path, patient: str | None = None) -> str:
    """Return the requested scan, or the patient with the median lesion load (the lower of the two middle ones)."""
    if not scans:
        raise NothingToDrawError("the cohort has no patient.")
    if patient:
        wanted = patient if str(patient).startswith("sub-") else f"sub-{patient}"
        if wanted not in scans:
            raise InputError(
                f"reporting.example_patient is {patient!r}, which is not a patient of this cohort; "
                f"expected one of {', '.join(scans)}, or blank for the median lesion load."
            )
        return wanted
    table = table_to_draw(region_volumes, ("scan", "region", "volume_ml"), numeric=("volume_ml",))
    table = table[(table.region == "lesion") & table.scan.isin(scans)]
    table = finite_rows(table, ("volume_ml",), "lesion volume")
    table = table[table.volume_ml > 0].sort_values(["volume_ml", "scan"])
    if table.empty:
        raise NothingToDrawError("no patient has a lesion.")
    return str(table.scan.iloc[(len(table) - 1) // 2])


def _panels(
    maps: Mapping[str, np.ndarray], regions: np.ndarray, window: Window, methods: Sequence[str]
) -> Figure:
    brain = window.cut(regions) > 0
    lesion = window.cut(regions) == REGION_CODES["lesion"]
    dvr = ["pet", *methods]
    rows = -(-len(dvr) // COLUMNS)
    left, right, bottom, top = window.extent
    panel = (style.WIDTH - 0.9) / COLUMNS * (top - bottom) / (right - left)
    figure = plt.figure(figsize=(style.WIDTH, 0.45 + (panel + 0.62) + rows * (panel + 0.38)))
    grid = figure.add_gridspec(1 + rows, COLUMNS, height_ratios=[panel + 0.42, *[panel + 0.3] * rows])
    for column, name in enumerate(INPUT_MAPS):
        axes = figure.add_subplot(grid[0, column])
        image = np.where(brain, window.cut(maps[name]), np.nan)
        shown = show(axes, image, window, cmap=_on_black("gray"), limits=_limits(image))
        _bar(figure, shown, axes, f"{name} ({MAP_UNITS[name]})")
        axes.set_title(name)
        outline(axes, lesion, window, width=0.6)
    _region_panel(figure, figure.add_subplot(grid[0, 4]), window.cut(regions), window)
    limits = _dvr_limits(maps["pet"], regions)
    dvr_axes = []
    for place, name in enumerate(dvr):
        axes = figure.add_subplot(grid[1 + place // COLUMNS, place % COLUMNS])
        image = np.where(brain, window.cut(maps[name]), np.nan)
        shown = show(axes, image, window, cmap=_on_black(style.DVR_CMAP), limits=limits)
        outline(axes, lesion, window, width=0.6)
        axes.set_title(_dvr_title(name, maps, regions), fontsize=8)
        dvr_axes.append(axes)
    bar = figure.colorbar(
        shown, ax=dvr_axes, location="bottom", aspect=60, shrink=0.6, pad=0.02, extend="both"
    )
    bar.set_label("DVR (unitless), one scale for true and predicted maps", fontsize=8)
    for axes in figure.axes:
        if axes.images:
            orientation_marks(axes)
    return figure


def _dvr_title(name: str, maps: Mapping[str, np.ndarray], regions: np.ndarray) -> str:
    title = "True DVR" if name == "pet" else method_name(name, short=True)
    lesion = regions == REGION_CODES["lesion"]
    if name == "pet":
        return f"{title}\nlesion mean {np.nanmean(maps['pet'][lesion]):.2f}"
    return f"{title}\nlesion MAE {np.nanmean(np.abs(maps[name] - maps['pet'])[lesion]):.3f}"


def _region_panel(figure: Figure, axes: Axes, regions: np.ndarray, window: Window) -> None:
    colours = ListedColormap(style.REGION_COLOURS)
    axes.imshow(
        regions,
        origin="lower",
        extent=window.extent,
        cmap=colours,
        norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5, 3.5], 4),
    )
    radiological(axes)
    axes.set_title("Regions")
    scale = mpl.cm.ScalarMappable(BoundaryNorm([0, 1, 2, 3], 3), ListedColormap(style.REGION_COLOURS[1:]))
    bar = figure.colorbar(scale, ax=axes, location="bottom", aspect=14, shrink=0.9, pad=0.02)
    bar.set_ticks([0.5, 1.5, 2.5], labels=["other", "NAWM", "lesion"], fontsize=7)
    bar.ax.tick_params(length=0)
    bar.set_label("label map", fontsize=7)


def _bar(figure: Figure, shown: AxesImage, axes: Axes, label: str) -> None:
    bar = figure.colorbar(shown, ax=axes, location="bottom", aspect=14, shrink=0.9, pad=0.02)
    bar.locator = mpl.ticker.MaxNLocator(3)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.set_label(label, fontsize=7)


def _on_black(name: str) -> Colormap:
    """Draw black outside the brain, so that it does not stand out against dark tissue."""
    return mpl.colormaps[name].with_extremes(bad="black")


def _limits(image: np.ndarray, percentiles: tuple[float, float] = (2, 98)) -> tuple[float, float]:
    """Return percentiles of the values, which are robust against single voxels at the edge of the brain."""
    values = image[np.isfinite(image)]
    low, high = np.percentile(values, percentiles) if values.size else (0.0, 1.0)
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def _dvr_limits(dvr: np.ndarray, regions: np.ndarray) -> tuple[float, float]:
    """Return one DVR scale for all panels: 10th to 99th percentile of the true map in the brain, to 0.05.

    The lowest tenth is fluid and the edge of the brain. Leaving it out uses the colours for tissue (our choice).
    """
    low, high = _limits(np.where(regions > 0, dvr, np.nan), (10, 99))
    return float(np.floor(low * 20) / 20), float(np.ceil(high * 20) / 20)


def _slice_values(
    maps: Mapping[str, np.ndarray], regions: np.ndarray, window: Window, scan: str
) -> pd.DataFrame:
    """Return one row per brain voxel of the slice: mm from the grid's corner, region, value of each map."""
    label = window.cut(regions)
    row, column = np.nonzero(label)
    code = {value: name for name, value in REGION_CODES.items()}
    data = {
        "scan": scan,
        "slice": window.z,
        "x_mm": (window.x[0] + column + 0.5) * window.voxel_size[0],
        "y_mm": (window.y[0] + row + 0.5) * window.voxel_size[1],
        "region": [code[value] for value in label[row, column]],
    }
    data |= {name: window.cut(values)[row, column] for name, values in maps.items()}
    return pd.DataFrame(data).rename(columns={"pet": "dvr_true"})
