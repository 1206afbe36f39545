"""Susceptibility distortion of diffusion images: a displacement along the phase encoding only, found against T1w."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ants
import nibabel as nib
import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.registration.itk import make_repeatable, to_ants
from myelosketch.imaging.registration.resampling import content_box, crop, resample_fraction
from myelosketch.imaging.registration.transforms import write_warp
from myelosketch.io.sidecars import read_sidecar
from myelosketch.io.volumes import Volume, open_image

AXES = "ijk"
# mutual information in 32 bins: at this voxel size local correlation follows noise, and takes ten times as long
METRIC, BINS = "mattes", 32
# voxel size of the field: it is smooth, and finer voxels follow noise
FIELD_VOXEL_MM = 4.0
# iterations on voxels of 4, 2 and 1 times this size
ITERATIONS = (60, 40, 15)
# blur of each step and of the whole field, voxels²
FLOW_SIGMA, TOTAL_SIGMA = 6.0, 1.0


def phase_axis(
    configured: str | None, sidecars: str | Path | Sequence[str | Path] | None, image: str | Path
) -> int:
    """Return the number of the voxel axis along which an echo-planar image is distorted, in canonical order.

    Parameters
    ----------
    configured : "i", "j", "k", or blank to use the sidecar
    sidecars : path of the diffusion image's JSON, or paths, the nearest to the image last, or None
    image : path of an image whose stored axes the direction names

    Returns
    -------
    int : 0, 1 or 2

    Raises
    ------
    InputError : neither names an axis
    """
    files = [sidecars] if isinstance(sidecars, str | Path) else list(sidecars or [])
    stated = [read_sidecar(path).get("PhaseEncodingDirection") for path in files]
    named = configured or next((value for value in reversed(stated) if value), "")
    axis = str(named).rstrip("-")
    if axis not in tuple(AXES):
        raise InputError(
            f"{files[-1] if files else 'The diffusion image'} has no PhaseEncodingDirection (i, j or k), which a "
            "deformable registration needs: set registration.phase_encoding in the config, or registration.dwi to "
            "rigid."
        )
    return int(nib.io_orientation(open_image(image).affine)[AXES.index(axis), 0])


def find_warp(
    head: Volume,
    contrast: Volume,
    xfm: str | Path,
    output: str | Path,
    *,
    axis: int,
    seed: int,
    sources: Sequence[str | Path] = (),
) -> None:
    """Write the displacement field from points of the undistorted diffusion space to the places of their signal.

    Both images are resampled onto a grid along the diffusion axes, which then count as the axes of the world. The
    phase encoding is thus one component of the displacement, and the others can be held at 0. Afterwards the field is
    turned back.

    Parameters
    ----------
    head : Volume, T1w inside its brain
    contrast : Volume, diffusion image with the contrast of a T1w
    xfm : path, rigid transform from dwi to T1w
    output : path ``.nii.gz``; last in a list for ``ants.apply_transforms``, after ``xfm``
    axis : int, voxel axis of ``contrast`` along which it is distorted
    seed : int
    sources : list of paths, for the sidecar

    Raises
    ------
    InputError : ANTs finds no field
    """
    grid = _field_grid(crop(contrast, content_box(contrast)))
    images = (resample_fraction(head, grid, [xfm], inverted=[True]), resample_fraction(contrast, grid, []))
    shift = _shift_along(*images, axis, seed, Path(output).name)
    displacement = shift[..., None] * (grid.affine[:3, axis] / grid.voxel_size[axis])
    record: dict[str, Any] = {
        "Kind": "Displacement",
        "Metric": METRIC,
        "PhaseEncodingAxis": AXES[axis],
        "Seed": seed,
    }
    record["LargestMm"] = round(float(np.abs(shift).max()), 2)
    write_warp(output, displacement, grid.affine, record=record, sources=sources)


def _field_grid(volume: Volume) -> Volume:
    """Return an empty volume over the same box, with the same axes and voxels of FIELD_VOXEL_MM."""
    voxel = volume.voxel_size
    affine = volume.affine.copy()
    affine[:3, :3] *= FIELD_VOXEL_MM / voxel
    affine[:3, 3] = (volume.affine @ [*((FIELD_VOXEL_MM / voxel - 1) / 2), 1])[:3]
    shape = np.ceil(np.array(volume.shape) * voxel / FIELD_VOXEL_MM - 1e-6).astype(int)
    return Volume(np.zeros(shape, np.float32), affine)


def _shift_along(fixed: Volume, moving: Volume, axis: int, seed: int, name: str) -> np.ndarray:
    """Return the displacement along one voxel axis, mm, (x, y, z), from ``fixed`` to ``moving`` on the same grid."""
    make_repeatable(seed)
    # with this affine, ITK's world axes are the voxel axes
    grid = np.diag([-FIELD_VOXEL_MM, -FIELD_VOXEL_MM, FIELD_VOXEL_MM, 1.0])
    images = [to_ants(Volume(image.data, grid)) for image in (fixed, moving)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = ants.registration(
                *images,
                type_of_transform="SyNOnly",
                initial_transform="Identity",
                syn_metric=METRIC,
                syn_sampling=BINS,
                reg_iterations=ITERATIONS,
                flow_sigma=FLOW_SIGMA,
                total_sigma=TOTAL_SIGMA,
                restrict_transformation=tuple(int(number == axis) for number in range(3)),
                outprefix=f"{folder}/",
            )
            warp = next(path for path in result["fwdtransforms"] if path.endswith("Warp.nii.gz"))
        except (RuntimeError, ValueError, StopIteration) as error:
            raise InputError(
                f"No displacement field was found for {name}: inspect the diffusion maps, "
                "or set registration.dwi to rigid."
            ) from error
        return ants.image_read(warp).numpy()[..., axis]
