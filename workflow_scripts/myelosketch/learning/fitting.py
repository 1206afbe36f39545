"""The training loop of a network: run it, find its checkpoints, keep what it gave."""

import contextlib
import importlib.util
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from myelosketch.errors import InputError
from myelosketch.learning.models import save_model

LIGHTNING_PRECISION = {"32": "32-true", "bf16": "bf16-mixed"}


@dataclass(frozen=True)
class CheckpointFiles:
    """Paths of a training's checkpoints: of its last epoch, and of the one the validation scored best."""

    last: Path
    best: Path


@dataclass(frozen=True)
class Machine:
    """Where and how a training is computed: ``device`` "cpu" or "cuda", ``precision`` "32" or "bf16",
    ``devices`` of the node, and whether TensorBoard's files are written beside the model."""

    device: str
    precision: str
    devices: int = 1
    tensorboard: bool = False


@dataclass(frozen=True)
class Member:
    """A trained member of a model: its seed, its weights (dict of arrays) and the history of its training."""

    seed: int
    tensors: dict
    history: dict


def fit_member(module, epochs, folder, fingerprint, machine, earlier, validation=None):
    """Train one member of a model, from its checkpoint if there is one; one that is trained is only read.

    Parameters
    ----------
    module : ConditionalGAN
    epochs : int
    folder : of the model
    fingerprint : hash of all that shapes the training; a checkpoint of another one is not used
    machine : Machine
    earlier : list of Member, those that are trained already
    validation : InnerValidation or None

    Returns
    -------
    Member, with the weights of the best epoch, or of the last one without validation

    Raises
    ------
    InputError : see `fit`, or TensorBoard is absent
    """
    import torch

    from myelosketch.learning.progress import History

    number = len(earlier) + 1
    checkpoints = open_checkpoint(folder / "checkpoints" / f"member-{number}", fingerprint)
    rows = [row for member in earlier for row in member.history["rows"]]
    history = History(folder / "history.tsv", number, rows, validation)
    logger = tensorboard_logger(folder, number) if machine.tensorboard else False
    fit(module, epochs, history, checkpoints, machine, logger)
    found = torch.load(checkpoints.last, weights_only=True)["callbacks"]["History"]
    kept = checkpoints.best if found["best"] else checkpoints.last
    module.load_state_dict(torch.load(kept, weights_only=True, map_location="cpu")["state_dict"])
    weights = module.trained_generator().state_dict()
    return Member(module.seed, {name: value.cpu().numpy() for name, value in weights.items()}, found)


def fit(module, epochs, history, checkpoints, machine, logger=False):
    """Run Lightning's training loop, from the checkpoint if there is one.

    Parameters
    ----------
    module : ConditionalGAN
    epochs : int
    history : progress.History
    checkpoints : CheckpointFiles
    machine : Machine
    logger : of Lightning, or False

    Raises
    ------
    InputError : the training diverged, or a GPU has too little memory
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
        accelerator="gpu" if machine.device == "cuda" else "cpu",
        devices=machine.devices,
        strategy=strategy(machine.devices),
        sync_batchnorm=machine.devices > 1 and machine.device == "cuda",  # PyTorch has none for CPU
        use_distributed_sampler=False,
        plugins=[LightningEnvironment()],  # a Slurm job's own numbering is for processes that Slurm starts
        precision=LIGHTNING_PRECISION[machine.precision],
        max_epochs=epochs,
        deterministic="warn",
        logger=logger,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[history, Checkpoints(checkpoints.last, checkpoints.best, history)],
    )
    resume = str(checkpoints.last) if checkpoints.last.is_file() else None
    if resume:
        print("continuing from the last finished epoch", flush=True)
    try:
        with without_main_file() if machine.devices > 1 else contextlib.nullcontext():
            trainer.fit(module, step_loader(module.batches), ckpt_path=resume, weights_only=True)
    except SIGTERMException:  # its exit status is 0; a rule must not seem to have succeeded
        sys.exit(143)
    except torch.OutOfMemoryError as error:
        raise InputError(memory_advice(module.batches, machine)) from error
    except torch.multiprocessing.ProcessRaisedException as error:
        raise error_of_process(error, module.batches, machine) from error


def strategy(devices):
    """Lightning's strategy: one process per device, each with a part of the crops of every step.

    Each backward pass touches one player, so the other's parameters are unused in it.
    """
    from lightning.pytorch.strategies import DDPStrategy

    if devices == 1:
        return "auto"
    return DDPStrategy(start_method="spawn", find_unused_parameters=True)


@contextlib.contextmanager
def without_main_file():
    """Started processes import the main file again; a rule's script would do its whole job at that."""
    main = sys.modules["__main__"]
    hidden = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)


def error_of_process(error, batches, machine):
    """The sentence of an InputError that ended a started process, or the error itself."""
    from myelosketch.learning.device import memory_advice

    last = str(error).strip().splitlines()[-1]
    if "OutOfMemoryError" in last:
        return InputError(memory_advice(batches, machine))
    name, _, sentence = last.partition(": ")
    return InputError(sentence) if name.endswith("InputError") else error


def tensorboard_logger(folder, number):
    """Lightning's logger to TensorBoard for a member (from 1); its files go to ``tensorboard`` beside the model.

    Raises
    ------
    InputError : the package tensorboard is not installed
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError(
            "training.tensorboard is true, but the package tensorboard is not installed: "
            "run pip install tensorboard, or set it to false."
        )
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="tensorboard", version=f"member-{number}")


def open_checkpoint(folder, fingerprint):
    """Paths of a member's checkpoints; those of other settings or other data are removed.

    Returns
    -------
    CheckpointFiles
    """
    key = fingerprint[:16]
    for other in folder.glob("*.ckpt") if folder.is_dir() else ():
        if not other.stem.endswith(key):
            print(
                "a checkpoint of other settings or data is not used: training starts at its beginning",
                flush=True,
            )
            other.unlink()
    return CheckpointFiles(folder / f"last-{key}.ckpt", folder / f"best-{key}.ckpt")


def finish(folder, card, members, *, seconds):
    """Write weights and card of a model; then drop the checkpoints.

    Parameters
    ----------
    folder : of the model
    card : dict, all but what the training gave
    members : list of Member
    seconds : that the training took, of its last start

    Returns
    -------
    dict : the whole card
    """
    from myelosketch.learning.progress import warnings_of

    tensors = {
        f"members.{number}.{name}": array
        for number, member in enumerate(members)
        for name, array in member.tensors.items()
    }
    facts = [
        {
            "seed": member.seed,
            "epochs": len(member.history["rows"]),
            "best": member.history["best"],
            "warnings": warnings_of(member.history["rows"]),
        }
        for member in members
    ]
    card = save_model(folder, tensors, {**card, "members": facts, "seconds": round(seconds, 1)})
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return card
