"""Every MRI map of a scan in PET space: its transforms, composed, and one interpolation each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.errors import GeometryError
from myelosketch.imaging.registration.distortion import find_warp, phase_axis
from myelosketch.imaging.registration.fractions import write_fractions
from myelosketch.imaging.registration.itk import register, to_ants
from myelosketch.imaging.registration.resampling import content_box, crop, resample_map
from myelosketch.io.names import UNITS
from myelosketch.io.provenance import provenance
from myelosketch.io.units import default_units, unit_factor
from myelosketch.io.volumes import Volume, check_same_grid, load_volume, save_volume

if TYPE_CHECKING:
    import ants

# weight that sets fluid (MD 3) as far below grey matter as white matter (FA .45) is above it
MD_WEIGHT = 0.2
TENSOR_MAPS = ("FA", "RD", "AD")
# how the diffusion maps follow T1w before any displacement
DWI_KINDS = {"rigid": "Rigid", "affine": "Affine", "deformable": "Rigid"}


def linear_settings(registration: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Arguments of ``itk.register`` that the config decides.

    Parameters
    ----------
    registration : dict, section of the config
    seed : int

    Returns
    -------
    dict : metric, sampling, finest_mm, starts, seed
    """
    return {key: registration[key] for key in ("metric", "sampling", "finest_mm", "starts")} | {"seed": seed}


def register_to_t1w(
    inputs: Mapping[str, Any],
    head: Volume,
    outputs: Mapping[str, str | Path],
    *,
    registration: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    seed: int,
) -> None:
    """Register the tensor maps and MTR (and the FLAIR, where asked) to T1w.

    Parameters
    ----------
    inputs : dict of paths: ``FA``, ``RD``, ``AD``, ``MTR``; ``FLAIR``, if ``outputs`` has its transform; ``dwi_json``
        (or None), if the diffusion maps are deformed
    head : Volume, bias-corrected T1w inside its brain, 0 outside
    outputs : dict of paths: ``xfm_dwi_to_t1w``, ``xfm_mtr_to_t1w``; where they are there ``xfm_flair_to_t1w`` and
        ``warp_dwi`` (with registration.dwi "deformable")
    registration : dict, section of the config
    units : dict, unit of each map's values; ``names.UNITS`` if not given
    seed : int

    Raises
    ------
    InputError : a registration fails, or no phase encoding is known where one is needed
    GeometryError : the tensor maps do not share one grid
    """
    settings = linear_settings(registration, seed)
    anatomy = _head_only(head)
    source = [head.path] if head.path else []
    dwi_paths = [inputs[name] for name in TENSOR_MAPS]
    contrast = tensor_contrast(load_tensor(inputs, units or default_units()))
    axis = None
    if "warp_dwi" in outputs:
        axis = phase_axis(registration["phase_encoding"], inputs.get("dwi_json"))
    register(
        anatomy,
        _head_only(contrast),
        outputs["xfm_dwi_to_t1w"],
        kind=DWI_KINDS[registration["dwi"]],
        sources=source + dwi_paths,
        **settings,
    )
    if axis is not None:
        sources = [*source, *dwi_paths, outputs["xfm_dwi_to_t1w"]]
        find_warp(
            head,
            contrast,
            outputs["xfm_dwi_to_t1w"],
            outputs["warp_dwi"],
            axis=axis,
            seed=seed,
            sources=sources,
        )
    for name, key in (("MTR", "xfm_mtr_to_t1w"), ("FLAIR", "xfm_flair_to_t1w")):
        if key in outputs:
            image = _head_only(load_volume(inputs[name]))
            register(anatomy, image, outputs[key], kind="Rigid", sources=[*source, inputs[name]], **settings)


