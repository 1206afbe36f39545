"""Errors that a researcher can act on: one sentence saying what is wrong, where, and what to do."""

import errno
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
# errors of the system rather than of the program, each with what to do
_FULL = "make room and start again: finished files are kept"
_CLOSED = "give yourself permission to read and write there"
_GONE = "check that it exists and that its disk is connected"
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _CLOSED),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.ELOOP, errno.ENOTDIR, errno.EISDIR), _GONE),
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or choose a disk that takes larger ones",
}
_WRITES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEMORY = (
    "start again with fewer jobs at a time (--cores), or with more memory (on a cluster: mem_mb of the rule)"
)
# a script that Snakemake reports as ended by a signal that no user sends on purpose
_KILLED = re.compile(r"\.(\w+)\.py' died with <Signals\.SIG(?:KILL|ABRT|SEGV|BUS)")
# messages of PyTorch and ITK, which do not raise MemoryError
_OUT_OF_MEMORY = (
    "Cannot allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
)


class MyelosketchError(Exception):
    """Base class of errors in the input, not in the program. They are shown without a traceback."""


class InputError(MyelosketchError):
    """A file, table, setting or participant is not what the workflow needs."""


class GeometryError(MyelosketchError):
    """Two images that must share one grid (shape and affine) do not."""


def disk_error(error: BaseException) -> str:
    """Return what the system refused and what to do, as the end of a sentence; blank for an error of the program.

    Parameters
    ----------
    error : any exception

    Returns
    -------
    str
    """
    remedy = _REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
    act = "write" if isinstance(error, OSError) and error.errno in _WRITES else "read or write"
    return f"cannot {act}: {error}; {remedy}" if remedy else ""


def memory_error(error: BaseException) -> str:
    """Return that memory ran out and what to do, as the end of a sentence; blank for any other error.

    Parameters
    ----------
    error : any exception

    Returns
    -------
    str
    """
    text = str(error)
    is_memory = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    is_memory = is_memory or (
        isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)
    )
    return f"ran out of memory: {_MEMORY}" if is_memory else ""


def say_killed(logs: Iterable[str | Path], say: Callable[[str], object]) -> None:
    """Report, in one sentence, the jobs that the system killed before they could print a message, if there are any.

    Parameters
    ----------
    logs : paths of what Snakemake printed
    say : function of the sentence
    """
    texts = [Path(path).read_text(encoding="utf-8", errors="replace") for path in logs]
    scripts = dict.fromkeys(_KILLED.findall("\n".join(texts)))
    if scripts:
        say(
            f"Error: {few(scripts)} was killed from outside and left no message, most often because the "
            f"machine ran out of memory: {_MEMORY}; finished files are kept"
        )


def import_error(error: ImportError) -> str:
    """Return which package cannot be loaded and what to do, as the end of a sentence."""
    path = os.environ.get("PYTHONPATH")
    remedy = f"unset PYTHONPATH (it is {path}), or install" if path else "install"
    return f"cannot load a package ({error}): {remedy} requirements.txt again"


def for_each(items: Iterable[Item], work: Callable[[Item], object]) -> None:
    """Call ``work`` for every item and report all failures at the end, so that one run shows everything to correct.

    Parameters
    ----------
    items : iterable
    work : function of one item

    Raises
    ------
    InputError : the messages of all items that failed because of their input
    """
    said = []
    for item in items:
        try:
            work(item)
        except MyelosketchError as error:
            said.append(str(error))
    if said:
        raise InputError("\n".join(said))


def few(items: Iterable[object], shown: int = 10) -> str:
    """Return the items of a message, separated by commas; only the first are listed, and the others are counted."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:shown]) + (f" and {len(texts) - shown} more" if len(texts) > shown else "")
