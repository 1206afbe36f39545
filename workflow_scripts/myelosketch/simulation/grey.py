"""Grey matter of one participant: levels of cortex and deep nuclei, and smooth textures within them (assumed).

Cortex is the reference of the DVR, so its mean DVR is 1 in everyone. Deep nuclei have their own levels. There are two
textures. One is of myelin, and MTR, diffusion and DVR follow it. The other affects the DVR alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.simulation.fields import FWHM_TO_SIGMA, smooth_field
from myelosketch.simulation.physics import PHYSICS, TISSUES, Physics

GREY = ("cortex", "deep")
MAPS = ("AD", "RD", "MTR", "DVR")
# SD between participants (RD and AD in 1e-3 mm2/s, MTR in percent); cortex is the reference of the DVR
BETWEEN = {
    "cortex": {"AD": 0.012, "RD": 0.012, "MTR": 0.5, "DVR": 0.0},
    "deep": {"AD": 0.02, "RD": 0.02, "MTR": 0.8, "DVR": 0.035},
}
# what one SD of the texture of myelin adds to each map
WITHIN = {"AD": -0.015, "RD": -0.025, "MTR": 0.9, "DVR": 0.03}
WITHIN_UNSEEN_DVR = 0.03  # SD of the texture that affects the DVR alone
WITHIN_FWHM_MM = 14.0  # width of both textures
# volume of the reference region, which is the purest cortex, and the blur before it is found
REFERENCE_ML, PURITY_FWHM_MM = 20.0, 4.0
LARGEST_DRAW = 2.5  # limit of a level's draw, in SD


def grey_matter(
    fractions: Mapping[str, np.ndarray], voxel: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw one participant's grey matter.

    Parameters
    ----------
    fractions : dict of arrays (x, y, z), with ``cortex``
    voxel : voxel side, mm
    rng : numpy.random.Generator

    Returns
    -------
    dict : ``levels``, for each tissue of GREY a dict of shifts by map of MAPS; ``myelin`` and ``unseen``, textures
        (x, y, z), float32, of mean 0 over the purest cortex
    """
    levels = {
        tissue: {name: sd * float(_bounded(rng)) for name, sd in BETWEEN[tissue].items()} for tissue in GREY
    }
    cortex = fractions["cortex"]
    textures = [smooth_field(cortex.shape, voxel, WITHIN_FWHM_MM, rng) for _ in range(2)]
    # the textures have mean 0 over the reference region, so the DVR is 1 there
    purity = ndimage.gaussian_filter(cortex, PURITY_FWHM_MM * FWHM_TO_SIGMA / voxel)
    wanted = max(1, round(REFERENCE_ML * 1000 / voxel**3))
    reference = purity >= np.partition(purity.ravel(), -wanted)[-wanted]
    centred = [field - field[reference].mean() for field in textures]
    return {"levels": levels, "myelin": centred[0], "unseen": centred[1]}


def tissue_values(
    grey: Mapping[str, Any] | None = None, physics: Physics = PHYSICS
) -> dict[str, dict[str, Any]]:
    """Return the values of every tissue but white matter, in the form of ``physics.TISSUES``.

    Those of grey matter are given voxel by voxel.

    Parameters
    ----------
    grey : dict of :func:`grey_matter`; None gives the usual values in every voxel
    physics : coefficients of white matter, which the other tissues follow (see :func:`_following`)

    Returns
    -------
    dict : for each tissue a dict of float or array (x, y, z), float32
    """
    result: dict[str, dict[str, Any]] = {}
    for tissue, values in TISSUES.items():
        result[tissue] = dict(values)
        for name, (factor, shift) in _following(tissue, physics).items():
            value: Any = values[name] + shift
            if grey is not None and tissue in GREY:
                level = grey["levels"][tissue][name]
                value = np.float32(value + level) + np.float32(WITHIN[name]) * grey["myelin"]
            result[tissue][name] = value * factor
    return result


def _following(tissue: str, physics: Physics) -> dict[str, tuple[float, float]]:
    """Return how a tissue without latents follows changed coefficients of white matter (assumed).

    The pulse scales every MTR. The MTR of grey matter has the base of white matter and a share of what myelin and
    axons add there. Its diffusivities are proportional to the mean diffusivity of white matter. The DVR of deep
    nuclei above the reference is proportional to the binding of myelin.

    Returns
    -------
    dict : for each name of MAPS a factor (usually 1) and the shift that is added before it (usually 0)
    """
    if tissue not in GREY:
        return {"MTR": (physics.mtr_scale, 0.0)}
    usual = TISSUES[tissue]
    myelin, axons = physics.mtr_myelin - PHYSICS.mtr_myelin, physics.mtr_axons - PHYSICS.mtr_axons
    share = (usual["MTR"] - PHYSICS.mtr_base) / (PHYSICS.mtr_myelin + PHYSICS.mtr_axons)
    diffusion = physics.mean_diffusivity / PHYSICS.mean_diffusivity
    bound = (usual["DVR"] - 1) * (physics.dvr_myelin / PHYSICS.dvr_myelin - 1)
    return {
        "AD": (diffusion, 0.0),
        "RD": (diffusion, 0.0),
        "MTR": (physics.mtr_scale, physics.mtr_base - PHYSICS.mtr_base + share * (myelin + axons)),
        "DVR": (1.0, bound),
    }


def unseen_dvr(grey: Mapping[str, Any], fractions: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the part of grey matter's DVR that leaves no trace in MRI, times its share: array (x, y, z)."""
    return np.float32(WITHIN_UNSEEN_DVR) * grey["unseen"] * sum(fractions[tissue] for tissue in GREY)


def _bounded(rng: np.random.Generator) -> float:
    return float(np.clip(rng.standard_normal(), -LARGEST_DRAW, LARGEST_DRAW))
