"""A finished run as its results tell it: the configuration, the scans and the folds that a study reads."""

from dataclasses import dataclass
from pathlib import Path

from myelosketch import names
from myelosketch.cohort.folds import EXTERNAL_FOLD
from myelosketch.errors import InputError
from myelosketch.provenance import read_json
from myelosketch.tables import read_table

# what tells of a run, in results/cohort
FILES = ("config.json", "cohort.tsv", "folds.tsv")
FINISH = "finish the run first (snakemake --cores all)"


@dataclass(frozen=True)
class FinishedRun:
    """A run whose results are read and never made anew.

    ``results`` folder of the results; ``config`` the configuration that the run had; ``rows`` scan to its row of
    cohort.tsv (None where nothing is given), in the order of the table; ``fold`` scan to its fold.
    """

    results: str
    config: dict
    rows: dict
    fold: dict

    @property
    def internal(self):
        """Scans of the cross-validation, without those of external sites: list of str."""
        return [scan for scan in self.rows if self.fold[scan] != EXTERNAL_FOLD]

    @property
    def patients(self):
        """Scans of the cross-validation's patients: list of str."""
        return [scan for scan in self.internal if self.rows[scan]["group"] == "MS"]

    @property
    def cross_validation(self):
        """Folds of the cross-validation: list of int, sorted."""
        return sorted({self.fold[scan] for scan in self.internal})

    def held_out(self, fold):
        """Scans that a fold holds out: list of str."""
        return [scan for scan in self.rows if self.fold[scan] == int(fold)]

    def train_scans(self, fold):
        """Scans that the models of a fold learn from: list of str."""
        return [scan for scan in self.internal if self.fold[scan] != int(fold)]

    def derivative(self, key, scan):
        """Path of a derivative of a scan (keys: `names.pattern`)."""
        return names.path(self.results, key, scan=scan)


def read_run(results, *, finish=FINISH):
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
    table = read_table(cohort).astype(object)
    rows = {row["scan"]: row for row in table.where(table.notna(), None).to_dict("records")}
    dealt = read_table(folds, numeric=["fold"])
    fold_of = dict(zip(dealt.subject, dealt.fold.astype(int).tolist(), strict=True))
    fold = {scan: fold_of[names.subject_of(scan)] for scan in rows}
    return FinishedRun(results, read_json(config), rows, fold)


def check_present(paths, *, finish=FINISH):
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
