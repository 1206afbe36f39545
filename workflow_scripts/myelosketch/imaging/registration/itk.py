"""Convert volumes to ANTs images and back, and register them linearly, with a seed and from several starts."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ants
import numpy as np

from myelosketch.errors import GeometryError, InputError
from myelosketch.imaging.registration.starts import Similarity, centre_of_mass, confirmed, shrink, start_poses
from myelosketch.imaging.registration.transforms import save_matrix, world_matrix, write_transform
from myelosketch.io.volumes import Volume

# ITK reads this once, at the first filter it runs. Sums over several threads differ in their last digits, which an
# optimiser turns into hundredths of a millimetre. So each process has one thread, and scans run side by side.
os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"

# ITK's world is LPS, NIfTI's is RAS
LPS = np.diag([-1.0, -1.0, 1.0])

# the search for a start: voxel size of both images, then voxel size and blur of its only level, mm, and iterations
SEARCH_VOXEL_MM = 9.0
SEARCH: dict[str, tuple[Any, ...]] = {"levels": (18.0,), "blur": (6.0,), "iterations": (100,)}
# further starting rotations: docs/decisions/0007-registration.md has the success rates with other numbers
STARTS = 8
# voxel sizes of the coarse levels from the best start on, mm; the configured finest one follows
COARSE_LEVELS_MM = (12.0, 6.0)
ITERATIONS = (500, 250)
# at the finest level, which starts some tenths of a millimetre off: a rigid metric no longer changes after ten
# iterations, but ANTs needs twenty more to detect it
FINEST_ITERATIONS = {"Rigid": 12, "Affine": 30}
# both images show one head: if their centres end this far apart, the registration has failed
MAX_CENTRE_DISTANCE_MM = 50.0
# normalised mutual information of the result on the images of the search: aligned heads had 1.15 and more; the front
# quarter of a brain, noise or a lump had 1.04 and less
LEAST_SIMILARITY = 1.05


def to_ants(volume: Volume) -> ants.ANTsImage:
    """Return the ANTs image of a volume, at the same place in world space.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    ants.ANTsImage, float32

    Raises
    ------
    GeometryError : the affine is sheared, which ITK cannot express
    """
    spacing = volume.voxel_size
    direction = LPS @ (volume.affine[:3, :3] / spacing)
    if np.abs(direction.T @ direction - np.eye(3)).max() > 1e-3:
        raise GeometryError(
            f"{volume.path or 'An image'} has a sheared affine: resample it to a grid with right angles."
        )
    return ants.from_numpy(
        np.ascontiguousarray(volume.data, dtype=np.float32),
        origin=(LPS @ volume.affine[:3, 3]).tolist(),
        spacing=spacing.tolist(),
        direction=direction,
    )


def from_ants(image: ants.ANTsImage) -> Volume:
    """Return the volume of an ANTs image."""
    affine = np.eye(4)
    affine[:3, :3] = LPS @ (image.direction * np.asarray(image.spacing))
    affine[:3, 3] = LPS @ np.asarray(image.origin)
    return Volume(image.numpy(), affine)


def make_repeatable(seed: int) -> None:
    """Make ANTs repeatable to the bit, by its deterministic mode; this also needs a single thread (see above).

    The argument ``random_seed`` of ``ants.registration`` has no effect, and leaves differences of 0.04 mm.
    """
    ants.config.set_ants_deterministic(on=True, seed_value=int(seed) + 1)  # 0 would mean: from the clock


def register(
    fixed: ants.ANTsImage,
    moving: ants.ANTsImage,
    output: str | Path,
    *,
    kind: str,
    metric: str,
    sampling: float,
    finest_mm: float,
    seed: int,
    starts: int = STARTS,
    mask: ants.ANTsImage | None = None,
    sources: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """Register two images linearly by ANTs from the best of several starts, and write the transform in all its forms.

    Each start (see ``starts.start_poses``) is first optimised coarsely and rigidly, by mutual information, until two
    starts with different rotations end at the best place. The start with the most similar images is then optimised to
    the finest level.

    Parameters
    ----------
    fixed, moving : ANTsImage
    output : path, ``.mat``: what to give ``ants.apply_transforms`` to resample ``moving`` onto ``fixed``; ``.txt``
        and ``.json`` are written beside it
    kind : "Rigid" | "Affine"
    metric : "mattes" (mutual information) | "GC" (correlation), of the levels after the start
    sampling : share of the fixed voxels that the metric uses, 0-1
    finest_mm : voxel size of the last level; finer voxels cost minutes and gain hundredths of a millimetre
    seed : int
    starts : largest number of starting rotations beside the scanner's coordinates and the centres of mass
    mask : ANTsImage on the grid of ``fixed``, optional: voxels that the metric uses once a start is chosen (in the
        search it would hide how heads that are far apart differ)
    sources : list of paths, for the sidecar

    Returns
    -------
    dict : what was done (as in the sidecar): settings, starts tried, start chosen, similarity

    Raises
    ------
    InputError : an image is empty, or ANTs finds no solution, or one in which the two heads are far apart or have
        nothing in common
    """
    matrix, found = find_matrix(
        from_ants(fixed), from_ants(moving), output, kind=kind, metric=metric, sampling=sampling, finest_mm=finest_mm,
        seed=seed, starts=starts, mask=None if mask is None else from_ants(mask),
    )  # fmt: skip
    record = {
        "Kind": kind,
        "Metric": metric,
        "Sampling": sampling,
        "FinestMm": finest_mm,
        "Seed": seed,
        **found,
    }
    write_transform(output, matrix, record=record, sources=sources)
    return record


def find_matrix(
    fixed: Volume,
    moving: Volume,
    output: str | Path,
    *,
    kind: str,
    metric: str,
    sampling: float,
    finest_mm: float,
    seed: int,
    starts: int = 0,
    follow: int | None = None,
    start: np.ndarray | None = None,
    mask: Volume | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the matrix that ``register`` writes, without writing it.

    Parameters
    ----------
    fixed, moving : Volume
    output : path or text that names the registration in messages
    kind, metric, sampling, finest_mm, seed, starts : see ``register``
    follow : number of starts that are optimised, those whose images are most similar beforehand; None for all
    start : array (4, 4), optional, from points of ``fixed`` to points of ``moving``: the only start; none is searched
    mask : Volume on the grid of ``fixed``, optional, see ``register``

    Returns
    -------
    array (4, 4), from points of ``fixed`` to points of ``moving``, world RAS, mm
    dict : ``StartsTried``, ``StartChosen``, ``Similarity``

    Raises
    ------
    InputError : see ``register``
    """
    make_repeatable(seed)
    fixed, moving = (shrink(_filled(image, output), finest_mm) for image in (fixed, moving))
    mask = None if mask is None else shrink(mask, finest_mm)
    coarse = (shrink(fixed, SEARCH_VOXEL_MM), shrink(moving, SEARCH_VOXEL_MM))
    similarity = Similarity(*coarse)
    tried, chosen = 1, "given"
    if start is None:
        tried, chosen, start = _search(*coarse, similarity, starts, follow, output)
    matrix = _run(
        fixed, moving, start, mask, kind=kind, metric=metric, sampling=sampling, **_levels(finest_mm, kind)
    )
    if matrix is None:
        raise _failed(output)
    check_centres(fixed, moving, matrix, output)
    shared = similarity(matrix)
    if shared < LEAST_SIMILARITY:
        raise InputError(
            f"The registration for {Path(output).name} found nothing in common between the two images: "
            "inspect both; do they show the same head, and its brain?"
        )
    return matrix, {"StartsTried": tried, "StartChosen": chosen, "Similarity": round(shared, 4)}


