"""Read the voxels of one image, whole (3D) or by volume (4D), and describe them in a few numbers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from myelosketch.intake.checks import Finding
from myelosketch.intake.header import COPY_AGAIN, UnusableError
from myelosketch.io.volumes import READ_ERRORS

if TYPE_CHECKING:
    import nibabel as nib

PERCENTILES = (1, 50, 99)
# above this number of voxels, percentiles are computed from every n-th
MANY_VOXELS = 2_000_000


def read_volume(name: str, image: nib.Nifti1Image) -> np.ndarray:
    """Read the voxels of a 3D image, scaled as its header says.

    Returns
    -------
    array (x, y, z), float32

    Raises
    ------
    UnusableError : truncated or damaged
    """
    try:
        data = np.asarray(image.dataobj).astype(np.float32, copy=False)
    except READ_ERRORS as error:
        raise truncated(name) from error
    return data


def truncated(name: str) -> UnusableError:
    """Return the error for a file whose voxels cannot all be read."""
    return UnusableError(
        Finding("truncated", name, "is truncated or damaged: its voxels cannot all be read", COPY_AGAIN)
    )


class Summary:
    """Numbers about an image, gathered volume by volume.

    Attributes
    ----------
    volumes : number of volumes added
    n, n_zero, n_bad, n_nan : voxels, those that are 0, those that are NaN or infinite, and those that are NaN
    minimum, maximum : of the finite voxels
    flat : numbers of the volumes whose voxels are all equal, counted from 0
    means : mean of the finite voxels of each volume that has any
    percentiles : of the finite voxels that are not 0, by PERCENTILES; None if there are none
    digest : SHA-256 of the voxels, independent of header and compression
    """

    def __init__(self) -> None:
        self.n = self.n_zero = self.n_bad = self.n_nan = self.volumes = 0
        self.minimum, self.maximum = np.inf, -np.inf
        self.percentiles: list[float] | None = None
        self.flat: list[int] = []
        self.means: list[float] = []
        self._digest = hashlib.sha256()

    def add(self, data: np.ndarray) -> Self:
        """Add one volume (x, y, z); the percentiles are those of the first volume that is not empty."""
        finite = np.isfinite(data)
        n_finite = int(np.count_nonzero(finite))
        self.n += data.size
        self.n_bad += data.size - n_finite
        self.n_nan += int(np.count_nonzero(np.isnan(data))) if n_finite < data.size else 0
        self.n_zero += data.size - int(np.count_nonzero(data))
        if n_finite:
            values = data if n_finite == data.size else data[finite]
            self.means.append(float(values.mean(dtype=np.float64)))
            low, high = float(values.min()), float(values.max())
            self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
            if low == high:
                self.flat.append(self.volumes)
        self._digest.update(np.ascontiguousarray(data.T).data)  # in the order of NIfTI, which needs no copy
        if self.percentiles is None:
            self.percentiles = content_percentiles(data)
        self.volumes += 1
        return self

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def facts(self) -> dict[str, Any]:
        """Return the numbers as plain values, for the tables; NaN and infinite voxels count in ``share_nan``."""
        low, middle, high = self.percentiles or (None,) * 3
        return {
            "minimum": self.minimum if np.isfinite(self.minimum) else None,
            "maximum": self.maximum if np.isfinite(self.maximum) else None,
            "p1": low,
            "p50": middle,
            "p99": high,
            "share_nan": self.n_bad / self.n if self.n else None,
            "share_zero": self.n_zero / self.n if self.n else None,
        }


def content_percentiles(data: np.ndarray) -> list[float] | None:
    """Return the percentiles (PERCENTILES) of the finite voxels that are not 0; None if there are none."""
    values = content(data)
    return [float(value) for value in np.percentile(values, PERCENTILES)] if values.size else None


def content(data: np.ndarray) -> np.ndarray:
    """Return the finite voxels that are not 0, (n,); of more than MANY_VOXELS, every n-th is looked at."""
    flat = data.ravel(order="K")[:: max(1, data.size // MANY_VOXELS)]
    return flat[np.isfinite(flat) & (flat != 0)]


def value_findings(name: str, summary: Summary) -> list[Finding]:
    """Return findings that apply to any image: NaN (a DVR map has no value there), infinite, empty, constant."""
    gaps = summary.n_nan if name == "DVR" else 0
    if summary.n_bad > gaps:
        count, what = (
            (summary.n_bad - gaps, "infinite") if name == "DVR" else (summary.n_bad, "NaN or infinite")
        )
        voxels = "1 voxel that is" if count == 1 else f"{count} voxels that are"
        return [
            Finding(
                "not_finite", name, f"has {voxels} {what}",
                "set the background to 0 and repair the rest",
            )
        ]  # fmt: skip
    if summary.n_zero + gaps == summary.n:
        found = "0 and NaN" if gaps else "0"
        return [Finding("empty", name, f"contains only {found}", "is this the right file? Export it again")]
    if summary.minimum == summary.maximum:
        return [_constant(name, f"is {summary.minimum:g} everywhere")]
    if summary.volumes > 1 and summary.flat:
        number = summary.flat[0]
        return [_constant(name, f"has a constant volume (number {number}, counted from 0)")]
    return []


def flat_content_finding(name: str, summary: Summary) -> Finding | None:
    """Return the finding about an image with one value inside and 0 outside: a mask instead of a map."""
    low, _, high = summary.percentiles or (0, 0, 1)
    if low == high and summary.minimum in (0, low) and summary.maximum == high:
        return _constant(name, f"is {high:g} wherever it is not 0")
    return None


def _constant(name: str, reason: str) -> Finding:
    return Finding("constant", name, reason, "is this the right file? Export it again")
