"""The MNI152 template and its tissue probabilities, placed in a participant's T1w image."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ants
import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.registration.itk import LPS, from_ants, register, to_ants, world_matrix
from myelosketch.imaging.registration.starts import shrink
from myelosketch.imaging.registration.transforms import write_warp
from myelosketch.io.volumes import Volume, open_image

# Deep grey nuclei, right side, as ellipsoids in MNI152 space: centre (mm) and inertia (mm², rows xx xy xz yy yz zz).
# They have the second moments of the Harvard-Oxford subcortical atlas (the mean of both sides, one of them mirrored).
# The template's own probabilities call the pallidum and half of the thalamus and putamen white.
DEEP_NUCLEI = {
    "thalamus": ((10.6, -18.5, 6.8), (134, -99, 4, 357, 32, 145)),
    "caudate": ((13.0, 9.9, 10.2), (49, -10, 43, 362, -250, 295)),
    "putamen": ((25.4, 1.1, 0.6), (88, -133, 37, 440, -90, 182)),
    "pallidum": ((19.6, -4.5, -1.2), (68, -70, 6, 151, 2, 50)),
    "accumbens": ((9.5, 12.0, -6.8), (21, 13, -6, 62, 15, 24)),
}
# an ellipsoid's edge is this soft, as a part of its radius
EDGE = 0.3
# share of the probability of white matter within a nucleus that is given to the nucleus
OF_WHITE = 0.9
# finest voxel size of the affine: it only places probabilities
AFFINE_FINEST_MM = 4.0
# bending of the template after the affine, on images with voxels of BEND_MM: iterations on voxels of twice and of
# once that size (finer levels cost 3 and 20 s without a relevant gain: their errors are those of the image's noise),
# and the metric
BEND_MM = 4.0
SYN = {"reg_iterations": (40, 0), "syn_metric": "mattes", "syn_sampling": 32}
# T1w intensities of the template's tissues, and the least correlation with the image that they must have once placed.
# Correct places in whole heads and in brains gave .30 to .71; faces, half heads and other contrasts less than .20
T1W_OF = {"csf": 0.35, "grey": 0.65, "white": 0.87, "deep": 0.72}
LEAST_LIKENESS = 0.22
# smallest and largest factor by which the template may be scaled to an adult's head, along each axis
LEAST_SCALE, LARGEST_SCALE = 0.65, 1.5


@cache
def load_template() -> tuple[ants.ANTsImage, list[ants.ANTsImage]]:
    """Return the MNI152 T1w (brain only) and its CSF, grey and white probabilities, 2 mm, from nilearn's wheel.

    Returns
    -------
    template : ANTsImage
    priors : list of ANTsImage, [CSF, grey, white]; CSF is the brain minus both (the template has none)
    """
    from nilearn.datasets import (
        load_mni152_brain_mask,
        load_mni152_gm_template,
        load_mni152_template,
        load_mni152_wm_template,
    )

    def load(loader: Callable[..., Any]) -> Volume:
        # every second voxel of the 1 mm image: nilearn computes the same values for 2 mm, but by a spline
        image = loader(resolution=1)
        affine = np.asarray(image.affine, float) @ np.diag([2.0, 2.0, 2.0, 1.0])
        return Volume(np.asarray(image.dataobj[::2, ::2, ::2], np.float32), affine)

    brain = load(load_mni152_brain_mask)
    grey, white = load(load_mni152_gm_template), load(load_mni152_wm_template)
    csf = Volume(np.clip(brain.data - grey.data - white.data, 0, 1), brain.affine)
    return to_ants(load(load_mni152_template)), [to_ants(prior) for prior in (csf, grey, white)]


def deep_grey(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Return the probability of deep grey matter from the place in MNI152 space alone.

    Parameters
    ----------
    shape : of the grid, (3,)
    affine : array (4, 4), voxel to MNI152 world, mm

    Returns
    -------
    array (x, y, z), float32, 0-1: thalamus, caudate, putamen, pallidum and accumbens of both sides
    """
    grid = np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1)
    points = grid @ affine[:3, :3].T.astype(np.float32) + affine[:3, 3].astype(np.float32)
    points[..., 0] = np.abs(points[..., 0])  # the right side is used for both
    inside = np.zeros(shape, np.float32)
    for centre, (xx, xy, xz, yy, yz, zz) in DEEP_NUCLEI.values():
        inverse = np.linalg.inv([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        offset = points - np.asarray(centre, np.float32)
        radius = np.sqrt(np.einsum("...i,ij,...j->...", offset, inverse, offset, optimize=True))
        inside = np.maximum(inside, np.clip((1 + EDGE / 2 - radius) / EDGE, 0, 1))
    return inside


def place_template(
    t1w: Volume,
    output: str | Path,
    *,
    bend: str,
    metric: str,
    sampling: float,
    starts: int,
    seed: int,
    warp: str | Path | None = None,
    sources: Sequence[str | Path] = (),
) -> dict[str, np.ndarray]:
    """Register a brain to the template, and bring the template's tissue probabilities to it.

    Parameters
    ----------
    t1w : Volume, bias-corrected T1w, 0 outside the brain
    output : path ``.mat`` of the affine from T1w to MNI152 (what resamples T1w onto the template)
    bend : "affine" | "syn": whether the probabilities are also bent to the brain; the transform stays affine
    metric, sampling, starts, seed : see ``itk.register``
    warp : path ``.nii.gz`` of the displacement field of "syn" in MNI152 space, which comes before the affine in a
        list for ``ants.apply_transforms``; without a path, the field is not kept
    sources : list of paths, for the sidecars

    Returns
    -------
    dict of arrays (x, y, z), float32: ``csf``, ``grey`` (cortex), ``white``, ``deep`` (deep grey); they sum to the
        template's brain, 0-1

    Raises
    ------
    InputError : the registration fails, or scales the template beyond the size of an adult's head
    """
    template, (csf, grey, white) = load_template()
    image = to_ants(t1w)
    settings: dict[str, Any] = {
        "metric": metric,
        "sampling": sampling,
        "starts": starts,
        "seed": seed,
        "sources": sources,
    }
    register(template, image, output, kind="Affine", finest_mm=AFFINE_FINEST_MM, **settings)
    _check_size(world_matrix([output]), t1w)
    nuclei = deep_grey(template.shape, from_ants(template).affine)
    csf, grey, white = (prior.numpy() for prior in (csf, grey, white))
    priors = {
        "csf": csf,
        "grey": grey * (1 - nuclei),
        "white": white * (1 - OF_WHITE * nuclei),
        "deep": nuclei * (grey + OF_WHITE * white),
    }
    with tempfile.TemporaryDirectory() as folder:
        chain, inverted = [str(output)], [True]
        if bend == "syn":
            bent = _bend(template, image, output, folder)
            chain.append(bent["to_template"])
            inverted.append(False)
            if warp:
                _keep_warp(bent["to_image"], warp, sources=[*sources, output])
        return {
            name: ants.apply_transforms(
                fixed=image,
                moving=template.new_image_like(prior.astype(np.float32)),
                transformlist=chain,
                whichtoinvert=inverted,
                interpolator="linear",
            ).numpy()
            for name, prior in priors.items()
        }


def _bend(template: ants.ANTsImage, image: ants.ANTsImage, affine: str | Path, folder: str) -> dict[str, str]:
    """Return displacement fields between the affinely placed brain and the template.

    Returns
    -------
    dict of paths in ``folder``: ``to_template`` maps points of the placed brain to points of the template,
        ``to_image`` maps points of the template to points of the placed brain
    """
    placed = ants.apply_transforms(fixed=template, moving=image, transformlist=[str(affine)])
    template, placed = (to_ants(shrink(from_ants(part), BEND_MM)) for part in (template, placed))
    result = ants.registration(
        fixed=template,
        moving=placed,
        type_of_transform="SyNOnly",
        initial_transform="Identity",
        outprefix=f"{folder}/",
        **SYN,
    )
    forward = next(path for path in result["fwdtransforms"] if path.endswith("Warp.nii.gz"))
    return {"to_template": result["invtransforms"][-1], "to_image": forward}


def _keep_warp(found: str, output: str | Path, *, sources: Sequence[str | Path]) -> None:
    """Write a displacement field of ANTs as a derivative."""
    field = open_image(found)
    lps = np.asarray(field.dataobj, np.float32).reshape(*field.shape[:3], 3)
    length = np.linalg.norm(lps, axis=-1)
    record: dict[str, Any] = {
        "Kind": "Displacement",
        "Space": "MNI152, before the affine",
        "MedianMm": round(float(np.median(length[length > 0])), 2) if length.any() else 0.0,
        "LargestMm": round(float(length.max()), 2),
    }
    write_warp(output, lps * np.diag(LPS), np.asarray(field.affine, float), record=record, sources=sources)


def _check_size(matrix: np.ndarray, t1w: Volume) -> None:
    """Raise an error if the template was scaled beyond the size of an adult's head: it then does not match a brain.

    Raises
    ------
    InputError : a scale is below LEAST_SCALE or above LARGEST_SCALE
    """
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if scales.min() < LEAST_SCALE or scales.max() > LARGEST_SCALE:
        raise InputError(
            f"{t1w.path or 'The T1w image'}: the template had to be scaled by {scales.min():.2f} to "
            f"{scales.max():.2f} to fit it, expected {LEAST_SCALE:g} to {LARGEST_SCALE:g}; does it show a whole "
            "brain, T1-weighted?"
        )


def check_likeness(t1w: Volume, brain: np.ndarray, priors: Mapping[str, np.ndarray]) -> float:
    """Return the correlation of the placed template with the image, and raise an error if it is too low.

    Parameters
    ----------
    t1w : Volume, bias-corrected T1w
    brain : array (x, y, z) of bool
    priors : dict of ``place_template``

    Returns
    -------
    float : correlation over the brain

    Raises
    ------
    InputError : it is below LEAST_LIKENESS
    """
    expected = sum(
        (T1W_OF[name] * prior for name, prior in priors.items()), np.zeros(brain.shape, np.float32)
    )
    likeness = float(np.corrcoef(expected[brain], t1w.data[brain])[0, 1])
    if not likeness >= LEAST_LIKENESS:
        raise InputError(
            f"{t1w.path or 'The T1w image'} does not look like the template that was registered to it (correlation "
            f"{likeness:.2f}, expected at least {LEAST_LIKENESS:g}); does it show a whole brain, T1-weighted?"
        )
    return likeness
