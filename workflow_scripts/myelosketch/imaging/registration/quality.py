"""Measure the registrations of one scan from its files, and draw a picture of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.files import IDENTITY, Anatomy, RawImages
from myelosketch.imaging.input_maps import load_map, tensor_contrast
from myelosketch.imaging.registration import alignment, overlay
from myelosketch.imaging.registration.fractions import lesion_source
from myelosketch.imaging.registration.itk import world_matrix
from myelosketch.imaging.registration.repeats import distances_to, register_again
from myelosketch.imaging.registration.resampling import content_box, crop
from myelosketch.imaging.registration.starts import shrink
from myelosketch.imaging.registration.verdicts import NUMBERS
from myelosketch.imaging.registration.whole_head import shows_more_than, without_air
from myelosketch.intake.air import never_masked
from myelosketch.io.matrices import is_rigid
from myelosketch.io.provenance import provenance, write_json
from myelosketch.io.units import default_units
from myelosketch.io.volumes import Volume, check_same_grid, load_volume

GRID_MM = 2.0
# the margin of the T1w around the brain (brain.MARGIN_MM) is within this distance; air costs as much as tissue
BRAIN_MARGIN_MM = 12.0
# images that are also registered by a free affine: another participant's image has another size and shape
STRETCHED = ("pet", "dwi", "MTR")
# below this share of the brain there is nothing to measure
LEAST_COVERAGE = 0.02


def check_registration(
    images: RawImages,
    anatomy: Anatomy,
    xfm_t1w_to_petref: str | Path,
    *,
    numbers: str | Path,
    picture: str | Path,
    scan: str,
    group: str,
    registration: Mapping[str, Any],
    units: Mapping[str, str] | None = None,
    seed: int,
) -> None:
    """Measure how well every image of a scan is aligned with its T1w, and draw all images on one grid.

    The numbers are judged later, in ``verdicts``.

    Parameters
    ----------
    images : RawImages; without ``DVR`` for a scan without PET
    anatomy : Anatomy
    xfm_t1w_to_petref : path
    numbers : path of the JSON to write
    picture : path of the PNG to write
    scan, group : text
    registration : dict, section ``registration`` of the configuration; of its ``quality``, only ``starts`` is used
    units : dict, unit of each map's values; ``names.UNITS`` if not given
    seed : int

    Raises
    ------
    GeometryError : tissue, brain and lesions do not share the grid of the T1w
    """
    units = units or default_units()
    head = Head(anatomy)
    maps = load_maps(images, anatomy, units)
    settings = {key: registration[key] for key in ("metric", "sampling")} | {"seed": seed}
    starts = registration["quality"]["starts"]
    rows = [
        _row(
            modality,
            head,
            maps[modality],
            transforms_of(xfm_t1w_to_petref, anatomy, modality),
            registration,
            settings,
            starts,
            bool(images.pet_anatomy),
            given=images.given.get(modality),
        )
        for modality in maps
    ]
    shown = {"T1w": head.t1w}
    if images.DVR:
        shown["DVR"] = load_map("DVR", images.DVR, units["DVR"])
        # the registered image may cover more of the brain than the DVR, which everything is compared with
        rows[0]["coverage"] = coverage(head, shown["DVR"], *transforms_of(xfm_t1w_to_petref, anatomy, "pet"))
    rows.append(_template_row(head, anatomy.xfm_t1w_to_mni, settings))
    files = {
        **asdict(anatomy),
        **asdict(images),
        "xfm": xfm_t1w_to_petref,
        "lesion_space": None,
        "given": None,
    }
    sources = [path for path in [*files.values(), *images.given.values()] if path and path != IDENTITY]
    write_json(
        numbers,
        {
            "scan": scan,
            "group": group,
            "lesion_source": head.lesion_source,
            "rows": rows,
            **provenance(sources=sources, parameters=settings | {"starts": starts}),
        },
    )
    shown |= {"FA": load_map("FA", images.FA, units["FA"]), "MTR": maps["MTR"]}
    chains = {"T1w": [], "DVR": None, "FA": anatomy.to_t1w("dwi"), "MTR": anatomy.to_t1w("MTR")}
    if "FLAIR" in maps:
        shown["FLAIR"], chains["FLAIR"] = maps["FLAIR"], anatomy.to_t1w("FLAIR")
    overlay.draw_overlay(picture, head, shown, chains, xfm_t1w_to_petref, title=scan)


class Head:
    """The T1w of a scan with its brain, tissue and lesions, on one grid, and what every measurement needs of it."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.t1w, self.brain = load_volume(anatomy.t1w), load_volume(anatomy.brain)
        self.tissue = load_volume(anatomy.tissue, dtype=np.uint8)
        lesion = load_volume(anatomy.lesion) if anatomy.lesion else None
        for part in (self.brain, self.tissue, *([lesion] if lesion else [])):
            check_same_grid(self.t1w, part)
        self.lesion = lesion or Volume(np.zeros(self.t1w.shape, np.float32), self.t1w.affine)
        box = content_box(self.brain, BRAIN_MARGIN_MM)
        for name in ("t1w", "brain", "tissue", "lesion"):
            setattr(self, name, crop(getattr(self, name), box))
        self.lesion_source = lesion_source(self.lesion)
        self.masked = Volume(self.t1w.data * (self.brain.data > 0), self.t1w.affine, self.t1w.path)
        self.points = alignment.brain_points(self.brain)
        self.border = alignment.white_grey_border(self.tissue, self.lesion.data > 0.1)
        grid = alignment.world_grid(self.points, GRID_MM)
        self.grid, self.inside = grid, alignment.support_on(self.brain, grid, [])
        self.values = alignment.values_on(self.t1w, grid, [])


