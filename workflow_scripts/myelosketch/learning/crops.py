"""Batches for training: whole volumes or random crops, each a pure function of (seed, epoch, step).

A resumed training gets the same batches without a stored random state, because step s of epoch e is always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import DataLoader

from myelosketch.io.names import REGION_CODES
from myelosketch.learning.device import free_memory
from myelosketch.learning.losses import brain_weights, region_weights
from myelosketch.learning.patches import padding_to_multiple

if TYPE_CHECKING:
    from myelosketch.learning.data import Normalisation, TrainingScan

# first channels of a prepared scan; the input maps follow, then, for a refiner, the sketch
SUPPORT, DVR, WEIGHTS, MAPS = 0, 1, 2, 3
# share of a device's free memory for the scans of a fold; the rest is for the step
FREE_SHARE = 0.25


def prepare_scan(
    scan: TrainingScan,
    normalisation: Normalisation,
    *,
    loss: str,
    reduction: str = "mean_present",
    cap: float | None = None,
    sketch: np.ndarray | None = None,
) -> np.ndarray:
    """Put everything from which a crop is cut into one array.

    Parameters
    ----------
    scan : TrainingScan
    normalisation : Normalisation
    loss : "l1" (Eq. 4) or "weighted_l1" (Eq. 5); it sets the voxel weights, computed on the whole volume
    reduction, cap : of `region_weights`
    sketch : float32 array (x, y, z), DVR, optional

    Returns
    -------
    float32 array (channels, x, y, z): support, DVR, weights, the input maps (z-scores) and, if given, the sketch
    """
    if loss == "weighted_l1":
        weights = region_weights(scan.regions, reduction=reduction, cap=cap)
    else:
        weights = brain_weights(scan.regions)
    channels = [scan.support, scan.dvr, weights, *normalisation.standardise(scan.maps, scan.support)]
    if sketch is not None:
        channels.append(sketch)
    return np.stack(channels).astype(np.float32)


class FoldCrops:
    """Batches of a training fold, addressed by (epoch, step).

    Every epoch draws the scans in shuffled rounds, so that each is used equally often. The centre of a crop is a
    random brain voxel or, with probability ``lesion_crops``, a random lesion voxel (in scans that have one). The crop
    is moved to stay inside the image. Some voxels are therefore used more often than others. The weight of a voxel is
    divided by its probability of being in the crop (`crop_probability`), so that the expected loss of a crop is that
    of the whole volume (our choice).

    Parameters
    ----------
    scans : list of TrainingScan (for the centres)
    prepared : list of arrays of `prepare_scan`
    maps : number of input maps in them
    crop : three sides in voxels, or None for whole volumes
    batch, steps : crops per step, steps per epoch
    lesion_crops : probability
    flips : mirror left and right at random (our choice)
    seed : int
    multiple : whole volumes are padded to sides divisible by this
    """

    def __init__(
        self,
        scans: Sequence[TrainingScan],
        prepared: Sequence[np.ndarray],
        *,
        crop: Sequence[int] | None,
        batch: int,
        steps: int,
        maps: int = 4,
        lesion_crops: float = 0.0,
        flips: bool = False,
        seed: int = 0,
        multiple: int = 1,
    ) -> None:
        self.crop, self.batch, self.steps = crop, batch, steps
        self.images = slice(MAPS, MAPS + maps)
        self.lesion_crops, self.flips, self.seed, self.multiple = lesion_crops, flips, seed, multiple
        self.brain = [np.argwhere(scan.brain).astype(np.int32) for scan in scans]
        self.lesion = [np.argwhere(scan.regions == REGION_CODES["lesion"]).astype(np.int32) for scan in scans]
        self.prepared = [
            torch.from_numpy(self._weighted(number, volume)) for number, volume in enumerate(prepared)
        ]

    def hold_on(self, device: torch.device) -> None:
        """Keep the scans on a device and cut crops there, if they take at most a quarter of its free memory."""
        size = sum(volume.nbytes for volume in self.prepared)
        if size <= FREE_SHARE * free_memory(device):
            self.prepared = [volume.to(device) for volume in self.prepared]

    def __getitem__(self, index: tuple[int, int]) -> dict[str, torch.Tensor]:
        """Return the batch of (epoch, step): dict of Tensors (batch, channels, x, y, z)."""
        epoch, step = index
        random = np.random.default_rng([self.seed, epoch, step])
        tensor = torch.stack([self._cut(number, random) for number in self._turn(epoch, step)])
        batch = {
            "maps": tensor[:, self.images],
            "support": tensor[:, SUPPORT : SUPPORT + 1],
            "dvr": tensor[:, DVR : DVR + 1],
            "weights": tensor[:, WEIGHTS : WEIGHTS + 1],
        }
        if tensor.shape[1] > self.images.stop:
            batch["sketch"] = tensor[:, self.images.stop :]
        return batch

    def _weighted(self, number: int, volume: np.ndarray) -> np.ndarray:
        """Return a prepared scan with weights divided by the crop probability, unchanged for whole volumes."""
        if self.crop is None:
            return volume
        brain, lesion = self.brain[number], self.lesion[number]
        share = self.lesion_crops if len(lesion) else 0.0
        probability = (1 - share) * crop_probability(brain, self.crop, volume.shape[1:])
        if share:
            probability += share * crop_probability(lesion, self.crop, volume.shape[1:])
        volume = volume.copy()
        # a voxel that no crop reaches (far from every lesion if all crops are centred on lesions) is in no loss
        volume[WEIGHTS] /= np.where(probability > 0, probability, np.inf)
        return volume

    def _turn(self, epoch: int, step: int) -> Iterator[int]:
        """Return the indices of the scans of this step: consecutive items of an endless series of shuffled rounds."""
        count = len(self.prepared)
        first = (epoch * self.steps + step) * self.batch
        orders = {}
        for place in range(first, first + self.batch):
            turn = place // count
            if turn not in orders:
                orders[turn] = np.random.default_rng([self.seed, 1, turn, 1]).permutation(count)
            yield int(orders[turn][place % count])

    def _cut(self, number: int, random: np.random.Generator) -> torch.Tensor:
        volume = self.prepared[number]
        sides = np.array(volume.shape[1:])
        crop: Sequence[int] | np.ndarray
        if self.crop is None:
            crop = sides + padding_to_multiple(sides, self.multiple)
            centre = sides // 2
        else:
            lesion = self.lesion[number]
            at_lesion = random.random() < self.lesion_crops and len(lesion)
            centres = lesion if at_lesion else self.brain[number]
            crop, centre = self.crop, centres[random.integers(len(centres))]
        mirrored = self.flips and random.random() < 0.5
        cut = cut_around(volume, centre, crop)
        return cut.flip(1) if mirrored else cut


def crop_probability(
    centres: np.ndarray, crop: Sequence[int] | np.ndarray, shape: Sequence[int]
) -> np.ndarray:
    """Return the probability of each voxel to be in a crop that `cut_around` cuts around a random centre.

    Parameters
    ----------
    centres : integer array (n, 3), each equally likely
    crop : three sides in voxels
    shape : three sides of the image

    Returns
    -------
    float64 array (x, y, z)
    """
    firsts = first_voxel(centres, crop, shape)
    counts = np.zeros(np.maximum(np.subtract(shape, crop), 0) + 1, np.int64)
    np.add.at(counts, tuple(firsts.T), 1)
    for axis, (side, length) in enumerate(zip(crop, shape, strict=True)):
        # voxel v is in the crops whose first voxel is v - side + 1 to v
        below = np.insert(counts.cumsum(axis), 0, 0, axis)
        voxels, last = np.arange(length), counts.shape[axis]
        to, start = np.minimum(voxels + 1, last), np.clip(voxels - side + 1, 0, last)
        counts = below.take(to, axis) - below.take(start, axis)
    return counts / len(centres)


def first_voxel(
    centre: Sequence[int] | np.ndarray, crop: Sequence[int] | np.ndarray, shape: Sequence[int]
) -> np.ndarray:
    """Return the first voxel of the crop around a centre (..., 3), moved to stay inside an image of that shape."""
    room = np.maximum(np.subtract(shape, crop), 0)
    return np.clip(np.subtract(centre, np.floor_divide(crop, 2)), 0, room)


def cut_around(
    volume: torch.Tensor, centre: Sequence[int] | np.ndarray, crop: Sequence[int] | np.ndarray
) -> torch.Tensor:
    """Cut a crop (channels, *crop) of a Tensor around ``centre``.

    The crop is moved to stay inside the image. It is padded with zeros if the image is smaller."""
    cut = volume.new_zeros((len(volume), *(int(side) for side in crop)))
    source: list[slice] = [slice(None)]
    target: list[slice] = [slice(None)]
    firsts = first_voxel(centre, crop, volume.shape[1:]).tolist()
    for first, side, length in zip(firsts, crop, volume.shape[1:], strict=True):
        taken = min(int(side), length)
        source.append(slice(first, first + taken))
        target.append(slice(0, taken))
    cut[tuple(target)] = volume[tuple(source)]
    return cut


def step_loader(crops: FoldCrops) -> DataLoader:
    """Return a DataLoader of step numbers. The module fetches the batch of its (epoch, step).

    The order of a loader would change in a resumed training: Lightning may start its iterator before it has restored
    the epoch, and an iterator draws from the random stream that dropout uses.
    """
    return DataLoader(
        range(crops.steps),  # type: ignore[arg-type]  # a loader accepts anything with a length and an index
        batch_size=None,
        num_workers=0,
    )
