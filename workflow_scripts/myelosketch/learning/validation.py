"""Inner validation: participants kept out of training in a fold, to choose the epoch with the best weights.

They come from the training participants of the fold. The participants held out for scoring are never read here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.io.names import REGION_CODES, subject_of

if TYPE_CHECKING:
    import torch

    from myelosketch.learning.data import Normalisation, TrainingScan
    from myelosketch.learning.networks import DVRModel

# all participants are trained on, and the weights of the last epoch are kept
OFF = {"participants_share": 0.0, "every_epochs": 1, "patience": 0}


def hold_out(
    scans: Sequence[TrainingScan], share: float, seed: int
) -> tuple[list[TrainingScan], list[TrainingScan]]:
    """Split the training scans of a fold by participant, separately for participants with and without lesions.

    Parameters
    ----------
    scans : list of TrainingScan
    share : share of the participants to keep out, 0 (none) to below 1
    seed : int; every method of a fold gets the same participants

    Returns
    -------
    (list of TrainingScan, list of TrainingScan) : trained on, kept out

    Raises
    ------
    InputError : there are too few participants with lesions for both parts
    """
    if not share:
        return list(scans), []
    patients = {subject_of(scan.name) for scan in scans if _lesion(scan).any()}
    others = {subject_of(scan.name) for scan in scans} - patients
    if len(patients) < 2:
        raise InputError(
            f"training.validation.participants_share is {share}, but the training part has {len(patients)} "
            "participants with lesions; expected 2 or more: set it to 0, or add patients."
        )
    random = np.random.default_rng([seed, 3])
    held = set()
    for group, fewest in ((patients, 1), (others, 0)):
        count = min(max(round(share * len(group)), fewest), len(group) - 1) if group else 0
        held.update(random.permutation(sorted(group))[:count].tolist())
    return (
        [scan for scan in scans if subject_of(scan.name) not in held],
        [scan for scan in scans if subject_of(scan.name) in held],
    )


class InnerValidation:
    """Score the generator on the scans kept out, with the code for predictions.

    Parameters
    ----------
    scans : list of TrainingScan, not trained on
    sketches : list of arrays (x, y, z), or of None if no refiner is trained
    normalisation : Normalisation of the scans trained on
    card : dict, the model's card, for the prediction
    every_epochs : int
    patience : epochs without a better score after which training stops; 0 never stops
    """

    def __init__(
        self,
        scans: Sequence[TrainingScan],
        sketches: Sequence[np.ndarray | None],
        normalisation: Normalisation,
        card: Mapping[str, Any],
        *,
        every_epochs: int,
        patience: int,
    ) -> None:
        self.scans, self.sketches, self.normalisation, self.card = scans, sketches, normalisation, card
        self.every_epochs, self.patience = every_epochs, patience
        lesions = any(_lesion(scan).any() for scan in scans)
        self.criterion = "validation_lesion_mae" if lesions else "validation_brain_mae"

    def is_due(self, epoch: int, epochs: int | None) -> bool:
        """Return whether epoch (from 1) of ``epochs`` is scored. The last one always is."""
        return epoch % self.every_epochs == 0 or epoch == epochs

    def is_exhausted(self, epoch: int, best_epoch: int) -> bool:
        """Return whether training should stop after this epoch."""
        return bool(self.patience) and epoch - best_epoch >= self.patience

    def score(self, generator: DVRModel, device: str | torch.device) -> dict[str, float]:
        """Return the mean absolute error of the DVR in lesions and in the brain, averaged over scans.

        Returns
        -------
        dict : validation_lesion_mae (NaN if no scan has a lesion), validation_brain_mae
        """
        from myelosketch.learning.inference import NetworkModel

        model = NetworkModel(copy.deepcopy(generator), self.normalisation, self.card, device)
        lesion, brain = [], []
        for scan, sketch in zip(self.scans, self.sketches, strict=True):
            error = np.abs(model.predict(scan.maps, scan.support, sketch) - scan.dvr)
            brain.append(error[scan.brain].mean())
            if _lesion(scan).any():
                lesion.append(error[_lesion(scan)].mean())
        return {
            "validation_lesion_mae": float(np.mean(lesion)) if lesion else float("nan"),
            "validation_brain_mae": float(np.mean(brain)),
        }


def _lesion(scan: TrainingScan) -> np.ndarray:
    return scan.regions == REGION_CODES["lesion"]
