"""Patches of the discriminator (Wei et al. 2018, section 2.3)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional


def padding_to_multiple(shape: Sequence[int] | np.ndarray, multiple: int | Sequence[int]) -> list[int]:
    """Return the number of voxels to add at the end of each axis so that every side is divisible.

    Parameters
    ----------
    shape : three sides
    multiple : int or three ints

    Returns
    -------
    list of int, (3,)
    """
    multiples = [multiple] * 3 if isinstance(multiple, int) else multiple
    return [-side % step for side, step in zip(shape, multiples, strict=True)]


def pad_end(volume: torch.Tensor, padding: Sequence[int]) -> torch.Tensor:
    """Add zeros at the end of the three spatial axes of a tensor (..., x, y, z)."""
    return functional.pad(volume, [amount for added in reversed(padding) for amount in (0, added)])


def split_patches(volume: torch.Tensor, patch: Sequence[int]) -> torch.Tensor:
    """Cut volumes into patches that do not overlap. The last ones are padded with zeros.

    Parameters
    ----------
    volume : Tensor (batch, channels, x, y, z)
    patch : three sides

    Returns
    -------
    Tensor (batch x patches, channels, *patch)
    """
    volume = pad_end(volume, padding_to_multiple(volume.shape[2:], patch))
    batch, channels = volume.shape[:2]
    counts = [side // step for side, step in zip(volume.shape[2:], patch, strict=True)]
    blocks = volume.reshape(batch, channels, counts[0], patch[0], counts[1], patch[1], counts[2], patch[2])
    return blocks.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(-1, channels, *patch)


def with_brain(support: torch.Tensor, patch: Sequence[int]) -> torch.Tensor:
    """Return which patches contain brain. The others do not enter the adversarial loss.

    Parameters
    ----------
    support : Tensor (batch, 1, x, y, z), 1 where the MRI maps have tissue

    Returns
    -------
    BoolTensor (batch x patches,)
    """
    return split_patches(support, patch).flatten(1).any(dim=1)


def brain_patches(volume: torch.Tensor, keep: torch.Tensor, patch: Sequence[int]) -> torch.Tensor:
    """Return the patches of a volume for which ``keep`` is true: Tensor (kept, channels, *patch)."""
    return torch.index_select(split_patches(volume, patch), 0, keep.nonzero()[:, 0])
