"""Anatomy of a simulated participant: the corrected template, warped for this participant, on the anatomy grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.errors import InputError
from myelosketch.simulation.fields import exponential, jacobian, jacobian_determinant, smooth_field, stretch
from myelosketch.simulation.template import FRACTIONS, template
from myelosketch.simulation.tracts import GRID_MM, orientation_field, template_tracts

# corners, in MNI space (mm), of the box that the anatomy grid covers: the template's brain with 8 mm around it
BOX_LOW, BOX_HIGH = np.array([-82.0, -117.0, -80.0]), np.array([82.0, 84.0, 93.0])
HEAD_CENTRE = np.array([0.0, -18.0, 8.0])
SHARPNESS = 3.0  # one brain has sharper borders than the average of 152 (assumed)
VELOCITY_STEP_MM = 4.0
MEAN_SCALE = 0.96  # the template is larger than the average brain
# how far the wall of the ventricles is outside the template's, mm: mean and SD over participants (assumed). The
# lateral ventricles of adults hold about 15-25 mL; those of the scaled template hold 13 mL.
VENTRICLE_WALL_MM = (0.7, 0.7)
ORIENTED = 0.02  # a voxel with a smaller share of white matter has no fibre direction


@dataclass(frozen=True)
class Anatomy:
    """Tissues of one participant on the anatomy grid."""

    # arrays (x, y, z), float32, by name of FRACTIONS: share of the voxel; their sum is the brain's share
    fractions: dict[str, np.ndarray]
    tract: np.ndarray  # (x, y, z), coherence of the white matter before individual variation, mean about 1
    # (x, y, z), DVR that healthy myelin of the tract adds to that of average white matter
    binding: np.ndarray
    ventricle_distance: np.ndarray  # (x, y, z), mm to the lateral ventricles
    cortex_distance: np.ndarray  # (x, y, z), mm to the grey matter
    affine: np.ndarray  # (4, 4), voxel to anatomy world, mm
    displacement: np.ndarray  # (3, ...), mm, on a grid of VELOCITY_STEP_MM: anatomy world to template world
    voxel: float  # mm

    @cached_property
    def orientation(self) -> np.ndarray:
        """Main fibre direction: array (3, x, y, z), float32, unit vectors in the anatomy world (RAS).

        The sign is arbitrary. Voxels without white matter have 0. The array is computed at its first use.
        """
        shape = self.tract.shape
        where = np.nonzero(self.fractions["white"] > ORIENTED)
        _, template_affine = template()
        target = _template_voxels(shape, self.affine, self.displacement, self.voxel, template_affine)
        gradient = jacobian(self.displacement / VELOCITY_STEP_MM)
        coarse = (np.stack(where) + 0.5) * self.voxel / VELOCITY_STEP_MM - 0.5  # the two grids share a corner
        local = np.empty((len(where[0]), 3, 3), np.float32)
        for i, j in product(range(3), range(3)):
            local[:, i, j] = ndimage.map_coordinates(gradient[..., i, j], coarse, order=1, mode="nearest")
        result = np.zeros((3, *shape), np.float32)
        voxels: tuple[slice | np.ndarray, ...] = (slice(None), *where)
        result[voxels] = orientation_field(target[voxels], local)
        return result


def build_anatomy(group: str, settings: Mapping[str, Any], rng: np.random.Generator) -> Anatomy:
    """Return the anatomy of one participant: the corrected template under a random diffeomorphism.

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
    shape, affine = box_grid(voxel)
    displacement = _displacement(group, settings["anatomy"], rng)
    if jacobian_determinant(displacement / VELOCITY_STEP_MM).min() <= 0:
        raise InputError("simulation.anatomy.warp_sd_mm makes the anatomy fold: use a smaller value.")
    target = _template_voxels(shape, affine, displacement, voxel, template_affine)
    ventricle = ndimage.map_coordinates(maps["ventricle"], target, order=1, mode="constant") > 0.5
    fractions = _sampled_fractions(maps, target)
    grey = fractions["cortex"] + fractions["deep"] > 0.5
    _, coherence, binding = template_tracts()
    return Anatomy(
        fractions=fractions,
        tract=ndimage.map_coordinates(coherence, target / GRID_MM, order=1, mode="nearest"),
        binding=ndimage.map_coordinates(binding, target / GRID_MM, order=1, mode="nearest"),
        ventricle_distance=ndimage.distance_transform_edt(~ventricle, voxel).astype(np.float32),
        cortex_distance=ndimage.distance_transform_edt(~grey, voxel).astype(np.float32),
        affine=affine,
        displacement=displacement,
        voxel=voxel,
    )


