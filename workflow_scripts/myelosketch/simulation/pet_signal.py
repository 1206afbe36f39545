"""The dynamic [11C]PIB scan of a simulated participant, and the mask of its reference region."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from myelosketch.simulation import kinetics
from myelosketch.simulation.fields import smooth_field
from myelosketch.simulation.grey import GREY, REFERENCE_ML, WITHIN_UNSEEN_DVR, tissue_values
from myelosketch.simulation.physics import PHYSICS, Physics, distribution_volume_ratio
from myelosketch.simulation.scanner import Grid, acquire

DVR_NODES = np.arange(0.1, 3.0001, 0.01)  # white and grey matter's curves are interpolated between these
LEAST_ACTIVITY = 1e-3  # kBq/mL


def white_dvr(
    latents: Mapping[str, np.ndarray],
    unseen: np.ndarray,
    gain: float,
    binding: float | np.ndarray = 0.0,
    physics: Physics = PHYSICS,
) -> np.ndarray:
    """Return the DVR of white matter alone, with the part that MRI does not see and the participant's gain.

    Parameters
    ----------
    latents : dict with ``myelin`` and ``water``, arrays (x, y, z)
    unseen : array (x, y, z), the part that MRI does not see, DVR
    gain : float, factor on the DVR
    binding, physics : ``tract`` and coefficients of ``physics.distribution_volume_ratio``

    Returns
    -------
    array (x, y, z), float32, within DVR_NODES
    """
    visible = distribution_volume_ratio(latents["myelin"], latents["water"], binding, physics)
    dvr = gain * (visible + unseen)
    return np.clip(dvr, DVR_NODES[0], DVR_NODES[-1]).astype(np.float32)


def acquire_dynamic(
    body: Mapping[str, Any],
    unseen: np.ndarray,
    gain: float,
    brain: np.ndarray,
    grid: Grid,
    settings: Mapping[str, Any],
    durations: Sequence[float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the 4-D scan, frame by frame. Tissues mix as activity, so the DVR also mixes by share.

    Parameters
    ----------
    body : dict of ``participant.simulate_body``
    unseen, gain : as in :func:`white_dvr`
    brain : array (x, y, z), brain's share
    grid : Grid
    settings : section ``pet``
    durations : frames, s
    rng : numpy.random.Generator

    Returns
    -------
    array (x, y, z, frames), float32, kBq/mL, decay-corrected; 0 outside the brain
    """
    fractions, affine = body["anatomy"].fractions, body["anatomy"].affine
    inside = acquire(brain, affine, grid) > 0.5
    white = fractions["white"]
    where = white > 0
    dvr = white_dvr(body["latents"], unseen, gain, body["anatomy"].binding, body["physics"])[where]
    white = white[where]
    tissues = tissue_values(body["grey"], body["physics"])
    by_dvr = kinetics.frame_curves(durations, DVR_NODES, kinetics.DELIVERY["white"])
    csf = kinetics.frame_curves(durations, tissues["csf"]["DVR"], kinetics.DELIVERY["csf"])[:, 0]
    grey = {name: kinetics.frame_curves(durations, DVR_NODES, kinetics.DELIVERY[name]) for name in GREY}
    hidden = np.float32(WITHIN_UNSEEN_DVR) * body["grey"]["unseen"]
    grey_dvr = {name: tissues[name]["DVR"] + hidden for name in GREY}
    scale = kinetics.noise_scale(durations, settings["noise_sd"])
    # SD of the noise of each frame at an activity of 1 kBq/mL
    noise = scale * kinetics.relative_noise(np.ones(len(durations)), durations)
    frames = np.zeros((*grid.shape, len(durations)), np.float32, order="F")
    for k in range(len(durations)):
        activity = np.float32(csf[k]) * fractions["csf"]
        for name, curves in grey.items():
            inside_grey = fractions[name] > 0
            values = np.interp(grey_dvr[name][inside_grey], DVR_NODES, curves[k])
            activity[inside_grey] += fractions[name][inside_grey] * values.astype(np.float32)
        activity[where] += white * np.interp(dvr, DVR_NODES, by_dvr[k]).astype(np.float32)
        exact = acquire(activity, affine, grid, psf_fwhm=settings["blur_fwhm_mm"])
        field = smooth_field(grid.shape, grid.voxel, settings["noise_fwhm_mm"], rng)
        frames[..., k] = np.where(inside, with_noise(exact, noise[k], field), 0)
    return frames


def with_noise(activity: np.ndarray, noise: float, field: np.ndarray) -> np.ndarray:
    """Return the activity with log-normal noise of SD noise * sqrt(activity), as after iterative reconstruction.

    The mean is kept, and no activity is below 0 (Barrett, Wilson and Tsui 1994).

    Parameters
    ----------
    activity : array (x, y, z), kBq/mL
    noise : SD at an activity of 1 kBq/mL
    field : array (x, y, z), mean 0 and SD 1

    Returns
    -------
    array (x, y, z), float32
    """
    activity = np.maximum(activity, LEAST_ACTIVITY)
    variance = np.log1p(np.float32(noise) ** 2 / activity)
    return activity * np.exp(np.sqrt(variance) * field - variance / 2)


def reference_region(body: Mapping[str, Any], grid: Grid, blur_fwhm_mm: float) -> np.ndarray:
    """Return the reference region: the REFERENCE_ML with most cortical grey matter after blur.

    Parameters
    ----------
    body : dict with ``anatomy``
    grid : Grid
    blur_fwhm_mm : point spread, mm

    Returns
    -------
    array of grid.shape, bool
    """
    anatomy = body["anatomy"]
    purity = acquire(anatomy.fractions["cortex"], anatomy.affine, grid, psf_fwhm=blur_fwhm_mm)
    wanted = max(1, round(REFERENCE_ML * 1000 / grid.voxel**3))
    return purity >= np.partition(purity.ravel(), -wanted)[-wanted]


_NOT_SIMULATED = [
    *("Manufacturer", "ManufacturersModelName", "AcquisitionMode", "ReconMethodName"),
    *("InjectedRadioactivityUnits", "InjectedMass", "InjectedMassUnits"),
    *("SpecificRadioactivity", "SpecificRadioactivityUnits"),
]


def frame_parameters(durations: Sequence[float]) -> dict[str, Any]:
    """Return timing and kinetics for the sidecar, by their BIDS names where these exist."""
    return {
        "TracerName": "[11C]PIB",
        "TracerRadionuclide": "C11",
        "ModeOfAdministration": "bolus",
        # time of day of the injection, which is time 0 of the frames
        "TimeZero": "12:00:00",
        "ScanStart": 0,
        "InjectionStart": 0,
        # BIDS requires these, and a simulation has none
        **dict.fromkeys(_NOT_SIMULATED, "n/a"),
        "InjectedRadioactivity": 0,
        "ReconMethodParameterLabels": ["n/a"],
        "ReconMethodParameterUnits": ["none"],
        "ReconMethodParameterValues": [0],
        "ReconFilterType": "none",
        "AttenuationCorrection": "none",
        "FrameTimesStart": kinetics.frame_times(durations),
        "FrameDuration": durations,
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 0,
        "ReferenceK2": kinetics.REFERENCE_K2,
        "ReferenceK2Units": "1/min",
    }
