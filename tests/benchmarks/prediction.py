"""The cost of predicting a scan.

    python tests/benchmarks/prediction.py [--cases default 2mm] [--threads 2]

A synthetic scan goes through sketcher and refiner (untrained: times do not depend on the weights), as predict_scan
does after reading the files: standardised, cut to its box, in float32. ``floor`` is the larger of the FLOPs at the
rate of a matrix product and the bytes of the convolutions at the rate of a copy (CPU seconds, on CPU). Each has a
process of its own, so that the peak memory is its own.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import torch
from learning_work import CASES, machine_rates, module_of, settings_of, spent, synthetic_scans, work_of

from myelosketch.learning.data import fit_normalisation
from myelosketch.learning.device import choose_device, set_threads
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.progress import peak_memory_mb


def main():
    """Print seconds and memory per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=["default", "2mm"], choices=list(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--worker", nargs=2, metavar=("WAY", "CASE"))
    args = parser.parse_args()
    if args.worker:
        set_threads(args.threads)
        way, case = args.worker
        print(json.dumps(WAYS[way](case, args, choose_device(args.device))))
        return
    for case in args.cases:
        report(case, {way: in_a_process(way, case) for way in WAYS}, choose_device(args.device))


def in_a_process(way, case):
    """Return what one variant measured in a separate process, with the options of this one."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    answer = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--worker", way, case],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout.splitlines()[-1])


def networks(case, device):
    """(NetworkModel of the sketcher, of the refiner, scan)."""
    scans = synthetic_scans(CASES[case][1])
    normalisation = fit_normalisation(scans, settings_of(case)["inputs"])
    pair = [
        NetworkModel(module_of(case, method).generator, normalisation, {}, device)
        for method in ("sketcher", "refiner")
    ]
    return *pair, scans[0]


def measured(case, args, device):
    """Seconds of a scan through both networks, and the peak memory."""
    sketcher, refiner, scan = networks(case, device)

    def both():
        sketch = sketcher.predict(scan.maps, scan.support)
        refiner.predict(scan.maps, scan.support, sketch)

    both()
    runs = [spent(both, device) for _ in range(args.repeats)]
    seconds = {key: median(run[key] for run in runs) for key in runs[0]}
    return seconds | {"peak_mb": peak_memory_mb(torch.device(device))}


def floor(case, args, device):
    """Seconds that the machine's measured rates allow at best."""
    product, copy = machine_rates(device, torch.float32)
    sketcher, refiner, scan = networks(case, device)
    players = (sketcher.generator, refiner.generator)

    def both():
        sketcher.predict(scan.maps, scan.support)
        refiner.predict(scan.maps, scan.support, scan.dvr)

    flops, moved = work_of(both, players, 4)
    return {"seconds": max(flops / product, moved / copy), "flops": flops, "bytes": moved}


WAYS = {"measured": measured, "floor": floor}


def report(case, found, device):
    """Print the seconds, measured and at best."""
    print(f"\n{case}: sketcher and refiner of one scan, box of {CASES[case][1]} voxels")
    row, least = found["measured"], found["floor"]
    print(f"  measured {row['wall_s']:6.2f} s (CPU {row['cpu_s']:.2f} s), peak {row['peak_mb']:.0f} MB")
    clock = "wall_s" if device == "cuda" else "cpu_s"
    print(
        f"  floor    {least['seconds']:6.2f} s: {least['flops'] / 1e9:.0f} GFLOP, {least['bytes'] / 1e9:.2f} GB; "
        f"measured / floor {row[clock] / least['seconds']:.1f}"
    )


if __name__ == "__main__":
    main()
