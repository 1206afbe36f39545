"""The control-mean template: the mean DVR of healthy participants, which ignores the maps of a scan (our addition).

It is the lowest step of the ladder: the prediction from anatomy alone. The DVR of each training control is resampled
to MNI152 space through its T1w. The mean is smoothed lightly and resampled to the PET grid of the scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import ndimage

from myelosketch.errors import InputError
from myelosketch.io.volumes import Volume, check_same_grid, has_value, load_volume
from myelosketch.learning.models import load_model, save_model, split_card

if TYPE_CHECKING:
    from myelosketch.learning.data import Maps

FWHM_PER_SIGMA = 2.3548
# the box of the MNI152 2009a template (1 mm: 197 x 233 x 189 from -98, -134, -72), at 3 mm
GRID_SHAPE, GRID_ORIGIN, GRID_VOXEL = (66, 78, 63), (-98.0, -134.0, -72.0), 3.0


def template_grid() -> Volume:
    """Return an empty volume on the template's grid in MNI152 space."""
    affine = np.diag([GRID_VOXEL, GRID_VOXEL, GRID_VOXEL, 1.0])
    affine[:3, 3] = GRID_ORIGIN
    return Volume(np.zeros(GRID_SHAPE, np.float32), affine)


def fit_template(
    names: Sequence[str],
    files: Mapping[str, Sequence[str | Path]],
    folder: str | Path,
    *,
    smoothing_mm: float = 4.0,
    fold: int | None = None,
) -> dict[str, Any]:
    """Write the mean DVR of the training controls in MNI152 space.

    Parameters
    ----------
    names : list of the fold's training scans that are controls
    files : dict of lists of paths (dvr, regions, xfm_t1w_to_petref, xfm_t1w_to_mni), one per scan
    folder : of model.safetensors and model.json
    smoothing_mm : FWHM of the smoothing of the mean; 0 for none
    fold : number written into the card

    Returns
    -------
    dict : the model card

    Raises
    ------
    InputError : there is no control
    GeometryError : a DVR map and its region map have different grids
    """
    if not names:
        raise InputError(
            f"fold {fold} has no control among its training scans, so it has no template: add controls."
        )
    template = mean_on_template_grid(_controls(files, len(names)), smoothing_mm)
    card = {"method": "template", "fold": fold, "smoothing_mm": smoothing_mm, "split": split_card(names)}
    return save_model(folder, {"template": template.data, "affine": template.affine}, card)


def _controls(
    files: Mapping[str, Sequence[str | Path]], n: int
) -> Iterator[tuple[Volume, np.ndarray, list[str | Path]]]:
    """Yield DVR, brain inside the PET, and transforms of each control, one in memory at a time."""
    for index in range(n):
        dvr, regions = load_volume(files["dvr"][index]), load_volume(files["regions"][index])
        check_same_grid(dvr, regions)
        route = [files["xfm_t1w_to_mni"][index], files["xfm_t1w_to_petref"][index]]
        yield dvr, (regions.data > 0) & has_value(dvr.data), route


def mean_on_template_grid(
    scans: Iterable[tuple[Volume, np.ndarray, Sequence[str | Path]]], smoothing_mm: float
) -> Volume:
    """Return the mean DVR of scans on the template's grid.

    Parameters
    ----------
    scans : iterable of (dvr Volume, brain array of bool, route as in :func:`resample`)
    smoothing_mm : FWHM of the smoothing of the mean; 0 for none

    Returns
    -------
    Volume

    Raises
    ------
    InputError : no voxel is covered by half a scan
    """
    grid = template_grid()
    total, count = np.zeros(GRID_SHAPE), np.zeros(GRID_SHAPE)
    for dvr, brain, route in scans:
        brain = brain.astype(np.float32)
        total += resample(Volume(np.nan_to_num(dvr.data) * brain, dvr.affine), grid, route)
        count += resample(Volume(brain, dvr.affine), grid, route)
    return Volume(masked_mean(total, count, smoothing_mm / FWHM_PER_SIGMA / GRID_VOXEL), grid.affine)


def masked_mean(total: np.ndarray, count: np.ndarray, sigma: float = 0.0) -> np.ndarray:
    """Return the mean where scans have values, smoothed without the background; elsewhere the nearest value.

    Parameters
    ----------
    total, count : arrays (x, y, z): sum over scans, and number of scans in it
    sigma : of the smoothing, voxels

    Returns
    -------
    float32 array (x, y, z)

    Raises
    ------
    InputError : no voxel is covered by half a scan
    """
    if not (count >= 0.5).any():
        raise InputError(
            "no control's DVR map reaches MNI152 space: check the transforms from T1w to MNI152."
        )
    weight, values = (ndimage.gaussian_filter(array, sigma) if sigma else array for array in (count, total))
    inside = count >= 0.5
    mean = np.divide(values, weight, out=np.zeros_like(values), where=inside)
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return mean[tuple(nearest)].astype(np.float32)


def resample(volume: Volume, target: Volume, route: Sequence[str | Path]) -> np.ndarray:
    """Resample ``volume`` to the grid of ``target`` by linear interpolation: array (x, y, z).

    Parameters
    ----------
    volume, target : Volume
    route : two ``.mat`` files, from T1w to the space of the target and to the space of the volume
    """
    import ants

    from myelosketch.imaging.registration.itk import from_ants, to_ants

    moved = ants.apply_transforms(
        fixed=to_ants(target),
        moving=to_ants(volume),
        transformlist=[str(path) for path in route],
        whichtoinvert=[False, True],
        interpolator="linear",
    )
    return from_ants(moved).data


class TemplateModel:
    """A template: `load`, then `predict`."""

    def __init__(self, template: Volume, card: Mapping[str, Any]) -> None:
        self.template, self.card = template, card

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder written by `fit_template`."""
        tensors, card = load_model(folder, method="template")
        return cls(Volume(tensors["template"], tensors["affine"]), card)

    def predict(self, maps: Maps, *, xfm_t1w_to_petref: str | Path, xfm_t1w_to_mni: str | Path) -> np.ndarray:
        """Return the DVR (x, y, z), float32, on the grid of `data.Maps`; 0 outside their support."""
        petref = Volume(maps.data[0], maps.affine)
        moved = resample(self.template, petref, [xfm_t1w_to_petref, xfm_t1w_to_mni])
        return np.where(maps.support, moved, 0).astype(np.float32)
