"""Use a given alignment instead of a registration: the user's transform, or the identity."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.imaging.files import IDENTITY
from myelosketch.imaging.registration.transforms import write_transform, write_warp
from myelosketch.io.provenance import file_hash
from myelosketch.io.transform_files import read_linear


def write_given(
    given: str | Path, output: str | Path, *, sources: Sequence[str | Path], inverted: bool = False
) -> None:
    """Write a given transform in all forms of ``write_transform``, with the name and the hash of its file.

    Parameters
    ----------
    given : path of a linear transform, or IDENTITY
    output : path ``.mat``
    sources : list of paths of the two images that it aligns
    inverted : bool, write its inverse

    Raises
    ------
    TransformFileError : it cannot be used
    """
    record: dict[str, Any] = {"Kind": "Given", "Given": Path(given).name}
    matrix = np.eye(4)
    if given != IDENTITY:
        matrix = read_linear(given)
        record |= {"GivenSHA256": file_hash(given), "GivenInverted": inverted}
        sources = [*sources, given]
    write_transform(output, np.linalg.inv(matrix) if inverted else matrix, record=record, sources=sources)


def write_no_warp(output: str | Path, *, sources: Sequence[str | Path]) -> None:
    """Write a displacement field of 0, for diffusion maps whose alignment is given.

    Parameters
    ----------
    output : path ``.nii.gz``
    sources : list of paths, for the sidecar
    """
    note = {"Kind": "Displacement", "Note": "0 everywhere, because the alignment is given"}
    write_warp(output, np.zeros((2, 2, 2, 3), np.float32), np.eye(4), record=note, sources=sources)
