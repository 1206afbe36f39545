"""Tests of single comparisons: published worked examples, exact p values, and comparisons without an answer."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from myelosketch.evaluation import inference

# Shrout and Fleiss 1979, table 2: six targets, four judges
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def sample(mean, sd, n):
    """n different values with exactly this mean and SD."""
    values = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def test_icc_of_the_published_example():
    result = inference.icc_2_1(RATINGS)
    assert result["estimate"] == pytest.approx(0.29, abs=0.005)
    assert result["statistic"] == pytest.approx(11.03, abs=0.005)  # BMS / EMS = 11.24 / 1.02
    # interval as printed by the R package psych for the same table
    assert (result["ci_low"], result["ci_high"]) == (
        pytest.approx(0.019, abs=1e-3),
        pytest.approx(0.761, abs=1e-3),
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-100, 100), st.floats(0.1, 10))
def test_icc_keeps_under_a_common_shift_and_scale_and_lies_in_its_interval(seed, shift, scale):
    ratings = np.random.default_rng(seed).normal(size=(12, 1)) + np.random.default_rng(seed + 1).normal(
        size=(12, 2)
    )
    one, other = inference.icc_2_1(ratings), inference.icc_2_1(ratings * scale + shift)
    assert one["estimate"] == pytest.approx(other["estimate"], abs=1e-6)
    assert one["ci_low"] <= one["estimate"] <= one["ci_high"] <= 1


def test_icc_punishes_a_bias_that_correlation_ignores():
    true = sample(1.2, 0.08, 18)
    noise = np.random.default_rng(0).normal(0, 0.005, 18)
    close = inference.icc_2_1(np.column_stack([true + noise, true]))
    biased = inference.icc_2_1(np.column_stack([true + noise + 0.2, true]))
    assert close["estimate"] > 0.98
    assert biased["estimate"] < 0.3


@pytest.mark.parametrize(
    ("ratings", "note"),
    [
        (RATINGS[:2], "fewer than 3 subjects"),
        (np.empty((0, 2)), "fewer than 3 subjects"),
        (np.full((5, 2), 1.27), "the subjects do not differ"),
        (np.repeat(np.arange(5.0)[:, None], 2, axis=1), "no residual variation, so there is no interval"),
    ],
)
def test_an_icc_that_cannot_be_computed_says_why(ratings, note):
    result = inference.icc_2_1(ratings)
    assert result["note"] == note
    assert np.isnan(result["ci_low"])


def test_equivalence_by_the_formulas_of_welch():
    # moments of the worked example of Lakens 2017, who prints t = -2.69, p = .004
    margin = 0.43 * np.sqrt((0.95**2 + 0.83**2) / 2)
    result = inference.equivalence(sample(5.25, 0.95, 95), sample(5.22, 0.83, 89), margin=margin)
    parts = np.array([0.95**2 / 95, 0.83**2 / 89])
    freedom = parts.sum() ** 2 / (parts**2 / [94, 88]).sum()
    error = np.sqrt(parts.sum())
    t = (0.03 - margin) / error
    assert result["statistic"] == pytest.approx(t)
    assert t == pytest.approx(-2.69, abs=0.005)
    assert result["p"] == pytest.approx(0.004, abs=5e-4)
    assert result["p"] == pytest.approx(stats.t.cdf(t, freedom))
    assert result["ci_low"] == pytest.approx(0.03 - stats.t.ppf(0.95, freedom) * error)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.2, 0.2), st.floats(0.01, 0.2), st.integers(3, 20), st.integers(3, 20))
def test_equivalence_holds_exactly_when_its_interval_lies_within_the_margin(shift, sd, n, m):
    result = inference.equivalence(sample(1.2 + shift, sd, n), sample(1.2, sd, m), margin=0.1)
    within = max(-result["ci_low"], result["ci_high"]) < 0.1
    assert (result["p"] < 0.05) == within


def test_wilcoxon_is_exact_for_few_patients():
    result = inference.paired_difference(-np.arange(1.0, 7.0), np.zeros(6))
    assert result["p"] == pytest.approx(2 / 2**6)
    assert result["method"] == "Wilcoxon signed-rank (exact)"
    eighteen = inference.paired_difference(-np.arange(1.0, 19.0), np.zeros(18))
    assert eighteen["p"] == pytest.approx(2 / 2**18)


def test_mann_whitney_is_exact_by_enumeration():
    a, b = np.array([1.1, 1.3, 1.25, 1.4]), np.array([1.0, 1.2, 1.15])
    result = inference.group_difference(a, b)
    pooled = np.concatenate([a, b])
    statistics_ = [
        sum(pooled[i] > pooled[j] for i in chosen for j in range(7) if j not in chosen)
        for chosen in itertools.combinations(range(7), 4)
    ]
    observed = result["statistic"]
    extreme = np.mean(np.abs(np.array(statistics_) - 6) >= abs(observed - 6) - 1e-9)
    assert result["p"] == pytest.approx(extreme)
    assert result["method"] == "Mann–Whitney U (exact)"


def test_ties_are_named_in_the_method():
    assert "normal approximation" in inference.paired_difference([1.0, 1, 2, 3], [0.0, 0, 0, 0])["method"]
    assert "normal approximation" in inference.group_difference([1.0, 1, 2], [1.0, 3, 4])["method"]


def test_estimates_intervals_and_effect_sizes_by_hand():
    paired = inference.paired_difference([1.0, 2.0, 4.0], [0.0, 0.0, 0.0])
    sd = np.std([1, 2, 4], ddof=1)
    assert paired["estimate"] == pytest.approx(7 / 3)
    assert paired["effect_size"] == pytest.approx(7 / 3 / sd)
    assert paired["ci_high"] == pytest.approx(7 / 3 + stats.t.ppf(0.975, 2) * sd / np.sqrt(3))
    groups = inference.group_difference([1.0, 2.0, 3.0], [0.0, 1.0, 2.5])
    pooled = np.sqrt((np.var([1, 2, 3], ddof=1) + np.var([0, 1, 2.5], ddof=1)) / 2)
    assert groups["effect_size"] == pytest.approx((2 - 3.5 / 3) / pooled * (1 - 3 / 15))


def test_bland_altman_by_hand():
    result = inference.bland_altman([1.1, 1.3, 1.2, 1.5], [1.0, 1.1, 1.2, 1.2])
    difference = np.array([0.1, 0.2, 0.0, 0.3])
    assert result["estimate"] == pytest.approx(0.15)
    assert result["limit_high"] == pytest.approx(0.15 + 1.96 * difference.std(ddof=1))


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        ([], [], "no subject with both values"),
        ([1.0, 2.0], [1.0, 1.0], "fewer than 3 subjects"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], "all differences are zero"),
        ([1.5, 2.5, 3.5], [1.0, 2.0, 3.0], "all differences are equal, so there is no effect size"),
    ],
)
def test_a_paired_test_that_cannot_be_computed_says_why(first, second, note):
    result = inference.paired_difference(first, second)
    assert result["note"] == note
    assert np.isnan(result["effect_size"])


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        ([1.0, 2.0, 3.0], [], "one group is missing"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], "fewer than 3 subjects in a group"),
        ([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], "no value varies within the groups"),
    ],
)
def test_a_group_test_that_cannot_be_computed_says_why(first, second, note):
    for result in (inference.group_difference(first, second), inference.equivalence(first, second, margin=1)):
        assert result["note"] == note
        assert np.isnan(result["p"])


def test_holm_by_hand_and_around_missing_values():
    adjusted = inference.holm([0.01, np.nan, 0.04, 0.03])
    assert adjusted[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(adjusted[1])
    assert np.isnan(inference.holm([np.nan])).all()
