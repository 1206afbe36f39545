"""Files of a BIDS folder, known by their names and places alone: one listing per folder, no file is opened.

Why not pybids: its layout opens sidecars and fills a database, which took 10 minutes for 963 participants
(bids-standard/pybids issue 285); the workflow asks for its cohort each time it is read.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from myelosketch.cohort.bids_tools import bids_name
from myelosketch.cohort.table import ID_PATTERN
from myelosketch.io.names import scan_name

IMAGES = (".nii.gz", ".nii", ".mgz")
# FreeSurfer's folder of a session, beside those of the other sessions
JOINED = re.compile(r"sub-([A-Za-z0-9]+)_ses-([A-Za-z0-9]+)")
Scan = tuple[str, str | None]  # subject, session


class BidsFile(NamedTuple):
    """One file whose name is ``key-value_..._suffix.extension``."""

    path: str
    root: str
    subject: str  # of the folder it lies in
    session: str | None
    entities: dict[str, str]
    suffix: str
    extension: str
    is_link: bool


class Index(NamedTuple):
    """What lies in a dataset or in a folder of derivatives."""

    root: str
    scans: list[Scan]  # (subject, session) of its folders; session is None where there is none
    files: list[BidsFile]
    problems: list[str]  # sentences


def parse_name(name: str) -> tuple[dict[str, str], str, str] | None:
    """Parts of a BIDS file name.

    Parameters
    ----------
    name : str such as ``sub-01_run-2_T1w.nii.gz``

    Returns
    -------
    (entities, suffix, extension), e.g. ({"sub": "01", "run": "2"}, "T1w", ".nii.gz"); None for any other name
    """
    stem, dot, extension = name.partition(".")
    *pairs, suffix = stem.split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
    if not pairs or not suffix or len(entities) != len(pairs) or not all(entities.values()):
        return None
    return entities, suffix, dot + extension


def index_folder(root: str | Path) -> Index:
    """List ``sub-*/[ses-*/][datatype/]`` or ``sub-*_ses-*/[datatype/]`` of a dataset or of a folder of derivatives.

    Parameters
    ----------
    root : str, folder that holds the ``sub-*`` folders; other folders in it (derivatives, sourcedata) are not opened

    Returns
    -------
    Index ; its problems name folders that are no IDs and folders that are links to outside
    """
    index = Index(str(Path(root)), [], [], [])
    for entry in _entries(index.root):
        joined = JOINED.fullmatch(entry.name)
        if joined and entry.is_dir() and not (entry.is_symlink() and leaves(entry.path, index.root)):
            index.scans.append((joined[1], joined[2]))
            _note_files(index, _entries(entry.path), joined[1], joined[2])
            continue
        subject = _identifier(index, entry, "sub-")
        if subject is None:
            continue
        entries = _entries(entry.path)
        _note_files(index, entries, subject, None)
        sessions = [folder for folder in entries if folder.name.startswith("ses-") and folder.is_dir()]
        if not sessions:
            index.scans.append((subject, None))
        for folder in sessions:
            session = _identifier(index, folder, "ses-")
            if session is not None:
                index.scans.append((subject, session))
                _note_files(index, _entries(folder.path), subject, session)
    return index


def misplaced(file: BidsFile) -> str:
    """Sentence about a file whose name belongs to another scan than its folder, or an empty string."""
    named = file.entities.get("sub", ""), file.entities.get("ses")
    if named == (file.subject, file.session):
        return ""
    folder, scan = scan_name(file.subject, file.session), scan_name(*named)
    return f"{file.path} lies in the folder of {folder} but is named {scan}: move or rename it."


def leaves(path: str, root: str) -> str:
    """Sentence about a link that leads out of the dataset, or an empty string; git-annex links are no such.

    Parameters
    ----------
    path : str, file or folder that is a link
    root : str, dataset or folder of derivatives it was found in
    """
    target, top = os.path.realpath(path), os.path.realpath(root)
    allowed = [top, *_annex(top)]
    if any(os.path.commonpath([target, folder]) == folder for folder in allowed):
        return ""
    return (
        f"{path} is a link to {target}, outside {root}: copy it there, or name the folder it lies in "
        "under cohort.bids.derivatives."
    )


def _annex(top: str) -> list[str]:
    """Where git-annex keeps the content of the repository that a folder belongs to."""
    for folder in (Path(top), *Path(top).parents):
        if (folder / ".git").exists():
            return [os.path.realpath(folder / ".git/annex")]
    return []


def _entries(path: str) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _identifier(index: Index, entry: os.DirEntry[str], prefix: str) -> str | None:
    """Label of a ``sub-`` or ``ses-`` folder; None for anything else, and a problem noted if it cannot be used."""
    if not entry.name.startswith(prefix) or not entry.is_dir():
        return None
    label = entry.name.removeprefix(prefix)
    sentence = leaves(entry.path, index.root) if entry.is_symlink() else ""
    if not ID_PATTERN.fullmatch(label):
        sentence = (
            f"{entry.path}: {label!r} must be letters and digits only: rename the folder and its files."
        )
    if sentence:
        index.problems.append(sentence)
    return None if sentence else label


def _note_files(index: Index, entries: list[os.DirEntry[str]], subject: str, session: str | None) -> None:
    """Note the files of a scan's folder and of the datatype folders in it (anat, dwi, pet, ...)."""
    files = [entry for entry in entries if not entry.is_dir()]
    for folder in entries:
        if not folder.is_dir() or folder.name.startswith(("ses-", ".")):
            continue
        sentence = leaves(folder.path, index.root) if folder.is_symlink() else ""
        if sentence:
            index.problems.append(sentence)
        else:
            files += [entry for entry in _entries(folder.path) if not entry.is_dir()]
    for entry in files:
        name = bids_name(entry.name, scan_name(subject, session))
        parsed = parse_name(name) if name.startswith("sub-") else None
        if parsed:
            place = (str(Path(entry.path)), index.root, subject, session)
            index.files.append(BidsFile(*place, *parsed, entry.is_symlink()))
