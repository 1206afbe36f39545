"""Metadata that a BIDS dataset keeps once for several images: the inheritance principle.

A metadata file (``.json``, ``.bval``, ``.bvec``) applies to an image of the same suffix if the image has every entity
of its name, and if it is in the image's folder or in a folder above it within the dataset. Outside a dataset, only
the file with the image's own name, in the same folder, applies.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NamedTuple

from myelosketch.errors import InputError

KINDS = (".json", ".bval", ".bvec")


class _Metadata(NamedTuple):
    """A metadata file in one folder."""

    name: str
    entities: frozenset[str]  # ``key-value``


def metadata_files(image: str | Path) -> list[Path]:
    """Return the JSON files that apply to an image, from the farthest to the nearest: a later one overrides an
    earlier one.

    Raises
    ------
    InputError : two files of one folder apply, and neither name has more of the image's entities than the other
    """
    return applicable(image, ".json")


def nearest(image: str | Path, kind: str) -> Path | None:
    """Return the file of one of KINDS that applies to an image; None if there is none.

    Raises
    ------
    InputError : as of `metadata_files`
    """
    found = applicable(image, kind)
    return found[-1] if found else None


def applicable(image: str | Path, kind: str) -> list[Path]:
    """Return the files of one of KINDS that apply to an image, at most one per folder, the nearest last."""
    folder, name = os.path.split(image)
    stem = name.removesuffix(".gz").removesuffix(".nii")
    folders = _folders(folder, name.split("_")[0])
    if not folders:
        own = Path(folder, stem + kind)
        return [own] if os.path.lexists(own) else []
    found = [_of_folder(level, stem, kind, image) for level in folders]
    return [path for path in found if path]


@functools.cache
def _folders(folder: str, subject: str) -> list[str]:
    """Return the folders from the root of a dataset to an image; none if the image is in no participant folder."""
    if not subject.startswith("sub-"):
        return []
    levels = [Path(folder), *Path(folder).parents]
    depth = next((number for number, level in enumerate(levels) if level.name == subject), None)
    return [] if depth is None else [str(level) for level in levels[depth + 1 :: -1]]


def _of_folder(folder: str, stem: str, kind: str, image: str | Path) -> Path | None:
    """Return the file of a folder that applies to an image: that of its name, or that which shares most entities."""
    *pairs, suffix = stem.split("_")
    files = [file for file in _listing(folder).get((suffix, kind), ()) if file.entities.issubset(pairs)]
    if not files:
        return None
    most = max(files, key=lambda file: len(file.entities))
    rival = next((file for file in files if file is not most and not file.entities < most.entities), None)
    if rival:
        first, second = sorted(Path(folder, file.name) for file in (rival, most))
        raise InputError(
            f"{first} and {second} both apply to {image}, and neither name matches it better: give the image a file "
            "with its own name, or remove one of them."
        )
    return Path(folder, most.name)


def _listing(folder: str) -> dict[tuple[str, str], list[_Metadata]]:
    try:
        known = os.stat(folder)
        return _listed(folder, known.st_ino, known.st_mtime_ns)
    except OSError:  # an unreadable or absent folder is reported when its images are searched for
        return {}


@functools.cache  # every scan of a dataset needs the same root; a changed folder is listed again
def _listed(folder: str, number: int, changed: int) -> dict[tuple[str, str], list[_Metadata]]:
    """Return the metadata files of one folder by suffix and kind."""
    found: dict[tuple[str, str], list[_Metadata]] = {}
    for name in os.listdir(folder):
        if name.endswith(KINDS):
            stem, kind = os.path.splitext(name)
            *pairs, suffix = stem.split("_")
            found.setdefault((suffix, kind), []).append(_Metadata(name, frozenset(pairs)))
    return found
