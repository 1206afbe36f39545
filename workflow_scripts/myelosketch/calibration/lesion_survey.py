"""Measure lesions of simulated patients as those of the thirty real patients: at 1 mm, with the measured load."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.evaluation.lesions import label_lesions
from myelosketch.io.provenance import read_json, write_json
from myelosketch.simulation.lesion_statistics import DISTANCE_EDGES_MM, SMALLEST_MM3

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

RATIO_FROM_MM3 = 10.0  # as measured (simulation.lesion_statistics.AXIS_RATIO)
WHITE_SHARE = 0.5  # of a voxel that counts as white matter
BANDS = len(DISTANCE_EDGES_MM) - 1


def survey_patient(output: str | Path, subject: str, settings: dict[str, Any], seed: int) -> None:
    """Simulate one patient's lesions at 1 mm with the clinical load, measure them, and write the result.

    Parameters
    ----------
    output : path of the JSON file
    subject : str, a patient who is in no cohort
    settings : dict, section ``simulation`` of the configuration
    seed : int
    """
    from myelosketch.simulation.lesions import simulate_lesions
    from myelosketch.simulation.settings import complete_settings

    labels, anatomy = simulate_lesions(subject, complete_settings(clinical_settings(settings)), seed)
    mask = labels > 0
    white = (anatomy.fractions["white"] > WHITE_SHARE) | mask
    found = measure_lesions(mask, white, anatomy.ventricle_distance, anatomy.voxel)
    write_json(output, {"subject": subject} | found)


def clinical_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the simulation with the measured load and a 1 mm anatomy grid."""
    voxels = dict(settings.get("voxel_size_mm", {})) | {"anatomy": 1.0}
    return settings | {"lesion_load": "clinical", "lesion_load_min_ml": 0.1, "voxel_size_mm": voxels}


def measure_lesions(
    mask: np.ndarray, white: np.ndarray, distance: np.ndarray, voxel: float
) -> dict[str, Any]:
    """Measure connected lesions and their distance from the lateral ventricles.

    Parameters
    ----------
    mask, white : boolean arrays (x, y, z): lesions, and white matter with the lesions
    distance : array (x, y, z), mm to the lateral ventricles
    voxel : side, mm

    Returns
    -------
    dict : ``volumes_mm3`` (of lesions of at least SMALLEST_MM3, largest first), ``axis_ratios`` (of lesions of at
        least RATIO_FROM_MM3), ``touching`` (number of lesions that reach the first distance band), ``total_ml``, and
        ``lesion_voxels`` and ``white_voxels`` per band of DISTANCE_EDGES_MM
    """
    labels, volumes = label_lesions(mask, voxel_volume=voxel**3, min_volume_mm3=SMALLEST_MM3)
    index = np.arange(1, len(volumes) + 1)
    where = np.argwhere(labels > 0)
    numbers = labels[labels > 0]
    nearest = np.full(len(volumes) + 1, np.inf)
    np.minimum.at(nearest, numbers, distance[labels > 0])
    large = [number for number in index if volumes[number - 1] >= RATIO_FROM_MM3]
    order = np.argsort(numbers, kind="stable")
    ends = np.searchsorted(numbers[order], [*index, len(volumes) + 1])
    ratios = [axis_ratio(where[order[ends[n - 1] : ends[n]]]) for n in large]
    return {
        "volumes_mm3": volumes.tolist(),
        "axis_ratios": [ratio for ratio in ratios if np.isfinite(ratio)],
        "touching": int((nearest[1:] <= DISTANCE_EDGES_MM[1]).sum()),
        "total_ml": float(mask.sum()) * voxel**3 / 1000,
        "lesion_voxels": band_counts(distance[mask]),
        "white_voxels": band_counts(distance[white]),
    }


def band_counts(distance: np.ndarray) -> list[int]:
    """Count voxels per distance band: list of BANDS integers; the last band has no upper end."""
    return np.bincount(np.digitize(distance, DISTANCE_EDGES_MM[1:-1]), minlength=BANDS).tolist()


def axis_ratio(points: np.ndarray) -> float:
    """Return the ratio of the long to the short axis of voxels (n, 3), infinite if they are in one plane.

    It is the root of the ratio of the largest to the smallest eigenvalue of their covariance.
    """
    variances = np.linalg.eigvalsh(np.cov(np.asarray(points, float).T))
    return float(np.sqrt(variances[-1] / variances[0])) if variances[0] > 1e-9 else np.inf


def relative_risk(lesion_voxels: ArrayLike, white_voxels: ArrayLike) -> np.ndarray:
    """Return the lesion share of each band's white matter, relative to that of all white matter.

    Parameters
    ----------
    lesion_voxels, white_voxels : arrays (patients, bands) or (bands,)

    Returns
    -------
    array (bands,), pooled over patients; NaN for a band without white matter
    """
    lesion = np.atleast_2d(np.asarray(lesion_voxels, float)).sum(axis=0)
    white = np.atleast_2d(np.asarray(white_voxels, float)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (lesion / white) / (lesion.sum() / white.sum())


def read_surveys(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Read the surveys of all patients, list of dict."""
    return [read_json(path) for path in paths]
