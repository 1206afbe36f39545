"""Whether a file that a user names can be read at all, before anything is read from it."""

import errno
import os
import stat
from pathlib import Path

ABSENT = "file does not exist"
# why the system finds no file at a path
_REASONS = {
    errno.ENOENT: ABSENT,
    errno.ENOTDIR: ABSENT,
    errno.ELOOP: "a symbolic link that leads to itself",
    errno.EACCES: "in a folder that may not be entered",
    errno.EPERM: "in a folder that may not be entered",
    errno.ENAMETOOLONG: "a path that is too long for the disk",
}


def file_problem(path: str | Path) -> str:
    """Why a path leads to no file that can be read; blank if it leads to one.

    Parameters
    ----------
    path : of a file that is not opened here: opening a named pipe would wait for ever

    Returns
    -------
    str
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return _REASONS.get(error.errno or 0, f"cannot be looked at ({error.strerror})")
    except ValueError:  # a path that holds a null character
        return ABSENT
    if stat.S_ISDIR(mode):
        return "a folder, not a file"
    if not stat.S_ISREG(mode):
        return "no regular file (a pipe, socket or device)"
    readable = os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)
    return "" if readable else "may not be read by you"
