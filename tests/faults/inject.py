"""Injected faults: each ends in one clear sentence, and the same command then comes to its end.

Every fault strikes a copy of the finished tiny run of which one stage is to be made again. A row of inject.tsv says
whether the run ended with another status than 0 and the sentence, without a traceback of Python on the console, and
whether the same command then made the same files as before. Started again, the program leaves out what was done.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import runs
import yaml

SCAN = "sub-MS01"
# a file of each stage, which is deleted and asked for
STAGES = {
    "simulation": f"results/simulated/{SCAN}/anat/{SCAN}_T1w.nii.gz",
    "preparation": f"results/derivatives/{SCAN}/anat/{SCAN}_desc-preproc_T1w.nii.gz",
    "registration": f"results/derivatives/{SCAN}/anat/{SCAN}_space-petref_MTRmap.nii.gz",
    "packing": "results/training/scans/fold-1.safetensors",
    "training": "results/training/fold-1/sketcher/model.safetensors",
    "scores": "results/evaluation/voxelwise.tsv",
    "statistics": "results/evaluation/statistics.tsv",
    "figures": "results/figures/roc.png",
}
KEEP = ("--rerun-triggers", "mtime", "--")
FULL = r"Error: \w+ cannot write( its log)?: .*No space left on device.*"
MEMORY = r"Error: .*ran out of memory: start again with fewer jobs at a time.*"
KILLED = r"Error: \w+ was killed from outside and left no message, .*"


class Fault(NamedTuple):
    """How a fault is brought about: a function of the folder and the target gives what the run said with its status,
    after which the fault is gone."""

    stage: str
    sentence: str
    strike: Callable[[Path, str], tuple[int, str]]
    ends_run: bool = True


class SkippedError(Exception):
    """A fault that cannot be brought about on this machine."""


def full_disk(folder, target):
    """A tmpfs that holds the results and not one page more."""
    results, aside = folder / "results", folder / "aside"
    results.rename(aside)
    results.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", results]).returncode
    ):
        raise SkippedError("no right to mount a tmpfs")
    try:
        shutil.copytree(aside, results, dirs_exist_ok=True, symlinks=True)
        filler = results / "logs/filler"
        with open(filler, "wb", buffering=0) as stream:
            try:
                while stream.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass
        ended = runs.run(folder, *KEEP, target)
        filler.unlink()
        shutil.rmtree(aside)
        shutil.copytree(results, aside, symlinks=True)
    finally:
        subprocess.run(["umount", results], check=True)
        results.rmdir()
        aside.rename(results)
    return ended


def limited(option):
    """A limit of the shell (ulimit) on every process of the run."""

    def strike(folder, target):
        line = ["bash", "-c", f'ulimit {option}; exec "$@"', "bash", *runs.command(*KEEP, target)]
        done = subprocess.run(
            line, cwd=folder, env=runs.environment(), text=True, capture_output=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return strike


def read_only(folder, target):
    """The folder of the target may not be written, even by root."""
    place = (folder / target).parent
    if os.geteuid() or subprocess.run(["mount", "--bind", place, place]).returncode:
        raise SkippedError("no right to mount a folder read-only")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        return runs.run(folder, *KEEP, target)
    finally:
        subprocess.run(["umount", place], check=True)


def script_of(folder, process):
    """Numbers of the processes of the run that execute a rule's script."""
    found = subprocess.run(
        ["pgrep", "-g", str(process.pid), "-f", r"\.snakemake/scripts/"], capture_output=True
    )
    return [int(number) for number in found.stdout.split()]


def during(change):
    """Do something while the script of the target's job is at work: change(folder, process, script)."""

    def strike(folder, target):
        process = runs.start(folder, *KEEP, target)
        if not runs.wait_for(lambda: script_of(folder, process), process):
            raise SkippedError("the job was over before the fault could strike")
        # it has noted the state of its inputs once its log is there
        script = script_of(folder, process)[0]
        log_time = max(path.stat().st_mtime for path in (folder / "results/logs").rglob("*.log"))
        runs.wait_for(lambda: fresh_log(folder, log_time), process)
        back = change(folder, process, script)
        status = process.wait()
        if back:
            back()
        return status, runs.said(folder)

    return strike


def fresh_log(folder, before):
    """Whether a rule has opened its log since."""
    return any(path.stat().st_mtime > before for path in (folder / "results/logs").rglob("*.log"))


def input_of_preparation(folder):
    return folder / f"results/simulated/{SCAN}/anat/{SCAN}_T1w.nii.gz"


def vanish(folder, process, script):
    path = input_of_preparation(folder)
    path.rename(folder / "moved")
    return lambda: (folder / "moved").rename(path)


def grow(folder, process, script):
    path = input_of_preparation(folder)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:100])
    return lambda: path.write_bytes(whole)


def replace(folder, process, script):
    path = input_of_preparation(folder)
    shutil.copyfile(path, folder / "other")
    os.replace(folder / "other", path)


def worker_dies(folder, process, script):
    os.kill(script, signal.SIGKILL)


def terminate(folder, process, script):
    """SIGTERM to the run and its job, as a queue sends it before it kills."""
    os.killpg(process.pid, signal.SIGTERM)


def cgroup_memory(folder, target):
    """A memory cgroup of 250 MB, too small for the job: the kernel kills it."""
    group = Path("/sys/fs/cgroup/memory/myelosketch-faults")
    try:
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(250 << 20))
    except OSError as error:
        raise SkippedError(f"no right to make a memory cgroup ({error.strerror})") from error
    enter = f'echo $$ > {group}/cgroup.procs; exec "$@"'
    line = ["bash", "-c", enter, "bash", *runs.command(*KEEP, target)]
    done = subprocess.run(
        line, cwd=folder, env=runs.environment(), text=True, capture_output=True, check=False
    )
    group.rmdir()
    return done.returncode, done.stdout + done.stderr


