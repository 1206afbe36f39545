"""Effects of every scanner on a map: head pose, voxel averaging, point spread, bias field, Rician noise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from scipy.spatial.transform import Rotation

from myelosketch.simulation.anatomy import HEAD_CENTRE
from myelosketch.simulation.fields import FWHM_TO_SIGMA, smooth_field

FIELD_OF_VIEW_MM = np.array([192.0, 228.0, 204.0])  # holds the largest head in the most extreme pose
MODALITIES = ("T1w", "dwi", "MTR", "pet")
BIAS_FWHM_MM = 90.0  # width of the B1 field and of the receive field


@dataclass(frozen=True)
class Grid:
    """Voxel grid of one modality in one head pose."""

    shape: tuple[int, ...]
    affine: np.ndarray  # (4, 4), voxel to the modality's world, mm, axis aligned (RAS)
    pose: np.ndarray  # (4, 4), anatomy world to the modality's world, mm
    voxel: float  # mm

    def moved(self, motion: np.ndarray) -> Self:
        """Return the grid after the head has moved by ``motion`` (4, 4), in the modality's world, mm."""
        return replace(self, pose=motion @ self.pose)


def rigid(angles_deg: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """Return the rigid transform (4, 4): rotations about the axes through the head's centre, then a shift (mm)."""
    transform = np.eye(4)
    transform[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    transform[:3, 3] = HEAD_CENTRE + shift - transform[:3, :3] @ HEAD_CENTRE
    return transform


def random_pose(settings: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Draw the rigid pose of the head: rotations about its centre and a shift, each uniform up to its limit.

    Returns
    -------
    array (4, 4): anatomy world to the modality's world, mm
    """
    angles = rng.uniform(-1, 1, 3) * settings["rotation_deg"]
    return rigid(angles, rng.uniform(-1, 1, 3) * settings["translation_mm"])


def modality_grid(voxel: float, pose: np.ndarray) -> Grid:
    """Return the grid of a modality: the field of view around the scanner's centre, equal for all participants."""
    shape = tuple(int(n) for n in np.ceil(FIELD_OF_VIEW_MM / voxel))
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = HEAD_CENTRE - voxel * (np.array(shape) - 1) / 2
    return Grid(shape, affine, pose, voxel)


def acquire(volume: np.ndarray, affine: np.ndarray, grid: Grid, *, psf_fwhm: float = 0.0) -> np.ndarray:
    """Return a map of the anatomy on a modality's grid: blurred, averaged over voxels, interpolated once.

    The average over a voxel is a Gaussian blur. Its variance is that of the voxel (side squared / 12) less that of
    the source voxel (assumed).

    Parameters
    ----------
    volume : array (x, y, z) on the anatomy grid
    affine : (4, 4) of the anatomy grid
    grid : Grid
    psf_fwhm : point spread of the scanner, mm

    Returns
    -------
    array of grid.shape, float32; 0 beyond the anatomy
    """
    voxel = affine[0, 0]
    variance = (psf_fwhm * FWHM_TO_SIGMA) ** 2 + max(grid.voxel**2 - voxel**2, 0) / 12
    if variance > 0:
        volume = ndimage.gaussian_filter(volume, np.sqrt(variance) / voxel, mode="constant", truncate=3.5)
    to_source = np.linalg.inv(affine) @ np.linalg.inv(grid.pose) @ grid.affine
    return ndimage.affine_transform(
        volume, to_source[:3, :3], to_source[:3, 3], output_shape=grid.shape, order=1, mode="constant"
    )


def bias_field(grid: Grid, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a smooth factor around 1 that differs from it by at most ``amplitude``."""
    field = smooth_field(grid.shape, grid.voxel, BIAS_FWHM_MM, rng)
    field = field - field.mean()
    return 1 + amplitude * field / np.abs(field).max()


def magnitude(
    signal: np.ndarray, sd: float, rng: np.random.Generator, *, fwhm: float = 0.0, voxel: float = 1.0
) -> np.ndarray:
    """Return the magnitude of a signal with Gaussian noise in both channels, which is Rician.

    Parameters
    ----------
    signal : array (x, y, z)
    sd : standard deviation in each channel, in units of the signal
    rng : numpy.random.Generator
    fwhm, voxel : width of the noise's correlation and voxel side, mm; width 0 gives independent voxels

    Returns
    -------
    array (x, y, z), float32
    """
    real, imaginary = (np.float32(sd) * smooth_field(signal.shape, voxel, fwhm, rng) for _ in range(2))
    return np.hypot(signal + real, imaginary)


def whole_numbers(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the image as a scanner stores it: int16, at least 1 inside the brain and 0 outside."""
    return np.where(inside, np.clip(np.round(image), 1, 32767), 0).astype(np.int16)
