"""PyTorch's kernels on this machine: gradients of every layer agree with float64, under every instruction set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("learning_arithmetic.py")
# found: 0.001, of whole volumes 0.007. Both precisions share the signs of those activations and errors that are
# almost zero; rounding turns them, and one voxel that weighs much then moves a gradient by up to 4 %
TOLERANCE = 0.01
# names of an instruction set for PyTorch's own kernels and for those of its convolutions, oldest first
INSTRUCTION_SETS = {"DEFAULT": "SSE41", "AVX2": "AVX2", "AVX512": "AVX512_CORE"}


def instruction_sets():
    """Instruction sets of this CPU; PyTorch would crash with an illegal instruction on any other."""
    names = list(INSTRUCTION_SETS)
    best = torch.backends.cpu.get_cpu_capability()
    return names[: names.index(best) + 1] if best in names else names[:1]


def gradient_errors(*cases, **environment):
    """Relative error of every layer of the cases, computed in a separate process."""
    answer = subprocess.run(
        [sys.executable, str(SCRIPT), *cases],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", instruction_sets())
def test_gradients_of_every_layer_agree_with_float64(name):
    """At the shapes of the default and of the tests' configuration."""
    found = gradient_errors(
        "default:sketcher:2",
        "default:refiner:2",
        "default:dnn2:1",
        "smoke:sketcher:2",
        "smoke:refiner:2",
        ATEN_CPU_CAPABILITY=name.lower(),
        ONEDNN_MAX_CPU_ISA=INSTRUCTION_SETS[name],
    )
    assert {layer: error for layer, error in found.items() if not error < TOLERANCE} == {}
    layers = {layer.partition(" ")[2] for layer in found}
    assert {"discriminator.stages.6.conv", "discriminator.classifier", "generator.network.head"} <= layers


@pytest.mark.slow
def test_so_they_do_with_the_networks_of_the_paper_on_whole_volumes():
    found = gradient_errors("2mm:sketcher:1")
    assert {layer: error for layer, error in found.items() if not error < TOLERANCE} == {}
