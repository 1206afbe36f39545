"""Find white-matter lesions on FLAIR by thresholds against grey matter: a classical method, with its limits.

After the idea of Roura et al. (Neuroradiology 2015, the SLS toolbox): a lesion is brighter than grey matter by some
standard deviations, and is in white matter. The rest is our choice: a bias field from white matter, two thresholds
(hysteresis), and guards at the ventricles and at the cortex. docs/method.md names what it misses.
"""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, label, map_coordinates

from myelosketch.errors import InputError

TOUCHING = np.ones((3, 3, 3), bool)
CSF, GREY, WHITE = 1, 2, 3  # codes of the tissue map
MAD_TO_SD = 1.4826
# the bias field varies over this width; it is computed on voxels of about COARSE_MM
BIAS_MM, COARSE_MM, BIAS_ROUNDS, BIAS_CUT_SD = 25.0, 3.0, 3, 2.5
# a voxel that the template calls white rather than grey matter counts as white matter, whatever tissue the T1w
# segmentation gives to a lesion there
LIKELY = 0.5
# fluid this deep in the brain and this large is a ventricle
VENTRICLE_DEPTH_MM, VENTRICLE_MM3 = 15.0, 500.0
# inside the rim of the ventricles, a lesion reaches this many widths of the rim beyond its part outside the rim
RIM_REACH = 1.5
# of the normal tissue within this distance of a lesion, at least this share must be white matter: bright cortex fails
AROUND_MM, WHITE_AROUND = 3.0, 0.5
# large, confluent lesions need not pass this test, because they may touch the cortex along their whole length
LARGE_MM3 = 1000.0


def find_lesions(
    flair: np.ndarray,
    tissue: np.ndarray,
    priors: Mapping[str, np.ndarray],
    voxel_size: np.ndarray,
    *,
    seed_sd: float,
    grow_sd: float,
    min_mm3: float,
    rim_mm: float,
) -> np.ndarray:
    """Return the lesions of white matter that are bright on FLAIR.

    Parameters
    ----------
    flair : array (x, y, z), any unit, on the T1w grid; with or without skull, with its bias field
    tissue : array (x, y, z) of codes from T1w: 0 outside the brain, 1 CSF, 2 grey, 3 white matter; lesions may have
        any of the codes above 0
    priors : dict of arrays (x, y, z), 0-1: ``csf``, ``grey``, ``white`` of the template
    voxel_size : mm, (3,)
    seed_sd : a lesion has a voxel outside the rim of the ventricles that is brighter than the median of grey matter
        by this many robust standard deviations
    grow_sd : a lesion consists of connected voxels that are brighter by this many
    min_mm3 : smallest lesion, mm3
    rim_mm : thickness of the rim of the ventricles, mm, where white matter is bright in healthy people too

    Returns
    -------
    array (x, y, z) of bool; it may be False everywhere

    Raises
    ------
    InputError : the FLAIR shows no contrast within the grey matter; or ``grow_sd`` is above ``seed_sd``
    """
    if grow_sd > seed_sd:
        raise InputError(
            f"lesions.flair.grow_sd is {grow_sd:g}, expected at most seed_sd ({seed_sd:g}): lower it, or raise "
            "seed_sd."
        )
    box = _brain_box(tissue)
    tissue, voxel_size = np.asarray(tissue)[box], np.asarray(voxel_size, float)
    csf, grey, white = (np.asarray(priors[name], np.float32)[box] for name in ("csf", "grey", "white"))
    flat = remove_bias(np.asarray(flair, np.float32)[box], (tissue == WHITE) & (white > LIKELY), voxel_size)
    excess, fluid = standardise(flat, tissue, csf, grey)
    in_white = (tissue > 0) & ~fluid & ((tissue == WHITE) | (white > LIKELY * (white + grey)))
    to_ventricle = _distance(ventricles(fluid, tissue > 0, voxel_size), voxel_size)
    rim = (
        to_ventricle <= rim_mm + voxel_size.mean() / 2
    )  # distances are between centres of voxels: the wall is half a voxel nearer
    bright = in_white & (excess > grow_sd)
    core = _components_with(bright & ~rim, excess > seed_sd)
    lesions = core | (bright & rim & (_distance(core, voxel_size) <= RIM_REACH * rim_mm))
    normal = (tissue > 0) & ~bright & (to_ventricle > 0)
    lesions = _surrounded_by_white(lesions, normal, tissue == WHITE, voxel_size)
    found = np.zeros(np.shape(flair), bool)
    found[box] = _large(lesions, min_mm3 / np.prod(voxel_size))
    return found


