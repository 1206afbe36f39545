"""The cohort as the workflow plans it: who is in, who is left out, and which fold holds whom out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.columns import column_hints
from myelosketch.cohort.folds import EXTERNAL_FOLD, assign_folds, read_folds, split_external, with_external
from myelosketch.cohort.table import cohort_from_rows, has_pet, needs_flair, read_cohort, split_complete
from myelosketch.errors import InputError
from myelosketch.intake.checks import check_accept
from myelosketch.io import names


@dataclass(frozen=True)
class Cohort:
    """Scans of a run and the folds of their participants.

    Parameters
    ----------
    found : DataFrame, every scan of the source, complete or not
    included : DataFrame, the scans of this run, columns as ``found``
    excluded : DataFrame of ``scan``, ``group``, ``reason``
    folds : DataFrame of ``subject``, ``group``, ``fold`` (0: an external site)
    """

    found: pd.DataFrame
    included: pd.DataFrame
    excluded: pd.DataFrame
    folds: pd.DataFrame

    @cached_property
    def scans(self) -> list[str]:
        """Names of the scans, list of str."""
        return self.included["scan"].tolist()

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Row of the cohort table of each scan, dict of dict."""
        return {row["scan"]: row for row in self.included.to_dict("records")}

    @cached_property
    def group(self) -> dict[str, str]:
        """MS or HC of each scan, dict."""
        return {scan: row["group"] for scan, row in self.rows.items()}

    @cached_property
    def site(self) -> dict[str, str]:
        """Site of each scan, dict; "" where the cohort's table has none."""
        return {scan: row["site"] or "" for scan, row in self.rows.items()}

    @cached_property
    def fold(self) -> dict[str, int]:
        """Fold that holds each scan out, dict."""
        of_subject = dict(zip(self.folds["subject"], self.folds["fold"].astype(int), strict=True))
        return {scan: of_subject[names.subject_of(scan)] for scan in self.scans}

    @cached_property
    def fold_ids(self) -> list[int]:
        """All folds, sorted; EXTERNAL_FOLD among them where there is an external site."""
        return sorted(set(self.fold.values()))

    @cached_property
    def cross_validation(self) -> list[int]:
        """Folds of the cross-validation, sorted."""
        return [fold for fold in self.fold_ids if fold != EXTERNAL_FOLD]

    @cached_property
    def internal(self) -> list[str]:
        """Scans of the cross-validation; never in one table or figure with those of external sites."""
        return [scan for scan in self.scans if self.fold[scan] != EXTERNAL_FOLD]

    @cached_property
    def external(self) -> list[str]:
        """Scans of external sites."""
        return [scan for scan in self.scans if self.fold[scan] == EXTERNAL_FOLD]

    @cached_property
    def measured_external(self) -> list[str]:
        """Scans of external sites, or new ones, that have a PET to be scored against."""
        return [scan for scan in self.external if scan not in set(self.without_pet)]

    @cached_property
    def patients(self) -> list[str]:
        """Scans of patients, without those of external sites."""
        return [scan for scan in self.internal if self.group[scan] == "MS"]

    @cached_property
    def participants(self) -> dict[str, str]:
        """Group of each participant of the cross-validation, dict."""
        return {names.subject_of(scan): self.group[scan] for scan in self.internal}

    @cached_property
    def without_pet(self) -> list[str]:
        """Scans without PET: new patients of a trained model."""
        return [scan for scan, row in self.rows.items() if not has_pet(row)]

    @cached_property
    def on_flair(self) -> set[str]:
        """Scans whose lesions are drawn, or have to be found, on their FLAIR."""
        return {scan for scan, row in self.rows.items() if needs_flair(row)}

    @cached_property
    def followed_up(self) -> dict[str, list[str]]:
        """Scans of each participant with two sessions or more, in the order of the cohort's table, by participant."""
        sessions: dict[str, list[str]] = {}
        for scan in self.scans:
            sessions.setdefault(names.subject_of(scan), []).append(scan)
        return {subject: scans for subject, scans in sessions.items() if len(scans) > 1}

    def followed_among(self, scans: Iterable[str]) -> list[str]:
        """Participants with two sessions or more whose scans are among some."""
        among = set(scans)
        return [subject for subject, sessions in self.followed_up.items() if sessions[0] in among]

    def held_out(self, fold: int | str) -> list[str]:
        """Scans that a fold holds out."""
        return [scan for scan in self.scans if self.fold[scan] == int(fold)]

    def train_scans(self, fold: int | str) -> list[str]:
        """Scans that the models of a fold learn from."""
        return [scan for scan in self.internal if self.fold[scan] != int(fold)]

    def train_controls(self, fold: int | str) -> list[str]:
        """Training scans of a fold that are controls."""
        return [scan for scan in self.train_scans(fold) if self.group[scan] == "HC"]

    def train_sites(self, fold: int | str, harmonise: str) -> dict[str, str]:
        """Site of each training scan of a fold where its maps are harmonised by site (training.harmonise), dict."""
        return {scan: self.site[scan] for scan in self.train_scans(fold) if harmonise == "controls"}


