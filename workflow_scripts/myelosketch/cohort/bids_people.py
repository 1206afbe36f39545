"""Group and site of each participant of a BIDS dataset, from participants.tsv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.cohort.table import ID_PATTERN
from myelosketch.errors import InputError
from myelosketch.io.names import GROUPS
from myelosketch.io.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10  # participants named in one sentence; the others are counted


def read_people(
    settings: Mapping[str, Any], subjects: Collection[str], *, predicts: bool = False
) -> tuple[dict[str, dict[str, str | None]], list[str]]:
    """Read who is a patient and who a control.

    Parameters
    ----------
    settings : dict, section ``cohort.bids`` of the configuration: ``dataset``, ``participants``, ``group_column``,
        ``groups``, ``site_column``
    subjects : participants who must be in the table, with a group or n/a
    predicts : bool, for new scans: whom the table does not know, or without a table everybody, has no group

    Returns
    -------
    people : dict, subject to {"group": MS, HC or None, "site": str or None}, in the order of the table
    problems : list of sentences: participants without a row, with two rows, with a group or site that is not usable

    Raises
    ------
    InputError : the table or one of its columns is absent, or a value stands for both groups
    """
    unnamed: dict[str, dict[str, str | None]] = {}
    if predicts:
        unnamed = {subject: {"group": None, "site": None} for subject in subjects}
    if predicts and not _tells_groups(settings):
        return unnamed, []
    path, table = _table(settings)
    group_of = _group_values(settings["groups"])
    ids = table["participant_id"].fillna("").str.removeprefix("sub-")
    groups = table[settings["group_column"]]
    sites = table[settings["site_column"]] if settings["site_column"] else [None] * len(table)
    people: dict[str, dict[str, str | None]] = {}
    unknown, strange_sites, twice = {}, {}, []
    for subject, group, site in zip(ids, groups, sites, strict=True):
        if not ID_PATTERN.fullmatch(subject):
            continue
        value = group.strip().casefold() if isinstance(group, str) else None
        site = site if isinstance(site, str) else None
        if subject in people:
            twice.append(subject)
        if subject in subjects and value is not None and value not in group_of:
            unknown[subject] = group
        if subject in subjects and site and not ID_PATTERN.fullmatch(site):
            strange_sites[subject] = site
        people[subject] = {"group": None if value is None else group_of.get(value), "site": site}
    people |= {subject: nobody for subject, nobody in unnamed.items() if subject not in people}
    absent = [subject for subject in subjects if subject not in people]
    values = Counter(group for group in groups if isinstance(group, str))
    found = ", ".join(f"{value!r} {count} times" for value, count in values.most_common())
    problems = [
        f"{_few(absent)}: no row in {path}: add it, with the group or n/a to leave them out."
        if absent
        else "",
        f"{_few(twice)}: two rows in {path}: keep one." if twice else "",
        f"{_few(unknown)}: group {_quoted(unknown)} is not in cohort.bids.groups (column "
        f"{settings['group_column']} of {path} has {found}): add the value there, or "
        "write n/a to leave them out."
        if unknown
        else "",
        f"{_few(strange_sites)}: site {_quoted(strange_sites)} must be letters and digits only (column "
        f"{settings['site_column']} of {path})."
        if strange_sites
        else "",
    ]
    return people, [sentence for sentence in problems if sentence]


def _tells_groups(settings: Mapping[str, Any]) -> bool:
    """Whether there is a table of participants with a group, or one that the configuration names."""
    path = Path(settings["dataset"]) / "participants.tsv"
    if settings["participants"] or settings["site_column"]:
        return True
    return path.is_file() and settings["group_column"] in read_table(path)


def _table(settings: Mapping[str, Any]) -> tuple[Path, pd.DataFrame]:
    path = Path(settings["participants"] or Path(settings["dataset"]) / "participants.tsv")
    if not path.is_file():
        raise InputError(
            f"{path} does not exist: it says who is a patient; name another table in cohort.bids.participants."
        )
    table = read_table(path)
    wanted = {
        "participant_id": "the column participant_id",
        settings["group_column"]: f"the column {settings['group_column']} (cohort.bids.group_column)",
    }
    if settings["site_column"]:
        wanted[settings["site_column"]] = f"the column {settings['site_column']} (cohort.bids.site_column)"
    lacking = [words for column, words in wanted.items() if column not in table]
    if lacking:
        raise InputError(f"{path} lacks {' and '.join(lacking)}; found: {', '.join(table.columns)}.")
    return path, table


def _group_values(groups: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """Values of the group column, lower case, to MS or HC."""
    patients, controls = ({str(value).strip().casefold() for value in groups[group]} for group in GROUPS)
    both = sorted(patients & controls)
    if both:
        raise InputError(
            f"cohort.bids.groups gives {', '.join(map(repr, both))} to MS and to HC: leave it in one of them."
        )
    return {**dict.fromkeys(patients, "MS"), **dict.fromkeys(controls, "HC")}


def _quoted(found: Mapping[str, str]) -> str:
    return ", ".join(repr(value) for value in sorted(set(found.values())))


def _few(subjects: Iterable[str]) -> str:
    names = [f"sub-{subject}" for subject in subjects]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
