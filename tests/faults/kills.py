"""Kill the tiny run at random moments, start the same command again, and compare its end with an uninterrupted run.

Every run has several jobs at a time, is killed the same number of times and then comes to its end. Its moments are
drawn before it starts: for each kill a number of finished steps, uniform over all steps of the run, and a time of up
to 5 s that passes after that step. So the kills spread over all stages, and the run makes progress between them. Two
moments that are close to each other give a kill while the command starts and plans. Every kill is a row of kills.tsv,
every run that came to its end one of kill-runs.tsv. Started again, the program goes on with the run that it was at.
"""

import argparse
import random
import re
import shutil
import subprocess
import time

import runs

LATEST_S = 5.0
STEPS = re.compile(r"(\d+) of \d+ steps")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    parser.add_argument("--kills", type=int, default=100, help="kills of all runs together")
    parser.add_argument("--per-run", type=int, default=34, help="kills of one run")
    parser.add_argument("--cores", type=int, default=2, help="jobs that a run has at a time")
    arguments = parser.parse_args()
    whole = runs.reference(arguments.work)
    n_steps = int(re.findall(r"(\d+) steps in all", runs.said(whole))[-1])
    while sum(int(row["kills"]) for row in runs.rows(arguments.work / "kill-runs.tsv")) < arguments.kills:
        one_run(arguments.work, whole, arguments.per_run, n_steps, arguments.cores)


def moments(number, per_run, n_steps):
    """Finished steps and seconds after them, for each kill of a run, in their order."""
    generator = random.Random(number)
    return sorted((generator.randrange(n_steps), generator.uniform(0, LATEST_S)) for _ in range(per_run))


def one_run(work, whole, per_run, n_steps, cores):
    """Kill a run at its moments, let it come to its end, compare it, and drop it."""
    folder = work / "killed"
    folder.mkdir(exist_ok=True)
    number = len(runs.rows(work / "kill-runs.tsv")) + 1
    made = sum(row["run"] == str(number) for row in runs.rows(work / "kills.tsv"))
    if (folder / "run.txt").is_file():  # this program itself was ended
        unlock(folder)
    for steps, seconds in moments(number, per_run, n_steps)[made:]:
        process = runs.start(folder, cores=cores)
        runs.wait_for(lambda: finished(folder, n_steps) >= steps, process, seconds=3600)  # noqa: B023
        time.sleep(seconds)
        rule = at_work(folder, process)
        if not runs.kill(process):
            break  # it came to its end before its last moments
        runs.append(
            work / "kills.tsv", run=number, at_work=rule, finished=finished(folder, n_steps), of=n_steps
        )
        unlock(folder)
    status = runs.start(folder, cores=cores).wait()
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


def unlock(folder):
    """What snakemake --unlock does after a kill, without its four seconds."""
    shutil.rmtree(folder / ".snakemake/locks", ignore_errors=True)


def finished(folder, n_steps):
    """Steps of the run that are done, as the last command counted them; -1 before it has planned."""
    planned = re.findall(r"(\d+) steps in all", runs.said(folder))
    if not planned:
        return -1
    # every step is in Snakemake's log; the console has a line every 15 s
    log = max((folder / ".snakemake/log").iterdir())
    done = STEPS.findall(log.read_text())
    return n_steps - int(planned[-1]) + (int(done[-1]) if done else 0)


def at_work(folder, process):
    """The rules whose scripts the run executes; what the run itself does between jobs."""
    found = subprocess.run(
        ["pgrep", "-g", str(process.pid), "-a", "-f", r"\.snakemake/scripts/"], capture_output=True, text=True
    )
    if rules := re.findall(r"\.snakemake/scripts/\w+\.(\w+)\.py", found.stdout):
        return ", ".join(sorted(set(rules)))
    return "between jobs" if "steps in all" in runs.said(folder) else "start and planning"


if __name__ == "__main__":
    main()
