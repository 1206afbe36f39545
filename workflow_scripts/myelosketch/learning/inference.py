"""Prediction with a trained network: whole volume or sliding window, dropout off, so it is deterministic."""

import numpy as np
import torch

from myelosketch.learning.data import Normalisation, bounding_box
from myelosketch.learning.models import load_model
from myelosketch.learning.networks import build_generator
from myelosketch.learning.patches import pad_end, padding_to_multiple


class NetworkModel:
    """A trained generator with what it needs to predict: `load`, then `predict`."""

    def __init__(self, generator, normalisation, card, device):
        self.generator = generator.to(device).eval().requires_grad_(False)
        self.normalisation, self.card, self.device = normalisation, card, device

    @classmethod
    def load(cls, folder, *, method, device="cpu"):
        """Read a model folder written by `training.train_stage`.

        Raises
        ------
        InputError : the card does not match the weights or the method
        """
        tensors, card = load_model(folder, method=method)
        normalisation = Normalisation.from_card(card["normalisation"])
        generator = build_generator(method, card["settings"], normalisation)
        generator.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
        return cls(generator, normalisation, card, device)

    def predict(self, maps, support, start=None, *, window=None, overlap=0.5):
        """DVR of one scan.

        Parameters
        ----------
        maps : array (4, x, y, z), in the units of the cohort (not z-scores)
        support : bool array (x, y, z)
        start : array (x, y, z), DVR of the sketch, for the refiner
        window : three sides of a sliding window, or None for the whole volume at once (around the brain)
        overlap : share of a window that neighbouring windows repeat

        Returns
        -------
        float32 array (x, y, z), DVR; 0 outside the support
        """
        box = bounding_box(support)
        channels = [*self.normalisation.standardise(maps, support)[(slice(None), *box)], support[box]]
        if start is not None:
            channels.append(start[box])
        image = torch.from_numpy(np.stack(channels).astype(np.float32))[None].to(self.device)
        size = image.shape[2:]
        image = pad_end(image, padding_to_multiple(size, self.generator.network.stride))
        with torch.no_grad():
            predicted = self._forward(image) if window is None else self._slide(image, window, overlap)
        dvr = np.zeros(support.shape, np.float32)
        dvr[box] = predicted[0, 0, : size[0], : size[1], : size[2]].cpu().numpy()
        return dvr

    def _forward(self, image):
        start = image[:, 5:6] if image.shape[1] > 5 else None
        return self.generator(image[:, :4], image[:, 4:5], start)

    def _slide(self, image, window, overlap):
        from monai.inferers import sliding_window_inference

        return sliding_window_inference(image, window, 1, self._forward, overlap=overlap, mode="gaussian")
