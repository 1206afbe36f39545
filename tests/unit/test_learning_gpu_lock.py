"""Training runs on one machine: each has a separate GPU until its process ends."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
import yte

from myelosketch.errors import InputError
from myelosketch.learning import checks
from myelosketch.learning.gpu_lock import (
    gpus_of_machine,
    hold_gpu,
    lock_free_gpu,
    parse_listing,
    visible_gpus,
)

ROOT = Path(__file__).parents[2]
TWO = [["GPU-aaaa-1"], ["GPU-bbbb-2"]]
LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-1)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb-2)
"""
SPLIT = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-1)
  MIG 3g.20gb     Device  0: (UUID: MIG-cccc-3)
  MIG 3g.20gb     Device  1: (UUID: MIG-dddd-4)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb-2)
"""
TRAINING = """
import sys
from pathlib import Path
from myelosketch.learning.gpu_lock import lock_free_gpu
name, _ = lock_free_gpu(sys.argv[2:], Path(sys.argv[1]), pause=0.05)
print(name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def training(tmp_path):
    """Function: a process that locks one of some GPUs until its input is closed or it is killed."""
    processes = []

    def start(*names):
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(tmp_path), *names],
            env={**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        with process:
            process.kill()


def test_two_trainings_hold_different_gpus_and_a_third_gets_the_first_that_is_released(training):
    names = ("GPU-a", "GPU-b")
    first, second = training(*names), training(*names)
    held = {process.stdout.readline().strip(): process for process in (first, second)}
    assert set(held) == set(names)
    third = training(*names)
    assert third.stdout.readline() == "waiting for a GPU: other training runs use GPU-a, GPU-b\n"
    held["GPU-b"].stdin.close()
    assert third.stdout.readline() == "GPU-b\n"
    assert held["GPU-a"].poll() is None


def test_a_killed_training_releases_its_gpu(training):
    first = training("GPU-a")
    assert first.stdout.readline() == "GPU-a\n"
    second = training("GPU-a")
    assert second.stdout.readline().startswith("waiting for a GPU")
    first.kill()
    assert second.stdout.readline() == "GPU-a\n"


@pytest.mark.parametrize(
    ("gpus", "wanted", "expected"),
    [
        (TWO, None, ["GPU-aaaa-1", "GPU-bbbb-2"]),
        (TWO, "1", ["GPU-bbbb-2"]),
        (TWO, "1, 0,1", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        (TWO, "GPU-bb", ["GPU-bbbb-2"]),
        (TWO, "0,7,1", ["GPU-aaaa-1"]),
        (TWO, "", []),
        (TWO, "-1", []),
        (TWO, "NoDevFiles", []),
        ([["0"], ["1"]], "1", ["1"]),
        (parse_listing(SPLIT), None, ["MIG-cccc-3", "MIG-dddd-4", "GPU-bbbb-2"]),
        (parse_listing(SPLIT), "MIG-dddd-4", ["MIG-dddd-4"]),
        (parse_listing(SPLIT), "MIG-GPU-aaaa-1/1/0", ["MIG-GPU-aaaa-1/1/0"]),
        ([], None, []),
        ([], "0,1", ["0", "1"]),
    ],
)
def test_only_gpus_that_cuda_visible_devices_allows_are_considered(gpus, wanted, expected):
    assert visible_gpus(gpus, wanted) == expected


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with the two GPUs of the listing, a PyTorch that can use them, and a separate temporary folder."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTING}END\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that its former state is restored
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return monkeypatch


@pytest.mark.usefixtures("machine")
def test_a_training_sees_no_gpu_but_its_own(tmp_path, capsys):
    assert gpus_of_machine() == TWO
    _, held = lock_free_gpu(["GPU-aaaa-1"], tmp_path)
    hold_gpu("auto")
    os.close(held)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-bbbb-2"
    assert capsys.readouterr().out == "this training uses GPU GPU-bbbb-2\n"


@pytest.mark.parametrize(
    ("device", "built", "visible"), [("cpu", True, "0"), ("auto", False, "0"), ("auto", True, "")]
)
def test_a_training_on_the_cpu_locks_nothing(machine, tmp_path, device, built, visible):
    machine.setattr(torch.backends.cuda, "is_built", lambda: built)
    machine.setenv("CUDA_VISIBLE_DEVICES", visible)
    hold_gpu(device)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert not list(tmp_path.glob("*.lock"))


def test_another_user_can_open_a_lock_file(tmp_path):
    mask = os.umask(0o077)
    try:
        _, held = lock_free_gpu(["MIG-GPU-a/1/0"], tmp_path)
    finally:
        os.umask(mask)
    os.close(held)
    assert stat.S_IMODE((tmp_path / "myelosketch-MIG-GPU-a-1-0.lock").stat().st_mode) == 0o666


def test_a_folder_that_holds_no_lock_file_is_a_sentence(tmp_path):
    with pytest.raises(
        InputError, match="a training run cannot lock its GPU in .*gone .No such file.*: set TMPDIR to"
    ):
        lock_free_gpu(["GPU-a"], tmp_path / "gone")


@pytest.mark.parametrize(
    ("files", "visible", "expected"), [(0, None, 1), (2, None, 2), (4, "1,3", 2), (2, "GPU-b", 1), (2, "", 1)]
)
def test_as_many_trainings_run_as_there_are_gpus(monkeypatch, files, visible, expected):
    monkeypatch.setattr("glob.glob", lambda pattern: [f"/dev/nvidia{index}" for index in range(files)])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with open(ROOT / "profiles/default/config.yaml") as stream:
        profile = yte.process_yaml(stream, require_use_yte=True)
    assert profile["resources"] == [f"gpu={expected}"]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, True), ("0", True), ("GPU-aaaa-1,0", True), ("", False), ("-1", False), ("NoDevFiles", False)],
)
def test_a_gpu_that_is_hidden_is_none(monkeypatch, visible, expected):
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    checks.has_gpu.cache_clear()
    assert checks.has_gpu() is expected
    checks.has_gpu.cache_clear()
