"""Models of a fold that need no network training: linear models, trees, the level of a pretrained network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.io.names import INPUT_MAPS
from myelosketch.learning.data import TrainingScan
from myelosketch.learning.harmonisation import harmonise_training
from myelosketch.learning.ladder import TRANSFER
from myelosketch.learning.models import save_model, shared_card
from myelosketch.learning.ridge import VARIANTS, RidgeModel, fit_linear
from myelosketch.learning.trees import TreesModel, fit_boosted

if TYPE_CHECKING:
    from myelosketch.learning.transfer import TransferModel

Baseline = RidgeModel | TreesModel


def baseline_fitter(
    method: str, settings: Mapping[str, Any], *, seed: int, pretrained: str | Path | None = None
) -> Callable[[Sequence[TrainingScan]], Baseline | TransferModel]:
    """Return the function that fits a method without network training to some scans.

    Parameters
    ----------
    method : of ladder.BASELINE_METHODS
    settings : the keys of the section training that the method reads: ``inputs``, and ``ridge`` for a linear model
    seed : for the voxels that trees draw
    pretrained : folder of the network for which transfer fits the level

    Returns
    -------
    function, list of TrainingScan -> RidgeModel, TreesModel or TransferModel
    """
    if method == TRANSFER:
        from myelosketch.learning.transfer import (
            fit_transfer,
        )  # imports PyTorch, which the others do not need

        assert pretrained is not None
        return lambda scans: fit_transfer(scans, pretrained)
    inputs = settings.get("inputs", INPUT_MAPS)
    if method in VARIANTS:
        return lambda scans: fit_linear(method, scans, inputs=inputs, **settings.get("ridge", {}))
    return lambda scans: fit_boosted(scans, seed=seed, inputs=inputs)


def fit_baseline(
    method: str,
    scans: Sequence[TrainingScan],
    folder: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    fold: int | None = None,
    pretrained: str | Path | None = None,
    harmonise: str = "none",
    controls: Iterable[str] = (),
    sites: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Fit a method on the training scans of a fold and write it.

    Parameters
    ----------
    method, settings, seed, pretrained : see `baseline_fitter`
    scans : list of TrainingScan
    folder : of model.safetensors and model.json
    fold : number written into the card
    harmonise : none or controls (training.harmonise)
    controls : names of the healthy controls among the scans
    sites : dict, scan -> site, with harmonise: controls

    Returns
    -------
    dict : the model card

    Raises
    ------
    InputError : a site to harmonise has no control, or the pretrained network cannot be used
    """
    scans, white_matter = harmonise_training(scans, controls, sites or {}, setting=harmonise, fold=fold)
    model = baseline_fitter(method, settings or {}, seed=seed, pretrained=pretrained)(scans)
    card = {**shared_card(method, fold, scans, model.normalisation), **white_matter, **model.card}
    return save_model(folder, model.tensors, card)


def load_baseline(method: str, folder: str | Path) -> Baseline:
    """Read a model written by `fit_baseline`. A model of another method than ``method`` raises an error."""
    return TreesModel.load(folder) if method == "trees" else RidgeModel.load(folder, method=method)
