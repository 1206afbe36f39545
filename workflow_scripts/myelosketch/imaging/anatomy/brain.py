"""Find the brain in a T1w image, with or without its skull, and correct the bias field."""

from dataclasses import dataclass

import ants
import numpy as np
from scipy.ndimage import (
    affine_transform,
    binary_closing,
    binary_fill_holes,
    distance_transform_edt,
    gaussian_filter,
    label,
)

from myelosketch.errors import InputError
from myelosketch.imaging.registration.itk import from_ants, to_ants
from myelosketch.imaging.registration.resampling import content_box, crop
from myelosketch.imaging.registration.starts import shrink
from myelosketch.io.volumes import Volume

# the brain is separated from its skull on voxels of about this size, mm
COARSE_MM = 3.0
# brain is about as bright as its surroundings over this width, mm: bone and fluid are darker, fat is brighter
SURROUNDINGS_MM, DARKEST, BRIGHTEST = 25.0, 0.6, 1.6
# bridges (eyes, vessels, neck) up to twice this wide connect brain and scalp, mm; the widths are tried in this order
BRIDGES_MM = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
SMALLEST_BRAIN_ML, LARGEST_BRAIN_ML = 300.0, 1900.0
# largest volume of a brain without skull, with all the fluid around it
LARGEST_CUT_OUT_ML = 2300.0
# sulci and ventricles are closed by this much, mm
CLOSING_MM = 10.0
# if the brain fills more than this share of all voxels with signal, the image shows no skull
SHARE_WITHOUT_SKULL = 0.75
# the placed template brain misses the rim of a head of another shape, and a brain that is separated from its skull
# loses its rim: both are widened by these distances
MASK_MARGIN_MM = 3.0
RIM_MM = 2.0
# distance of the knots of the bias field, mm: it follows the fall-off of surface coils, but not tissue
BIAS_MM = 60.0
# air kept around the brain
MARGIN_MM = 10.0


@dataclass(frozen=True)
class Head:
    """A T1w image, cropped around the brain and corrected.

    Attributes
    ----------
    image : Volume, bias-corrected, about 0-1000
    inside : array of bool on its grid: the brain without its skull; all voxels with signal if ``stripped``
    box : slices of the original grid that it covers
    stripped : whether the original image shows only the brain; False if the brain was given
    """

    image: Volume
    inside: np.ndarray
    box: tuple[slice, ...]
    stripped: bool


def prepare_head(whole: Volume, *, brain: np.ndarray | None = None) -> Head:
    """Find the brain roughly, crop to it and correct the bias field.

    Parameters
    ----------
    whole : Volume, T1w
    brain : array of bool on its grid, optional: the brain, if it is already known

    Returns
    -------
    Head

    Raises
    ------
    InputError : the image is empty, or shows no brain
    """
    if not (whole.data > 0).any():
        raise InputError(f"{_name(whole)} has no value above 0: export the T1w image again.")
    clean = Volume(np.nan_to_num(np.clip(whole.data, 0, None)), whole.affine, whole.path)
    if brain is not None:
        box = _margin_box(brain, whole.voxel_size)
        return Head(correct_bias(crop(clean, box), brain[box]), brain[box], box, False)
    box = content_box(clean)
    content = crop(clean, box)
    rough, stripped = rough_brain(content)
    if stripped:
        inside = content.data > 0.1 * np.percentile(content.data[content.data > 0], 99)
    else:
        inside = _on_grid(rough, content)
        around = _margin_box(inside, content.voxel_size)
        box = tuple(
            slice(outer.start + inner.start, outer.start + inner.stop)
            for outer, inner in zip(_bounded(box, whole.shape), around, strict=True)
        )
        content, inside = crop(content, around), inside[around]
    return Head(correct_bias(content, inside), inside, box, stripped)


def rough_brain(head: Volume) -> tuple[Volume, bool]:
    """Return the brain on coarse voxels: the largest body of soft tissue once narrow bridges are cut.

    Parameters
    ----------
    head : Volume, values at least 0, any unit, with its bias field

    Returns
    -------
    brain : Volume of bool, sulci and ventricles closed
    stripped : bool, whether the image shows hardly anything else

    Raises
    ------
    InputError : no body of the size of a brain is found
    """
    coarse = shrink(head, COARSE_MM)
    voxel = coarse.voxel_size
    top = np.percentile(coarse.data[coarse.data > 0], 99)
    data = np.minimum(coarse.data, top)
    content = binary_fill_holes(data > 0.1 * top)
    sigma = SURROUNDINGS_MM / voxel
    around = gaussian_filter(data * content, sigma) / np.maximum(
        gaussian_filter(content.astype(np.float32), sigma), 1e-3
    )
    relative = data / np.maximum(around, 1e-6)
    soft = content & (relative > DARKEST) & (relative < BRIGHTEST)
    millilitre = coarse.voxel_volume / 1000
    for bridge in BRIDGES_MM:
        core = _largest(_eroded(soft, bridge, voxel))
        brain = _closed(_grown(core, bridge + 1, voxel) & content, voxel) & content
        volume = brain.sum() * millilitre
        stripped = bool(brain.sum() > SHARE_WITHOUT_SKULL * content.sum() and volume < LARGEST_CUT_OUT_ML)
        if stripped or volume < LARGEST_BRAIN_ML:
            break
    if not (stripped or volume < LARGEST_BRAIN_ML) or volume < SMALLEST_BRAIN_ML:
        raise InputError(
            f"{_name(head)} shows no brain: the largest connected soft tissue in it has {volume:.0f} mL, expected "
            f"{SMALLEST_BRAIN_ML:.0f} to {LARGEST_BRAIN_ML:.0f}; is it a T1-weighted image of a whole brain?"
        )
    return Volume(brain, coarse.affine), stripped


