"""T1w and FLAIR of a simulated participant: contrast from the tissue, receive bias and Rician noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from myelosketch.simulation.scanner import Grid, acquire, bias_field, magnitude, whole_numbers

if TYPE_CHECKING:
    import numpy as np

WHITE = 1000.0  # healthy white matter, arbitrary units


def acquire_structural(
    contrast: np.ndarray,
    brain: np.ndarray,
    affine: np.ndarray,
    grid: Grid,
    noise_percent: float,
    bias_percent: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return one structural image; the head is skull-stripped, as the template is.

    Parameters
    ----------
    contrast : array (x, y, z) on the anatomy grid, healthy white matter 100
    brain : array (x, y, z), brain's share
    affine, grid : anatomy affine and the image's Grid
    noise_percent : SD of the noise, percent of healthy white matter
    bias_percent : largest receive bias, percent
    rng : numpy.random.Generator

    Returns
    -------
    array of grid.shape, int16, arbitrary units; 0 outside the brain
    """
    inside = acquire(brain, affine, grid) > 0.5
    signal = WHITE / 100 * acquire(contrast, affine, grid)
    signal = signal * bias_field(grid, bias_percent / 100, rng)
    return whole_numbers(magnitude(signal, WHITE / 100 * noise_percent, rng), inside)
