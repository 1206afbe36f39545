"""Agreement of two classifications: against scikit-learn, hand-computed values and the trivial predictor."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from myelosketch.evaluation.agreement import (
    agreement,
    cohen_kappa,
    confusion_counts,
    dice,
    matthews,
    roc_auc,
    trivial_dice,
)

mixed_truth = st.lists(st.booleans(), min_size=2, max_size=60).filter(lambda values: len(set(values)) == 2)


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0], np.nan),  # both empty: nothing to find
        ([0, 0, 0, 0], [1, 0, 0, 0], 0.0),  # empty truth, something predicted
        ([1, 1, 0, 0], [0, 0, 0, 0], 0.0),  # everything missed
        ([1, 1, 0, 0], [0, 1, 1, 0], 0.5),  # 2·1 / (2·1 + 1 + 1)
    ],
)
def test_dice_in_its_four_cases(truth, predicted, expected):
    counts = confusion_counts(np.array(truth, bool), np.array(predicted, bool))
    assert dice(counts["tp"], counts["fp"], counts["fn"]) == pytest.approx(expected, nan_ok=True)


def test_confusion_counts_by_hand():
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
    predicted = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
    assert confusion_counts(truth, predicted) == {"tp": 2, "fp": 1, "fn": 1, "tn": 4}


@pytest.mark.parametrize(("share", "expected"), [(0.71, 0.8304), (0.85, 0.9189), (0.0, 0.0), (1.0, 1.0)])
def test_trivial_dice_of_known_shares(share, expected):
    assert trivial_dice(share) == pytest.approx(expected, abs=1e-4)


@settings(max_examples=120, deadline=None)
@given(mixed_truth, st.data())
def test_scores_equal_those_of_scikit_learn(truth, data):
    truth = np.array(truth)
    scores = np.array(
        data.draw(st.lists(st.integers(-4, 4), min_size=truth.size, max_size=truth.size)), float
    )
    predicted = scores > 0
    ours = agreement(truth, predicted, scores)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of a constant prediction
        assert ours["mcc"] == pytest.approx(metrics.matthews_corrcoef(truth, predicted), abs=1e-12)
        assert ours["kappa"] == pytest.approx(metrics.cohen_kappa_score(truth, predicted), abs=1e-12)
        assert ours["dice"] == pytest.approx(metrics.f1_score(truth, predicted, zero_division=0), abs=1e-12)
        other = metrics.f1_score(~truth, ~predicted, zero_division=0)
    assert ours["dice_not_demyelinated"] == pytest.approx(other, abs=1e-12)
    assert ours["auc"] == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)
    assert ours["pct_true"] == pytest.approx(100 * truth.mean())
    assert ours["pct_pred"] == pytest.approx(100 * predicted.mean())


@pytest.mark.parametrize("seed", range(5))
def test_dice_equals_that_of_monai(seed):
    torch = pytest.importorskip("torch")
    from monai.metrics import compute_dice

    generator = np.random.default_rng(seed)
    truth, predicted = generator.random((2, 6, 7, 8)) < generator.uniform(0.2, 0.8)
    tensors = [torch.from_numpy(mask.astype(float))[None, None] for mask in (predicted, truth)]
    counts = confusion_counts(truth, predicted)
    ours = dice(counts["tp"], counts["fp"], counts["fn"])
    # MONAI divides in float32; scikit-learn's F1, above, is exact
    assert ours == pytest.approx(compute_dice(*tensors).item(), rel=1e-7)


@settings(max_examples=80, deadline=None)
@given(mixed_truth)
def test_calling_every_voxel_demyelinated_gains_nothing(truth):
    everything = np.ones(len(truth), bool)
    scores = agreement(np.array(truth), everything, np.ones(len(truth)))
    assert scores["dice"] == pytest.approx(scores["trivial_dice"])
    assert scores["mcc"] == 0
    assert scores["kappa"] == pytest.approx(0, abs=1e-12)
    assert scores["auc"] == 0.5
    assert scores["dice_not_demyelinated"] == 0


@settings(max_examples=60, deadline=None)
@given(mixed_truth, st.data())
def test_exchanging_the_classes_exchanges_the_two_dice_and_keeps_mcc(truth, data):
    truth = np.array(truth)
    predicted = np.array(data.draw(st.lists(st.booleans(), min_size=truth.size, max_size=truth.size)))
    one = agreement(truth, predicted, predicted.astype(float))
    other = agreement(~truth, ~predicted, -predicted.astype(float))
    assert one["dice_not_demyelinated"] == pytest.approx(other["dice"], nan_ok=True)
    assert one["mcc"] == pytest.approx(other["mcc"])
    assert one["auc"] == pytest.approx(other["auc"])


def test_perfect_and_opposite_predictions():
    truth = np.array([1, 1, 0, 0, 0], bool)
    perfect = agreement(truth, truth, truth.astype(float))
    opposite = agreement(truth, ~truth, -truth.astype(float))
    assert [perfect[name] for name in ("dice", "mcc", "kappa", "auc")] == pytest.approx([1, 1, 1, 1])
    assert opposite["mcc"] == pytest.approx(-1)
    assert opposite["dice"] == 0
    assert opposite["auc"] == 0


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_of_one_class_has_no_mcc_kappa_or_auc(value):
    truth = np.full(4, value)
    scores = agreement(truth, np.array([1, 0, 1, 0], bool), np.arange(4.0))
    assert np.isnan([scores["mcc"], scores["kappa"], scores["auc"]]).all()


def test_no_lesion_voxel_gives_no_score_at_all():
    scores = agreement([], [], [])
    assert scores["tp"] == 0
    assert all(np.isnan(scores[name]) for name in ("dice", "trivial_dice", "mcc", "pct_true", "auc"))


def test_large_counts_do_not_overflow():
    counts = (10**7, 3 * 10**6, 2 * 10**6, 4 * 10**7)
    tp, fp, fn, tn = map(int, counts)
    exact = (tp * tn - fp * fn) / ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    assert matthews(*counts) == pytest.approx(exact)
    assert cohen_kappa(*counts) == pytest.approx(0.735, abs=0.02)


def test_ties_count_one_half_in_the_auc():
    assert roc_auc([True, True, False, False], [1.0, 0.0, 0.0, -1.0]) == pytest.approx(0.875)
