"""One space for all sessions of a participant, at the mean of their poses, so that none is favoured (assumed).

If every session were registered to the first, an interpolation would blur all sessions but the first, and this would
look like a change. Here every session is moved, and by about the same distance.
"""

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import expm, logm

from myelosketch.errors import InputError
from myelosketch.imaging.registration.alignment import apply, brain_points, dice, world_grid
from myelosketch.imaging.registration.itk import find_matrix
from myelosketch.imaging.registration.resampling import content_box, crop, resample_fraction, resample_map
from myelosketch.imaging.registration.transforms import save_matrix, write_transform
from myelosketch.io.provenance import provenance, read_json, sidecar_path
from myelosketch.io.volumes import Volume, check_same_grid, load_volume, open_image, save_volume

SESSION_FILES = ("t1w", "brain", "petref")
# iterations of the mean: for two sessions, the first one is exact
ROUNDS = 3
# two heads of one participant overlap by more than .9 (Dice of their brains)
LEAST_OVERLAP = 0.85


def align_sessions(
    files: Mapping[str, Sequence[str | Path]],
    scans: Sequence[str],
    output: str | Path,
    *,
    registration: Mapping[str, Any],
    seed: int,
) -> None:
    """Find the common space of a participant's sessions; write the mean of their T1w images on its grid.

    The sidecar of the image holds the pose of every session, which ``place_session`` writes as a transform.

    Parameters
    ----------
    files : dict of lists of paths, one per scan: ``t1w`` and ``brain`` on one grid; ``petref``, any image on the PET
        grid: the common grid has the largest voxel of these
    scans : names of the participant's scans, two or more
    output : path, ``.nii.gz``
    registration : dict, section of the config
    seed : int

    Raises
    ------
    InputError : a registration fails, or two sessions do not show the same brain
    GeometryError : T1w and brain of a session are on different grids
    """
    heads, brains = [], []
    for t1w_path, brain_path in zip(files["t1w"], files["brain"], strict=True):
        t1w, brain = load_volume(t1w_path), load_volume(brain_path)
        check_same_grid(t1w, brain)
        inside = brain.data > 0
        # T1w has no unit: 1 is the median of each brain
        level = float(np.median(t1w.data[inside])) or 1.0
        heads.append(Volume(np.where(inside, t1w.data / level, 0), t1w.affine, t1w.path))
        brains.append(Volume(inside.astype(np.float32), brain.affine))
    poses = mean_pose(match_sessions(heads, scans, registration=registration, seed=seed))
    grid = common_grid(brains, poses, max(voxel_side(path) for path in files["petref"]))
    with tempfile.TemporaryDirectory() as folder:
        xfms = [f"{folder}/{number}.mat" for number in range(len(scans))]
        for xfm, pose in zip(xfms, poses, strict=True):
            save_matrix(xfm, pose)
        placed = [resample_map(head, grid, [xfm]).data for head, xfm in zip(heads, xfms, strict=True)]
        shares = [resample_fraction(brain, grid, [xfm]).data for brain, xfm in zip(brains, xfms, strict=True)]
    sidecar = provenance(
        sources=[*files["t1w"], *files["brain"]],
        parameters={"registration": dict(registration), "seed": seed},
        Units="1 is the median of each brain",
        Space="mean pose of the sessions, RAS",
        BrainOverlap=least_overlap(shares, scans),
        Poses=dict(zip(scans, poses, strict=True)),
    )
    save_volume(output, np.mean(placed, axis=0), grid.affine, sidecar=sidecar)


def place_session(common: str | Path, scan: str, t1w: str | Path, output: str | Path) -> None:
    """Write the transform that resamples the T1w image of a session onto the common grid.

    Parameters
    ----------
    common : path of the image that ``align_sessions`` wrote
    scan : name of the session's scan
    t1w : path, for the sidecar
    output : path ``.mat``; ``.txt`` and ``.json`` are written beside it
    """
    pose = np.array(read_json(sidecar_path(common))["Poses"][scan])
    write_transform(output, pose, record={"Kind": "Rigid"}, sources=[t1w, common])


