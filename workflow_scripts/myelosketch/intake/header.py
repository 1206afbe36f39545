"""Check the bytes and header of a NIfTI file, except its free text, before any voxel is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np

from myelosketch.intake.checks import Finding
from myelosketch.io.stated_size import GZIP_MAGIC, size_problem
from myelosketch.io.user_files import ABSENT, file_problem
from myelosketch.io.volumes import affine_problem, drop_trailing_axes

FORMS_TOLERANCE_MM = 0.1
VOXEL_SIDES_MM = (0.2, 10.0)
ANISOTROPY = 6.0
SHEAR_TOLERANCE = 1e-3
COPY_AGAIN = "copy or export it again"
# FreeSurfer's own format, for files that FreeSurfer makes
MGH_ENDING = ".mgz"
MGH_INPUTS = ("lesion_mask", "segmentation")


class UnusableError(Exception):
    """A file cannot be checked further; the error has its finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.reason)
        self.finding = finding


def open_nifti(name: str, path: str | Path) -> nib.Nifti1Image:
    """Open a file, and check that its name, compression and header are consistent.

    Parameters
    ----------
    name : input that the file is used for
    path : path

    Returns
    -------
    nibabel image, without trailing axes of length 1; no voxel has been read

    Raises
    ------
    UnusableError : the file cannot be used; the error has the finding
    """
    path = Path(path)
    problem = file_problem(path)
    if problem == ABSENT:
        raise _unusable("missing_file", name, "does not exist", "correct the path, or give the file")
    if problem:
        raise _unusable(
            "unreadable", name, f"cannot be read ({problem})", "correct the path, or its permissions"
        )
    problem = size_problem(path)
    if problem:
        raise _unusable("truncated", name, problem, COPY_AGAIN)
    if name in MGH_INPUTS and path.name.endswith(MGH_ENDING):
        return _open_mgh(name, path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise _unusable("extension", name, "is not named .nii or .nii.gz", "convert it to NIfTI")
    with open(path, "rb") as stream:
        compressed = stream.read(2) == GZIP_MAGIC
    if compressed != path.name.endswith(".gz"):
        found = "is compressed" if compressed else "is not compressed"
        raise _unusable(
            "not_gzip",
            name,
            f"{found}, which contradicts its name",
            "name it .nii.gz if compressed, .nii if not",
        )
    try:
        # the file stays open: otherwise every volume of a compressed series is searched for from its start
        image = cast(nib.Nifti1Image, nib.load(path, keep_file_open=True))
        image.header.get_data_dtype()
    except Exception as error:  # nibabel raises many kinds for a damaged header
        raise _unusable("unreadable", name, "has no header that reads as NIfTI", COPY_AGAIN) from error
    return drop_trailing_axes(image)


def _open_mgh(name: str, path: Path) -> nib.Nifti1Image:
    """Return an image in FreeSurfer's format as NIfTI, in memory; its header always gives its position in space."""
    try:
        image = cast(nib.MGHImage, nib.load(path))
        return nib.Nifti1Image(image.dataobj, image.affine)
    except Exception as error:  # nibabel raises many kinds for a damaged header
        raise _unusable("unreadable", name, "is damaged, or is not a FreeSurfer image", COPY_AGAIN) from error


def header_facts(image: nib.Nifti1Image) -> dict[str, Any]:
    """Return the content of the header as plain values.

    Returns
    -------
    dict : shape, voxel_mm (lists), orientation ("RAS", ...), data_type, length_unit, forms_mm (see
        ``forms_distance``), determinant (of the affine, mm3); voxel_mm and orientation are None if the affine is not
        valid
    """
    header = image.header
    affine = np.asarray(image.affine, float)
    usable = not affine_problem(affine)
    return {
        "shape": [int(side) for side in image.shape],
        "voxel_mm": [float(side) for side in np.sqrt((affine[:3, :3] ** 2).sum(axis=0))] if usable else None,
        "orientation": "".join(nib.aff2axcodes(affine)) if usable else None,
        "data_type": _type_name(header.get_data_dtype()),
        "length_unit": _length_unit(header),
        "forms_mm": forms_distance(image),
        "determinant": float(np.linalg.det(affine[:3, :3])),
    }


def forms_distance(image: nib.Nifti1Image) -> float | None:
    """Return the largest distance between the positions of a voxel by sform and by qform, mm.

    It is None if one of them is not set, and infinite if one of them is not valid.
    """
    header = image.header
    if not _code(header, "sform_code") or not _code(header, "qform_code"):
        return None
    try:
        first, second = header.get_sform(), header.get_qform()
    except Exception:  # an invalid quaternion
        return float("inf")
    corners = np.array(np.meshgrid(*[(0, side - 1) for side in image.shape[:3]])).reshape(3, -1)
    points = np.vstack([corners, np.ones(corners.shape[1])])
    distance = np.linalg.norm(((first - second) @ points)[:3], axis=0).max()
    return float(distance) if np.isfinite(distance) else float("inf")


def geometry_findings(name: str, image: nib.Nifti1Image, facts: Mapping[str, Any]) -> list[Finding]:
    """Return findings about the position of the voxels in the header.

    Raises
    ------
    UnusableError : no valid affine
    """
    affine = np.asarray(image.affine, float)
    if found := affine_problem(affine):
        raise _unusable(
            "affine",
            name,
            f"has an affine that is {found}, so its position in space is unknown",
            "export it again",
        )
    findings = []
    if not _code(image.header, "sform_code") and not _code(image.header, "qform_code"):
        findings.append(
            Finding(
                "no_orientation", name, "has neither sform nor qform, so left and right are unknown",
                "convert it again from DICOM, with its orientation",
            )
        )  # fmt: skip
    if (facts["forms_mm"] or 0) > FORMS_TOLERANCE_MM:
        findings.append(_forms_finding(name, image, facts["forms_mm"]))
    sides = np.array(facts["voxel_mm"])
    low, high = VOXEL_SIDES_MM
    if sides.min() < low or sides.max() > high or sides.max() > ANISOTROPY * sides.min():
        text = " x ".join(f"{side:.3g}" for side in sides)
        findings.append(
            Finding(
                "voxel_size", name,
                f"has voxels of {text} mm, expected sides from {low:g} to {high:g} mm and at most "
                f"{ANISOTROPY:g} times each other",
                "is the header right? If it is, accept it",
            )
        )  # fmt: skip
    if facts["length_unit"] not in ("mm", "unknown"):
        findings.append(
            Finding(
                "length_unit", name, f"gives lengths in {facts['length_unit']}, expected mm",
                "set xyzt_units to mm, and the affine with it",
            )
        )  # fmt: skip
    directions = affine[:3, :3] / sides
    if np.abs(directions.T @ directions - np.eye(3)).max() > SHEAR_TOLERANCE:
        findings.append(
            Finding(
                "sheared",
                name,
                "has axes that are not at right angles",
                "resample it to a grid with right angles",
            )
        )
    return findings


def dimension_finding(name: str, shape: Sequence[int], *, series: bool) -> Finding | None:
    """Return the finding about the number of dimensions, or None."""
    text = " x ".join(map(str, shape))
    if len(shape) < 3 or min(shape) < 1:
        return Finding("dimensions", name, f"has the shape {text}", "give a three-dimensional image")
    if series and len(shape) != 4:
        return Finding(
            "dimensions", name, f"has the shape {text}, expected a series of volumes (4D)",
            "give the whole series, not one volume",
        )  # fmt: skip
    if not series and len(shape) > 3:
        return Finding(
            "dimensions", name, f"has the shape {text}, expected a 3D image", "give one volume, or their mean"
        )
    return None


def type_finding(name: str, image: nib.Nifti1Image) -> Finding | None:
    """Return the finding about complex or colour voxels, or None."""
    dtype = image.header.get_data_dtype()
    if dtype.fields is None and dtype.kind in "iuf":
        return None
    return Finding(
        "voxel_type", name, f"has {_type_name(dtype)} voxels, expected real numbers", "export the magnitude"
    )


def _forms_finding(name: str, image: nib.Nifti1Image, distance: float) -> Finding:
    try:
        signs = [np.sign(np.linalg.det(form[:3, :3])) for form in (image.get_sform(), image.get_qform())]
    except Exception:  # an invalid quaternion
        signs = [1, 1]
    if signs[0] != signs[1]:
        return Finding(
            "handedness", name, "has an sform and a qform that disagree about left and right",
            "find out which is right, and set both to it",
        )  # fmt: skip
    far = f"up to {distance:.3g} mm apart" if np.isfinite(distance) else "at positions that are not numbers"
    return Finding(
        "header_forms", name, f"is placed {far} by its sform and its qform (the sform is used)",
        "set the qform to the sform, if that is right",
    )  # fmt: skip


def _length_unit(header: nib.Nifti1Header) -> str:
    try:
        return header.get_xyzt_units()[0]
    except (AttributeError, KeyError):
        return "unknown"


def _code(header: nib.Nifti1Header, key: str) -> int:
    return int(header[key]) if key in header else 1


def _type_name(dtype: np.dtype) -> str:
    return "colour" if dtype.fields is not None else "complex" if dtype.kind == "c" else dtype.name


def _unusable(check: str, name: str, reason: str, way_out: str) -> UnusableError:
    return UnusableError(Finding(check, name, reason, way_out))
