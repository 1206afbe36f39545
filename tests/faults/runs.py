"""What the programs of tests/faults share: the tiny run, its start and its end, and the table of counts."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGS = (ROOT / "configs/smoke.yaml", Path(__file__).with_name("tiny.yaml"))
# what must be the same to the byte; pages, logs and provenance name times and places
COMPARED = (
    "cohort/*.tsv",
    "registration/*.tsv",
    "evaluation/**/*.tsv",
    "figures/*.tsv",
    "simulated/**/*.nii.gz",
    "derivatives/**/*.nii.gz",
    "derivatives/**/*.mat",
    "training/**/*.safetensors",
    "training/scans/*",
)


def work_folder(text):
    """Absolute path of the folder of all runs: each run starts in a folder of its own."""
    return Path(text).resolve()


def command(*arguments, configs=None, cores=1):
    """The command line that a user types."""
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--configfile", *map(str, configs or CONFIGS)),
        *("--workflow-profile", str(ROOT / "profiles/default"), "--cores", "1", *arguments),
    ]


def environment(**variables):
    """Of a run: one thread, and no other library."""
    return {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "COLUMNS": "300", **variables}


def start(folder, *arguments, configs=None, cores=1, before=(), **variables):
    """Start the workflow in a process group of its own, behind a command; the process, whose words go to run.txt."""
    with open(Path(folder) / "run.txt", "w") as said:
        return subprocess.Popen(
            [*before, *command(*arguments, configs=configs, cores=cores)],
            cwd=folder,
            env=environment(**variables),
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run(folder, *arguments, **options):
    """Run the workflow to its end; exit status and what it said."""
    status = start(folder, *arguments, **options).wait()
    return status, said(folder)


def said(folder):
    """What the last run of a folder printed."""
    return (Path(folder) / "run.txt").read_text(errors="replace")


def kill(process):
    """SIGKILL the whole process group; whether the run was still going on."""
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def wait_for(happened, process, seconds=300):
    """Whether something becomes so before the run ends."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.02)
    return False


def reference(work):
    """Folder of the uninterrupted run, made once."""
    folder = Path(work) / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "results/report.html").is_file():
        status, words = run(folder)
        if status:
            raise SystemExit(f"The reference run failed:\n{words[-4000:]}")
    return folder


def copy_of(folder, copy):
    """A finished run of one's own, to be changed."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, symlinks=True)
    return copy


def hashes(results, patterns=COMPARED):
    """Path in the results to the hash of the file's bytes."""
    paths = sorted({path for pattern in patterns for path in Path(results).glob(pattern) if path.is_file()})
    return {str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def differences(first, second):
    """Files of COMPARED that are absent on one side or not the same to the byte."""
    one, other = hashes(first), hashes(second)
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def orphans(results, whole):
    """Files that the uninterrupted run does not have: temporary ones, checkpoints, outputs without an owner."""

    def names(folder):
        return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}

    return sorted(names(results) - names(whole))


def append(table, **row):
    """Add a row to a TSV, with its header if it is new."""
    table = Path(table)
    table.parent.mkdir(parents=True, exist_ok=True)
    is_new = not table.is_file()
    with table.open("a") as stream:
        if is_new:
            stream.write("\t".join(row) + "\n")
        stream.write(
            "\t".join(str(value).replace("\t", " ").replace("\n", " ") for value in row.values()) + "\n"
        )


def rows(table):
    """Rows of a TSV that `append` wrote, as dicts; none if there is no file."""
    if not Path(table).is_file():
        return []
    head, *lines = Path(table).read_text().splitlines()
    return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]
