"""The console of a run in a log file: stages and scans, no lines on single jobs, every refusal."""

import shutil

import pytest
from workflow_run import ROOT, snakemake

from myelosketch.io import names

# what envs/install.py does for an environment
FOUND = {"PYTHONPATH": str(ROOT / "workflow_scripts")}
# Snakemake's lines on each job, and terminal codes
GONE = (
    *("Select jobs to execute", "Execute 1 jobs", "Finished jobid", " steps (", "\nrule ", "SNAKEMAKE\n"),
    *("\r", "\x1b"),
)


@pytest.fixture
def copy(smoke, tmp_path):
    shutil.copytree(smoke, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def console(folder, *targets, quiet=(), **options):
    done = snakemake(folder, *quiet, "--", *targets, variables=FOUND, **options)
    said = done.stdout + done.stderr
    assert [words for words in GONE if words in said] == []
    return said


def test_a_run_tells_its_stages_and_nothing_of_each_job(copy):
    wanted = [names.path("results", "regions", scan=scan) for scan in ("sub-MS01", "sub-HC01")]
    for path in wanted:
        (copy / path).unlink()
    said = console(copy, *wanted)
    assert "\nTo do: regions (2 scans); 2 steps in all.\n" in said
    assert " s: regions done, 2 scans\n" in said
    assert "Complete log(s): " in said


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_refusal_reaches_the_console_with_its_sentence_and_its_log(copy, quiet):
    scan = copy / "results/simulated/sub-MS01/anat/sub-MS01_T1w.nii.gz"
    scan.write_bytes(scan.read_bytes()[:2000])
    said = console(copy, names.path("results", "t1w", scan="sub-MS01"), quiet=quiet, check=False)
    assert "Error: The intake found problems that must be resolved" in said
    assert "sub-MS01: T1w (" in said
    failed = "anatomy failed for sub-MS01 (prepare_anatomy); its log: results/logs/prepare_anatomy/"
    assert (failed in said) != bool(quiet)
    assert ("To do: " in said) != bool(quiet)
