"""Brain, grey matter, white matter and CSF from the T1w image, in its own space."""

import ants
import numpy as np
from scipy.ndimage import binary_closing, binary_fill_holes, gaussian_filter, label

from myelosketch.errors import InputError
from myelosketch.imaging.itk import from_ants, make_repeatable, register, to_ants
from myelosketch.imaging.resampling import content_box, crop
from myelosketch.provenance import provenance
from myelosketch.volumes import Volume, check_same_grid, load_volume, save_volume

TISSUE_CODES = {"CSF": 1, "grey matter": 2, "white matter": 3}
# the template brain mask, affinely placed, misses rims of a differently shaped head
MASK_MARGIN_MM = 3.0
# the affine only places tissue priors
AFFINE_FINEST_MM = 4.0
# width over which white-matter intensity is taken to fill a lesion
FILL_SIGMA_MM = 6.0


def segment_tissue(t1w, lesion_mask, outputs, *, prior_weight, iterations, smoothing, sampling, seed):
    """Segment one T1w image: N4, affine place of the MNI152 template, lesion filling, Atropos with priors.

    Parameters
    ----------
    t1w : path
    lesion_mask : path on the grid of ``t1w``, or None
    outputs : dict with the paths ``t1w`` (bias-corrected), ``brain``, ``tissue`` (1 CSF, 2 grey, 3 white) and
        ``xfm_t1w_to_mni``
    prior_weight : weight of the template's tissue probabilities in Atropos, 0-1
    iterations : int, rounds of Atropos
    smoothing : weight of Atropos' Markov random field
    sampling : share of voxels used by the registration metric
    seed : int

    Raises
    ------
    InputError : no brain is found, or a tissue class stays empty
    GeometryError : the lesion mask lies on another grid than the T1w image
    """
    make_repeatable(seed)
    whole = load_volume(t1w)
    box = content_box(whole)
    head = crop(whole, box)
    lesion = np.zeros(head.shape, bool)
    if lesion_mask:
        mask = load_volume(lesion_mask)
        check_same_grid(whole, mask)
        lesion = mask.data[box] > 0
    template, priors = load_template()
    corrected = correct_bias(head)
    settings = {"kind": "Affine", "metric": "mattes", "sampling": sampling, "seed": seed}
    register(template, corrected, outputs["xfm_t1w_to_mni"], finest_mm=AFFINE_FINEST_MM, **settings)
    priors = [_to_t1w(prior, corrected, outputs["xfm_t1w_to_mni"]) for prior in priors]
    brain = brain_mask(corrected.numpy(), sum(priors), head.voxel_size)
    filled = fill_lesions(corrected.numpy(), lesion, priors[2], brain, head.voxel_size)
    tissue = atropos(
        corrected.new_image_like(filled),
        brain,
        priors,
        weight=prior_weight,
        iterations=iterations,
        smoothing=smoothing,
    )
    tissue[lesion & brain] = TISSUE_CODES["white matter"]
    empty = [name for name, code in TISSUE_CODES.items() if not (tissue == code).any()]
    if empty:
        raise InputError(f"{t1w}: no {empty[0]} was found; is this a T1-weighted image of a whole head?")
    parameters = {
        "prior_weight": prior_weight,
        "iterations": iterations,
        "smoothing": smoothing,
        "seed": seed,
    }
    sidecar = provenance(sources=[t1w, *([lesion_mask] if lesion_mask else [])], parameters=parameters)
    labels = {"Labels": TISSUE_CODES}
    for key, data, extra in (
        ("t1w", corrected.numpy(), {}),
        ("brain", brain, {}),
        ("tissue", tissue, labels),
    ):
        full = np.zeros(whole.shape, data.dtype)
        full[box] = data
        save_volume(outputs[key], full, whole.affine, sidecar=sidecar | extra)


def correct_bias(head):
    """N4 on a scale of about 0-1000, so that no later step depends on the scanner's units.

    Parameters
    ----------
    head : Volume, T1w

    Returns
    -------
    ANTsImage
    """
    positive = head.data[head.data > 0]
    top = np.percentile(positive, 99) if positive.size else 1.0
    image = to_ants(Volume(np.clip(head.data, 0, None) * (1000.0 / top), head.affine, head.path))
    # a comparison of images gives bytes, which N4 would read as floats, beyond their end
    mask = image.new_image_like((image.numpy() > 100).astype(np.float32))
    return ants.n4_bias_field_correction(
        image, mask=mask, shrink_factor=4, convergence={"iters": [30, 20, 10], "tol": 1e-6}
    )


def load_template():
    """MNI152 T1w (brain only) and its CSF, grey and white probabilities, 2 mm, from nilearn's wheel.

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

    def load(loader):
        image = loader(resolution=2)
        return Volume(np.asarray(image.dataobj, np.float32), np.asarray(image.affine, float))

    brain = load(load_mni152_brain_mask)
    grey, white = load(load_mni152_gm_template), load(load_mni152_wm_template)
    csf = Volume(np.clip(brain.data - grey.data - white.data, 0, 1), brain.affine)
    return to_ants(load(load_mni152_template)), [to_ants(prior) for prior in (csf, grey, white)]


def brain_mask(intensities, prior, voxel_size):
    """Brain of a T1w image, with or without its skull: the template's brain and a margin, where there is signal.

    Parameters
    ----------
    intensities : array (x, y, z), bias-corrected T1w
    prior : array, the template's brain probability on the same grid
    voxel_size : mm, (3,)

    Returns
    -------
    array of bool, one component without holes

    Raises
    ------
    InputError : nothing is left
    """
    core = prior > 0.5
    if not core.any():
        raise InputError(
            "The template's brain does not meet the T1w image: is its affine right, is it a head?"
        )
    near = gaussian_filter(core.astype(np.float32), MASK_MARGIN_MM / voxel_size) > 0.1
    brain = near & (intensities > 0.15 * np.median(intensities[core]))
    brain = binary_fill_holes(binary_closing(brain, iterations=1))
    parts, count = label(brain)
    if count == 0:
        raise InputError("No brain was found in the T1w image: is its affine right, is it a head?")
    return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])


def fill_lesions(intensities, lesion, white_prior, brain, voxel_size):
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


def _to_t1w(prior, t1w, t1w_to_mni):
    return ants.apply_transforms(
        fixed=t1w, moving=prior, transformlist=[str(t1w_to_mni)], whichtoinvert=[True], interpolator="linear"
    ).numpy()


def atropos(image, brain, priors, *, weight, iterations, smoothing):
    """Tissue of a brain by ANTs' Atropos, started from and weighted with the priors.

    Parameters
    ----------
    image : ANTsImage, intensities
    brain : array (x, y, z) of bool
    priors : list of arrays (x, y, z), one per tissue in the order of TISSUE_CODES
    weight, iterations, smoothing : see ``segment_tissue``

    Returns
    -------
    array (x, y, z), uint8 : TISSUE_CODES, 0 outside the brain
    """
    total = np.maximum(sum(priors), 1e-6)
    images = [image.new_image_like((prior / total).astype(np.float32)) for prior in priors]
    mask = image.new_image_like(brain.astype(np.float32))
    result = ants.atropos(
        a=image,
        x=mask,
        i=images,
        m=f"[{smoothing},1x1x1]",
        c=f"[{iterations},0]",
        priorweight=weight,
        r=0,  # a constant seed; the default is one from the clock
    )
    return from_ants(result["segmentation"]).data.round().astype(np.uint8)
