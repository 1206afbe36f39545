"""Generators and discriminator of the sketcher and the refiner, and the two-layer network for comparison.

From the paper: a 3D U-Net of 3x3x3 convolutions, LeakyReLU of slope 0.2, 50 % dropout; a discriminator of four stages
Conv3D-BatchNorm-LeakyReLU-Downsampling, a fully connected layer and a softmax. The paper does not state widths,
depth, batch normalisation of the generator, position of the dropout or the kind of down- and upsampling. These are
our choice (docs/method.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional

from myelosketch.errors import InputError
from myelosketch.learning.checks import HALVINGS
from myelosketch.learning.ladder import GENERATORS

if TYPE_CHECKING:
    from myelosketch.learning.data import Normalisation

SLOPE = 0.2


def convolution(channels_in: int, channels_out: int, *, dropout: float = 0.0, strides: int = 1) -> nn.Module:
    """3x3x3 convolution, batch normalisation, dropout, LeakyReLU (a MONAI block)."""
    return Convolution(
        3,
        channels_in,
        channels_out,
        strides=strides,
        kernel_size=3,
        adn_ordering="NDA",
        act=("LeakyReLU", {"negative_slope": SLOPE, "inplace": True}),
        norm="BATCH",
        dropout=dropout or None,
    )


class UNet3d(nn.Module):
    """U-Net of the paper (Fig. 2B), with two convolutions per level and strided convolutions (our choice).

    Dropout is the noise z of Eq. 2 (as in pix2pix). It is used in the deepest level and in the decoder below full
    resolution, in training only.

    Parameters
    ----------
    channels : number of input channels
    widths : feature channels per level; n levels shrink the image by 2^(n-1)
    dropout : probability
    """

    def __init__(self, channels: int, *, widths: Sequence[int], dropout: float = 0.5) -> None:
        super().__init__()
        self.stride = 2 ** (len(widths) - 1)
        self.encoder = nn.ModuleList()
        for level, width in enumerate(widths):
            deepest = level > 0 and level == len(widths) - 1
            self.encoder.append(
                nn.Sequential(
                    convolution(channels, width, strides=2 if level else 1),
                    convolution(width, width, dropout=dropout if deepest else 0.0),
                )
            )
            channels = width
        self.decoder = nn.ModuleList()
        for level in reversed(range(len(widths) - 1)):
            width = widths[level]
            self.decoder.append(
                nn.Sequential(
                    convolution(channels + width, width, dropout=dropout if level else 0.0),
                    convolution(width, width),
                )
            )
            channels = width
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv3d(channels, 1, kernel_size=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, x, y, z), sides divisible by ``stride``, to (batch, 1, x, y, z), float32."""
        skips = []
        for stage in self.encoder:
            image = stage(image)
            skips.append(image)
        skips.pop()
        for stage in self.decoder:
            image = stage(torch.cat([self.upsample(image), skips.pop()], dim=1))
        return _head(self.head, image)


class DNN2(nn.Module):
    """Two hidden layers of 7x7x7 convolutions and sigmoids, the comparison of the paper (Li et al. 2014: 10 maps).

    Loss, optimiser and crops are those of the other networks here. Whole crops are predicted, with zeros around the
    image. Both are our choice.
    """

    stride = 1

    def __init__(self, channels: int, *, widths: Sequence[int]) -> None:
        super().__init__()
        first, second = widths
        self.hidden = nn.Sequential(
            nn.Conv3d(channels, first, kernel_size=7, padding=3),
            nn.Sigmoid(),
            nn.Conv3d(first, second, kernel_size=7, padding=3),
            nn.Sigmoid(),
        )
        self.head = nn.Conv3d(second, 1, kernel_size=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, x, y, z) to (batch, 1, x, y, z)."""
        return _head(self.head, self.hidden(image))


class DVRModel(nn.Module):
    """A network with a linear output in DVR (our choice, decision 12), zero where the MRI maps have no tissue.

    Without a sketch: DVR = mean + SD x network(maps). A sketch is an additional input channel, and with ``residual``
    DVR = sketch + SD x network(maps, sketch) (our choice, beyond the paper). Mean and SD are those of the target,
    over the brain voxels of the training scans.

    Parameters
    ----------
    network : module with ``stride`` that maps (batch, channels, ...) to (batch, 1, ...)
    mean, sd : DVR of the training scans
    residual : predict a correction of the sketch
    """

    mean: torch.Tensor
    sd: torch.Tensor

    def __init__(self, network: UNet3d | DNN2, *, mean: float, sd: float, residual: bool = False) -> None:
        super().__init__()
        self.network = network
        self.residual = residual
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("sd", torch.tensor(float(sd)))

    def forward(
        self, maps: torch.Tensor, support: torch.Tensor, sketch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the predicted DVR.

        Parameters
        ----------
        maps : Tensor (batch, inputs, x, y, z), z-scores of the input maps
        support : Tensor (batch, 1, x, y, z), 1 where the maps have tissue
        sketch : Tensor (batch, 1, x, y, z), DVR, for a refiner

        Returns
        -------
        Tensor (batch, 1, x, y, z), float32, DVR
        """
        image = maps if sketch is None else torch.cat([maps, self.standardise(sketch) * support], dim=1)
        origin = sketch if self.residual else self.mean
        return (origin + self.sd * self.network(image)) * support

    def standardise(self, dvr: torch.Tensor) -> torch.Tensor:
        """Return the DVR in units of the training scans' SD around their mean."""
        return (dvr - self.mean) / self.sd


