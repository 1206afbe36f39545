"""Settings, synthetic scans and the machine's rates for the benchmarks of training and prediction."""

import time
from pathlib import Path

import numpy as np
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from myelosketch.learning.data import TrainingScan, fit_normalisation
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.learning.training import build

ROOT = Path(__file__).parents[2]
# configuration, and the box around a brain of 136 x 172 x 142 mm on that voxel size
CASES = {
    "default": ("config.yaml", (45, 57, 47)),
    "smoke": ("configs/smoke.yaml", (27, 34, 28)),
    "2mm": ("configs/paper.yaml", (68, 86, 71)),
    "1.22mm": ("configs/paper.yaml", (111, 141, 116)),
}


def settings_of(case):
    """Section ``training`` of a case: config.yaml, with the overlay on it."""
    training = yaml.safe_load((ROOT / "config.yaml").read_text())["training"]
    overlay = yaml.safe_load((ROOT / CASES[case][0]).read_text())["training"]
    return {
        key: value | overlay.get(key, {}) if isinstance(value, dict) else overlay.get(key, value)
        for key, value in training.items()
    }


def synthetic_scans(shape, count=2):
    """TrainingScans of noise in a ball of brain with a lesion; times do not depend on what the voxels hold."""
    random, scans = np.random.default_rng(1), []
    radius = np.sqrt(sum(((np.indices(shape)[axis] + 0.5) / shape[axis] - 0.5) ** 2 for axis in range(3)))
    regions = ((radius < 0.5).astype(np.uint8) + (radius < 0.3) + (radius < 0.1)).astype(np.uint8)
    for number in range(1, count + 1):
        maps = (random.standard_normal((4, *shape)) * 0.1 + 1).astype(np.float32) * (regions > 0)
        dvr = (random.standard_normal(shape) * 0.1 + 1.2).astype(np.float32) * (regions > 0)
        scans.append(TrainingScan(f"sub-{number:02d}", maps, regions > 0, dvr.astype(np.float32), regions))
    return scans


def module_of(case, method="sketcher", **changes):
    """The library's own players and batches of a case, untrained: ConditionalGAN."""
    settings = settings_of(case) | changes
    scans = synthetic_scans(CASES[case][1])
    normalisation = fit_normalisation(scans, settings["inputs"])
    sketches = [scan.dvr if NETWORK_METHODS[method].refines else None for scan in scans]
    return build(method, scans, normalisation, sketches, settings, seed=1)


def machine_rates(device, dtype):
    """What this machine does at best: FLOPs of a matrix product (2048^3) and bytes of a copy (256 MB) per second.

    On CPU per second of CPU time, which other work on the machine hardly changes.

    Returns
    -------
    (float, float)
    """
    clock = "wall_s" if str(device) == "cuda" else "cpu_s"
    a, b = (torch.randn(2048, 2048, device=device, dtype=dtype) for _ in range(2))
    block = torch.empty(64_000_000, device=device)
    other = torch.ones_like(block)
    product = min(spent(lambda: a @ b, device)[clock] for _ in range(8))
    copy = min(spent(lambda: block.copy_(other), device)[clock] for _ in range(8))
    return 2 * 2048**3 / product, 2 * 256e6 / copy


def spent(work, device):
    """Wall and CPU seconds of a call."""
    wait = torch.cuda.synchronize if str(device) == "cuda" else lambda: None
    wait()
    wall, cpu = time.monotonic(), time.process_time()
    work()
    wait()
    return {"wall_s": time.monotonic() - wall, "cpu_s": time.process_time() - cpu}


def work_of(step, players, itemsize):
    """FLOPs of a step, and bytes that its convolutions must move at least: every input and output forward, both
    with their gradients backward, once each, if everything else were free.

    Parameters
    ----------
    step : function that does one step
    players : modules whose convolutions count
    itemsize : bytes of a value in the convolutions
    """
    moved = []

    def count(_, arguments, output):
        backward = 2 if torch.is_grad_enabled() else 0
        moved.append(arguments[0].numel() * (1 + backward) + output.numel() * (1 + (1 if backward else 0)))

    layers = [layer for player in players for layer in player.modules() if isinstance(layer, torch.nn.Conv3d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with FlopCounterMode(display=False) as counter:
        step()
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops(), sum(moved) * itemsize
