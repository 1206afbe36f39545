"""Random smooth fields and diffeomorphisms: the biological variation of anatomy, tissue and scanner."""

import hashlib
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))


def stream(seed: int, subject: str, purpose: str) -> np.random.Generator:
    """Return a random generator for one purpose and one participant, independent of all other draws.

    Parameters
    ----------
    seed : int
    subject : str
    purpose : str such as "lesions"; another draw for one purpose does not change the others

    Returns
    -------
    numpy.random.Generator
    """
    digest = hashlib.sha256(f"{subject}|{purpose}".encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])


def smooth_field(shape: Sequence[int], voxel: float, fwhm: float, rng: np.random.Generator) -> np.ndarray:
    """Return a stationary Gaussian field of mean 0 and SD 1 over realisations.

    Parameters
    ----------
    shape : (x, y, z)
    voxel : voxel side, mm
    fwhm : width of the smoothing kernel, mm; 0 gives white noise
    rng : numpy.random.Generator

    Returns
    -------
    array (x, y, z), float32
    """
    step = max(1.0, fwhm / 4 / voxel)  # a wide field is drawn on a coarser grid and interpolated
    coarse = tuple(int(np.ceil((n - 1) / step)) + 2 for n in shape) if step > 1 else tuple(shape)
    sigma = fwhm * FWHM_TO_SIGMA / (step * voxel)
    field = rng.standard_normal(coarse, dtype=np.float32)
    if sigma > 0:
        field = ndimage.gaussian_filter(field, sigma, mode="wrap", truncate=3.5) / _kernel_norm(sigma) ** 1.5
    if step > 1:
        field = stretch(field, step, shape)
    return field


def stretch(field: np.ndarray, factor: float, shape: Sequence[int], offset: float = 0.0) -> np.ndarray:
    """Return the linear interpolation of a field onto a grid with ``factor`` times smaller voxels.

    Parameters
    ----------
    field : array (x, y, z)
    factor : coarse voxel side / fine voxel side
    shape : shape of the result
    offset : coarse voxel coordinate of the first fine voxel, along each axis

    Returns
    -------
    array of ``shape``
    """
    with warnings.catch_warnings():  # SciPy warns of a change made in 2016 whenever the matrix is diagonal
        warnings.simplefilter("ignore", UserWarning)
        return ndimage.affine_transform(
            field, np.full(3, 1 / factor), offset, output_shape=shape, order=1, mode="nearest"
        )


def _kernel_norm(sigma: float) -> float:
    """Return the sum of squares of the discrete Gaussian kernel: its effect on the variance of white noise."""
    kernel = ndimage.gaussian_filter1d(np.eye(1, 201, 100)[0], sigma, mode="wrap", truncate=3.5)
    return float((kernel**2).sum())


def exponential(velocity: np.ndarray, steps: int = 6) -> np.ndarray:
    """Return the displacement at time 1 of a stationary velocity field, by scaling and squaring.

    Parameters
    ----------
    velocity : array (3, x, y, z), voxels per unit time
    steps : int, number of squarings

    Returns
    -------
    array (3, x, y, z), displacement in voxels: point x goes to x + displacement(x)
    """
    displacement = (velocity / 2**steps).astype(np.float32)
    identity = np.indices(velocity.shape[1:], dtype=np.float32)
    for _ in range(steps):
        target = identity + displacement
        displacement = displacement + np.stack(
            [ndimage.map_coordinates(part, target, order=1, mode="nearest") for part in displacement]
        )
    return displacement


def jacobian(displacement: np.ndarray) -> np.ndarray:
    """Return the derivative of the map x -> x + displacement(x); displacement (3, x, y, z) in voxels.

    The result is (x, y, z, 3, 3). Its last axis but one is the component of the map, and the last is the direction of
    the derivative.
    """
    gradient = np.stack([np.stack(np.gradient(part), axis=-1) for part in displacement], axis=-2)
    return gradient + np.eye(3, dtype=np.float32)


def jacobian_determinant(displacement: np.ndarray) -> np.ndarray:
    """Return the local volume change of the map x -> x + displacement(x); displacement (3, x, y, z) in voxels."""
    return np.linalg.det(jacobian(displacement))
