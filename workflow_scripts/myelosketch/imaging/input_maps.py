"""Read the given maps of a scan in the workflow's units, and derive the image that registers the tensor maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from myelosketch.io.units import conversion
from myelosketch.io.volumes import Volume, check_same_grid, load_volume

if TYPE_CHECKING:
    from myelosketch.imaging.files import RawImages

# weight that sets fluid (MD 3) as far below grey matter as white matter (FA .45) is above it
MD_WEIGHT = 0.2
TENSOR_MAPS = ("FA", "RD", "AD")


def load_tensor(images: RawImages, units: Mapping[str, str]) -> dict[str, Volume]:
    """Return FA, RD and AD in the workflow's units: dict of Volume.

    Raises
    ------
    GeometryError : they do not share one grid
    """
    maps = {name: load_map(name, images.map(name), units[name]) for name in TENSOR_MAPS}
    check_same_grid(maps["FA"], maps["RD"])
    check_same_grid(maps["FA"], maps["AD"])
    return maps


def load_map(name: str, path: str | Path, unit: str) -> Volume:
    """Return a map, converted to the workflow's unit.

    Parameters
    ----------
    name : FA, RD, AD, MTR or DVR
    path : path
    unit : unit of the file's values, one of ``units.CONVERSIONS[name]``

    Returns
    -------
    Volume in ``names.UNITS[name]``; voxels without a value (NaN) are 0 in a DVR map
    """
    volume = load_volume(path)
    data = conversion(name, unit).array(volume.data)
    if name == "DVR" and (unknown := np.isnan(data)).any():
        data = np.where(unknown, 0, data)
    return Volume(data, volume.affine, volume.path)


def tensor_contrast(maps: Mapping[str, Volume]) -> Volume:
    """Return an image with the contrast of a T1w (white above grey above fluid) from the tensor maps.

    It serves only for registration.

    Parameters
    ----------
    maps : dict of Volume, ``FA``, ``RD`` and ``AD`` (1e-3 mm²/s) on one grid

    Returns
    -------
    Volume : FA - 0.2 MD + 1, at least 0.05, inside the head; 0 outside
    """
    mean_diffusivity = (maps["AD"].data + 2 * maps["RD"].data) / 3
    inside = mean_diffusivity > 0
    contrast = np.where(inside, np.clip(maps["FA"].data - MD_WEIGHT * mean_diffusivity + 1.0, 0.05, None), 0)
    return Volume(contrast.astype(np.float32), maps["FA"].affine, maps["FA"].path)