def match_sessions(
    heads: Sequence[Volume], scans: Sequence[str], *, registration: Mapping[str, Any], seed: int
) -> list[np.ndarray]:
    """Return rigid transforms from the first session to every one, each found both ways and averaged.

    Parameters
    ----------
    heads : list of Volume, T1w inside the brain, 0 outside
    scans : names for messages
    registration : dict, section of the config: ``metric``, ``sampling``, ``finest_mm``, ``starts``
    seed : int

    Returns
    -------
    list of arrays (4, 4), from points of the first head to points of each, RAS, mm; the first is the identity

    Raises
    ------
    InputError : a registration fails
    """
    settings: dict[str, Any] = {
        key: registration[key] for key in ("metric", "sampling", "finest_mm", "starts")
    }
    heads = [crop(head, content_box(head)) for head in heads]
    found = [np.eye(4)]
    for scan, head in zip(scans[1:], heads[1:], strict=True):
        named = f"{scan} and {scans[0]}"
        forth, _ = find_matrix(heads[0], head, named, kind="Rigid", seed=seed, **settings)
        # starts from the inverse of the first result, so that no start is searched for twice
        start = np.linalg.inv(forth)
        back, _ = find_matrix(head, heads[0], named, kind="Rigid", seed=seed, start=start, **settings)
        found.append(halfway(forth, np.linalg.inv(back)))
    return found


def halfway(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rigid transform in the middle of two, arrays (4, 4)."""
    return first @ expm(logm(np.linalg.inv(first) @ second).real / 2)


def mean_pose(matrices: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the transforms from the mean of some poses to each of them: the mean of their logarithms is 0.

    Parameters
    ----------
    matrices : arrays (4, 4), rigid, from one space to each session

    Returns
    -------
    list of arrays (4, 4), from the mean space to each session
    """
    middle = np.eye(4)
    for _ in range(ROUNDS):
        middle = middle @ expm(-np.mean([logm(matrix @ middle).real for matrix in matrices], axis=0))
    return [matrix @ middle for matrix in matrices]


def common_grid(brains: Sequence[Volume], poses: Sequence[np.ndarray], voxel_mm: float) -> Volume:
    """Return an empty grid along the axes of the common space that contains the brain of every session.

    Parameters
    ----------
    brains : list of Volume, masks
    poses : arrays (4, 4), from points of the common space to points of each session
    voxel_mm : side of its voxels

    Returns
    -------
    Volume of zeros
    """
    points = [
        apply(np.linalg.inv(pose), brain_points(brain)) for brain, pose in zip(brains, poses, strict=True)
    ]
    return world_grid(np.concatenate(points), voxel_mm)


def voxel_side(path: str | Path) -> float:
    """Return the side of a cube as large as a voxel of an image, mm, to a thousandth."""
    return round(float(np.cbrt(abs(np.linalg.det(open_image(path).affine[:3, :3])))), 3)


def least_overlap(brains: Sequence[np.ndarray], scans: Sequence[str]) -> float:
    """Return the least overlap (Dice) of the brains of two sessions in the common space.

    Parameters
    ----------
    brains : arrays (x, y, z), share of each voxel that is brain
    scans : names for the message

    Returns
    -------
    float

    Raises
    ------
    InputError : two overlap by less than LEAST_OVERLAP
    """
    pairs = itertools.combinations(zip(brains, scans, strict=True), 2)
    overlap = {(one[1], two[1]): dice(one[0] > 0.5, two[0] > 0.5) or 0.0 for one, two in pairs}
    worst = min(overlap, key=lambda pair: overlap[pair])
    if overlap[worst] < LEAST_OVERLAP:
        raise InputError(
            f"The brains of {worst[0]} and {worst[1]} overlap by {overlap[worst]:.2f} (Dice); expected at least "
            f"{LEAST_OVERLAP}: are both complete, and of one participant? Leave one out (cohort.exclude)."
        )
    return overlap[worst]
