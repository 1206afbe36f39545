"""Networks and patches: the choices of the paper, and values that must never reach a network."""

import numpy as np
import pytest
import torch
from monai.networks.blocks import Convolution
from torch import nn

from myelosketch.errors import InputError
from myelosketch.learning.checks import check_sizes
from myelosketch.learning.networks import DNN2, DVRModel, MeanPool, PatchDiscriminator, UNet3d
from myelosketch.learning.patches import (
    brain_patches,
    padding_to_multiple,
    split_patches,
    with_brain,
)


def small_unet(channels=4, **changes):
    torch.manual_seed(0)
    return UNet3d(channels, **{"widths": [4, 8], "dropout": 0.5, **changes})


def test_every_convolution_is_3x3x3_with_leaky_relu_of_slope_02():
    for network in (small_unet(), PatchDiscriminator(5, widths=[2, 2, 4, 4], patch=[16, 16, 16])):
        blocks = [module for module in network.modules() if isinstance(module, Convolution)]
        assert {module.conv.kernel_size for module in blocks} == {(3, 3, 3)}
        slopes = {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)}
        assert slopes == {0.2}


def test_dropout_is_the_only_noise_and_is_off_at_prediction():
    network, image = small_unet(), torch.randn(1, 4, 8, 8, 8)
    assert {m.p for m in network.modules() if isinstance(m, nn.Dropout)} == {0.5}
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))
    silent = small_unet(dropout=0.0)
    assert torch.equal(silent(image), silent(image))


def test_depth_sets_the_stride():
    assert [small_unet(widths=[4] * levels).stride for levels in (2, 3, 4)] == [2, 4, 8]
    assert small_unet(widths=[4, 4, 4])(torch.randn(1, 4, 8, 12, 16)).shape == (1, 1, 8, 12, 16)
    assert DNN2(4, widths=[3, 5])(torch.randn(1, 4, 5, 6, 7)).shape == (1, 1, 5, 6, 7)


def test_the_two_layer_network_is_that_of_li_et_al():
    kinds = [type(module).__name__ for module in DNN2(4, widths=[10, 10]).hidden]
    assert kinds == ["Conv3d", "Sigmoid"] * 2
    layers = DNN2(4, widths=[10, 10]).hidden[::2]
    assert [(layer.out_channels, layer.kernel_size) for layer in layers] == [(10, (7, 7, 7))] * 2


def test_the_discriminator_has_four_stages_a_fully_connected_layer_and_two_logits():
    network = PatchDiscriminator(5, widths=[2, 2, 4, 4], patch=[16, 32, 16])
    kinds = [type(module).__name__ for module in network.stages]
    assert kinds == ["Convolution", "MeanPool"] * 4
    order = [type(module).__name__ for module in network.stages[0].modules() if not list(module.children())]
    assert order == ["Conv3d", "BatchNorm3d", "LeakyReLU"]
    assert network(torch.randn(3, 4, 16, 32, 16), torch.randn(3, 1, 16, 32, 16)).shape == (3, 2)
    with pytest.raises(InputError, match="has 3 values; the published discriminator has 4 stages"):
        PatchDiscriminator(5, widths=[2, 2, 4], patch=[16, 16, 16])


def test_patches_tile_the_image_without_overlap():
    image = torch.arange(2 * 3 * 32 * 16 * 48.0).reshape(2, 3, 32, 16, 48)
    patches = split_patches(image, [16, 16, 16])
    assert patches.shape == (2 * 2 * 1 * 3, 3, 16, 16, 16)
    assert torch.equal(patches[1], image[0, :, :16, :16, 16:32])
    assert torch.equal(patches[6], image[1, :, :16, :16, :16])
    assert torch.equal(patches.flatten().sort().values, image.flatten())


def test_a_patch_at_the_edge_is_filled_with_zeros():
    patches = split_patches(torch.ones(1, 1, 20, 16, 16), [16, 16, 16])
    assert patches.sum(dim=(1, 2, 3, 4)).tolist() == [4096, 4 * 256]
    assert padding_to_multiple((20, 16, 5), 16) == [12, 0, 11]
    assert padding_to_multiple((20, 16, 5), [4, 8, 5]) == [0, 0, 0]


