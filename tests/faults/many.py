"""Many participants with tiny images to the end: the memory of Snakemake and of each kind of job, early and late.

Each kind of job is a row of many.tsv with its number of jobs, the mean peak memory of its first and last tenth, and
the largest. The main process of Snakemake is a row too: its memory after a tenth of the time, at the end, and the
largest. Started again, the program continues the run. The memory of the main process is then that of the last start.
"""

import argparse
import csv
import time
from pathlib import Path

import runs
import yaml

MAIN_PROCESS = "main process of Snakemake"
METHODS = ["template", "ridgevoxel", "sketcher", "refiner"]
EVERY_S = 2.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    parser.add_argument("--participants", type=int, default=300, help="a third of them are controls")
    arguments = parser.parse_args()
    table = arguments.work / "many.tsv"
    if runs.rows(table):
        return
    folder = arguments.work / f"many {arguments.participants}"
    folder.mkdir(parents=True, exist_ok=True)
    controls = arguments.participants // 3
    config = folder / "many.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "simulation": {"n_patients": arguments.participants - controls, "n_controls": controls},
                "training": {"methods": METHODS},
            }
        )
    )
    process = runs.start(folder, configs=(*runs.CONFIGS, config), cores=2)
    sizes = []
    while process.poll() is None:
        sizes += resident_mb(process.pid)
        time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"The run failed:\n{runs.said(folder)[-4000:]}")
    for name, jobs, values in [(MAIN_PROCESS, 1, sizes), *peaks(folder / "results/benchmarks")]:
        tenth = max(1, len(values) // 10)
        early = sizes[tenth : tenth + 1] if name == MAIN_PROCESS else values[:tenth]
        late = values[-1:] if name == MAIN_PROCESS else values[-tenth:]
        runs.append(
            table,
            what=name,
            jobs=jobs,
            early_mb=mean(early),
            late_mb=mean(late),
            largest_mb=f"{max(values):.0f}",
        )


def resident_mb(pid):
    """Memory of a process, a list of one number; empty if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    return [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")]


def peaks(benchmarks):
    """Kinds of jobs with their number and their peaks in the order in which they ended, MB."""
    kinds = {}
    for path in sorted(benchmarks.rglob("*.tsv"), key=lambda path: path.stat().st_mtime):
        with path.open() as stream:
            peak = next(csv.DictReader(stream, delimiter="\t"))["max_rss"]
        rule = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        if peak not in ("NA", "-", ""):  # too short to be measured
            kinds.setdefault(rule, []).append(float(peak))
    return [(rule, len(values), values) for rule, values in sorted(kinds.items()) if len(values) >= 20]


def mean(values):
    return f"{sum(values) / len(values):.0f}" if values else "n/a"


if __name__ == "__main__":
    main()
