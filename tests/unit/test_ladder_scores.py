"""Scores of the ladder study have known answers, and its intervals cover the truth at their stated rate."""

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import matthews_corrcoef, r2_score

from myelosketch.evaluation.crossed import crossed_mean
from myelosketch.evaluation.ladder_scores import (
    explained_share,
    gradient_energy,
    matched_mcc,
    rank_correlation,
    visible_moments,
)


def tables(n, *, patients, seeds, rest, n_patients=60, n_seeds=5):
    """Scores of true mean 0: patient, seed and rest, of given standard deviations."""
    generator = np.random.default_rng(4)
    for _ in range(n):
        values = generator.normal(0, rest, (n_patients, n_seeds))
        yield (
            values + generator.normal(0, patients, (n_patients, 1)) + generator.normal(0, seeds, (1, n_seeds))
        )


@pytest.mark.parametrize(
    "seeds", [0, 0.1, 0.5], ids=["seeds alike", "as the mean of patients", "seeds above all"]
)
def test_intervals_over_patients_and_seeds_hold_the_mean_as_often_as_they_say(seeds):
    found = [crossed_mean(values, alpha=0.05) for values in tables(1500, patients=1, seeds=seeds, rest=0.5)]
    # 1,500 tables: a share of .95 is met within .017 in 997 of 1,000 tests
    assert np.mean([one.ci_low <= 0 <= one.ci_high for one in found]) == pytest.approx(0.95, abs=0.017)


def test_intervals_over_patients_alone_are_those_of_student():
    values = np.random.default_rng(1).normal(2, 1, (30, 1))
    found = crossed_mean(values, alpha=0.1)
    expected = stats.ttest_1samp(values[:, 0], 0).confidence_interval(0.9)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(expected))
    assert (found.n_patients, found.n_seeds) == (30, 1)
    # a network with identical seeds gives no more information than one seed
    same = crossed_mean(np.repeat(values, 5, axis=1), alpha=0.1)
    assert (same.ci_low, same.ci_high) == pytest.approx(tuple(expected))
    assert same.sd_seeds == pytest.approx(0, abs=1e-9)


def test_what_scores_vary_with_is_found():
    many = list(tables(200, patients=1.0, seeds=0.4, rest=0.3))
    found = [crossed_mean(values, alpha=0.05) for values in many]
    assert np.sqrt(np.mean([one.sd_seeds**2 for one in found])) == pytest.approx(0.4, rel=0.1)
    assert np.sqrt(np.mean([one.sd_patients**2 for one in found])) == pytest.approx(1.0, rel=0.05)


def test_without_two_patients_there_is_no_interval():
    assert np.isnan(crossed_mean(np.empty((0, 1)), alpha=0.05).mean)
    one = crossed_mean(np.array([[1.0, 3.0]]), alpha=0.05)
    assert one.mean == 2
    assert np.isnan([one.ci_low, one.ci_high]).all()
    alike = crossed_mean(np.ones((4, 2)), alpha=0.05)
    assert (alike.ci_low, alike.ci_high) == (1, 1)


def test_mcc_at_matched_prevalence_is_that_of_marking_the_lowest():
    generator = np.random.default_rng(2)
    truth, predicted = generator.random(200) < 0.3, generator.normal(size=200)
    lowest = np.argsort(predicted)[: truth.sum()]
    marked = np.isin(np.arange(200), lowest)
    assert matched_mcc(predicted, truth) == pytest.approx(matthews_corrcoef(truth, marked))
    # free of level and scale, unlike a threshold
    assert matched_mcc(2 * predicted + 1, truth) == pytest.approx(matched_mcc(predicted, truth))
    assert matched_mcc(np.where(truth, 0.8, 1.2), truth) == pytest.approx(1)


def test_mcc_at_matched_prevalence_shares_voxels_of_the_same_value():
    truth = np.array([True, True, False, False, False])
    predicted = np.array([1.0, 2.0, 2.0, 2.0, 3.0])
    # the first voxel and one of the three of the same value: the mean over the three choices
    choices = [matthews_corrcoef(truth, np.isin(np.arange(5), [0, other])) for other in (1, 2, 3)]
    assert matched_mcc(predicted, truth) == pytest.approx(np.mean(choices))
    assert matched_mcc(np.ones(5), truth) == pytest.approx(0)
    assert np.isnan(matched_mcc(predicted, np.ones(5, bool)))
    assert np.isnan(matched_mcc(predicted, np.zeros(5, bool)))


def test_rank_correlation_is_of_order_alone():
    measured = np.array([0.9, 1.0, 1.1, 1.3])
    assert rank_correlation(np.exp(measured) - 5, measured) == pytest.approx(1)
    assert rank_correlation(-measured, measured) == pytest.approx(-1)
    assert rank_correlation(np.ones(4), measured) == 0
    assert np.isnan(rank_correlation(measured, np.ones(4)))
    assert np.isnan(rank_correlation(np.ones(1), np.ones(1)))


def test_sharpness_is_that_of_steps_inside_the_mask():
    ramp = np.zeros((4, 3, 3)) + 2 * np.arange(4)[:, None, None]
    inside = np.ones(ramp.shape, bool)
    assert gradient_energy(ramp, inside) == pytest.approx(4)  # one axis of three has steps of 2
    ramp[3] = 100
    inside[3] = False
    assert gradient_energy(ramp, inside) == pytest.approx(4)
    assert gradient_energy(3 * ramp, inside) == pytest.approx(36)
    assert np.isnan(gradient_energy(ramp[:1], inside[:1]))


def test_explained_share_is_r2_where_patients_have_as_many_voxels():
    generator = np.random.default_rng(3)
    visible = generator.normal(size=(6, 50)) + generator.normal(size=(6, 1))
    predicted = [visible + generator.normal(0, 0.4, visible.shape) for _ in range(2)]
    moments = [[visible_moments(p, v) for p, v in zip(one, visible, strict=True)] for one in predicted]
    mse = np.array([[row["mse_visible"] for row in one] for one in moments]).T
    mean, variance = (np.array([row[name] for row in moments[0]]) for name in ("mean_visible", "var_visible"))
    share, linear = explained_share(mse, mean, variance)
    expected = np.mean([r2_score(visible.ravel(), one.ravel()) for one in predicted])
    assert share == pytest.approx(expected)
    assert linear.mean() == pytest.approx(share)
    # one number for all explains nothing
    flat = np.array([[visible_moments(np.full(50, visible.mean()), row)["mse_visible"]] for row in visible])
    assert explained_share(flat, mean, variance)[0] == pytest.approx(0)


def test_the_linear_r2_varies_as_r2_does():
    """The delta method: its standard error over patients is that of R² in fresh samples of patients."""
    generator = np.random.default_rng(5)
    shares, errors = [], []
    for _ in range(400):
        mean, variance = generator.normal(1, 0.05, 80), 0.01 * generator.chisquare(8, 80) / 8
        mse = (0.004 * generator.chisquare(6, 80) / 6)[:, None]
        share, linear = explained_share(mse, mean, variance)
        shares.append(share)
        errors.append(linear.std(ddof=1) / np.sqrt(80))
    assert np.mean(errors) == pytest.approx(np.std(shares), rel=0.12)


def test_ties_of_all_sizes_stay_between_the_best_and_the_worst_choice():
    truth = np.array([True, False, True, False])
    for predicted in itertools.product([0.0, 1.0, 2.0], repeat=4):
        value = matched_mcc(np.array(predicted), truth)
        assert -1 - 1e-9 <= value <= 1 + 1e-9
