"""Compare lesions with the statistics of thirty real patients (Lesjak 2017, open_ms_data)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from myelosketch.calibration.criteria import LARGEST_KS
from myelosketch.calibration.lesion_survey import relative_risk
from myelosketch.calibration.targets import INSIDE, OUTSIDE
from myelosketch.simulation import lesion_statistics as measured

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

RISK_MARGIN = 0.3  # share by which the band of both alignments is widened (assumed)
# mean and SD of the natural logarithm of the volume in mm³; share of the load in lesions of 1 mL and more
LOG_VOLUME_MEAN, LOG_VOLUME_SD, LARGE_SHARE = 3.27, 1.37, 0.71
SHOWN_PERCENTILES = (5, 20, 50, 80, 95, 99, 99.9)
COLUMNS = ("statistic", "measured", "low", "high", "found", "verdict", "how")
SAMPLE = "95 % of samples of this size (assumed)"
# half widths: 1.96 · √2 · SD over bootstrap samples of the thirty patients
BOOTSTRAP = "95 % of samples of thirty patients (bootstrap of the measured ones; assumed)"
ALIGNMENTS = f"both alignments ± {100 * RISK_MARGIN:.0f} % (assumed)"
HALVES = "two halves of the measured patients differ by less in 95 % of splits (assumed)"


def reference_cdf(volumes: ArrayLike) -> np.ndarray:
    """Return the measured cumulative distribution of lesion volumes, interpolated on the logarithm of the volume.

    Parameters
    ----------
    volumes : array, mm³

    Returns
    -------
    array, 0 to 1
    """
    quantiles = np.log(list(measured.VOLUME_MM3.values()))
    return np.interp(np.log(np.asarray(volumes, float)), quantiles, np.array(list(measured.VOLUME_MM3)) / 100)


def ks_distance(volumes: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance of lesion volumes (mm³) from the measured ones; NaN without volumes."""
    if not len(volumes):
        return np.nan
    return float(stats.ks_1samp(volumes, reference_cdf).statistic)


