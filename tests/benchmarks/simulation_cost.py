"""The cost of one simulated participant: seconds, peak memory and voxels for a range of grids.

    python tests/benchmarks/simulation_cost.py [--level maps|signals] [--grids coarse usual fine hrrt]

Each grid runs in a process of its own on one thread. Printed beside the seconds: nanoseconds per voxel, which stay
level if the cost is linear, and the ratio to the first grid, which is what to compare between machines.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"
GRIDS = {
    "coarse": {"anatomy": 3.0, "T1w": 3.0, "dwi": 3.0, "MTR": 3.0, "pet": 3.0},
    "2mm": {"anatomy": 2.0, "T1w": 2.0, "dwi": 2.0, "MTR": 2.0, "pet": 2.0},
    "usual": {"anatomy": 1.5, "T1w": 1.5, "dwi": 2.0, "MTR": 2.0, "pet": 3.0},
    "1mm": {"anatomy": 1.0, "T1w": 1.0, "dwi": 2.0, "MTR": 2.0, "pet": 2.0},
    "hrrt": {"anatomy": 1.2, "T1w": 1.0, "dwi": 2.0, "MTR": 2.0, "pet": 1.22},
}
ONE = """
import json, resource, sys, tempfile, time
from pathlib import Path
from myelosketch.simulation.participant import simulate_participant
from myelosketch.io.volumes import load_volume
settings = json.loads(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    simulate_participant(folder, "MS01", "MS", settings, 2018)
    seconds = time.perf_counter() - start
    images = list(Path(folder).rglob("*.nii.gz"))
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "disk_mb": size / 2**20, "images": len(images)}))
"""


def voxels(sizes):
    """Voxels of all grids of a participant (field of view 192 x 228 x 204 mm; anatomy 164 x 201 x 173 mm)."""
    view, box = 192 * 228 * 204, 164 * 201 * 173
    return sum((box if name == "anatomy" else view) / side**3 for name, side in sizes.items())


def measure(sizes, level):
    """Seconds, peak memory and disk of one participant, in a fresh process."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **threads, "PYTHONPATH": str(LIBRARY)}
    settings = json.dumps({"voxel_size_mm": sizes, "level": level})
    done = subprocess.run(
        [sys.executable, "-c", ONE, settings], env=environment, capture_output=True, text=True, check=True,
        cwd=tempfile.gettempdir(),
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Print one line per grid."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--level", default="maps", choices=["maps", "signals"])
    parser.add_argument("--grids", nargs="+", default=list(GRIDS), choices=list(GRIDS))
    chosen = parser.parse_args()
    columns = ("grid", "Mvoxel", "seconds", "ratio", "ns/voxel", "peak MB", "disk MB")
    print("".join(f"{name:>10}" for name in columns))
    first = None
    for name in chosen.grids:
        found, count = measure(GRIDS[name], chosen.level), voxels(GRIDS[name])
        first = first or found["seconds"]
        row = (
            f"{count / 1e6:.2f}",
            f"{found['seconds']:.1f}",
            f"{found['seconds'] / first:.2f}",
            f"{1e9 * found['seconds'] / count:.0f}",
            f"{found['peak_mb']:.0f}",
            f"{found['disk_mb']:.1f}",
        )
        print("".join(f"{cell:>10}" for cell in (name, *row)), flush=True)


if __name__ == "__main__":
    main()
