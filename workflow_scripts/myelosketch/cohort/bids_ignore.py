"""Files that a dataset's ``.bidsignore`` asks every reader to pass over; its patterns are those of ``.gitignore``."""

import os
from collections.abc import Callable
from pathlib import Path

from myelosketch.errors import InputError


def ignored_by(root: str | Path) -> Callable[[str], bool]:
    """Read the patterns of a dataset.

    Parameters
    ----------
    root : folder of the dataset

    Returns
    -------
    function of a path relative to the root, a folder's ending with ``/``: whether it is to be passed over

    Raises
    ------
    InputError : the file cannot be read, or holds a pattern that git would not understand
    """
    path = Path(root) / ".bidsignore"
    if not os.path.lexists(path):
        return lambda name: False
    # here, because the environments of jobs do not have it, and they list no dataset
    import pathspec

    try:
        spec = pathspec.GitIgnoreSpec.from_lines(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as patterns of gitignore ({error}): correct or remove it.") from None
    return spec.match_file
