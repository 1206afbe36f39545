"""A training run that is killed and started again ends with the same model as an uninterrupted one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from workflow_run import ROOT, SMOKE, snakemake

pytestmark = pytest.mark.slow

WEIGHTS = "results/training/fold-1/sketcher/model.safetensors"
CHECKPOINTS = "results/training/fold-1/sketcher/checkpoints"


def untrained_copy(smoke, folder):
    shutil.copytree(smoke, folder, symlinks=True)
    shutil.rmtree(folder / "results/training/fold-1")
    return folder


def test_a_killed_training_resumes_to_the_same_weights(smoke, tmp_path):
    longer = tmp_path / "longer.yaml"
    validation = {"participants_share": 0.3, "every_epochs": 5}
    longer.write_text(yaml.safe_dump({"training": {"sketcher": {"epochs": 40}, "validation": validation}}))
    whole = untrained_copy(smoke, tmp_path / "whole")
    killed = untrained_copy(smoke, tmp_path / "killed")
    target = (WEIGHTS, "--rerun-triggers", "mtime")
    snakemake(whole, *target, configs=(SMOKE, longer))

    command = [
        *(
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            ROOT / "Snakefile",
            "--configfile",
            SMOKE,
            longer,
        ),
        *("--workflow-profile", ROOT / "profiles/default", "--cores", "2", *target),
    ]
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=killed,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: any(Path(killed / CHECKPOINTS).glob("*.ckpt")), process)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / WEIGHTS).exists()
    assert any((killed / CHECKPOINTS).glob("*.ckpt"))

    snakemake(killed, "--unlock", configs=(SMOKE, longer))
    snakemake(killed, *target, configs=(SMOKE, longer))
    assert (killed / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    history = Path(WEIGHTS).with_name("history.tsv")
    lines = (killed / history).read_text().splitlines()
    assert len(lines) == 41  # a header and every epoch once
    cards = [json.loads((run / Path(WEIGHTS).with_suffix(".json")).read_text()) for run in (killed, whole)]
    assert cards[0]["best"] == cards[1]["best"]
    assert cards[0]["best"]["epoch"] % 5 == 0
    assert cards[0]["split"]["validation"]


def wait_for(happened, process, seconds=120):
    end = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < end, "no checkpoint was written"
        time.sleep(0.05)
