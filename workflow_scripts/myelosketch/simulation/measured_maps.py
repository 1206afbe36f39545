"""FA, RD, AD, MTR and DVR without raw signals: exact maps with the errors that a fit would leave."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.simulation.fields import smooth_field
from myelosketch.simulation.physics import diffusivity_from_signal, fractional_anisotropy
from myelosketch.simulation.scanner import Grid, acquire, bias_field, modality_grid, random_pose, rigid

LARGEST_DRAW = 2.5  # limit of the draw of a participant's gain or offset, in SD
WHITE_DVR = 1.28  # DVR of healthy white matter, at which the SD of the gain is given
# second scan of a participant: SD of the change of the gain, in DVR of healthy white matter (assumed)
RESCAN_GAIN_SD = 0.03
# second scan of a participant: SD of the residual of its registration, degrees and mm (assumed)
RESIDUAL_DEG, RESIDUAL_MM = 0.3, 0.3


def acquire_diffusion(
    maps: Mapping[str, np.ndarray],
    brain: np.ndarray,
    affine: np.ndarray,
    grid: Grid,
    noise_sd: float,
    noise_fwhm: float,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return noisy AD and RD (1e-3 mm2/s) and their FA; 0 outside the brain.

    Parameters
    ----------
    maps : dict with ``signal_AD`` and ``signal_RD``
    brain : array (x, y, z), brain's share
    affine, grid : anatomy affine and diffusion grid
    noise_sd : SD of the errors, 1e-3 mm2/s
    noise_fwhm : width of their correlation, mm; EPI images are filtered and interpolated
    rng : numpy.random.Generator

    Returns
    -------
    dict of arrays of grid.shape, float32: FA, RD, AD, where AD is the larger diffusivity
    """
    share = acquire(brain, affine, grid)
    inside = share > 0.5
    noisy = []
    for name in ("signal_AD", "signal_RD"):
        exact = diffusivity_from_signal(acquire(maps[name], affine, grid), share)
        noise = smooth_field(grid.shape, grid.voxel, noise_fwhm, rng)
        noisy.append(np.where(inside, np.maximum(exact + noise_sd * noise, 0.02), 0))
    axial, radial = np.maximum(*noisy), np.minimum(*noisy)
    result = {"FA": fractional_anisotropy(axial, radial), "RD": radial, "AD": axial}
    return {name: values.astype(np.float32) for name, values in result.items()}


def mtr_errors(grid: Grid, settings: Mapping[str, Any], rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Return the errors of MTR that are constant over the head or smooth.

    Returns
    -------
    offset : float, percent, of this participant
    field : array of grid.shape, factor of the B1 error
    """
    offset = settings["mtr_offset"] + settings["mtr_gain_sd"] * bounded_normal(rng)
    return offset, bias_field(grid, settings["b1_range"], rng)


def acquire_mtr(
    maps: Mapping[str, np.ndarray],
    brain: np.ndarray,
    affine: np.ndarray,
    grid: Grid,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the MTR map (percent) with B1 error, the participant's offset and noise; 0 outside the brain."""
    share = acquire(brain, affine, grid)
    inside = share > 0.5
    exact = acquire(maps["MTR"], affine, grid) / np.where(inside, share, 1)
    offset, field = mtr_errors(grid, settings, rng)
    noise = settings["mtr_noise"] * rng.standard_normal(grid.shape, dtype=np.float32)
    return np.where(inside, np.clip(exact * field + offset + noise, 0.01, 100), 0).astype(np.float32)


def bounded_normal(rng: np.random.Generator) -> float:
    """Return one standard normal draw, cut at LARGEST_DRAW."""
    return float(np.clip(rng.standard_normal(), -LARGEST_DRAW, LARGEST_DRAW))


def pet_gain(settings: Mapping[str, Any], rng: np.random.Generator) -> float:
    """Draw the factor on the DVR of a participant's white matter; grey matter is the reference and has no factor."""
    return settings["gain_mean"] + settings["gain_sd"] / WHITE_DVR * bounded_normal(rng)


def rescan_gain(gain: float, rng: np.random.Generator) -> float:
    """Draw the gain of the second scan of the same participant."""
    return gain + RESCAN_GAIN_SD / WHITE_DVR * bounded_normal(rng)


def hidden_dvr(dvr_white: np.ndarray, unseen: np.ndarray, grey: np.ndarray, gain: float) -> np.ndarray:
    """Return the part of a scan's DVR that MRI cannot know: array (x, y, z).

    Parameters
    ----------
    dvr_white : array (x, y, z), white matter's part of the DVR
    unseen, grey : arrays (x, y, z), parts of the DVR of white and of grey matter that leave no trace in MRI
    gain : factor on the DVR of white matter
    """
    return np.float32(gain - 1) * dvr_white + np.float32(gain) * unseen + grey


def acquire_pet(
    visible: np.ndarray,
    hidden: Sequence[np.ndarray],
    brain: np.ndarray,
    affine: np.ndarray,
    grid: Grid,
    settings: Mapping[str, Any],
    pose: Mapping[str, Any],
    rngs: Sequence[np.random.Generator],
) -> dict[str, np.ndarray]:
    """Return two measurements of the DVR, and the noise-free maps behind them.

    The second scan is taken on another day, in another pose and with its own noise and gain. A registration with a
    residual error (RESIDUAL_DEG, RESIDUAL_MM) brings it onto the grid of the first.

    Parameters
    ----------
    visible : array (x, y, z), DVR that MRI can know
    hidden : two arrays of :func:`hidden_dvr`, for the first and the second scan
    brain : array (x, y, z), brain's share
    affine, grid : anatomy affine and PET grid
    settings : section ``pet``
    pose : section ``pose``, for the second scan
    rngs : three numpy.random.Generator: noise of the first and of the second scan, pose of the second

    Returns
    -------
    dict of arrays of grid.shape, float32: ``visible`` (blurred), ``noisefree`` (also with the unseen part and the
    participant's gain), ``DVR`` (noisefree with noise) and ``rescan``; 0 outside the brain
    """
    fwhm = settings["blur_fwhm_mm"]
    inside = acquire(brain, affine, grid) > 0.5
    seen = acquire(visible, affine, grid, psf_fwhm=fwhm)
    noisefree = seen + acquire(hidden[0], affine, grid, psf_fwhm=fwhm)
    noise = settings["noise_sd"] * smooth_field(grid.shape, grid.voxel, settings["noise_fwhm_mm"], rngs[0])
    result = {"visible": seen, "noisefree": noisefree, "DVR": noisefree + noise}

    second = modality_grid(grid.voxel, random_pose(pose, rngs[2]))
    again = acquire(visible + hidden[1], affine, second, psf_fwhm=fwhm)
    again += settings["noise_sd"] * smooth_field(grid.shape, grid.voxel, settings["noise_fwhm_mm"], rngs[1])
    residual = rigid(RESIDUAL_DEG * rngs[2].standard_normal(3), RESIDUAL_MM * rngs[2].standard_normal(3))
    route = np.linalg.inv(second.affine) @ residual @ second.pose @ np.linalg.inv(grid.pose) @ grid.affine
    # cubic, because a linear interpolation would smooth the noise of the second scan alone
    result["rescan"] = ndimage.affine_transform(
        again, route[:3, :3], route[:3, 3], output_shape=grid.shape, order=3, mode="nearest"
    )
    return {name: np.where(inside, values, 0).astype(np.float32) for name, values in result.items()}
