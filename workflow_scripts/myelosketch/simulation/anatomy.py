"""Anatomy of a simulated participant: the MNI152 tissues, mended, warped and sampled on the anatomy grid."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from myelosketch.errors import InputError
from myelosketch.simulation.fields import exponential, jacobian_determinant, smooth_field, stretch

# MNI world (mm) of the box that the anatomy grid covers: the brain of the template and 8 mm around it
BOX_LOW, BOX_HIGH = np.array([-82.0, -117.0, -80.0]), np.array([82.0, 84.0, 93.0])
TEMPLATE_BOX = (slice(22, 175), slice(22, 212), slice(0, 160))  # voxels of the template that hold brain
HEAD_CENTRE = np.array([0.0, -18.0, 8.0])
# deep nuclei, right side (centre, half axes; mm): what must not be taken for the false ring (ours)
DEEP_NUCLEI = (
    ((11, -18, 8), (9, 14, 9)),  # thalamus
    ((12, 14, 8), (6, 12, 9)),  # head of the caudate
    ((26, 3, 1), (8, 16, 11)),  # putamen and pallidum
)
FALSE_RING_MM = 4.0  # the average of many ventricles leaves a rim of false grey matter around them
SHARPNESS = 3.0  # one brain has sharper borders than the average of 152 (ours)
VELOCITY_STEP_MM = 4.0
MEAN_SCALE = 0.96  # the template is larger than the average brain
FRACTIONS = ("white", "cortex", "deep", "csf")


@dataclass(frozen=True)
class Anatomy:
    """Tissues of one participant on the anatomy grid."""

    fractions: dict  # arrays (x, y, z), float32: share of each of FRACTIONS; the sum is the brain's share
    tract: np.ndarray  # (x, y, z), coherence of the white matter before individual variation
    ventricle_distance: np.ndarray  # (x, y, z), mm to the lateral ventricles
    cortex_distance: np.ndarray  # (x, y, z), mm to the grey matter
    affine: np.ndarray  # (4, 4), voxel to anatomy world, mm
    displacement: np.ndarray  # (3, ...), mm, on a grid of VELOCITY_STEP_MM: anatomy world to template world
    voxel: float  # mm


@lru_cache(maxsize=1)
def template():
    """Mended tissue maps of the MNI152 template at 1 mm, the tract coherence and the lateral ventricles.

    Returns
    -------
    dict of arrays (x, y, z), float32: FRACTIONS, ``tract``, ``ventricle``, and ``wall``, the distance (mm) to
    the surface of the ventricles, positive outside
    affine : (4, 4)
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
    affine = np.asarray(images[0].affine, float)
    affine[:3, 3] += [box.start for box in TEMPLATE_BOX]
    brain = t1w > 0
    csf = np.where(brain, np.clip(1 - grey - white, 0, 1), 0)  # the template has no map of it
    grey, white = grey * brain, white * brain
    ventricle = _lateral_ventricles(csf, affine)
    wall = _wall_distance(ventricle)
    deep = _deep_nuclei(grey.shape, affine)
    ring = (wall < FALSE_RING_MM) & (deep < 0.5)
    white, grey = np.where(ring, white + grey, white), np.where(ring, 0, grey)
    nuclei = deep * (grey + 0.5 * white)  # the nuclei hold fibres that the template counts as white matter
    maps = {"white": white * (1 - 0.5 * deep), "cortex": grey * (1 - deep), "deep": nuclei, "csf": csf}
    maps |= {"tract": _tract_coherence(maps["white"], affine), "ventricle": ventricle, "wall": wall}
    return {name: array.astype(np.float32) for name, array in maps.items()}, affine


def _lateral_ventricles(csf, affine):
    """The two components of CSF beside the midline at the height of the lateral ventricles, as booleans."""
    labels, _ = ndimage.label(csf > 0.6)
    ventricle = np.zeros(csf.shape, bool)
    for side in (-14, 14):
        voxel = np.round(np.linalg.solve(affine, [side, -15, 14, 1])[:3]).astype(int)
        around = labels[tuple(slice(v - 8, v + 9) for v in voxel)]
        ventricle |= labels == np.bincount(around[around > 0]).argmax()
    return ventricle


def _wall_distance(ventricle):
    """Signed distance (mm) to the ventricles' surface, positive outside; measured at 2 mm, interpolated."""
    step = 2
    coarse = ventricle[::step, ::step, ::step]
    signed = ndimage.distance_transform_edt(~coarse, step) - ndimage.distance_transform_edt(coarse, step)
    return stretch(signed.astype(np.float32), step, ventricle.shape)


def _deep_nuclei(shape, affine):
    """Soft prior (0-1) of the deep grey nuclei, both sides."""
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


def _tract_coherence(white, affine):
    """Coherence of white matter by tract, 1 on average: callosum and deep parts high, crossings low (ours).

    The pattern of tracts is the same for all participants and nearly symmetric, as in life; it comes from a
    fixed random field, since no bundled atlas holds it.
    """
    depth = ndimage.gaussian_filter(white, 4.0, truncate=2.5)  # share of white matter in the neighbourhood
    x, y, z = np.ogrid[tuple(map(slice, white.shape))]
    x, y, z = (axis.astype(np.float32) + np.float32(affine[i, 3]) for i, axis in enumerate((x, y, z)))
    callosum = np.exp(-0.5 * (x / 10) ** 2) * ((y > -48) & (y < 42)) * ((z > -2) & (z < 36))
    field = smooth_field(white.shape, 1.0, 14.0, np.random.default_rng(152))
    tracts = 0.6 * (field + field[::-1]) / np.sqrt(2) + 0.5 * field
    score = 5 * depth + tracts + 2.2 * callosum
    inside = white > 0.8
    score = (score - score[inside].mean()) / score[inside].std()
    return np.clip(0.97 + 0.30 * score, 0.45, 2.0)


