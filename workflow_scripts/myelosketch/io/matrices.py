"""Matrices of ITK's linear transforms, without importing ants, which takes as long as scoring a scan."""

import numpy as np

# ITK's world coordinates are LPS, those of NIfTI are RAS
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def matrix_of(parameters: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the matrix of an affine ITK transform, in ITK's world coordinates (LPS).

    Parameters
    ----------
    parameters : float array (12,), the linear part row by row, then the shift, mm
    centre : float array (3,), fixed parameters: the centre, which the linear part does not move, mm

    Returns
    -------
    array (4, 4)
    """
    linear, shift = parameters[:9].reshape(3, 3), parameters[9:12]
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = shift + centre - linear @ centre
    return matrix


def is_rigid(matrix: np.ndarray) -> bool:
    """Return whether a matrix (4, 4) only rotates and translates: no length changes by more than a thousandth."""
    return bool(np.abs(matrix[:3, :3].T @ matrix[:3, :3] - np.eye(3)).max() < 2e-3)
