"""Generator and discriminator of sketcher and refiner as one Lightning module (Wei et al. 2018, Eq. 2, 3 and 6).

The module also trains the networks without a discriminator to which the paper's method is compared, with the same
steps, data and budget and the L1 only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import lightning.pytorch as lightning
import numpy as np
import torch

from myelosketch.errors import InputError
from myelosketch.learning import losses
from myelosketch.learning.nonfinite import explain
from myelosketch.learning.patches import brain_patches, with_brain

if TYPE_CHECKING:
    from lightning.pytorch.core.optimizer import LightningOptimizer

    from myelosketch.learning.crops import FoldCrops
    from myelosketch.learning.networks import DVRModel, PatchDiscriminator


def measured_support(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return where the maps have tissue and the PET has a value, the only voxels that the discriminator gets.

    Otherwise a hole in the measured PET would distinguish it from a generated one.

    Returns
    -------
    Tensor (batch, 1, x, y, z), 0 or 1
    """
    return batch["support"] * (batch["dvr"] != 0)


class ConditionalGAN(lightning.LightningModule):
    """Generator and discriminator, trained alternately, each with a separate Adam optimiser.

    The discriminator gets the MRI maps with the measured or the generated PET, never the sketch (Eq. 3). The region
    map is not an input of either network. It only weights the L1.

    Parameters
    ----------
    generator : DVRModel
    discriminator : PatchDiscriminator, or None if the L1 is the whole loss
    batches : FoldCrops
    method : of `ladder.NETWORK_METHODS`, for messages
    patch : three sides; None without a discriminator
    adversarial : kind of adversarial loss, see `losses.generator_loss`
    lambda_l1 : weight of the L1 in Eq. 6
    learning_rate, discriminator_learning_rate : of the two Adams
    beta1 : first moment of both Adams
    schedule : "constant", or "cosine" down to a hundredth (our choice)
    steps : optimiser steps of the whole training, for the schedule
    ema : decay of the exponential moving average of the generator's weights; 0 switches it off (our choice)
    seed : int
    """

    def __init__(
        self,
        generator: DVRModel,
        discriminator: PatchDiscriminator | None,
        batches: FoldCrops,
        *,
        method: str = "sketcher",
        patch: Sequence[int] = (),
        adversarial: str = "nonsaturating",
        lambda_l1: float = 100.0,
        learning_rate: float = 1e-4,
        discriminator_learning_rate: float = 1e-4,
        beta1: float = 0.9,
        schedule: str = "constant",
        steps: int = 1,
        ema: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator, self.patch = generator, discriminator, patch
        self.batches, self.method = batches, method
        self.adversarial, self.lambda_l1, self.beta1 = adversarial, lambda_l1, beta1
        self.rates = [learning_rate, discriminator_learning_rate]
        self.schedule, self.steps, self.seed = schedule, steps, seed
        self.average = None
        if ema:
            averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(ema)
            self.average = torch.optim.swa_utils.AveragedModel(generator, multi_avg_fn=averaging)
            self.average.requires_grad_(False)
        self.sums: dict[str, torch.Tensor | float] = {}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return one Adam optimiser per network."""
        return [
            torch.optim.Adam(player.parameters(), lr=rate, betas=(self.beta1, 0.999))
            for player, rate in zip(self.players().values(), self.rates, strict=False)
        ]

    def players(self) -> dict[str, torch.nn.Module]:
        """Return the networks by name: generator and, if there is one, discriminator."""
        both = {"generator": self.generator, "discriminator": self.discriminator}
        return {name: player for name, player in both.items() if player is not None}

    def play(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Pass a batch through both networks, as the generator's step does, without learning."""
        predicted = self.generator(batch["maps"], batch["support"], batch.get("sketch"))
        if self.discriminator is not None:
            seen = measured_support(batch)
            keep = with_brain(seen, self.patch)
            real, fake = (self._patches(dvr, seen, keep) for dvr in (batch["dvr"], predicted))
            self._judge(brain_patches(batch["maps"], keep, self.patch), real, fake)

    def on_train_start(self) -> None:
        """Move the scans of the fold to the device if they fit."""
        self.batches.hold_on(self.device)

    def on_train_epoch_start(self) -> None:
        """Reset the mean of every term."""
        self.sums = {}

    def training_step(self, step: int, index: int) -> None:
        """Run one step of the discriminator, then one of the generator, on the same generated PET.

        Batch and dropout are functions of (seed, epoch, step), so a resumed training needs no stored random state.

        Raises
        ------
        InputError : a loss or gradient is not finite; no weight has been updated with it
        """
        stream = np.random.SeedSequence([self.seed, 2, self.current_epoch, index]).generate_state(1)
        torch.manual_seed(int(stream[0]))
        cut = self.batches[self.current_epoch, index]
        batch = {name: tensor.to(self.device) for name, tensor in cut.items()}
        found = self.optimizers()
        optimizers = found if isinstance(found, list) else [found]
        self._set_rates(optimizers, self.current_epoch * self.trainer.num_training_batches + index)
        predicted = self.generator(batch["maps"], batch["support"], batch.get("sketch"))
        terms = {"l1": losses.weighted_l1(predicted, batch["dvr"], batch["weights"])}
        total = self.lambda_l1 * terms["l1"]
        if self.discriminator is not None:
            seen = measured_support(batch)
            keep = with_brain(seen, self.patch)
            maps = brain_patches(batch["maps"], keep, self.patch)
            real, fake = (self._patches(dvr, seen, keep) for dvr in (batch["dvr"], predicted))
            terms |= self._step_discriminator(optimizers[1], batch, maps, real, fake.detach(), index)
            self.discriminator.requires_grad_(False)
            _, logits = self._judge(maps, real, fake)
            terms["adversarial"] = losses.generator_loss(logits, self.adversarial)
            total = total + terms["adversarial"]
        optimizers[0].zero_grad()
        self.manual_backward(total)
        terms["generator_gradient"] = self._gradient_norm("generator", total, batch, index)
        optimizers[0].step()
        if self.discriminator is not None:
            self.discriminator.requires_grad_(True)
        if self.average is not None:
            self.average.update_parameters(self.generator)
        self._add({"generator": total, **terms})

    def trained_generator(self) -> DVRModel:
        """The generator to save: its moving average if there is one."""
        if self.average is None:
            return self.generator
        return self.average.module  # type: ignore[return-value]  # its class does not declare what it averages

    def epoch_means(self) -> dict[str, float]:
        """Return the means of every term over the steps of the epoch, as floats."""
        count = float(self.sums.get("count", 1))
        return {name: float(value) / count for name, value in self.sums.items() if name != "count"}

    def _step_discriminator(
        self,
        optimizer: LightningOptimizer,
        batch: Mapping[str, torch.Tensor],
        maps: torch.Tensor,
        real: torch.Tensor,
        fake: torch.Tensor,
        index: int,
    ) -> dict[str, torch.Tensor]:
        real_logits, fake_logits = self._judge(maps, real, fake)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        optimizer.zero_grad()
        self.manual_backward(loss)
        norm = self._gradient_norm("discriminator", loss, batch, index)
        optimizer.step()
        return {
            "discriminator": loss,
            "accuracy_real": losses.accuracy(real_logits, losses.REAL),
            "accuracy_fake": losses.accuracy(fake_logits, losses.FAKE),
            "accuracy": losses.balanced_accuracy(real_logits, fake_logits),
            "discriminator_gradient": norm,
        }

    def _judge(
        self, maps: torch.Tensor, real: torch.Tensor, fake: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the discriminator's logits of real and generated patches, computed in one batch.

        Batch normalisation over batches of one kind would remove what all generated patches have in common, such as a
        level that is too low.
        """
        discriminator = self.players()["discriminator"]
        real_logits, fake_logits = discriminator(torch.cat([maps, maps]), torch.cat([real, fake])).chunk(2)
        return real_logits, fake_logits

    def _gradient_norm(
        self, player: str, loss: torch.Tensor, batch: Mapping[str, torch.Tensor], index: int
    ) -> torch.Tensor:
        """Return the L2 norm of a network's gradient. Raise an error if it or the loss is not finite."""
        gradients = [value.grad for value in self.players()[player].parameters() if value.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not (loss.detach() + norm).isfinite():
            step = f"step {index + 1} of epoch {self.current_epoch + 1}"
            half = "bf16" in str(self.trainer.precision)
            precision = torch.bfloat16 if half else torch.float32
            raise InputError(explain(self, batch, player=player, step=step, precision=precision))
        return norm

    def _patches(self, dvr: torch.Tensor, seen: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """Return the PET for the discriminator: standardised, and zero outside ``seen``."""
        return brain_patches(self.generator.standardise(dvr) * seen, keep, self.patch)

    def _set_rates(self, optimizers: Sequence[LightningOptimizer], step: float) -> None:
        """Set the learning rate, a function of the step only, so that resuming needs no stored state."""
        factor = 1.0
        if self.schedule == "cosine":
            factor = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(step / max(self.steps, 1), 1.0)))
        for optimizer, rate in zip(optimizers, self.rates, strict=False):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def _add(self, terms: Mapping[str, torch.Tensor]) -> None:
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
        self.sums["count"] = self.sums.get("count", 0) + 1