def load_maps(images: RawImages, anatomy: Anatomy, units: Mapping[str, str]) -> dict[str, Volume]:
    """Return the image of each modality that shows the anatomy."""
    tensor = {name: load_map(name, images.map(name), units[name]) for name in ("FA", "RD", "AD")}
    maps = {}
    if images.DVR:
        early = images.pet_anatomy
        maps["pet"] = load_volume(early) if early else load_map("DVR", images.DVR, units["DVR"])
    maps |= {"dwi": tensor_contrast(tensor), "MTR": load_map("MTR", images.MTR, units["MTR"])}
    if anatomy.xfm_flair_to_t1w and images.FLAIR:
        maps["FLAIR"] = load_volume(images.FLAIR)
    return {
        name: Volume(np.nan_to_num(volume.data, posinf=0, neginf=0), volume.affine, volume.path)
        for name, volume in maps.items()
    }


def transforms_of(
    xfm_t1w_to_petref: str | Path, anatomy: Anatomy, modality: str
) -> tuple[list[str | Path], list[bool]]:
    """Return the transforms that resample a map onto T1w, and which of them are inverted."""
    if modality == "pet":
        return [xfm_t1w_to_petref], [True]
    chain = anatomy.to_t1w(modality)
    return chain, [False] * len(chain)


def _row(
    modality: str,
    head: Head,
    volume: Volume,
    transforms: tuple[list[str | Path], list[bool]],
    registration: Mapping[str, Any],
    settings: dict[str, Any],
    starts: int,
    early: bool,
    given: str | Path | None = None,
) -> dict[str, Any]:
    """Return everything that is measured of one modality.

    ``early`` says that the PET is the mean of its early frames. ``given`` is the path of a transform that the user
    gave, if any.
    """
    chain, inverted = transforms
    signal = modality == "FLAIR" or (modality == "pet" and early)
    unmasked = not signal and never_masked(volume)
    volume = without_air(volume) if unmasked else volume
    row = {"modality": modality, **as_placed(head, volume, chain, inverted)}
    if given:
        row["given"] = Path(given).name
    # a warp comes last and moves by millimetres: only the linear part is repeated
    placing = world_matrix(chain[:1], inverted=inverted[:1])
    shaped = modality == "dwi" and (registration["dwi"] != "rigid" or not is_rigid(placing))
    kind = "Affine" if shaped else "Rigid"
    # a map that was never masked has no edge of its own that a free shape could follow
    stretch = modality in STRETCHED and kind == "Rigid" and not unmasked
    alike = head.masked if brain_only(head, volume) else head.t1w
    return _with_repeats(
        row, placing, alike, volume, head.points, starts=starts, with_stretch=stretch,
        settings=settings | {"kind": kind},
    )  # fmt: skip