def correct_bias(head: Volume, inside: np.ndarray | None = None) -> Volume:
    """Correct the bias field by N4, on a scale of about 0-1000, so that no later step depends on the scanner's units.

    Parameters
    ----------
    head : Volume, T1w
    inside : array of bool, where the field is estimated; all voxels with signal if not given

    Returns
    -------
    Volume
    """
    positive = head.data[(head.data > 0) & (inside if inside is not None else True)]
    top = np.percentile(positive, 99) if positive.size else 1.0
    image = to_ants(Volume(np.clip(head.data, 0, None) * (1000.0 / top), head.affine, head.path))
    # the mask must be float32: a comparison of ANTs images gives bytes, which N4 reads as floats, beyond their end
    used = image.numpy() > 100 if inside is None else inside & (image.numpy() > 0)
    corrected = ants.n4_bias_field_correction(
        image,
        mask=image.new_image_like(used.astype(np.float32)),
        shrink_factor=4,
        spline_param=BIAS_MM,
        convergence={"iters": [30, 20, 10], "tol": 1e-6},
    )
    return Volume(from_ants(corrected).data, head.affine, head.path)


def brain_mask(
    intensities: np.ndarray, prior: np.ndarray, voxel_size: np.ndarray, *, inside: np.ndarray | None = None
) -> np.ndarray:
    """Return the brain of a T1w image: the placed template's brain and a margin, where there is signal.

    Parameters
    ----------
    intensities : array (x, y, z), bias-corrected T1w
    prior : array, the template's brain probability on the same grid
    voxel_size : mm, (3,)
    inside : array of bool, optional: the brain without its skull, which the result exceeds by no more than a rim

    Returns
    -------
    array of bool, one component without holes

    Raises
    ------
    InputError : no brain is found
    """
    core = prior > 0.5
    if not core.any():
        raise InputError(
            "The template's brain does not overlap the T1w image: is its affine correct, and does it show a head?"
        )
    near = gaussian_filter(core.astype(np.float32), MASK_MARGIN_MM / voxel_size) > 0.1
    if inside is not None:
        near &= _grown(inside, RIM_MM, voxel_size)
    brain = near & (intensities > 0.15 * np.median(intensities[core]))
    brain = binary_fill_holes(binary_closing(brain, iterations=1))
    if not brain.any():
        raise InputError(
            "No brain was found in the T1w image: is its affine correct, and does it show a head?"
        )
    return _largest(brain)


def _on_grid(coarse: Volume, target: Volume) -> np.ndarray:
    """Return a coarse mask on the grid of ``target``, its edge interpolated."""
    mapping = np.linalg.inv(coarse.affine) @ target.affine
    share = affine_transform(
        coarse.data.astype(np.float32), mapping[:3, :3], mapping[:3, 3], target.shape, order=1, mode="nearest"
    )
    return share > 0.5


def _margin_box(mask: np.ndarray, voxel_size: np.ndarray) -> tuple[slice, ...]:
    """Return slices around a mask, with a margin of MARGIN_MM."""
    where = np.argwhere(mask)
    margin = np.ceil(MARGIN_MM / voxel_size).astype(int)
    first = np.maximum(where.min(axis=0) - margin, 0)
    last = np.minimum(where.max(axis=0) + margin + 1, mask.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))


def _bounded(box: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(*part.indices(side)[:2]) for part, side in zip(box, shape, strict=True))


def _eroded(mask: np.ndarray, width: float, voxel_size: np.ndarray) -> np.ndarray:
    return distance_transform_edt(mask, sampling=voxel_size) > width


def _grown(mask: np.ndarray, width: float, voxel_size: np.ndarray) -> np.ndarray:
    return distance_transform_edt(~mask, sampling=voxel_size) <= width if mask.any() else mask


def _closed(mask: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    padding = int(np.ceil(CLOSING_MM / voxel_size.min())) + 1
    grown = _grown(np.pad(mask, padding), CLOSING_MM, voxel_size)
    closed = _eroded(grown, CLOSING_MM, voxel_size)[(slice(padding, -padding),) * 3]
    return binary_fill_holes(closed | mask)


def _largest(mask: np.ndarray) -> np.ndarray:
    parts, count = label(mask)
    return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]) if count else mask


def _name(volume: Volume) -> str:
    return volume.path or "The T1w image"
