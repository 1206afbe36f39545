"""Read and check raw series of a scan (diffusion, dynamic PET) and the diffusion gradients."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np

from myelosketch.errors import InputError
from myelosketch.intake.shells import used_volumes
from myelosketch.io.volumes import READ_ERRORS, Volume, drop_trailing_axes, open_image

MIN_DIRECTIONS = 6  # a symmetric tensor has six numbers


def open_series(path: str | Path) -> nib.Nifti1Image:
    """Open a 4D image, so that its volumes can be read one after the other.

    Raises
    ------
    InputError : absent or unreadable file, or an image that is not 4D
    """
    image = open_image(path)
    if len(image.shape) != 4:
        raise InputError(
            f"{path} has {len(image.shape)} dimensions {image.shape}; expected a series of volumes (4D): "
            "give the whole series, not one volume."
        )
    # the file stays open: otherwise every volume of a compressed series is searched for from its start
    return drop_trailing_axes(cast(nib.Nifti1Image, nib.load(path, keep_file_open=True)))


def each_volume(image: nib.Nifti1Image, indices: Iterable[int] | None = None) -> Iterator[np.ndarray]:
    """Yield the volumes of an open series as float32 arrays (x, y, z), one in memory at a time.

    Raises
    ------
    InputError : a damaged or truncated file, or complex or colour voxels
    """
    for index in range(image.shape[3]) if indices is None else indices:
        try:
            data = np.asarray(image.dataobj[..., int(index)])
        except READ_ERRORS as error:
            raise InputError(
                f"{image.get_filename()} is damaged or truncated at volume {index}: copy or export it again."
            ) from error
        if np.iscomplexobj(data) or data.dtype.fields is not None:
            raise InputError(
                f"{image.get_filename()} contains complex or colour voxels; expected real numbers: "
                "export the magnitude."
            )
        yield data.astype(np.float32, copy=False)


def load_series(path: str | Path, indices: Sequence[int] | np.ndarray | None = None) -> Volume:
    """Read volumes of a series into memory.

    Parameters
    ----------
    path : 4D NIfTI
    indices : which volumes; None for all

    Returns
    -------
    Volume : data (x, y, z, n), float32, in the order of the file
    """
    image = open_series(path)
    indices = np.arange(image.shape[3]) if indices is None else np.asarray(indices)
    data = np.empty((*image.shape[:3], len(indices)), np.float32)
    for number, volume in enumerate(each_volume(image, indices)):
        data[..., number] = volume
    return Volume(data, np.asarray(image.affine, float), str(path))


def read_gradients(bval: str | Path, bvec: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read b-values and directions as FSL stores them.

    Parameters
    ----------
    bval : path, n numbers, s/mm2
    bvec : path, 3 lines of n numbers (or n lines of 3): unit vectors along the image's axes, x mirrored where the
        affine's determinant is positive

    Returns
    -------
    bvals : array (n,)
    bvecs : array (n, 3), as in the file

    Raises
    ------
    InputError : unreadable text, or directions that are not 3 x n
    """
    bvals, bvecs = _numbers(bval).ravel(), _numbers(bvec)
    if bvecs.shape[0] == 3:
        bvecs = bvecs.T
    if bvecs.shape[1] != 3:
        raise InputError(
            f"{bvec} contains {bvecs.shape[0]} x {bvecs.shape[1]} numbers; expected 3 lines (x, y, z)."
        )
    return bvals, bvecs


def _numbers(path: str | Path) -> np.ndarray:
    try:
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as lines of numbers: write it as FSL does.") from error
    if not table.size:
        raise InputError(f"{path} is empty: write one number per volume, as FSL does.")
    return table


def gradient_problems(
    bvals: np.ndarray, bvecs: np.ndarray, n_volumes: int, *, b_max: float, b0_threshold: float
) -> list[str]:
    """Return why a tensor cannot be fitted, as sentences without their subject; empty if it can.

    Parameters
    ----------
    bvals : array (n,), s/mm2
    bvecs : array (n, 3)
    n_volumes : volumes of the image
    b_max : highest b-value that is used, s/mm2
    b0_threshold : b-values up to it count as unweighted, s/mm2

    Returns
    -------
    list of str
    """
    counts = {".bval": len(bvals), ".bvec": len(bvecs)}
    wrong = [f"{count} in its {kind} file" for kind, count in counts.items() if count != n_volumes]
    if wrong:
        return [f"has {n_volumes} volumes, but {' and '.join(wrong)}: there must be one for each volume."]
    if not np.isfinite(bvals).all() or bvals.min() < 0:
        return ["has b-values that are negative or not numbers: write s/mm², 0 without weighting."]
    problems = []
    weighted = used_volumes(bvals, b_max=b_max, b0_threshold=b0_threshold) & (bvals > b0_threshold)
    if not (bvals <= b0_threshold).any():
        problems.append(
            f"has no unweighted volume (lowest b = {bvals.min():g} s/mm², expected at most "
            f"{b0_threshold:g}): add one, or raise maps.b0_threshold."
        )
    norms = np.linalg.norm(bvecs[weighted], axis=1)
    off = np.flatnonzero(~(np.abs(norms - 1) <= 0.02))
    if off.size:
        number = np.flatnonzero(weighted)[off[0]]
        problems.append(
            f"has {off.size} gradient directions whose length is not 1 (the first: {norms[off[0]]:.3g}, volume "
            f"{number}, counted from 0): write unit vectors."
        )
        return problems
    count = distinct_directions(bvecs[weighted])
    if count < MIN_DIRECTIONS:
        problems.append(
            f"has {count} different directions with b from {b0_threshold:g} to {b_max:g} s/mm²; expected at least "
            f"{MIN_DIRECTIONS}: b-values are expected in s/mm², maps.b_max sets the highest that is used."
        )
    elif np.linalg.matrix_rank(_quadratic(bvecs[weighted]), tol=1e-3) < 6:
        problems.append("has directions that are all in a plane or a cone: they do not determine a tensor.")
    return problems


def distinct_directions(bvecs: np.ndarray) -> int:
    """Return the number of directions that differ by more than a degree; opposite directions count as one."""
    kept: list[np.ndarray] = []
    for vector in bvecs:
        if all(abs(vector @ other) < np.cos(np.radians(1.0)) for other in kept):
            kept.append(vector)
    return len(kept)


def _quadratic(bvecs: np.ndarray) -> np.ndarray:
    x, y, z = bvecs.T
    return np.stack([x * x, y * y, z * z, x * y, x * z, y * z], axis=1)
