"""Every MRI map of a scan in PET space: rigid transforms, composed, and one interpolation each."""

import numpy as np

from myelosketch.cohort.units import default_units, unit_factor
from myelosketch.imaging.itk import register, to_ants
from myelosketch.imaging.resampling import content_box, crop, resample_map
from myelosketch.names import UNITS
from myelosketch.provenance import provenance
from myelosketch.volumes import Volume, check_same_grid, load_volume, save_volume

# weight that sets fluid (MD 3) as far below grey matter as white matter (FA .45) is above it
MD_WEIGHT = 0.2


def register_scan(inputs, outputs, *, metric, sampling, finest_mm, seed, units=None):
    """Register T1w to PET, the tensor maps and MTR to T1w, and resample all maps onto petref.

    Parameters
    ----------
    inputs : dict of paths: ``t1w`` and ``brain`` (bias-corrected T1w and its brain), ``FA``, ``RD``, ``AD``,
        ``MTR``, ``DVR``
    outputs : dict of paths: ``xfm_t1w_to_petref``, ``xfm_dwi_to_t1w``, ``xfm_mtr_to_t1w``, ``fa``, ``rd``, ``ad``,
        ``mtr``, ``dvr``
    metric, sampling, finest_mm, seed : see ``myelosketch.imaging.itk.register``
    units : dict, unit of each map's values; ``names.UNITS`` if not given

    Raises
    ------
    InputError : a registration fails
    GeometryError : the tensor maps do not share one grid
    """
    units = units or default_units()
    maps = {name: load_map(name, inputs[name], units[name]) for name in ("FA", "RD", "AD", "MTR", "DVR")}
    check_same_grid(maps["FA"], maps["RD"])
    check_same_grid(maps["FA"], maps["AD"])
    t1w, brain = load_volume(inputs["t1w"]), load_volume(inputs["brain"])
    check_same_grid(t1w, brain)
    head = Volume(t1w.data * (brain.data > 0), t1w.affine)
    settings = {"kind": "Rigid", "metric": metric, "sampling": sampling, "finest_mm": finest_mm, "seed": seed}
    petref, anatomy = maps["DVR"], _head_only(head)
    register(_head_only(petref), anatomy, outputs["xfm_t1w_to_petref"], **settings)
    register(anatomy, _head_only(tensor_contrast(maps)), outputs["xfm_dwi_to_t1w"], **settings)
    register(anatomy, _head_only(maps["MTR"]), outputs["xfm_mtr_to_t1w"], **settings)
    for name in ("FA", "RD", "AD", "MTR"):
        to_t1w = outputs["xfm_mtr_to_t1w" if name == "MTR" else "xfm_dwi_to_t1w"]
        moved = resample_map(maps[name], petref, [outputs["xfm_t1w_to_petref"], to_t1w])
        _save(outputs[name.lower()], moved, name, inputs[name], {**settings, "InputUnits": units[name]})
    _save(outputs["dvr"], petref, "DVR", inputs["DVR"], {"InputUnits": units["DVR"]})


def load_map(name, path, unit):
    """A map in our unit: the only place where values are converted.

    Parameters
    ----------
    name : FA, RD, AD, MTR or DVR
    path : path
    unit : unit of the file's values, one of ``units.FACTORS[name]``

    Returns
    -------
    Volume in ``names.UNITS[name]``
    """
    volume, factor = load_volume(path), unit_factor(name, unit)
    return volume if factor == 1 else Volume(volume.data * np.float32(factor), volume.affine, volume.path)


def tensor_contrast(maps):
    """Image with the contrast of a T1w (white above grey above fluid) from the tensor maps, for registration only.

    Parameters
    ----------
    maps : dict of Volume, ``FA``, ``RD`` and ``AD`` (1e-3 mm²/s) on one grid

    Returns
    -------
    Volume : FA - 0.2 MD + 1 inside the head, 0 outside
    """
    mean_diffusivity = (maps["AD"].data + 2 * maps["RD"].data) / 3
    inside = mean_diffusivity > 0
    contrast = np.where(inside, np.clip(maps["FA"].data - MD_WEIGHT * mean_diffusivity + 1.0, 0.05, None), 0)
    return Volume(contrast.astype(np.float32), maps["FA"].affine, maps["FA"].path)


def _head_only(volume):
    """ANTs image of the part that holds the head, in its place."""
    return to_ants(crop(volume, content_box(volume)))


def _save(path, volume, name, source, parameters):
    sidecar = provenance(sources=[source], parameters=parameters, Units=UNITS[name])
    save_volume(path, volume.data.astype(np.float32), volume.affine, sidecar=sidecar)