def build_anatomy(group, settings, rng):
    """Anatomy of one participant: the mended template under an own diffeomorphism.

    Parameters
    ----------
    group : MS or HC
    settings : completed settings of the simulation
    rng : numpy.random.Generator

    Returns
    -------
    Anatomy

    Raises
    ------
    InputError : the warp folds (``simulation.anatomy.warp_sd_mm`` too large)
    """
    voxel = settings["voxel_size_mm"]["anatomy"]
    maps, template_affine = template()
    shape, affine = _box_grid(voxel)
    displacement = _displacement(group, settings["anatomy"], rng)
    if jacobian_determinant(displacement / VELOCITY_STEP_MM).min() <= 0:
        raise InputError("simulation.anatomy.warp_sd_mm makes the anatomy fold: use a smaller value.")
    target = _template_voxels(shape, affine, displacement, voxel, template_affine)
    sampled = {name: _sample(maps[name], target, voxel) for name in (*FRACTIONS, "tract", "ventricle")}
    fractions = _sharpen({name: sampled[name] for name in FRACTIONS})
    ventricle = sampled["ventricle"] > 0.5
    grey = fractions["cortex"] + fractions["deep"] > 0.5
    return Anatomy(
        fractions=fractions,
        tract=sampled["tract"],
        ventricle_distance=ndimage.distance_transform_edt(~ventricle, voxel).astype(np.float32),
        cortex_distance=ndimage.distance_transform_edt(~grey, voxel).astype(np.float32),
        affine=affine,
        displacement=displacement,
        voxel=voxel,
    )


def _box_grid(voxel):
    """Grid over the box of the anatomy: shape and affine (RAS, axis aligned)."""
    shape = tuple(int(n) for n in np.ceil((BOX_HIGH - BOX_LOW) / voxel))
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = BOX_LOW + voxel / 2
    return shape, affine


def _displacement(group, settings, rng):
    """Displacement in mm from the participant's world to the template's, on a grid of VELOCITY_STEP_MM."""
    shape, affine = _box_grid(VELOCITY_STEP_MM)
    position = np.stack(np.meshgrid(*(np.arange(n) * VELOCITY_STEP_MM for n in shape), indexing="ij"))
    position = position + affine[:3, 3].reshape(3, 1, 1, 1)
    scale = MEAN_SCALE * np.exp(settings["brain_scale_sd"] * np.clip(rng.standard_normal(), -2.5, 2.5))
    velocity = -np.log(scale) * (position - HEAD_CENTRE.reshape(3, 1, 1, 1))
    for fwhm, share in ((60.0, 0.8), (28.0, 0.35)):
        sd = share * settings["warp_sd_mm"]
        velocity += np.stack([sd * smooth_field(shape, VELOCITY_STEP_MM, fwhm, rng) for _ in range(3)])
    growth = settings["ventricle_growth_mm"][group] + 0.6 * np.clip(rng.standard_normal(), -2, 2)
    velocity += growth * _towards_ventricles()
    return (exponential(velocity / VELOCITY_STEP_MM) * VELOCITY_STEP_MM).astype(np.float32)


@lru_cache(maxsize=1)
def _towards_ventricles():
    """Unit velocity that pulls template ventricles outward: strongest at their wall, gone 25 mm away."""
    shape, affine = _box_grid(VELOCITY_STEP_MM)
    maps, template_affine = template()
    step = 2  # mm; the field is smooth
    signed = ndimage.gaussian_filter(maps["wall"][::step, ::step, ::step], 3.0 / step)
    start = (affine[:3, 3] - template_affine[:3, 3]).reshape(3, 1, 1, 1)
    voxels = (np.indices(shape) * VELOCITY_STEP_MM + start) / step
    reach = np.exp(-0.5 * (np.maximum(signed, 0) / 10) ** 2)
    fields = [-reach * part for part in np.gradient(signed, step)]
    return np.stack([ndimage.map_coordinates(field, voxels, order=1, mode="nearest") for field in fields])


def _template_voxels(shape, affine, displacement, voxel, template_affine):
    """Template voxel coordinates (3, x, y, z) of every voxel of the anatomy grid."""
    factor = VELOCITY_STEP_MM / voxel
    offset = (voxel - VELOCITY_STEP_MM) / 2 / VELOCITY_STEP_MM  # the two grids share a corner
    target = np.empty((3, *shape), np.float32)
    for axis in range(3):
        fine = stretch(displacement[axis], factor, shape, offset)
        along = np.arange(shape[axis]) * voxel + affine[axis, 3] - template_affine[axis, 3]
        target[axis] = fine + along.reshape([-1 if i == axis else 1 for i in range(3)])
    return target


def _sample(array, target, voxel):
    """Template map at the given template voxels, after averaging over the coarser voxel."""
    sigma = np.sqrt(max(voxel**2 - 1, 0) / 12)
    smooth = ndimage.gaussian_filter(array, sigma) if sigma > 0.4 else array  # less would change nothing
    return ndimage.map_coordinates(smooth, target, order=1, mode="constant")


def _sharpen(fractions):
    """Tissue shares raised to SHARPNESS and scaled back to the brain's share of the voxel."""
    brain = np.clip(sum(fractions.values()), 0, 1)
    powered = {name: values**SHARPNESS for name, values in fractions.items()}
    total = sum(powered.values())
    scale = np.where(total > 1e-6, brain / np.maximum(total, 1e-6), 0).astype(np.float32)
    return {name: values * scale for name, values in powered.items()}