def _search(
    fixed: Volume, moving: Volume, similarity: Similarity, starts: int, follow: int | None, output: str | Path
) -> tuple[int, str, np.ndarray]:
    """Return the number of starts that were optimised coarsely, and the name and the matrix of the best one."""
    poses, found = start_poses(fixed, moving, starts), {}
    if follow is not None:
        poses = dict(sorted(poses.items(), key=lambda item: -similarity(item[1]))[:follow])
    for name, pose in poses.items():
        matrix = _run(fixed, moving, pose, None, kind="Rigid", metric="mattes", sampling=1.0, **SEARCH)
        found[name] = (0.0 if matrix is None else similarity(matrix), matrix)
        best = max(found, key=lambda name: found[name][0])
        matrices = {name: matrix for name, (_, matrix) in found.items() if matrix is not None}
        if matrices and confirmed(best, matrices, poses, centre_of_mass(fixed)):
            break
    if not matrices:
        raise _failed(output)
    return len(found), best, matrices[best]


def _run(
    fixed: Volume,
    moving: Volume,
    start: np.ndarray,
    mask: Volume | None,
    *,
    kind: str,
    metric: str,
    sampling: float,
    levels: Sequence[float],
    blur: Sequence[float],
    iterations: Sequence[int],
) -> np.ndarray | None:
    """Return the matrix that ANTs finds from a start; None if it fails, as for images that do not overlap."""
    with tempfile.TemporaryDirectory() as folder:
        save_matrix(f"{folder}/start.mat", start)
        try:
            result = ants.registration(
                fixed=to_ants(fixed),
                moving=to_ants(moving),
                mask=None if mask is None else to_ants(Volume(mask.data >= 0.5, mask.affine)),
                type_of_transform=kind,
                initial_transform=f"{folder}/start.mat",
                aff_metric=metric,
                aff_random_sampling_rate=sampling,
                aff_iterations=iterations,
                aff_shrink_factors=shrink_factors(fixed.voxel_size, levels),
                aff_smoothing_sigmas=blur,
                smoothing_in_mm=True,
                outprefix=f"{folder}/",
            )
            return world_matrix(result["fwdtransforms"])
        except (RuntimeError, ValueError, IndexError):
            return None


