"""Read the ``.bidsignore`` of a dataset, whose patterns are those of ``.gitignore``.

It is written for the validator, so it names what is wrong (a broken series, a folder of extras) and what is good but
not yet in the standard (maps of a draft; the PET of OpenNeuro's ds001420). A participant or session that it names is
skipped. A file that it names is used only if a scan has no other file for an input.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pathspec

from myelosketch.errors import InputError


def ignored_by(root: str | Path) -> Callable[[str], bool]:
    """Read the patterns of a dataset.

    Parameters
    ----------
    root : folder of the dataset

    Returns
    -------
    function of a path relative to the root, a folder's ending with ``/``: whether a pattern names it

    Raises
    ------
    InputError : the file cannot be read, or holds a pattern that git would not understand
    """
    path = Path(root) / ".bidsignore"
    if not os.path.lexists(path):
        return lambda name: False
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        return pathspec.GitIgnoreSpec.from_lines(lines).match_file
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as patterns of gitignore ({error}): correct or remove it."
        ) from None
