"""A BIDS dataset instead of the simulation; empty files are enough, because nothing is opened before the check."""

import re
from pathlib import Path

import pytest
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.cohort.table import FILE_COLUMNS
from myelosketch.io.tables import read_table
from myelosketch.simulation.cohort import describe_cohort, participants, simulated_files


@pytest.fixture
def dataset(tmp_path):
    """A folder to run in, with a dataset of two patients and two controls."""
    describe_cohort(tmp_path / "ds", participants(2, 2).assign(site="A"), {}, 1)
    for person in participants(2, 2).to_dict("records"):
        for path in simulated_files(tmp_path / "ds", **person).values():
            touch(path)
    configure(tmp_path)
    return tmp_path


def touch(path):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def configure(folder, **settings):
    derivatives = ["ds/derivatives/maps", "ds/derivatives/lesions"]
    section = {"source": "bids", "bids": {"dataset": "ds", "derivatives": derivatives} | settings}
    (folder / "mine.yaml").write_text(yaml.safe_dump({"cohort": section}))


def run(folder, *arguments, check=True):
    return snakemake(folder, *arguments, configs=(SMOKE, folder / "mine.yaml"), check=check)


def refusal(folder):
    """The message of the workflow, which must stop without a traceback."""
    done = run(folder, "-n", check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "Traceback" not in said
    return said


def test_the_table_found_can_be_used_instead(dataset):
    run(dataset, "cohort_table")
    table = dataset / "results/cohort/found.tsv"
    assert read_table(table).subject.tolist() == ["MS01", "MS02", "HC01", "HC02"]
    assert not set(FILE_COLUMNS) - set(read_table(table).columns)
    found = jobs(dataset, "registration", "regions", configs=(SMOKE, dataset / "mine.yaml"))
    (dataset / "mine.yaml").write_text(yaml.safe_dump({"cohort": {"source": "table", "table": str(table)}}))
    assert jobs(dataset, "registration", "regions", configs=(SMOKE, dataset / "mine.yaml")) == found
    assert found["register_scan"] == 4


def test_a_choice_is_asked_for_and_the_answer_taken(dataset):
    touch(dataset / "ds/sub-HC01/anat/sub-HC01_run-2_T1w.nii.gz")
    said = refusal(dataset)
    assert "sub-HC01: T1w may be ds/sub-HC01/anat/sub-HC01_T1w.nii.gz or " in said
    assert "      T1w: {run: null}  # or {run: 2}" in said
    configure(dataset, filters={"T1w": {"run": None}})
    assert jobs(dataset, "regions", configs=(SMOKE, dataset / "mine.yaml"))["register_scan"] == 4


def test_who_is_left_out_is_said_even_if_too_few_remain(dataset):
    moved = dataset / "anat"
    (dataset / "ds/sub-HC02/anat").rename(moved)
    said = refusal(dataset)
    assert "Left out: sub-HC02 (no T1w, MTR in the table)" in said
    assert "Only 1 complete HC participants for 2 folds" in said
    assert "All scans found are listed in results/cohort/found.tsv, complete or not." in said
    table = dataset / "results/cohort/found.tsv"
    assert read_table(table).set_index("subject").T1w.isna().to_dict() == {
        "MS01": False, "MS02": False, "HC01": False, "HC02": True,
    }  # fmt: skip
    moved.rename(dataset / "ds/sub-HC02/anat")
    run(dataset, "cohort_table")  # files from the refused run are written again
    assert not read_table(table).T1w.isna().any()


def test_metadata_above_the_images_is_an_input_of_what_reads_them(dataset):
    """A series with its gradients at the root, and a map with its unit there."""
    for path in dataset.glob("ds/derivatives/maps/sub-HC01/dwi/*"):
        path.unlink()
    touch(dataset / "ds/sub-HC01/dwi/sub-HC01_dwi.nii.gz")
    for name in ("dwi.bval", "dwi.bvec", "acq-x_dwi.bval", "MTRmap.json"):
        touch(dataset / "ds" / name)
    done = run(dataset, "-n", "cohort", "regions", "--quiet=reason")
    blocks = re.split(r"\nrule ", done.stdout + done.stderr)
    fitted = [block for block in blocks if block.startswith("fit_tensor:")]
    assert len(fitted) == 1
    assert all(name in fitted[0] for name in ("ds/dwi.bval", "ds/dwi.bvec"))
    inspected = [block for block in blocks if block.startswith("inspect_scan:")]
    assert len(inspected) == 4
    assert all("ds/MTRmap.json" in block for block in inspected)
    assert ["ds/dwi.bval" in block for block in inspected].count(True) == 1
