"""ROC curves, calibration and the slope of a map: against scikit-learn, scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from myelosketch.evaluation.agreement import roc_auc
from myelosketch.evaluation.curves import FALSE_POSITIVE_RATES, calibration_rows, roc_points
from myelosketch.evaluation.voxelwise import region_errors


def curve(truth, scores):
    return np.array([point["tpr"] for point in roc_points(truth, scores)])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 200), st.booleans())
def test_the_curve_is_that_of_scikit_learn(seed, n, tied):
    generator = np.random.default_rng(seed)
    truth = generator.random(n) < 0.6
    truth[:2] = [True, False]
    scores = generator.normal(size=n) + truth
    scores = np.round(scores) if tied else scores
    fpr, tpr, _ = metrics.roc_curve(truth, scores, drop_intermediate=False)
    for rate, found in zip(FALSE_POSITIVE_RATES, curve(truth, scores), strict=True):
        left = np.flatnonzero(fpr <= rate + 1e-12)[-1]  # the highest point at or left of the rate
        right = min(left + 1, fpr.size - 1)
        along = (rate - fpr[left]) / (fpr[right] - fpr[left]) if right > left else 0
        assert found == pytest.approx(tpr[left] + along * (tpr[right] - tpr[left]), abs=1e-9)


def test_the_grid_and_the_area_under_the_curve():
    assert FALSE_POSITIVE_RATES[[0, 1, -1]] == pytest.approx([0, 0.02, 1])
    generator = np.random.default_rng(3)
    truth = generator.random(4000) < 0.5
    scores = generator.normal(size=4000) + truth
    area = np.trapezoid(curve(truth, scores), FALSE_POSITIVE_RATES)
    assert area == pytest.approx(roc_auc(truth, scores), abs=0.005)


def test_trivial_curves():
    truth = np.array([True, True, False, False])
    assert (curve(truth, [4, 3, 2, 1]) == 1).all()
    assert curve(truth, np.ones(4)) == pytest.approx(FALSE_POSITIVE_RATES)  # the diagonal of a constant
    assert (curve(truth, [1, 2, 3, 4])[:-1] == 0).all()
    for one_class in ([True, True], [False, False], []):
        points = roc_points(one_class, np.arange(len(one_class)))
        assert len(points) == 51
        assert np.isnan([point["tpr"] for point in points]).all()


def test_calibration_bins_by_hand():
    labels = np.array([[[3, 3, 3, 2, 0]]])
    predicted = np.array([[[1.05, 1.09, 1.12, 1.30, 1.06]]], np.float32)
    measured = np.array([[[1.0, 1.2, 0.9, 1.25, 9.0]]])
    rows = [row for row in calibration_rows(predicted, measured, labels) if row["region"] == "lesion"]
    # 1.05 is in the bin that begins with it
    assert [row["dvr_pred"] for row in rows] == pytest.approx([1.075, 1.125])
    assert [row["mean_true"] for row in rows] == pytest.approx([1.1, 0.9])
    # |1.05 - 1.0| and |1.09 - 1.2|, whose signs would cancel in part; |1.12 - 0.9|
    assert [row["mean_abs_error"] for row in rows] == pytest.approx([0.08, 0.22])
    assert [row["n_voxels"] for row in rows] == [2, 1]


def test_calibration_counts_every_voxel_of_every_region():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, (6, 7, 8))
    predicted, measured = generator.normal(1.2, 0.3, (2, *labels.shape))
    rows = calibration_rows(predicted, measured, labels)
    for region, mask in (("brain", labels > 0), ("lesion", labels == 3), ("nawm", labels == 2)):
        own = [row for row in rows if row["region"] == region]
        assert sum(row["n_voxels"] for row in own) == mask.sum()
        mean = sum(row["mean_true"] * row["n_voxels"] for row in own) / mask.sum()
        assert mean == pytest.approx(measured[mask].mean())
        error = sum(row["mean_abs_error"] * row["n_voxels"] for row in own) / mask.sum()
        assert error == pytest.approx(np.abs(predicted - measured)[mask].mean())
    assert calibration_rows(predicted, measured, np.zeros_like(labels)) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-2, 2), st.floats(-1, 1))
def test_slope_and_intercept_equal_those_of_scipy(seed, slope, intercept):
    generator = np.random.default_rng(seed)
    predicted = generator.normal(1.2, 0.1, 200)
    measured = intercept + slope * predicted + generator.normal(0, 0.05, 200)
    row = region_errors(predicted, measured, data_range=2.0)
    expected = stats.linregress(predicted, measured)
    assert row["slope"] == pytest.approx(expected.slope, abs=1e-9)
    assert row["intercept"] == pytest.approx(expected.intercept, abs=1e-9)


def test_the_slope_is_that_of_truth_on_prediction():
    """A prediction that spreads half as far as the truth has slope 2, whatever the noise of the measurement."""
    generator = np.random.default_rng(4)
    true = generator.normal(1.2, 0.1, 20_000)
    noise = generator.normal(0, 0.1, true.size)
    slopes = {
        name: region_errors(predicted, true + noise, data_range=2.0)["slope"]
        for name, predicted in (("true", true), ("half", 0.6 + 0.5 * true), ("noisy", true + noise[::-1]))
    }
    assert slopes == pytest.approx({"true": 1, "half": 2, "noisy": 0.5}, abs=0.03)


def test_trivial_slopes():
    measured = np.random.default_rng(1).normal(1.2, 0.1, 100)
    slope = {
        name: region_errors(predicted, measured, data_range=2.0)["slope"]
        for name, predicted in (
            ("perfect", measured),
            ("opposite", -measured),
        )
    }
    slope["constant truth"] = region_errors(measured, np.full(100, 1.2), data_range=2.0)["slope"]
    assert slope == pytest.approx({"perfect": 1, "opposite": -1, "constant truth": 0}, abs=1e-9)
    constant = region_errors(np.full(100, 1.2), measured, data_range=2.0)
    assert np.isnan([constant["slope"], constant["intercept"]]).all()
