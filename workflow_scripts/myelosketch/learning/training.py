"""Training of one network method on one fold, from paths and plain values to a model folder. It can be resumed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.learning.checks import check_settings
from myelosketch.learning.data import Normalisation, TrainingScan, data_hash, fit_normalisation
from myelosketch.learning.fitting import finish, fit
from myelosketch.learning.harmonisation import harmonise_training
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.learning.models import split_card, text_hash, value_ranges
from myelosketch.learning.sketches import sketch_scans
from myelosketch.learning.validation import OFF, InnerValidation, hold_out

if TYPE_CHECKING:
    import numpy as np

    from myelosketch.learning.gan import ConditionalGAN


def train_stage(
    method: str,
    scans: Sequence[TrainingScan],
    folder: str | Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
    device: str = "auto",
    threads: int = 1,
    fold: int | None = None,
    sketcher: str | Path | None = None,
    controls: Iterable[str] = (),
    sites: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Train a method of `ladder.NETWORK_METHODS` on the training scans of a fold.

    A killed training that is started again with the same arguments continues from its last epoch. On CPU its weights
    are equal to the bit to those of an uninterrupted training.

    Parameters
    ----------
    method : "dnn2", "unet", "unetroi", "sketcher" or "refiner"
    scans : list of TrainingScan (`packs.read_packs`); no other scan is read
    folder : of model.safetensors, model.json and history.tsv, and of checkpoints/ until the training is finished
    settings : the config's ``training`` section, or the part of it that this method reads (see `stage_settings`)
    seed : int
    device : "auto", "cpu" or "cuda"
    threads : of PyTorch
    fold : number written into the card
    sketcher : folder of the fold's trained sketcher, for the refiner
    controls : names of the healthy controls among the scans
    sites : dict, scan -> site, if ``settings`` has harmonise: controls

    Returns
    -------
    dict : the model card

    Raises
    ------
    InputError : settings are invalid, a requested GPU is missing, or a site to harmonise has no control
    """
    from myelosketch.learning.device import choose_device, choose_precision, set_threads

    check_settings(method, settings)
    device = choose_device(device)
    precision = choose_precision(settings["precision"], device)
    set_threads(threads)
    scans, white_matter = harmonise_training(
        scans, controls, sites or {}, setting=settings["harmonise"], fold=fold
    )
    inner = settings.get("validation", OFF)
    trained, held = hold_out(scans, inner["participants_share"], seed)
    normalisation = fit_normalisation(trained, settings["inputs"])
    everyone = [*trained, *held]
    sketches: Sequence[np.ndarray | None] = [None] * len(everyone)
    sketcher_sha256: str | None = None
    if NETWORK_METHODS[method].refines:
        sketches, sketcher_sha256 = sketch_scans(everyone, sketcher, device)
    print(
        f"{method}: {len(trained)} training scans, {len(held)} for validation, {device}, {precision}, "
        f"{threads} threads",
        flush=True,
    )

    folder = Path(folder)
    card = {
        "method": method,
        "fold": fold,
        "settings": stage_settings(method, settings),
        "normalisation": normalisation.card(),
        **white_matter,
        "input_maps": list(normalisation.inputs),
        "value_ranges": value_ranges(trained, normalisation.inputs),
        "split": split_card([scan.name for scan in trained], [scan.name for scan in held]),
        "validation": inner,
        "data_sha256": data_hash(scans),
        "sketcher_sha256": sketcher_sha256,
        "seed": seed,
        "device": device,
        "precision": precision,
        "threads": threads,
    }
    card["config_sha256"] = configuration_hash(method, settings, seed)
    validation = None
    if held:
        schedule = {key: inner[key] for key in ("every_epochs", "patience")}
        validation = InnerValidation(held, sketches[len(trained) :], normalisation, card, **schedule)
    started = time.monotonic()
    module = build(method, trained, normalisation, sketches[: len(trained)], settings, seed)
    tensors, history = fit(
        module,
        settings[method]["epochs"],
        folder,
        text_hash(card),
        device=device,
        precision=precision,
        validation=validation,
    )
    return finish(folder, card, tensors, history, seconds=time.monotonic() - started)


def configuration_hash(method: str, settings: Mapping[str, Any], seed: int) -> str:
    """Return a hash of the whole configuration that affects a model. Equal hashes mean equal models.

    Parameters
    ----------
    method : of `ladder.NETWORK_METHODS`
    settings : the config's ``training`` section, or the part of it that this method reads
    seed : int
    """
    return text_hash([stage_settings(method, settings), settings.get("validation", OFF), seed])


def stage_settings(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that affect the weights of this method, in the form for the card."""
    keys = ("crop", "batch", "steps_per_epoch", "flips", "inputs", "harmonise", "generator", "schedule")
    shared = {key: settings[key] for key in (*keys, "ema", "beta1")}
    if NETWORK_METHODS[method].adversarial:
        shared |= {"discriminator": settings["discriminator"], "adversarial": settings["adversarial"]}
    return {**shared, **settings[method]}


def build(
    method: str,
    scans: Sequence[TrainingScan],
    normalisation: Normalisation,
    sketches: Sequence[np.ndarray | None],
    settings: Mapping[str, Any],
    seed: int,
) -> ConditionalGAN:
    """Create the networks, losses and batches of a method.

    Returns
    -------
    ConditionalGAN
    """
    import torch

    from myelosketch.learning.crops import FoldCrops, prepare_scan
    from myelosketch.learning.gan import ConditionalGAN
    from myelosketch.learning.networks import PatchDiscriminator, build_generator

    plan, stage = NETWORK_METHODS[method], settings[method]
    torch.manual_seed(seed)
    generator = build_generator(method, stage_settings(method, settings), normalisation)
    discriminator, patch = None, ()
    if plan.adversarial:
        patch = settings["discriminator"]["patch"]
        discriminator = PatchDiscriminator(len(normalisation.inputs) + 1, **settings["discriminator"])
    steps = stage["epochs"] * settings["steps_per_epoch"]
    weighting = {key: stage[key] for key in ("reduction", "cap") if key in stage}
    prepared = [
        prepare_scan(scan, normalisation, loss=plan.loss, sketch=sketch, **weighting)
        for scan, sketch in zip(scans, sketches, strict=True)
    ]
    crops = FoldCrops(
        scans,
        prepared,
        crop=settings["crop"],
        batch=settings["batch"],
        steps=settings["steps_per_epoch"],
        maps=len(normalisation.inputs),
        lesion_crops=stage.get("lesion_crops", 0.0),
        flips=settings["flips"],
        seed=seed,
        multiple=generator.network.stride,
    )
    module = ConditionalGAN(
        generator,
        discriminator,
        crops,
        method=method,
        patch=patch,
        adversarial=settings["adversarial"],
        lambda_l1=stage["lambda_l1"],
        learning_rate=stage["learning_rate"],
        discriminator_learning_rate=stage.get("discriminator_learning_rate", stage["learning_rate"]),
        beta1=settings["beta1"],
        schedule=settings["schedule"],
        steps=steps,
        ema=settings["ema"],
        seed=seed,
    ).to(memory_format=torch.channels_last_3d)
    return module