def risk_bands() -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest accepted relative risk of each distance band: arrays (bands,)."""
    both = np.array(list(measured.RELATIVE_RISK.values()))
    return (1 - RISK_MARGIN) * both.min(axis=0), (1 + RISK_MARGIN) * both.max(axis=0)


def band_names() -> list[str]:
    """Return the names of the distance bands."""
    edges = measured.DISTANCE_EDGES_MM
    names = [f"{a}-{b} mm" for a, b in zip(edges[:-2], edges[1:-1], strict=True)]
    return [*names, f"> {edges[-2]} mm"]


def compare_lesions(surveys: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Compare every statistic of the surveyed patients with the measured one.

    Parameters
    ----------
    surveys : list of dict as from ``lesion_survey.measure_lesions``

    Returns
    -------
    DataFrame : COLUMNS
    """
    rows = [*_volume_rows(surveys), *_patient_rows(surveys), *_shape_rows(surveys)]
    volumes = all_volumes(surveys)
    for level in SHOWN_PERCENTILES:
        volume = measured.VOLUME_MM3[level]
        found = np.percentile(volumes, level)
        rows.append(
            _row(f"volume, percentile {level:g} (mm³)", volume, (np.nan, np.nan), found, "not judged")
        )
    risk = relative_risk([s["lesion_voxels"] for s in surveys], [s["white_voxels"] for s in surveys])
    middle, bands = measured.mean_relative_risk(), zip(*risk_bands(), strict=True)
    for name, value, band, found in zip(band_names(), middle, bands, risk, strict=True):
        rows.append(_row(f"relative risk {name}", value, band, found, ALIGNMENTS))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def all_volumes(surveys: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return the volumes (mm³) of the lesions of all patients, array (n,)."""
    return np.concatenate([survey["volumes_mm3"] for survey in surveys])


def _volume_rows(surveys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    volumes = all_volumes(surveys)
    logs, share = np.log(volumes), volumes[volumes >= 1000].sum() / volumes.sum()
    return [
        _row("KS distance of log volume", 0.0, (0.0, LARGEST_KS), ks_distance(volumes), HALVES),
        _row("log volume (mm³), mean", LOG_VOLUME_MEAN, (3.04, 3.50), logs.mean(), BOOTSTRAP),
        _row("log volume (mm³), SD", LOG_VOLUME_SD, (1.25, 1.49), logs.std(ddof=1), BOOTSTRAP),
        _row("share of the load in lesions ≥ 1 mL", LARGE_SHARE, (0.59, 0.83), share, BOOTSTRAP),
    ]


def _patient_rows(surveys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    n = len(surveys)
    count = np.log([max(len(survey["volumes_mm3"]), 1) for survey in surveys])
    load = np.log([survey["total_ml"] for survey in surveys])
    large = [sum(volume >= 100 for volume in survey["volumes_mm3"]) for survey in surveys]
    rows = []
    for name, values, mean, sd in (
        ("log count per patient", count, measured.LOG_COUNT_MEAN, measured.LOG_COUNT_SD),
        ("log load (mL)", load, measured.LOG_LOAD_MEAN, measured.LOG_LOAD_SD),
    ):
        rows.append(_row(f"{name}, mean", mean, mean_band(mean, sd, n), values.mean(), SAMPLE))
        rows.append(_row(f"{name}, SD", sd, spread_band(sd, n), values.std(ddof=1), SAMPLE))
    r = measured.LOG_COUNT_LOAD_CORRELATION
    with np.errstate(invalid="ignore"):  # identical patients have no correlation
        found = np.corrcoef(count, load)[0, 1]
    rows.append(_row("correlation of log count and log load", r, r_band(r, n), found, SAMPLE))
    median = measured.COUNT_100_MM3[50]
    rows.append(_row("lesions ≥ 100 mm³ per patient, median", median, (6, 17), np.median(large), SAMPLE))
    return rows


def _shape_rows(surveys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    ratios = [ratio for survey in surveys for ratio in survey["axis_ratios"]]
    touching = sum(survey["touching"] for survey in surveys) / len(all_volumes(surveys))
    ratio = measured.AXIS_RATIO[50]
    median = np.median(ratios) if ratios else np.nan
    near = [shares[0] for shares in measured.LESION_SHARE.values()]
    band = (1 - RISK_MARGIN) * min(near), (1 + RISK_MARGIN) * max(near)
    return [
        _row("long over short axis, median", ratio, (0.85 * ratio, 1.15 * ratio), median, "± 15 % (assumed)"),
        _row("share of lesions within 2 mm of ventricles", float(np.mean(near)), band, touching, ALIGNMENTS),
    ]


def lesion_criteria(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return one criterion per judged row of :func:`compare_lesions`."""
    judged = table[table.verdict.isin([INSIDE, OUTSIDE])]
    return [
        {
            "criterion": f"lesions: {row.statistic}",
            "found": f"{row.found:.3g}",
            "wanted": f"{row.low:.3g} to {row.high:.3g}",
            "met": "yes" if row.verdict == INSIDE else "no",
        }
        for row in judged.itertuples()
    ]


def mean_band(mean: float, sd: float, n: int) -> tuple[float, float]:
    """Return the 95 % band for the mean of another sample of n, given that of the 30 measured patients."""
    half = stats.norm.ppf(0.975) * sd * np.sqrt(1 / measured.N_PATIENTS + 1 / n)
    return mean - half, mean + half


def spread_band(sd: float, n: int) -> tuple[float, float]:
    """Return the 95 % band for the SD of another sample of n (F distribution)."""
    low, high = stats.f.ppf([0.025, 0.975], max(n - 1, 1), measured.N_PATIENTS - 1)
    return sd * np.sqrt(low), sd * np.sqrt(high)


def r_band(r: float, n: int) -> tuple[float, float]:
    """Return the 95 % band for the correlation in another sample of n (Fisher's z)."""
    half = stats.norm.ppf(0.975) * np.sqrt(1 / (measured.N_PATIENTS - 3) + 1 / max(n - 3, 1))
    return np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)


def _row(statistic: str, value: float, band: tuple[float, float], found: float, how: str) -> dict[str, Any]:
    low, high = band
    verdict = ""
    if np.isfinite(low):
        verdict = INSIDE if np.isfinite(found) and low <= found <= high else OUTSIDE
    return dict(zip(COLUMNS, (statistic, value, low, high, float(found), verdict, how), strict=True))
