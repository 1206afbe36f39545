"""Matrices of ITK's linear transforms, without ants: its import costs as much as scoring a scan."""

import numpy as np

# ITK's world is LPS, NIfTI's is RAS
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def matrix_of(parameters: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Matrix of an affine transform of ITK, in its own world (LPS).

    Parameters
    ----------
    parameters : float array (12,), the linear part row by row, then the shift, mm
    centre : float array (3,), fixed parameters: the point that the linear part leaves in place, mm

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
    """Whether a matrix (4, 4) turns and shifts only: no length changes by more than a thousandth."""
    return bool(np.abs(matrix[:3, :3].T @ matrix[:3, :3] - np.eye(3)).max() < 2e-3)
