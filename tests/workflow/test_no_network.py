"""No rule needs a network: all jobs of one scan run without one."""

import os
import shutil
import subprocess
import sys

import pytest
from workflow_run import ROOT, SMOKE

WITHOUT = ["unshare", "--map-root-user", "--net"]


def isolated():
    """Whether a user of this machine can create a namespace without a network."""
    return bool(shutil.which("unshare")) and subprocess.run([*WITHOUT, "true"], check=False).returncode == 0


@pytest.mark.skipif(not isolated(), reason="no name space without a network on this machine")
def test_a_scan_is_simulated_and_inspected_without_a_network(tmp_path):
    command = [
        *WITHOUT,
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--cores",
        "1",
    ]
    command += ["--workflow-profile", str(ROOT / "profiles/default"), "results/cohort/intake/sub-MS01.json"]
    command += ["--configfile", str(SMOKE)]
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "results/cohort/intake/sub-MS01.json").is_file()
