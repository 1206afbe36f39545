"""Read, write and compare three-dimensional images with their geometry."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike

from myelosketch.errors import GeometryError, InputError
from myelosketch.io.provenance import replacing, sidecar_path, write_json
from myelosketch.io.sidecars_bids import sidecar_fields
from myelosketch.io.stated_size import size_problem

GRID_TOLERANCE_MM = 1e-3
FARTHEST_MM = 1e6
# errors of nibabel if voxels are missing or do not match the header
READ_ERRORS = (OSError, EOFError, ValueError, OverflowError, TypeError, zlib.error)


@dataclass(frozen=True)
class Volume:
    """A 3D image: ``data`` (x, y, z), ``affine`` (4, 4; voxel to world RAS, mm) and the file it came from."""

    data: np.ndarray
    affine: np.ndarray
    path: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def voxel_size(self) -> np.ndarray:
        """Voxel sides in mm, (3,)."""
        return np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))


def open_image(path: str | Path) -> nib.Nifti1Image:
    """Return header and geometry of a NIfTI file, without its voxels.

    Raises
    ------
    InputError : the file is absent, is not NIfTI, contains less than its header states, or has an affine that gives
        it no position in space
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist: correct the path, or leave the scan out.")
    try:
        problem = size_problem(path)
        if not problem:
            image = cast(nib.Nifti1Image, nib.load(path))
            affine = image.affine
            image.header.get_data_dtype()
    except Exception as error:  # nibabel raises many kinds of error for a damaged header
        raise InputError(
            f"{path} cannot be read as NIfTI ({_first_line(error)}): export or copy it again."
        ) from error
    if problem:
        raise InputError(f"{path} {problem}: copy or export it again.")
    if not image.shape or min(image.shape) < 1:
        raise InputError(f"{path} states the shape {image.shape}, which has no voxel: export it again.")
    if affine is None or affine_problem(affine):
        raise InputError(f"{path} has no valid affine, so its position in space is unknown: export it again.")
    return drop_trailing_axes(image)


def affine_problem(affine: np.ndarray) -> str:
    """Return why an affine (4, 4; voxel to world, mm) gives no position in space, as "is ..."; or blank."""
    if not np.isfinite(affine).all():
        return "not finite"
    if np.abs(affine).max() > FARTHEST_MM:
        return f"beyond {FARTHEST_MM / 1e6:g} km"
    # the matrix must keep three independent axes when its numbers are rounded
    if abs(np.linalg.det(affine[:3, :3])) < 1e-9 or np.linalg.cond(affine[:3, :3]) > 1e6:
        return "of determinant 0"
    return ""


