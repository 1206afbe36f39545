"""The user's own regions (evaluation.atlases): the label image and the names for each scan."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from myelosketch.cohort.table import FILE_COLUMNS
from myelosketch.errors import InputError
from myelosketch.io.user_files import file_problem

SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh")
# names of the run's own label maps
TAKEN = ("regions",)


class AtlasFiles(NamedTuple):
    """Label image of a scan, its space (T1w or MNI152), and the table of its names ("" for none)."""

    image: str
    space: str
    names: str


def plan_atlases(
    atlases: Mapping[str, Mapping[str, str]],
    rows: Mapping[str, Mapping[str, Any]],
    *,
    folder: str | Path | None,
) -> dict[str, dict[str, AtlasFiles]]:
    """Return the files of each atlas for each scan.

    Parameters
    ----------
    atlases : dict, ``evaluation.atlases``: name to ``image``, a file in MNI152 space or a column of the cohort's
        table with a file on the T1w grid of each scan, and ``labels``, a table of names; without it the TSV beside
        the image is used
    rows : dict, scan to its row of the cohort's table
    folder : folder that paths in a further column may be relative to; None for a simulated cohort, whose files do not
        exist yet

    Returns
    -------
    dict : atlas -> scan -> AtlasFiles; a scan with a blank entry in the column is left out

    Raises
    ------
    InputError : a name is taken, a file cannot be read, or a column does not exist
    """
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    planned = {}
    for name, atlas in atlases.items():
        key, image = f"evaluation.atlases.{name}", str(atlas["image"])
        if name in TAKEN:
            raise InputError(f"{key}: the run has its own label map with that name; choose another name.")
        labels = str(atlas.get("labels") or "")
        if labels:
            _check(f"{key}.labels", labels)
        if image in columns:
            files = _of_scans(key, image, rows, folder)
            planned[name] = {
                scan: AtlasFiles(path, "T1w", labels or _beside(path)) for scan, path in files.items()
            }
        elif image.lower().endswith(SUFFIXES):
            _check(f"{key}.image", image)
            common = AtlasFiles(image, "MNI152", labels or _beside(image))
            planned[name] = dict.fromkeys(rows, common)
        else:
            near = difflib.get_close_matches(image, columns, n=1)
            hint = f"did you mean {near[0]}?" if near else f"its columns are {', '.join(columns)}."
            raise InputError(
                f"{key}.image is {image!r}, neither a file in MNI152 space ({', '.join(SUFFIXES)}) nor a column of "
                f"the cohort's table: {hint}"
            )
    return planned


def mapped_atlases(
    atlases: Iterable[str], scans: Iterable[str], *, path: Callable[[str, str], str]
) -> dict[str, dict[str, AtlasFiles]]:
    """Return the atlases whose label maps on the PET grids are in a copy of results, which has no label images.

    Parameters
    ----------
    atlases : names
    scans : names
    path : function of atlas and scan that returns the path of the label map

    Returns
    -------
    dict : atlas -> scan -> AtlasFiles without files; a scan without a label map is left out

    Raises
    ------
    InputError : an atlas has no label map at all
    """
    names = list(scans)
    planned = {}
    for atlas in atlases:
        here = [scan for scan in names if Path(path(atlas, scan)).is_file()]
        if not here:
            raise InputError(
                f"evaluation.atlases.{atlas}: this copy of results has none of its label maps, such as "
                f"{path(atlas, names[0])}: copy the whole results folder of the finished run."
            )
        planned[atlas] = dict.fromkeys(here, AtlasFiles("", "", ""))
    return planned


def user_files(planned: Mapping[str, Mapping[str, AtlasFiles]]) -> list[str]:
    """Return every file of the atlases once, list of paths."""
    found = [
        path for scans in planned.values() for files in scans.values() for path in (files.image, files.names)
    ]
    return [path for path in dict.fromkeys(found) if path]


def _of_scans(
    key: str, column: str, rows: Mapping[str, Mapping[str, Any]], folder: str | Path | None
) -> dict[str, str]:
    """Return the path of each scan in a column of the cohort's table, if it has one."""
    files = {scan: str(row[column]) for scan, row in rows.items() if row.get(column)}
    if not files:
        raise InputError(
            f"{key}.image is the column {column} of the cohort's table, which is blank for every scan."
        )
    if folder is None:
        return files
    if column not in FILE_COLUMNS:  # these are already relative to the working directory
        files = {scan: str(Path(folder) / path) for scan, path in files.items()}
    for scan, path in files.items():
        _check(f"Column {column} of {scan} ({key})", path)
    return files


def _check(what: str, path: str) -> None:
    problem = file_problem(path)
    if problem:
        raise InputError(f"{what}: {path} cannot be used ({problem}); correct the path.")


def _beside(image: str) -> str:
    """Return the path of the TSV beside an image, "" if there is none."""
    suffix = next((end for end in SUFFIXES if image.lower().endswith(end)), "")
    path = f"{image[: len(image) - len(suffix)]}.tsv"
    return "" if file_problem(path) else path
