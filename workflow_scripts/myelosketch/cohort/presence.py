"""Check the files of a scan: they may be absent, unreadable, a link to itself, or not fetched by git-annex."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from myelosketch.io.inheritance import metadata_files
from myelosketch.io.user_files import ABSENT, file_problem

# content of an unlocked git-annex file that has not been fetched
POINTER = b"/annex/objects/"
POINTER_BYTES = 300
NOT_DOWNLOADED = "not downloaded"


def unusable_files(files: Mapping[str, str]) -> str:
    """Return why files of a scan, or their JSON files, cannot be opened; an empty string if they can.

    Parameters
    ----------
    files : dict, path of each file by a name for messages

    Returns
    -------
    str such as ``file does not exist: FA (sub-01/fa.nii.gz)``

    Raises
    ------
    InputError : two JSON files apply to one image, and neither name matches it better
    """
    notes = [
        (f"json of {name}", str(note))
        for name, path in files.items()
        if path.endswith((".nii.gz", ".nii"))
        for note in metadata_files(path)
    ]
    by_state: dict[str, list[str]] = {}
    for name, path in dict.fromkeys([*files.items(), *notes]):
        state = _state(path)
        shown = f"datalad get {path}" if state == NOT_DOWNLOADED else path
        if name not in files and state != NOT_DOWNLOADED:
            continue  # the intake checks an unreadable JSON together with its image
        if state:
            by_state.setdefault(state, []).append(f"{name} ({shown})")
    return "; ".join(f"{state}: {', '.join(by_state[state])}" for state in sorted(by_state, reverse=True))


def reason_of(error: OSError) -> str:
    """Return why a file or folder cannot be read, in words."""
    if error.errno == errno.ELOOP:
        return "is a link to itself"
    if isinstance(error, PermissionError):
        return "may not be read"
    return f"cannot be read ({error.strerror})"


def _state(path: str) -> str:
    """Return why a file cannot be used, in words; blank if it can."""
    problem = file_problem(path)
    link = Path(path)
    if problem == ABSENT and link.is_symlink() and "annex" in link.readlink().parts:
        return NOT_DOWNLOADED
    if problem or not len(POINTER) < os.stat(path).st_size < POINTER_BYTES:
        return problem
    with open(path, "rb") as stream:
        return NOT_DOWNLOADED if stream.read(len(POINTER)) == POINTER else ""
