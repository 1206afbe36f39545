"""The files of a run that a job declares as its inputs, found by their names below the results folder."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from myelosketch.errors import InputError
from myelosketch.io import names

# a run's models in one file
BUNDLE = "model.zip"
# folders that every run writes to
EVERY_RUN = ("logs", "benchmarks")
# limit on the name of a file or folder, bytes
LONGEST_NAME = 255
# files of older versions, which had no jobs per scan
OF_OLDER_VERSIONS = ("cohort/refused.tsv", "registration/refused.tsv")


def check_results_folder(folder: str | Path) -> None:
    """Raise an error for a results folder that cannot be written, or that has results of an older version.

    Parameters
    ----------
    folder : path, which need not exist

    Raises
    ------
    InputError : what is wrong with it, and what to do
    """
    longest = max(map(len, map(os.fsencode, Path(folder).parts)), default=0)
    if longest > LONGEST_NAME:
        raise InputError(
            f"pathvars.results is {folder}, in which one name has {longest} bytes; the limit is "
            f"{LONGEST_NAME}: choose a shorter one."
        )
    place = existing_folder(folder)
    written = [path for path in (place, *(Path(folder, name) for name in EVERY_RUN)) if os.path.isdir(path)]
    closed = [path for path in written if not os.access(path, os.W_OK | os.X_OK)]
    if closed or not place.is_dir():
        raise InputError(
            f"pathvars.results is {folder}, which cannot be written ({(closed or [place])[0]}): name a folder of "
            "yours there."
        )
    for name in OF_OLDER_VERSIONS:
        if os.path.exists(Path(folder, name)):
            raise InputError(
                f"The results folder {folder} is from an older version of the workflow (it contains "
                f"{name}), whose files this version would not replace: move the folder away, or set "
                "pathvars.results to another one."
            )


def existing_folder(folder: str | Path) -> Path:
    """Return the folder itself, or the nearest existing folder above it."""
    place = Path(folder).absolute()
    while not os.path.exists(place):
        place = place.parent
    return place


def bundle_path(path: str | Path) -> str:
    """Return the path of a trained model's file.

    Parameters
    ----------
    path : path of the file, or of the results folder of the run that made it

    Returns
    -------
    str

    Raises
    ------
    InputError : there is none
    """
    found = Path(path) / BUNDLE if Path(path).is_dir() else Path(path)
    if not found.is_file():
        raise InputError(
            f"prediction.model is {path}, but {found} does not exist: correct the path, or run snakemake bundle "
            "where the model was trained."
        )
    return str(found)


class RunFolder:
    """The results folder of a run, or a copy of it.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def path(self, name: str) -> Path:
        """Return the path of a file, which may be absent; ``name`` is e.g. ``evaluation/summary.tsv``."""
        return self._folder / name

    def matching(self, pattern: str) -> list[Path]:
        """Return the paths that match a pattern such as ``training/fold-*/threshold.json``, sorted."""
        return sorted(self._folder.glob(pattern))

    def derivative(self, key: str, *, scan: str, **entities: str) -> Path:
        """Path of a derivative of a scan; see :func:`myelosketch.io.names.path`."""
        return self.path(names.path("", key, scan=scan, **entities).lstrip("/"))


class RunFiles(RunFolder):
    """Only declared files: a file that a job does not declare counts as absent, even if the results folder has it.

    Parameters
    ----------
    paths : iterable of path, below any folder (storage plugins copy files elsewhere)
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._declared: dict[str, list[Path]] = defaultdict(list)
        for path in map(Path, paths):
            self._declared[path.name].append(path)

    def path(self, name: str) -> Path:
        """Return the path of a declared file; if no such file is declared, a path that does not exist."""
        for path in self._declared[Path(name).name]:
            if path.as_posix().endswith(f"/{name}"):
                return path
        return Path("undeclared", name)

    def matching(self, pattern: str) -> list[Path]:
        """Return the declared paths whose end matches a pattern, sorted."""
        paths = (path for paths in self._declared.values() for path in paths)
        return sorted(path for path in paths if path.match(pattern))
