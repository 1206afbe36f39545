"""Voxelwise scores: computed by hand, against MONAI, and independent of values outside the brain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myelosketch.evaluation.voxelwise import BrainSSIM, VoxelwiseScorer, pearson, region_errors

SHAPE = (16, 15, 14)


def random_map(seed, shape=SHAPE):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def ball(shape=SHAPE):
    grid = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    return (grid**2).sum(axis=0) < 36


def test_errors_by_hand():
    row = region_errors(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 2.0]), data_range=2.0)
    assert row["mae"] == pytest.approx(1.0)
    assert row["mse"] == pytest.approx(5 / 3)
    assert row["bias"] == pytest.approx(1.0)
    assert row["psnr"] == pytest.approx(10 * np.log10(4 / (5 / 3)))
    assert row["pearson_r"] == pytest.approx(np.corrcoef([1, 2, 4], [1, 1, 2])[0, 1])
    assert row["n_voxels"] == 3


def test_empty_region_has_no_score():
    row = region_errors(np.array([]), np.array([]), data_range=2.0)
    assert row.pop("n_voxels") == 0
    assert np.isnan(list(row.values())).all()


def test_equal_maps_have_infinite_psnr_and_no_error():
    values = random_map(0).ravel()
    row = region_errors(values, values, data_range=2.0)
    assert (row["mae"], row["psnr"]) == (0, np.inf)
    assert row["pearson_r"] == pytest.approx(1)


@pytest.mark.parametrize("constant", [np.full(50, 1.27), np.full(50, 1.27, np.float32), np.zeros(50)])
def test_a_constant_map_has_no_correlation(constant):
    assert np.isnan(pearson(constant, np.linspace(0, 1, 50)))


def test_opposite_maps_correlate_with_minus_one():
    values = np.linspace(0, 1, 50)
    assert pearson(values, -values) == pytest.approx(-1)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.5, 0.5), st.integers(0, 100))
def test_a_shift_is_all_bias(shift, seed):
    values = random_map(seed, (4, 4, 4)).ravel()
    row = region_errors(values + shift, values, data_range=2.0)
    assert row["bias"] == pytest.approx(shift, abs=1e-12)
    assert row["mae"] == pytest.approx(abs(shift), abs=1e-12)
    assert row["mse"] >= row["bias"] ** 2 - 1e-12


def test_ssim_equals_monai_where_the_window_is_all_brain():
    torch = pytest.importorskip("torch")
    from monai.metrics.regression import compute_ssim_and_cs

    shape = (20, 19, 18)
    measured, predicted = random_map(1, shape), random_map(2, shape) * 0.4 + random_map(1, shape) * 0.6
    ours = BrainSSIM(measured, np.ones(shape, bool), data_range=2.0).map(predicted)
    tensors = [torch.from_numpy(volume)[None, None] for volume in (predicted, measured)]
    theirs, _ = compute_ssim_and_cs(
        *tensors, spatial_dims=3, kernel_size=(11,) * 3, kernel_sigma=(1.5,) * 3, data_range=2.0
    )
    # MONAI computes in float32
    assert np.allclose(ours[5:-5, 5:-5, 5:-5], theirs.numpy()[0, 0], atol=1e-4)


def test_ssim_of_equal_maps_is_one_and_falls_with_noise():
    measured, brain = random_map(3), ball()
    similarity = BrainSSIM(measured, brain, data_range=2.0)
    means = []
    for noise in (0.0, 0.05, 0.2):
        noisy = measured + np.random.default_rng(4).normal(0, noise, SHAPE)
        means.append(similarity.map(noisy)[brain].mean())
    assert means[0] == pytest.approx(1)
    assert means[0] > means[1] > means[2]


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([0.0, -3.0, 50.0, np.nan]))
def test_nothing_outside_the_brain_changes_a_score(fill):
    brain = ball()
    labels = np.where(brain, 1, 0)
    labels[8, 7, 7] = 3
    measured, predicted = random_map(5), random_map(6)
    expected = VoxelwiseScorer(measured, labels, data_range=2.0).score(predicted)
    other = VoxelwiseScorer(np.where(brain, measured, fill), labels, data_range=2.0)
    found = other.score(np.where(brain, predicted, fill))
    for one, two in zip(expected, found, strict=True):
        assert one == pytest.approx(two, nan_ok=True)


def test_rows_of_regions_and_missing_ones():
    labels = np.where(ball(), 1, 0)
    rows = VoxelwiseScorer(random_map(7), labels, data_range=2.0).score(random_map(8))
    assert [row["region"] for row in rows] == ["brain", "lesion", "nawm", "other"]
    assert [row["n_voxels"] > 0 for row in rows] == [True, False, False, True]
    assert np.isnan(rows[1]["ssim"])
    assert np.isnan(rows[1]["mae"])


def test_an_empty_brain_is_no_crash():
    rows = VoxelwiseScorer(random_map(9), np.zeros(SHAPE, int), data_range=2.0).score(random_map(9))
    assert all(row["n_voxels"] == 0 for row in rows)


def test_psnr_range_is_the_stated_one_for_every_map():
    labels = np.ones(SHAPE, int)
    measured = random_map(10)
    outlier = measured.copy()
    outlier[0, 0, 0] += 10
    plain = VoxelwiseScorer(measured, labels, data_range=2.0).score(measured + 0.1)[0]["psnr"]
    assert plain == pytest.approx(10 * np.log10(4 / 0.01))
    bright = VoxelwiseScorer(outlier, labels, data_range=2.0).score(outlier + 0.1)[0]["psnr"]
    assert bright == pytest.approx(plain)


def test_ssim_at_the_edge_uses_the_brain_voxels_of_the_window_alone():
    measured, predicted, brain = random_map(11), random_map(12), ball()
    edge = tuple(np.argwhere(brain)[0])
    offsets = np.indices(SHAPE) - np.array(edge)[:, None, None, None]
    weights = np.where(brain & (np.abs(offsets).max(axis=0) <= 5), np.exp(-(offsets**2).sum(axis=0) / 4.5), 0)
    weights /= weights.sum()
    mean_x, mean_y = (weights * predicted).sum(), (weights * measured).sum()
    x, y = predicted - mean_x, measured - mean_y
    variance_x, variance_y, covariance = ((weights * product).sum() for product in (x * x, y * y, x * y))
    c1, c2 = 0.02**2, 0.06**2
    expected = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    expected *= (2 * covariance + c2) / (variance_x + variance_y + c2)
    found = BrainSSIM(measured, brain, data_range=2.0).map(predicted)
    assert found[edge] == pytest.approx(expected)


def test_errors_to_the_visible_part_by_hand():
    measured, visible = np.full((3, 1, 1), 1.5), np.array([1.0, 1.2, 1.4]).reshape(3, 1, 1)
    labels = np.full((3, 1, 1), 3)
    scorer = VoxelwiseScorer(measured, labels, data_range=2.0, visible=visible)
    lesion = next(row for row in scorer.score(visible + 0.1) if row["region"] == "lesion")
    assert lesion["mae_visible"] == pytest.approx(0.1)
    assert lesion["r_visible"] == pytest.approx(1)
    assert lesion["mae"] == pytest.approx((0.4 + 0.2 + 0.0) / 3)
    unknown = VoxelwiseScorer(measured, labels, data_range=2.0).score(visible)
    assert all(np.isnan([row["mae_visible"], row["r_visible"]]).all() for row in unknown)
