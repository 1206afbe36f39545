"""Three-dimensional images with their geometry: read, written and compared in one place."""

import os
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike

from myelosketch.errors import GeometryError, InputError
from myelosketch.io.derivatives import sidecar_fields
from myelosketch.io.provenance import sidecar_path, write_json

GRID_TOLERANCE_MM = 1e-3


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
    """Header and geometry of a NIfTI file, without its voxels.

    Raises
    ------
    InputError : the file is absent, is not NIfTI, or its affine cannot place it in space
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist: correct the path, or leave the scan out.")
    try:
        image = cast(nib.Nifti1Image, nib.load(path))
        affine = image.affine
    except Exception as error:  # nibabel raises many kinds for a damaged header
        raise InputError(
            f"{path} cannot be read as NIfTI ({_first_line(error)}): export or copy it again."
        ) from error
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(f"{path} has no valid affine, so its place in space is unknown: export it again.")
    return image


def load_volume(path: str | Path, *, dtype: DTypeLike = np.float32) -> Volume:
    """Read a 3D NIfTI image; NaN are kept for the caller to judge.

    Parameters
    ----------
    path : str or Path
    dtype : numpy dtype of the returned data

    Returns
    -------
    Volume : data (x, y, z)

    Raises
    ------
    InputError : absent, unreadable or truncated file, or an image that is not 3D (a trailing axis of 1 is dropped)
    """
    image = open_image(path)
    try:
        data = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(
            f"{path} is damaged or truncated ({_first_line(error)}): copy or export it again."
        ) from error
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InputError(
            f"{path} has {data.ndim} dimensions {data.shape}; expected a 3D image: give one volume."
        )
    if np.iscomplexobj(data) or data.dtype.fields is not None:
        raise InputError(
            f"{path} holds complex or colour voxels; expected real numbers: export the magnitude."
        )
    return Volume(data.astype(dtype, copy=False), np.asarray(image.affine, float), str(path))


def save_volume(
    path: str | Path,
    data: np.ndarray,
    affine: np.ndarray,
    *,
    sidecar: Mapping[str, Any] | None = None,
    intent: str | None = None,
) -> None:
    """Write an image atomically, with a clean header and, if given, its JSON sidecar.

    Parameters
    ----------
    path : str or Path, ``.nii.gz``
    data : array (x, y, z) or (x, y, z, n); booleans become uint8, other integers keep their type, floats become
        float32
    affine : array (4, 4), voxel to world RAS, mm
    sidecar : dict, optional, written beside the image as ``.json``; what BIDS asks of a derivative is added
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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # the name of a gzip stream and its time would make equal images differ: nibabel writes neither
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".nii.gz")
    os.close(handle)
    try:
        nib.save(image, temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    if sidecar is not None:
        voxel_volume = float(abs(np.linalg.det(affine[:3, :3])))
        write_json(sidecar_path(path), sidecar_fields(path, data, voxel_volume) | dict(sidecar))


def canonical(volume: Volume) -> Volume:
    """The same image with axes that run right, anterior and superior: voxels change their order, not their place.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    Volume in the closest canonical order; an oblique image stays oblique
    """
    turn = nib.io_orientation(volume.affine)
    data = np.asarray(nib.apply_orientation(volume.data, turn))
    affine = volume.affine @ nib.orientations.inv_ornt_aff(turn, volume.shape)
    return Volume(data, affine, volume.path)


def check_same_grid(first: Volume, second: Volume) -> None:
    """Two volumes must share shape and affine (within 1e-3 mm), or it is an error.

    Raises
    ------
    GeometryError : naming both files and what differs
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
