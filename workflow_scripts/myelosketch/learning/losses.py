"""Losses of the sketcher and the refiner (Wei et al. 2018, Eq. 1-6), computed so that they are correct for crops.

Eq. 4 and Eq. 5 are both a sum over voxels of weight times absolute error. The weights belong to a scan, not to a
crop: they are computed once from the region map of the whole volume (our choice, docs/method.md). Otherwise a single
lesion voxel in a crop would weigh as much as the whole region.
"""

import numpy as np
import torch
from torch.nn import functional

from myelosketch.errors import GeometryError, InputError
from myelosketch.io.names import REGION_CODES

ADVERSARIAL = ("nonsaturating", "saturating")
REDUCTIONS = ("mean_present", "sum")
REAL, FAKE = 1, 0


def brain_weights(regions: np.ndarray) -> np.ndarray:
    """Return the voxel weights of the sketcher's L1, the mean over brain voxels (Eq. 4, brain only is our choice).

    Parameters
    ----------
    regions : integer array (x, y, z) of the whole volume; 0 outside the brain

    Returns
    -------
    float32 array (x, y, z) that sums to 1
    """
    brain = np.asarray(regions) > 0
    return (brain / max(int(brain.sum()), 1)).astype(np.float32)


def region_weights(
    regions: np.ndarray, *, reduction: str = "mean_present", cap: float | None = None
) -> np.ndarray:
    """Return the voxel weights of the refiner's L1 (Eq. 5 without the constant 1/M, which lambda absorbs).

    A voxel of region r weighs 1/N_r, with N_r counted in the whole volume. A region without a voxel (lesions
    in a control) contributes nothing.

    Parameters
    ----------
    regions : integer array (x, y, z) of the whole volume: 0 outside, 1 other, 2 NAWM or healthy WM, 3 lesion
    reduction : "mean_present" divides by the number of regions present, so that patients and controls have the same
        weight (our choice); "sum" is the literal equation
    cap : float, optional; no voxel weighs more than ``cap`` times the lightest one (our choice)

    Returns
    -------
    float32 array (x, y, z)

    Raises
    ------
    InputError : the reduction is unknown, or the cap is below 1
    """
    if reduction not in REDUCTIONS:
        raise InputError(
            f"the reduction of the weighted L1 is {reduction!r}; expected one of {', '.join(REDUCTIONS)}."
        )
    if cap is not None and cap < 1:
        raise InputError(
            f"the cap of the region weights is {cap}; expected at least 1 (1 makes all voxels equal)."
        )
    regions = np.asarray(regions)
    weight = {code: 1.0 / count for code in REGION_CODES.values() if (count := int((regions == code).sum()))}
    if cap is not None and weight:
        heaviest = cap * min(weight.values())
        weight = {code: min(value, heaviest) for code, value in weight.items()}
    divisor = len(weight) if reduction == "mean_present" else 1
    weights = np.zeros(regions.shape, np.float32)
    for code, value in weight.items():
        weights[regions == code] = value / divisor
    return weights


def weighted_l1(predicted: torch.Tensor, measured: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the sum over voxels of weight times absolute error, averaged over the batch (Eq. 4 or 5).

    Parameters
    ----------
    predicted, measured : Tensor (batch, 1, x, y, z), DVR (unitless)
    weights : Tensor (batch, 1, x, y, z), cut from a map of `brain_weights` or `region_weights`; 0 outside
        the brain

    Returns
    -------
    Tensor, scalar

    Raises
    ------
    GeometryError : shapes differ
    """
    if not predicted.shape == measured.shape == weights.shape:
        raise GeometryError(
            f"the L1 needs equal shapes, but prediction is {tuple(predicted.shape)}, measured DVR "
            f"{tuple(measured.shape)} and weights {tuple(weights.shape)}: cut all three from the same voxels."
        )
    return (weights * (predicted.float() - measured).abs()).sum() / len(predicted)


def discriminator_loss(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """Return the discriminator's loss: -E[log D(real)] - E[log(1 - D(fake))], mean over patches.

    The sign between the terms of the value function is +, as in every GAN. As printed (Eq. 1-3) the value is
    unbounded (docs/method.md, decision 1). The paper sums over patches; the mean differs by a constant factor.

    Parameters
    ----------
    real_logits, fake_logits : Tensor (patches, 2), one logit for fake (0) and one for real (1)

    Returns
    -------
    Tensor, scalar
    """
    return _cross_entropy(real_logits, REAL) + _cross_entropy(fake_logits, FAKE)


def generator_loss(fake_logits: torch.Tensor, kind: str = "nonsaturating") -> torch.Tensor:
    """Return the adversarial term that the generator minimises, mean over patches.

    Parameters
    ----------
    fake_logits : Tensor (patches, 2)
    kind : "nonsaturating" -E[log D(fake)] (Goodfellow 2014, our default), or "saturating" E[log(1 - D(fake))],
        the published minimax game with the sign of decision 1

    Returns
    -------
    Tensor, scalar
    """
    if kind == "saturating":
        return -_cross_entropy(fake_logits, FAKE)
    return _cross_entropy(fake_logits, REAL)


def accuracy(logits: torch.Tensor, label: int) -> torch.Tensor:
    """Return the share of patches that the discriminator assigns to ``label``."""
    return (logits.argmax(dim=1) == label).float().mean()


def balanced_accuracy(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """Return the mean of the discriminator's accuracies on both kinds of patches. Chance is 0.5."""
    return (accuracy(real_logits, REAL) + accuracy(fake_logits, FAKE)) / 2


def _cross_entropy(logits: torch.Tensor, label: int) -> torch.Tensor:
    target = torch.full((len(logits),), label, dtype=torch.long, device=logits.device)
    return functional.cross_entropy(logits.float(), target)
