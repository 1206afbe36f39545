"""A finished run as its results tell it: the configuration, the scans and the folds that a study reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myelosketch.cohort.plan import Cohort
from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table

# what tells of a run, in results/cohort
FILES = ("config.json", "cohort.tsv", "folds.tsv")
FINISH = "finish the run first (snakemake --cores all)"


@dataclass(frozen=True)
class FinishedRun:
    """A run whose results are read, and never made again.

    Parameters
    ----------
    results : str, folder of the results
    config : dict, the configuration that the run had
    cohort : Cohort
    """

    results: str
    config: dict[str, Any]
    cohort: Cohort

    def derivative(self, key: str, scan: str) -> str:
        """Path of a derivative of a scan (keys: `names.pattern`)."""
        return names.path(self.results, key, scan=scan)


def read_run(results: str, *, finish: str = FINISH) -> FinishedRun:
    """Read what a run says of itself.

    Parameters
    ----------
    results : str, its results folder
    finish : what to do if the run is not there, end of a sentence

    Returns
    -------
    FinishedRun

    Raises
    ------
    InputError : a file of the run is absent
    """
    config, cohort, folds = (f"{results}/cohort/{name}" for name in FILES)
    check_present([config, cohort, folds], finish=finish)
    included = read_table(cohort).astype(object)
    included = included.where(included.notna(), None)
    planned = Cohort(included, included, included.iloc[:0], read_table(folds))
    return FinishedRun(results, read_json(config), planned)


def check_present(paths: Iterable[str | Path], *, finish: str = FINISH) -> None:
    """Check that a study finds the files of the run that it reads.

    Parameters
    ----------
    paths : list of paths
    finish : what to do if one is absent, end of a sentence

    Raises
    ------
    InputError : naming the first absent file and how many more there are
    """
    absent = [path for path in dict.fromkeys(map(str, paths)) if not Path(path).is_file()]
    if absent:
        more = len(absent) - 1
        others = f" and {more} more {'file' if more == 1 else 'files'}" if more else ""
        raise InputError(f"{absent[0]}{others} of the run that this study reads cannot be found: {finish}.")
