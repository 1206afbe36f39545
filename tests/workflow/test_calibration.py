"""The study of calibration: planned on the simulated cohort of a run, and refused for a cohort without truth."""

import pandas as pd
import pytest
from workflow_run import jobs, snakemake

from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table

pytestmark = pytest.mark.slow

STUDY = {"snakefile": "studies/calibration/Snakefile", "configs": ()}


def refusal(folder):
    done = snakemake(folder, "--dry-run", **STUDY, check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "most recent call last" not in said
    return " ".join(said.split())


def test_each_participant_is_measured_once_and_each_patient_surveyed_once(smoke):
    planned = jobs(smoke, **STUDY)
    assert planned == {
        "measure_participant": 8,
        "survey_lesions": 30,
        **dict.fromkeys(("calibrate_tissue", "calibrate_lesions", "calibrate_prediction"), 1),
        **dict.fromkeys(("draw_calibration", "write_calibration", "calibration"), 1),
    }


def test_a_users_cohort_has_no_truth_to_calibrate(tmp_path):
    cohort = tmp_path / "results/cohort"
    write_json(cohort / "config.json", {"cohort": {"source": "table"}})
    write_table(pd.DataFrame({"scan": ["sub-P1"], "subject": "P1", "group": "MS"}), cohort / "cohort.tsv")
    write_table(pd.DataFrame({"subject": ["P1"], "group": "MS", "fold": 1}), cohort / "folds.tsv")
    assert (
        "cohort.source is table; calibration measures the simulated cohort, whose truth is known: "
        "set cohort.source to simulate."
    ) in refusal(tmp_path)


def test_without_a_run_it_says_what_to_run_first(tmp_path):
    assert (
        "results/cohort/config.json and 2 more files of the run that this study reads cannot be found: simulate the "
        "cohort first (snakemake --cores all simulated_cohort cohort), and with simulation.level: signals derive its "
        "maps too (snakemake --cores all registration)."
    ) in refusal(tmp_path)
