"""The files of a run that a job declares as its inputs, found by their names below the results folder."""

import os
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.io.provenance import read_json

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


def check_origin(folder: str | Path, *, library: str, config_sha256: str) -> str | None:
    """Compare what made the results in a folder with what is about to continue them.

    Snakemake makes again what other settings or another library made, from its records in ``.snakemake``. Without
    these records it compares dates alone, and would mix the old results with new ones.

    Parameters
    ----------
    folder : path of the results
    library : hash of the whole library that starts
    config_sha256 : hash of the settings in force

    Returns
    -------
    str : sentence for the user where another version of the workflow finished the results, else None

    Raises
    ------
    InputError : Snakemake has no records of the results, and they are of another origin or not complete
    """
    first, last = f"{folder}/cohort/config.json", Path(folder, "provenance.json")
    if not os.path.isfile(first):
        return None
    made = read_json(last) if last.is_file() else {}
    is_other = made.get("library") != library
    if has_records(first):
        if not (made and is_other):
            return None
        return (
            f"Another version of the workflow finished the results in {folder} ({made_with(made)}). What this one "
            "computes in another way is made again, with all that depends on it, and the rest is kept: "
            "snakemake --dry-run lists the steps."
        )
    if made and not is_other and made.get("config_sha256") == config_sha256:
        return None
    if not made:
        reason = "their run did not finish"
    else:
        other = f"another version of the workflow made them ({made_with(made)})"
        reason = other if is_other else "other settings made them"
    raise InputError(
        f"Snakemake has no records of the results in {folder}, and {reason}, so it cannot tell which of them must be "
        "made again: copy the folder .snakemake of that run too, move the results away, or name another folder as "
        "pathvars.results."
    )


def has_records(path: str) -> bool:
    """Return whether Snakemake has a record, below the folder where it is started, of how a file was made."""
    record = urlsafe_b64encode(path.encode()).decode()
    # it divides a longer name, and can keep its records in a database
    return len(record) > LONGEST_NAME or any(
        place.exists() for place in (Path(".snakemake/metadata", record), Path(".snakemake/metadata.db"))
    )


def made_with(made: Mapping[str, Any]) -> str:
    """Return the version and commit that a run recorded, as text."""
    version = f"myelosketch {made['software']['myelosketch']}"
    return f"{version}, commit {made['commit']}" if made.get("commit") else version


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
