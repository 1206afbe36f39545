"""The plan of the cohort: which scans train which models, and the messages about scans that are left out."""

import os
from pathlib import Path

import pandas as pd
import pytest
import yaml
from bids_tree import DEFAULTS, MAPS, people, touch
from workflow_run import ROOT

from myelosketch.cohort.plan import Cohort, plan_cohort
from myelosketch.errors import InputError
from myelosketch.io.tables import read_table, write_table
from myelosketch.simulation.dataset import SimulatedDataset

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())


def planned(warn=lambda sentence: None, external=(0, 0), **sections):
    """The cohort of a simulated dataset with four patients and four controls, in two folds."""
    size = {"n_patients": 4, "n_controls": 4}
    size["external"] = {"site": "B", "n_patients": external[0], "n_controls": external[1]}
    config = CONFIG | {"folds": {"n": 2, "file": ""}, "simulation": CONFIG["simulation"] | size}
    for name, section in sections.items():
        config = config | {name: config[name] | section}
    dataset = SimulatedDataset("results/simulated", config["simulation"])
    rows, sites = dataset.rows(), dataset.external_sites
    return plan_cohort(config, simulated=rows, external_sites=sites, warn=warn)


def test_every_scan_is_held_out_once_and_no_model_learns_from_it():
    cohort = planned()
    assert len(cohort.scans) == 8
    held = [scan for fold in cohort.cross_validation for scan in cohort.held_out(fold)]
    assert sorted(held) == sorted(cohort.scans)
    for fold in cohort.cross_validation:
        assert not set(cohort.held_out(fold)) & set(cohort.train_scans(fold))
        assert all(cohort.group[scan] == "HC" for scan in cohort.train_controls(fold))


def test_the_order_of_the_table_does_not_change_the_order_in_which_a_model_learns():
    cohort = planned()
    backwards = Cohort(cohort.found, cohort.included.iloc[::-1], cohort.excluded, cohort.folds.iloc[::-1])
    assert backwards.scans == cohort.scans[::-1]
    for fold in cohort.cross_validation:
        for of in (Cohort.held_out, Cohort.train_scans, Cohort.train_controls):
            scans = of(cohort, fold)
            assert of(backwards, fold) == scans == [scan for scan in cohort.scans if scan in scans]


def test_no_model_learns_from_an_external_site_and_its_scans_stand_apart():
    cohort = planned(external=(1, 1))
    assert cohort.external == ["sub-MSB01", "sub-HCB01"]
    assert (cohort.fold_ids, cohort.cross_validation) == ([0, 1, 2], [1, 2])
    assert not set(cohort.external) & {*cohort.internal, *cohort.patients}
    assert cohort.train_scans(0) == cohort.internal
    assert list(cohort.participants.values()).count("MS") == len(cohort.patients) == 4


def test_who_is_left_out_is_said_before_the_folds_may_fail():
    said = []
    out = ["sub-HC02", "sub-HC03", "sub-HC04"]
    with pytest.raises(
        InputError, match=r"^Only 1 complete HC participants for 2 folds: lower folds\.n, or add"
    ):
        planned(warn=said.append, cohort={"exclude": out})
    assert said == [f"Left out: {scan} (named in cohort.exclude)" for scan in out]


def test_folds_of_the_user(tmp_path):
    subjects = [f"{group}0{number}" for group in ("MS", "HC") for number in range(1, 5)]
    table = pd.DataFrame({"subject": subjects, "fold": [1, 1, 2, 3, 1, 2, 2, 3]})
    write_table(table, tmp_path / "folds.tsv")
    cohort = planned(folds={"file": str(tmp_path / "folds.tsv")})
    assert cohort.held_out(3) == ["sub-MS04", "sub-HC04"]


def test_participants_with_several_sessions_and_their_order():
    assert planned().followed_up == {}
    rows = [
        {"scan": f"sub-{subject}_ses-{session}", "subject": subject, "session": session, "group": "MS"}
        for subject, session in (("01", "pre"), ("02", "a"), ("01", "post"), ("03", "b"), ("03", "a"))
    ]
    table = pd.DataFrame(rows)
    cohort = Cohort(table, table, table[:0], table[:0])
    assert cohort.followed_up == {
        "01": ["sub-01_ses-pre", "sub-01_ses-post"],
        "03": ["sub-03_ses-b", "sub-03_ses-a"],
    }
    assert cohort.followed_among(["sub-03_ses-b", "sub-03_ses-a", "sub-02_ses-a"]) == ["03"]


