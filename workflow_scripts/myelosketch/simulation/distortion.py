"""Susceptibility distortion of echo-planar images: the field near sinuses and ears shifts signal and piles it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from myelosketch.simulation.scanner import Grid

TOTAL_READOUT_S = 0.05
PHASE_ENCODING = "j"  # BIDS: the second voxel axis; a positive field shifts signal towards larger indices
AXIS = 1
SMALLEST_STRETCH = 0.1  # signal piles up at most ten times, also where the map would fold
# sources of the field above the frontal sinus and both ear canals: centre (anatomy world, mm), SD (mm), share of
# the peak (assumed)
SOURCES = (
    ((0.0, 52.0, -24.0), 13.0, 1.0),
    ((-48.0, -22.0, -32.0), 11.0, 0.6),
    ((48.0, -22.0, -32.0), 11.0, 0.6),
)


def off_resonance(grid: Grid, peak_hz: float) -> np.ndarray:
    """Return the off-resonance field of the head in its pose.

    Parameters
    ----------
    grid : Grid
    peak_hz : field at the strongest source, Hz

    Returns
    -------
    array of grid.shape, float32, Hz
    """
    to_anatomy = np.linalg.inv(grid.pose) @ grid.affine
    index = np.ogrid[tuple(map(slice, grid.shape))]
    world = [sum(to_anatomy[i, j] * index[j] for j in range(3)) + to_anatomy[i, 3] for i in range(3)]
    field = np.zeros(grid.shape, np.float32)
    for centre, sd, share in SOURCES:
        squared = sum((w - c) ** 2 for w, c in zip(world, centre, strict=True))
        field += np.float32(peak_hz * share) * np.exp(-0.5 * squared / sd**2).astype(np.float32)
    return field


class Distortion:
    """Shift of signal along the phase-encoding axis, in voxels: field times readout time. The sum is kept."""

    def __init__(self, field: np.ndarray) -> None:
        """Compute the shifts of ``field``: array (x, y, z), Hz, at the true positions."""
        shift = field * np.float32(TOTAL_READOUT_S)
        place = np.arange(shift.shape[AXIS], dtype=np.float32).reshape(1, -1, 1)
        source = np.broadcast_to(place, shift.shape)
        for _ in range(25):  # find the source of the signal seen at a place: source + shift(source) = place
            source = np.clip(place - _along(shift, *_split(source)), 0, shift.shape[AXIS] - 1)
        self._index, self._weight = _split(source)
        stretch = 1 + np.gradient(shift, axis=AXIS)
        self._density = 1 / np.maximum(_along(stretch, self._index, self._weight), SMALLEST_STRETCH)

    def __call__(self, volume: np.ndarray) -> np.ndarray:
        """Return array (x, y, z) as the scanner shows it."""
        return _along(volume, self._index, self._weight) * self._density


def _split(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower neighbour of a position and the weight of the upper one."""
    low = np.minimum(position.astype(np.int16), position.shape[AXIS] - 2)
    return low, (position - low).astype(np.float32)


def _along(volume: np.ndarray, low: np.ndarray, weight: np.ndarray) -> np.ndarray:
    index = low.astype(np.intp)
    lower = np.take_along_axis(volume, index, AXIS)
    return lower + weight * (np.take_along_axis(volume, index + 1, AXIS) - lower)
