"""Diffusion gradients: directions, b-values, the files that carry them, and the noise they leave in a tensor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.io.provenance import write_text
from myelosketch.simulation.physics import B_VALUE

B_UNIT = 1000.0  # s/mm2 in one ms/um2
TYPICAL_AD, TYPICAL_RD = 1.14, 0.54  # healthy white matter, 1e-3 mm2/s


def hemisphere(n: int) -> np.ndarray:
    """Return directions spread evenly over half a sphere, along Fibonacci's spiral.

    Returns
    -------
    array (n, 3), unit vectors with z > 0
    """
    rank = np.arange(n)
    z = 1 - (rank + 0.5) / n
    angle = rank * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)


def gradient_scheme(settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the b-value and direction of each volume: those without diffusion weighting first, then shell by shell.

    Parameters
    ----------
    settings : section ``dwi``: ``n_b0``, ``n_directions`` (per shell), ``b_value`` (s/mm2, one or a list)

    Returns
    -------
    b_values : array (n,), s/mm2
    directions : array (n, 3) in the scanner's world; zeros where the b-value is 0
    """
    shells = np.atleast_1d(settings["b_value"]).astype(float)
    n_b0, n = settings["n_b0"], settings["n_directions"]
    b_values = np.concatenate([np.zeros(n_b0), np.repeat(shells, n)])
    directions = np.concatenate([np.zeros((n_b0, 3)), np.tile(hemisphere(n), (len(shells), 1))])
    return b_values, directions


def fsl_directions(directions: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return directions as in FSL's ``.bvec``: in voxel axes, the first reversed if the affine is right-handed.

    Parameters
    ----------
    directions : array (n, 3) in the image's world (RAS)
    affine : (4, 4) of the image

    Returns
    -------
    array (n, 3)
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    result = directions @ axes
    if np.linalg.det(axes) > 0:
        result = result * [-1, 1, 1]
    return result


def write_gradients(
    bval_path: str | Path,
    bvec_path: str | Path,
    b_values: np.ndarray,
    directions: np.ndarray,
    affine: np.ndarray,
) -> None:
    """Write the b-values (one line, s/mm2) and the directions (three lines, FSL's convention)."""
    rows = fsl_directions(directions, affine).T + 0.0  # no negative zeros
    write_text(bval_path, " ".join(f"{b:g}" for b in b_values) + "\n")
    write_text(bvec_path, "".join(" ".join(f"{v:.6f}" for v in row) + "\n" for row in rows))


def diffusivity_noise(b_values: np.ndarray, directions: np.ndarray) -> tuple[float, float]:
    """Return the noise of AD and RD that a weighted tensor fit leaves in healthy white matter, for noise of 1 / S0.

    The propagation is linear: ln S has the variance (sd / S)^2, and the weights of the least-squares fit are its
    inverse. The result is the root mean square over 12 fibre directions (assumed).

    Parameters
    ----------
    b_values : array (n,), s/mm2
    directions : array (n, 3)

    Returns
    -------
    axial, radial : SD of AD and RD (1e-3 mm2/s) times the signal-to-noise ratio of S0
    """
    b = np.asarray(b_values) / B_UNIT / B_VALUE
    x, y, z = directions.T
    design = np.stack([-b * x * x, -b * y * y, -b * z * z, -2 * b * x * y, -2 * b * x * z, -2 * b * y * z], 1)
    design = np.column_stack([design, np.ones_like(b)])
    variances = []
    for fibre in hemisphere(12):
        diffusivity = TYPICAL_RD + (TYPICAL_AD - TYPICAL_RD) * (directions @ fibre) ** 2
        weights = np.exp(-2 * b * diffusivity)
        covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
        u, v, w = fibre
        axial = np.array([u * u, v * v, w * w, 2 * u * v, 2 * u * w, 2 * v * w, 0])
        radial = (np.array([1, 1, 1, 0, 0, 0, 0]) - axial) / 2
        variances.append([axial @ covariance @ axial, radial @ covariance @ radial])
    return tuple(np.sqrt(np.mean(variances, axis=0)))


def noise_share(settings: Mapping[str, Any], diffusion_noise: float) -> float:
    """Return the SD of the noise relative to S0 of white matter.

    Parameters
    ----------
    settings : section ``dwi``. If ``snr`` is null, the noise is chosen so that AD and RD have the SD of the level
        ``maps``, as root mean square over the two.
    diffusion_noise : that SD, 1e-3 mm2/s

    Returns
    -------
    float, 0 for no noise
    """
    if settings["snr"] is not None:
        return 1 / settings["snr"]
    return diffusion_noise / np.sqrt(np.mean(np.square(diffusivity_noise(*gradient_scheme(settings)))))
