"""Prepare the head in T1w space (brain, template, lesions and tissue), and register the MRI maps to it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy.brain import MARGIN_MM, Head, brain_mask, prepare_head
from myelosketch.imaging.anatomy.flair import find_lesions
from myelosketch.imaging.anatomy.lesions import inverse_of, place_lesions
from myelosketch.imaging.anatomy.segmentation import read_segmentation, tissue_codes
from myelosketch.imaging.anatomy.template import check_likeness, place_template
from myelosketch.imaging.anatomy.tissue import TISSUE_CODES, check_tissue, segment
from myelosketch.imaging.files import Anatomy, RawImages
from myelosketch.imaging.registration.itk import make_repeatable
from myelosketch.imaging.registration.resampling import resample_fraction
from myelosketch.imaging.registration.to_petref import register_to_t1w
from myelosketch.intake.masks import load_mask
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import Volume, load_volume, save_volume

# share of a T1w voxel that lesions must fill for it to count as a lesion
OWNS = 0.5
# largest share of the brain that lesions may fill; white matter is about two fifths
LARGEST_SHARE = 0.3


def prepare_anatomy(
    images: RawImages,
    anatomy: Anatomy,
    *,
    tissue: Mapping[str, Any],
    lesions: Mapping[str, Any],
    registration: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    seed: int,
) -> None:
    """Correct and segment one T1w image, register the MRI maps to it and bring the lesions to it.

    Parameters
    ----------
    images : RawImages; a ``segmentation`` is used instead of the workflow's own
    anatomy : Anatomy, to be written on the grid of the T1w image: ``t1w`` cropped to the brain with a margin,
        ``tissue`` in TISSUE_CODES with lesions as white matter. With a path of ``xfm_flair_to_t1w``, lesions are
        found on the FLAIR if there is no ``lesion_mask``
    tissue, lesions, registration : dicts, sections of the config
    units : dict, unit of each map's values; ``names.UNITS`` if not given
    seed : int

    Raises
    ------
    InputError : no brain, a tissue that is missing, lesions outside the brain or larger than the white matter, a
        segmentation or a lesion mask that does not fit, a registration that fails
    GeometryError : the tensor maps do not share one grid
    """
    make_repeatable(seed)
    whole = load_volume(images.T1w)
    given = read_segmentation(images.segmentation, whole) if images.segmentation else None
    head = prepare_head(whole, brain=given["brain"] if given else None)
    priors = place_template(
        _only(head.image, head.inside),
        anatomy.xfm_t1w_to_mni,
        warp=anatomy.warp_mni,
        bend=tissue["template"],
        metric="mattes",
        sampling=registration["sampling"],
        starts=registration["starts"],
        seed=seed,
        sources=[images.T1w],
    )
    brain = given["brain"][head.box] if given else _brain(head, priors)
    likeness = check_likeness(head.image, brain, priors)
    register_to_t1w(
        images, _only(head.image, brain), anatomy, registration=registration, units=units, seed=seed
    )

    def codes_with(lesion: np.ndarray) -> np.ndarray:
        if given:
            codes = np.where(lesion & brain, TISSUE_CODES["white matter"], tissue_codes(given, head.box))
            check_tissue(codes, head.image)
            return codes
        settings = {key: tissue[key] for key in ("prior_weight", "iterations", "smoothing")}
        return segment(head.image, brain, priors, lesion, **settings, seed=seed)

    none = np.zeros(brain.shape, bool)
    first = values = None
    if images.lesion_mask:
        source = "mask"
        how = {key: lesions[key] for key in ("threshold", "label")}
        drawn, values = load_mask(images.lesion_mask, **how)
        lesion = _placed_lesions(drawn, images, anatomy, head.image)
    elif anatomy.xfm_flair_to_t1w:
        source = "flair"
        first = codes_with(none)
        lesion = _found_lesions(images, anatomy, head.image, first, priors, lesions["flair"], seed)
    else:
        source = "none"
        lesion = none.astype(np.float32)
    name = images.lesion_mask or images.FLAIR
    _check_place(lesion, brain, head.image, name)
    owned = lesion >= OWNS
    codes = codes_with(owned) if first is None or owned.any() else first
    _check_rest(lesion, codes, head.image, name)
    record = {
        "LesionSource": source,
        "LesionSpace": {"mask": images.lesion_space, "flair": "FLAIR"}.get(source),
        "LesionMaskValues": values,
    }
    found = {"t1w": head.image.data, "brain": brain, "tissue": codes, "lesion": lesion}
    notes = _notes(images, given, head, tissue, lesions, record, seed)
    notes["brain"]["TemplateLikeness"] = round(likeness, 3)
    for key, data in found.items():
        full = np.zeros(whole.shape, np.asarray(data).dtype)
        full[head.box] = data
        save_volume(getattr(anatomy, key), full, whole.affine, sidecar=notes[key])


def _only(volume: Volume, inside: np.ndarray) -> Volume:
    return Volume(np.where(inside, volume.data, 0).astype(np.float32), volume.affine, volume.path)


def _brain(head: Head, priors: Mapping[str, np.ndarray]) -> np.ndarray:
    inside = None if head.stripped else head.inside
    total = sum(priors.values(), np.zeros(head.image.shape, np.float32))
    return brain_mask(head.image.data, total, head.image.voxel_size, inside=inside)


def _placed_lesions(drawn: Volume, images: RawImages, anatomy: Anatomy, t1w: Volume) -> np.ndarray:
    """Return the user's lesions as a fraction on the T1w grid."""
    transforms = {"T1w": [], **{name: anatomy.to_t1w(name) for name in ("dwi", "MTR", "FLAIR")}}
    with tempfile.TemporaryDirectory() as folder:
        transforms["MNI152"] = [inverse_of(anatomy.xfm_t1w_to_mni, Path(folder) / "mni_to_t1w.mat")]
        return place_lesions(drawn, images.lesion_space, t1w, transforms).data


