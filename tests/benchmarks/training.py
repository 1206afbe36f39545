"""What a step of training costs: the library's engine, a plain PyTorch loop, and the lower bound of the machine.

    python tests/benchmarks/training.py [--cases default 2mm 1.22mm] [--pairs 3] [--threads 2] [--device auto]

A step is one of the discriminator and one of the generator of the sketcher, on synthetic scans. ``engine`` is
Lightning with the settings of the case (precision auto, channels last). ``plain`` is a loop of the same networks,
losses and Adams in float32, on a batch that is already in memory. They take turns, each in a separate process, so
that the load of the machine hits both and each has its own peak memory. ``floor`` is the larger of two times: the
FLOPs of a step at the rate of a matrix product, and the bytes of its convolutions at the rate of a copy. On a CPU the
program counts CPU seconds, because the wall time of a shared machine is not that of the step.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import lightning.pytorch as lightning
import torch
from learning_work import CASES, machine_rates, module_of, settings_of, spent, work_of

from myelosketch.learning import losses
from myelosketch.learning.crops import step_loader
from myelosketch.learning.device import choose_device, choose_precision, set_threads
from myelosketch.learning.fitting import LIGHTNING_PRECISION
from myelosketch.learning.patches import brain_patches, with_brain
from myelosketch.learning.progress import peak_memory_mb

DTYPES = {"32": torch.float32, "bf16": torch.bfloat16}


def main():
    """Print one row per case: seconds, steps and voxels per second, ratios, memory, and a whole fold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--worker", nargs=2, metavar=("VARIANT", "CASE"))
    args = parser.parse_args()
    if args.worker:
        set_threads(args.threads)
        print(json.dumps(VARIANTS[args.worker[0]](args.worker[1], args.steps, choose_device(args.device))))
        return
    for case in args.cases:
        runs = [
            {variant: in_a_process(variant, case, args) for variant in VARIANTS} for _ in range(args.pairs)
        ]
        report(case, runs, choose_device(args.device))


def in_a_process(variant, case, args):
    """Return what a variant measured in a separate process."""
    options = [f"--{name}={getattr(args, name)}" for name in ("steps", "threads", "device")]
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    answer = subprocess.run(
        [sys.executable, __file__, *options, "--worker", variant, case],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout.splitlines()[-1])


class Clock:
    """Wall and CPU seconds of every call of the functions it has wrapped."""

    def __init__(self, device):
        self.device, self.calls = device, {}

    def timed(self, name, function):
        def wrapped(*arguments):
            found = []
            seconds = spent(lambda: found.append(function(*arguments)), self.device)
            self.calls.setdefault(name, []).append(seconds)
            return found[0]

        return wrapped

    def medians(self):
        """Median of every function's calls, the first left out: it warms up."""
        return {
            f"{name}_{key}": median(call[key] for call in calls[1:])
            for name, calls in self.calls.items()
            for key in ("wall_s", "cpu_s")
        } | {"peak_mb": peak_memory_mb(torch.device(self.device))}


class TimedBatches:
    """The batches of a module, with the time of cutting each."""

    def __init__(self, batches, clock):
        self.cut, self.steps = clock.timed("data", batches.__getitem__), batches.steps
        self.hold_on = batches.hold_on

    def __getitem__(self, index):
        return self.cut(index)


def engine(case, steps, device):
    """The library's step under Lightning."""
    clock, module = Clock(device), module_of(case, steps_per_epoch=steps + 1)
    module.training_step = clock.timed("step", module.training_step)
    module._step_discriminator = clock.timed("discriminator", module._step_discriminator)
    module.batches = TimedBatches(module.batches, clock)
    precision = choose_precision("auto", device)
    trainer = lightning.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        precision=LIGHTNING_PRECISION[precision],
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, step_loader(module.batches))
    return clock.medians() | {"precision": precision}


def plain(case, steps, device):
    """The same networks, losses and Adams in a loop of PyTorch, float32, tensors as they come."""
    module, batch = plain_module(case, device)
    clock = Clock(device)
    step = clock.timed("step", plain_step(module, batch, clock))
    for _ in range(steps + 1):
        step()
    return clock.medians()


def plain_module(case, device):
    module = module_of(case).to(device, memory_format=torch.contiguous_format).train()
    return module, {name: tensor.contiguous().to(device) for name, tensor in module.batches[0, 0].items()}


