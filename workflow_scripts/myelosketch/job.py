"""What every rule's script does around its one library call: log, threads, seeds, and errors in one sentence."""

import contextlib
import io
import os
import random
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from myelosketch.errors import MyelosketchError, disk_error, import_error


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a rule's script.

    Output of Python and of compiled libraries goes to the rule's log. Thread limits and seeds are set before
    ants or torch are imported, so the body imports what it needs inside. An error of the input is shown as
    its sentence, in the log and on the console; any other error leaves its traceback in the log.

    Parameters
    ----------
    snakemake : the object Snakemake gives to a script (log, threads, config)
    """
    set_threads(snakemake.threads)
    os.environ["MPLBACKEND"] = "agg"  # a notebook names one that draws nowhere else
    random.seed(snakemake.config["seed"])
    log = Path(snakemake.log[0])
    console = os.dup(2)
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
            said = f"{snakemake.rule} {disk_error(error) or said}"  # on a full disk the log holds nothing
            os.write(console, f"Error: {said}\n".encode())
            with contextlib.suppress(OSError):
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(1)


def set_threads(threads: int) -> None:
    """Keep every numerical library to the threads of the rule, and ants to repeatable results."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    # a thread that waits for another one sleeps: on a busy machine spinning costs several times the work
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)
