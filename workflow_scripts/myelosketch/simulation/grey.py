"""Grey matter of one participant: levels of cortex and deep nuclei, and smooth textures within them (assumed).

Cortex is the reference of the DVR, so its mean is 1 in everyone; deep nuclei have levels of their own. One texture is
of myelin: MTR, diffusion and DVR follow it. Another one is of DVR alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.simulation.fields import FWHM_TO_SIGMA, smooth_field
from myelosketch.simulation.physics import PHYSICS, TISSUES, Physics

GREY = ("cortex", "deep")
MAPS = ("AD", "RD", "MTR", "DVR")
# SD between participants (RD and AD 1e-3 mm2/s, MTR percent); cortex is the reference of the DVR
BETWEEN = {
    "cortex": {"AD": 0.012, "RD": 0.012, "MTR": 0.5, "DVR": 0.0},
    "deep": {"AD": 0.02, "RD": 0.02, "MTR": 0.8, "DVR": 0.035},
}
# what one SD of the texture of myelin adds to each map; SD of the texture of DVR alone, and the width of both, mm
WITHIN = {"AD": -0.015, "RD": -0.025, "MTR": 0.9, "DVR": 0.03}
WITHIN_UNSEEN_DVR = 0.03
WITHIN_FWHM_MM = 14.0
REFERENCE_ML, PURITY_FWHM_MM = (
    20.0,
    4.0,
)  # purest cortex: the reference region, and the blur that it is found after
LARGEST_DRAW = 2.5  # a level is drawn no further out, in SD


def grey_matter(
    fractions: Mapping[str, np.ndarray], voxel: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw one participant's grey matter.

    Parameters
    ----------
    fractions : dict of arrays (x, y, z): ``cortex`` is used
    voxel : voxel side, mm
    rng : numpy.random.Generator

    Returns
    -------
    dict : ``levels``, tissue of GREY to map of MAPS to its shift; ``myelin`` and ``unseen``, textures (x, y, z),
        float32, of mean 0 over the purest cortex
    """
    levels = {
        tissue: {name: sd * float(_bounded(rng)) for name, sd in BETWEEN[tissue].items()} for tissue in GREY
    }
    cortex = fractions["cortex"]
    textures = [smooth_field(cortex.shape, voxel, WITHIN_FWHM_MM, rng) for _ in range(2)]
    # of the DVR's reference region, where the DVR is 1 whatever the texture
    purity = ndimage.gaussian_filter(cortex, PURITY_FWHM_MM * FWHM_TO_SIGMA / voxel)
    wanted = max(1, round(REFERENCE_ML * 1000 / voxel**3))
    reference = purity >= np.partition(purity.ravel(), -wanted)[-wanted]
    centred = [field - field[reference].mean() for field in textures]
    return {"levels": levels, "myelin": centred[0], "unseen": centred[1]}


def tissue_values(
    grey: Mapping[str, Any] | None = None, physics: Physics = PHYSICS
) -> dict[str, dict[str, Any]]:
    """Values of every tissue but white matter, as ``physics.TISSUES``, those of grey matter voxel by voxel.

    Parameters
    ----------
    grey : dict of :func:`grey_matter`; None gives the usual values, the same everywhere
    physics : coefficients of white matter, which the other tissues follow (see :func:`_following`)

    Returns
    -------
    dict, tissue to a dict of float or array (x, y, z), float32
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
    """Return how a tissue without latents differs from its usual values where white matter does (assumed).

    The pulse scales every MTR. Grey matter holds a share of what white matter's myelin and axons add to the MTR,
    has the same base, diffuses in proportion to white matter, and deep nuclei bind by myelin beyond the reference.

    Returns
    -------
    dict : name of MAPS to factor (1 for usual coefficients) and shift before it (0)
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
    """Return part of the grey matter's DVR that leaves no trace in MRI, times its share: array (x, y, z)."""
    return np.float32(WITHIN_UNSEEN_DVR) * grey["unseen"] * sum(fractions[tissue] for tissue in GREY)


def _bounded(rng: np.random.Generator) -> float:
    return float(np.clip(rng.standard_normal(), -LARGEST_DRAW, LARGEST_DRAW))
