"""Folds: by participant and group, repeatable, and no participant is both in training and held out."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myelosketch.cohort.folds import assign_folds, read_folds, split_external, with_external
from myelosketch.errors import InputError


def test_the_papers_cohort_gives_6_6_6_and_3_3_4(cohort_table):
    folds = assign_folds(cohort_table, 3, seed=2018)
    counts = folds.groupby(["group", "fold"]).size()
    assert counts["MS"].tolist() == [6, 6, 6]
    assert sorted(counts["HC"]) == [3, 3, 4]


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 6), st.integers(6, 40), st.integers(6, 40), st.integers(0, 2**31))
def test_folds_are_a_balanced_partition(n_folds, n_patients, n_controls, seed):
    people = pd.DataFrame(
        {
            "subject": [f"{i:03d}" for i in range(n_patients + n_controls)],
            "group": ["MS"] * n_patients + ["HC"] * n_controls,
        }
    )
    folds = assign_folds(people, n_folds, seed)
    assert folds.subject.tolist() == people.subject.tolist()
    for _, counts in folds.groupby("group").fold.value_counts().groupby("group"):
        assert len(counts) == n_folds
        assert counts.max() - counts.min() <= 1
    pd.testing.assert_frame_equal(folds, assign_folds(people, n_folds, seed))


def test_the_order_of_the_rows_changes_no_fold(cohort_table):
    folds, reverse = (assign_folds(table, 3, seed=2018) for table in (cohort_table, cohort_table[::-1]))
    assert reverse.set_index("subject").fold.to_dict() == folds.set_index("subject").fold.to_dict()


def test_sessions_of_a_participant_stay_together():
    people = pd.DataFrame({"subject": ["1", "1", "2", "3", "4"], "group": ["MS", "MS", "MS", "HC", "HC"]})
    folds = assign_folds(people, 2, 0)
    assert folds.subject.tolist() == ["1", "2", "3", "4"]


def test_too_few_participants(cohort_table):
    with pytest.raises(InputError, match="Only 10 complete HC participants for 11 folds: lower folds.n"):
        assign_folds(cohort_table, 11, 0)


def given_folds(tmp_path, rows):
    path = tmp_path / "folds.tsv"
    path.write_text("subject\tfold\n" + "".join(f"{subject}\t{fold}\n" for subject, fold in rows))
    return path


@pytest.fixture
def four():
    return pd.DataFrame({"subject": ["1", "2", "3", "4"], "group": ["MS", "MS", "HC", "HC"]})


def test_a_users_folds_are_used(tmp_path, four):
    folds = read_folds(given_folds(tmp_path, [("sub-1", 1), ("2", 2), ("3", 1), ("4", 2)]), four)
    assert folds.fold.tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [("1", 1), ("1", 2), ("2", 2), ("3", 1), ("4", 2)],
            "names 1 twice: each participant must be in one fold only",
        ),
        ([("1", 1), ("2", 2), ("3", 1)], "lacks 4: give every participant a fold"),
        (
            [("1", 1), ("2", 3), ("3", 1), ("4", 3)],
            r"has folds \[1, 3\]; expected at least 1 and 2, without gaps",
        ),
        ([("1", 1), ("2", 1), ("3", 2), ("4", 2)], "Fold 1 of .* has no HC participant"),
        ([("1", "a"), ("2", 1), ("3", 2), ("4", 2)], "has fold 'a'; expected whole numbers from 1"),
    ],
)
def test_a_users_folds_are_checked(tmp_path, four, rows, sentence):
    with pytest.raises(InputError, match=sentence):
        read_folds(given_folds(tmp_path, rows), four)


def two_sites(subject_at_b="9"):
    return pd.DataFrame(
        {
            "subject": ["1", "2", "3", "4", subject_at_b],
            "group": ["MS", "MS", "HC", "HC", "MS"],
            "site": ["A", "A", None, "A", "B"],
        }
    )


def test_an_external_site_is_in_no_fold_of_the_cross_validation():
    internal, external = split_external(two_sites(), ["B"])
    assert external.subject.tolist() == ["9"]
    folds = with_external(assign_folds(internal, 2, 0), external)
    assert folds.set_index("subject").fold["9"] == 0
    assert folds[folds.subject != "9"].fold.between(1, 2).all()


def test_without_external_sites_everyone_is_internal():
    internal, external = split_external(two_sites(), [])
    assert len(internal) == 5
    assert external.empty


def test_an_unknown_site_is_named():
    with pytest.raises(InputError) as refusal:
        split_external(two_sites(), ["Rome"])
    assert str(refusal.value) == "cohort.external_sites names Rome; sites of the cohort: A, B."


def test_nobody_is_both_learned_from_and_external():
    with pytest.raises(
        InputError, match="^1 was scanned at an external site and at another one: a model would"
    ):
        split_external(two_sites("1"), ["B"])
