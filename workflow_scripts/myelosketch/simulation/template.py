"""The MNI152 template's tissues at 1 mm, corrected so that a participant's anatomy can be sampled from them."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import ndimage

from myelosketch.simulation.fields import stretch

TEMPLATE_BOX = (slice(22, 175), slice(22, 212), slice(0, 160))  # voxels of the template that hold brain
# deep nuclei of the right side (centre and half axes, mm), which are no part of the false ring (assumed): thalamus,
# head of the caudate, putamen with pallidum
DEEP_NUCLEI = (
    ((11, -18, 8), (9, 14, 9)),
    ((12, 14, 8), (6, 12, 9)),
    ((26, 3, 1), (8, 16, 11)),
)
FALSE_RING_MM = 4.0  # the average of many ventricles leaves a rim of false grey matter around them
FRACTIONS = ("white", "cortex", "deep", "csf")


@lru_cache(maxsize=1)
def template() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the corrected tissue maps of the MNI152 template (symmetric 2009a, from nilearn) at 1 mm.

    Returns
    -------
    maps : dict of arrays (x, y, z), float32: FRACTIONS (shares, 0-1), ``ventricle`` (lateral ventricles, 0 or 1) and
        ``wall``, the distance (mm) to the surface of the ventricles, positive outside
    affine : (4, 4), voxel to MNI world, mm
    """
    from nilearn import datasets

    images = [
        load(resolution=1)
        for load in (
            datasets.load_mni152_template,
            datasets.load_mni152_gm_template,
            datasets.load_mni152_wm_template,
        )
    ]
    t1w, grey, white = (image.get_fdata(dtype=np.float32)[TEMPLATE_BOX] for image in images)
    affine = np.array(images[0].affine, float)  # a copy: nilearn returns the same image to every caller
    affine[:3, 3] += [box.start for box in TEMPLATE_BOX]
    brain = t1w > 0
    csf = np.where(brain, np.clip(1 - grey - white, 0, 1), 0)  # the template has no CSF map
    grey, white = grey * brain, white * brain
    ventricle = _lateral_ventricles(csf, affine)
    wall = _wall_distance(ventricle)
    deep = _deep_nuclei(grey.shape, affine)
    ring = (wall < FALSE_RING_MM) & (deep < 0.5)
    white, grey = np.where(ring, white + grey, white), np.where(ring, 0, grey)
    nuclei = deep * (grey + 0.5 * white)  # the nuclei hold fibres that the template counts as white matter
    maps = {"white": white * (1 - 0.5 * deep), "cortex": grey * (1 - deep), "deep": nuclei, "csf": csf}
    maps |= {"ventricle": ventricle, "wall": wall}
    return {name: array.astype(np.float32) for name, array in maps.items()}, affine


def _lateral_ventricles(csf: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return the lateral ventricles, as booleans: two components of CSF, one on each side of the midline."""
    labels, _ = ndimage.label(csf > 0.6)
    ventricle = np.zeros(csf.shape, bool)
    for side in (-14, 14):
        voxel = np.round(np.linalg.solve(affine, [side, -15, 14, 1])[:3]).astype(int)
        around = labels[tuple(slice(v - 8, v + 9) for v in voxel)]
        ventricle |= labels == np.bincount(around[around > 0]).argmax()
    return ventricle


def _wall_distance(ventricle: np.ndarray) -> np.ndarray:
    """Return the signed distance (mm) to the ventricles' surface, positive outside, interpolated from a 2 mm grid."""
    step = 2
    coarse = ventricle[::step, ::step, ::step]
    signed = ndimage.distance_transform_edt(~coarse, step) - ndimage.distance_transform_edt(coarse, step)
    return stretch(signed.astype(np.float32), step, ventricle.shape)


def _deep_nuclei(shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """Return the soft prior (0-1) of the deep grey nuclei of both sides."""
    world = [
        axis.astype(np.float32) + np.float32(affine[i, 3])
        for i, axis in enumerate(np.ogrid[tuple(map(slice, shape))])
    ]
    prior = np.zeros(shape, np.float32)
    for centre, half in DEEP_NUCLEI:
        for side in (-1, 1):
            offset = (world[0] - side * centre[0], world[1] - centre[1], world[2] - centre[2])
            radius = sum((o / h) ** 2 for o, h in zip(offset, half, strict=True)) ** 0.5
            prior = np.maximum(prior, np.clip((1.15 - radius) / 0.3, 0, 1).astype(np.float32))
    return prior
