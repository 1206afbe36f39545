"""What the script of every rule does around its one library call: log, threads, seeds, and one-sentence errors."""

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

# size, modification time (ns) and inode number of a file; None: it does not exist
State = tuple[int, int, int] | None


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a rule's script.

    Output of Python and of compiled libraries goes to the rule's log. Thread limits and seeds are set before
    ants or torch are imported, so the body does its imports itself. An error in the input is shown as one sentence,
    in the log and on the console. Any other error leaves its traceback in the log. If an input changes during the
    job, the job fails: its outputs would be newer than the input, and would seem to be made from it.

    Parameters
    ----------
    snakemake : the object Snakemake gives to a script (log, threads, config)
    """
    set_threads(snakemake.threads)
    os.environ["MPLBACKEND"] = "agg"  # a notebook sets a backend that works only there
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
            if isinstance(printed, io.TextIOWrapper):  # its encoding may lack a character
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
            os._exit(1)  # a traceback of Snakemake's wrapper would hide the sentence
        except Exception as error:
            said = f"failed unexpectedly; see {log}"
            if isinstance(error, ImportError):
                said = import_error(error)
            # on a full disk the log is empty
            said = f"{snakemake.rule} {disk_error(error) or memory_error(error) or said}"
            os.write(console, f"Error: {said}\n".encode())
            with contextlib.suppress(OSError):
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(1)


@contextlib.contextmanager
def told_of_changes(rule: str, before: Mapping[str, State]) -> Iterator[None]:
    """Report files that changed within the block, instead of the error that followed from it.

    Parameters
    ----------
    rule : name of the rule, for the message
    before : see `states`

    Raises
    ------
    InputError : a file was deleted, replaced or written to
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
        remedy = "restore the missing files" if gone else "wait until it is complete"
        raise InputError(
            f"{few(gone or changed)} {verb} {happened} while {rule} read it, so its results were discarded: "
            f"{remedy}, then start the same command again."
        ) from failure
    if failure:
        raise failure


def states(paths: Iterable[str]) -> dict[str, State]:
    """Return size, modification time and inode number of each regular file; None for one that does not exist."""
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
    """Limit every numerical library to the threads of the rule, and make the results of ants repeatable."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    # a waiting thread sleeps: on a busy machine, spinning costs several times the work itself
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)