def test_patches_without_brain_are_dropped():
    support = torch.zeros(1, 1, 32, 16, 16)
    support[0, 0, 20, 3, 3] = 1
    keep = with_brain(support, [16, 16, 16])
    assert keep.tolist() == [False, True]
    assert brain_patches(torch.ones(1, 4, 32, 16, 16), keep, [16, 16, 16]).shape == (1, 4, 16, 16, 16)


def test_sizes_that_cannot_work_are_sentences_with_the_nearest_that_can():
    check_sizes(crop=[32, 48, 16], patch=[16, 48, 16], stride=8)
    check_sizes(crop=None, patch=[64, 64, 64], stride=8)
    with pytest.raises(
        InputError, match=r"training.crop is \[30, 32, 32\].*divisible by 8, such as \[32, 32, 32\]"
    ):
        check_sizes(crop=[30, 32, 32], patch=None, stride=8)
    with pytest.raises(InputError, match=r"patch is \[16, 16, 20\].*divisible by 16, such as \[16, 16, 16\]"):
        check_sizes(crop=[32, 32, 32], patch=[16, 16, 20], stride=8)
    with pytest.raises(InputError, match=r"patch \[48, 48, 48\] is larger than training.crop \[32, 32, 32\]"):
        check_sizes(crop=[32, 32, 32], patch=[48, 48, 48], stride=8)


def test_the_output_is_linear_in_dvr_and_zero_outside_the_support():
    model = DVRModel(small_unet(), mean=1.2, sd=0.1).eval()
    nn.init.zeros_(model.network.head.weight)
    nn.init.constant_(model.network.head.bias, 2.0)
    support = torch.zeros(1, 1, 8, 8, 8)
    support[..., :4] = 1
    dvr = model(torch.randn(1, 4, 8, 8, 8), support)
    assert torch.allclose(dvr[..., :4], torch.tensor(1.4))
    assert (dvr[..., 4:] == 0).all()


@pytest.mark.parametrize(("residual", "expected"), [(True, 0.9), (False, 1.2)])
def test_a_residual_refiner_starts_from_the_sketch(residual, expected):
    model = DVRModel(small_unet(5), mean=1.2, sd=0.1, residual=residual).eval()
    nn.init.zeros_(model.network.head.weight)
    nn.init.zeros_(model.network.head.bias)
    dvr = model(torch.randn(1, 4, 8, 8, 8), torch.ones(1, 1, 8, 8, 8), torch.full((1, 1, 8, 8, 8), 0.9))
    assert torch.allclose(dvr, torch.tensor(expected))


def test_the_last_layer_is_not_rounded_to_bfloat16():
    network, image = small_unet().eval(), torch.randn(1, 4, 8, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(image)
    assert found.dtype == torch.float32
    assert not torch.equal(found, found.to(torch.bfloat16).float())
    assert np.corrcoef(found.detach().flatten(), network(image).detach().flatten())[0, 1] > 0.99


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_mean_pooling_is_that_of_pytorch_with_its_gradient(layout):
    image = torch.randn(2, 3, 8, 4, 6).to(memory_format=layout)
    ours, theirs = (image.clone(memory_format=torch.preserve_format).requires_grad_() for _ in range(2))
    pooled, expected = MeanPool()(ours), nn.AvgPool3d(2)(theirs)
    assert torch.allclose(pooled, expected, atol=1e-6)
    weights = torch.randn_like(expected)
    (pooled * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)


def test_the_last_layer_is_its_convolution():
    network, image = UNet3d(2, widths=[4, 8], dropout=0.0), torch.randn(1, 2, 8, 8, 8)
    seen = []
    network.decoder[-1].register_forward_hook(lambda _, __, output: seen.append(output))
    predicted = network(image)
    assert torch.allclose(predicted, network.head(seen[0]), atol=1e-5)
