"""A BIDS dataset instead of the simulation; empty files will do, because nothing is opened before the check."""

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
    """What the workflow says when it stops; it must stop, and without a traceback."""
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
    for path in (dataset / "ds/sub-HC02/anat").iterdir():
        path.unlink()
    said = refusal(dataset)
    assert "Left out: sub-HC02 (no T1w, MTR in the table)" in said
    assert "Only 1 complete HC participants for 2 folds" in said
