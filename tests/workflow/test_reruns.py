"""One start runs all that has to run again, also behind a job that others merely wait for."""

import subprocess
import sys

import pytest
from workflow_run import ROOT

SNAKEFILE = """
import sys
sys.path.insert(0, "{library}")
{mend}

rule all:
    input: "learned.txt"

rule gate:
    input: "image.txt"
    output: "admitted.txt"
    shell: "cp {{input}} {{output}}"

rule learn:
    input: ancient("admitted.txt")
    output: "model.txt"
    params: value=config["value"]
    shell: "echo {{params.value}} > {{output}}"

rule report:
    input: "model.txt"
    output: "learned.txt"
    shell: "cp {{input}} {{output}}"
"""
MEND = """
from rerun_checks import check_behind_ancient_inputs
check_behind_ancient_inputs()
check_behind_ancient_inputs()  # twice is once
"""


@pytest.fixture
def start(tmp_path):
    """Function: run the small workflow with a value, mended or not; what was learned then."""
    (tmp_path / "image.txt").write_text("first")

    def run(value, *, mend=True):
        text = SNAKEFILE.format(library=ROOT / "workflow_scripts", mend=MEND if mend else "")
        (tmp_path / "Snakefile").write_text(text)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", f"value={value}"]
        done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=True)
        said = done.stdout + done.stderr
        ran = {name for name in ("gate", "learn", "report") if f"rule {name}:" in said}
        return ran, (tmp_path / "learned.txt").read_text().strip()

    return run


def test_what_waits_for_a_job_that_runs_again_is_asked_for_its_own_reasons(start, tmp_path):
    assert start("one") == ({"gate", "learn", "report"}, "one")
    (tmp_path / "image.txt").write_text("second")
    assert start("two") == ({"gate", "learn", "report"}, "two")


def test_what_only_waits_is_left_alone(start, tmp_path):
    start("one")
    (tmp_path / "image.txt").write_text("second")
    assert start("one") == ({"gate"}, "one")
    assert start("one") == (set(), "one")


def test_snakemake_alone_would_forget(start, tmp_path):
    """Where this fails, Snakemake has mended it: then rerun_checks.py can go."""
    start("one", mend=False)
    (tmp_path / "image.txt").write_text("second")
    assert start("two", mend=False) == ({"gate"}, "one")
