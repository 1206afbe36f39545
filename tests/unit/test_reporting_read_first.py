# ruff: noqa: E501 - sentences stand whole
"""The five sentences at the top of the report depend on the tables of the run."""

import numpy as np
import pandas as pd
import pytest
from report_run import FACTS

from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.reporting.pages.read_first import read_first

SUMMARY = ["method", "metric", "k", "mean", "ci_low", "ci_high", "n"]
PAIRS = ["metric", "method_a", "method_b", "difference", "ci_low", "ci_high", "p_adjusted"]


def write(root, errors, *, visible=True, pairs=(), gains=None):
    """Tables in which each method has one lesion error, and an MCC and Dice beyond the trivial one (low ends)."""
    rows = []
    for method, error in errors.items():
        for metric in ("lesion_mae", *(["lesion_mae_visible"] if visible else [])):
            rows.append([method, metric, np.nan, error, error - 0.01, error + 0.01, 18])
        mcc, dice = (gains or {}).get(method, (np.nan, np.nan))
        rows.append([method, "mcc", 1.0, mcc + 0.1, mcc, mcc + 0.2, 18])
        rows.append([method, "dice_minus_trivial", 1.0, dice + 0.1, dice, dice + 0.2, 18])
    write_table(pd.DataFrame(rows, columns=SUMMARY), root / "evaluation/summary.tsv")
    write_table(pd.DataFrame(list(pairs), columns=PAIRS), root / "evaluation/comparisons.tsv")
    return RunFolder(root)


def pair(a, b, low, p, metric="lesion_mae_visible"):
    """Difference a minus b of 0.02, with its lower end and corrected p."""
    return [metric, a, b, 0.02, low, 0.04, p]


ERRORS = {"template": 0.18, "ridgemeans": 0.12, "refiner": 0.10, "visible": 0.09, "rescan": 0.14}


@pytest.mark.parametrize(
    ("low", "p", "said"),
    [
        (0.01, 0.01, "beats the trivial baseline, Control-mean template (0.020 lower, interval 0.010 to 0.040) and the "
         "linear baseline, Ridge, 3³ means (0.020 lower, interval 0.010 to 0.040)."),
        (0.01, 0.2, ", but does not clearly beat the linear baseline, Ridge, 3³ means (0.020 lower, interval 0.010 to "
         "0.040; p\u00a0=\u00a00.20 after correction)."),
        (-0.01, 0.2, ", but does not clearly beat the linear baseline, Ridge, 3³ means (0.020 lower, interval "
         "\u22120.010 to 0.040)."),
    ],
)  # fmt: skip
def test_the_best_method_beats_a_baseline_or_it_is_not_decided(tmp_path, low, p, said):
    pairs = [pair("template", "refiner", 0.01, 0.01), pair("ridgemeans", "refiner", low, p)]
    sentence = read_first(write(tmp_path, ERRORS, pairs=pairs), FACTS)[1]
    assert sentence.startswith(
        "Refiner (Wei 2018) has the lowest lesion error of 3 methods (0.100 DVR against noise-free tissue); it beats the "
        "trivial baseline"
    )
    assert sentence.endswith(said)


def test_no_method_beats_the_linear_baseline(tmp_path):
    pairs = [pair("template", "ridgemeansrecal", 0.01, 0.01)]
    sentence = read_first(write(tmp_path, ERRORS | {"ridgemeansrecal": 0.08}, pairs=pairs), FACTS)[1]
    assert sentence.startswith(
        "Ridge, 3³ means, recalibrated has the lowest lesion error of 4 methods (0.080 DVR"
    )
    assert "it is itself a linear baseline and beats the trivial baseline" in sentence


def test_a_pair_counts_whichever_way_it_is_stored(tmp_path):
    turned = ["lesion_mae_visible", "refiner", "ridgemeans", -0.02, -0.04, -0.01, 0.001]
    sentence = read_first(write(tmp_path, ERRORS, pairs=[turned]), FACTS)[1]
    assert "beats the linear baseline, Ridge, 3³ means (0.020 lower, interval 0.010 to 0.040)" in sentence
    assert "the trivial baseline, Control-mean template (not compared in this run)" in sentence


def test_distance_to_the_ceiling_and_the_second_pet(tmp_path):
    assert read_first(write(tmp_path, ERRORS), FACTS)[2] == (
        "If the tissue were known exactly, 90\u00a0% of the error against the noisy PET would remain: Refiner (Wei 2018) "
        "has a lesion error of 0.100 DVR, the ceiling (noise-free tissue) has 0.090, and a second PET of the same people "
        "has 0.140."
    )


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ({"refiner": (0.1, 0.1), "ridgemeans": (-0.1, -0.1)}, "1 of 2 methods finds demyelinated lesion voxels better "
         "than chance (k\u00a0=\u00a01; highest MCC: Refiner (Wei 2018), 0.20, interval 0.10 to 0.30), and 1 of 2 "
         "methods finds them better, by Dice,"),
        ({"refiner": (0.1, -0.1), "ridgemeans": (0.05, -0.1)}, "2 of 2 methods find demyelinated lesion voxels better "
         "than chance (k\u00a0=\u00a01; highest MCC: Refiner (Wei 2018), 0.20, interval 0.10 to 0.30), but no method "
         "finds them better, by Dice,"),
        ({"refiner": (-0.1, -0.1)}, "No method finds demyelinated lesion voxels better than chance"),
        ({}, "Whether any method finds demyelinated lesion voxels (k\u00a0=\u00a01) cannot be said"),
    ],
)  # fmt: skip
def test_demyelinated_voxels_against_chance_and_the_trivial_map(tmp_path, gains, said):
    assert read_first(write(tmp_path, ERRORS, gains=gains), FACTS)[3].startswith(said)


def test_what_learned_from_simulated_people_is_named_only_where_it_is_best(tmp_path):
    words = "Pretrained on simulation has learned from simulated people"
    assert words in read_first(write(tmp_path / "a", ERRORS | {"transfer": 0.05}), FACTS)[4]
    assert words not in " ".join(read_first(write(tmp_path / "b", ERRORS), FACTS))
    assert words not in read_first(write(tmp_path / "c", ERRORS | {"transfer": 0.3}), FACTS)[4]


def test_a_measured_cohort_of_one_patient(tmp_path):
    facts = FACTS | {"simulated": False, "n_patients": 1, "n_controls": 2}
    errors = {method: error for method, error in ERRORS.items() if method not in ("visible", "rescan")}
    run = write(
        tmp_path, errors, visible=False, pairs=[pair("ridgemeans", "refiner", np.nan, np.nan, "lesion_mae")]
    )
    said = read_first(run, facts)
    assert said[0] == (
        "This run compares predictions with the measured PET of 1 patient and 2 controls; one patient shows nothing "
        "about other patients."
    )
    assert "(0.100 DVR against the PET)" in said[1]
    assert "does not clearly beat" in said[1]
    assert said[2].startswith("How far the best method is from what can be reached is not known")
    assert "simulated" not in " ".join(said)
    assert said[4].endswith("for another scanner or for any other patient.")


def test_a_run_without_tables_has_five_sentences_all_the_same(tmp_path):
    said = read_first(RunFolder(tmp_path), FACTS)
    assert len(said) == 5
    assert said[0] == "No person was measured: the 4 patients and 2 controls of this run are simulated."
    assert said[1] == "Which method is best cannot be said, because this run has no lesion error."
    assert "cannot be said" in said[2]
    assert "cannot be said" in said[3]