def drop_trailing_axes(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an image without the axes of length 1 after the third (x, y, z, 1, 1); no voxel is read.

    Parameters
    ----------
    image : nibabel image

    Returns
    -------
    nibabel image : (x, y, z), or (x, y, z, n) if n is above 1; ``image`` itself if it has no such axis
    """
    kept = max([3, *(axis + 1 for axis, side in enumerate(image.shape) if side != 1)])
    if kept >= len(image.shape):
        return image
    data = cast(nib.arrayproxy.ArrayProxy, image.dataobj).reshape(image.shape[:kept])
    return image.__class__(data, image.affine, image.header, file_map=image.file_map)


def load_volume(path: str | Path, *, dtype: DTypeLike = np.float32) -> Volume:
    """Read a 3D NIfTI image in canonical order, whatever its order in the file. NaN are kept for the caller to judge.

    Parameters
    ----------
    path : str or Path
    dtype : numpy dtype of the returned data

    Returns
    -------
    Volume : data (x, y, z), with axes that point right, anterior and superior (:func:`canonical`)

    Raises
    ------
    InputError : the file is absent, unreadable or truncated, or the image is not 3D (trailing axes of 1 are dropped)
    """
    image = open_image(path)
    try:
        data = np.asanyarray(image.dataobj)
    except READ_ERRORS as error:
        raise InputError(
            f"{path} is damaged or truncated ({_first_line(error)}): copy or export it again."
        ) from error
    if data.ndim != 3:
        raise InputError(
            f"{path} has {data.ndim} dimensions {data.shape}; expected a 3D image: give one volume."
        )
    if np.iscomplexobj(data) or data.dtype.fields is not None:
        raise InputError(
            f"{path} contains complex or colour voxels; expected real numbers: export the magnitude."
        )
    return canonical(Volume(data.astype(dtype, copy=False), np.asarray(image.affine, float), str(path)))


def save_volume(
    path: str | Path,
    data: np.ndarray,
    affine: np.ndarray,
    *,
    sidecar: Mapping[str, Any] | None = None,
    intent: str | None = None,
) -> None:
    """Write an image atomically, with a clean header and, if given, a JSON sidecar.

    Parameters
    ----------
    path : str or Path, ``.nii.gz``
    data : array (x, y, z) or (x, y, z, n); booleans become uint8, other integers keep their type, floats become
        float32
    affine : array (4, 4), voxel to world RAS, mm
    sidecar : dict, optional, written beside the image as ``.json``, with the fields that BIDS requires of a
        derivative
    intent : NIfTI intent, optional: "vector" for a displacement field (x, y, z, 1, 3)
    """
    data = np.asarray(data)
    if data.dtype == bool:
        data = data.astype(np.uint8)
    elif data.dtype == np.int64:
        data = data.astype(np.int32)
    elif data.dtype.kind == "f":
        data = data.astype(np.float32)
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    if intent:
        image.header.set_intent(intent)
    # a name or time in the gzip stream would make equal images differ: nibabel writes neither
    with replacing(path) as temporary:
        nib.save(image, temporary)
    if sidecar is not None:
        voxel_volume = float(abs(np.linalg.det(affine[:3, :3])))
        write_json(sidecar_path(path), sidecar_fields(path, data, voxel_volume) | dict(sidecar))


def canonical(volume: Volume) -> Volume:
    """Return an image with axes that point right, anterior and superior: voxels change their order, not their
    position.

    Parameters
    ----------
    volume : Volume; a series (x, y, z, n) keeps its last axis

    Returns
    -------
    Volume in the closest canonical order; an oblique image stays oblique
    """
    return _turned(volume, nib.io_orientation(volume.affine))


def in_order_of(volume: Volume, affine: np.ndarray) -> Volume:
    """Return an image with its axes in the order of another: voxels change their order, not their position.

    A series stays as it is stored, because its gradient directions follow its axes; a mask is reordered to match it.

    Parameters
    ----------
    volume : Volume
    affine : array (4, 4) of the other image

    Returns
    -------
    Volume
    """
    turn = nib.orientations.ornt_transform(nib.io_orientation(volume.affine), nib.io_orientation(affine))
    return _turned(volume, turn)


def _turned(volume: Volume, turn: np.ndarray) -> Volume:
    if (turn == [[0, 1], [1, 1], [2, 1]]).all():
        return volume
    data = np.asarray(nib.apply_orientation(volume.data, turn))
    affine = volume.affine @ nib.orientations.inv_ornt_aff(turn, volume.shape)
    return Volume(data, affine, volume.path)


def has_value(data: np.ndarray) -> np.ndarray:
    """Return the voxels where a map has a value, those that are finite and not 0, as an array of bool.

    In every map 0 means unknown: outside the head, outside the field of view of the PET, or where a fit failed. A
    negative DVR is a value: noise causes some in fluid, and leaving them out would raise every mean.
    """
    return np.isfinite(data) & (data != 0)


def check_same_grid(first: Volume, second: Volume) -> None:
    """Raise an error unless two volumes share shape and affine (within 1e-3 mm).

    Raises
    ------
    GeometryError : names both files and what differs
    """
    if first.shape != second.shape:
        raise GeometryError(
            f"{_name(first)} has shape {first.shape} but {_name(second)} has {second.shape}: "
            "they must share one grid; resample one onto the other."
        )
    difference = float(np.abs(first.affine - second.affine).max())
    if difference > GRID_TOLERANCE_MM:
        raise GeometryError(
            f"{_name(first)} and {_name(second)} have affines that differ by {difference:.3g} mm: "
            "they must share one grid; resample one onto the other."
        )


def _name(volume: Volume) -> str:
    return volume.path or "an image in memory"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