def find_scans(
    settings: Mapping[str, Any],
    *,
    simulated: Sequence[Mapping[str, Any]],
    warn: Callable[[str], object],
    predicts: bool = False,
) -> pd.DataFrame:
    """Every scan of the configured source, complete or not.

    Parameters
    ----------
    settings : dict, section ``cohort`` of the configuration
    simulated : rows of the simulated cohort, read if ``source`` is ``simulate``
    warn : function of one sentence
    predicts : bool, for new scans of a trained model

    Returns
    -------
    pandas.DataFrame : ``scan`` first, then the columns of the cohort table
    """
    if settings["source"] == "simulate":
        return cohort_from_rows(simulated)
    if settings["source"] == "table":
        return read_cohort(settings["table"], predicts=predicts)
    table, hints = read_bids(settings["bids"], settings["exclude"], predicts=predicts)
    for hint in hints:
        warn(hint)
    return table


def plan_cohort(
    config: Mapping[str, Any],
    *,
    simulated: Sequence[Mapping[str, Any]],
    external_sites: Iterable[str],
    warn: Callable[[str], object],
) -> Cohort:
    """The cohort of a run, from the configuration and the cohort's table alone.

    Parameters
    ----------
    config : dict, checked
    simulated : rows of the simulated cohort, read if ``cohort.source`` is ``simulate``
    external_sites : sites that no model learns from, beside those of the configuration
    warn : function of one sentence; called for each hint of the dataset and each scan that is left out

    Returns
    -------
    Cohort; with ``prediction.model`` all its scans are new ones, of EXTERNAL_FOLD

    Raises
    ------
    InputError : the table, a name in the configuration or the folds are wrong
    """
    settings = config["cohort"]
    predicts = bool(config["prediction"]["model"])
    found = find_scans(settings, simulated=simulated, warn=warn, predicts=predicts)
    included, excluded = split_complete(
        found,
        exclude=settings["exclude"],
        check_files=settings["source"] != "simulate",
        reference=config["maps"]["reference"],
        without_mask=config["lesions"]["without_mask"],
        predicts=predicts,
    )
    check_accept(settings["accept"], found["scan"])
    check_accept(config["registration"]["accept"], found["scan"], key="registration.accept", also=())
    for row in excluded.to_dict("records"):  # before the folds: it says why there may be too few
        warn(f"Left out: {row['scan']} ({row['reason']})")
    for hint in column_hints(included):
        warn(hint)
    if predicts:
        return plan_new_scans(found, included, excluded, config["lesions"]["without_mask"])
    internal, external = split_external(included, [*settings["external_sites"], *external_sites])
    if config["folds"]["file"]:
        folds = read_folds(config["folds"]["file"], internal)
    else:
        folds = assign_folds(internal, config["folds"]["n"], config["seed"])
    return Cohort(found, included, excluded, with_external(folds, external))


def plan_new_scans(
    found: pd.DataFrame, included: pd.DataFrame, excluded: pd.DataFrame, without_mask: str
) -> Cohort:
    """The cohort of a run that predicts new scans by a trained model: no fold holds any of them.

    Parameters
    ----------
    found, included, excluded : as of `Cohort`
    without_mask : ``flair`` or ``leave_out``: whether a FLAIR serves to find lesions

    Returns
    -------
    Cohort

    Raises
    ------
    InputError : no scan is left
    """
    if included.empty:
        reasons = "; ".join(f"{row.scan}: {row.reason}" for row in excluded.itertuples())
        raise InputError(f"No scan can be predicted ({reasons}): give the maps, or the raw images, of one.")
    unused = [
        without_mask != "flair" and needs_flair(row) and not row["lesion_mask"]
        for row in included.to_dict("records")
    ]
    included = included.assign(FLAIR=included["FLAIR"].mask(unused, None))
    nobody = pd.DataFrame(columns=["subject", "group", "fold"])
    return Cohort(found, included, excluded, with_external(nobody, included))
