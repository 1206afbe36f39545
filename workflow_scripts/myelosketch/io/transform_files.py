"""Linear transforms of other tools, read as one matrix: ITK's text and ``.mat``, FreeSurfer's ``.lta``."""

import io
import re
import struct
from pathlib import Path

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError
from scipy.spatial.transform import Rotation

from myelosketch.errors import InputError
from myelosketch.io.matrices import FLIP, matrix_of
from myelosketch.io.names import TRANSFORM_SUFFIXES

# the size of a head is fixed: distortion and gradients change it by a few hundredths; a template, or voxels taken for
# mm, by more
LARGEST_STRETCH = 0.1
# type numbers of an LTA: the coordinates that its matrix connects
VOX_TO_VOX, RAS_TO_RAS = 0, 1
# ITK's linear transforms that can be read, with their number of parameters; all have a translation, and all but one a
# centre
ITK_KINDS = {
    "AffineTransform": 12,
    "MatrixOffsetTransformBase": 12,
    "Euler3DTransform": 6,
    "VersorRigid3DTransform": 6,
    "Similarity3DTransform": 7,
    "TranslationTransform": 3,
}
# bytes of a number in MATLAB's version 4, by the digit of its type: double, float
_MAT_ITEMS = {0: 8, 1: 4}


class TransformFileError(InputError):
    """A file does not contain a usable linear transform; its ``reason`` completes "<file> ..."."""

    def __init__(self, path: str | Path, reason: str, way_out: str) -> None:
        super().__init__(f"{path} {reason}: {way_out}.")
        self.reason, self.way_out = reason, way_out


