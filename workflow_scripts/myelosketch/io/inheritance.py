"""Metadata that a BIDS dataset keeps once for several images: the inheritance principle.

A file of metadata (``.json``, ``.bval``, ``.bvec``) applies to an image of the same suffix if each entity of its name is
one of the image's, and if it lies in the image's folder or in one above it, up to the dataset's. Outside a dataset only
the file beside an image, under its name, applies.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NamedTuple

from myelosketch.errors import InputError

KINDS = (".json", ".bval", ".bvec")


class _Metadata(NamedTuple):
    """A file of metadata in one folder."""

    name: str
    entities: frozenset[str]  # ``key-value``


def metadata_files(image: str | Path) -> list[Path]:
    """JSON files that speak of an image, from the farthest to the nearest: a later one overrides an earlier one.

    Raises
    ------
    InputError : two files of one folder apply, and neither says more of the image's name than the other
    """
    return applicable(image, ".json")


def nearest(image: str | Path, kind: str) -> Path | None:
    """The file of one of KINDS that holds for an image; None where there is none.

    Raises
    ------
    InputError : as of `metadata_files`
    """
    found = applicable(image, kind)
    return found[-1] if found else None


def applicable(image: str | Path, kind: str) -> list[Path]:
    """Files of one of KINDS that apply to an image, at most one per folder, the nearest last."""
    image = Path(image)
    stem = image.name.removesuffix(".gz").removesuffix(".nii")
    folders = _folders(image)
    if not folders:
        own = image.with_name(stem + kind)
        return [own] if os.path.lexists(own) else []
    found = [_of_folder(folder, stem, kind, image) for folder in folders]
    return [path for path in found if path]


def _folders(image: Path) -> list[Path]:
    """Folders of a dataset from its root to that of an image; none where the image lies in no ``sub-`` folder of its."""
    subject = image.name.split("_")[0]
    if not subject.startswith("sub-"):
        return []
    parents = list(image.parents)
    for number, folder in enumerate(parents[:-1]):
        if folder.name == subject:
            return parents[number + 1 :: -1]
    return []


def _of_folder(folder: Path, stem: str, kind: str, image: Path) -> Path | None:
    """The file of a folder that applies to an image: the one of its name, or else the one that says most of it."""
    *pairs, suffix = stem.split("_")
    files = [file for file in _listing(folder).get((suffix, kind), ()) if file.entities <= set(pairs)]
    if not files:
        return None
    most = max(files, key=lambda file: len(file.entities))
    rival = next((file for file in files if file is not most and not file.entities < most.entities), None)
    if rival:
        first, second = sorted([folder / rival.name, folder / most.name])
        raise InputError(
            f"{first} and {second} both apply to {image}, and neither is nearer to its name: give the image a file of "
            "its own name, or remove one of them."
        )
    return folder / most.name


def _listing(folder: Path) -> dict[tuple[str, str], list[_Metadata]]:
    try:
        return _listed(os.path.abspath(folder), os.stat(folder).st_mtime_ns)
    except OSError:  # a folder that is closed, or not there, is judged where its images are looked for
        return {}


@functools.cache  # every scan of a dataset asks for the same root; a folder that has changed is listed again
def _listed(folder: str, changed: int) -> dict[tuple[str, str], list[_Metadata]]:
    """Metadata of one folder by suffix and kind."""
    found: dict[tuple[str, str], list[_Metadata]] = {}
    for name in os.listdir(folder):
        if name.endswith(KINDS):
            stem, kind = os.path.splitext(name)
            *pairs, suffix = stem.split("_")
            found.setdefault((suffix, kind), []).append(_Metadata(name, frozenset(pairs)))
    return found
