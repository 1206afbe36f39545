"""Write transforms in ANTs' form, in ITK's text form and with a sidecar, and read their matrices."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ants
import numpy as np

from myelosketch.io.matrices import FLIP, matrix_of
from myelosketch.io.provenance import provenance, write_bytes, write_json
from myelosketch.io.volumes import save_volume

MEANING = "from a point of the fixed image (To) to the point of the moving image (From), world RAS, mm"


def write_transform(
    output: str | Path,
    matrix: np.ndarray,
    *,
    record: dict[str, Any] | None = None,
    sources: Sequence[str | Path] = (),
) -> None:
    """Write a linear transform: ``.mat`` (ANTs), ``.txt`` (ITK text) and ``.json`` (sidecar), each atomically.

    Parameters
    ----------
    output : path ``.mat``; ``_from-X_to-Y_`` in its name gives the sidecar's From and To
    matrix : array (4, 4), from points of the fixed image to points of the moving image, world RAS, mm
    record : dict, optional, how it was found
    sources : list of paths of the images it was found from
    """
    output = Path(output)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".txt", ".mat"):
            path = Path(folder) / f"xfm{suffix}"
            save_matrix(path, matrix)
            write_bytes(output.with_suffix(suffix), path.read_bytes())
    content: dict[str, Any] = _ends(output) | {"Matrix": matrix, "MatrixMaps": MEANING} | (record or {})
    write_json(output.with_suffix(".json"), provenance(sources=sources, **content))


def save_matrix(path: str | Path, matrix: np.ndarray) -> None:
    """Write the file of a linear transform (``.mat`` or ``.txt``) as ITK does, alone; see ``write_transform``."""
    lps = FLIP @ np.asarray(matrix, float) @ FLIP
    transform = ants.create_ants_transform(
        transform_type="AffineTransform",
        precision="double",
        dimension=3,
        matrix=lps[:3, :3],
        offset=lps[:3, 3],
    )
    ants.write_transform(transform, str(path))


def write_warp(
    output: str | Path,
    displacement: np.ndarray,
    affine: np.ndarray,
    *,
    record: dict[str, Any] | None = None,
    sources: Sequence[str | Path] = (),
) -> None:
    """Write a displacement field as ``ants.apply_transforms`` reads it, with its sidecar.

    Parameters
    ----------
    output : path ``.nii.gz``
    displacement : array (x, y, z, 3), mm, world RAS: what is added to a point of the fixed image
    affine : array (4, 4), voxel to world RAS, mm
    record, sources : see ``write_transform``
    """
    lps = displacement * np.diag(FLIP)[:3]
    content: dict[str, Any] = (
        _ends(Path(output)) | {"Units": "mm", "Components": "LPS, as ITK's"} | (record or {})
    )
    save_volume(
        output, lps[:, :, :, None, :], affine, sidecar=provenance(sources=sources, **content), intent="vector"
    )


def world_matrix(transforms: Sequence[str | Path], *, inverted: Sequence[bool] | None = None) -> np.ndarray:
    """Return the RAS matrix (4, 4) that maps points of the fixed image to points of the moving image, mm.

    Parameters
    ----------
    transforms : list of ``.mat`` or ``.txt`` paths, in the order of ``ants.apply_transforms`` (the one nearest to the
        fixed image first)
    inverted : list of bool, optional, which of them to invert

    Returns
    -------
    array (4, 4)
    """
    matrix = np.eye(4)
    for path, inverse in zip(transforms, inverted or [False] * len(transforms), strict=True):
        step = _matrix_lps(path)
        matrix = (np.linalg.inv(step) if inverse else step) @ matrix
    return FLIP @ matrix @ FLIP


def _matrix_lps(path: str | Path) -> np.ndarray:
    transform = ants.read_transform(str(path))
    return matrix_of(np.asarray(transform.parameters, float), np.asarray(transform.fixed_parameters, float))


def _ends(output: Path) -> dict[str, str | None]:
    ends = re.search(r"_from-([A-Za-z0-9]+)_to-([A-Za-z0-9]+)_", output.name)
    return {"From": ends[1] if ends else None, "To": ends[2] if ends else None}
