"""The cohort as planned: which scans are in, which are left out, and which fold holds each of them out."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.cohort.bids import UnsettledError, read_bids
from myelosketch.cohort.columns import column_hints
from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.folds import EXTERNAL_FOLD, assign_folds, read_folds, split_external, with_external
from myelosketch.cohort.found import write_found
from myelosketch.cohort.table import (
    already_aligned,
    cohort_from_rows,
    has_pet,
    needs_flair,
    read_cohort,
)
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
        """Return the names of the scans, list of str."""
        return self.included["scan"].tolist()

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the row of the cohort table of each scan, dict of dict."""
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
        """Return all folds, sorted; EXTERNAL_FOLD is one of them if there is an external site."""
        return sorted(set(self.fold.values()))

    @cached_property
    def cross_validation(self) -> list[int]:
        """Folds of the cross-validation, sorted."""
        return [fold for fold in self.fold_ids if fold != EXTERNAL_FOLD]

    @cached_property
    def internal(self) -> list[str]:
        """Return the scans of the cross-validation. No table or figure mixes them with those of external sites."""
        return [scan for scan in self.scans if self.fold[scan] != EXTERNAL_FOLD]

    @cached_property
    def external(self) -> list[str]:
        """Scans of external sites."""
        return [scan for scan in self.scans if self.fold[scan] == EXTERNAL_FOLD]

    @cached_property
    def measured_external(self) -> list[str]:
        """Return the scans of external sites, and new scans, that have a PET for scoring."""
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
        """Return the scans whose lesions are drawn on their FLAIR or must be segmented on it."""
        return {scan for scan, row in self.rows.items() if needs_flair(row)}

    @cached_property
    def followed_up(self) -> dict[str, list[str]]:
        """Scans of each participant with two sessions or more, in the order of the cohort's table, by participant."""
        sessions: dict[str, list[str]] = {}
        for scan in self.scans:
            sessions.setdefault(names.subject_of(scan), []).append(scan)
        return {subject: scans for subject, scans in sessions.items() if len(scans) > 1}

    def followed_among(self, scans: Iterable[str]) -> list[str]:
        """Return the participants with two or more sessions among the given scans."""
        among = set(scans)
        return [subject for subject, sessions in self.followed_up.items() if sessions[0] in among]

    def held_out(self, fold: int | str) -> list[str]:
        """Return the scans that a fold holds out: patients, then controls, by name."""
        return self._by_name(scan for scan in self.scans if self.fold[scan] == int(fold))

    def train_scans(self, fold: int | str) -> list[str]:
        """Return the training scans of a fold: patients, then controls, by name."""
        return self._by_name(scan for scan in self.internal if self.fold[scan] != int(fold))

    def _by_name(self, scans: Iterable[str]) -> list[str]:
        # the order of the table's rows must not change what a model learns
        return sorted(scans, key=lambda scan: (self.group[scan] != "MS", scan))

    def train_controls(self, fold: int | str) -> list[str]:
        """Return the training scans of a fold that are controls."""
        return [scan for scan in self.train_scans(fold) if self.group[scan] == "HC"]

    def train_sites(self, fold: int | str, harmonise: str) -> dict[str, str]:
        """Return the site of each training scan of a fold if maps are harmonised by site, dict."""
        return {scan: self.site[scan] for scan in self.train_scans(fold) if harmonise == "controls"}


