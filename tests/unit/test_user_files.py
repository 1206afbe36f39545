"""User files that cannot be read: each kind has its message, and no kind stops the others."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.table import cohort_from_rows
from myelosketch.errors import disk_error, say_killed
from myelosketch.intake.inspection import inspect_scan
from myelosketch.io.user_files import file_problem
from myelosketch.io.volumes import save_volume

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"
NOBODY = 65534


@pytest.fixture
def outside(monkeypatch):
    """A folder that another user can reach, and the rights of an ordinary user in it; root may read everything."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    is_root = os.geteuid() == 0
    if is_root:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
        os.setegid(0)
    subprocess.run(["chmod", "-R", "u+rwx", str(folder)], check=True)
    shutil.rmtree(folder)


def file_at(path, kind):
    """Make a file of a kind; return the path to name in the table."""
    if kind == "folder":
        path.mkdir()
    elif kind == "own link":
        path.symlink_to(path.name)
    elif kind == "dangling link":
        path.symlink_to("gone")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "below a file":
        path.touch()
        return path / "a.nii.gz"
    elif kind == "long name":
        return path.with_name("a" * 300)
    elif kind == "null":
        return f"{path}\0"
    elif kind == "closed":
        path.touch()
        path.chmod(0)
    elif kind == "closed folder":
        path.mkdir()
        (path / "a.nii.gz").touch()
        path.chmod(0)
        return path / "a.nii.gz"
    else:
        path.touch()
    return path


KINDS = {
    "file": "",
    "folder": "a folder, not a file",
    "own link": "a symbolic link that leads to itself",
    "dangling link": "file does not exist",
    "below a file": "file does not exist",
    "null": "file does not exist",
    "pipe": "not a regular file (a pipe, socket or device)",
    "socket": "not a regular file (a pipe, socket or device)",
    "long name": "a path that is too long for the disk",
    "closed": "may not be read by you",
    "closed folder": "in a folder that you may not enter",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_has_its_words(outside, kind):
    assert file_problem(file_at(outside / "x.nii.gz", kind)) == KINDS[kind]


def test_a_disk_that_fails(monkeypatch):
    def stat(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "stat", stat)
    assert file_problem("a") == "cannot be inspected (Input/output error)"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("file", "null")])
def test_a_scan_with_such_a_file_is_left_out_with_the_reason(outside, kind):
    good, bad = (outside / "good.nii.gz"), file_at(outside / "x.nii.gz", kind)
    good.touch()
    images = dict.fromkeys(("T1w", "FA", "RD", "AD", "MTR", "DVR"), str(good))
    rows = [{"subject": f"0{number}", "group": "HC", **images} for number in (1, 2)]
    included, excluded = split_complete(cohort_from_rows([rows[0], rows[1] | {"MTR": str(bad)}]))
    assert included.scan.tolist() == ["sub-01"]
    assert excluded.reason.tolist() == [f"{KINDS[kind]}: MTR ({bad})"]


def inspected(path, **more):
    """Return findings (check, reason) of a control with only one inspected file."""
    row = cohort_from_rows([{"subject": "01", "group": "HC", "FA": str(path)}]).to_dict("records")[0]
    return [
        (finding["check"], finding["reason"])
        for finding in inspect_scan(row, **more)["findings"]
        if finding["check"] in ("unreadable", "missing_file")
    ]


@pytest.mark.parametrize("kind", ["folder", "own link", "pipe", "closed", "closed folder"])
def test_the_intake_refuses_such_a_file_and_does_not_fail(outside, kind):
    path = file_at(outside / "x.nii.gz", kind)
    assert inspected(path) == [("unreadable", f"cannot be read ({KINDS[kind]})")]


@pytest.mark.parametrize("kind", ["closed", "folder", "own link", "dangling link", "pipe"])
def test_the_intake_refuses_an_image_whose_json_cannot_be_read(outside, kind):
    save_volume(outside / "x.nii.gz", np.ones((4, 4, 4)), np.eye(4))
    file_at(outside / "x.json", kind)
    reason = f"has a JSON beside it that cannot be read (x.json: {KINDS[kind]})"
    assert inspected(outside / "x.nii.gz") == [("unreadable", reason)]


def test_the_intake_refuses_an_image_that_a_disk_cannot_read(outside, monkeypatch):
    def read(name, image):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    save_volume(outside / "x.nii.gz", np.ones((4, 4, 4)), np.eye(4))
    monkeypatch.setattr("myelosketch.intake.voxels.read_volume", read)
    assert inspected(outside / "x.nii.gz") == [("unreadable", "cannot be read (Input/output error)")]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            errno.EACCES,
            "cannot read or write: [Errno 13] Permission denied: 'a b'; give yourself permission to read "
            "and write there",
        ),
        (
            errno.ENOSPC,
            "cannot write: [Errno 28] No space left on device: 'a b'; make room and start again: finished files are "
            "kept",
        ),
        (
            errno.EIO,
            "cannot read or write: [Errno 5] Input/output error: 'a b'; check that it exists and that "
            "its disk is connected",
        ),
        (
            errno.EFBIG,
            "cannot write: [Errno 27] File too large: 'a b'; raise the limit on the size of a file (ulimit -f), or "
            "choose a disk that takes larger ones",
        ),
        (errno.ENOENT, ""),
    ],
)
def test_what_a_disk_refuses_has_a_remedy(number, sentence):
    assert disk_error(OSError(number, os.strerror(number), "a b")) == sentence
    assert disk_error(ValueError("a")) == ""


