"""Grey matter, white matter and CSF of a brain, from its T1w image in its own space."""

import tempfile
from collections.abc import Mapping, Sequence

import ants
import numpy as np
from ants.internal import get_lib_fn, get_pointer_string, process_arguments
from scipy.ndimage import gaussian_filter

from myelosketch.errors import InputError
from myelosketch.imaging.registration.itk import make_repeatable
from myelosketch.io.volumes import Volume

TISSUE_CODES = {"CSF": 1, "grey matter": 2, "white matter": 3}
# classes of the segmentation and the tissue of each: deep grey matter is nearly as bright as white matter, so it
# needs a class of its own
CLASSES = {"csf": "CSF", "grey": "grey matter", "white": "white matter", "deep": "grey matter"}
# the segmentation may call the core of the deep nuclei white matter (the pallidum is as bright); where the template's
# probability of deep grey matter is above this, that probability decides
SURELY_DEEP = 0.7
# probabilities beyond the placed template: fluid and cortex are equally likely, so the intensity decides
BEYOND = {"csf": 0.5, "grey": 0.5, "white": 0.0, "deep": 0.0}
LEAST_TEMPLATE = 1e-3
# width over which the intensity of the white matter around a lesion is averaged to fill it
FILL_SIGMA_MM = 6.0
# a tissue with less than this share of the brain has not been found
LEAST_SHARE = 0.02


def segment(
    t1w: Volume,
    brain: np.ndarray,
    priors: Mapping[str, np.ndarray],
    lesion: np.ndarray,
    *,
    prior_weight: float,
    iterations: int,
    smoothing: float,
    seed: int,
) -> np.ndarray:
    """Return CSF, grey and white matter of a brain: lesions filled, then Atropos with the template's probabilities.

    Parameters
    ----------
    t1w : Volume, bias-corrected T1w
    brain, lesion : arrays (x, y, z) of bool
    priors : dict of ``place_template``
    prior_weight, iterations, smoothing : see ``atropos``
    seed : int

    Returns
    -------
    array (x, y, z), uint8 : TISSUE_CODES, 0 outside the brain; lesions are white matter

    Raises
    ------
    InputError : a tissue is not found, or the contrast is not that of a T1w image
    """
    priors = _complete(priors, lesion)
    filled = fill_lesions(t1w.data, lesion, priors["white"], brain, t1w.voxel_size)
    labels = atropos(
        Volume(filled, t1w.affine),
        brain,
        list(priors.values()),
        weight=prior_weight,
        iterations=iterations,
        smoothing=smoothing,
        seed=seed,
    )
    names = list(priors)
    codes = np.array([0, *(TISSUE_CODES[CLASSES[name]] for name in names)], np.uint8)[labels]
    surely = (priors["deep"] > SURELY_DEEP) & (codes == TISSUE_CODES["white matter"])
    codes[surely] = TISSUE_CODES["grey matter"]
    codes[lesion & brain] = TISSUE_CODES["white matter"]
    check_tissue(codes, t1w)
    return codes


def check_tissue(codes: np.ndarray, t1w: Volume) -> None:
    """Raise an error if a tissue is missing, or if the tissues are not in the order of brightness of a T1w image.

    Raises
    ------
    InputError : one of these
    """
    name = t1w.path or "The T1w image"
    total = (codes > 0).sum()
    for tissue, code in TISSUE_CODES.items():
        share = (codes == code).sum() / max(total, 1)
        if share < LEAST_SHARE:
            raise InputError(
                f"{name}: {tissue} is {100 * share:.1f} % of the brain, expected at least "
                f"{100 * LEAST_SHARE:g} %; is this a T1-weighted image of a whole brain?"
            )
    fluid, grey, white = (np.median(t1w.data[codes == code]) for code in TISSUE_CODES.values())
    if not fluid < grey < white:
        raise InputError(
            f"{name}: the medians of CSF, grey and white matter are {fluid:.0f}, {grey:.0f} and {white:.0f}, "
            "expected increasing values; is this a T1-weighted image?"
        )


