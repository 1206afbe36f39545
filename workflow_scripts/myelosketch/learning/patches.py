"""Patches of the discriminator and the sizes that networks accept (Wei et al. 2018, section 2.3)."""

import numpy as np
import torch
from torch.nn import functional

from myelosketch.errors import InputError

HALVINGS = 4  # stages of the discriminator, each halving a patch


def check_sizes(*, crop, patch, stride):
    """Sizes must suit the networks: crops the generator, patches the discriminator.

    Parameters
    ----------
    crop : three sides in voxels, or None for whole volumes
    patch : three sides in voxels, or None without a discriminator
    stride : int, by how much the generator shrinks an image at its deepest level

    Raises
    ------
    InputError : naming the setting, what it must be divisible by, and the nearest value that is
    """
    if crop is not None and any(side < stride or side % stride for side in crop):
        nearest = [max(stride, round(side / stride) * stride) for side in crop]
        raise InputError(
            f"training.crop is {list(crop)}, but the generator halves an image down to 1/{stride}: "
            f"use sides divisible by {stride}, such as {nearest}."
        )
    if patch is None:
        return
    multiple = 2**HALVINGS
    if any(side < multiple or side % multiple for side in patch):
        nearest = [max(multiple, round(side / multiple) * multiple) for side in patch]
        raise InputError(
            f"training.discriminator.patch is {list(patch)}, but the discriminator halves a patch four "
            "times: "
            f"use sides divisible by {multiple}, such as {nearest}."
        )
    if crop is not None and any(inner > outer for inner, outer in zip(patch, crop, strict=True)):
        raise InputError(
            f"training.discriminator.patch {list(patch)} is larger than training.crop {list(crop)}: "
            "enlarge the crop or choose a smaller patch."
        )


def padding_to_multiple(shape, multiple):
    """Voxels to add at the end of each axis, so that every side is divisible.

    Parameters
    ----------
    shape : three sides
    multiple : int or three ints

    Returns
    -------
    list of int, (3,)
    """
    multiples = [multiple] * 3 if np.isscalar(multiple) else multiple
    return [-side % step for side, step in zip(shape, multiples, strict=True)]


def pad_end(volume, padding):
    """Zeros at the end of the three spatial axes of a tensor (..., x, y, z)."""
    return functional.pad(volume, [amount for added in reversed(padding) for amount in (0, added)])


def split_patches(volume, patch):
    """Cut volumes into patches that do not overlap; the last ones are filled with zeros.

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


def with_brain(support, patch):
    """Which patches hold brain: the others are dropped from the adversarial loss.

    Parameters
    ----------
    support : Tensor (batch, 1, x, y, z), 1 where the MRI maps hold tissue

    Returns
    -------
    BoolTensor (batch x patches,)
    """
    return split_patches(support, patch).flatten(1).any(dim=1)


def brain_patches(volume, keep, patch):
    """Patches of a volume for which ``keep`` is true: Tensor (kept, channels, *patch)."""
    return torch.index_select(split_patches(volume, patch), 0, keep.nonzero()[:, 0])
