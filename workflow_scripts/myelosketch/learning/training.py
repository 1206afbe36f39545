"""Training of one network method on one fold: from plain paths and values to a model folder that can be
resumed."""

import shutil
import sys
import time
import warnings
from pathlib import Path

from myelosketch.errors import InputError
from myelosketch.learning.checks import check_settings
from myelosketch.learning.data import data_hash, fit_normalisation, load_fold
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.learning.models import save_model, split_card, text_hash, value_ranges
from myelosketch.names import INPUT_MAPS


def train_stage(
    method,
    names,
    files,
    folder,
    *,
    settings,
    seed,
    device="auto",
    threads=1,
    fold=None,
    start_model=None,
    scans=None,
):
    """Train a method of `ladder.NETWORK_METHODS` on the training scans of a fold.

    A training that was killed and is started again with the same arguments continues from its last epoch, and
    ends with the same weights to the bit as an uninterrupted one on CPU.

    Parameters
    ----------
    method : "dnn2", "unet", "unetroi", "sketcher" or "refiner"
    names : list of training scans; no other scan is read
    files : dict of lists of paths (mtr, fa, rd, ad, dvr, regions), one per scan
    folder : where model.safetensors, model.json and history.tsv go; checkpoints/ beside them until it is
        finished
    settings : the config's ``training`` section, or the part of it that this method reads (see
        `stage_settings`)
    seed : int
    device : "auto", "cpu" or "cuda"
    threads : of PyTorch
    fold : number written into the card
    start_model : folder of the trained sketcher, for the refiner
    scans : list of TrainingScan already read (then ``files`` is not used)

    Returns
    -------
    dict : the model card

    Raises
    ------
    InputError : settings that cannot work, no GPU where one is asked for, unusable scans
    """
    from myelosketch.learning.device import choose_device, choose_precision, set_threads

    check_settings(method, settings)
    device = choose_device(device)
    precision = choose_precision(settings["precision"], device)
    set_threads(threads)
    scans = load_fold(names, files) if scans is None else scans
    normalisation = fit_normalisation(scans)
    starts, start_card = sketches(method, scans, start_model, device)
    print(f"{method}: {len(scans)} training scans, {device}, {precision}, {threads} threads", flush=True)

    folder = Path(folder)
    card = {
        "method": method,
        "fold": fold,
        "settings": stage_settings(method, settings),
        "normalisation": normalisation.card(),
        "value_ranges": value_ranges(scans),
        "split": split_card(names),
        "data_sha256": data_hash(scans),
        "start": start_card,
        "seed": seed,
        "device": device,
        "precision": precision,
        "threads": threads,
    }
    card["config_sha256"] = text_hash([card["settings"], seed])
    checkpoint = open_checkpoint(folder / "checkpoints", text_hash(card))
    module = build(method, scans, normalisation, starts, settings, seed)
    started = time.monotonic()
    fit(module, settings[method]["epochs"], folder / "history.tsv", checkpoint, device, precision)
    return finish(folder, module, card, seconds=time.monotonic() - started)


def stage_settings(method, settings):
    """The settings that shape this method's weights, flat enough for the card."""
    keys = (
        "crop",
        "batch",
        "steps_per_epoch",
        "flips",
        "generator",
        "schedule",
        "ema",
        "beta1",
    )
    shared = {key: settings[key] for key in keys}
    if NETWORK_METHODS[method].adversarial:
        shared |= {"discriminator": settings["discriminator"], "adversarial": settings["adversarial"]}
    return {**shared, **settings[method]}


def build(method, scans, normalisation, starts, settings, seed):
    """Networks, losses and batches of a method.

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
    discriminator, patch = None, None
    if plan.adversarial:
        patch = settings["discriminator"]["patch"]
        discriminator = PatchDiscriminator(len(INPUT_MAPS) + 1, **settings["discriminator"])
    steps = stage["epochs"] * settings["steps_per_epoch"]
    weighting = {key: stage[key] for key in ("reduction", "cap") if key in stage}
    prepared = [
        prepare_scan(scan, normalisation, loss=plan.loss, start=start, **weighting)
        for scan, start in zip(scans, starts, strict=True)
    ]
    crops = FoldCrops(
        scans,
        prepared,
        crop=settings["crop"],
        batch=settings["batch"],
        steps=settings["steps_per_epoch"],
        lesion_crops=stage.get("lesion_crops", 0.0),
        flips=settings["flips"],
        seed=seed,
        multiple=generator.network.stride,
    )
    module = ConditionalGAN(
        generator,
        discriminator,
        crops,
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


def sketches(method, scans, start_model, device):
    """Sketches of the training scans by the frozen sketcher (dropout off), each predicted on its whole
    volume.

    Returns
    -------
    (list of arrays or None, dict or None) : one per scan; the entry of the card that names the sketcher
    """
    start = NETWORK_METHODS[method].start
    if start is None:
        return [None] * len(scans), None
    if start_model is None:
        raise InputError(f"{method} needs a trained {start}: give its model folder.")
    from myelosketch.learning.inference import NetworkModel

    model = NetworkModel.load(start_model, method=start, device=device)
    trained_on, wanted = set(model.card["split"]["train"]), {scan.name for scan in scans}
    if trained_on != wanted:
        raise InputError(
            f"the {start} in {start_model} was trained on other scans than this {method} "
            f"({', '.join(sorted(trained_on ^ wanted)[:3])}, ...): use the {start} of the same fold."
        )
    card = {"method": start, "weights_sha256": model.card["weights_sha256"]}
    return [model.predict(scan.maps, scan.support) for scan in scans], card


def fit(module, epochs, history, checkpoint, device, precision):
    """Run Lightning's training loop, from the checkpoint if there is one."""
    import lightning.pytorch as lightning
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from myelosketch.learning.crops import step_loader
    from myelosketch.learning.progress import History, LastCheckpoint

    warnings.filterwarnings("ignore", message=".*(num_workers|does not have a deterministic).*")
    trainer = lightning.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        max_epochs=epochs,
        deterministic="warn",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[History(history), LastCheckpoint(checkpoint)],
    )
    resume = str(checkpoint) if checkpoint.is_file() else None
    if resume:
        print("continuing from the last finished epoch", flush=True)
    try:
        trainer.fit(module, step_loader(module.batches), ckpt_path=resume, weights_only=True)
    except SIGTERMException:  # its exit status is 0; a rule must not seem to have succeeded
        sys.exit(143)


def open_checkpoint(folder, fingerprint):
    """Path of this training's checkpoint; those of other settings or other data are removed."""
    for other in folder.glob("*.ckpt") if folder.is_dir() else ():
        if other.stem != fingerprint[:16]:
            print(
                "a checkpoint of other settings or data is not used: training starts at its beginning",
                flush=True,
            )
            other.unlink()
    return folder / f"{fingerprint[:16]}.ckpt"


def finish(folder, module, card, *, seconds):
    """Write weights and card, then drop the checkpoint."""
    tensors = {name: value.cpu().numpy() for name, value in module.trained_generator().state_dict().items()}
    card = save_model(folder, tensors, {**card, "seconds": round(seconds, 1)})
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return card
