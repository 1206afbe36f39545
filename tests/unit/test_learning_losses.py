"""Losses against values computed by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from myelosketch.errors import GeometryError, InputError
from myelosketch.learning import losses

REGIONS = np.array([[[0, 1, 1, 1], [2, 2, 3, 0]]])  # M = 8 voxels: 3 other, 2 white matter, 1 lesion


def tensor(values):
    return torch.tensor(np.asarray(values, np.float32))[None, None]


def literal_equation_5(predicted, measured, regions):
    """Eq. 5 as printed, for N = 1 subject, with its 1/M and the sum over regions."""
    total = 0.0
    for code in (3, 2, 1):
        voxels = np.argwhere(regions == code)
        if len(voxels):
            total += sum(abs(measured[tuple(j)] - predicted[tuple(j)]) for j in voxels) / len(voxels)
    return total / regions.size


def test_l1_of_the_sketcher_is_the_mean_over_brain_voxels():
    error = np.array([[[9, 1, 2, 3], [4, 5, 6, 9]]], float)  # 9 is outside the brain
    found = losses.weighted_l1(tensor(error), tensor(0 * error), tensor(losses.brain_weights(REGIONS)))
    assert found.item() == pytest.approx((1 + 2 + 3 + 4 + 5 + 6) / 6)


def test_l1_of_two_subjects_is_the_mean_over_subjects():
    weights = tensor(losses.brain_weights(REGIONS))
    both = torch.cat([tensor(np.ones(REGIONS.shape)), tensor(3 * np.ones(REGIONS.shape))])
    found = losses.weighted_l1(both, 0 * both, torch.cat([weights, weights]))
    assert found.item() == pytest.approx(2.0)


def test_weighted_l1_by_hand():
    error = np.array([[[9, 1, 2, 3], [4, 6, 7, 9]]], float)
    sums = losses.weighted_l1(
        tensor(error), tensor(0 * error), tensor(losses.region_weights(REGIONS, reduction="sum"))
    )
    assert sums.item() == pytest.approx(2 + 5 + 7)
    mean = losses.weighted_l1(tensor(error), tensor(0 * error), tensor(losses.region_weights(REGIONS)))
    assert mean.item() == pytest.approx((2 + 5 + 7) / 3)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_the_literal_equation_5_is_ours_divided_by_the_number_of_voxels(seed):
    random = np.random.default_rng(seed)
    predicted, measured = random.normal(1.2, 0.1, (2, 3, 4, 5))
    regions = random.integers(0, 4, (3, 4, 5))
    weights = losses.region_weights(regions, reduction="sum")
    ours = losses.weighted_l1(tensor(predicted), tensor(measured), tensor(weights)).item()
    assert ours == pytest.approx(literal_equation_5(predicted, measured, regions) * regions.size, rel=1e-4)


def test_a_control_has_no_lesion_term():
    control = np.where(REGIONS == 3, 2, REGIONS)
    assert losses.region_weights(control).sum() == pytest.approx(1)
    assert losses.region_weights(control, reduction="sum").sum() == pytest.approx(2)
    assert losses.region_weights(0 * control).sum() == 0


def test_the_cap_limits_the_ratio_of_weights():
    regions = np.ones((10, 10, 10), int)
    regions[0, 0, 0] = 3
    weights = losses.region_weights(regions, cap=50)
    assert weights[0, 0, 0] / weights[5, 5, 5] == pytest.approx(50, rel=1e-5)
    uncapped = losses.region_weights(regions)
    assert uncapped[0, 0, 0] / uncapped[5, 5, 5] == pytest.approx(999, rel=1e-5)


def test_bad_settings_of_the_weights_are_sentences():
    with pytest.raises(
        InputError, match="reduction of the weighted L1 is 'median'; expected one of mean_present, sum"
    ):
        losses.region_weights(REGIONS, reduction="median")
    with pytest.raises(InputError, match="cap of the region weights is 0.5; expected at least 1"):
        losses.region_weights(REGIONS, cap=0.5)


def test_shapes_that_differ_are_an_error():
    with pytest.raises(GeometryError, match="the L1 needs equal shapes"):
        losses.weighted_l1(torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 3), torch.zeros(1, 1, 2, 2, 2))


def test_two_logits_with_softmax_equal_one_sigmoid_on_their_difference():
    logits = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    real = torch.sigmoid(logits[:, 1] - logits[:, 0])
    assert torch.allclose(torch.softmax(logits, dim=1)[:, 1], real, atol=1e-6)
    expected = -(real.log().mean() + (1 - real).log().mean())
    assert losses.discriminator_loss(logits, logits).item() == pytest.approx(expected.item(), rel=1e-5)


def test_adversarial_losses_by_hand():
    # softmax of (0, ln 3) gives the real class 3/4
    three_quarters = torch.tensor([[0.0, math.log(3)]])
    quarter = torch.tensor([[math.log(3), 0.0]])
    both = losses.discriminator_loss(three_quarters, quarter)
    assert both.item() == pytest.approx(-2 * math.log(0.75), rel=1e-5)
    assert losses.generator_loss(quarter).item() == pytest.approx(-math.log(0.25), rel=1e-5)
    assert losses.generator_loss(quarter, "saturating").item() == pytest.approx(math.log(0.75), rel=1e-5)


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_the_generator_gains_by_looking_real(kind):
    logits = torch.zeros(1, 2, requires_grad=True)
    losses.generator_loss(logits, kind).backward()
    assert logits.grad[0, losses.REAL] < 0  # descent raises the real logit
    assert logits.grad[0, losses.FAKE] > 0


def test_the_discriminator_is_bounded_and_gains_by_telling_apart():
    real, fake = (torch.zeros(1, 2, requires_grad=True) for _ in range(2))
    losses.discriminator_loss(real, fake).backward()
    assert real.grad[0, losses.REAL] < 0
    assert fake.grad[0, losses.REAL] > 0
    sure = torch.tensor([[-50.0, 50.0]])
    assert losses.discriminator_loss(sure, -sure).item() >= 0


def test_accuracy_counts_patches():
    logits = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [0.0, 3.0]])
    assert losses.accuracy(logits, losses.REAL).item() == 0.75
