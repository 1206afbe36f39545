"""Coverage of the intervals: known answers, no participant calibrates itself, external sites use internal ones."""

import math

import numpy as np
import pandas as pd
import pytest

from myelosketch.evaluation.coverage import (
    INTERNAL,
    LEVELS,
    OTHER_FOLDS,
    OTHER_PARTICIPANTS,
    coverage,
    inside_rows,
    leave_out,
    write_coverage,
)
from myelosketch.evaluation.residuals import held_out_residuals
from myelosketch.io.tables import read_table, write_table

OPTIONS = {"methods": ["refiner"], "k": 1.0, "draws": 1000, "seed": 1, "alpha": 0.05}


def tables(errors, folds, *, shift=0.0, prefix="MS"):
    """Tables of a run whose white matter is wrong by the errors, one patient each, and nothing else known."""
    people = [f"{prefix}{number:02d}" for number in range(len(errors))]
    regions = pd.DataFrame(
        {"subject": people, "fold": folds, "mean_dvr_pred": 1.2 + np.array(errors) + shift}
    )
    regions = regions.assign(method="refiner", region="nawm", group="MS", mean_dvr_true=1.2, n_voxels=50)
    lesions = ["method", "subject", "size", "mean_dvr_true", "mean_dvr_pred"]
    shares = ["method", "subject", "k", "pct_true", "pct_pred"]
    return {
        "regions": regions,
        "lesions": pd.DataFrame(columns=lesions),
        "demyelination": pd.DataFrame(columns=shares),
    }


def white_matter(table, calibrated_on, level):
    chosen = table[(table.quantity == "white_matter_mean_dvr") & (table.calibrated_on == calibrated_on)]
    return chosen[chosen.level == level].iloc[0]


def test_coverage_by_hand():
    errors, folds = np.arange(1, 7) / 100, [1, 1, 2, 2, 3, 3]
    table = coverage(tables(errors, folds), **OPTIONS)
    # the 3rd smallest of 4 others: .05, .05 and, for the last fold, .03
    row = white_matter(table, OTHER_FOLDS, 0.5)
    assert row.observed == pytest.approx(4 / 6)
    assert row.mean_width == pytest.approx((4 * 0.10 + 2 * 0.06) / 6)
    assert (row.n_participants, row.n_rows, row.note) == (6, 6, None)
    assert row.ci_low < row.observed < row.ci_high
    row = white_matter(table, OTHER_FOLDS, 0.9)
    assert row.observed == pytest.approx(4 / 6)
    assert row.note == "too few participants: level in force 80 %"
    # the 3rd smallest of 5 others: .04 for the first three, .03 for the last three
    row = white_matter(table, OTHER_PARTICIPANTS, 0.5)
    assert row.observed == 0.5
    assert row.mean_width == pytest.approx(0.07)
    assert set(table[table.quantity == "lesion_mean_dvr"].note) == {"no participant with a value"}
    assert list(table.level.unique()) == list(LEVELS)


def test_a_model_that_errs_more_shows_in_other_folds_alone():
    """Coverage by other participants is a matter of ranks: it cannot show that the models of folds differ."""
    generator = np.random.default_rng(3)
    errors = generator.uniform(0.1, 0.9, 18) + np.repeat([0, 0, 1], 6)
    table = coverage(tables(errors, np.repeat([1, 2, 3], 6)), **OPTIONS)
    assert white_matter(table, OTHER_PARTICIPANTS, 0.8).observed == pytest.approx(math.ceil(18 * 0.8) / 18)
    assert white_matter(table, OTHER_FOLDS, 0.8).observed == pytest.approx(12 / 18)  # all but the third fold


def test_participants_weigh_the_same_in_the_coverage():
    """Two scans of the first participant, one inside and one outside, count as a half; all others are inside."""
    made = tables([0.01, 0.09, 0.02, 0.02, 0.02], [1, 1, 2, 2, 2])
    made["regions"].loc[1, "subject"] = made["regions"].subject[0]
    row = white_matter(coverage(made, **OPTIONS), OTHER_FOLDS, 0.5)
    assert (row.n_participants, row.n_rows) == (4, 5)
    assert row.observed == 3.5 / 4


