"""Repeat a registration coarsely from other starts, and measure how far a transform is from the results."""

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from myelosketch.errors import InputError
from myelosketch.imaging.registration.alignment import apply
from myelosketch.imaging.registration.itk import find_matrix
from myelosketch.imaging.registration.resampling import content_box, crop
from myelosketch.imaging.registration.starts import about, centre_of_mass, shrink
from myelosketch.io.volumes import Volume

# a registration that ends at this voxel size takes .25 s and is within .5 mm of the finest one
FINEST_MM = 6.0
# starts are turned by up to this angle about each axis
TURN_DEG = 8.0


class Answers(NamedTuple):
    """The results of repeated registrations: 4x4 matrices from points of the fixed to points of the moving image."""

    again: list[np.ndarray]  # one per start
    inverse: np.ndarray  # found from moving to fixed, and inverted
    stretched: np.ndarray | None  # affine, if requested


def register_again(
    fixed: Volume, moving: Volume, *, starts: int, with_stretch: bool, settings: dict[str, Any]
) -> Answers:
    """Register two images from several starts, in the opposite direction and, if requested, free in size and shape.

    Parameters
    ----------
    fixed, moving : Volume, 0 outside the head
    starts : number of starts, at least 1
    with_stretch : bool
    settings : dict: kind ("Rigid" | "Affine"), metric, sampling, seed

    Returns
    -------
    Answers

    Raises
    ------
    InputError : the images do not come together
    """
    fixed, moving = (shrink(crop(image, content_box(image)), FINEST_MM) for image in (fixed, moving))
    found = [_from_start(fixed, moving, start, settings) for start in range(starts)]
    inverse, _ = _found(moving, fixed, settings)
    stretched = None
    if with_stretch:
        # starts from the best rigid result, so that only size and shape differ
        best, _ = max(found, key=lambda answer: answer[1])
        stretched, _ = _found(fixed, moving, settings | {"kind": "Affine"}, start=best)
    return Answers([matrix for matrix, _ in found], np.linalg.inv(inverse), stretched)


def distances_to(given: np.ndarray, answers: Answers, points: np.ndarray) -> dict[str, float | None]:
    """Return how far a transform is from the results of repeated registrations, over the brain.

    Parameters
    ----------
    given : array (4, 4), the transform
    answers : Answers
    points : array (n, 3), brain, in the world of the fixed image, mm

    Returns
    -------
    dict, mm : ``inverse_mm`` (median over the brain), ``repeat_mm`` (median over the brain, then over the starts),
        ``repeat_max_mm`` (largest over brain and starts), ``stretch_mm`` (median over the brain between the affine
        result and that of ``again`` nearest to ``given``; None if it was not requested)
    """

    def apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.linalg.norm(apply(first, points) - apply(second, points), axis=1)

    distances = np.array([apart(matrix, given) for matrix in answers.again])
    nearest = answers.again[int(np.median(distances, axis=1).argmin())]
    stretched = answers.stretched
    return {
        "inverse_mm": float(np.median(apart(answers.inverse, given))),
        "repeat_mm": float(np.median(np.median(distances, axis=1))),
        "repeat_max_mm": float(distances.max()),
        "stretch_mm": None if stretched is None else float(np.median(apart(stretched, nearest))),
    }


def _from_start(
    fixed: Volume, moving: Volume, start: int, settings: dict[str, Any]
) -> tuple[np.ndarray, float]:
    """Register the moving image after a turn about its centre.

    Returns
    -------
    matrix, array (4, 4), with the turn undone, and the similarity
    """
    if not (moving.data > 0).any():
        raise InputError("An image without a value above 0 cannot be registered: export it again.")
    angles = np.random.default_rng([settings["seed"], start]).uniform(-TURN_DEG, TURN_DEG, 3)
    centre = centre_of_mass(moving)
    turn = about(Rotation.from_euler("xyz", angles, degrees=True).as_matrix(), centre, centre)
    matrix, shared = _found(fixed, Volume(moving.data, turn @ moving.affine), settings)
    return np.linalg.inv(turn) @ matrix, shared


def _found(
    fixed: Volume, moving: Volume, settings: dict[str, Any], start: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Return the matrix of one coarse registration, and the similarity of the images after it."""
    matrix, record = find_matrix(
        fixed, moving, "the quality control", finest_mm=FINEST_MM, follow=1, start=start, **settings
    )
    return matrix, record["Similarity"]
