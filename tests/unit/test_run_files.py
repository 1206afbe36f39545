"""Files of a run: declared files are found by their names, and a wrong results folder raises one message."""

import os
import re
from base64 import urlsafe_b64encode

import pytest

from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.io.provenance import write_json
from myelosketch.io.run_files import RunFiles, RunFolder, check_origin, check_results_folder

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


NOW = {"library": "1", "config_sha256": "a"}
MADE = {"commit": "abc", "software": {"myelosketch": "0.1.0"}}
OTHER = "another version of the workflow made them (myelosketch 0.1.0, commit abc)"


def results_of(folder, made, *, records):
    """Results whose run recorded ``made``, or did not come to its end (None), with or without Snakemake's records."""
    write_json(folder / "results/cohort/config.json", {})
    if made is not None:
        write_json(folder / "results/provenance.json", MADE | made)
    if records:
        name = urlsafe_b64encode(b"results/cohort/config.json").decode()
        write_json(folder / ".snakemake/metadata" / name, {})


def test_results_that_snakemake_has_records_of_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_origin("results", **NOW) is None
    for made in (None, NOW, NOW | {"config_sha256": "b"}):
        results_of(tmp_path, made, records=True)
        assert check_origin("results", **NOW) is None


@pytest.mark.parametrize("made", [{}, {"library": "2", "config_sha256": "a"}], ids=["before hashes", "other"])
def test_another_version_is_named_and_what_it_made_otherwise_is_made_again(tmp_path, monkeypatch, made):
    monkeypatch.chdir(tmp_path)
    results_of(tmp_path, made, records=True)
    assert check_origin("results", **NOW) == (
        "Another version of the workflow finished the results in results (myelosketch 0.1.0, commit abc). What this "
        "one computes in another way is made again, with all that depends on it, and the rest is kept: snakemake "
        "--dry-run lists the steps."
    )


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({}, OTHER),
        (NOW | {"library": "2"}, OTHER),
        (NOW | {"config_sha256": "b"}, "other settings made them"),
        (None, "their run did not finish"),
    ],
    ids=["before hashes", "version", "settings", "unfinished"],
)
def test_results_without_records_are_not_mixed(tmp_path, monkeypatch, made, reason):
    monkeypatch.chdir(tmp_path)
    results_of(tmp_path, made, records=False)
    said = f"Snakemake has no records of the results in results, and {reason}, so it cannot tell which of them must"
    with pytest.raises(InputError, match=re.escape(said)):
        check_origin("results", **NOW)


def test_results_without_records_that_the_same_version_made_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results_of(tmp_path, NOW, records=False)
    assert check_origin("results", **NOW) is None