def test_lesions_drawn_on_flair_are_known():
    row = {"scan": "sub-01", "subject": "01", "group": "MS", "FLAIR": "f", "lesion_mask": "m"}
    table = pd.DataFrame([row | {"lesion_space": "FLAIR"}, row | {"scan": "sub-02", "lesion_space": "T1w"}])
    assert Cohort(table, table, table[:0], table[:0]).on_flair == {"sub-01"}


def test_settings_of_a_second_site_and_files_of_a_participant():
    section = CONFIG["simulation"] | {"external": {"site": "B", "n_patients": 1, "n_controls": 0}}
    dataset = SimulatedDataset("data", section)
    assert dataset.settings("MSB01")["lesion_load"] != dataset.settings("MS01")["lesion_load"]
    assert dataset.group("MSB01") == "MS"
    outputs = dataset.outputs("{subject}")
    assert set(dataset.outputs("HC01")) == set(outputs)  # one rule simulates every participant
    assert outputs["T1w"] == "data/sub-{subject}/anat/sub-{subject}_T1w.nii.gz"
    assert not set(dataset.beside("{subject}")) & set(outputs.values())
    assert "field" not in outputs
    distorted = section | {"level": "signals", "dwi": section["dwi"] | {"distortion_hz": 20.0}}
    assert "field" in SimulatedDataset("data", distorted).outputs("MS01")


def test_what_is_given_of_the_registration():
    with pytest.raises(
        InputError,
        match=r"^registration\.given names sub-09, which the cohort does not have: use names such as "
        "sub-HC01 or all\.",
    ):
        planned(registration={"given": {"sub-09": ["dwi"]}})
    said = []
    planned(registration={"given": {"all": ["dwi"]}}, warn=said.append)
    planned(registration={"given": {"sub-HC01": ["MTR"]}, "dwi": "deformable"}, warn=said.append)
    assert said == []
    planned(registration={"given": {"sub-HC01": ["dwi"]}, "dwi": "deformable"}, warn=said.append)
    assert said == [
        "registration.dwi is deformable, but the alignment of the diffusion maps is given for sub-HC01: "
        "it is used as it is, without a displacement."
    ]


def bids_plan(warn=lambda sentence: None, path="results/cohort/found.tsv", **bids):
    section = {"source": "bids", "bids": DEFAULTS | {"dataset": "ds"} | bids}
    config = CONFIG | {"cohort": CONFIG["cohort"] | section, "folds": {"n": 2, "file": ""}}
    return plan_cohort(config, simulated=[], external_sites=[], warn=warn, found_path=path)


def test_a_cohort_that_is_too_small_leaves_the_table_of_what_was_found(here):
    touch("ds/sub-03", MAPS[0])
    people("sub-01\tMS", "sub-02\tHC", "sub-03\tMS")
    with pytest.raises(InputError) as caught:
        bids_plan()
    first, second = str(caught.value).splitlines()
    assert first.startswith("Only 1 complete MS participants for 2 folds")
    assert second == "All scans found are listed in results/cohort/found.tsv, complete or not."
    assert read_table("results/cohort/found.tsv").subject.tolist() == ["01", "02", "03"]
    # older than the job's input: the job of cohort_table writes it again
    assert (
        0
        < os.stat("results/cohort/found.tsv").st_mtime
        < os.stat(ROOT / "workflow_scripts/write_found.py").st_mtime
    )


def test_a_dataset_with_open_choices_leaves_the_table_too_with_those_blank(here):
    touch("ds/sub-02", "anat/{scan}_run-2_T1w.nii.gz")
    people("sub-01\tpwMS", "sub-02\tHC")
    with pytest.raises(
        InputError, match=r"(?s)^The BIDS dataset ds has 2 problems:.*\nAll scans found are listed in "
    ):
        bids_plan()
    table = read_table("results/cohort/found.tsv").set_index("subject")
    assert table.T1w.isna().tolist() == [False, True]
    assert table.group.isna().tolist() == [True, False]


def test_a_folder_of_results_that_cannot_be_written_hides_no_error(here):
    Path("results").touch()
    with pytest.raises(InputError, match=r"lists who was left out\)\.$"):
        bids_plan()


def test_hints_and_closed_folders_reach_the_console(here):
    os.remove("ds/sub-01/anat/sub-01_T1w.nii.gz")
    touch("ds/sub-01", "anat/{scan}_UNIT1.nii.gz")
    os.rename("ds/sub-02/pet", "ds/sub-02/away")
    os.symlink("pet", "ds/sub-02/pet")
    said = []
    with pytest.raises(InputError):
        bids_plan(said.append)
    assert said[0].startswith("T1w: not found for sub-01; the most similar files that were not used: ")
    assert "Left out: sub-02 (ds/sub-02/pet is a link to itself)" in said
