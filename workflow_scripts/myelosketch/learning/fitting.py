"""The training loop of a network: run it, find its checkpoints, save the result."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from myelosketch.errors import InputError
from myelosketch.learning.models import save_model

if TYPE_CHECKING:
    import numpy as np

    from myelosketch.learning.gan import ConditionalGAN
    from myelosketch.learning.progress import History
    from myelosketch.learning.validation import InnerValidation

LIGHTNING_PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"32": "32-true", "bf16": "bf16-mixed"}


@dataclass(frozen=True)
class CheckpointFiles:
    """Paths of the checkpoints of a training: last epoch, and best epoch by the inner validation."""

    last: Path
    best: Path


def fit(
    module: ConditionalGAN,
    epochs: int,
    folder: Path,
    fingerprint: str,
    *,
    device: str,
    precision: str,
    validation: InnerValidation | None = None,
) -> tuple[dict[str, np.ndarray], History]:
    """Train a network, from its checkpoint if there is one. If it is already trained, only read it.

    Parameters
    ----------
    module : ConditionalGAN
    epochs : int
    folder : of the model
    fingerprint : hash of everything that affects the training; a checkpoint with another hash is not used
    device : "cpu" or "cuda"
    precision : "32" or "bf16"
    validation : InnerValidation or None

    Returns
    -------
    (dict of arrays, History) : the weights of the best epoch, or of the last one without validation

    Raises
    ------
    InputError : see `run`
    """
    import torch

    from myelosketch.learning.progress import History

    checkpoints = open_checkpoint(folder / "checkpoints", fingerprint)
    history = History(folder / "history.tsv", validation)
    run(module, epochs, history, checkpoints, device=device, precision=precision)
    kept = checkpoints.best if history.best else checkpoints.last
    module.load_state_dict(torch.load(kept, weights_only=True, map_location="cpu")["state_dict"])
    weights = module.trained_generator().state_dict()
    return {name: value.cpu().numpy() for name, value in weights.items()}, history


def run(
    module: ConditionalGAN,
    epochs: int,
    history: History,
    checkpoints: CheckpointFiles,
    *,
    device: str,
    precision: str,
) -> None:
    """Run Lightning's training loop, from the checkpoint if there is one.

    Parameters
    ----------
    module : ConditionalGAN
    epochs : int
    history : progress.History
    checkpoints : CheckpointFiles
    device : "cpu" or "cuda"
    precision : "32" or "bf16"

    Raises
    ------
    InputError : the training diverged, or the GPU has too little memory
    """
    import lightning.pytorch as lightning
    import torch
    from lightning.pytorch.plugins.environments import LightningEnvironment
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from myelosketch.learning.crops import step_loader
    from myelosketch.learning.device import memory_advice
    from myelosketch.learning.progress import Checkpoints

    warnings.filterwarnings("ignore", message=".*(num_workers|does not have a deterministic).*")
    trainer = lightning.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        plugins=[
            LightningEnvironment()
        ],  # ignores Slurm's process numbers, which are for processes that Slurm starts
        precision=LIGHTNING_PRECISION[precision],
        max_epochs=epochs,
        deterministic="warn",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[history, Checkpoints(checkpoints.last, checkpoints.best, history)],
    )
    resume = str(checkpoints.last) if checkpoints.last.is_file() else None
    if resume:
        print("continuing from the last finished epoch", flush=True)
    try:
        trainer.fit(module, step_loader(module.batches), ckpt_path=resume, weights_only=True)
    except SIGTERMException:  # its exit status is 0, so the rule would seem to have succeeded
        sys.exit(143)
    except torch.OutOfMemoryError as error:
        raise InputError(memory_advice(module.batches, precision)) from error


def open_checkpoint(folder: Path, fingerprint: str) -> CheckpointFiles:
    """Return the paths of a training's checkpoints. Checkpoints of other settings or data are removed.

    Returns
    -------
    CheckpointFiles
    """
    key = fingerprint[:16]
    for other in folder.glob("*.ckpt") if folder.is_dir() else ():
        if not other.stem.endswith(key):
            print(
                "the checkpoint belongs to other settings or data, so it is not used: training starts at epoch 1",
                flush=True,
            )
            other.unlink()
    return CheckpointFiles(folder / f"last-{key}.ckpt", folder / f"best-{key}.ckpt")


def finish(
    folder: Path, card: dict[str, Any], tensors: Mapping[str, np.ndarray], history: History, *, seconds: float
) -> dict[str, Any]:
    """Write weights and card of a model, then delete the checkpoints.

    Parameters
    ----------
    folder : of the model
    card : dict, without the results of the training
    tensors : dict of arrays, the weights
    history : progress.History
    seconds : duration of the training since its last start

    Returns
    -------
    dict : the complete card
    """
    from myelosketch.learning.progress import warnings_of

    found = {
        "epochs": len(history.rows),
        "best": history.best,
        "warnings": warnings_of(history.rows),
        "seconds": round(seconds, 1),
    }
    card = save_model(folder, tensors, card | found)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return card
