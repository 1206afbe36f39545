"""What every rule's script does around its one library call: log, threads, seeds, and errors in one sentence."""

import contextlib
import io
import os
import random
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any

from myelosketch.errors import (
    InputError,
    MyelosketchError,
    disk_error,
    few,
    import_error,
    memory_error,
)

# size, time of the last change (ns) and number of a file; None: it is not there
State = tuple[int, int, int] | None


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a rule's script.

    Output of Python and of compiled libraries goes to the rule's log. Thread limits and seeds are set before
    ants or torch are imported, so the body imports what it needs inside. An error of the input is shown as
    its sentence, in the log and on the console; any other error leaves its traceback in the log. An input that
    changed meanwhile ends the job, whatever it computed: its outputs would be newer than the input, and seem made
    from it.

    Parameters
    ----------
    snakemake : the object Snakemake gives to a script (log, threads, config)
    """
    set_threads(snakemake.threads)
    os.environ["MPLBACKEND"] = "agg"  # a notebook names one that draws nowhere else
    random.seed(snakemake.config["seed"])
    log = Path(snakemake.log[0])
    console = os.dup(2)
    before = states(snakemake.input)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = open(log, "w", buffering=1, encoding="utf-8")  # noqa: SIM115 (closed below)
    except OSError as error:
        os.write(console, f"Error: {snakemake.rule} cannot write its log: {error}\n".encode())
        os._exit(1)
    with stream:
        for printed in (sys.stdout, sys.stderr):
            printed.flush()
            if isinstance(printed, io.TextIOWrapper):  # PYTHONIOENCODING may name one that lacks a sign
                printed.reconfigure(encoding="utf-8", errors="backslashreplace")
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            with told_of_changes(snakemake.rule, before):
                yield
        except MyelosketchError as error:
            print(f"Error: {error}", flush=True)
            os.write(console, f"Error: {error}\n".encode())
            sys.stdout.flush()
            os._exit(1)  # a traceback of Snakemake's wrapper would bury the sentence
        except Exception as error:
            said = f"failed unexpectedly; see {log}"
            if isinstance(error, ImportError):
                said = import_error(error)
            # on a full disk the log holds nothing
            said = f"{snakemake.rule} {disk_error(error) or memory_error(error) or said}"
            os.write(console, f"Error: {said}\n".encode())
            with contextlib.suppress(OSError):
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(1)


@contextlib.contextmanager
def told_of_changes(rule: str, before: Mapping[str, State]) -> Iterator[None]:
    """Say of files that changed within the block that they did, rather than what came of it.

    Parameters
    ----------
    rule : name of the rule, for the message
    before : see `states`

    Raises
    ------
    InputError : a file is gone, or was replaced or written to
    """
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
    now = states(before)
    gone = [path for path, state in now.items() if state is None and before[path]]
    changed = [path for path, state in now.items() if state and state != before[path]]
    if gone or changed:
        verb = "were" if len(gone or changed) > 1 else "was"
        happened = "deleted or moved" if gone else "written to"
        remedy = "put back what is missing" if gone else "wait until it is complete"
        raise InputError(
            f"{few(gone or changed)} {verb} {happened} while {rule} read it, so its results are dropped: "
            f"{remedy}, then start the same command again."
        ) from failure
    if failure:
        raise failure


def states(paths: Iterable[str]) -> dict[str, State]:
    """Size, time and number of each ordinary file; None for one that is not there."""
    found: dict[str, State] = {}
    for path in map(str, paths):
        try:
            stat = os.stat(path)
        except OSError:
            found[path] = None
            continue
        if S_ISREG(stat.st_mode):
            found[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def set_threads(threads: int) -> None:
    """Keep every numerical library to the threads of the rule, and ants to repeatable results."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    # a thread that waits for another one sleeps: on a busy machine spinning costs several times the work
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)