def plain_step(module, batch, clock):
    """A function that does one step of both players."""
    generator, discriminator = module.generator, module.discriminator
    adams = [
        torch.optim.Adam(player.parameters(), lr=1e-4, betas=(0.5, 0.999))
        for player in (generator, discriminator)
    ]
    keep = with_brain(batch["support"], module.patch)
    maps = brain_patches(batch["maps"], keep, module.patch)

    def patches(dvr):
        return brain_patches(generator.standardise(dvr) * batch["support"], keep, module.patch)

    def judge(fake):
        both = torch.cat([patches(batch["dvr"]), fake])
        return discriminator(torch.cat([maps, maps]), both).chunk(2)

    def play(fake):
        loss = losses.discriminator_loss(*judge(fake.detach()))
        adams[1].zero_grad()
        loss.backward()
        adams[1].step()

    play = clock.timed("discriminator", play)

    def step():
        predicted = generator(batch["maps"], batch["support"], batch.get("sketch"))
        fake = patches(predicted)
        play(fake)
        discriminator.requires_grad_(False)
        loss = 100 * losses.weighted_l1(predicted, batch["dvr"], batch["weights"])
        loss = loss + losses.generator_loss(judge(fake)[1])
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()
        discriminator.requires_grad_(True)

    return step


def floor(case, steps, device):
    """FLOPs and bytes of a step, counted, and this machine's rates in the engine's precision, measured."""
    dtype = DTYPES[choose_precision("auto", device)]
    product, copy = machine_rates(device, dtype)
    module, batch = plain_module(case, device)
    flops, moved = work_of(
        plain_step(module, batch, Clock(device)), (module.generator, module.discriminator), dtype.itemsize
    )
    voxels = batch["support"].numel()
    return {
        "flops": flops,
        "bytes": moved,
        "flop_rate": product,
        "copy_rate": copy,
        "step_s": max(flops / product, moved / copy),
        "voxels": voxels,
    }


VARIANTS = {"engine": engine, "plain": plain, "floor": floor}


def report(case, runs, device):
    """Print the medians of a case over its runs, and the ratios of consecutive runs."""
    middle = {
        name: {
            key: median(run[name][key] for run in runs)
            for key, value in runs[0][name].items()
            if not isinstance(value, str)
        }
        for name in VARIANTS
    }
    ours, theirs, least = (middle[name] for name in VARIANTS)
    print(f"\n{case}: {least['voxels']:.0f} voxels per step, precision {runs[0]['engine']['precision']}")
    for name, row in (("engine", ours), ("plain float32", theirs)):
        step, part = row["step_wall_s"], row["discriminator_wall_s"]
        print(
            f"  {name:14} {1 / step:8.3f} steps/s  {least['voxels'] / step:12.0f} voxels/s  step {step:7.2f} s "
            f"(CPU {row['step_cpu_s']:.2f} s), of it the discriminator's step {part:6.2f} s; "
            f"peak {row['peak_mb']:.0f} MB"
        )
    print(
        f"  {'floor':14} {least['flops'] / 1e9:.0f} GFLOP at {least['flop_rate'] / 1e9:.0f} GFLOP/s, "
        f"{least['bytes'] / 1e9:.2f} GB at {least['copy_rate'] / 1e9:.1f} GB/s: step {least['step_s']:.2f} s"
    )
    for key in ("wall_s", "cpu_s"):
        ratios = sorted(run["plain"][f"step_{key}"] / run["engine"][f"step_{key}"] for run in runs)
        print(f"  plain / engine, {key}: median {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    clock = "step_wall_s" if device == "cuda" else "step_cpu_s"
    print(f"  engine / floor: {median(run['engine'][clock] / run['floor']['step_s'] for run in runs):.1f}")
    print(f"  cutting the batch: {100 * ours['data_wall_s'] / ours['step_wall_s']:.1f} % of a step")
    settings = settings_of(case)
    count = settings["steps_per_epoch"] * sum(settings[name]["epochs"] for name in ("sketcher", "refiner"))
    hours = count * ours["step_wall_s"] / 3600
    print(f"  sketcher and refiner of one fold, {count} steps, extrapolated: {hours:.2f} h at this load")
    if device == "cpu":
        print(f"  and {count * ours['step_cpu_s'] / 3600:.2f} h of CPU time, all threads together")


if __name__ == "__main__":
    main()
