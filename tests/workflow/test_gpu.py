"""A training job requests the GPU that it will use, and none for training on the CPU."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from workflow_run import SMOKE, snakemake

from myelosketch.io import names

MODEL = "results/training/fold-1/sketcher/model.json"


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Function: number of GPUs that a training job requests on a machine with or without one."""

    def ask(device, *, gpu):
        folder = tmp_path / "bin"
        folder.mkdir()
        if gpu:
            (folder / "nvidia-smi").write_text("#!/bin/sh\n")
            (folder / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        config = tmp_path / "device.yaml"
        config.write_text(yaml.safe_dump({"training": {"device": device}}))
        plan = snakemake(tmp_path, MODEL, "--dry-run", "--quiet=reason", configs=(SMOKE, config))
        text = plan.stdout + plan.stderr
        return int(re.search(r"rule train_network:.*?gpu=(\d)", text, re.DOTALL)[1])

    return ask


@pytest.mark.parametrize(
    ("device", "gpu", "expected"), [("auto", True, 1), ("cpu", True, 0), ("cuda", False, 1)]
)
def test_a_training_asks_for_the_gpu_that_it_would_use(asked, device, gpu, expected):
    assert asked(device, gpu=gpu) == expected


def test_without_a_gpu_it_asks_for_none(asked):
    if os.path.exists("/dev/nvidia0"):
        pytest.skip("this machine has a GPU")
    assert asked("auto", gpu=False) == 0


def test_a_prediction_needs_no_gpu_where_a_training_does(smoke, tmp_path):
    """Only a training requests a GPU of a cluster, so predictions run on machines without one."""
    copy = tmp_path / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    predicted = Path(names.path("results", "predicted", scan="sub-MS01", method="sketcher"))
    (copy / predicted).unlink()
    (tmp_path / "cuda.yaml").write_text("training: {device: cuda}\n")
    snakemake(
        copy,
        str(predicted),
        "--rerun-triggers=mtime",
        configs=(SMOKE, tmp_path / "cuda.yaml"),
        variables={"CUDA_VISIBLE_DEVICES": ""},
    )
    assert (copy / predicted).is_file()
