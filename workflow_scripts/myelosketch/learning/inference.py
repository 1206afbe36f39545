"""Prediction with a trained network: whole volume or sliding window; it repeats to the bit, dropout on or off."""

import numpy as np
import torch
from torch import nn

from myelosketch.learning.data import Normalisation, bounding_box
from myelosketch.learning.members import MeanOfMembers
from myelosketch.learning.models import load_model
from myelosketch.learning.networks import build_generator
from myelosketch.learning.patches import pad_end, padding_to_multiple


class NetworkModel:
    """Trained generators of one method with what they need to predict: `load`, then `predict`."""

    def __init__(self, generators, normalisation, card, device):
        self.generator = MeanOfMembers(generators).to(device).eval().requires_grad_(False)
        self.normalisation, self.card, self.device = normalisation, card, device

    @classmethod
    def load(cls, folder, *, method, device="cpu", config_sha256=None):
        """Read a model folder written by `training.train_stage`; see `models.load_model`.

        Raises
        ------
        InputError : the card does not match the weights, the method or the configuration
        """
        tensors, card = load_model(folder, method=method, config_sha256=config_sha256)
        normalisation = Normalisation.from_card(card["normalisation"])
        members = [build_generator(method, card["settings"], normalisation) for _ in card["members"]]
        model = cls(members, normalisation, card, device)
        model.generator.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
        return model

    def predict(self, maps, support, start=None, **options):
        """DVR of one scan, float32 array (x, y, z); as `predict_with_sd`, without the SD."""
        return self.predict_with_sd(maps, support, start, **options)[0]

    def predict_with_sd(
        self, maps, support, start=None, *, window=None, overlap=0.5, flips=False, dropout_draws=0
    ):
        """DVR of one scan, and how much it varies with the dropout.

        Parameters
        ----------
        maps : array (4, x, y, z), in the units of the cohort (not z-scores)
        support : bool array (x, y, z)
        start : array (x, y, z), DVR that the model starts from (sketch or ridge)
        window : three sides of a sliding window, or None for the whole volume at once (around the brain)
        overlap : share of a window that neighbouring windows repeat
        flips : mean of the prediction and that of the image mirrored left to right (ours)
        dropout_draws : 0, or the number of predictions with dropout on whose mean is taken (Gal and Ghahramani
            2016; ours). Draw t is the same whenever it is asked for.

        Returns
        -------
        (float32 array (x, y, z), float32 array or None) : DVR, 0 outside the support; SD over the draws (n - 1),
        None with fewer than two. A draw is the mean of its mirror images; the start image is not drawn anew.
        """
        box = bounding_box(support)
        channels = [support[box], *self.normalisation.standardise(maps, support)[(slice(None), *box)]]
        if start is not None:
            channels.append(start[box])
        image = torch.from_numpy(np.stack(channels).astype(np.float32))[None].to(self.device)
        size = image.shape[2:]
        image = pad_end(image, padding_to_multiple(size, self.generator.stride))
        passes = []
        with torch.no_grad():
            self._switch_dropout(bool(dropout_draws))
            for draw in range(max(dropout_draws, 1)):
                torch.manual_seed(draw)
                passes.append(self._mirrored(image, flips, window, overlap))
            self._switch_dropout(False)
        passes = torch.stack(passes)

        def whole(predicted):
            volume = np.zeros(support.shape, np.float32)
            volume[box] = predicted[0, 0, : size[0], : size[1], : size[2]].cpu().numpy()
            return volume

        return whole(passes.mean(dim=0)), whole(passes.std(dim=0)) if len(passes) > 1 else None

    def _switch_dropout(self, on):
        """Only the dropout layers: normalisation keeps what it has learnt."""
        for module in self.generator.modules():
            if isinstance(module, nn.Dropout | nn.Dropout3d):
                module.train(on)

    def _mirrored(self, image, flips, window, overlap):
        predicted = self._pass(image, window, overlap)
        if flips:
            predicted = (predicted + self._pass(image.flip(2), window, overlap).flip(2)) / 2
        return predicted

    def _pass(self, image, window, overlap):
        return self._forward(image) if window is None else self._slide(image, window, overlap)

    def _forward(self, image):
        last = 1 + len(self.normalisation.inputs)
        start = image[:, last:] if image.shape[1] > last else None
        return self.generator(image[:, 1:last], image[:, :1], start)

    def _slide(self, image, window, overlap):
        from monai.inferers import sliding_window_inference

        return sliding_window_inference(image, window, 1, self._forward, overlap=overlap, mode="gaussian")
