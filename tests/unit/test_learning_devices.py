"""Several devices of one node share each step: same crops, same result as one device with the same batch."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from test_learning_cohort import tiny_settings, write_cohort
from test_learning_training import UNIT, train

from myelosketch.errors import InputError
from myelosketch.learning.device import choose_devices
from myelosketch.learning.models import load_model
from myelosketch.tables import read_table

# sums are added in another order; Adam divides by the gradient's size, which turns that into steps of its own
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("devices"))


def ports_can_be_opened():
    try:
        with socket.socket() as server, socket.socket() as client:
            server.bind(("127.0.0.1", 0))
            server.listen()
            client.connect(server.getsockname())
    except OSError:
        return False
    return True


needs_ports = pytest.mark.skipif(not ports_can_be_opened(), reason="no port can be opened on this machine")


def plain(**changes):
    """Settings in which a crop's result does not depend on what it shares a device with."""
    settings = tiny_settings(batch=4, **changes)
    settings["generator"] |= {"normalisation": "none", "dropout": 0.0}
    settings["discriminator"] |= {"normalisation": "none"}
    return settings


@needs_ports
def test_two_processes_give_the_result_of_one_with_the_same_batch(data, tmp_path):
    train("sketcher", data, tmp_path / "1", settings=plain(ema=0.5))
    script = tmp_path / "script.py"  # as a rule's script is: all of it runs when it is imported
    script.write_text(f"""
import sys
sys.path[:0] = [{str(UNIT)!r}, {str(UNIT.parents[1] / "workflow_scripts")!r}]
from test_learning_devices import plain
from test_learning_training import train
train("sketcher", {data!r}, {str(tmp_path / "2")!r}, settings=plain(ema=0.5), devices=2)
""")
    job = {"OMP_NUM_THREADS": "1", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "train"}
    subprocess.run([sys.executable, script], env={**os.environ, **job}, check=True, timeout=600)
    (one, card), (two, other) = (load_model(tmp_path / str(devices)) for devices in (1, 2))
    assert (card["devices"], other["devices"]) == (1, 2)
    for name in one:
        assert np.abs(one[name] - two[name]).max() < TOLERANCE, name
    histories = [read_table(tmp_path / str(devices) / "history.tsv", numeric=True) for devices in (1, 2)]
    clock = ["seconds", "peak_memory_mb"]
    assert np.allclose(*(history.drop(columns=clock) for history in histories), rtol=1e-3, atol=1e-4)


@needs_ports
def test_a_sentence_in_a_process_is_the_sentence_of_the_training(data, tmp_path):
    settings = plain()
    settings["unet"] |= {"learning_rate": 1e30, "epochs": 3}
    with pytest.raises(InputError, match="^training diverged in epoch .* lower the learning rate"):
        train("unet", data, tmp_path, settings=settings, devices=2)


def test_devices_that_cannot_be_had_are_a_sentence(monkeypatch):
    import torch

    step = {"batch": 4, "crop": [16, 16, 16]}
    assert choose_devices(2, "cpu", **step) == 2
    with pytest.raises(
        InputError,
        match=r"training.batch is 4, which 3 devices \(training.devices\) cannot share evenly: use a multiple of 3.",
    ):
        choose_devices(3, "cpu", **step)
    with pytest.raises(
        InputError,
        match=r"training.devices is 2, but a step on whole volumes \(training.crop: null\) has one volume, which "
        "devices cannot share: set training.devices to 1, or give a crop.",
    ):
        choose_devices(2, "cpu", batch=1, crop=None)
    assert choose_devices(1, "cpu", batch=1, crop=None) == 1
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="training.devices is 2, but PyTorch sees 1 GPUs here"):
        choose_devices(2, "cuda", **step)
