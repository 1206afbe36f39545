"""Forward model: from the state of the tissue to noise-free MRI and PET (assumed)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Values = TypeVar("Values", float, np.ndarray)  # of one voxel or of many

B_VALUE = 1.0  # ms/um2, that is 1000 s/mm2; times a diffusivity in 1e-3 mm2/s it has no unit
FREE_WATER = 3.0  # diffusivity of free water at 37 degrees C, 1e-3 mm2/s

# usual values of the tissues other than white matter, which have no latents (docs/simulation.md). AD and RD are in
# 1e-3 mm2/s, MTR is in percent. T1w, FLAIR and S0 (the signal at b = 0) are relative to healthy white matter = 100.
# PD is the signal without MT pulse, water = 100.
TISSUES = {
    "cortex": dict(AD=0.95, RD=0.73, MTR=32.5, DVR=1.00, T1w=68.0, FLAIR=126.0, S0=115.0, PD=84.0),
    "deep": dict(AD=0.95, RD=0.68, MTR=34.5, DVR=1.08, T1w=82.0, FLAIR=112.0, S0=98.0, PD=80.0),
    "csf": dict(AD=FREE_WATER, RD=FREE_WATER, MTR=1.0, DVR=0.45, T1w=22.0, FLAIR=18.0, S0=250.0, PD=100.0),
}
MIXED_LINEARLY = ("MTR", "DVR", "T1w", "FLAIR")
# white matter along the ventricles is slightly bright on FLAIR: excess at their wall, and its SD in mm (assumed)
RIM_EXCESS, RIM_MM = 0.15, 2.0
# two states that FA and RD hardly distinguish; MTR, AD and DVR do
LOOKALIKES = {
    "oedema": {"myelin": 0.9, "axons": 1.0, "water": 0.22},
    "demyelination": {"myelin": 0.2, "axons": 1.0, "water": 0.08},
}


@dataclass(frozen=True)
class Physics:
    """Coefficients of the forward model; the defaults are those of docs/simulation.md.

    Myelin and axons are 1 where healthy. Diffusivities are in 1e-3 mm2/s, MTR is in percent, and water is a share.
    Grey matter has no latents, but its values follow these coefficients (see ``grey.tissue_values``).
    """

    axial: float = 1.15
    axial_axon_loss: float = 0.20
    axial_myelin_loss: float = 0.05
    radial: float = 0.52
    radial_myelin_loss: float = 0.18
    radial_axon_loss: float = 0.12
    mtr_base: float = 23.0
    mtr_myelin: float = 12.0
    mtr_axons: float = 6.8
    mtr_water: float = 1.0  # share of the MTR that a voxel of pure water lacks
    mtr_scale: float = 1.0  # factor on the MTR of every tissue, as of another pulse
    dvr_base: float = 1.03
    dvr_myelin: float = 0.26
    dvr_water: float = 0.5

    @property
    def mean_diffusivity(self) -> float:
        """Mean diffusivity of healthy white matter, 1e-3 mm2/s."""
        return (self.axial + 2 * self.radial) / 3

    @property
    def healthy_mtr(self) -> float:
        """MTR of healthy white matter without free water, percent."""
        return self.mtr_scale * (self.mtr_base + self.mtr_myelin + self.mtr_axons)


# coefficients of white matter in the formulas of the forward model; the settings simulation.physics replace them
PHYSICS = Physics()


def apparent_diffusivity(tissue: Values, water: Values) -> Values:
    """Return the diffusivity that a fit at b = 1000 s/mm2 finds if a share of the voxel is free water.

    Parameters
    ----------
    tissue : diffusivity of the tissue, 1e-3 mm2/s
    water : share of free water, 0-1

    Returns
    -------
    float or array, 1e-3 mm2/s : -ln((1-w) exp(-D) + w exp(-3))
    """
    return -np.log((1 - water) * np.exp(-B_VALUE * tissue) + water * np.exp(-B_VALUE * FREE_WATER)) / B_VALUE


def tissue_diffusivities(
    myelin: Values, axons: Values, coherence: Values, physics: Physics = PHYSICS
) -> tuple[Values, Values]:
    """Return the axial and radial diffusivity of white matter's tissue, without its free water.

    Parameters
    ----------
    myelin, axons : 1 = healthy, 0 = none
    coherence : 1 = average healthy white matter, 0 = isotropic, up to 2.2 in latents; it moves both diffusivities
        away from their common mean
    physics : coefficients

    Returns
    -------
    axial, radial : floats or arrays, 1e-3 mm2/s
    """
    p = physics
    axial = p.axial + p.axial_axon_loss * (1 - axons) + p.axial_myelin_loss * (1 - myelin)
    radial = p.radial + p.radial_myelin_loss * (1 - myelin) + p.radial_axon_loss * (1 - axons)
    mean = (axial + 2 * radial) / 3
    return mean + coherence * (axial - mean), mean + coherence * (radial - mean)


def diffusivities(
    myelin: Values, axons: Values, water: Values, coherence: Values, physics: Physics = PHYSICS
) -> tuple[Values, Values]:
    """Return the axial and radial diffusivity of white matter that a fit at b = 1000 s/mm2 finds, with free water.

    Parameters
    ----------
    myelin, axons, coherence, physics : as in :func:`tissue_diffusivities`
    water : share of free water, 0-1

    Returns
    -------
    axial, radial : floats or arrays, 1e-3 mm2/s
    """
    axial, radial = tissue_diffusivities(myelin, axons, coherence, physics)
    return apparent_diffusivity(axial, water), apparent_diffusivity(radial, water)


def fractional_anisotropy(axial: Values, radial: Values) -> Values:
    """Return the FA of an axially symmetric tensor: |AD - RD| / sqrt(AD^2 + 2 RD^2); 0 where both are 0."""
    norm = np.sqrt(axial**2 + 2 * radial**2)
    return np.abs(axial - radial) / np.where(norm > 0, norm, 1)


def magnetisation_transfer_ratio(
    myelin: Values, axons: Values, water: Values, physics: Physics = PHYSICS
) -> Values:
    """Return the MTR of white matter in percent: myelin and axons raise it, free water dilutes it."""
    p = physics
    tissue = p.mtr_base + p.mtr_myelin * myelin + p.mtr_axons * axons
    return p.mtr_scale * ((1 - p.mtr_water * water) * tissue)


def distribution_volume_ratio(
    myelin: Values, water: Values, tract: Any = 0.0, physics: Physics = PHYSICS
) -> Values:
    """Return the DVR of [11C]PIB in white matter, relative to grey matter.

    PIB binds to myelin. Free water lowers the DVR by half of its share.

    Parameters
    ----------
    myelin : 1 = healthy, 0 = none
    water : share of free water, 0-1
    tract : DVR that healthy myelin of this tract adds to that of average white matter
    physics : coefficients
    """
    return (1 - physics.dvr_water * water) * (physics.dvr_base + (physics.dvr_myelin + tract) * myelin)


def t1w_intensity(myelin: Values, axons: Values, water: Values) -> Values:
    """Return the T1w of white matter, healthy = 100: loss of axons darkens it most, and with its square.

    So a lesion without axons is a black hole, and one that keeps most axons is nearly isointense (assumed).
    """
    return 100 * (1 - 0.08 * (1 - myelin) - 0.50 * (1 - axons) ** 2 - 0.35 * water)


def flair_intensity(myelin: Values, water: Values, ventricle_distance: Values) -> Values:
    """Return the FLAIR of white matter, healthy = 100: loss of myelin, water and the ventricles' rim brighten it.

    Water adds 260 w (1 - w): some water lengthens T2, but the signal of pure free water is suppressed (assumed).

    Parameters
    ----------
    myelin : 1 = healthy, 0 = none
    water : share of free water, 0-1
    ventricle_distance : mm
    """
    rim = RIM_EXCESS * np.exp(-0.5 * (ventricle_distance / RIM_MM) ** 2)
    return 100 * (1 + 0.45 * (1 - myelin) + 2.6 * water * (1 - water) + rim)


def proton_density(myelin: Values, water: Values) -> Values:
    """Return the signal of white matter without MT pulse, water = 100: water and myelin loss raise it (assumed)."""
    return 70 + 6 * (1 - myelin) + 24 * water


def lookalikes() -> dict[str, dict[str, float]]:
    """Return the maps of oedema alone and of demyelination with axons kept: what a voxel's MRI can distinguish.

    Returns
    -------
    dict of dict : for each state of LOOKALIKES its FA, RD and AD (1e-3 mm2/s), MTR (percent) and DVR at coherence 1
    """
    result = {}
    for name, state in LOOKALIKES.items():
        myelin, axons, water = state["myelin"], state["axons"], state["water"]
        axial, radial = diffusivities(myelin, axons, water, coherence=1.0)
        result[name] = {
            "FA": float(fractional_anisotropy(axial, radial)),
            "RD": float(radial),
            "AD": float(axial),
            "MTR": magnetisation_transfer_ratio(myelin, axons, water),
            "DVR": distribution_volume_ratio(myelin, water),
        }
    return result


def tissue_maps(
    fractions: Mapping[str, np.ndarray],
    latents: Mapping[str, np.ndarray],
    ventricle_distance: np.ndarray,
    *,
    binding: float | np.ndarray = 0.0,
    tissues: Mapping[str, Mapping[str, Any]] = TISSUES,
    physics: Physics = PHYSICS,
) -> dict[str, np.ndarray]:
    """Return the noise-free maps of a voxel grid as mixtures of its tissues.

    Diffusion mixes as signal (b = 1000 s/mm2, with equal signal at b = 0). The other maps mix linearly.

    Parameters
    ----------
    fractions : dict of arrays (x, y, z): ``white``, ``cortex``, ``deep``, ``csf``; their sum is the brain
    latents : dict of arrays (x, y, z): ``myelin``, ``axons``, ``water``, ``coherence`` of the white matter
    ventricle_distance : array (x, y, z), mm
    binding : array (x, y, z), ``tract`` of :func:`distribution_volume_ratio`
    tissues : values of cortex, deep nuclei and CSF in the form of TISSUES: numbers or arrays (x, y, z)
    physics : coefficients of white matter

    Returns
    -------
    dict of arrays (x, y, z), float32: ``signal_AD``, ``signal_RD`` (exp(-b D), brain's share included),
    ``MTR`` (percent), ``DVR``, ``T1w`` and ``FLAIR`` (white matter 100), all times the brain's share;
    ``DVR_white``, the part of the DVR from white matter
    """
    m, a, w, c = (latents[name] for name in ("myelin", "axons", "water", "coherence"))
    axial, radial = diffusivities(m, a, w, c, physics)
    white = {
        "signal_AD": np.exp(-B_VALUE * axial),
        "signal_RD": np.exp(-B_VALUE * radial),
        "MTR": magnetisation_transfer_ratio(m, a, w, physics),
        "DVR": distribution_volume_ratio(m, w, binding, physics),
        "T1w": t1w_intensity(m, a, w),
        "FLAIR": flair_intensity(m, w, ventricle_distance),
    }
    maps = {name: (fractions["white"] * values).astype(np.float32) for name, values in white.items()}
    maps["DVR_white"] = maps["DVR"].copy()
    for tissue, values in tissues.items():
        share = fractions[tissue]
        for name in MIXED_LINEARLY:
            maps[name] += np.float32(values[name]) * share
        for name in ("AD", "RD"):
            maps[f"signal_{name}"] += np.float32(np.exp(-B_VALUE * values[name])) * share
    return maps


def diffusivity_from_signal(signal: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the diffusivity (1e-3 mm2/s) of a voxel from its signal and its share of brain; 0 outside the brain."""
    inside = share > 0
    ratio = np.where(inside, signal, 1) / np.where(inside, share, 1)
    return -np.log(np.clip(ratio, np.exp(-B_VALUE * FREE_WATER), 1)) / B_VALUE
