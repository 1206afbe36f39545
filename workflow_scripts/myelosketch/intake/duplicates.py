"""Find images of one scan that do not fit together: one image under two inputs, or an FA of another AD and RD."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from myelosketch.intake.air import judged_voxels
from myelosketch.intake.checks import Finding
from myelosketch.io.volumes import Volume

# an image and its copy in 256 steps correlate by .99998, images with and without MT pulse by at most .98
SAME_CORRELATION = 0.9999
# number of voxels that are compared (every n-th of larger images), and the smallest number that is informative
COMPARED_VOXELS, LEAST_VOXELS = 1_000_000, 1000
# a segmentation may also be given as the lesion mask (lesions.label)
MAY_BE_ONE = {"lesion_mask", "segmentation"}
NOT_BY_VALUE = (*MAY_BE_ONE, "reference_mask", "dwi", "pet")
# Measured on a real tensor fit (MRtrix, 135,000 voxels): the share of voxels whose FA is outside its bounds by more
# than FA_TOLERANCE is .05 % as fitted, 2 to 3 % once the maps are interpolated or smoothed, 34 % with an FA that is
# shifted by one voxel, 52 % with a mirrored FA, and 82 % with MD instead of AD. With MD instead of RD it is only 8 %,
# but there the two smaller eigenvalues seem far from RD everywhere: by .95 of AD - RD at the median, and never by
# less than .64; in correct maps the median is .25 to .35. In air full of noise, FA is outside its bounds in a fifth
# of the few voxels with AD > RD > 0 and FA < 1.
FA_TOLERANCE = 0.05
MOST_OUTSIDE = 0.2
MOST_APART, ANISOTROPIC = 0.55, 0.2


def repeated_findings(
    volumes: Mapping[str, Volume], digests: Mapping[str, str], sound: Mapping[str, Volume]
) -> list[Finding]:
    """Return findings about one image that is given as two inputs, unchanged or on another scale.

    Parameters
    ----------
    volumes : dict of Volume by input name
    digests : dict, name to the hash of the voxels, of the images that are not empty
    sound : those of ``volumes`` whose values were not refused: only they are compared by value
    """
    found = []
    for first, second in itertools.combinations(volumes, 2):
        if {first, second} == MAY_BE_ONE:
            continue
        if first in digests and digests[first] == digests.get(second):
            how = "has the same voxels as"
        elif _alike(sound.get(first), sound.get(second)) and not {first, second} & set(NOT_BY_VALUE):
            how = "is, apart from scale or rounding, the same image as"
        else:
            continue
        file = Path(volumes[first].path or "").name
        found.append(
            Finding(
                "repeated", second, f"{how} {first} ({file})",
                f"name the right file in one of the two columns, {first} or {second}",
            )
        )  # fmt: skip
    return found


def _alike(first: Volume | None, second: Volume | None) -> bool:
    """Return whether the values of one image follow from those of another by a scale and an offset."""
    if first is None or second is None or first.shape != second.shape:
        return False
    step = max(1, first.data.size // COMPARED_VOXELS)
    one, other = (volume.data.ravel()[::step] for volume in (first, second))
    both = (one != 0) & (other != 0)
    if both.sum() < LEAST_VOXELS:
        return False
    one, other = one[both].astype(float), other[both].astype(float)
    if not (one.std() > 0 and other.std() > 0):
        return False
    return bool(np.corrcoef(one, other)[0, 1] > SAME_CORRELATION)


def tensor_findings(volumes: Mapping[str, Volume], centre: np.ndarray | None = None) -> Iterator[Finding]:
    """Yield the finding about an FA that AD and RD do not allow.

    Parameters
    ----------
    volumes : dict of Volume by input name; ``FA``, ``AD`` and ``RD`` in ``names.UNITS``
    centre : centre of the brain (``air.head_centre``); maps that were never masked are compared only around it
    """
    maps = [volumes[name] for name in ("FA", "AD", "RD") if name in volumes]
    if len(maps) < 3 or len({volume.shape for volume in maps}) > 1:
        return
    near = judged_voxels(maps[0], centre)
    values = [volume.data.ravel() if near is None else volume.data[near] for volume in maps]
    step = max(1, values[0].size // COMPARED_VOXELS)
    fa, ad, rd = (part[::step] for part in values)
    inside = (fa > 0) & (fa < 1) & (rd > 0) & (ad >= rd)
    if inside.sum() < LEAST_VOXELS:
        return
    fa, ad, rd = (values[inside].astype(float) for values in (fa, ad, rd))
    share = share_outside(fa, ad, rd)
    apart = eigenvalues_apart(fa, ad, rd)
    if share <= MOST_OUTSIDE and apart <= MOST_APART:
        return
    if share > MOST_OUTSIDE:
        reason = f"lies outside what AD and RD allow in {share:.0%} of the brain, expected at most {MOST_OUTSIDE:.0%}"
    else:
        reason = (
            f"needs two smaller eigenvalues that differ from RD by {apart:.2f} of AD - RD at the median, expected at "
            f"most {MOST_APART:g}"
        )
    yield Finding(
        "inconsistent", "FA", f"does not follow from AD and RD: it {reason}",
        f"{_guess(fa, ad, rd)}AD is the largest eigenvalue and RD the mean of the other two; give all three of one "
        "fit, and look at units",
    )  # fmt: skip


def fa_bounds(ad: np.ndarray, rd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest FA of tensors with a given AD and RD.

    The eigenvalues are AD, RD + d and RD - d. Their FA is the square root of 3/2 (1 - 3 MD² / S), where S = AD² +
    2 RD² + 2 d² is the sum of their squares, so it rises with d. It is lowest for d = 0, where it is |AD - RD| /
    √(AD² + 2 RD²). It is highest for the largest possible d: no eigenvalue is below 0 (d <= RD), and AD is the
    largest (d <= AD - RD).

    Parameters
    ----------
    ad, rd : arrays of equal shape, one unit, AD >= RD > 0

    Returns
    -------
    tuple of two arrays
    """
    apart = np.minimum(rd, ad - rd)
    mean = (ad + 2 * rd) / 3
    equal = ad**2 + 2 * rd**2
    low, high = (
        np.sqrt(np.clip(1.5 * (1 - 3 * mean**2 / squares), 0, None))
        for squares in (equal, equal + 2 * apart**2)
    )
    return low, high


