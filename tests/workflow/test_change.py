"""Change between sessions is planned for participants with several sessions, and for no others."""

import yaml
from workflow_run import SMOKE, jobs, snakemake

OF_CHANGE = ("align_sessions", "place_session", "measure_change", "gather_change")
APART = "gather_external_change"


def followed_up(folder, **simulation):
    (folder / "mine.yaml").write_text(
        yaml.safe_dump({"simulation": {"follow_up": {"kind": "unchanged"}} | simulation})
    )
    return {"configs": (SMOKE, folder / "mine.yaml")}


def test_a_follow_up_plans_one_common_space_per_participant(tmp_path):
    planned = jobs(tmp_path, **followed_up(tmp_path))
    # four patients and four controls of this site, one of each of another; two sessions each
    assert [planned[rule] for rule in (*OF_CHANGE, APART)] == [10, 20, 10, 1, 1]
    assert planned["simulate_participant"] == 10
    assert planned["predict_scan"] == 20
    alone = jobs(tmp_path, "change", **followed_up(tmp_path))
    assert alone["gather_change"] == 1
    assert "write_report" not in alone


def test_a_run_with_one_session_each_has_no_change(tmp_path):
    assert not {*OF_CHANGE, APART} & set(jobs(tmp_path))


def test_one_transform_to_the_common_space_can_be_asked_for(tmp_path):
    scan = "sub-MS01_ses-02"
    path = f"results/derivatives/sub-MS01/ses-02/anat/{scan}_from-T1w_to-common_mode-image_xfm.mat"
    planned = jobs(tmp_path, path, **followed_up(tmp_path))
    assert (planned["place_session"], planned["align_sessions"], planned["register_scan"]) == (1, 1, 2)
    assert "train_network" not in planned


def test_a_simulated_hospital_without_pet_has_nothing_to_train_on(tmp_path):
    done = snakemake(tmp_path, "--dry-run", check=False, **followed_up(tmp_path, with_pet=False))
    said = done.stdout + done.stderr
    assert done.returncode
    assert "Left out: sub-MS01_ses-01 (no DVR in the table)" in said
    assert "Traceback" not in said
