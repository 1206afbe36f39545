"""Batches for training: whole volumes or random crops, each a pure function of (seed, epoch, step).

Nothing about the random state has to be stored for a resumed training to see the same batches: step s of
epoch e is the same whoever asks, and whenever.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader

from myelosketch.learning.losses import brain_weights, region_weights
from myelosketch.learning.patches import padding_to_multiple
from myelosketch.names import REGION_CODES

# channels of a prepared scan after the four maps
SUPPORT, DVR, WEIGHTS, START = 4, 5, 6, 7


def prepare_scan(scan, normalisation, *, loss, reduction="mean_present", cap=None, start=None):
    """Everything a crop is cut from, in one array.

    Parameters
    ----------
    scan : TrainingScan
    normalisation : Normalisation
    loss : "l1" (Eq. 4) or "weighted_l1" (Eq. 5); decides the voxel weights, taken from the whole volume
    reduction, cap : of `region_weights`
    start : float32 array (x, y, z), DVR of the sketch, optional

    Returns
    -------
    float32 array (7 or 8, x, y, z): four maps (z-scores), support, DVR, weights and, if given, the sketch
    """
    if loss == "weighted_l1":
        weights = region_weights(scan.regions, reduction=reduction, cap=cap)
    else:
        weights = brain_weights(scan.regions)
    channels = [*normalisation.standardise(scan.maps, scan.support), scan.support, scan.dvr, weights]
    if start is not None:
        channels.append(start)
    return np.stack(channels).astype(np.float32)


class FoldCrops:
    """Batches of a training fold, asked for by (epoch, step).

    Every epoch draws the scans in shuffled turns, so each is seen equally often. The centre of a crop is a
    random brain voxel or, with probability ``lesion_crops``, a random lesion voxel (in scans that have one).
    That changes how often a voxel is seen, never what it weighs: the weights are those of the whole volume,
    scaled by whole over crop size so that the loss keeps its magnitude (ours).

    Parameters
    ----------
    scans : list of TrainingScan (for the centres)
    prepared : list of arrays of `prepare_scan`
    crop : three sides in voxels, or None for whole volumes
    batch, steps : crops per step, steps per epoch
    lesion_crops : probability
    flips : mirror left and right at random (ours)
    seed : int
    multiple : whole volumes are filled up to sides divisible by this
    """

    def __init__(
        self, scans, prepared, *, crop, batch, steps, lesion_crops=0.0, flips=False, seed=0, multiple=1
    ):
        self.prepared, self.crop, self.batch, self.steps = prepared, crop, batch, steps
        self.lesion_crops, self.flips, self.seed, self.multiple = lesion_crops, flips, seed, multiple
        self.brain = [np.argwhere(scan.brain).astype(np.int32) for scan in scans]
        self.lesion = [np.argwhere(scan.regions == REGION_CODES["lesion"]).astype(np.int32) for scan in scans]

    def __getitem__(self, index):
        """Batch of (epoch, step): dict of Tensors (batch, channels, x, y, z)."""
        epoch, step = index
        random = np.random.default_rng([self.seed, epoch, step])
        stack = np.stack([self._cut(number, random) for number in self._turn(epoch, step)])
        tensor = torch.from_numpy(stack)
        batch = {
            "maps": tensor[:, :SUPPORT],
            "support": tensor[:, SUPPORT : SUPPORT + 1],
            "dvr": tensor[:, DVR : DVR + 1],
            "weights": tensor[:, WEIGHTS : WEIGHTS + 1],
        }
        if tensor.shape[1] > START:
            batch["start"] = tensor[:, START : START + 1]
        return batch

    def _turn(self, epoch, step):
        """Numbers of the scans of this step: consecutive places of an endless series of shuffled turns."""
        count = len(self.prepared)
        first = (epoch * self.steps + step) * self.batch
        orders = {}
        for place in range(first, first + self.batch):
            turn = place // count
            if turn not in orders:
                orders[turn] = np.random.default_rng([self.seed, 1, turn, 1]).permutation(count)
            yield int(orders[turn][place % count])

    def _cut(self, number, random):
        volume = self.prepared[number]
        if self.crop is None:
            padding = [
                (0, 0),
                *((0, extra) for extra in padding_to_multiple(volume.shape[1:], self.multiple)),
            ]
            cut = np.pad(volume, padding)
        else:
            lesion = self.lesion[number]
            at_lesion = random.random() < self.lesion_crops and len(lesion)
            centres = lesion if at_lesion else self.brain[number]
            cut = cut_around(volume, centres[random.integers(len(centres))], self.crop)
            cut[WEIGHTS] *= np.prod(volume.shape[1:]) / np.prod(self.crop)
        if self.flips and random.random() < 0.5:
            cut = cut[:, ::-1].copy()
        return cut


def cut_around(volume, centre, crop):
    """Crop (channels, *crop) with ``centre`` near its middle, moved to stay inside; zeros where the image is
    smaller."""
    cut = np.zeros((len(volume), *crop), volume.dtype)
    source, target = [slice(None)], [slice(None)]
    for place, side, length in zip(centre, crop, volume.shape[1:], strict=True):
        first = int(np.clip(place - side // 2, 0, max(length - side, 0)))
        taken = min(side, length)
        source.append(slice(first, first + taken))
        target.append(slice(0, taken))
    cut[tuple(target)] = volume[tuple(source)]
    return cut


def step_loader(crops):
    """DataLoader of step numbers; the module fetches the batch of its (epoch, step) itself.

    A loader's own order would not survive a resumed training: Lightning may start its iterator before it has
    restored the epoch, and an iterator draws from the random stream that dropout uses.
    """
    return DataLoader(range(crops.steps), batch_size=None, num_workers=0)
