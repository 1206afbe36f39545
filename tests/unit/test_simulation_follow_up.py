"""A simulated follow-up: the same person measured again, with a known change in a known half of the lesions."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from workflow_run import ROOT

from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.table import cohort_from_rows
from myelosketch.errors import InputError
from myelosketch.io.provenance import file_hash, read_json
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import load_volume
from myelosketch.simulation.cohort import (
    describe_cohort,
    participant_settings,
    simulated_files,
    simulated_images,
    truth_file,
    truth_files,
)
from myelosketch.simulation.dataset import SimulatedDataset
from myelosketch.simulation.fields import stream
from myelosketch.simulation.follow_up import followed_up, half_of
from myelosketch.simulation.lesions import Lesions
from myelosketch.simulation.participant import simulate_body, simulate_participant
from myelosketch.simulation.settings import complete_settings

COARSE = {
    "voxel_size_mm": {"anatomy": 4.0, "T1w": 4.0, "dwi": 5.0, "MTR": 5.0, "pet": 6.0},
    "lesion_load_min_ml": 1.0,
}
SECTION = yaml.safe_load((ROOT / "config.yaml").read_text())["simulation"]
REMYELINATING = {"kind": "remyelinating", "change": 0.4}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A patient with one session (once) and the same with two (twice)."""
    root = tmp_path_factory.mktemp("simulated")
    simulate_participant(root / "once", "01", "MS", COARSE, 7)
    simulate_participant(root / "twice", "01", "MS", {**COARSE, "follow_up": REMYELINATING}, 7)
    return root


def image(dataset, name, session):
    files = simulated_images(dataset / "twice", "01", session=session)
    return load_volume((files | truth_files(dataset / "twice", "01", session))[name])


def test_without_a_follow_up_everything_is_named_as_before():
    assert SECTION["follow_up"]["kind"] == "none"
    dataset = SimulatedDataset("data", SECTION)
    assert dataset.outputs("{subject}")["T1w"] == "data/sub-{subject}/anat/sub-{subject}_T1w.nii.gz"
    assert dataset.truth("sub-MS01")["poses"] == "data/derivatives/truth/sub-MS01/sub-MS01_poses.json"
    assert dataset.rows()[0]["session"] is None
    assert len(dataset.rows()) == len(dataset.people)
    # settings of a participant are parameters of its job, and are in the dataset's description
    assert not {"follow_up", "with_pet"} & set(participant_settings(SECTION))


def test_sessions_lie_in_folders_of_their_own():
    dataset = SimulatedDataset("data", SECTION | {"follow_up": REMYELINATING})
    outputs = dataset.outputs("{subject}")
    assert outputs["T1w"] == "data/sub-{subject}/ses-01/anat/sub-{subject}_ses-01_T1w.nii.gz"
    assert outputs["T1w_02"] == "data/sub-{subject}/ses-02/anat/sub-{subject}_ses-02_T1w.nii.gz"
    assert outputs["DVR_02"] == (
        "data/derivatives/maps/sub-{subject}/ses-02/pet/sub-{subject}_ses-02_trc-PIB_meas-DVR_mimap.nii.gz"
    )
    assert len(set(outputs.values())) == len(outputs)
    assert not set(dataset.beside("{subject}")) & set(outputs.values())
    assert dataset.truth("sub-MS01_ses-02")["poses"] == outputs["poses_02"].format(subject="MS01")
    rows = cohort_from_rows(dataset.rows())
    assert rows.scan.tolist()[:3] == ["sub-MS01_ses-01", "sub-MS01_ses-02", "sub-MS02_ses-01"]
    assert len(rows) == 2 * len(dataset.people)
    assert participant_settings(dataset.section)["follow_up"] == REMYELINATING