def read_linear(path: str | Path) -> np.ndarray:
    """Return the matrix of a linear transform "from A to B", which resamples image A onto image B.

    Parameters
    ----------
    path : ITK's text (``.txt``, ``.tfm``) or ``.mat``, as ANTs writes them, or FreeSurfer's ``.lta``

    Returns
    -------
    array (4, 4), maps points of B to points of A, world RAS, mm

    Raises
    ------
    TransformFileError : the file is absent or unreadable, or its transform is not linear or not a head motion
    """
    path = Path(path)
    if path.suffix.lower() not in TRANSFORM_SUFFIXES:
        raise TransformFileError(
            path,
            f"is not a file of a linear transform (expected {', '.join(TRANSFORM_SUFFIXES)})",
            "warps are not supported; give the linear transform as ITK text, .mat or .lta",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TransformFileError(
            path, f"cannot be opened ({error.strerror})", "correct its path or permissions"
        ) from error
    _refuse_bare_matrix(path, content)
    matrix = _from_lta(path, content) if path.suffix.lower() == ".lta" else _from_itk(path, content)
    _check_motion(path, matrix)
    return matrix


def _refuse_bare_matrix(path: Path, content: bytes) -> None:
    """Raise an error for four lines of four numbers (FSL, MRtrix), which do not state their coordinate systems."""
    try:
        rows = [[float(word) for word in line.split()] for line in content.decode("ascii").splitlines()]
    except ValueError:
        return
    if [len(row) for row in rows if row] == [4, 4, 4, 4]:
        raise TransformFileError(
            path,
            "contains only a matrix of 4 x 4 numbers, as FSL writes it, which does not state its coordinate systems",
            "convert it to ITK's format, for FSL by c3d_affine_tool -ref <T1w> -src <image> <matrix> -fsl2ras -oitk "
            "<new>.txt",
        )


def _from_itk(path: Path, content: bytes) -> np.ndarray:
    is_text = content.startswith(b"#Insight Transform File")
    found = _itk_text(content) if is_text else _itk_binary(content)
    kinds = [kind for kind, _, _ in found if kind != "CompositeTransform"]
    unknown = [kind for kind in kinds if kind not in ITK_KINDS]
    if unknown:
        raise TransformFileError(
            path,
            f"contains a {unknown[0]}, which is not supported (expected one of {', '.join(ITK_KINDS)})",
            "give a linear transform",
        )
    if not kinds:
        raise TransformFileError(
            path,
            "cannot be read as an ITK transform",
            "write it with ANTs or ITK, as text or .mat, in three dimensions",
        )
    if len(kinds) > 1:
        raise TransformFileError(
            path,
            f"contains {len(kinds)} transforms; expected one",
            "give only the one from the image to the T1w",
        )
    ((kind, parameters, fixed),) = (item for item in found if item[0] != "CompositeTransform")
    if len(parameters) != ITK_KINDS[kind]:
        raise TransformFileError(
            path,
            f"has {len(parameters)} parameters ({kind}, expected {ITK_KINDS[kind]})",
            "write it again",
        )
    if not np.isfinite([*parameters, *fixed]).all():
        raise _singular(path)
    if len(parameters) == 12 and len(fixed) < 3:
        raise TransformFileError(
            path, f"has {len(fixed)} fixed parameters ({kind}, expected 3)", "write it again"
        )
    return FLIP @ _itk_matrix(kind, parameters, fixed) @ FLIP


def _itk_text(content: bytes) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return kind, parameters and fixed parameters of every 3D transform in ITK's text format."""
    blocks = re.split(r"^Transform:", content.decode("utf-8", "replace"), flags=re.MULTILINE)[1:]
    found = []
    for block in blocks:
        kind = re.match(r"\s*(\w+?)_(?:double|float)_3_3\b", block)
        if kind:
            found.append((kind[1], _numbers(block, "Parameters"), _numbers(block, "FixedParameters")))
    return found


def _numbers(block: str, key: str) -> np.ndarray:
    line = re.search(rf"^{key}:(.*)$", block, flags=re.MULTILINE)
    try:
        return np.array(line[1].split() if line else [], float)
    except ValueError:
        return np.empty(0)


def _itk_binary(content: bytes) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return the same from ITK's ``.mat`` format; nothing if the file is not in it."""
    if not _is_whole_mat(content):
        return []
    try:
        found = scipy.io.loadmat(io.BytesIO(content))
        fixed = np.asarray(found.pop("fixed"), float).ravel()
        return [
            (re.sub("_(double|float)_3_3$", "", key), np.asarray(values, float).ravel(), fixed)
            for key, values in found.items()
            if key.endswith("_3_3")
        ]
    except (OSError, KeyError, IndexError, ValueError, TypeError, NotImplementedError, MatReadError):
        return []


def _is_whole_mat(content: bytes) -> bool:
    """Return whether bytes are MATLAB version 4 matrices, as ITK writes them, whose sizes add up to the file's.

    A reader allocates the size in a matrix's header, which in a damaged file may be gigabytes.
    """
    place = 0
    while place + 20 <= len(content):
        order = "<" if 0 <= int.from_bytes(content[place : place + 4], "little") < 1000 else ">"
        kind, rows, columns, imaginary, letters = struct.unpack_from(f"{order}5i", content, place)
        item_bytes = _MAT_ITEMS.get(kind // 10 % 10, 0)
        if min(kind, rows, columns, letters) < 0 or imaginary or kind % 10 or not item_bytes:
            return False
        place += 20 + letters + rows * columns * item_bytes
    return place == len(content)


def _itk_matrix(kind: str, parameters: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Return the matrix of one of ITK_KINDS in ITK's world coordinates (LPS), array (4, 4)."""
    if len(parameters) == 12:
        return matrix_of(parameters, fixed[:3])
    linear, shift = np.eye(3), parameters[-3:]
    if kind == "Euler3DTransform":
        # a fourth fixed parameter means that the rotations are in the order z, y, x
        order = "ZYX" if fixed[3:].any() else "ZXY"
        angles = dict(zip("XYZ", parameters, strict=False))
        linear = Rotation.from_euler(order, [angles[axis] for axis in order]).as_matrix()
        shift = parameters[3:]
    elif kind != "TranslationTransform":
        versor = parameters[:3]
        real = np.sqrt(max(0.0, 1.0 - float(versor @ versor)))
        linear = Rotation.from_quat([*versor, real]).as_matrix() * (
            parameters[6] if len(parameters) == 7 else 1
        )
        shift = parameters[3:6]
    centre = fixed[:3] if len(fixed) >= 3 else np.zeros(3)
    return matrix_of(np.concatenate([linear.ravel(), shift]), centre)


def _from_lta(path: Path, content: bytes) -> np.ndarray:
    """Return the matrix of an LTA, which maps points of its source to points of its target: the inverse of ITK's."""
    lines = [line.split("#")[0].strip() for line in content.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    try:
        values = {key.strip(): value for key, _, value in (line.partition("=") for line in lines) if value}
        kind, count = int(values["type"]), int(values["nxforms"])
        start = lines.index("1 4 4") + 1
        matrix = np.array([line.split() for line in lines[start : start + 4]], float).reshape(4, 4)
        grids = [_lta_grid(lines, name) for name in ("src", "dst")]
    except (KeyError, IndexError, ValueError) as error:
        raise TransformFileError(
            path, "cannot be read as FreeSurfer's LTA", "write it again with lta_convert"
        ) from error
    if count != 1 or kind not in (VOX_TO_VOX, RAS_TO_RAS):
        raise TransformFileError(
            path,
            f"contains {count} transforms of type {kind}; expected 1 of type 0 (voxels) or 1 (world)",
            "write it with lta_convert --outlta",
        )
    if kind == VOX_TO_VOX:
        source, target = grids
        if source is None or target is None:
            raise TransformFileError(
                path,
                "maps voxels to voxels, but lacks a valid volume info of its two images",
                "write it with lta_convert and its options --src and --trg",
            )
        if abs(np.linalg.det(source)) < 1e-6:
            raise _singular(path)
        matrix = target @ matrix @ np.linalg.inv(source)
    matrix[3] = 0, 0, 0, 1
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-6:
        raise _singular(path)
    return np.linalg.inv(matrix)


def _lta_grid(lines: list[str], name: str) -> np.ndarray | None:
    """Return the voxel-to-world matrix (RAS) of the source or target of an LTA, (4, 4); None if it is not valid."""
    start = lines.index(f"{name} volume info") + 1
    values = dict(line.split("=", 1) for line in lines[start : start + 8] if "=" in line)
    found = {key.strip(): value.split() for key, value in values.items()}
    if found["valid"] != ["1"]:
        return None
    axes = np.array([found[key] for key in ("xras", "yras", "zras")], float).T
    size, voxel, centre = (np.array(found[key], float) for key in ("volume", "voxelsize", "cras"))
    grid = np.eye(4)
    grid[:3, :3] = axes * voxel
    grid[:3, 3] = centre - grid[:3, :3] @ (size / 2)
    return grid


def _check_motion(path: Path, matrix: np.ndarray) -> None:
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-6:
        raise _singular(path)
    if np.linalg.det(matrix) < 0:
        raise TransformFileError(
            path,
            "mirrors the head",
            "give the transform between the two images in mm, in ITK's or FreeSurfer's format",
        )
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    worst = scales[np.abs(np.log(scales)).argmax()]
    if abs(worst - 1) > LARGEST_STRETCH:
        raise TransformFileError(
            path,
            f"changes the size of the head by a factor of {worst:.2f} (expected {1 - LARGEST_STRETCH:g} to "
            f"{1 + LARGEST_STRETCH:g})",
            "give the transform between two images of this scan in mm, not between voxels or to a template",
        )


def _singular(path: Path) -> TransformFileError:
    return TransformFileError(
        path, "has no inverse (its matrix is singular or has values that are not numbers)", "write it again"
    )