def remove_bias(flair: np.ndarray, white: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Return the image divided by a smooth field that makes white matter equally bright everywhere.

    Parameters
    ----------
    flair : array (x, y, z)
    white : array of bool; lesions in it are outliers, which each round leaves out
    voxel_size : mm, (3,)

    Raises
    ------
    InputError : no white matter has signal
    """
    step = np.maximum(1, np.round(COARSE_MM / voxel_size)).astype(int)
    thinned = tuple(slice(None, None, side) for side in step)
    used = (white & (flair > 0))[thinned]
    if not used.any():
        raise InputError(
            "The FLAIR has no signal in the white matter of the T1w image: does it show the same whole head?"
        )
    logarithm = np.log(np.where(flair > 0, flair, 1.0))[thinned].astype(np.float32)
    sigma, kept = BIAS_MM / (voxel_size * step), used
    for _ in range(BIAS_ROUNDS):
        weight = gaussian_filter(kept.astype(np.float32), sigma)
        field = gaussian_filter(np.where(kept, logarithm, 0), sigma) / np.maximum(weight, 1e-6)
        rest = logarithm - field
        middle, spread = _median_and_sd(rest[kept])
        # a spread of 0 must not exclude all voxels: without noise there are no outliers
        kept = used & (np.abs(rest - middle) <= max(BIAS_CUT_SD * spread, 1e-3))
    field = field - np.median(field[kept])
    index = [np.arange(n) / side for n, side in zip(flair.shape, step, strict=True)]
    full = map_coordinates(field, np.meshgrid(*index, indexing="ij"), order=1, mode="nearest")
    return flair / np.exp(full)


def standardise(
    flair: np.ndarray, tissue: np.ndarray, csf: np.ndarray, grey: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the brightness in robust standard deviations above the median of grey matter, and the fluid.

    Parameters
    ----------
    flair : array (x, y, z), without bias field
    tissue : codes
    csf, grey : probabilities of the template

    Returns
    -------
    excess : array (x, y, z)
    fluid : array of bool: CSF on T1w and dark on FLAIR, so that black holes do not count

    Raises
    ------
    InputError : no grey matter, or no contrast within it
    """
    inside = (tissue == GREY) & (grey > LIKELY)
    middle, spread = _median_and_sd(flair[inside]) if inside.any() else (0.0, 0.0)
    if not spread > 0:
        raise InputError(
            "The FLAIR shows no contrast within the grey matter: is it a FLAIR of the same whole head?"
        )
    is_csf = (tissue == CSF) & (csf > LIKELY)
    dark = np.median(flair[is_csf]) if is_csf.any() else 0.0
    return (flair - middle) / spread, (tissue == CSF) & (flair < (middle + dark) / 2)


def ventricles(fluid: np.ndarray, brain: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Return the large bodies of fluid deep in the brain, as an array of bool."""
    padded = np.pad(brain, 1)
    depth = distance_transform_edt(padded, sampling=voxel_size)[1:-1, 1:-1, 1:-1]
    return _large(fluid & (depth > VENTRICLE_DEPTH_MM), VENTRICLE_MM3 / np.prod(voxel_size))


def _surrounded_by_white(
    lesions: np.ndarray, normal: np.ndarray, white: np.ndarray, voxel_size: np.ndarray
) -> np.ndarray:
    """Return lesions around which normal tissue is mostly white matter; the other ones are bright cortex.

    Parameters
    ----------
    lesions, normal, white : arrays (x, y, z) of bool
    voxel_size : mm, (3,)
    """
    parts, count = label(lesions, TOUCHING)
    if not count:
        return lesions
    distance, nearest = distance_transform_edt(parts == 0, sampling=voxel_size, return_indices=True)
    around = normal & (distance <= AROUND_MM)
    owner = parts[tuple(nearest[:, around])]
    total = np.bincount(owner, minlength=count + 1)
    share = np.bincount(owner, white[around], minlength=count + 1) / np.maximum(total, 1)
    large = np.bincount(parts.ravel()) * np.prod(voxel_size) >= LARGE_MM3
    kept = (share >= WHITE_AROUND) | (total == 0) | large
    kept[0] = False
    return kept[parts]


def _components_with(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return the connected parts of a mask that contain a seed."""
    parts, count = label(mask, TOUCHING)
    kept = np.zeros(count + 1, bool)
    kept[np.unique(parts[mask & seeds])] = True
    kept[0] = False
    return kept[parts]


def _large(mask: np.ndarray, voxels: float) -> np.ndarray:
    """Return the connected parts of a mask of at least this many voxels."""
    parts, _ = label(mask, TOUCHING)
    kept = np.bincount(parts.ravel()) >= voxels - 1e-6
    kept[0] = False
    return kept[parts]


def _distance(mask: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Return the distance to a mask, mm; infinite if the mask is empty."""
    return distance_transform_edt(~mask, sampling=voxel_size) if mask.any() else np.full(mask.shape, np.inf)


def _median_and_sd(values: np.ndarray) -> tuple[float, float]:
    middle = float(np.median(values))
    return middle, MAD_TO_SD * float(np.median(np.abs(values - middle)))


def _brain_box(tissue: np.ndarray) -> tuple[slice, ...]:
    """Return slices around the brain; the whole grid if there is none."""
    where = np.argwhere(np.asarray(tissue) > 0)
    if not len(where):
        return (slice(None),) * 3
    return tuple(slice(int(a), int(b) + 1) for a, b in zip(where.min(axis=0), where.max(axis=0), strict=True))
