"""Kill the tiny run at random moments, start the same command again, and compare its end with an uninterrupted run.

One run is killed many times, each time a random time after its start, until it comes to its end; then the next run
starts from nothing. Every kill is a row of kills.tsv, every run that came to its end one of kill-runs.tsv. Started
again, the program goes on with the run that it was at.
"""

import argparse
import random
import re
import shutil
import time
from pathlib import Path

import runs

# seconds after the start of the command: from the reading of the workflow to several jobs later
EARLIEST_S, LATEST_S = 0.5, 24.0
LOCKED = "Directory cannot be locked"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    parser.add_argument(
        "--kills", type=int, default=100, help="stop after the run in which this many are reached"
    )
    parser.add_argument("--latest", type=float, default=LATEST_S, help="longest time before a kill, s")
    arguments = parser.parse_args()
    whole = runs.reference(arguments.work)
    while (
        len(runs.rows(arguments.work / "kills.tsv")) < arguments.kills or (arguments.work / "killed").is_dir()
    ):
        one_run(arguments.work, whole, arguments.kills, arguments.latest)


def one_run(work, whole, kills, latest):
    """Kill a run until it comes to its end, compare it, and drop it."""
    folder = work / "killed"
    folder.mkdir(exist_ok=True)
    number = len(runs.rows(work / "kill-runs.tsv")) + 1
    while True:
        done = len(runs.rows(work / "kills.tsv"))
        generator = random.Random(done)
        process = runs.start(folder)
        if done < kills:
            time.sleep(generator.uniform(EARLIEST_S, latest))
            if runs.kill(process):
                note_kill(work, folder, number)
                continue
        status = process.wait()
        if LOCKED in runs.said(folder):  # what a killed run leaves, with the sentence that says what to do
            runs.run(folder, "--unlock")
            continue
        break
    unlike = runs.differences(whole / "results", folder / "results") if status == 0 else ["it failed"]
    left = runs.orphans(folder / "results", whole / "results")
    runs.append(
        work / "kill-runs.tsv",
        run=number,
        kills=sum(row["run"] == str(number) for row in runs.rows(work / "kills.tsv")),
        status=status,
        compared=len(runs.hashes(folder / "results")),
        different=len(unlike),
        orphans=len(left),
        first_different=(unlike or ["none"])[0],
        first_orphan=(left or ["none"])[0],
    )
    if status or unlike or left:
        folder.rename(work / f"bad-{number}")
    else:
        shutil.rmtree(folder)


def note_kill(work, folder, number):
    """Write down at which stage it was; a command that found the lock of the last kill had done nothing yet."""
    words = runs.said(folder)
    if LOCKED in words:
        runs.run(folder, "--unlock")
        return
    done = re.findall(r"(\d+) of \d+ steps", words)
    logs = sorted(Path(folder, "results/logs").rglob("*.log"), key=lambda path: path.stat().st_mtime)
    stage = (
        logs[-1].relative_to(folder / "results/logs").parts[0].removesuffix(".log") if logs else "planning"
    )
    runs.append(work / "kills.tsv", run=number, stage=stage, steps_since_start=done[-1] if done else 0)
    runs.run(folder, "--unlock")


if __name__ == "__main__":
    main()
