"""Check whether a file that a user names can be read, before it is opened."""

import errno
import os
import stat
from pathlib import Path

ABSENT = "file does not exist"
# why the system cannot find a file at a path
_REASONS = {
    errno.ENOENT: ABSENT,
    errno.ENOTDIR: ABSENT,
    errno.ELOOP: "a symbolic link that leads to itself",
    errno.EACCES: "in a folder that you may not enter",
    errno.EPERM: "in a folder that you may not enter",
    errno.ENAMETOOLONG: "a path that is too long for the disk",
}


def file_problem(path: str | Path) -> str:
    """Return why a path does not lead to a readable file; blank if it does.

    Parameters
    ----------
    path : path of a file, which is not opened: opening a named pipe would never end

    Returns
    -------
    str
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return _REASONS.get(error.errno or 0, f"cannot be inspected ({error.strerror})")
    except ValueError:  # a path with a null character
        return ABSENT
    if stat.S_ISDIR(mode):
        return "a folder, not a file"
    if not stat.S_ISREG(mode):
        return "not a regular file (a pipe, socket or device)"
    readable = os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)
    return "" if readable else "may not be read by you"
