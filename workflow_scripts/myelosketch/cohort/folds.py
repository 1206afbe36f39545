"""Cross-validation folds: by participant, stratified by group, written to a file, replaceable."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io.names import GROUPS
from myelosketch.io.tables import read_table

EXTERNAL_FOLD = 0  # its models are trained on every internal scan; cross-validation folds are numbered from 1


def assign_folds(cohort: pd.DataFrame, n_folds: int, seed: int) -> pd.DataFrame:
    """Assign the participants of each group to folds, at random but repeatably (docs/method.md, decision 11).

    With 18 patients, 10 controls and 3 folds this gives 6/6/6 patients and 3/3/4 controls.

    Parameters
    ----------
    cohort : DataFrame with ``subject`` and ``group``, one row per scan
    n_folds : int
    seed : int

    Returns
    -------
    pandas.DataFrame : ``subject``, ``group``, ``fold`` (1-based), one row per participant, in cohort order

    Raises
    ------
    InputError : a group has fewer participants than there are folds
    """
    people = cohort[["subject", "group"]].drop_duplicates(ignore_index=True)
    check_group_sizes(people, n_folds)
    generator = np.random.default_rng(seed)
    fold = pd.Series(0, index=people.index)
    by_name = people.sort_values("subject")  # the order of the table's rows changes nothing
    for group in GROUPS:
        members = generator.permutation(by_name.index[by_name.group == group])
        # assigned from the last fold on, so that a remainder goes there: 3/3/4
        fold[members] = n_folds - np.arange(len(members)) % n_folds
    return people.assign(fold=fold)


def read_folds(path: str | Path, cohort: pd.DataFrame) -> pd.DataFrame:
    """Read a user's folds and check them against the cohort.

    Parameters
    ----------
    path : table with ``subject`` and ``fold`` (whole numbers from 1)
    cohort : DataFrame with ``subject`` and ``group``

    Returns
    -------
    pandas.DataFrame as from ``assign_folds``

    Raises
    ------
    InputError : a participant is missing or appears twice (leakage), or a fold has only one group
    """
    given = read_table(path)
    if not {"subject", "fold"} <= set(given.columns):
        raise InputError(
            f"The folds file {path} needs the columns subject and fold; found {', '.join(given.columns)}."
        )
    given["subject"] = given.subject.str.removeprefix("sub-")
    twice = sorted(given.subject[given.subject.duplicated()].unique())
    if twice:
        raise InputError(
            f"The folds file {path} names {', '.join(twice)} twice: each participant must be in one fold "
            "only, or the test data would be used for training."
        )
    people = cohort[["subject", "group"]].drop_duplicates(ignore_index=True)
    absent = sorted(set(people.subject) - set(given.subject))
    if absent:
        raise InputError(f"The folds file {path} lacks {', '.join(absent)}: give every participant a fold.")
    people = people.merge(given[["subject", "fold"]], on="subject", how="left")
    bad = [entry for entry in people.fold if not str(entry).isdigit() or int(entry) < 1]
    if bad:
        raise InputError(f"The folds file {path} has fold {bad[0]!r}; expected whole numbers from 1.")
    people["fold"] = people.fold.astype(int)
    present = sorted({int(entry) for entry in people.fold})
    if present != list(range(1, len(present) + 1)) or len(present) < 2:
        raise InputError(
            f"The folds file {path} has folds {present}; expected at least 1 and 2, without gaps."
        )
    for number, members in people.groupby("fold"):
        lacking = sorted(set(people.group) - set(members.group))
        if lacking:
            raise InputError(
                f"Fold {number} of {path} has no {lacking[0]} participant: put participants of both "
                "groups in every fold."
            )
    return people


def split_external(cohort: pd.DataFrame, sites: Collection[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separate the scans for training from those of external sites, which only test generalisation (our choice).

    Parameters
    ----------
    cohort : DataFrame with ``subject`` and ``site``
    sites : names of the sites that no model is trained on

    Returns
    -------
    internal, external : pandas.DataFrame, rows of the cohort

    Raises
    ------
    InputError : no scan has a site, or a participant was scanned both inside and outside (leakage)
    """
    found = sorted(set(cohort.site.dropna()))
    unknown = sorted(set(sites) - set(found))
    if unknown:
        raise InputError(
            f"cohort.external_sites names {', '.join(unknown)}; sites of the cohort: {', '.join(found) or 'none'}."
        )
    outside = cohort.site.isin(list(sites))
    both = sorted(set(cohort.subject[outside]) & set(cohort.subject[~outside]))
    if both:
        raise InputError(
            f"{', '.join(both)} was scanned at an external site and at another one: a model would be "
            "tested on a participant of its training; leave those scans out with cohort.exclude."
        )
    return cohort[~outside], cohort[outside]


def with_external(folds: pd.DataFrame, external: pd.DataFrame) -> pd.DataFrame:
    """Return the folds with external participants as EXTERNAL_FOLD, tested by models of all internal ones."""
    people = external[["subject", "group"]].drop_duplicates(ignore_index=True)
    return pd.concat([folds, people.assign(fold=EXTERNAL_FOLD)], ignore_index=True)


def check_group_sizes(people: pd.DataFrame, n_folds: int) -> None:
    """Raise an error unless each group can fill every fold.

    Raises
    ------
    InputError : names the group, its size and the setting
    """
    for group in GROUPS:
        size = int((people.group == group).sum())
        if size < n_folds:
            raise InputError(
                f"Only {size} complete {group} participants for {n_folds} folds: lower folds.n, or add participants "
                "(cohort/excluded.tsv in the results folder lists who was left out)."
            )