def test_no_participant_calibrates_its_own_interval():
    generator = np.random.default_rng(5)
    known = held_out_residuals(tables(generator.normal(size=12), np.arange(12) % 3), "refiner", 1.0)
    changed = known.copy()
    first = known.participant == known.participant[0]
    changed.loc[first, "true"] += 100
    folds = known.participant.map(dict(zip(known.participant, np.arange(12) % 3, strict=True)))
    for parts in (known.participant, folds):
        before, after = (
            inside_rows(leave_out(table, parts), known.quantity[0]).set_index("participant").width
            for table in (known, changed)
        )
        own = known.participant[0]
        assert before[own].tolist() == after[own].tolist()
        others = [name for name in known.participant if parts[known.participant == name].item() != parts[0]]
        assert all(after[name].max() > 100 > before[name].max() for name in others)


def test_an_external_site_is_calibrated_on_internal_participants_alone():
    internal = tables(np.linspace(0.001, 0.01, 19), np.arange(19) % 3)
    alike = tables([0.0, 0.002, -0.004], [0, 0, 0], prefix="B")
    table = coverage(alike, internal=internal, **OPTIONS)
    assert set(table.calibrated_on) == {INTERNAL}
    row = white_matter(table, INTERNAL, 0.95)
    assert (row.observed, row.ci_high, row.n_participants, row.note) == (1, 1, 3, None)
    assert row.ci_low == pytest.approx(0.025 ** (1 / 3))  # 3 of 3 are no proof
    assert row.mean_width == pytest.approx(0.02)
    elsewhere = tables([0.0, 0.002, -0.004], [0, 0, 0], shift=0.5, prefix="B")
    row = white_matter(coverage(elsewhere, internal=internal, **OPTIONS), INTERNAL, 0.95)
    assert (row.observed, row.ci_low) == (0, 0)
    assert row.ci_high == pytest.approx(1 - 0.025 ** (1 / 3))
    assert row.mean_width == pytest.approx(0.02)  # nothing of the site widens it


def test_a_single_participant_has_nobody_to_calibrate_on():
    row = white_matter(coverage(tables([0.1], [1]), **OPTIONS), OTHER_PARTICIPANTS, 0.9)
    assert np.isnan([row.observed, row.ci_low, row.ci_high, row.mean_width]).all()
    assert (row.n_participants, row.note) == (0, "nobody to calibrate on")


def test_the_note_counts_what_was_put_together():
    made = tables([0.01] * 6, [1, 1, 2, 2, 3, 3])
    made["regions"].loc[0, "group"] = "HC"
    row = white_matter(coverage(made, **OPTIONS), OTHER_PARTICIPANTS, 0.5)
    assert row.note == "1 of 6 rows calibrated on all sizes or groups"


def test_tables_of_a_run_and_of_an_external_site(tmp_path):
    paths = {}
    for site, made in (
        ("internal", tables(np.arange(1, 13) / 100, np.arange(12) % 3)),
        ("external", tables([0.01, 0.2], [0, 0], prefix="B")),
    ):
        paths[site] = {name: tmp_path / f"{site}/{name}.tsv" for name in made}
        for name, table in made.items():
            write_table(table, paths[site][name])
    shared = {"methods": ["refiner", "ridgemeans"], "k": 1.0, "bootstrap": 1000, "seed": 1, "alpha": 0.05}
    write_coverage(paths["internal"], tmp_path / "coverage.tsv", internal={}, **shared)
    table = read_table(tmp_path / "coverage.tsv", numeric=("level", "observed"))
    assert len(table) == 2 * 5 * 2 * len(LEVELS)  # methods, quantities, ways to calibrate, levels
    assert white_matter(table[table.method == "refiner"], OTHER_PARTICIPANTS, 0.5).observed == 0.5
    assert set(table[table.method == "ridgemeans"].note) == {"no participant with a value"}
    write_coverage(paths["external"], tmp_path / "site.tsv", internal=paths["internal"], **shared)
    table = read_table(tmp_path / "site.tsv", numeric=("level", "observed"))
    assert len(table) == 2 * 5 * len(LEVELS)
    assert white_matter(table[table.method == "refiner"], INTERNAL, 0.9).observed == 0.5
