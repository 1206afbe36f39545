"""Bring every MRI map of a scan to PET space, by composed transforms and one interpolation each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.errors import GeometryError, InputError
from myelosketch.imaging.files import Anatomy, OnPetGrid, RawImages
from myelosketch.imaging.input_maps import TENSOR_MAPS, load_map, load_tensor, tensor_contrast
from myelosketch.imaging.registration.distortion import find_warp, phase_axis
from myelosketch.imaging.registration.fractions import write_fractions
from myelosketch.imaging.registration.given import write_given, write_no_warp
from myelosketch.imaging.registration.grid import grid_around
from myelosketch.imaging.registration.itk import register, to_ants
from myelosketch.imaging.registration.resampling import content_box, crop, resample_map
from myelosketch.imaging.registration.transforms import write_transform
from myelosketch.imaging.registration.whole_head import within_brain, without_air
from myelosketch.io.names import UNITS
from myelosketch.io.provenance import provenance
from myelosketch.io.units import default_units
from myelosketch.io.volumes import Volume, check_same_grid, has_value, load_volume, save_volume

if TYPE_CHECKING:
    import ants

# linear registration of the diffusion maps to T1w, before any displacement
DWI_KINDS = {"rigid": "Rigid", "affine": "Affine", "deformable": "Rigid"}


def linear_settings(registration: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the arguments of ``itk.register`` that the configuration sets.

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
    images: RawImages,
    head: Volume,
    anatomy: Anatomy,
    *,
    registration: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    seed: int,
) -> None:
    """Register the tensor maps, MTR and, if requested, the FLAIR to T1w, or use the given transforms.

    Parameters
    ----------
    images : RawImages; with ``FLAIR``, if ``anatomy`` has its transform; with ``dwi_json``, if it has ``warp_dwi``
    head : Volume, bias-corrected T1w inside its brain, 0 outside
    anatomy : Anatomy, whose transforms to T1w are written
    registration : dict, section of the config
    units : dict, unit of each map's values; ``names.UNITS`` if not given
    seed : int

    Raises
    ------
    InputError : a registration fails, a given transform cannot be used, or no phase encoding is known where one is
        needed
    GeometryError : the tensor maps do not share one grid
    """
    settings = linear_settings(registration, seed)
    source = [head.path] if head.path else []
    dwi_paths = [images.map(name) for name in TENSOR_MAPS]
    contrast = without_air(tensor_contrast(load_tensor(images, units or default_units())))
    axis = None
    if anatomy.warp_dwi and not images.given.get("dwi"):
        axis = phase_axis(registration["phase_encoding"], images.dwi_json, images.FA)

    def place(
        image: Volume, xfm: str | Path, given: str | Path | None, kind: str, paths: Sequence[str | Path]
    ) -> None:
        sources = [*source, *paths]
        if given:
            write_given(given, xfm, sources=sources)
        else:
            register(_head_only(head), _head_only(image), xfm, kind=kind, sources=sources, **settings)

    place(
        contrast, anatomy.xfm_dwi_to_t1w, images.given.get("dwi"), DWI_KINDS[registration["dwi"]], dwi_paths
    )
    if anatomy.warp_dwi:
        sources = [*source, *dwi_paths, anatomy.xfm_dwi_to_t1w]
        if axis is None:
            write_no_warp(anatomy.warp_dwi, sources=sources)
        else:
            find_warp(
                head,
                contrast,
                anatomy.xfm_dwi_to_t1w,
                anatomy.warp_dwi,
                axis=axis,
                seed=seed,
                sources=sources,
            )
    for path, xfm, given in (
        (images.MTR, anatomy.xfm_mtr_to_t1w, images.given.get("MTR")),
        (images.FLAIR, anatomy.xfm_flair_to_t1w, images.given.get("FLAIR")),
    ):
        if path and xfm:
            image = load_volume(path)
            image = image if path == images.FLAIR else without_air(image)
            place(image, xfm, given, "Rigid", [path])


def register_scan(
    images: RawImages,
    anatomy: Anatomy,
    moved: OnPetGrid,
    *,
    registration: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    voxel_mm: Sequence[float] | None = None,
    seed: int,
) -> None:
    """Register T1w to PET (or use the given transform), and resample every map and every tissue once onto petref.

    petref is the grid of the PET in canonical order (right, anterior, superior), whatever the order of its file. For
    a scan without PET it is a grid around the brain of the T1w image, with the same axes. Maps of the whole head are
    cut to the brain of the T1w.

    Parameters
    ----------
    images : RawImages; without ``DVR`` for a scan without PET
    anatomy : Anatomy
    moved : OnPetGrid, to be written; without PET its ``dvr`` is not
    registration : dict, section of the config
    units : dict, unit of each map's values; ``names.UNITS`` if not given
    voxel_mm : sides of the voxels of petref, mm, (3,), for a scan without PET
    seed : int

    Raises
    ------
    InputError : the registration fails
    GeometryError : images of one kind do not share one grid
    """
    units = units or default_units()
    maps = load_tensor(images, units) | {"MTR": load_map("MTR", images.MTR, units["MTR"])}
    t1w, brain, tissue, lesion = (
        load_volume(path) for path in (anatomy.t1w, anatomy.brain, anatomy.tissue, anatomy.lesion)
    )
    for other in (brain, tissue, lesion):
        check_same_grid(t1w, other)
    if images.DVR:
        dvr = load_map("DVR", images.DVR, units["DVR"])
        petref = dvr
        head = Volume(t1w.data * (brain.data > 0), t1w.affine)
        _place_pet(
            images,
            without_air(dvr),
            head,
            anatomy.t1w,
            moved.xfm_t1w_to_petref,
            linear_settings(registration, seed),
        )
        unknown = int(np.isnan(load_volume(images.DVR).data).sum())
        counts = {"VoxelCounts": {"NaN": unknown, "WithoutValue": int((~has_value(petref.data)).sum())}}
        _save(moved.dvr, petref, "DVR", [images.DVR], {"InputUnits": units["DVR"]}, counts)
    else:
        petref = grid_around(brain, _model_voxel(voxel_mm, anatomy))
        note = {"Note": "no PET: petref is a grid around the T1w image"}
        write_transform(moved.xfm_t1w_to_petref, np.eye(4), record=note, sources=[anatomy.brain])
    fwhm_mm = registration["pet_fwhm_mm"]
    for name in (*TENSOR_MAPS, "MTR"):
        modality = "MTR" if name == "MTR" else "dwi"
        chain = petref_chain(moved.xfm_t1w_to_petref, anatomy, modality)
        inside = within_brain(maps[name], brain, anatomy.to_t1w(modality))
        on_petref = resample_map(inside, petref, chain, fwhm_mm=fwhm_mm)
        parameters = {"pet_fwhm_mm": fwhm_mm, "InputUnits": units[name]}
        _save(moved.map(name), on_petref, name, [images.map(name), *chain], parameters)
    to_petref = petref_chain(moved.xfm_t1w_to_petref, anatomy, "T1w")
    write_fractions(
        moved.fractions,
        tissue=tissue,
        brain=brain,
        lesion=lesion,
        petref=petref,
        transforms=to_petref,
        sources=[anatomy.tissue, anatomy.brain, anatomy.lesion, *to_petref],
    )


def _place_pet(
    images: RawImages,
    dvr: Volume,
    head: Volume,
    t1w: str | Path,
    xfm: str | Path,
    settings: Mapping[str, Any],
) -> None:
    """Write the transform of T1w to petref: found, or the inverse of the given one from the PET to T1w."""
    sources = [t1w, images.pet_anatomy or images.DVR]
    shown = pet_anatomy(images.pet_anatomy, dvr)
    given = images.given.get("pet")
    if given:
        write_given(given, xfm, sources=sources, inverted=True)
    else:
        register(_head_only(shown), _head_only(head), xfm, kind="Rigid", sources=sources, **settings)


def _model_voxel(voxel_mm: Sequence[float] | None, anatomy: Anatomy) -> Sequence[float]:
    if voxel_mm is None:
        raise InputError(
            f"{anatomy.t1w} belongs to a scan without PET, whose voxel size is that of a model: name one as "
            "prediction.model."
        )
    return voxel_mm


def petref_chain(xfm_t1w_to_petref: str | Path, anatomy: Anatomy, modality: str) -> list[str | Path]:
    """Return the transforms that resample an image onto petref, in the order of ``ants.apply_transforms``.

    The transform nearest to petref comes first.

    Parameters
    ----------
    xfm_t1w_to_petref : path
    anatomy : Anatomy, with the transforms between T1w and the image
    modality : "T1w" | "dwi" | "MTR" | "FLAIR"

    Returns
    -------
    list of paths
    """
    return [xfm_t1w_to_petref, *([] if modality == "T1w" else anatomy.to_t1w(modality))]


def pet_anatomy(path: str | Path | None, petref: Volume) -> Volume:
    """Return the PET image that T1w is registered to: the mean of the early frames, or the DVR map without one.

    Raises
    ------
    GeometryError : the mean is not on the grid of the DVR map
    """
    if not path:
        return petref
    early = load_volume(path)
    try:
        check_same_grid(early, petref)
    except GeometryError as error:
        raise GeometryError(
            f"{path} (mean of the early PET frames) is not on the grid of {petref.path or 'the DVR map'}: "
            "delete it, so that it is computed again from the PET of the DVR map."
        ) from error
    return early


def _head_only(volume: Volume) -> ants.ANTsImage:
    """Return the part of a volume that contains the head as an ANTs image, at the same place."""
    return to_ants(crop(volume, content_box(volume)))


def _save(
    path: str | Path,
    volume: Volume,
    name: str,
    sources: Sequence[str | Path],
    parameters: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> None:
    sidecar = provenance(sources=sources, parameters=parameters, Units=UNITS[name], **(facts or {}))
    save_volume(path, volume.data.astype(np.float32), volume.affine, sidecar=sidecar)