def box_grid(voxel: float) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the shape and the affine (RAS, axis aligned) of a grid over the box of the anatomy."""
    shape = tuple(int(n) for n in np.ceil((BOX_HIGH - BOX_LOW) / voxel))
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = BOX_LOW + voxel / 2
    return shape, affine


def _displacement(group: str, settings: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Return the displacement (mm) from the participant's world to the template's, on a grid of VELOCITY_STEP_MM."""
    shape, affine = box_grid(VELOCITY_STEP_MM)
    position = np.stack(np.meshgrid(*(np.arange(n) * VELOCITY_STEP_MM for n in shape), indexing="ij"))
    position = position + affine[:3, 3].reshape(3, 1, 1, 1)
    scale = MEAN_SCALE * np.exp(settings["brain_scale_sd"] * np.clip(rng.standard_normal(), -2.5, 2.5))
    velocity = -np.log(scale) * (position - HEAD_CENTRE.reshape(3, 1, 1, 1))
    for fwhm, share in ((60.0, 0.8), (28.0, 0.35)):
        sd = share * settings["warp_sd_mm"]
        velocity += np.stack([sd * smooth_field(shape, VELOCITY_STEP_MM, fwhm, rng) for _ in range(3)])
    mean, sd = VENTRICLE_WALL_MM
    growth = settings["ventricle_growth_mm"][group] + mean + sd * np.clip(rng.standard_normal(), -2, 2)
    velocity += growth * _towards_ventricles()
    return (exponential(velocity / VELOCITY_STEP_MM) * VELOCITY_STEP_MM).astype(np.float32)


@lru_cache(maxsize=1)
def _towards_ventricles() -> np.ndarray:
    """Return the unit velocity that enlarges the ventricles: full at their wall, nearly 0 at 25 mm from it."""
    shape, affine = box_grid(VELOCITY_STEP_MM)
    maps, template_affine = template()
    step = 2  # mm; the field is smooth
    signed = ndimage.gaussian_filter(maps["wall"][::step, ::step, ::step], 3.0 / step)
    start = (affine[:3, 3] - template_affine[:3, 3]).reshape(3, 1, 1, 1)
    voxels = (np.indices(shape) * VELOCITY_STEP_MM + start) / step
    reach = np.exp(-0.5 * (np.maximum(signed, 0) / 10) ** 2)
    fields = [-reach * part for part in np.gradient(signed, step)]
    return np.stack([ndimage.map_coordinates(field, voxels, order=1, mode="nearest") for field in fields])


def _template_voxels(
    shape: Sequence[int],
    affine: np.ndarray,
    displacement: np.ndarray,
    voxel: float,
    template_affine: np.ndarray,
) -> np.ndarray:
    """Return the template voxel coordinates (3, x, y, z) of every voxel of the anatomy grid."""
    factor = VELOCITY_STEP_MM / voxel
    offset = (voxel - VELOCITY_STEP_MM) / 2 / VELOCITY_STEP_MM  # the two grids share a corner
    target = np.empty((3, *shape), np.float32)
    for axis in range(3):
        fine = stretch(displacement[axis], factor, shape, offset)
        along = np.arange(shape[axis]) * voxel + affine[axis, 3] - template_affine[axis, 3]
        target[axis] = fine + along.reshape([-1 if i == axis else 1 for i in range(3)])
    return target


def _sampled_fractions(maps: Mapping[str, np.ndarray], target: np.ndarray) -> dict[str, np.ndarray]:
    """Return the share of each tissue in every voxel: the mean of the sharpened shares at eight places in the voxel.

    Parameters
    ----------
    maps : dict of template maps
    target : array (3, x, y, z), template voxel coordinates of the voxels' centres

    Returns
    -------
    dict of arrays (x, y, z), float32
    """
    brain = sum(maps[name] for name in FRACTIONS) > 0
    spread = np.abs(np.diff(target[0], axis=0)).max()  # template voxels that one voxel of the grid spans
    near = ndimage.binary_dilation(brain, iterations=int(np.ceil(spread)))
    inside = ndimage.map_coordinates(near.astype(np.float32), target, order=0, mode="constant") > 0
    centre = target[:, inside]
    steps = [np.stack([np.gradient(part, axis=axis)[inside] for part in target]) / 4 for axis in range(3)]
    total: dict[str, float | np.ndarray] = dict.fromkeys(FRACTIONS, 0.0)
    for signs in product((-1, 1), repeat=3):
        place = centre + sum(sign * step for sign, step in zip(signs, steps, strict=True))
        sampled = {
            name: ndimage.map_coordinates(maps[name], place, order=1, mode="constant") for name in FRACTIONS
        }
        total = {name: total[name] + values for name, values in _sharpen(sampled).items()}
    fractions = {name: np.zeros(inside.shape, np.float32) for name in FRACTIONS}
    for name, values in total.items():
        fractions[name][inside] = values / 8
    return fractions


def _sharpen(fractions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tissue shares to the power SHARPNESS, scaled back to the brain's share of the voxel."""
    brain = np.clip(sum(fractions.values()), 0, 1)
    powered = {name: values**SHARPNESS for name, values in fractions.items()}
    total = sum(powered.values())
    scale = np.where(total > 1e-6, brain / np.maximum(total, 1e-6), 0).astype(np.float32)
    return {name: values * scale for name, values in powered.items()}