class MeanPool(nn.Module):
    """Average pooling of 2x2x2 voxels, equal to ``nn.AvgPool3d(2)``, in two steps of plane pooling.

    PyTorch pools volumes in a memory order that its convolutions do not use (channels first), so data must be copied
    between layers. It pools planes in the order of the convolutions. This saves a fifth of the time of a
    discriminator pass on CPU.
    """

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, x, y, z), even sides, to (batch, channels, x/2, y/2, z/2)."""
        batch, channels, x, y, z = image.shape
        planes = image.movedim(1, -1).reshape(batch * x, y, z, channels).movedim(-1, 1)
        halved = functional.avg_pool2d(planes, 2).movedim(1, -1)
        rows = halved.reshape(batch, x, 1, -1).movedim(-1, 1)
        halved = functional.avg_pool2d(rows, (2, 1)).movedim(1, -1)
        return halved.reshape(batch, x // 2, y // 2, z // 2, channels).movedim(-1, 1)


class PatchDiscriminator(nn.Module):
    """Classify patches of MRI maps and PET as fake (0) or real (1) (Wei et al. 2018, Fig. 2A).

    Parameters
    ----------
    channels : MRI maps + 1
    widths : feature channels of the four stages (our choice)
    patch : three sides, each divisible by 16
    """

    def __init__(self, channels: int, *, widths: Sequence[int], patch: Sequence[int]) -> None:
        super().__init__()
        if len(widths) != HALVINGS:
            raise InputError(
                f"training.discriminator.widths has {len(widths)} values; the published discriminator has "
                f"{HALVINGS} stages: give {HALVINGS}."
            )
        stages = []
        for width in widths:
            stages += [convolution(channels, width), MeanPool()]
            channels = width
        self.stages = nn.Sequential(*stages)
        remaining = [side // 2**HALVINGS for side in patch]
        self.classifier = nn.Linear(channels * remaining[0] * remaining[1] * remaining[2], 2)

    def forward(self, maps: torch.Tensor, pet: torch.Tensor) -> torch.Tensor:
        """Return two logits per patch. Their softmax is (P(fake), P(real)).

        Parameters
        ----------
        maps : Tensor (patches, inputs, l, w, h)
        pet : Tensor (patches, 1, l, w, h), standardised DVR, real or generated

        Returns
        -------
        Tensor (patches, 2)
        """
        features = self.stages(torch.cat([maps, pet], dim=1)).flatten(1)
        with _full_precision(features):
            return self.classifier(features.to(self.classifier.weight.dtype))


NETWORKS: dict[str, type[UNet3d] | type[DNN2]] = {"unet": UNet3d, "dnn2": DNN2}


def build_generator(method: str, settings: Mapping[str, Any], normalisation: Normalisation) -> DVRModel:
    """Return the generator of a method, with new weights.

    Parameters
    ----------
    method : key of `GENERATORS`
    settings : of `training.stage_settings`, or the card's ``settings``
    normalisation : Normalisation

    Returns
    -------
    DVRModel
    """
    plan = GENERATORS[method]
    channels = len(normalisation.inputs) + (1 if plan.refines else 0)
    shape = {"widths": settings["widths"]} if plan.network == "dnn2" else settings["generator"]
    network = NETWORKS[plan.network](channels, **shape)
    return DVRModel(
        network,
        mean=normalisation.dvr_mean,
        sd=normalisation.dvr_sd,
        residual=settings.get("residual", False),
    )


def _head(layer: nn.Conv3d, image: torch.Tensor) -> torch.Tensor:
    """Compute a 1x1x1 convolution in float32 as a matrix product over channels.

    The gradient then keeps the channels-last memory order, unlike that of the convolution."""
    with _full_precision(image):
        channels_last = image.to(layer.weight.dtype).movedim(1, -1)
        return functional.linear(channels_last, layer.weight.flatten(1), layer.bias).movedim(-1, 1)


def _full_precision(image: torch.Tensor) -> torch.autocast:
    """Run last layers in float32, because bfloat16 has steps of 0.008 at DVR 1, too coarse for DVR."""
    return torch.autocast(image.device.type, enabled=False)
