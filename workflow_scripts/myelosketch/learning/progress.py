"""Lightning callbacks: the history of a training, its checkpoint, and a line of progress in the log."""

import os
import time
from pathlib import Path

import lightning.pytorch as lightning
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.tables import write_table


class History(lightning.Callback):
    """One row per epoch: every loss term, accuracy of the discriminator, learning rates, seconds.

    Written after each epoch as TSV and kept in the checkpoint, so that a resumed training has one history. A
    loss that is not finite ends the training with the reason.
    """

    def __init__(self, path):
        self.path, self.rows, self.started = Path(path), [], None

    def on_train_epoch_start(self, trainer, module):
        self.started = time.monotonic()

    def on_train_epoch_end(self, trainer, module):
        means = module.epoch_means()
        broken = sorted(name for name, value in means.items() if value - value != 0)
        if broken:
            raise InputError(
                f"training diverged in epoch {trainer.current_epoch + 1}: {', '.join(broken)} is not finite; "
                "lower the learning rate of this stage, or set training.precision to 32."
            )
        rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
        row = {"epoch": trainer.current_epoch + 1, **means, "learning_rate": rates[0]}
        if len(rates) > 1:
            row["discriminator_learning_rate"] = rates[1]
        row["seconds"] = round(time.monotonic() - self.started, 2)
        self.rows.append(row)
        write_table(pd.DataFrame(self.rows), self.path)
        terms = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "epoch")
        done = f"{row['epoch']}/{trainer.max_epochs}"
        left = row["seconds"] * (trainer.max_epochs - row["epoch"])
        print(
            f"epoch {done:>9}  {progress_bar(row['epoch'], trainer.max_epochs)}  {left:5.0f} s left  {terms}",
            flush=True,
        )

    def state_dict(self):
        return {"rows": self.rows}

    def load_state_dict(self, state):
        self.rows = state["rows"]


class LastCheckpoint(lightning.Callback):
    """Full state (weights, both optimisers, epoch, history) after every epoch, moved into place in one step.

    Batches and dropout are functions of (seed, epoch, step), so no random state needs storing.
    """

    def __init__(self, path, every_epochs=1):
        self.path, self.every = Path(path), every_epochs

    def on_train_epoch_end(self, trainer, module):
        if (trainer.current_epoch + 1) % self.every and trainer.current_epoch + 1 < trainer.max_epochs:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        trainer.save_checkpoint(temporary, weights_only=False)
        os.replace(temporary, self.path)


def progress_bar(done, total, width=20):
    """A bar of text that reads well in a log."""
    filled = round(width * done / max(total, 1))
    return "[" + "#" * filled + "." * (width - filled) + "]"
