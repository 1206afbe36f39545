"""The files that Snakemake is given, before it plans: the signs in their paths, and their times."""

import os
import re
import shlex
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from myelosketch.errors import InputError
from myelosketch.io.run_files import existing_folder

# Snakemake takes {name} for a wildcard and <name> for a pathvar, also in a path that a function returns
SIGNS = re.compile(r"[{}]|<[a-z][a-z0-9_]*>")
# in the results folder a pathvar is filled in as anywhere
BRACES = re.compile(r"[{}]")
# a file less far ahead is waited for
WAIT_S = 10


def check_signs(paths: Iterable[str | Path], of: str, *, signs: re.Pattern[str] = SIGNS) -> None:
    """Refuse paths that Snakemake would not take as they are.

    Parameters
    ----------
    paths : iterable of path
    of : what they are paths of, start of a sentence
    signs : pattern of what no path may hold

    Raises
    ------
    InputError : the first of them, how many there are, and what to do
    """
    bad = [(str(path), found[0]) for path in paths if (found := signs.search(str(path)))]
    if bad:
        (path, sign), *others = bad
        more = f" (and {len(others)} more)" if others else ""
        raise InputError(
            f"{of} {path!r}{more} holds {sign!r}, which Snakemake takes for a part to fill in: rename the folder or "
            "file, or reach it by a symbolic link without {, } or <name> in its path."
        )


def check_times(
    paths: Iterable[str | Path], results: str | Path, *, wait: Callable[[float], object] = time.sleep
) -> None:
    """Refuse files that are dated in the future: what is made of them now would be older than they are.

    The clock is that of the disk of the results, which may be another machine's. A file that is ahead by less than
    WAIT_S is waited for.

    Parameters
    ----------
    paths : input files; absent ones are passed over
    results : the results folder, whose files are looked at too; it need not exist
    wait : function of seconds

    Raises
    ------
    InputError : the latest file, how many there are, and the command that corrects them
    """
    now = disk_time(existing_folder(results))
    given = [(path, seconds) for path, seconds in _times(paths) if seconds > now]
    made = [(path, seconds) for path, seconds in _times(_files_below(results)) if seconds > now]
    if not given and not made:
        return
    path, latest = max(given + made, key=lambda item: item[1])
    if latest - now <= WAIT_S:
        wait(latest - now)
        return
    count = len(given) + len(made)
    places = [os.path.commonpath([Path(path).parent.absolute() for path, _ in given])] if given else []
    places += [str(results)] if made else []
    places = [os.path.relpath(place) if Path(place).is_relative_to(Path.cwd()) else place for place in places]
    raise InputError(
        f"{path}{f' and {count - 1} more' if count > 1 else ''} {'are' if count > 1 else 'is'} dated up to "
        f"{_span(latest - now)} in the future, so what is made now would be older than what it is made from: correct "
        f"this machine's clock, or give such files the time of now with: find -L {shlex.join(places)} -newermt now "
        '-exec touch -t "$(date +%Y%m%d%H%M.%S)" {} +'
    )


def disk_time(folder: str | Path) -> float:
    """The time that a new file in a folder has, seconds since 1970: the clock of the file server, if there is one."""
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            return os.fstat(stream.fileno()).st_mtime
    except OSError:
        return time.time()


def _times(paths: Iterable[str | Path]) -> Iterator[tuple[str, float]]:
    """Each path that exists, and the later time of it and of what it links to."""
    for path in paths:
        try:
            yield str(path), max(os.lstat(path).st_mtime, os.stat(path).st_mtime)
        except OSError:
            continue


def _files_below(folder: str | Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in names)


def _span(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
