"""Inputs of Snakemake: characters in paths that it would interpret, and files dated in the future."""

import os
import subprocess
import time

import pytest

from myelosketch.cohort.input_files import BRACES, check_signs, check_times, disk_time
from myelosketch.errors import InputError
from myelosketch.io.run_files import check_results_folder

HOUR = 3600


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def made(path, ahead=0.0):
    """A file, and how far its date is in the future (s)."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    open(path, "w").close()
    os.utime(path, (time.time() + ahead,) * 2)
    return path


def refused(paths, results="results", **options):
    with pytest.raises(InputError) as caught:
        check_times(paths, results, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "sign"), [("a/{v1}/x", "{"), ("a}", "}"), ("<results>/x", "<results>"), ("{scan}", "{")]
)
def test_signs_that_snakemake_fills_in(path, sign):
    with pytest.raises(InputError) as caught:
        check_signs(["good", path, "{"], "The path")
    assert str(caught.value) == (
        f"The path {path!r} (and 1 more) contains {sign!r}, which Snakemake reads as a placeholder: rename the "
        "folder or file, or reach it by a symbolic link without {, } or <name> in its path."
    )


def test_every_other_sign_is_a_name():
    check_signs(["a b'\"$;&(x)*?[y]:,#%20ü!`\\~=@|^", "a<b", "<1>", "x\ny"], "The path")
    check_signs(["<base>/results"], "pathvars.results", signs=BRACES)


def test_a_name_of_the_results_that_no_disk_takes():
    with pytest.raises(
        InputError, match="in which one name has 300 bytes; the limit is 255: choose a shorter one"
    ):
        check_results_folder("results/" + "ü" * 150)
    check_results_folder("results/" + "a" * 255)


def test_files_of_the_future_are_named_with_the_command_that_corrects_them():
    paths = [made("my data/a/x.nii.gz", 3 * HOUR), made("my data/b/y.nii.gz", HOUR), made("my data/z.nii.gz")]
    said = refused([*paths, "absent.nii.gz"])
    command = """find -L 'my data' -newermt now -exec touch -t "$(date +%Y%m%d%H%M.%S)" {} +"""
    assert said == (
        "my data/a/x.nii.gz and 1 more are dated up to 3 hours in the future, so outputs made now would "
        "be older than their inputs: correct this machine's clock, or set the time of these files to now "
        "with: " + command
    )
    subprocess.run(command, shell=True, check=True)
    check_times(paths, "results", wait=pytest.fail)


def test_one_file_and_results_of_the_future():
    made("results/cohort/a.tsv", 40 * 86400)
    said = refused([made("x.nii.gz", 300)])
    assert said.startswith("results/cohort/a.tsv and 1 more are dated up to 40 days in the future")
    assert " -L . results -newermt " in said
    os.utime("results/cohort/a.tsv")
    assert refused(["x.nii.gz"]).startswith("x.nii.gz is dated up to 5 minutes in the future")


def test_a_link_is_as_late_as_what_it_leads_to():
    made("data/x.nii.gz", HOUR)
    os.symlink("data/x.nii.gz", "link.nii.gz")
    assert refused(["link.nii.gz"]).startswith("link.nii.gz is dated up to 60 minutes in the future")


def test_a_short_lead_is_waited_for():
    waited = []
    check_times([made("x.nii.gz", 5)], "results", wait=waited.append)
    assert len(waited) == 1
    assert 3 < waited[0] <= 5.1


def test_the_clock_is_that_of_the_disk_of_the_results(monkeypatch):
    """A file server with a fast clock dates both inputs and results."""
    monkeypatch.setattr("myelosketch.cohort.input_files.disk_time", lambda folder: time.time() + 3 * HOUR)
    check_times([made("x.nii.gz", 2 * HOUR)], made("results/a", 2 * HOUR), wait=pytest.fail)


def test_the_time_of_a_disk():
    assert abs(disk_time(".") - time.time()) < 2
    assert abs(disk_time("absent") - time.time()) < 2
    assert os.listdir(".") == []  # nothing is left behind
