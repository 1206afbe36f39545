"""Prediction of a whole brain with a trained network. The result is reproducible to the bit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from myelosketch.learning.data import Normalisation, bounding_box
from myelosketch.learning.models import load_model
from myelosketch.learning.networks import DVRModel, build_generator
from myelosketch.learning.patches import pad_end, padding_to_multiple


class NetworkModel:
    """A trained generator with everything it needs to predict: `load`, then `predict`."""

    def __init__(
        self,
        generator: DVRModel,
        normalisation: Normalisation,
        card: Mapping[str, Any],
        device: str | torch.device,
    ) -> None:
        self.generator = generator.to(device).eval().requires_grad_(False)
        self.normalisation, self.card, self.device = normalisation, card, device

    @classmethod
    def load(
        cls, folder: str | Path, *, method: str, device: str = "cpu", config_sha256: str | None = None
    ) -> Self:
        """Read a model folder written by `training.train_stage`; see `models.load_model`.

        Raises
        ------
        InputError : the card does not match the weights, the method or the configuration
        """
        tensors, card = load_model(folder, method=method, config_sha256=config_sha256)
        return cls.of(method, tensors, card, device=device)

    @classmethod
    def of(
        cls,
        method: str,
        tensors: Mapping[str, np.ndarray],
        card: Mapping[str, Any],
        *,
        device: str | torch.device = "cpu",
    ) -> Self:
        """Create the model from weights by name and a checked card."""
        normalisation = Normalisation.from_card(card["normalisation"])
        generator = build_generator(method, card["settings"], normalisation)
        generator.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
        return cls(generator, normalisation, card, device)

    def predict(
        self, maps: np.ndarray, support: np.ndarray, sketch: np.ndarray | None = None, *, flips: bool = False
    ) -> np.ndarray:
        """Return the DVR of one scan.

        Parameters
        ----------
        maps : array (4, x, y, z), in the units of the cohort (not z-scores)
        support : bool array (x, y, z)
        sketch : array (x, y, z), DVR, for a refiner
        flips : average the predictions for the image and for its left-right mirror image (our choice)

        Returns
        -------
        float32 array (x, y, z), 0 outside the support
        """
        box = bounding_box(support)
        channels = [support[box], *self.normalisation.standardise(maps, support)[(slice(None), *box)]]
        if sketch is not None:
            channels.append(sketch[box])
        image = torch.from_numpy(np.stack(channels).astype(np.float32))[None].to(self.device)
        size = image.shape[2:]
        image = pad_end(image, padding_to_multiple(size, self.generator.network.stride))
        with torch.no_grad():
            predicted = self._forward(image)
            if flips:
                predicted = (predicted + self._forward(image.flip(2)).flip(2)) / 2
        dvr = np.zeros(support.shape, np.float32)
        dvr[support] = predicted[0, 0, : size[0], : size[1], : size[2]].cpu().numpy()[support[box]]
        return dvr

    def _forward(self, image: torch.Tensor) -> torch.Tensor:
        last = 1 + len(self.normalisation.inputs)
        sketch = image[:, last:] if image.shape[1] > last else None
        return self.generator(image[:, 1:last], image[:, :1], sketch)
