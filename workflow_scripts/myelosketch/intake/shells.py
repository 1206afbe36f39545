"""Select the volumes of a diffusion series for the tensor fit: whole shells of b-values."""

import numpy as np

# weighted b-values that differ by more than both are in different shells: s/mm2, and a share of the b-value
GAP, GAP_SHARE = 40.0, 0.04
# a group wider than this share of its mean is not a shell (a grid in q-space): each of its b-values counts separately
WIDEST_SHELL = 0.2
# a shell whose mean exceeds b_max by at most this share is still used: imaging gradients add to the nominal value
TOLERANCE = 0.05


def shells(bvals: np.ndarray, b0_threshold: float) -> list[np.ndarray]:
    """Return the weighted volumes by shell, from the lowest to the highest b-value.

    Parameters
    ----------
    bvals : array (n,), s/mm2
    b0_threshold : b-values up to it count as unweighted, s/mm2

    Returns
    -------
    list of arrays of indices into ``bvals``
    """
    order = np.argsort(bvals, kind="stable")
    order = order[bvals[order] > b0_threshold]
    steps, values = np.diff(bvals[order]), bvals[order]
    groups = np.split(order, np.flatnonzero(steps > np.maximum(GAP, GAP_SHARE * values[1:])) + 1)
    found: list[np.ndarray] = []
    for group in groups:
        if group.size and np.ptp(bvals[group]) > WIDEST_SHELL * bvals[group].mean():
            found += [group[bvals[group] == value] for value in np.unique(bvals[group])]
        elif group.size:
            found.append(np.sort(group))
    return found


def used_volumes(bvals: np.ndarray, *, b_max: float, b0_threshold: float) -> np.ndarray:
    """Return which volumes a tensor is fitted to: the unweighted ones, and each shell whose mean is at most b_max.

    The b-values of a scanner scatter around the nominal one. A shell is used or left out as a whole, with a tolerance
    of TOLERANCE.

    Parameters
    ----------
    bvals : array (n,), s/mm2
    b_max : highest b-value that is used, s/mm2
    b0_threshold : b-values up to it count as unweighted, s/mm2

    Returns
    -------
    array (n,) of bool
    """
    used = bvals <= b0_threshold
    for shell in shells(bvals, b0_threshold):
        used[shell] = bvals[shell].mean() <= b_max * (1 + TOLERANCE)
    return used


def shell_values(bvals: np.ndarray, b0_threshold: float) -> list[int]:
    """Return the mean b-value of each shell, to the nearest 5, s/mm2."""
    return [int(5 * round(bvals[shell].mean() / 5)) for shell in shells(bvals, b0_threshold)]


def said_of_shells(bvals: np.ndarray, *, b_max: float, b0_threshold: float) -> str:
    """Return what a fit uses of a series and what it does not, for the table of the intake."""
    used = used_volumes(bvals, b_max=b_max, b0_threshold=b0_threshold)
    parts = [f"{int((bvals <= b0_threshold).sum())} without weighting"]
    for value, shell in zip(shell_values(bvals, b0_threshold), shells(bvals, b0_threshold), strict=True):
        parts.append(f"{len(shell)} at b = {value}{'' if used[shell[0]] else ' (not used)'}")
    return ", ".join(parts)