def find_scans(
    settings: Mapping[str, Any],
    *,
    simulated: Sequence[Mapping[str, Any]],
    warn: Callable[[str], object],
    predicts: bool = False,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return every scan of the configured source, complete or not.

    Parameters
    ----------
    settings : dict, section ``cohort`` of the configuration
    simulated : rows of the simulated cohort, read if ``source`` is ``simulate``
    warn : function of one sentence
    predicts : bool, for new scans of a trained model

    Returns
    -------
    table : pandas.DataFrame, ``scan`` first, then the columns of the cohort table
    closed : scans with a folder that cannot be read, and why
    """
    if settings["source"] == "simulate":
        return cohort_from_rows(simulated), {}
    if settings["source"] == "table":
        return read_cohort(settings["table"], predicts=predicts), {}
    found = read_bids(settings["bids"], settings["exclude"], predicts=predicts)
    for hint in found.hints:
        warn(hint)
    return found.table, found.closed


def plan_cohort(
    config: Mapping[str, Any],
    *,
    simulated: Sequence[Mapping[str, Any]],
    external_sites: Iterable[str],
    warn: Callable[[str], object],
    found_path: str | Path | None = None,
) -> Cohort:
    """Return the cohort of a run, from the configuration and the cohort's table only.

    If the scans found do not give a cohort (a choice is open, no scan is complete, too few for the folds), their
    table is written before the error is raised. ``cohort_table`` could not write it, because Snakemake does not pass
    targets to a workflow.

    Parameters
    ----------
    config : dict, checked
    simulated : rows of the simulated cohort, read if ``cohort.source`` is ``simulate``
    external_sites : sites that no model is trained on, in addition to those of the configuration
    warn : function of one sentence; called for each hint about the dataset and each scan that is left out
    found_path : path of the table of all scans found; None to write none

    Returns
    -------
    Cohort; with ``prediction.model`` all scans are new, in EXTERNAL_FOLD

    Raises
    ------
    InputError : the table, a name in the configuration or the folds are not valid
    """
    settings = config["cohort"]
    predicts = bool(config["prediction"]["model"])
    found = None
    try:
        found, closed = find_scans(settings, simulated=simulated, warn=warn, predicts=predicts)
        return _plan(config, found, closed, external_sites=external_sites, warn=warn)
    except InputError as error:
        table = error.table if isinstance(error, UnsettledError) else found
        if table is None or found_path is None or settings["source"] == "simulate":
            raise
        raise InputError(f"{error}{_keep(table, found_path)}") from None


def _keep(table: pd.DataFrame, path: str | Path) -> str:
    """Write the table of a cohort that cannot be planned, and return the sentence that names it."""
    try:
        write_found(table.to_dict("records"), path)
        os.utime(
            path, (1, 1)
        )  # older than any file, so that cohort_table writes it again; 0 means no time to Snakemake
    except OSError:  # the error itself matters more
        return ""
    return f"\nAll scans found are listed in {path}, complete or not."


def _plan(
    config: Mapping[str, Any],
    found: pd.DataFrame,
    closed: Mapping[str, str],
    *,
    external_sites: Iterable[str],
    warn: Callable[[str], object],
) -> Cohort:
    settings = config["cohort"]
    predicts = bool(config["prediction"]["model"])
    included, excluded = split_complete(
        found,
        exclude=settings["exclude"],
        check_files=settings["source"] != "simulate",
        reference=config["maps"]["reference"],
        without_mask=config["lesions"]["without_mask"],
        predicts=predicts,
        closed=closed,
    )
    check_accept(settings["accept"], found["scan"])
    check_accept(config["registration"]["accept"], found["scan"], key="registration.accept", also=())
    check_accept(config["registration"]["given"], found["scan"], key="registration.given")
    for row in excluded.to_dict("records"):  # before the folds, because it explains why there may be too few
        warn(f"Left out: {row['scan']} ({row['reason']})")
    _say_what_is_given(included, config["registration"], warn)
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


def _say_what_is_given(
    included: pd.DataFrame, registration: Mapping[str, Any], warn: Callable[[str], object]
) -> None:
    """Warn that a given alignment of the diffusion maps is used unchanged although registration.dwi is deformable."""
    rows = included.to_dict("records") if registration["dwi"] == "deformable" else []
    given = registration["given"]
    scans = [row["scan"] for row in rows if row["xfm_dwi"] or "dwi" in already_aligned(row, given)]
    if scans:
        warn(
            "registration.dwi is deformable, but the alignment of the diffusion maps is given for "
            f"{', '.join(scans)}: it is used as it is, without a displacement."
        )


def plan_new_scans(
    found: pd.DataFrame, included: pd.DataFrame, excluded: pd.DataFrame, without_mask: str
) -> Cohort:
    """Return the cohort of a run that predicts new scans with a trained model: the scans are in no fold.

    Parameters
    ----------
    found, included, excluded : as in `Cohort`
    without_mask : ``flair`` or ``leave_out``: whether lesions are segmented on the FLAIR

    Returns
    -------
    Cohort

    Raises
    ------
    InputError : no scan is left
    """
    if included.empty:
        reasons = "; ".join(f"{row.scan}: {row.reason}" for row in excluded.itertuples())
        raise InputError(
            f"No scan can be predicted ({reasons}): give the maps or raw images of at least one scan."
        )
    unused = [
        without_mask != "flair" and needs_flair(row) and not row["lesion_mask"]
        for row in included.to_dict("records")
    ]
    included = included.assign(FLAIR=included["FLAIR"].mask(unused, None))
    nobody = pd.DataFrame(columns=["subject", "group", "fold"])
    return Cohort(found, included, excluded, with_external(nobody, included))
