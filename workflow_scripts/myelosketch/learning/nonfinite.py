"""Reason why a training step gave non-finite numbers: diverged weights, or wrong arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from myelosketch.learning.gan import ConditionalGAN

# in a network of about ten layers, an overflow of float32 or bfloat16 (3e38) needs numbers far above this
ORDINARY_WEIGHT = 1e4
OTHER_ARITHMETIC = {
    (
        "cpu",
        torch.float32,
    ): "run the same command with ATEN_CPU_CAPABILITY=avx2 and ONEDNN_MAX_CPU_ISA=AVX2 in the environment",
    ("cuda", torch.bfloat16): "set training.precision to 32",
    ("cuda", torch.float32): "set training.device to cpu, or use another GPU",
}


def explain(
    module: ConditionalGAN,
    batch: Mapping[str, torch.Tensor],
    *,
    player: str,
    step: str,
    precision: torch.dtype,
) -> str:
    """Return the message for a step with a non-finite loss or gradient. The step has not changed a weight yet.

    Large weights mean that the training diverged. Ordinary weights cannot cause an overflow, so in that case a
    kernel of PyTorch computed a wrong result.

    Parameters
    ----------
    module : ConditionalGAN
    batch : dict of Tensors of the step
    player : "generator" or "discriminator", the network with the non-finite loss or gradient
    step : str, such as "step 3 of epoch 1"
    precision : torch.dtype of the convolutions

    Returns
    -------
    str
    """
    weights = {name: largest_weight(network) for name, network in module.players().items()}
    grown = max(weights, key=weights.__getitem__)
    if not weights[grown] <= ORDINARY_WEIGHT:
        rate = "learning_rate" if grown == "generator" else "discriminator_learning_rate"
        return (
            f"training diverged in {step}: weights of the {grown} have grown to {weights[grown]:.1g}. "
            f"Lower training.{module.method}.{rate}."
        )
    layer = first_layer(module, batch, player)
    device = module.device.type
    other = OTHER_ARITHMETIC[device, precision]
    where = torch.backends.cpu.get_cpu_capability() if device == "cpu" else torch.cuda.get_device_name()
    return (
        f"the {player} of {module.method} is not finite in {step}, although no weight is above "
        f"{weights[grown]:.2g}: the arithmetic is at fault, not your data or settings. First layer: {layer}; "
        f"PyTorch {torch.__version__}, {device} ({where}), {str(precision).removeprefix('torch.')}. Please report "
        f"this message (see CONTRIBUTING.md). To continue meanwhile, {other}: this uses other "
        "kernels, and training continues from its last epoch."
    )


def largest_weight(network: torch.nn.Module) -> float:
    """Return the largest absolute weight, nan if a weight is not a number."""
    return float(torch.stack([value.detach().abs().max() for value in network.parameters()]).max())


def first_layer(module: ConditionalGAN, batch: Mapping[str, torch.Tensor], player: str) -> str:
    """Return the name of the first layer, in order of computation, with a non-finite output or gradient."""
    return (
        first_in_forward(module, batch)
        or first_in_backward(module, player)
        or "none when the step was repeated"
    )


def first_in_forward(module: ConditionalGAN, batch: Mapping[str, torch.Tensor]) -> str | None:
    """Repeat the step in both networks and return the first layer with a non-finite output."""
    bad = []

    def look(name: str) -> Callable[..., None]:
        return lambda *call: None if call[-1].isfinite().all() else bad.append(name)

    layers = [(name, layer) for name, layer in module.named_modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(look(name)) for name, layer in layers]
    with torch.no_grad():
        module.play(batch)
    for hook in hooks:
        hook.remove()
    return bad[0] if bad else None


def first_in_backward(module: ConditionalGAN, player: str) -> str | None:
    """Return the layer with a non-finite gradient that is nearest to the output of a network."""
    bad = [
        name.rpartition(".")[0]
        for name, value in module.players()[player].named_parameters(prefix=player)
        if value.grad is not None and not value.grad.isfinite().all()
    ]
    return f"{bad[-1]} (its gradient)" if bad else None
