"""Check the characters in the paths of Snakemake's input files, and their times, before planning."""

import os
import re
import shlex
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from myelosketch.errors import InputError
from myelosketch.io.run_files import existing_folder

# Snakemake reads {name} as a wildcard and <name> as a pathvar, also in a path that a function returns
SIGNS = re.compile(r"[{}]|<[a-z][a-z0-9_]*>")
# pathvars are also replaced in the results folder
BRACES = re.compile(r"[{}]")
# the run waits for a file that is ahead by less
WAIT_S = 10


def check_signs(paths: Iterable[str | Path], of: str, *, signs: re.Pattern[str] = SIGNS) -> None:
    """Raise an error for paths that Snakemake would not read literally.

    Parameters
    ----------
    paths : iterable of path
    of : kind of the paths, start of a sentence
    signs : pattern of what no path may contain

    Raises
    ------
    InputError : names the first path, how many there are, and what to do
    """
    bad = [(str(path), found[0]) for path in paths if (found := signs.search(str(path)))]
    if bad:
        (path, sign), *others = bad
        more = f" (and {len(others)} more)" if others else ""
        raise InputError(
            f"{of} {path!r}{more} contains {sign!r}, which Snakemake reads as a placeholder: rename the folder or "
            "file, or reach it by a symbolic link without {, } or <name> in its path."
        )


def check_times(
    paths: Iterable[str | Path], results: str | Path, *, wait: Callable[[float], object] = time.sleep
) -> None:
    """Raise an error for files dated in the future: outputs made from them now would be older than they are.

    The clock is that of the results disk, which may be another machine's. The function waits for a file that is ahead
    by less than WAIT_S.

    Parameters
    ----------
    paths : input files; absent ones are skipped
    results : the results folder, whose files are checked too; it need not exist
    wait : function of seconds

    Raises
    ------
    InputError : names the latest file, how many there are, and the command that corrects them
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
        f"{_span(latest - now)} in the future, so outputs made now would be older than their inputs: correct "
        f"this machine's clock, or set the time of these files to now with: find -L {shlex.join(places)} "
        "-newermt now "
        '-exec touch -t "$(date +%Y%m%d%H%M.%S)" {} +'
    )


def disk_time(folder: str | Path) -> float:
    """Return the time of a new file in a folder, seconds since 1970: the file server's clock, if there is one."""
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            return os.fstat(stream.fileno()).st_mtime
    except OSError:
        return time.time()


def _times(paths: Iterable[str | Path]) -> Iterator[tuple[str, float]]:
    """Yield each path that exists, and the later of its own time and that of its link's target."""
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
