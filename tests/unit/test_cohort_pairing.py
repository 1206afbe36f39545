"""PET and MRI of a participant in different sessions, and derivatives that name no session."""

from pathlib import Path

import pytest
from bids_tree import DEFAULTS, LESIONS, MAPS, SCHEMA, hints, people, read, refusal, row, touch

from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.config import config_problems
from myelosketch.cohort.found import write_found
from myelosketch.io.tables import read_table

MRI = (*MAPS[:5], LESIONS)
DVR = MAPS[5]


@pytest.fixture
def visits(tmp_path, monkeypatch):
    """A dataset of a patient and a control with MRI and PET in sessions of their own."""
    monkeypatch.chdir(tmp_path)
    for subject in ("01", "02"):
        touch(f"ds/sub-{subject}/ses-mri", *MRI)
        touch(f"ds/sub-{subject}/ses-pet", DVR, "anat/{scan}_T1w.nii.gz")
    people("sub-01\tMS", "sub-02\tHC")
    return tmp_path


def write(path, *lines):
    Path(path).write_text("\n".join("\t".join(line) for line in lines) + "\n")


def test_without_the_setting_nobody_is_complete_and_the_setting_is_named(visits):
    included, excluded = split_complete(read())
    assert included.empty
    assert len(excluded) == 4
    assert hints()[0] == (
        "PET and MRI are in different sessions, such as ses-pet and ses-mri, of sub-01, sub-02: to use them "
        "together, set cohort.bids.pair_sessions to nearest, or to {mri: pet}."
    )


@pytest.mark.parametrize("setting", ["nearest", {"mri": "pet"}])
def test_a_scan_takes_the_pet_of_another_session_and_keeps_its_name(visits, setting):
    assert config_problems({"cohort": {"bids": {"pair_sessions": setting}}}, SCHEMA) == []
    table = read(pair_sessions=setting)
    name = "sub-01_ses-pet_trc-PIB_meas-DVR_mimap.nii.gz"
    assert table.scan.tolist() == ["sub-01_ses-mri", "sub-02_ses-mri"]
    assert f"ds/sub-01/ses-pet/pet/{name}" == row(table, "sub-01_ses-mri").DVR
    assert row(table, "sub-01_ses-mri").T1w == "ds/sub-01/ses-mri/anat/sub-01_ses-mri_T1w.nii.gz"
    assert table.pet_session.tolist() == ["pet", "pet"]
    assert len(split_complete(table)[0]) == 2
    assert hints(pair_sessions=setting) == [
        "Scans with the PET of another session of their participant: sub-01_ses-mri (ses-pet), sub-02_ses-mri "
        "(ses-pet)."
    ]
    write_found(table.to_dict("records"), "found.tsv")
    assert read_table("found.tsv").pet_session.tolist() == ["pet", "pet"]


def follow_up():
    """Two MRI and two PET sessions of the patient, without dates."""
    touch("ds/sub-01/ses-mri2", *MRI)
    touch("ds/sub-01/ses-pet2", DVR)


def test_the_nearest_date_decides(visits):
    follow_up()
    write(
        "ds/sub-01/sub-01_sessions.tsv",
        ("session_id", "acq_time"),
        ("ses-mri", "2020-01-01T10:00:00"),
        ("ses-pet", "2020-06-01"),
        ("ses-mri2", "2020-06-20T09:00:00Z"),
        ("pet2", "n/a"),
    )
    name = "sub-01_ses-pet2"
    write(
        f"ds/sub-01/ses-pet2/{name}_scans.tsv",
        ("filename", "acq_time"),
        (f"pet/{name}_pet.nii.gz", "2019-12-24T00:00:00"),
    )
    table = read(pair_sessions="nearest")
    assert dict(zip(table.scan, table.pet_session, strict=True)) == {
        "sub-01_ses-mri": "pet2",
        "sub-01_ses-mri2": "pet",
        "sub-02_ses-mri": "pet",
    }


def test_sessions_without_a_date_are_a_question(visits):
    follow_up()
    write(
        "ds/sub-01/sub-01_sessions.tsv",
        ("session_id", "acq_time"),
        ("ses-mri", "2020-01-01"),
        ("ses-pet", "?"),
    )
    assert refusal(pair_sessions="nearest") == [
        "  - sub-01: PET in ses-pet, ses-pet2 may belong to MRI in ses-mri, ses-mri2, but no acq_time of ses-mri2, "
        "ses-pet, ses-pet2 in sessions.tsv or scans.tsv says which is nearest: enter it there, or pair the "
        "sessions by name (cohort.bids.pair_sessions: {mri: pet})."
    ]
    table = read(pair_sessions={"mri": "pet", "mri2": "pet2"})
    assert table.pet_session.tolist() == ["pet", "pet2", "pet"]


def test_a_session_with_both_keeps_its_own_pet(visits):
    touch("ds/sub-01/ses-mri", DVR)
    table = read(pair_sessions="nearest")
    assert row(table, "sub-01_ses-mri").DVR.startswith("ds/sub-01/ses-mri/")
    assert table.scan.tolist() == ["sub-01_ses-mri", "sub-01_ses-pet", "sub-02_ses-mri"]


def test_a_setting_that_pairs_nothing(visits):
    assert hints(pair_sessions={"mr": "pet"})[0] == (
        "cohort.bids.pair_sessions ({mr: pet}) pairs nothing: no participant has MRI without PET in one such "
        "session and PET without MRI maps in another."
    )


def test_derivatives_without_a_session_belong_to_the_only_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for subject in ("01", "02"):
        touch(f"ds/sub-{subject}/ses-1", *MAPS)
    touch("lesions/sub-01", LESIONS)
    people("sub-01\tMS", "sub-02\tHC")
    table, said, _ = read_bids(DEFAULTS | {"dataset": "ds", "derivatives": ["lesions"]})
    path = "lesions/sub-01/anat/sub-01_label-lesion_mask.nii.gz"
    assert row(table, "sub-01_ses-1").lesion_mask == path
    assert len(split_complete(table)[0]) == len(table) == 2
    assert said == [
        f"Derivatives without a session, such as {path}, are assigned to the only session of their participant: "
        "sub-01_ses-1."
    ]
    touch("ds/sub-01/ses-2", *MAPS)
    table, said, _ = read_bids(DEFAULTS | {"dataset": "ds", "derivatives": ["lesions"]})
    assert row(table, "sub-01_ses-1").lesion_mask is None
    assert said[0] == (
        f"Derivatives without a session, such as {path}, are not used, because their participant has several (ses-1, "
        "ses-2): name the session in their files, or enter them in the cohort table; participants: sub-01."
    )


def test_derivatives_without_a_session_belong_to_the_pair(visits):
    for subject in ("01", "02"):
        for path in Path(f"ds/sub-{subject}/ses-mri/dwi").iterdir():
            path.unlink()
        touch(f"dtifit/sub-{subject}", *MAPS[2:5])
    table = read(pair_sessions="nearest", derivatives=["dtifit"])
    assert table.scan.tolist() == ["sub-01_ses-mri", "sub-02_ses-mri"]
    assert len(split_complete(table)[0]) == 2