def fill_lesions(
    intensities: np.ndarray,
    lesion: np.ndarray,
    white_prior: np.ndarray,
    brain: np.ndarray,
    voxel_size: np.ndarray,
) -> np.ndarray:
    """Give lesion voxels the intensity of the white matter around them, so that Atropos sees white matter.

    Parameters
    ----------
    intensities : array (x, y, z)
    lesion, brain : arrays of bool
    white_prior : array, probability of white matter
    voxel_size : mm, (3,)

    Returns
    -------
    array like ``intensities``
    """
    white = ((white_prior > 0.8) & brain & ~lesion).astype(np.float32)
    if not (white.any() and lesion.any()):
        return intensities
    sigma = FILL_SIGMA_MM / voxel_size
    weight = gaussian_filter(white, sigma)
    local = gaussian_filter(white * intensities, sigma) / np.maximum(weight, 1e-6)
    overall = intensities[white > 0].mean()
    filled = intensities.copy()
    filled[lesion] = np.where(weight[lesion] > 1e-3, local[lesion], overall)
    return filled


def atropos(
    image: Volume,
    brain: np.ndarray,
    priors: Sequence[np.ndarray],
    *,
    weight: float,
    iterations: int,
    smoothing: float,
    seed: int,
) -> np.ndarray:
    """Return the classes of a brain's voxels by ANTs' Atropos, started from and weighted with probabilities.

    Parameters
    ----------
    image : Volume, intensities
    brain : array (x, y, z) of bool
    priors : list of arrays (x, y, z), one per class; they sum to 1
    weight : of the probabilities, 0 (they only start it) to 1
    iterations : rounds
    smoothing : weight of a voxel's neighbours (Markov random field)
    seed : int

    Returns
    -------
    array (x, y, z), uint8 : 1 for the first class, 0 outside the brain
    """
    make_repeatable(seed)
    # the probabilities pass through files, whose headers round the position of an oblique image, so that the grids no
    # longer match: all images here have no position
    spacing = image.voxel_size.astype(np.float32).astype(float).tolist()
    template = ants.from_numpy(np.ascontiguousarray(image.data, np.float32), spacing=spacing)
    labels = template.clone("unsigned int")
    with tempfile.TemporaryDirectory() as folder:
        for number, prior in enumerate(priors, start=1):
            path = f"{folder}/prior{number:02d}.nii"
            ants.image_write(template.new_image_like(np.ascontiguousarray(prior, np.float32)), path)
        arguments = {
            "d": 3,
            "a": template,
            "x": template.new_image_like(brain.astype(np.float32)).clone("unsigned int"),
            "i": f"PriorProbabilityImages[{len(priors)},{folder}/prior%02d.nii,{weight}]",
            "m": f"[{smoothing},1x1x1]",
            "c": f"[{iterations},0]",
            # all voxels at once, from the labels of the previous iteration: one after the other takes twice as long
            "g": "0",
            "r": 0,  # a constant seed; the default is one from the clock
            # only the labels: ants.atropos always writes, compresses and reads the probabilities, too
            "o": get_pointer_string(labels),
        }
        get_lib_fn("Atropos")(process_arguments(arguments))
    return labels.numpy().round().astype(np.uint8)


def _complete(priors: Mapping[str, np.ndarray], lesion: np.ndarray) -> dict[str, np.ndarray]:
    """Return probabilities that sum to 1 everywhere; in lesions, that of white matter is 1."""
    total = sum(priors.values())
    known = total > LEAST_TEMPLATE
    scale = np.where(known, 1 / np.maximum(total, LEAST_TEMPLATE), 0).astype(np.float32)
    complete = {name: np.where(known, priors[name] * scale, BEYOND[name]) for name in CLASSES}
    return {
        name: np.where(lesion, np.float32(name == "white"), prior).astype(np.float32)
        for name, prior in complete.items()
    }
