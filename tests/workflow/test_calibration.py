"""The calibration as the workflow plans it, and its refusal where there is no truth."""

import pandas as pd
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.tables import write_table


def test_each_participant_is_measured_once_and_each_patient_surveyed_once(tmp_path):
    planned = jobs(tmp_path, "calibration")
    assert planned["measure_participant"] == 8
    assert planned["survey_lesions"] == 30
    once = (
        "calibrate_tissue",
        "calibrate_lesions",
        "calibrate_prediction",
        "draw_calibration",
        "write_calibration",
    )
    assert {name: planned[name] for name in once} == dict.fromkeys(once, 1)
    assert "train_network" not in planned


def test_a_users_cohort_has_no_truth_to_calibrate(tmp_path):
    rows = []
    for subject in [f"P{n}" for n in range(1, 5)] + [f"C{n}" for n in range(1, 5)]:
        row = {"subject": subject, "group": "MS" if subject[0] == "P" else "HC"}
        names = ["T1w", "FA", "RD", "AD", "MTR", "DVR"] + (["lesion_mask"] if subject[0] == "P" else [])
        for name in names:
            row[name] = f"{subject}_{name}.nii.gz"
            (tmp_path / row[name]).touch()
        rows.append(row)
    write_table(pd.DataFrame(rows), tmp_path / "cohort.tsv")
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"cohort": {"source": "table", "table": "cohort.tsv"}}))
    done = snakemake(tmp_path, "--dry-run", "calibration", configs=(SMOKE, mine), check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "most recent call last" not in said
    assert (
        "cohort.source is table; calibration measures the simulated cohort, whose truth is known: "
        "set cohort.source to simulate."
    ) in " ".join(said.split())