def _template_row(head: Head, xfm: str | Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the same measurements for the MNI152 template as it is placed on the T1w."""
    from nilearn.datasets import load_mni152_template

    # as it is in the file, at 1 mm: nilearn's own resampling costs three times as much
    image = load_mni152_template(resolution=1)
    template = shrink(Volume(np.asarray(image.dataobj, np.float32), np.asarray(image.affine, float)), GRID_MM)
    row = {"modality": "MNI152", **as_placed(head, template, [xfm], [True])}
    row["border_shift_mm"] = None
    row["missing"]["border_shift_mm"] = "another brain has its borders in other places"
    placing = world_matrix([xfm], inverted=[True])
    return _with_repeats(
        row, placing, head.masked, template, head.points, starts=1, with_stretch=False,
        settings=settings | {"kind": "Affine"},
    )  # fmt: skip


def _with_repeats(
    row: dict[str, Any],
    placing: np.ndarray,
    fixed: Volume,
    moving: Volume,
    points: np.ndarray,
    *,
    with_stretch: bool,
    **how: Any,
) -> dict[str, Any]:
    """Return a row with its distances from repeated registrations (see ``register_again``), if these are possible."""
    if row["problem"]:
        return row
    try:
        answers = register_again(fixed, moving, with_stretch=with_stretch, **how)
    except InputError:
        return _unusable(row, "a second registration to the T1w failed")
    row = row | distances_to(placing, answers, points)
    if row.get("given"):  # the most common error of a given transform is its direction
        row["turned_repeat_mm"] = distances_to(np.linalg.inv(placing), answers, points)["repeat_mm"]
    if not with_stretch:
        row["missing"]["stretch_mm"] = "not computed: a free shape is not informative here"
    return row


def as_placed(
    head: Head, volume: Volume, transforms: Sequence[str | Path], inverted: Sequence[bool]
) -> dict[str, Any]:
    """Return the numbers of a map as its transforms place it, without a registration, or its ``problem``."""
    row: dict[str, Any] = dict.fromkeys(NUMBERS) | {"problem": None, "missing": {}}
    positive = volume.data[volume.data != 0]
    if positive.size < 1000 or np.ptp(positive) == 0:
        return _unusable(row, "it is empty or has one value only")
    moved, there = alignment.placed(volume, head.grid, transforms, inverted)
    both = there & head.inside
    row["coverage"] = float(both.sum() / head.inside.sum())
    if row["coverage"] < LEAST_COVERAGE:
        return _unusable(row, "in its position it does not overlap the brain")
    if brain_only(head, volume):
        row["overlap"] = alignment.dice(there, head.inside)
    else:
        row["missing"]["overlap"] = "the image shows more than the brain"
    row["nmi"] = alignment.normalised_mutual_information(head.values[both], moved.data[both])
    profiles = alignment.border_profiles(moved, head.border)
    row["border_contrast"] = alignment.border_contrast(profiles, float(moved.data[both].std()))
    row["border_shift_mm"] = alignment.border_shift(profiles, head.border)
    for name in ("nmi", "border_contrast", "border_shift_mm"):
        if row[name] is None:
            row["missing"][name] = "too little of the white-grey border has a value"
    return row


def coverage(head: Head, volume: Volume, transforms: Sequence[str | Path], inverted: Sequence[bool]) -> float:
    """Return the share of the brain where a map, as its transforms place it, has a value."""
    there = alignment.support_on(volume, head.grid, transforms, inverted)
    return float((there & head.inside).sum() / head.inside.sum())


def _unusable(row: dict[str, Any], problem: str) -> dict[str, Any]:
    return row | {"problem": problem, "missing": {name: problem for name in NUMBERS if row[name] is None}}


def brain_only(head: Head, volume: Volume) -> bool:
    return not shows_more_than(head.brain, volume)
