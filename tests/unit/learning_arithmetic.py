"""Gradients of a few training steps compared with the same steps in float64, layer by layer.

Run it in a separate process, because an instruction set is chosen by the environment before PyTorch is imported:
``python learning_arithmetic.py CASE:METHOD:STEPS ...`` prints the largest relative error of each layer as JSON;
cases are those of the benchmarks (`learning_work.CASES`).
"""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    for folder in ("workflow_scripts", "tests/benchmarks"):
        sys.path.insert(0, str(Path(__file__).parents[2] / folder))

import lightning.pytorch as lightning
import torch
from learning_work import module_of
from torch import nn
from torch.nn import functional

from myelosketch.learning import losses
from myelosketch.learning.crops import step_loader


class ReferenceConvolution(torch.autograd.Function):
    """3x3x3 convolution as 27 matrix products, without a convolution kernel and with little memory."""

    @staticmethod
    def forward(context, image, weight, bias, stride):
        context.save_for_backward(image, weight)
        context.stride = stride
        padded = functional.pad(image, [1] * 6)
        sides = [(side - 1) // stride + 1 for side in image.shape[2:]]
        result = bias.view(1, -1, 1, 1, 1).expand(len(image), -1, *sides).clone()
        for tap in taps(sides, stride):
            result += torch.einsum("ncxyz,oc->noxyz", padded[tap.voxels], weight[tap.weight])
        return result

    @staticmethod
    def backward(context, gradient):
        image, weight = context.saved_tensors
        padded = functional.pad(image, [1] * 6)
        of_padded, of_weight = torch.zeros_like(padded), torch.zeros_like(weight)
        for tap in taps(gradient.shape[2:], context.stride):
            of_weight[tap.weight] = torch.einsum("noxyz,ncxyz->oc", gradient, padded[tap.voxels])
            of_padded[tap.voxels] += torch.einsum("noxyz,oc->ncxyz", gradient, weight[tap.weight])
        return of_padded[:, :, 1:-1, 1:-1, 1:-1], of_weight, gradient.sum((0, 2, 3, 4)), None


class Tap:
    """One of the 27 weights of a kernel, and the voxels of the padded image that it meets."""

    def __init__(self, place, sides, stride):
        self.weight = (slice(None), slice(None), *place)
        spans = [
            slice(first, first + stride * (n - 1) + 1, stride) for first, n in zip(place, sides, strict=True)
        ]
        self.voxels = (slice(None), slice(None), *spans)


def taps(sides, stride):
    """All taps of a kernel for a result of these sides."""
    return [Tap(place, sides, stride) for place in torch.cartesian_prod(*[torch.arange(3)] * 3).tolist()]


class Reference:
    """Convert a module and its batches to float64, and its convolutions to matrix products."""

    def __init__(self, module):
        self.batches, self.steps = module.batches, module.batches.steps
        for layer in module.modules():
            if isinstance(layer, nn.Conv3d) and layer.kernel_size == (3, 3, 3):
                layer.forward = reference_forward(layer)
        module.double().batches = self

    def hold_on(self, device):
        """Leave scans on their device."""

    def __getitem__(self, index):
        return {name: tensor.double() for name, tensor in self.batches[index].items()}


class SharedDropout(nn.Module):
    """Dropout that always draws in float32, so that both precisions drop the same values."""

    def __init__(self, layer):
        super().__init__()
        self.keep = 1 - layer.p

    def forward(self, image):
        return image * (torch.rand(image.shape) < self.keep) / self.keep


class NotedActivation(nn.Module):
    """The layer itself; it records which of its inputs were positive."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.positive = layer, []

    def forward(self, image):
        self.positive.append(image > 0)
        return self.layer(image)


class FollowingActivation(nn.Module):
    """LeakyReLU with the signs that its twin recorded, because rounding changes the sign of inputs near zero."""

    def __init__(self, layer, twin):
        super().__init__()
        self.slope, self.twin = layer.negative_slope, twin

    def forward(self, image):
        return torch.where(self.twin[0].positive.pop(0), image, self.slope * image)


class SharedSigns:
    """L1 with the signs of the errors in float32, because rounding changes the sign of errors near zero."""

    def __init__(self):
        self.signs = []

    def noted(self, predicted, measured, weights):
        self.signs.append((predicted - measured).detach().sign())
        return WEIGHTED_L1(predicted, measured, weights)

    def followed(self, predicted, measured, weights):
        return (weights * self.signs.pop(0) * (predicted - measured)).sum() / len(predicted)


WEIGHTED_L1 = losses.weighted_l1


def replace_layers(module, kind, replacement):
    """Replace every layer of a kind by ``replacement(layer)``. Return the replacements in order."""
    found = []
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kind):
                found.append(replacement(child))
                setattr(parent, name, found[-1])
    return found


def reference_forward(layer):
    """Replacement of a convolution's ``forward``."""
    assert layer.padding == (1, 1, 1), layer
    assert len(set(layer.stride)) == 1, layer
    return lambda image: ReferenceConvolution.apply(image, layer.weight, layer.bias, layer.stride[0])


class Watch(lightning.Callback):
    """Keeps the state before each step and the gradients after it; with ``states``, every step starts from those."""

    def __init__(self, states=None):
        self.given, self.states, self.gradients = states, [], []

    def on_train_batch_start(self, trainer, module, batch, index):
        if self.given:
            module.load_state_dict(self.given[index])
        self.states.append({name: value.clone() for name, value in module.state_dict().items()})

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.gradients.append(gradients_of_layers(module))


def gradients_of_layers(module):
    """Gradient of every layer of both players, weights and bias as one vector, float64."""
    layers = {}
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            layers.setdefault(name.rpartition(".")[0], []).append(parameter.grad.double().flatten())
    return {name: torch.cat(parts) for name, parts in layers.items()}


def watched(module, states=None):
    """Train a module through its steps: Watch."""
    watch = Watch(states)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        callbacks=[watch],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, step_loader(module.batches))
    return watch


def errors(case, method, steps):
    """Largest relative error of each layer's gradient over the steps: dict of layer to float."""
    module, reference = (module_of(case, method, steps_per_epoch=steps) for _ in range(2))
    for players in (module, reference):
        replace_layers(players, nn.Dropout, SharedDropout)
    twins = iter(replace_layers(module, nn.LeakyReLU, NotedActivation))
    # in a tuple, so that the twin is not registered as a submodule
    replace_layers(reference, nn.LeakyReLU, lambda layer: FollowingActivation(layer, (next(twins),)))
    Reference(reference)
    shared = SharedSigns()
    losses.weighted_l1 = shared.noted
    found = watched(module)
    losses.weighted_l1 = shared.followed
    expected = watched(reference, found.states)
    worst = {}
    for ours, theirs in zip(found.gradients, expected.gradients, strict=True):
        assert ours.keys() == theirs.keys()
        for name, gradient in theirs.items():
            error = float((ours[name] - gradient).norm() / gradient.norm())
            worst[name] = error if error != error else max(error, worst.get(name, 0.0))
    return worst


if __name__ == "__main__":
    found = {}
    for wanted in sys.argv[1:]:
        case, method, steps = wanted.split(":")
        of_layers = errors(case, method, int(steps))
        found |= {f"{case}:{method} {layer}": error for layer, error in of_layers.items()}
    print(json.dumps(found))