def register_scan(
    inputs: Mapping[str, Any],
    outputs: Mapping[str, str | Path],
    *,
    registration: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    seed: int,
) -> None:
    """Register T1w to PET, and resample every map and every tissue once onto petref.

    Parameters
    ----------
    inputs : dict of paths: ``t1w``, ``brain``, ``tissue``, ``lesion`` (T1w grid); ``xfm_dwi_to_t1w``,
        ``xfm_mtr_to_t1w``, ``warp_dwi`` (or None); ``FA``, ``RD``, ``AD``, ``MTR``, ``DVR``; ``pet_anatomy`` (or
        None: the DVR map itself carries the anatomy)
    outputs : dict of paths: ``xfm_t1w_to_petref``, ``fa``, ``rd``, ``ad``, ``mtr``, ``dvr``, ``fractions``
    registration : dict, section of the config
    units : dict, unit of each map's values; ``names.UNITS`` if not given
    seed : int

    Raises
    ------
    InputError : the registration fails
    GeometryError : images of one kind do not share one grid
    """
    units = units or default_units()
    maps = load_tensor(inputs, units) | {
        name: load_map(name, inputs[name], units[name]) for name in ("MTR", "DVR")
    }
    petref = maps["DVR"]
    t1w, brain, tissue, lesion = (load_volume(inputs[key]) for key in ("t1w", "brain", "tissue", "lesion"))
    for other in (brain, tissue, lesion):
        check_same_grid(t1w, other)
    head = Volume(t1w.data * (brain.data > 0), t1w.affine)
    settings = linear_settings(registration, seed)
    register(
        _head_only(pet_anatomy(inputs.get("pet_anatomy"), petref)),
        _head_only(head),
        outputs["xfm_t1w_to_petref"],
        kind="Rigid",
        sources=[inputs["t1w"], inputs.get("pet_anatomy") or inputs["DVR"]],
        **settings,
    )
    chains = {**inputs, "xfm_t1w_to_petref": outputs["xfm_t1w_to_petref"]}
    fwhm_mm = registration["pet_fwhm_mm"]
    for name in (*TENSOR_MAPS, "MTR"):
        chain = petref_chain(chains, "MTR" if name == "MTR" else "dwi")
        moved = resample_map(maps[name], petref, chain, fwhm_mm=fwhm_mm)
        parameters = {"pet_fwhm_mm": fwhm_mm, "InputUnits": units[name]}
        _save(outputs[name.lower()], moved, name, [inputs[name], *chain], parameters)
    _save(outputs["dvr"], petref, "DVR", [inputs["DVR"]], {"InputUnits": units["DVR"]})
    to_petref = petref_chain(chains, "T1w")
    write_fractions(
        outputs["fractions"],
        tissue=tissue,
        brain=brain,
        lesion=lesion,
        petref=petref,
        transforms=to_petref,
        sources=[inputs["tissue"], inputs["brain"], inputs["lesion"], *to_petref],
    )


def petref_chain(paths: Mapping[str, Any], modality: str) -> list[str | Path]:
    """Transforms from petref to an image, in the order of ``ants.apply_transforms`` (nearest petref first).

    Parameters
    ----------
    paths : dict of paths: ``xfm_t1w_to_petref`` and what leads on to the image; ``warp_dwi`` where there is one
    modality : "T1w" | "dwi" | "MTR" | "FLAIR"

    Returns
    -------
    list of paths
    """
    chain = [paths["xfm_t1w_to_petref"]]
    if modality != "T1w":
        chain.append(paths[f"xfm_{modality.lower()}_to_t1w"])
    if modality == "dwi" and paths.get("warp_dwi"):
        chain.append(paths["warp_dwi"])
    return chain


def pet_anatomy(path: str | Path | None, petref: Volume) -> Volume:
    """PET image that T1w is registered to: the mean of the early frames, or without one the DVR map.

    Raises
    ------
    GeometryError : it does not lie on the DVR map's grid
    """
    if not path:
        return petref
    early = load_volume(path)
    try:
        check_same_grid(early, petref)
    except GeometryError as error:
        raise GeometryError(
            f"{path} (mean of the early PET frames) does not lie on the grid of {petref.path or 'the DVR map'}: "
            "delete it, so that it is made again from the PET that the DVR map comes from."
        ) from error
    return early


def load_tensor(inputs: Mapping[str, Any], units: Mapping[str, str]) -> dict[str, Volume]:
    """FA, RD and AD in our units: dict of Volume.

    Raises
    ------
    GeometryError : they do not share one grid
    """
    maps = {name: load_map(name, inputs[name], units[name]) for name in TENSOR_MAPS}
    check_same_grid(maps["FA"], maps["RD"])
    check_same_grid(maps["FA"], maps["AD"])
    return maps


def load_map(name: str, path: str | Path, unit: str) -> Volume:
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


def tensor_contrast(maps: Mapping[str, Volume]) -> Volume:
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


def _head_only(volume: Volume) -> ants.ANTsImage:
    """ANTs image of the part that holds the head, in its place."""
    return to_ants(crop(volume, content_box(volume)))


def _save(
    path: str | Path, volume: Volume, name: str, sources: Sequence[str | Path], parameters: Mapping[str, Any]
) -> None:
    sidecar = provenance(sources=sources, parameters=parameters, Units=UNITS[name])
    save_volume(path, volume.data.astype(np.float32), volume.affine, sidecar=sidecar)