JOB = """
import os, pickle, sys, types
snakemake = types.SimpleNamespace(threads=1, config={{"seed": 1}}, log=[{log!r}], rule="some_rule", input={inputs!r})
from myelosketch.job import job
with job(snakemake):
    {body}
"""


def console(folder, body, log="logs/some.log", inputs=()):
    """The console output of a rule's script, and its log."""
    code = JOB.format(log=str(folder / log), body=body, inputs=[str(path) for path in inputs])
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, text=True, capture_output=True, check=False
    )
    log = folder / log
    return done.returncode, done.stderr, log.read_text() if log.is_file() else None


def test_a_job_says_what_it_may_not_read(tmp_path):
    status, said, log = console(tmp_path, "raise PermissionError(13, 'Permission denied', 'a/b.nii.gz')")
    assert status == 1
    assert said == (
        "Error: some_rule cannot read or write: [Errno 13] Permission denied: 'a/b.nii.gz'; give "
        "yourself permission to read and write there\n"
    )
    assert "Traceback" in log


def test_an_error_of_the_program_leads_to_the_log(tmp_path):
    status, said, log = console(tmp_path, "raise FileNotFoundError(2, 'No such file', 'a')")
    assert (status, said) == (1, f"Error: some_rule failed unexpectedly; see {tmp_path}/logs/some.log\n")
    assert "FileNotFoundError" in log


@pytest.mark.parametrize(
    ("path", "remedy"), [("", "install"), ("/other", "unset PYTHONPATH (it is {}), or install")]
)
def test_a_package_that_cannot_be_loaded(tmp_path, path, remedy):
    body = f"os.environ['PYTHONPATH'] = {path!r}; import absent_package"
    status, said, _ = console(tmp_path, body)
    assert (status, said) == (
        1,
        f"Error: some_rule cannot load a package (No module named 'absent_package'): {remedy.format(path)} "
        "requirements.txt again\n",
    )


def test_a_sentence_with_signs_that_the_terminal_lacks(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    body = "from myelosketch.errors import InputError; raise InputError('µm – ü')"
    assert console(tmp_path, body) == (1, "Error: µm – ü\n", "Error: µm – ü\n")


def test_a_log_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "logs").touch()
    status, said, log = console(tmp_path, "pass")
    assert (status, log) == (1, None)
    assert said.startswith("Error: some_rule cannot write its log: ")
    assert said.count("\n") == 1


def test_a_job_draws_without_the_backend_of_a_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    status, said, log = console(
        tmp_path, "import matplotlib.pyplot as plt; plt.figure(); print(plt.get_backend().lower())"
    )
    assert (status, said, log) == (0, "", "agg\n")


MEMORY = (
    "start again with fewer jobs at a time (--cores), or with more memory (on a cluster: mem_mb of the rule)"
)


@pytest.mark.parametrize(
    "body",
    [
        "import numpy; numpy.empty((1 << 50,), float)",
        "import torch; torch.empty(1 << 50)",
        "raise OSError(12, 'Cannot allocate memory')",
        "raise RuntimeError('std::bad_alloc')",
    ],
)
def test_memory_that_is_refused_is_said_with_what_to_do(tmp_path, body):
    status, said, log = console(tmp_path, body)
    assert (status, said) == (1, f"Error: some_rule ran out of memory: {MEMORY}\n")
    assert "Traceback" in log


@pytest.mark.parametrize(
    ("change", "happened"),
    [
        (
            "path.unlink()",
            "deleted or moved while some_rule read it, so its results were discarded: restore the missing files",
        ),
        (
            "path.open('a').write('y')",
            "written to while some_rule read it, so its results were discarded: wait until it is complete",
        ),
        (
            "(path.parent / 'b').write_text('x'); os.replace(path.parent / 'b', path)",
            "written to while some_rule read it, so its results were discarded: wait until it is complete",
        ),
    ],
    ids=["vanishes", "grows", "replaced"],
)
@pytest.mark.parametrize("end", ["pass", "raise ValueError('of what is no longer there')"])
def test_an_input_that_changes_while_a_job_reads_it(tmp_path, change, happened, end):
    """Whether the job noticed or not: its outputs would be newer than the changed input, and never made again."""
    path = tmp_path / "a.txt"
    path.write_text("x")
    body = f"from pathlib import Path; path = Path({str(path)!r}); {change}\n    {end}"
    status, said, _ = console(tmp_path, body, inputs=[path])
    assert (status, said) == (1, f"Error: {path} was {happened}, then start the same command again.\n")


def test_inputs_that_stay_as_they_are(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "folder").mkdir()
    body = f"open({str(tmp_path / 'folder/new')!r}, 'w').close()"
    inputs = [tmp_path / "a", tmp_path / "folder", tmp_path / "absent"]
    assert console(tmp_path, body, inputs=inputs)[:2] == (0, "")


def test_a_job_that_was_killed_has_its_sentence(tmp_path):
    line = (
        "Command 'set -euo pipefail;  python /a/.snakemake/scripts/tmp1.{}.py' died with <Signals.{}: 9>.\n"
    )
    (tmp_path / "run.log").write_text(
        line.format("train_network", "SIGKILL") + line.format("score_scan", "SIGTERM")
    )
    said = []
    say_killed([tmp_path / "run.log"], said.append)
    assert said == [
        "Error: train_network was killed from outside and left no message, most often because the machine "
        f"ran out of memory: {MEMORY}; finished files are kept"
    ]
    (tmp_path / "run.log").write_text("Error in rule train_network")
    say_killed([tmp_path / "run.log"], said.append)
    assert len(said) == 1