def share_outside(fa: np.ndarray, ad: np.ndarray, rd: np.ndarray) -> float:
    """Return the share of voxels (n,) whose FA is outside its bounds by more than FA_TOLERANCE."""
    low, high = fa_bounds(ad, rd)
    return float(((fa < low - FA_TOLERANCE) | (fa > high + FA_TOLERANCE)).mean())


def eigenvalues_apart(fa: np.ndarray, ad: np.ndarray, rd: np.ndarray) -> float:
    """Return the median of d / (AD - RD) over the anisotropic voxels, with d from FA (see `fa_bounds`).

    It is 0 if fewer than LEAST_VOXELS are anisotropic.
    """
    known = (fa > ANISOTROPIC) & (ad > rd)
    if known.sum() < LEAST_VOXELS:
        return 0.0
    fa, ad, rd = fa[known], ad[known], rd[known]
    squares = (ad + 2 * rd) ** 2 / 3 / (1 - fa**2 / 1.5)
    apart = np.sqrt(np.clip((squares - ad**2 - 2 * rd**2) / 2, 0, None))
    return float(np.median(apart / (ad - rd)))


def _guess(fa: np.ndarray, ad: np.ndarray, rd: np.ndarray) -> str:
    """Return the start of a sentence that says which of AD and RD seems to be MD; blank if neither does."""
    for name, other in (("AD", (3 * ad - 2 * rd, rd)), ("RD", (ad, (3 * rd - ad) / 2))):
        largest, smaller = other
        known = (smaller > 0) & (largest >= smaller)
        if known.mean() < 0.5:
            continue
        tried = fa[known], largest[known], smaller[known]
        if share_outside(*tried) <= MOST_OUTSIDE and eigenvalues_apart(*tried) <= MOST_APART:
            return f"{name} looks like MD, the mean of all three: "
    return ""
