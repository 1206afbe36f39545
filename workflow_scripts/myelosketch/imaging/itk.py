"""The bridge to ANTs: our volumes as ANTs images, seeded rigid and affine registration, transforms on disk."""

import os
import shutil
import tempfile
from pathlib import Path

import ants
import numpy as np

from myelosketch.errors import GeometryError, InputError
from myelosketch.volumes import Volume

# ITK reads this once, at the first filter it runs. Sums over several threads differ in their last digits, which
# an optimiser carries to hundredths of a millimetre: one thread each, and scans side by side.
os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"

# ITK's world is LPS, NIfTI's is RAS
LPS = np.diag([-1.0, -1.0, 1.0])

# voxel sizes of the coarse levels, mm; the configured finest one follows
COARSE_LEVELS_MM = (18.0, 12.0, 6.0)
ITERATIONS = (1000, 500, 250, 100)
# both images show one head: if their centres end this far apart, the registration has failed
MAX_CENTRE_DISTANCE_MM = 50.0


def to_ants(volume):
    """ANTs image of a volume, with the same place in world space.

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


def from_ants(image):
    """Volume of an ANTs image."""
    affine = np.eye(4)
    affine[:3, :3] = LPS @ (image.direction * np.asarray(image.spacing))
    affine[:3, 3] = LPS @ np.asarray(image.origin)
    return Volume(image.numpy(), affine)


def make_repeatable(seed):
    """ANTs repeats to the bit only in its deterministic mode (and on one thread, see above).

    The argument ``random_seed`` of ``ants.registration`` reaches nothing, and leaves differences of 0.04 mm.
    """
    ants.config.set_ants_deterministic(on=True, seed_value=int(seed) + 1)  # 0 would mean: from the clock


def register(fixed, moving, out, *, kind, metric, sampling, finest_mm, seed):
    """Linear registration by ANTs, started from the centres of mass; the transform is written.

    Parameters
    ----------
    fixed, moving : ANTsImage
    out : path, ``.mat``: what to give ``ants.apply_transforms`` to resample ``moving`` onto ``fixed``
    kind : "Rigid" | "Affine"
    metric : "mattes" (mutual information) | "GC" (correlation)
    sampling : share of the fixed voxels that the metric looks at, 0-1
    finest_mm : voxel size of the last level; finer voxels cost minutes and gain hundredths of a millimetre
    seed : int

    Raises
    ------
    InputError : ANTs finds no solution, or one that leaves the two heads apart
    """
    make_repeatable(seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = ants.registration(
                fixed=fixed,
                moving=moving,
                type_of_transform=kind,
                aff_metric=metric,
                aff_random_sampling_rate=sampling,
                outprefix=f"{folder}/",
                **pyramid(fixed.spacing, finest_mm),
            )
            transform = result["fwdtransforms"][0]
        except (RuntimeError, ValueError, IndexError) as error:
            raise InputError(
                f"The registration for {Path(out).name} failed ({str(error).splitlines()[0]}): "
                "look at both images; do they show the same head?"
            ) from error
        check_centres(fixed, moving, transform, out)
        move_into_place(transform, out)


def check_centres(fixed, moving, transform, out):
    """A transform must bring the centres of both heads together, roughly.

    Raises
    ------
    InputError : they end more than MAX_CENTRE_DISTANCE_MM apart
    """
    flip = np.array([-1.0, -1.0, 1.0])
    matrix = world_matrix([transform])
    centre, target = (np.asarray(image.get_center_of_mass()) * flip for image in (fixed, moving))
    distance = float(np.linalg.norm(matrix[:3, :3] @ centre + matrix[:3, 3] - target))
    if distance > MAX_CENTRE_DISTANCE_MM:
        raise InputError(
            f"The registration for {Path(out).name} ended with the two heads {distance:.0f} mm apart: "
            "look at both images; do they show the same head, and all of it?"
        )


def pyramid(spacing, finest_mm):
    """Resolution levels of a registration, as ANTs wants them: shrink factors of the fixed grid, blur in mm.

    Parameters
    ----------
    spacing : voxel sides of the fixed image, mm, (3,)
    finest_mm : voxel size of the last level, mm

    Returns
    -------
    dict of arguments of ``ants.registration``
    """
    levels = [*(max(level, finest_mm) for level in COARSE_LEVELS_MM), finest_mm]
    factors = [max(1, round(level / min(spacing))) for level in levels]
    # half a shrunken voxel of blur against aliasing; none where nothing is shrunk
    blur = [level / 2 if factor > 1 else 0 for level, factor in zip(levels, factors, strict=True)]
    return {
        "aff_iterations": ITERATIONS,
        "aff_shrink_factors": tuple(factors),
        "aff_smoothing_sigmas": tuple(blur),
        "smoothing_in_mm": True,
    }


def move_into_place(source, out):
    """Copy a finished file to its name in one step."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}")
    shutil.copyfile(source, temporary)
    temporary.replace(out)


def world_matrix(transforms, *, inverted=None):
    """4x4 RAS matrix that maps points of the fixed image to points of the moving image (mm).

    Parameters
    ----------
    transforms : list of ``.mat`` paths, in the order of ``ants.apply_transforms`` (the one nearest the fixed first)
    inverted : list of bool, optional, which of them to invert

    Returns
    -------
    array (4, 4)
    """
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    matrix = np.eye(4)
    for path, inverse in zip(transforms, inverted or [False] * len(transforms), strict=True):
        step = _matrix_lps(path)
        matrix = (np.linalg.inv(step) if inverse else step) @ matrix
    return flip @ matrix @ flip


def _matrix_lps(path):
    transform = ants.read_transform(str(path))
    parameters = np.asarray(transform.parameters, float)
    centre = np.asarray(transform.fixed_parameters, float)
    linear, shift = parameters[:9].reshape(3, 3), parameters[9:12]
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = shift + centre - linear @ centre
    return matrix
