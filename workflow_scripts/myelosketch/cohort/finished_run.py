"""A finished run as recorded in its results: the configuration, the scans and the folds that a study reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myelosketch.cohort.plan import Cohort
from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table

# files that describe a run, in results/cohort
FILES = ("config.json", "cohort.tsv", "folds.tsv")
FINISH = "finish the run first (snakemake --cores all)"


@dataclass(frozen=True)
class FinishedRun:
    """A run whose results are read and never remade.

    Parameters
    ----------
    results : str, folder of the results
    config : dict, the configuration of the run
    cohort : Cohort
    """

    results: str
    config: dict[str, Any]
    cohort: Cohort

    def derivative(self, key: str, scan: str) -> str:
        """Path of a derivative of a scan (keys: `names.pattern`)."""
        return names.path(self.results, key, scan=scan)


def read_run(results: str, *, finish: str = FINISH) -> FinishedRun:
    """Read the description of a run.

    Parameters
    ----------
    results : str, its results folder
    finish : what to do if the run does not exist, end of a sentence

    Returns
    -------
    FinishedRun

    Raises
    ------
    InputError : a file of the run does not exist
    """
    config, cohort, folds = (f"{results}/cohort/{name}" for name in FILES)
    check_present([config, cohort, folds], finish=finish)
    included = read_table(cohort).astype(object)
    included = included.where(included.notna(), None)
    planned = Cohort(included, included, included.iloc[:0], read_table(folds))
    return FinishedRun(results, read_json(config), planned)


def check_present(paths: Iterable[str | Path], *, finish: str = FINISH) -> None:
    """Check that the files of a run that a study reads exist.

    Parameters
    ----------
    paths : list of paths
    finish : what to do if one is absent, end of a sentence

    Raises
    ------
    InputError : names the first absent file and counts the others
    """
    absent = [path for path in dict.fromkeys(map(str, paths)) if not Path(path).is_file()]
    if absent:
        more = len(absent) - 1
        others = f" and {more} more {'file' if more == 1 else 'files'}" if more else ""
        raise InputError(f"{absent[0]}{others} of the run that this study reads cannot be found: {finish}.")
