"""Group, site and further columns of each participant of a BIDS dataset, from participants.tsv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from myelosketch.cohort.column_names import bare_id, column_like, further_names
from myelosketch.cohort.table import COLUMNS, ID_PATTERN
from myelosketch.errors import InputError
from myelosketch.io.names import GROUPS
from myelosketch.io.tables import read_rows

SHOWN = 10  # participants named in one message; the others are counted
NOBODY = {"group": None, "site": None}
PREFIX = "participants"  # prefix of a further column that has the name of a known one


class _People(NamedTuple):
    """The table of the participants, and the names of its columns (None: no such column)."""

    path: Path
    columns: list[str]
    rows: list[dict[str, str | None]]
    id_: str
    group: str | None
    site: str | None


def read_people(
    settings: Mapping[str, Any], subjects: Collection[str], *, predicts: bool = False
) -> tuple[dict[str, dict[str, str | None]], list[str]]:
    """Read who is a patient and who is a control, and the further columns of the table.

    Parameters
    ----------
    settings : dict, section ``cohort.bids`` of the configuration: ``dataset``, ``participants``, ``group_column``,
        ``groups``, ``site_column``
    subjects : participants who must be in the table, with a group or n/a
    predicts : bool, for new scans: participants who are not in the table have no group, and without a table nobody
        has

    Returns
    -------
    people : dict, subject to {"group": MS, HC or None, "site": str or None, and each further column: str or None}, in
        the order of the table
    problems : list of sentences: participants without a row, with two rows, or with a group or site that cannot be
        used

    Raises
    ------
    InputError : the table or one of its columns is absent, or a value is listed for both groups
    """
    given = _table(settings, predicts=predicts)
    if given is None:
        return {subject: dict(NOBODY) for subject in subjects}, []
    group_of = _group_values(settings["groups"])
    names = _further(given)
    people: dict[str, dict[str, str | None]] = {}
    unknown: dict[str, str] = {}
    strange_sites: dict[str, str] = {}
    strangers: dict[str, str] = {}
    twice = []
    for row in given.rows:
        label = row[given.id_] or ""
        subject = label.removeprefix("sub-")
        if subject not in subjects:
            strangers[bare_id(label)] = label
        if not ID_PATTERN.fullmatch(subject):
            continue
        group = row[given.group] if given.group else None
        site = row[given.site] if given.site else None
        value = group.casefold() if group else None
        if subject in people:
            twice.append(subject)
        if subject in subjects and group and value not in group_of:
            unknown[subject] = group
        if subject in subjects and site and not ID_PATTERN.fullmatch(site):
            strange_sites[subject] = site
        further = {name: row[column] for column, name in names.items()}
        people[subject] = {"group": None if value is None else group_of.get(value), "site": site, **further}
    absent = [subject for subject in subjects if subject not in people]
    near = {subject: strangers[bare_id(subject)] for subject in absent if bare_id(subject) in strangers}
    absent = [] if predicts else [subject for subject in absent if subject not in near]
    people |= {subject: dict(NOBODY) for subject in subjects if predicts and subject not in people}
    values = Counter(value for row in given.rows if given.group and (value := row[given.group]))
    found = ", ".join(f"{value!r} {count} times" for value, count in values.most_common())
    path = given.path
    problems = [
        f"{_few(absent)}: no row in {path}: add one with the group, or with n/a to leave them out."
        if absent
        else "",
        f"{_few(near)}: no row in {path}; the table has {_quoted(near)}: write each id like the name of its folder."
        if near
        else "",
        f"{_few(twice)}: two rows in {path}: keep one." if twice else "",
        f"{_few(unknown)}: group {_quoted(unknown)} is not in cohort.bids.groups (column "
        f"{given.group} of {path} has {found}): add the value there, or "
        "write n/a to leave them out."
        if unknown
        else "",
        f"{_few(strange_sites)}: site {_quoted(strange_sites)} must be letters and digits only (column "
        f"{given.site} of {path})."
        if strange_sites
        else "",
    ]
    return people, [sentence for sentence in problems if sentence]


def _table(settings: Mapping[str, Any], *, predicts: bool) -> _People | None:
    """Return the table with the columns that the configuration names; new scans need a table only if it is named."""
    path = Path(settings["participants"] or Path(settings["dataset"]) / "participants.tsv")
    optional = predicts and not settings["participants"] and not settings["site_column"]
    if not path.is_file():
        if optional and not path.is_symlink():
            return None
        why = "is not downloaded (datalad get)" if path.is_symlink() else "does not exist"
        raise InputError(
            f"{path} {why}: this table says who is a patient; name another one in cohort.bids.participants."
        )
    columns, rows = read_rows(path)
    wanted = {
        "participant_id": "the column participant_id",
        settings["group_column"]: f"the column {settings['group_column']} (cohort.bids.group_column)",
    }
    if settings["site_column"]:
        wanted[settings["site_column"]] = f"the column {settings['site_column']} (cohort.bids.site_column)"
    found = {name: column_like(columns, name) for name in wanted}
    group = found[settings["group_column"]]
    lacking = [
        words
        for name, words in wanted.items()
        if not found[name] and not (optional and name == settings["group_column"])
    ]
    if lacking:
        raise InputError(f"{path} lacks {' and '.join(lacking)}; found: {', '.join(columns)}.")
    return _People(
        path, columns, rows, found["participant_id"] or "", group, found.get(settings["site_column"])
    )


def _further(given: _People) -> dict[str, str]:
    """Return the further columns of the table and their names in the cohort table.

    The group column is kept under its own name (phenotype: RRMS, SPMS, control), unless it has no further
    information.
    """
    taken = {given.id_, given.site} | ({given.group} if (given.group or "").casefold() == "group" else set())
    names = [name for name in given.columns if name not in taken]
    return further_names(names, ("scan", *COLUMNS), PREFIX)


def _group_values(groups: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """Return the values of the group column, in lower case, with MS or HC for each."""
    patients, controls = ({str(value).strip().casefold() for value in groups[group]} for group in GROUPS)
    both = sorted(patients & controls)
    if both:
        raise InputError(
            f"cohort.bids.groups gives {', '.join(map(repr, both))} to both MS and HC: keep it in one of them."
        )
    return {**dict.fromkeys(patients, "MS"), **dict.fromkeys(controls, "HC")}


def _quoted(found: Mapping[str, str]) -> str:
    return ", ".join(repr(value) for value in sorted(set(found.values())))


def _few(subjects: Iterable[str]) -> str:
    names = [f"sub-{subject}" for subject in subjects]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
