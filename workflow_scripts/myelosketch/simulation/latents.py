"""State of the white matter, voxel by voxel: myelin, axons, free water and coherence (assumed)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from myelosketch.simulation.fields import smooth_field
from myelosketch.simulation.lesions import PROFILE, WITHIN, WITHIN_FWHM_MM, Lesions

LATENTS = ("myelin", "axons", "water", "coherence")
# columns of the lesion table
LESION_COLUMNS = (
    *("lesion", "kind", "volume_mm3", "mean_myelin", "mean_axons", "mean_water"),
    *("ventricle_distance_mm", "x_mm", "y_mm", "z_mm"),
)
HEALTHY_WATER = 0.008  # share of free water in healthy white matter
MEAN_MYELIN = 1.065  # above 1, to compensate for partial volume at the border

# SD between participants, and SD and width (mm) of the smooth variation within a participant
VARIATION = {"myelin": (0.10, 0.05, 18.0), "axons": (0.05, 0.04, 18.0), "coherence": (0.03, 0.07, 20.0)}
WATER_LOG_SD = (0.25, 0.30, 18.0)  # the same for the logarithm of the share of free water
# diffuse change of normal-appearing white matter in patients: mean and SD between patients
NAWM_CHANGE = {"myelin": (-0.08, 0.03), "axons": (-0.06, 0.03), "water": (0.010, 0.003)}


def healthy_latents(
    tract: np.ndarray, voxel: float, group: str, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return the latents of white matter before lesions.

    Parameters
    ----------
    tract : array (x, y, z), coherence by tract
    voxel : voxel side, mm
    group : MS or HC; patients get the diffuse change of NAWM
    rng : numpy.random.Generator

    Returns
    -------
    dict of arrays (x, y, z), float32: myelin, axons (1 = healthy), water (0-1), coherence (1 = average)
    """
    shift = {name: mean + sd * rng.standard_normal() for name, (mean, sd) in NAWM_CHANGE.items()}
    if group != "MS":
        shift = dict.fromkeys(shift, 0.0)
    level: dict[str, float | np.ndarray] = {"myelin": MEAN_MYELIN, "axons": 1.0, "coherence": tract}
    latents = {}
    for name, (between, within, fwhm) in VARIATION.items():
        deviation = between * np.clip(rng.standard_normal(), -2.5, 2.5)
        field = within * smooth_field(tract.shape, voxel, fwhm, rng)
        latents[name] = level[name] + deviation + field + shift.get(name, 0.0)
    between, within, fwhm = WATER_LOG_SD
    spread = np.exp(between * rng.standard_normal() + within * smooth_field(tract.shape, voxel, fwhm, rng))
    latents["water"] = (HEALTHY_WATER + max(shift["water"], 0.0)) * spread
    return _bounded(latents)


def add_lesions(
    latents: Mapping[str, np.ndarray], lesions: Lesions, voxel: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return the latents with lesions: the state of each lesion's core in its middle, less changed at its border.

    Parameters
    ----------
    latents : dict of arrays (x, y, z) before lesions
    lesions : Lesions
    voxel : voxel side, mm
    rng : numpy.random.Generator

    Returns
    -------
    dict of arrays (x, y, z)
    """
    inside = lesions.labels > 0
    row = lesions.labels[inside] - 1
    weight = lesions.severity[inside]
    result = {name: values.copy() for name, values in latents.items()}
    for name in ("myelin", "axons", "water"):
        core = _cores(lesions, name)[row]
        texture = WITHIN[name] * smooth_field(inside.shape, voxel, WITHIN_FWHM_MM, rng)[inside]
        core = core * np.exp(texture) if name == "water" else core + texture
        result[name][inside] += weight ** PROFILE[name] * (core - latents[name][inside])
    result["coherence"][inside] *= 1 - weight * (1 - _cores(lesions, "coherence")[row])
    return _bounded(result)


def _cores(lesions: Lesions, name: str) -> np.ndarray:
    return np.array([lesion["core"][name] for lesion in lesions.table], np.float32)


def _bounded(latents: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    limits = {"myelin": (0, 1.4), "axons": (0, 1.2), "water": (0, 0.8), "coherence": (0.3, 2.2)}
    return {name: np.clip(values, *limits[name]).astype(np.float32) for name, values in latents.items()}


def lesion_table(lesions: Lesions, latents: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return the rows of the lesion table, with the mean latents of each lesion.

    Returns
    -------
    list of dict, with the keys LESION_COLUMNS: lesion (1, 2, ...; the value in the label image), kind, volume, mean
        latents, distance from the ventricles, and the centre in the anatomy world
    """
    labels = lesions.labels[lesions.labels > 0]
    counts = np.bincount(labels, minlength=len(lesions.table) + 1)[1:]
    rows = []
    means = {
        name: np.bincount(labels, latents[name][lesions.labels > 0], len(lesions.table) + 1)[1:] / counts
        for name in ("myelin", "axons", "water")
    }
    for number, lesion in enumerate(lesions.table):
        row: dict[str, Any] = {
            "lesion": number + 1,
            "kind": lesion["kind"],
            "volume_mm3": lesion["volume_mm3"],
        }
        row |= {f"mean_{name}": values[number] for name, values in means.items()}
        rows.append(row | {key: lesion[key] for key in ("ventricle_distance_mm", "x_mm", "y_mm", "z_mm")})
    return rows