def diverges(folder, target):
    """A learning rate at which the loss is soon not a number."""
    config = folder / "diverges.yaml"
    config.write_text(yaml.safe_dump({"training": {"sketcher": {"learning_rate": 1.0e30}}}))
    return runs.run(folder, *KEEP, target, configs=(*runs.CONFIGS, config))


def shim(folder):
    """Variables of a run whose processes load shim.c before the C library."""
    library = folder / "shim.so"
    compiler = shutil.which("cc")
    if not compiler:
        raise SkippedError("no C compiler")
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-w", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


def slow_disk(folder, target):
    """Every file of the results takes long to open and to read."""
    return runs.run(folder, *KEEP, target, FAULT_SLOW="1", **shim(folder))


def clock_back(folder, target):
    """The clock goes back by a day while a job is at work, whose files are then older than its inputs."""
    flag = folder / "flag"
    process = runs.start(folder, *KEEP, target, FAULT_CLOCK_BACK=str(flag), **shim(folder))
    if not runs.wait_for(lambda: script_of(folder, process), process):
        raise SkippedError("the job was over before the fault could strike")
    flag.touch()
    status = process.wait()
    flag.unlink()
    return status, runs.said(folder)


def second_run(folder, target):
    """A second command while the first is at work; the first must come to its end."""
    first = runs.start(folder, *KEEP, target)
    if not runs.wait_for(lambda: script_of(folder, first), first):
        raise SkippedError("the first run was over too soon")
    done = subprocess.run(
        runs.command(*KEEP, target),
        cwd=folder,
        env=runs.environment(),
        text=True,
        capture_output=True,
        check=False,
    )
    if first.wait():
        return 0, "the first run was harmed: " + runs.said(folder)
    return done.returncode, done.stdout + done.stderr


def read_again(kind):
    return rf"Error: .* was {kind} while prepare_anatomy read it, so its results were discarded: .*"


FAULTS = {
    **{f"disk full in {stage}": Fault(stage, FULL, full_disk) for stage in STAGES},
    "file size limit (as a quota)": Fault(
        "simulation", r"Error: .*cannot write: .*File too large.*", limited("-f 64")
    ),
    "read-only results": Fault("registration", r"Write-protected output files for rule \w+:", read_only),
    "input vanishes": Fault("preparation", read_again("deleted or moved"), during(vanish)),
    "input grows": Fault("preparation", read_again("written to"), during(grow)),
    "input is replaced": Fault("preparation", read_again("written to"), during(replace)),
    "memory ends in imaging (cgroup)": Fault("preparation", f"{MEMORY}|{KILLED}", cgroup_memory),
    "memory ends in training (cgroup)": Fault("training", f"{MEMORY}|{KILLED}", cgroup_memory),
    "loss is not a number": Fault("training", r"Error: training diverged in step .*", diverges),
    "worker process dies": Fault("registration", KILLED, during(worker_dies)),
    "SIGTERM": Fault(
        "training", r".*(Terminating|Will exit|Cancelling|shutdown|did not complete).*", during(terminate)
    ),
    "slow disk": Fault("registration", r"To do: .*", slow_disk, ends_run=False),
    "clock goes back by a day": Fault(
        "registration", r"Output .* has older modification time .* than input .*", clock_back
    ),
    "second run in one folder": Fault("registration", r".*Directory cannot be locked.*", second_run),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    parser.add_argument("--only", default=".", help="regular expression of the faults to bring about")
    arguments = parser.parse_args()
    whole = runs.reference(arguments.work)
    table = arguments.work / "inject.tsv"
    known = {row["fault"] for row in runs.rows(table)}
    for name, fault in FAULTS.items():
        if name not in known and re.search(arguments.only, name):
            print(name, flush=True)
            runs.append(table, **inject(name, fault, whole, arguments.work / "struck"))


def inject(name, fault, whole, folder):
    """Bring about a fault in a copy of a finished run; the row of the table."""
    runs.copy_of(whole, folder)
    target = STAGES[fault.stage]
    (folder / target).unlink()
    row = {"fault": name, "stage": fault.stage, "result": "ok", "sentence": "n/a"}
    try:
        status, words = fault.strike(folder, target)
    except SkippedError as reason:
        return row | {"result": f"skipped: {reason}"}
    found = [line.strip() for line in words.splitlines() if re.fullmatch(fault.sentence, line.strip())]
    row["sentence"] = found[0].replace(str(folder), ".") if found else "n/a"
    wrong = [] if bool(status) == fault.ends_run else [f"status {status}"]
    wrong += [] if found else ["no sentence"]
    wrong += ["a traceback"] if "Traceback" in words else []
    runs.run(folder, "--unlock")
    status, again = runs.run(folder, *KEEP, target)
    wrong += ["the same command fails"] if status else []
    unlike = runs.differences(whole / "results", folder / "results")
    # what depends on the target is not asked for
    wrong += [f"different: {unlike[0]}"] if unlike else []
    hidden = [path.name for path in (folder / "results").rglob(".*") if path.name != ".bidsignore"]
    wrong += [f"left behind: {hidden[0]}"] if hidden else []
    if wrong:
        kept = folder.with_name("bad-" + re.sub(r"\W+", "-", name))
        shutil.rmtree(kept, ignore_errors=True)
        folder.rename(kept)
        (kept / "first.txt").write_text(words)
        (kept / "again.txt").write_text(again)
    return row | {"result": ", ".join(wrong) or "ok"}


if __name__ == "__main__":
    main()
