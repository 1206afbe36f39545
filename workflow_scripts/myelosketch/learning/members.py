"""Several networks of one method, trained alike from different seeds, whose mean is the prediction (ours; deep
ensembles, Lakshminarayanan 2017)."""

import numpy as np
import torch
from torch import nn


class MeanOfMembers(nn.Module):
    """The mean of the DVR maps of several generators, as one generator.

    Parameters
    ----------
    members : list of `networks.DVRModel`, one or more
    """

    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def stride(self):
        """Sides of an image must be divisible by this."""
        return self.members[0].network.stride

    def forward(self, maps, support, start=None):
        """As `networks.DVRModel`: Tensor (batch, 1, x, y, z), float32, DVR."""
        return torch.stack([member(maps, support, start) for member in self.members]).mean(dim=0)


def member_seeds(seed, count):
    """Seed of each member; the first has the seed of the training, so that one member is a training without others.

    Parameters
    ----------
    seed, count : int

    Returns
    -------
    list of int
    """
    others = [
        int(np.random.SeedSequence([seed, 4, number]).generate_state(1)[0]) for number in range(1, count)
    ]
    return [seed, *others]