def _found_lesions(
    images: RawImages,
    anatomy: Anatomy,
    t1w: Volume,
    codes: np.ndarray,
    priors: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    seed: int,
) -> np.ndarray:
    """Return lesions found on the FLAIR, 0 or 1 on the T1w grid."""
    make_repeatable(seed)
    flair = load_volume(images.FLAIR or "")
    flair = Volume(np.nan_to_num(flair.data), flair.affine, flair.path)
    on_t1w = resample_fraction(flair, t1w, anatomy.to_t1w("FLAIR"))
    likely = {"csf": priors["csf"], "grey": priors["grey"] + priors["deep"], "white": priors["white"]}
    return find_lesions(on_t1w.data, codes, likely, t1w.voxel_size, **settings).astype(np.float32)


def _check_place(lesion: np.ndarray, brain: np.ndarray, t1w: Volume, name: str | Path | None) -> None:
    """Raise an error if most of the lesions are outside the brain, or if they fill too much of it.

    Raises
    ------
    InputError : one of these
    """
    total, inside = (float(part.sum()) * t1w.voxel_volume / 1000 for part in (lesion, lesion[brain]))
    if inside < 0.5 * total:
        raise InputError(
            f"{name}: {inside:.1f} of its {total:.1f} mL of lesions are in the brain of the T1w image, "
            "expected at least half; is it a lesion mask, and of this image (lesion_space)?"
        )
    share = inside / (brain.sum() * t1w.voxel_volume / 1000)
    if share > LARGEST_SHARE:
        raise InputError(
            f"{name}: its lesions are {100 * share:.0f} % of the brain, expected at most {100 * LARGEST_SHARE:.0f} "
            "%, which is less than the white matter; is it a mask of lesions and not of the brain?"
        )


def _check_rest(lesion: np.ndarray, codes: np.ndarray, t1w: Volume, name: str | Path | None) -> None:
    """Raise an error if the lesions are larger than the white matter that they leave.

    Raises
    ------
    InputError : they are
    """
    white = (codes == TISSUE_CODES["white matter"]) & (lesion < OWNS)
    taken, left = (float(part.sum()) * t1w.voxel_volume / 1000 for part in (lesion[codes > 0], white))
    if taken > left:
        raise InputError(
            f"{name}: its lesions ({taken:.0f} mL) are larger than the remaining white matter ({left:.0f} mL); "
            "is it a mask of lesions?"
        )


def _notes(
    images: RawImages,
    given: dict[str, Any] | None,
    head: Head,
    tissue: Mapping[str, Any],
    lesions: Mapping[str, Any],
    record: Mapping[str, Any],
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return the sidecars of the four images."""
    t1w = [images.T1w]
    outlines = {"mask": images.lesion_mask, "flair": images.FLAIR}.get(record["LesionSource"])
    lesion = [outlines] if outlines else []
    segmented = {"Segmentation": given["record"]} if given else {"Segmentation": "atropos"}
    outlined = [images.segmentation] if images.segmentation else t1w
    used = {"seed": seed} if given else {"seed": seed, **tissue}
    used_lesions = {
        "mask": {key: lesions[key] for key in ("threshold", "label")},
        "flair": lesions.get("flair"),
    }.get(record["LesionSource"])
    found = {"lesions": used_lesions} if used_lesions else {}
    skull = {"SkullStripped": head.stripped} if not given else {}
    return {
        "t1w": provenance(
            sources=t1w, parameters={"margin_mm": MARGIN_MM, "seed": seed}, Units="1, about 0-1000", **skull
        ),
        "brain": provenance(sources=outlined, parameters={"seed": seed}, **segmented, **skull),
        "tissue": provenance(
            sources=[*outlined, *lesion], parameters=used, Labels=TISSUE_CODES, **segmented, **skull, **record
        ),
        "lesion": provenance(sources=lesion, parameters=found, Units="1", **record),
    }