@pytest.mark.parametrize(("level", "kept_back"), [("maps", {"DVR"}), ("signals", {"pet", "reference_mask"})])
def test_a_hospital_without_pet_hands_none_on(level, kept_back):
    with_pet = SimulatedDataset("data", SECTION | {"level": level})
    without = SimulatedDataset("data", SECTION | {"level": level, "with_pet": False})
    assert set(with_pet.rows()[0]) - set(without.rows()[0]) == kept_back
    assert without.outputs("MS01") == with_pet.outputs("MS01")  # the truth needs them
    assert without.settings("MS01") == with_pet.settings("MS01")
    included, excluded = split_complete(cohort_from_rows(without.rows()), check_files=False)
    assert included.empty
    assert len(excluded) == len(without.people)


def test_the_first_session_is_the_participant_without_a_follow_up(dataset):
    once = simulated_images(dataset / "once", "01") | truth_files(dataset / "once", "01")
    first = simulated_images(dataset / "twice", "01", session="01") | truth_files(
        dataset / "twice", "01", "01"
    )
    assert {name for name in once if file_hash(once[name]) != file_hash(first[name])} == set()


def test_numbers_of_a_participant_that_no_later_version_may_change(dataset):
    """Means of a few images; T1w as before there were sessions, the maps as since grey matter varies."""
    files = simulated_files(dataset / "once", "01", "MS")
    known = {"T1w": 117.038664, "FA": 0.0358430898, "MTR": 4.97525327, "DVR": 0.165634906}
    found = {name: float(load_volume(files[name]).data.mean(dtype=float)) for name in known}
    assert found == pytest.approx(known, rel=1e-5)


def test_both_sessions_are_complete_and_share_the_person(dataset):
    for session in ("01", "02"):
        files = simulated_images(dataset / "twice", "01", session=session)
        for path in (files | truth_files(dataset / "twice", "01", session)).values():
            assert Path(path).is_file(), path
    for name in ("axons", "water", "coherence", "tissue", "lesions"):
        np.testing.assert_array_equal(image(dataset, name, "01").data, image(dataset, name, "02").data)
    assert file_hash(truth_file(dataset / "twice", "01", "warp", "01")) == file_hash(
        truth_file(dataset / "twice", "01", "warp", "02")
    )


def test_poses_noise_and_errors_of_the_scanner_are_new(dataset):
    poses = [read_json(truth_file(dataset / "twice", "01", "poses", session)) for session in ("01", "02")]
    for modality in ("T1w", "dwi", "MTR", "pet"):
        assert np.abs(np.array(poses[0][modality]) - np.array(poses[1][modality])).max() > 0.1
    noise = [image(dataset, "DVR", s).data - image(dataset, "noisefree", s).data for s in ("01", "02")]
    both = (noise[0] != 0) & (noise[1] != 0)
    assert abs(np.corrcoef(noise[0][both], noise[1][both])[0, 1]) < 0.1


def test_myelin_moves_by_the_stated_amount_in_the_stated_lesions_alone(dataset):
    before, after = (image(dataset, "myelin", session).data / 1000 for session in ("01", "02"))
    labels = image(dataset, "lesions", "01").data.astype(int)
    tables = [
        read_table(truth_file(dataset / "twice", "01", "lesion_table", s), numeric=True) for s in ("01", "02")
    ]
    assert "changed" not in tables[0]
    changed = tables[1].lesion[tables[1].changed == 1]
    assert 0 < len(changed) < len(tables[1])
    moved = np.isin(labels, changed)
    np.testing.assert_array_equal(before[~moved], after[~moved])
    # .4 of myelin more times the share of the voxel that is lesion, and none above 1
    step = (after - before)[moved & (before < 0.6)]
    assert 0.35 < step.max() <= 0.401
    assert step.min() > 0.1
    assert (after[moved & (before <= 1)] <= 1.0005).all()
    grown = tables[1].mean_myelin - tables[0].mean_myelin
    assert (grown[tables[1].changed == 0] == 0).all()
    below = tables[0].mean_myelin < 0.9  # a small lesion in healthy surroundings has no myelin to regain
    assert (grown[(tables[1].changed == 1) & below] > 0).all()


