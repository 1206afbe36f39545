"""Lightning callbacks: the history of a training, its checkpoints, and a line of progress in the log."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning.pytorch as lightning
import pandas as pd
import torch

from myelosketch.io.tables import write_table

if TYPE_CHECKING:
    from myelosketch.learning.gan import ConditionalGAN
    from myelosketch.learning.validation import InnerValidation

# a discriminator with this accuracy on both kinds of patches (or this error rate) does not train the generator ...
COLLAPSE_ACCURACY = 0.99
# ... if this lasts for this many consecutive epochs
COLLAPSE_EPOCHS = 3
ALWAYS_RIGHT = (
    "the discriminator was right on every patch in epochs {first} to {last}, so it hardly guided the generator: "
    "lower discriminator_learning_rate of this stage, or narrow training.discriminator.widths."
)
ALWAYS_WRONG = (
    "the discriminator was wrong on every patch in epochs {first} to {last}, so it misguided the generator: "
    "raise discriminator_learning_rate of this stage, or lower its learning_rate."
)
# a discriminator with a lower mean accuracy on both kinds of patches has learned nothing (chance: 0.5)
CHANCE_ACCURACY = 0.55
AT_CHANCE = (
    "the discriminator did not distinguish measured from predicted patches in epochs {first} to {last} (it was right "
    "on {accuracy:.0%}; chance is 50 %), so the adversarial loss had no effect: raise discriminator_learning_rate of "
    "this stage, or train for more epochs."
)


class History(lightning.Callback):
    """History of a training, one row per epoch.

    A row has every loss term, accuracy of the discriminator, norms of the gradients, learning rates, scores of the
    inner validation, seconds and peak memory. The history is written as TSV after each epoch and is part of the
    checkpoint, so that a resumed training has one history. It stops the training early if the validation says so.

    Parameters
    ----------
    path : of the table
    validation : InnerValidation or None
    """

    def __init__(self, path: str | Path, validation: InnerValidation | None = None) -> None:
        self.path, self.validation = Path(path), validation
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.started = 0.0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self._stop_if_exhausted(trainer)  # the training may have been killed after its last epoch

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.started = time.monotonic()

    def on_train_epoch_end(
        self,
        trainer: lightning.Trainer,
        module: ConditionalGAN,  # type: ignore[override]  # Lightning declares any module
    ) -> None:
        rates = learning_rates(trainer.optimizers)
        row: dict[str, Any] = {"epoch": trainer.current_epoch + 1, **module.epoch_means(), **rates}
        if "accuracy_real" in row:
            row["collapsed"] = int(collapse([*self.rows, row]) is not None)
        row |= self._validate(trainer, module, row["epoch"])
        row["seconds"] = round(time.monotonic() - self.started, 2)
        row["peak_memory_mb"] = peak_memory_mb(module.device)
        self.rows.append(row)
        write_table(pd.DataFrame(self.rows), self.path)
        print_progress(row, trainer.max_epochs or 0)
        if row.get("collapsed") and not self.rows[-2]["collapsed"]:
            print(f"Warning: {collapse(self.rows)}", flush=True)
        self._stop_if_exhausted(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.best = state["rows"], state["best"]

    def _validate(self, trainer: lightning.Trainer, module: ConditionalGAN, epoch: int) -> dict[str, float]:
        """Return the scores of this epoch, and record the best epoch."""
        if self.validation is None:
            return {}
        if not self.validation.is_due(epoch, trainer.max_epochs):
            return dict.fromkeys(("validation_lesion_mae", "validation_brain_mae"), float("nan"))
        scores = self.validation.score(module.trained_generator(), module.device)
        value = scores[self.validation.criterion]
        if self.best is None or value < self.best["value"]:
            self.best = {"epoch": epoch, "criterion": self.validation.criterion, "value": value}
        return scores

    def _stop_if_exhausted(self, trainer: lightning.Trainer) -> None:
        if (
            self.best
            and self.validation
            and self.validation.is_exhausted(self.rows[-1]["epoch"], self.best["epoch"])
        ):
            trainer.should_stop = True


class Checkpoints(lightning.Callback):
    """Write the full state (weights, optimisers, moving average, epoch, history) after every epoch.

    `last` is written after every epoch, `best` after an epoch with the best inner validation. Each file is moved into
    place in one step. Batches and dropout are functions of (seed, epoch, step), so no random state is stored. `best`
    is written first: a training run that is killed between the two repeats the epoch from the older `last` and writes
    both.

    Parameters
    ----------
    last, best : paths
    history : History, which runs before this callback
    """

    def __init__(self, last: str | Path, best: str | Path, history: History) -> None:
        self.last, self.best, self.history = Path(last), Path(best), history

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        best = self.history.best
        if best and best["epoch"] == trainer.current_epoch + 1:
            save_checkpoint(trainer, self.best)
        save_checkpoint(trainer, self.last)


def save_checkpoint(trainer: lightning.Trainer, path: Path) -> None:
    """Write the state of a training so that ``path`` is complete or unchanged, even if the machine stops."""
    temporary = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    trainer.save_checkpoint(temporary, weights_only=False)
    _to_disk(temporary)
    os.replace(temporary, path)
    _to_disk(path.parent)


def collapse(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a warning if the discriminator is always right, always wrong or at chance in the last epochs.

    Parameters
    ----------
    rows : list of dicts with epoch, accuracy_real and accuracy_fake

    Returns
    -------
    str or None : a sentence that says what is wrong and what to change
    """
    latest = rows[-COLLAPSE_EPOCHS:]
    if len(latest) < COLLAPSE_EPOCHS or any("accuracy_real" not in row for row in latest):
        return None
    accuracies = [row[name] for row in latest for name in ("accuracy_real", "accuracy_fake")]
    mean = sum(accuracies) / len(accuracies)
    if min(accuracies) >= COLLAPSE_ACCURACY:
        sentence = ALWAYS_RIGHT
    elif max(accuracies) <= 1 - COLLAPSE_ACCURACY:
        sentence = ALWAYS_WRONG
    elif 1 - CHANCE_ACCURACY < mean < CHANCE_ACCURACY:
        sentence = AT_CHANCE
    else:
        return None
    return sentence.format(first=latest[0]["epoch"], last=latest[-1]["epoch"], accuracy=mean)


def warnings_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the latest warning of `collapse` in a history for the card, or an empty list."""
    found = [collapse(rows[:count]) for count in range(1, len(rows) + 1)]
    return [sentence for sentence in found if sentence][-1:]


def learning_rates(optimizers: Iterable[torch.optim.Optimizer]) -> dict[str, float]:
    """Return the learning-rate columns of the history, one per optimiser."""
    names = ("learning_rate", "discriminator_learning_rate")
    return {name: optimizer.param_groups[0]["lr"] for name, optimizer in zip(names, optimizers, strict=False)}


def peak_memory_mb(device: torch.device) -> int:
    """Return the peak memory so far, MB: allocated by PyTorch on a GPU, else used by this process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def print_progress(row: Mapping[str, Any], epochs: int) -> None:
    """Print one line to the log: epoch, bar, seconds left, every number of the row."""
    terms = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "epoch")
    done = f"{row['epoch']}/{epochs}"
    left = row["seconds"] * (epochs - row["epoch"])
    print(
        f"epoch {done:>9}  {progress_bar(row['epoch'], epochs)}  {left:5.0f} s left  {terms}",
        flush=True,
    )


def progress_bar(done: int, total: int, width: int = 20) -> str:
    """Return a progress bar in text that suits a log."""
    filled = round(width * done / max(total, 1))
    return "[" + "#" * filled + "." * (width - filled) + "]"


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
