"""Trees with the file names of public datasets: which files are used, and the messages about the others."""

import os
from pathlib import Path

import pytest
from bids_tree import DEFAULTS, touch

from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.table import companions


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new_scans(dataset="ds", **settings):
    return read_bids(DEFAULTS | {"dataset": dataset} | settings, predicts=True)


def test_test_and_retest_with_gradients_at_the_root():
    for session in ("test", "retest"):
        touch(f"ds/sub-01/ses-{session}", "anat/{scan}_T1w.nii.gz", "dwi/{scan}_dwi.nii.gz")
    touch("ds", "dwi.bval", "dwi.bvec", "task-rest_bold.json")
    table, hints, _ = new_scans()
    assert table.scan.tolist() == ["sub-01_ses-retest", "sub-01_ses-test"]
    assert hints == []
    assert [companions("dwi", path) for path in table.dwi] == [
        {"bval": "ds/dwi.bval", "bvec": "ds/dwi.bvec"}
    ] * 2
    assert split_complete(table, predicts=True)[1].reason.tolist() == ["no MTR in the table"] * 2


def test_two_acquisitions_of_diffusion_with_gradients_of_their_own_at_the_root():
    touch("ds/sub-32", "dwi/{scan}_acq-10DIR_dwi.nii.gz", "dwi/{scan}_acq-33DIR_dwi.nii.gz")
    touch("ds", *(f"acq-{name}_dwi.{kind}" for name in ("10DIR", "33DIR") for kind in ("bval", "bvec")))
    table, _, _ = new_scans(filters={"dwi": {"acq": "33DIR"}})
    assert companions("dwi", table.dwi[0]) == {
        "bval": "ds/acq-33DIR_dwi.bval",
        "bvec": "ds/acq-33DIR_dwi.bvec",
    }


def test_a_derivative_dataset_with_a_map_and_its_series():
    """FA beside an uncompressed series; colour maps, S0 and ADC are not inputs."""
    names = ("FA.nii", "colFA.nii", "S0map.nii", "ADC.nii", "dwi.nii", "dwi.bval", "dwi.bvec")
    touch("ds/sub-01", *(f"dwi/{{scan}}_{name}" for name in names))
    table, hints, _ = new_scans()
    assert {name: Path(table[name][0]).name for name in ("FA", "dwi")} == {
        "FA": "sub-01_FA.nii",
        "dwi": "sub-01_dwi.nii",
    }
    assert hints == []


def test_a_pet_dataset_with_rescans_blood_and_an_unnamed_tracer():
    for session in ("baseline", "rescan"):
        touch(
            f"ds/sub-01/ses-{session}",
            *("anat/{scan}_T1w.nii", "anat/{scan}_T1w.json", "pet/{scan}_pet.nii.gz", "pet/{scan}_pet.json"),
            *("pet/{scan}_recording-manual_blood.json", "pet/{scan}_recording-manual_blood.tsv"),
        )
    table, hints, _ = new_scans()
    assert [Path(path).name for path in table.pet] == [
        "sub-01_ses-baseline_pet.nii.gz",
        "sub-01_ses-rescan_pet.nii.gz",
    ]
    assert hints == []


def test_an_mpm_dataset():
    """Multi-parameter mapping: echoes of an MT pair under one suffix, and maps that are none of the inputs."""
    names = [f"acq-MTw_echo-{echo}_flip-1_mt-on_MPM" for echo in (1, 2)]
    names += [f"acq-PDw_echo-{echo}_flip-1_mt-off_MPM" for echo in (1, 2)]
    touch("ds/sub-01", *(f"anat/{{scan}}_{name}.nii" for name in names))
    touch("ds/derivatives/hmri/sub-01", "anat/{scan}_MTsat.nii.gz", "anat/{scan}_R1map.nii.gz")
    _, hints, _ = new_scans(derivatives=["ds/derivatives/hmri"])
    assert [hint.split(":")[0] for hint in hints] == ["mt_on", "mt_off", "cohort.bids.derivatives.0"]
    filters = {
        "mt_on": {"suffix": "MPM", "mt": True, "echo": 1},
        "mt_off": {"suffix": "MPM", "mt": "off", "echo": 1},
    }
    table = new_scans(filters=filters).table
    assert [os.path.basename(table[name][0]) for name in filters] == [
        "sub-01_acq-MTw_echo-1_flip-1_mt-on_MPM.nii",
        "sub-01_acq-PDw_echo-1_flip-1_mt-off_MPM.nii",
    ]
