"""Files of a run: declared files are found by their names, and a wrong results folder raises one message."""

import os
import re

import pytest

from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.io.run_files import RunFiles, RunFolder, check_results_folder

DECLARED = (
    "/store/results/evaluation/summary.tsv",
    "/store/results/evaluation/external/summary.tsv",
    "/store/results/training/fold-2/threshold.json",
    "/store/results/training/fold-1/threshold.json",
)


def test_a_declared_file_is_found_below_any_folder():
    run = RunFiles(DECLARED)
    assert str(run.path("evaluation/summary.tsv")) == DECLARED[0]
    assert str(run.path("evaluation/external/summary.tsv")) == DECLARED[1]
    assert [path.parent.name for path in run.matching("training/fold-*/threshold.json")] == [
        "fold-1",
        "fold-2",
    ]


def test_what_is_not_declared_is_absent_even_if_it_lies_there(tmp_path):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation/claims.tsv").touch()
    assert RunFolder(tmp_path).path("evaluation/claims.tsv").is_file()
    assert not RunFiles([tmp_path / "evaluation/summary.tsv"]).path("evaluation/claims.tsv").is_file()


def test_a_derivative_of_a_scan():
    path = names.path("/store/results", "predicted", scan="sub-01_ses-02", method="refiner")
    found = RunFiles([path]).derivative("predicted", scan="sub-01_ses-02", method="refiner")
    assert str(found) == path
    assert (
        str(RunFolder("/store/results").derivative("predicted", scan="sub-01_ses-02", method="refiner"))
        == path
    )


def test_a_results_folder_in_a_file(tmp_path):
    (tmp_path / "file").touch()
    said = f"pathvars.results is {tmp_path}/file/results, which cannot be written ({tmp_path}/file): name a folder"
    with pytest.raises(InputError, match=re.escape(said)):
        check_results_folder(tmp_path / "file/results")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_results_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="which cannot be written"):
        check_results_folder(tmp_path / "results")


def test_a_results_folder_of_an_older_version(tmp_path):
    check_results_folder(tmp_path / "results")
    (tmp_path / "results/cohort").mkdir(parents=True)
    (tmp_path / "results/cohort/refused.tsv").touch()
    with pytest.raises(
        InputError, match=r"is from an older version of the workflow \(it contains cohort/refused\.tsv\)"
    ):
        check_results_folder(tmp_path / "results")


@pytest.mark.parametrize("name", ["logs", "benchmarks"])
def test_a_folder_of_the_results_that_every_run_writes_into(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != name)
    said = f"which cannot be written ({tmp_path / name}): name a folder of yours there."
    with pytest.raises(InputError, match=re.escape(said)):
        check_results_folder(tmp_path)
