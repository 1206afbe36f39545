"""The cohort in MNI152 space: mean DVR, measured and predicted, and how often a voxel is lesion or demyelinated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap

from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.slices import (
    brain_window,
    load_canonical,
    orientation_marks,
    show,
)
from myelosketch.reporting.source_tables import NothingToDrawError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from myelosketch.io.volumes import Volume
    from myelosketch.reporting.figures.slices import Window

# axial slices, mm in MNI152 space: from the middle cerebellar peduncles to the centrum semiovale
SLICES_MM = (-24, -8, 8, 20, 32, 44)
# below this share, only the mean DVR behind it is shown
LEAST_SHARE = 0.02
# a larger share is brighter and the head is dark, so that both differ when printed in grey
SHARE_CMAP = ListedColormap(mpl.colormaps["YlOrRd_r"](np.linspace(0.38, 1, 256)))
BEHIND = 2.2  # the grey of the head becomes white at this multiple of the DVR scale
DVR_LABEL = "mean DVR\n(unitless)"


def build_standard_space(
    measured: str | Path,
    predicted: str | Path,
    lesion: str | Path,
    demyelinated_measured: str | Path,
    demyelinated_predicted: str | Path,
    *,
    method: str,
    simulated: bool,
) -> tuple[Figure, pd.DataFrame]:
    """Draw axial slices of the means and shares over the patients.

    Parameters
    ----------
    measured, predicted : paths of the mean DVR maps
    lesion, demyelinated_measured, demyelinated_predicted : paths of the shares, on the same grid
    method : of the prediction
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of ``map``, ``z_mm``, ``n_voxels`` (where the map is not 0), and their
        ``mean`` and ``maximum``

    Raises
    ------
    NothingToDrawError : no voxel has a mean
    """
    dvr, grid = load_canonical(measured)
    if not dvr.data.any():
        raise NothingToDrawError("no voxel of MNI152 space has a DVR in at least half of the patients.")
    name = method_name(method, short=True)
    maps = {"Measured": dvr.data, f"Predicted\n({name})": _data(predicted, grid)}
    shares = {
        "Lesion": _data(lesion, grid),
        "Demyelinated,\nmeasured": _data(demyelinated_measured, grid),
        "Demyelinated,\npredicted": _data(demyelinated_predicted, grid),
    }
    windows = [brain_window(dvr.data, _index(z, dvr), dvr.voxel_size) for z in SLICES_MM]
    left, right, bottom, top = windows[0].extent
    panel = (style.WIDTH - 1.7) / len(windows) * (top - bottom) / (right - left)
    figure, axes = plt.subplots(
        len(maps) + len(shares),
        len(windows),
        figsize=(style.WIDTH, 0.6 + (len(maps) + len(shares)) * (panel + 0.04)),
        gridspec_kw={"wspace": 0.02, "hspace": 0.02},
        squeeze=False,
    )
    limits = _limits(dvr.data)
    dim = (limits[0], limits[0] + BEHIND * (limits[1] - limits[0]))
    largest = max(LEAST_SHARE * 2, *(float(share.max()) for share in shares.values()))
    for row, (label, data) in enumerate(maps.items()):
        shown = [_dvr(part, data, window, limits) for part, window in zip(axes[row], windows, strict=True)]
        _row_label(axes[row, 0], label)
    bar = figure.colorbar(
        shown[0], ax=axes[: len(maps)].ravel().tolist(), extend="both", fraction=0.03, pad=0.01
    )
    bar.set_label(DVR_LABEL, fontsize=8)
    for row, (label, share) in enumerate(shares.items(), start=len(maps)):
        for part, window in zip(axes[row], windows, strict=True):
            _dvr(part, dvr.data, window, dim, cmap="gray")
            high = window.cut(share)
            seen = show(
                part,
                np.where(high >= LEAST_SHARE, high, np.nan),
                window,
                cmap=SHARE_CMAP,
                limits=(LEAST_SHARE, largest),
            )
        _row_label(axes[row, 0], label)
    bar = figure.colorbar(seen, ax=axes[len(maps) :].ravel().tolist(), fraction=0.03, pad=0.01)
    bar.set_label("share of patients", fontsize=8)
    for part, z in zip(axes[0], SLICES_MM, strict=True):
        part.set_title(f"z = {z} mm".replace("-", "\u2212"), fontsize=8)
    for part in axes.flat:
        orientation_marks(part, size=6)
    style.figure_title(figure, "Patients in MNI152 space", simulated=simulated)
    return figure, _numbers(maps | shares, windows)


def _data(path: str | Path, grid: Volume) -> np.ndarray:
    return load_canonical(path, like=grid)[0].data


def _index(z_mm: float, volume: Volume) -> int:
    """Return the slice of a canonical volume nearest to a height."""
    index = round(float((z_mm - volume.affine[2, 3]) / volume.affine[2, 2]))
    return int(np.clip(index, 0, volume.shape[2] - 1))


def _limits(dvr: np.ndarray) -> tuple[float, float]:
    """Return the 5th and 99.5th percentile of the measured mean, to 0.05, as one scale for both rows."""
    low, high = np.percentile(dvr[dvr != 0], (5, 99.5))
    return float(np.floor(low * 20) / 20), float(np.ceil(high * 20) / 20)


def _dvr(
    axes: Axes,
    data: np.ndarray,
    window: Window,
    limits: tuple[float, float],
    *,
    cmap: str = style.DVR_CMAP,
) -> mpl.image.AxesImage:
    image = window.cut(data)
    colours = mpl.colormaps[cmap].with_extremes(bad="black")
    return show(axes, np.where(image != 0, image, np.nan), window, cmap=colours, limits=limits)


def _row_label(axes: Axes, text: str) -> None:
    axes.text(
        -0.06, 0.5, text, rotation=90, transform=axes.transAxes, ha="right", va="center", fontsize=8,
        multialignment="center",
    )  # fmt: skip


def _numbers(maps: dict[str, np.ndarray], windows: list[Window]) -> pd.DataFrame:
    rows = []
    for label, data in maps.items():
        for z, window in zip(SLICES_MM, windows, strict=True):
            values = data[:, :, window.z]
            values = values[values != 0]
            found = (float(values.mean()), float(values.max())) if values.size else (np.nan, np.nan)
            rows.append([" ".join(label.split()), z, values.size, *found])
    return pd.DataFrame(rows, columns=["map", "z_mm", "n_voxels", "mean", "maximum"])
