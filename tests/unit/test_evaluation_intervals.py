"""Intervals by split conformal prediction over participants: ranks, weights and attainable levels."""

import math

import numpy as np
import pandas as pd
import pytest

from myelosketch.errors import InputError
from myelosketch.evaluation.intervals import calibrate, conformal_radius, highest_level, interval
from myelosketch.evaluation.residuals import COLUMNS, QUANTITIES, held_out_residuals

SMALL, LARGE = "< 300 mm3", ">= 300 mm3"


def residuals(quantity, errors, *, group="MS", size=None, names="p"):
    """One row per participant, predicted too high by the errors."""
    rows = [
        [quantity, f"{names}{number}", group, size, 1 + error, 1.0] for number, error in enumerate(errors)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


# the radius


@pytest.mark.parametrize("n", [4, 9, 18, 19, 28, 99])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_one_row_per_participant_is_split_conformal(n, level):
    generator = np.random.default_rng(n)
    errors = generator.normal(size=n)
    rank = math.ceil((n + 1) * level - 1e-9)
    expected = np.sort(np.abs(errors))[rank - 1] if rank <= n else np.inf
    assert conformal_radius(errors, np.arange(n), level) == expected


def test_rows_of_a_participant_share_its_weight():
    """Masses 1/6, 1/3, 1/6 at 1, 2, 3, and 1/3 at infinity."""
    errors, people = [1.0, -3.0, 2.0], ["a", "a", "b"]
    found = [conformal_radius(errors, people, level) for level in (0.16, 0.17, 0.5, 0.51, 2 / 3, 0.67)]
    assert found == [1, 2, 2, 3, 3, np.inf]


def test_many_lesions_of_one_participant_do_not_outweigh_the_others():
    errors = [0.0] * 100 + [1.0, 2.0, 3.0]
    people = ["a"] * 100 + ["b", "c", "d"]
    assert conformal_radius(errors, people, 0.5) == 2


def test_repeated_rows_and_names_change_nothing():
    errors, people = np.arange(1.0, 10), np.arange(9)
    once = conformal_radius(errors, people, 0.8)
    assert conformal_radius(np.repeat(errors, 3), np.repeat(people, 3), 0.8) == once
    assert conformal_radius(errors, [f"sub-{9 - name}" for name in people], 0.8) == once


def test_highest_level():
    assert [highest_level(n) for n in (0, 1, 9)] == [0, 0.5, 0.9]
    assert conformal_radius(np.arange(9), np.arange(9), highest_level(9)) == 8
    assert conformal_radius(np.arange(9), np.arange(9), 0.91) == np.inf


@pytest.mark.parametrize("level", [0, 1, 90, np.nan])
def test_a_level_that_is_none(level):
    sentence = rf"^The level of an interval is {level:g}; expected a number between 0 and 1, such as 0\.9\.$"
    with pytest.raises(InputError, match=sentence):
        conformal_radius([1.0], ["a"], level)
    with pytest.raises(InputError, match=sentence):
        interval(1.0, residuals("other_mean_dvr", [0.1]), "other_mean_dvr", level)


def test_an_error_that_is_not_finite():
    sentence = (
        r"^The held-out residuals have a row without a finite error; expected numbers: write them again\.$"
    )
    with pytest.raises(InputError, match=sentence):
        conformal_radius([1.0, np.nan], ["a", "b"], 0.5)


def test_coverage_of_lesions_that_resemble_each_other():
    """29 participants with 1 to 40 lesions of correlated errors, smaller where there are many, and a new
    participant."""
    generator = np.random.default_rng(7)
    shares, pooled = [], []
    for _ in range(3000):
        counts = generator.integers(1, 41, 30)
        people = np.repeat(np.arange(30), counts)
        scale = 1 / np.sqrt(counts)
        errors = scale[people] * (
            generator.normal(size=30)[people] + 0.5 * generator.normal(size=people.size)
        )
        new = people == 29
        radius = conformal_radius(errors[~new], people[~new], 0.9)
        shares.append((np.abs(errors[new]) <= radius).mean())
        # as if every lesion were a participant
        radius = conformal_radius(errors[~new], np.flatnonzero(~new), 0.9)
        pooled.append((np.abs(errors[new]) <= radius).mean())
    assert 0.88 < np.mean(shares) < 0.93
    assert np.mean(pooled) < 0.86


# intervals of single values


def test_an_interval_lies_around_the_prediction():
    found = interval(1.1, residuals("other_mean_dvr", np.arange(1, 10) / 100), "other_mean_dvr", 0.9)
    assert (found.low, found.high) == pytest.approx((1.01, 1.19))
    assert (found.level, found.n_participants, found.note) == (0.9, 9, "")


def test_too_few_participants_give_the_level_that_can_be_had():
    found = interval(1.1, residuals("other_mean_dvr", [0.1, 0.2, 0.3, 0.4, 0.5]), "other_mean_dvr", 0.9)
    assert (found.low, found.high) == pytest.approx((0.6, 1.6))
    assert found.level == 5 / 6
    assert found.note == "5 participants allow a level of at most 83 %"
    alone = interval(1.1, residuals("other_mean_dvr", [0.1]), "other_mean_dvr", 0.9)
    assert alone.note == "1 participant allows a level of at most 50 %"


def test_nobody_and_no_prediction_give_no_interval():
    found = interval(1.1, residuals("other_mean_dvr", []), "other_mean_dvr", 0.9)
    assert np.isnan([found.low, found.high, found.level]).all()
    assert (found.n_participants, found.note) == (0, "no participant to calibrate on")
    found = interval(np.nan, residuals("other_mean_dvr", [0.1]), "other_mean_dvr", 0.5)
    assert np.isnan([found.low, found.high]).all()
    assert found.level == 0.5


def test_percentages_stay_percentages():
    known = residuals("pct_demyelinated", [10.0, 20.0, 30.0])
    ends = [interval(value, known, "pct_demyelinated", 0.75) for value in (10.0, 50.0, 90.0)]
    assert [(end.low, end.high) for end in ends] == [(0, 40), (20, 80), (60, 100)]


def test_groups_are_calibrated_apart():
    name = "white_matter_mean_dvr"
    known = pd.concat(
        [
            residuals(name, [0.3] * 9, names="a"),
            residuals(name, [0.1] * 4, group="HC", names="b"),
            residuals("other_mean_dvr", [9.0] * 9),
        ]
    )
    assert interval(1.0, known, name, 0.8, group="MS").high == pytest.approx(1.3)
    assert interval(1.0, known, name, 0.8, group="HC").high == pytest.approx(1.1)
    unknown = interval(1.0, known, name, 0.8)
    assert (unknown.n_participants, unknown.note) == (9, "")  # as a patient
    controls = interval(1.0, known, name, 0.9, group="HC")
    assert (controls.level, controls.note) == (0.8, "4 participants allow a level of at most 80 %")
    patients = interval(1.0, known[known.group == "MS"], name, 0.8, group="HC")
    assert patients.high == pytest.approx(1.3)
    assert patients.note == "no participant of group HC: all participants together"


def test_lesions_by_size_where_enough_participants_have_one():
    name = "lesion_mean_dvr"
    known = pd.concat(
        [
            residuals(name, [0.4] * 9, size=SMALL),
            residuals(name, [0.1] * 4, size=LARGE),
        ]
    )
    small = interval(1.0, known, name, 0.9, size=SMALL)
    assert (small.high, small.n_participants, small.note) == (pytest.approx(1.4), 9, "")
    large = interval(1.0, known, name, 0.8, size=LARGE)
    assert (large.high, large.n_participants, large.note) == (pytest.approx(1.1), 4, "")
    together = interval(1.0, known, name, 0.9, size=LARGE)
    assert (together.high, together.n_participants) == (pytest.approx(1.4), 9)
    assert together.note == "4 participants have lesions of this size: lesions of all sizes together"
    assert interval(1.0, known, name, 0.99, size="other").note == (
        "0 participants have lesions of this size: lesions of all sizes together; "
        "9 participants allow a level of at most 90 %"
    )


def test_a_calibration_says_whether_sizes_were_put_together():
    known = residuals("lesion_mean_dvr", [0.1] * 9, size=SMALL)
    assert not calibrate(known, "lesion_mean_dvr", 0.9, size=SMALL).pooled
    assert calibrate(known, "lesion_mean_dvr", 0.9, size=LARGE).pooled


# residuals of a run


def test_residuals_of_a_run():
    regions = pd.DataFrame(
        [
            ["refiner", "01", "MS", "brain", 9.0, 9.0],
            ["refiner", "01", "MS", "lesion", 1.0, 1.1],
            ["refiner", "01", "MS", "nawm", 1.2, 1.3],
            ["refiner", "01", "MS", "nawm", 1.3, 1.4],  # a second session
            ["refiner", "02", "HC", "lesion", np.nan, np.nan],
            ["refiner", "02", "HC", "nawm", 1.4, 1.5],
            ["refiner", "02", "HC", "other", 1.0, 0.9],
            ["ridgemeans", "01", "MS", "nawm", 9.0, 9.0],
        ],
        columns=["method", "subject", "group", "region", "mean_dvr_true", "mean_dvr_pred"],
    )
    lesions = pd.DataFrame(
        [["refiner", "01", SMALL, 1.0, 1.05], ["refiner", "01", LARGE, 0.9, 0.95]],
        columns=["method", "subject", "size", "mean_dvr_true", "mean_dvr_pred"],
    )
    shares = pd.DataFrame(
        [
            ["refiner", "01", 1.0, 60.0, 70.0],
            ["refiner", "01", 2.0, 20.0, 30.0],
            ["refiner", "03", 1.0, np.nan, np.nan],  # a patient without lesion voxels
        ],
        columns=["method", "subject", "k", "pct_true", "pct_pred"],
    )
    tables = {"regions": regions, "lesions": lesions, "demyelination": shares}
    found = held_out_residuals(tables, "refiner", 1.0)
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == [
        ["lesion_mean_dvr", "01", "MS", SMALL, 1.05, 1.0],
        ["lesion_mean_dvr", "01", "MS", LARGE, 0.95, 0.9],
        ["lesions_mean_dvr", "01", "MS", None, 1.1, 1.0],
        ["white_matter_mean_dvr", "01", "MS", None, 1.3, 1.2],
        ["white_matter_mean_dvr", "01", "MS", None, 1.4, 1.3],
        ["white_matter_mean_dvr", "02", "HC", None, 1.5, 1.4],
        ["other_mean_dvr", "02", "HC", None, 0.9, 1.0],
        ["pct_demyelinated", "01", "MS", None, 70.0, 60.0],
    ]
    assert tuple(found.columns) == COLUMNS
    assert set(found.quantity) == set(QUANTITIES)
    assert held_out_residuals(tables, "unet", 1.0).empty