def _levels(finest_mm: float, kind: str) -> dict[str, tuple[Any, ...]]:
    """Return voxel sizes and blur, mm, and iterations of the levels from the best start on."""
    levels = (*(level for level in COARSE_LEVELS_MM if level > finest_mm), finest_mm)
    # half a voxel of blur against aliasing; none at the last level, whose voxels are means already
    blur = (*(level / 2 for level in levels[:-1]), 0)
    iterations = (*ITERATIONS[: len(levels) - 1], FINEST_ITERATIONS[kind])
    return {"levels": levels, "blur": blur, "iterations": iterations}


def shrink_factors(spacing: Sequence[float] | np.ndarray, levels: Sequence[float]) -> tuple[int, ...]:
    """Return the factors by which ANTs shrinks a grid for each level.

    Parameters
    ----------
    spacing : voxel sides of the fixed image, mm, (3,)
    levels : voxel sizes wanted, mm

    Returns
    -------
    tuple of int
    """
    return tuple(max(1, round(level / min(spacing))) for level in levels)


def check_centres(fixed: Volume, moving: Volume, matrix: np.ndarray, output: str | Path) -> None:
    """Raise an error if a transform leaves the centres of both heads far apart.

    Parameters
    ----------
    fixed, moving : Volume
    matrix : array (4, 4), from points of ``fixed`` to points of ``moving``
    output : path of the transform, for the message

    Raises
    ------
    InputError : they end more than MAX_CENTRE_DISTANCE_MM apart
    """
    centre, target = centre_of_mass(fixed), centre_of_mass(moving)
    distance = float(np.linalg.norm(matrix[:3, :3] @ centre + matrix[:3, 3] - target))
    if distance > MAX_CENTRE_DISTANCE_MM:
        raise InputError(
            f"The registration for {Path(output).name} ended with the two heads {distance:.0f} mm apart: "
            "inspect both images; do they show the same whole head?"
        )


def _filled(volume: Volume, output: str | Path) -> Volume:
    if not (volume.data > 0).any():
        raise InputError(
            f"The registration for {Path(output).name} cannot start, because one of its two images has no "
            "value above 0: inspect both, and export the empty one again."
        )
    return Volume(np.nan_to_num(volume.data), volume.affine, volume.path)


def _failed(output: str | Path) -> InputError:
    return InputError(
        f"The registration for {Path(output).name} failed: inspect both images; do they show the same head?"
    )
