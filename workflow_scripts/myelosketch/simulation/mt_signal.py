"""The images with and without magnetisation-transfer (MT) pulse, from which the MTR is computed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from myelosketch.simulation import physics
from myelosketch.simulation.grey import tissue_values
from myelosketch.simulation.measured_maps import mtr_errors
from myelosketch.simulation.scanner import Grid, acquire, bias_field, magnitude, whole_numbers

WATER_SIGNAL = 2000.0  # CSF without MT pulse, arbitrary units
RECEIVE_BIAS = 0.1  # largest receive bias, which cancels in the ratio
TYPICAL_MTR = 40.5  # healthy white matter, percent


def noise_share(settings: Mapping[str, Any], mtr_noise: float) -> float:
    """Return the SD of the noise, relative to the signal of white matter without MT pulse.

    Parameters
    ----------
    settings : section ``mt``. If ``snr`` is null, the noise is chosen so that the MTR of white matter has the SD of
        the level ``maps``: SD(MTR) = 100 / SNR * sqrt(1 + (1 - MTR/100)^2)
    mtr_noise : that SD, percent

    Returns
    -------
    float, 0 for no noise
    """
    if settings["snr"] is not None:
        return 1 / settings["snr"]
    return mtr_noise / 100 / np.sqrt(1 + (1 - TYPICAL_MTR / 100) ** 2)


def mt_contrast(
    fractions: Mapping[str, np.ndarray],
    latents: Mapping[str, np.ndarray],
    tissues: Mapping[str, Mapping[str, Any]] = physics.TISSUES,
    coefficients: physics.Physics = physics.PHYSICS,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the signals without and with MT pulse before any error of the scanner; tissues mix as signal.

    ``tissues`` has the form of ``physics.TISSUES``: numbers or arrays (x, y, z).

    Returns
    -------
    off, on : arrays (x, y, z), float32; CSF without MT pulse 100
    """
    m, a, w = (latents[name] for name in ("myelin", "axons", "water"))
    density = fractions["white"] * physics.proton_density(m, w)
    off, on = density, density * (1 - physics.magnetisation_transfer_ratio(m, a, w, coefficients) / 100)
    for tissue, values in tissues.items():
        density = np.float32(values["PD"]) * fractions[tissue]
        off, on = off + density, on + density * (1 - values["MTR"] / np.float32(100))
    return off.astype(np.float32), on.astype(np.float32)


def acquire_mt(
    body: Mapping[str, Any],
    brain: np.ndarray,
    grid: Grid,
    mri: Mapping[str, Any],
    settings: Mapping[str, Any],
    rngs: Sequence[np.random.Generator],
) -> dict[str, Any]:
    """Return both images, in one pose.

    The B1 error and the participant's offset are those of the participant's MTR map at the level ``maps``.

    Parameters
    ----------
    body : dict of ``participant.simulate_body``
    brain : array (x, y, z), brain's share
    grid : Grid
    mri, settings : sections ``mri`` and ``mt``
    rngs : two numpy.random.Generator: errors of MTR, receive field and noise

    Returns
    -------
    dict : ``mt_off``, ``mt_on``, arrays of grid.shape, int16, arbitrary units, 0 outside the brain;
        ``mt_snr``, the signal-to-noise ratio of white matter without MT pulse (None: no noise)
    """
    affine = body["anatomy"].affine
    inside = acquire(brain, affine, grid) > 0.5
    coefficients = body.get("physics", physics.PHYSICS)
    tissues = tissue_values(body.get("grey"), coefficients)
    contrast = mt_contrast(body["anatomy"].fractions, body["latents"], tissues, coefficients)
    off, on = (acquire(m, affine, grid) for m in contrast)
    offset, field = mtr_errors(grid, mri, rngs[0])
    saturated = (off - on) * field + off * np.float32(offset / 100)
    on = np.clip(off - saturated, 0, None)
    receive = bias_field(grid, RECEIVE_BIAS, rngs[1])
    share = noise_share(settings, mri["mtr_noise"])
    sd = share * WATER_SIGNAL / 100 * physics.proton_density(1.0, 0.0)
    images: dict[str, Any] = {"mt_snr": 1 / share if share else None}
    for name, exact in (("mt_off", off), ("mt_on", on)):
        noisy = magnitude(WATER_SIGNAL / 100 * exact * receive, sd, rngs[1])
        images[name] = whole_numbers(noisy, inside)
    return images
