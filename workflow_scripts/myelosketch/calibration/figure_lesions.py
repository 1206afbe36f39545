"""Figures that compare lesions simulated at 1 mm with the thirty measured patients: volumes, counts and places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from myelosketch.calibration import lesion_targets as targets
from myelosketch.calibration.figure_tissue import BLUE, ORANGE
from myelosketch.calibration.lesion_survey import relative_risk
from myelosketch.reporting.figures import style
from myelosketch.simulation import lesion_statistics as measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def build_lesions(surveys: Sequence[Mapping[str, Any]]) -> tuple[Figure, pd.DataFrame]:
    """Draw volumes with the measured percentiles, and counts against loads; return the figure and its data."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 3.9))
    volumes = np.sort(targets.all_volumes(surveys))
    share = np.arange(1, len(volumes) + 1) / len(volumes)
    left.step(volumes, share, where="post", color=BLUE, label=f"simulated, {len(volumes)} lesions")
    left.plot(
        list(measured.VOLUME_MM3.values()),
        np.array(list(measured.VOLUME_MM3)) / 100,
        "D",
        ms=4,
        color=ORANGE,
        mec="black",
        label="measured percentiles",
    )
    smallest, *_, largest = measured.VOLUME_MM3.values()
    grid = np.geomspace(smallest, largest, 200)
    left.plot(grid, targets.reference_cdf(grid), color=ORANGE, linewidth=1)
    left.set(
        xscale="log", xlabel="volume of a lesion (mm³)", ylabel="share of lesions up to it", ylim=(0, 1.02)
    )
    left.legend(loc="lower right", title=f"KS distance {targets.ks_distance(volumes):.3f}", title_fontsize=8)
    counts = np.array([len(survey["volumes_mm3"]) for survey in surveys])
    loads = np.array([survey["total_ml"] for survey in surveys])
    right.plot(loads, counts, "o", color=BLUE, ms=4, label=f"simulated, {len(surveys)} patients")
    ellipse = _measured_ellipse()
    right.plot(*ellipse, color=ORANGE, linewidth=1.5, label="measured: 95 % of patients")
    right.set(xscale="log", yscale="log", xlabel="load (mL)", ylabel="lesions of 3 mm³ and more")
    right.legend(loc="lower right")
    for axes in (left, right):
        style.tidy_axes(axes, grid="both")
    style.figure_title(figure, "Lesions at 1 mm, clinical load", simulated=True)
    data = pd.DataFrame({"load_ml": loads, "n_lesions": counts})
    data["volumes_mm3"] = [";".join(f"{v:g}" for v in survey["volumes_mm3"]) for survey in surveys]
    return figure, data


def _measured_ellipse() -> tuple[np.ndarray, np.ndarray]:
    """Return the ellipse of the log-normal distribution of load (mL) and count that holds 95 % of patients."""
    r = measured.LOG_COUNT_LOAD_CORRELATION
    angle = np.linspace(0, 2 * np.pi, 200)
    radius = np.sqrt(5.991)  # 95 % quantile of chi squared with two degrees of freedom
    covariance = np.array([[1, r], [r, 1]])
    circle = np.linalg.cholesky(covariance) @ np.stack([np.cos(angle), np.sin(angle)]) * radius
    load = np.exp(measured.LOG_LOAD_MEAN + measured.LOG_LOAD_SD * circle[0])
    return load, np.exp(measured.LOG_COUNT_MEAN + measured.LOG_COUNT_SD * circle[1])


def build_risk(surveys: Sequence[Mapping[str, Any]]) -> tuple[Figure, pd.DataFrame]:
    """Draw the relative risk by distance from the lateral ventricles, with its band; return figure and data."""
    figure, axes = plt.subplots(figsize=(0.8 * style.WIDTH, 3.7))
    names = targets.band_names()
    places = np.arange(len(names))
    low, high = targets.risk_bands()
    risk = relative_risk([s["lesion_voxels"] for s in surveys], [s["white_voxels"] for s in surveys])
    axes.bar(
        places, high - low, 0.8, bottom=low, color="#d9d9d9", label=f"measured ± {targets.RISK_MARGIN:.0%}"
    )
    axes.plot(
        places,
        measured.RELATIVE_RISK["rigid"],
        "^",
        color=ORANGE,
        mec="black",
        label="measured, rigid alignment",
    )
    axes.plot(
        places,
        measured.RELATIVE_RISK["affine"],
        "v",
        color=ORANGE,
        mec="black",
        label="measured, affine alignment",
    )
    axes.plot(places, risk, "o-", color=BLUE, label="simulated")
    axes.set_xticks(places, [name.removesuffix(" mm") for name in names])
    axes.set(
        xlabel="distance from the lateral ventricles (mm)", ylabel="relative risk of lesion", yscale="log"
    )
    axes.legend(loc="lower left")
    style.tidy_axes(axes)
    style.figure_title(figure, f"Where lesions lie, {len(surveys)} patients at 1 mm", simulated=True)
    columns = {
        "band": names,
        "simulated": risk,
        "rigid": measured.RELATIVE_RISK["rigid"],
        "affine": measured.RELATIVE_RISK["affine"],
    }
    return figure, pd.DataFrame(columns | {"low": low, "high": high})