def lesions_of(*rows):
    """Lesions of voxels along a line, one row of the table per number: (first voxel, number of voxels)."""
    labels = np.zeros((60, 3, 3), np.int16)
    for number, (start, length) in enumerate(rows, start=1):
        labels[start : start + length, 1, 1] = number
    member = (labels > 0).astype(np.float32)
    return Lesions(labels, member, member, [{"kind": "active"}] * len(rows))


def test_one_of_each_two_lesions_of_neighbouring_size_changes():
    # rows 1 and 2 have grown together; then three lesions, rows 3 to 5
    lesions = lesions_of((1, 6), (7, 4), (20, 8), (30, 5), (40, 2))
    seen = set()
    for seed in range(20):
        changed = half_of(lesions, np.random.default_rng(seed))
        assert changed[0] == changed[1], "a lesion changes whole"
        assert changed[0] != changed[2]
        assert changed[3] != changed[4]
        seen.add(tuple(changed))
    assert len(seen) == 4
    alone = lesions_of((1, 6), (20, 8), (30, 5))
    assert all(half_of(alone, np.random.default_rng(seed))[2] for seed in range(5)), "without a partner"


@pytest.mark.parametrize(
    ("kind", "expected"), [("demyelinating", 0.1), ("remyelinating", 0.7), ("unchanged", 0.4)]
)
def test_the_direction_of_a_change(kind, expected):
    lesions = lesions_of((1, 6))
    myelin = np.full(lesions.labels.shape, 0.4, np.float32)
    body = {"anatomy": None, "lesions": lesions, "latents": {"myelin": myelin, "water": myelin}}
    after = followed_up(body, {"kind": kind, "change": 0.3}, np.random.default_rng(1))
    np.testing.assert_allclose(after["latents"]["myelin"][lesions.labels > 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(after["latents"]["myelin"][lesions.labels == 0], np.float32(0.4))
    assert after["latents"]["water"] is myelin
    np.testing.assert_array_equal(body["latents"]["myelin"], np.float32(0.4))
    assert after["changed"].tolist() == [kind != "unchanged"]


def test_myelin_stays_between_none_and_healthy():
    lesions = lesions_of((1, 2))
    myelin = np.full(lesions.labels.shape, 0.2, np.float32)
    myelin[2, 1, 1] = 1.2  # healthier than healthy
    body = {"anatomy": None, "lesions": lesions, "latents": {"myelin": myelin}}
    less = followed_up(body, {"kind": "demyelinating", "change": 0.3}, np.random.default_rng(1))
    np.testing.assert_allclose(less["latents"]["myelin"][1:3, 1, 1], [0, 0.9], rtol=1e-6)
    more = followed_up(body, {"kind": "remyelinating", "change": 1.0}, np.random.default_rng(1))
    np.testing.assert_allclose(more["latents"]["myelin"][1:3, 1, 1], [1, 1.2], rtol=1e-6)


def test_a_control_is_measured_again_unchanged():
    settings = complete_settings({**COARSE, "follow_up": REMYELINATING})
    body = simulate_body("02", "HC", settings, 7)
    after = followed_up(body, settings["follow_up"], stream(7, "02", "follow-up"))
    assert after["latents"] is body["latents"]
    assert "changed" not in after


def test_the_readme_names_the_sessions(tmp_path):
    for kind in ("none", "unchanged"):
        section = SECTION | {"follow_up": {"kind": kind, "change": 0.3}}
        dataset = SimulatedDataset(str(tmp_path / kind), section)
        describe_cohort(dataset.folder, dataset.people, dataset.shared_settings, 1)
        text = (tmp_path / kind / "README").read_text()
        assert ("ses-02" in text) == (kind != "none")


def test_a_wrong_kind_is_refused_by_its_key():
    with pytest.raises(InputError) as refusal:
        complete_settings({"follow_up": {"kind": "worse"}})
    assert str(refusal.value) == (
        "simulation.follow_up.kind is 'worse'; expected none or unchanged or demyelinating or remyelinating: correct "
        "this key."
    )
