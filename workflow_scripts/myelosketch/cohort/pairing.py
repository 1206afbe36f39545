"""Combine PET and MRI of different sessions, and derivatives without a session, into one scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from myelosketch.cohort.bids_index import BidsFile, Scan
from myelosketch.cohort.table import RAW, has_pet
from myelosketch.errors import few
from myelosketch.io.names import scan_name
from myelosketch.io.tables import read_table

NEAREST, NONE = "nearest", "none"
PET = ("DVR", "pet", "reference_mask")
TISSUE = ("FA", "RD", "AD", "MTR", *(name for name in RAW if name != "pet"))

Found = dict[Scan, dict[str, list[BidsFile]]]


class Paired(NamedTuple):
    """Scans that combine several sessions."""

    pet_sessions: dict[Scan, str]  # session that a scan's PET comes from
    hints: list[str]
    problems: list[str]


def give_sessions(found: Found, scans: set[Scan]) -> list[str]:
    """Assign derivatives without a session to the only session of their participant.

    Parameters
    ----------
    found : candidates of each scan; changed in place
    scans : those that the dataset itself has

    Returns
    -------
    list of sentences about derivatives that were assigned, and those that could not be
    """
    sessions = _by_subject(scans)
    taken, unclear = {}, {}
    for subject, session in [scan for scan in found if scan[1] is None and scan not in scans]:
        known = sorted(filter(None, sessions.get(subject, ())))
        files = [file.path for candidates in found[subject, session].values() for file in candidates]
        if len(known) == 1:
            into = found.setdefault((subject, known[0]), defaultdict(list))
            for name, candidates in found.pop((subject, session)).items():
                into[name] = [*into.get(name, []), *candidates]
            taken[scan_name(subject, known[0])] = files[0]
        elif known:
            unclear[f"sub-{subject}"] = (files[0], known)
    hints = []
    if taken:
        path = next(iter(taken.values()))
        hints.append(
            f"Derivatives without a session, such as {path}, are assigned to the only session of their participant: "
            f"{few(taken)}."
        )
    if unclear:
        path, known = next(iter(unclear.values()))
        hints.append(
            f"Derivatives without a session, such as {path}, are not used, because their participant has several "
            f"({_sessions(known)}): name the session in their files, or enter them in the cohort table; "
            f"participants: {few(unclear)}."
        )
    return hints


def pair_sessions(
    found: Found,
    scans: set[Scan],
    setting: str | Mapping[Any, Any],
    root: str | Path,
    *,
    predicts: bool = False,
) -> Paired:
    """Give scans the PET of another session of their participant; the scan keeps the name of the MRI session.

    Parameters
    ----------
    found : candidates of each scan; changed in place
    scans : scans of the dataset itself; a session whose PET was given to another one is removed
    setting : ``none``, ``nearest`` (by acq_time of sessions.tsv or scans.tsv), or the PET session for each MRI
        session
    root : folder of the dataset
    predicts : bool, for new scans, which need no PET

    Returns
    -------
    Paired
    """
    if not setting or setting == NONE:
        return Paired({}, [] if predicts else _advice(found), [])
    by_name = {} if isinstance(setting, str) else {str(mri): str(pet) for mri, pet in setting.items()}
    paired: dict[Scan, str] = {}
    problems = []
    for subject in sorted(_by_subject(found)):
        mri, pet = _apart(found, subject)
        if by_name:
            pairs = [(one, by_name[one]) for one in mri if by_name.get(one) in pet]
        else:
            pairs, problem = _nearest(mri, pet, Path(root), subject)
            problems += [problem] if problem else []
        for one, other in pairs:
            paired[subject, one] = other
            given = found.pop((subject, other))
            found[subject, one].update({name: given[name] for name in PET if name in given})
            scans.discard((subject, other))
    said = [f"{scan_name(*scan)} (ses-{session})" for scan, session in paired.items()]
    hints = [f"Scans with the PET of another session of their participant: {few(said)}."] if said else []
    if not said and not problems:
        hints = [
            f"cohort.bids.pair_sessions ({_shown(setting)}) pairs nothing: no participant has MRI without PET in "
            "one such session and PET without MRI maps in another."
        ]
    return Paired(paired, hints, problems)


def _shown(setting: str | Mapping[Any, Any]) -> str:
    if isinstance(setting, str):
        return setting
    return f"{{{', '.join(f'{mri}: {pet}' for mri, pet in setting.items())}}}"


def _apart(found: Found, subject: str) -> tuple[list[str], list[str]]:
    """Return a participant's sessions with MRI but no PET, and those with PET but no quantitative MRI."""
    sessions = {
        session: {name: True for name, files in inputs.items() if files}
        for (one, session), inputs in found.items()
        if one == subject and session
    }
    mri = [
        key for key, inputs in sessions.items() if {"T1w", *TISSUE} & inputs.keys() and not has_pet(inputs)
    ]
    pet = [key for key, inputs in sessions.items() if has_pet(inputs) and not set(TISSUE) & inputs.keys()]
    return sorted(mri), sorted(pet)


def _nearest(
    mri: Sequence[str], pet: Sequence[str], root: Path, subject: str
) -> tuple[list[tuple[str, str]], str]:
    """Return pairs of sessions, the nearest in time first, each session in one pair; or why there are none."""
    if len(mri) == len(pet) == 1:
        return [(mri[0], pet[0])], ""
    if not mri or not pet:
        return [], ""
    dates = {session: _date(root, subject, session) for session in {*mri, *pet}}
    without = sorted(session for session, date in dates.items() if date is None)
    if without:
        return [], (
            f"sub-{subject}: PET in {_sessions(pet)} may belong to MRI in {_sessions(mri)}, but no acq_time of "
            f"{_sessions(without)} in sessions.tsv or scans.tsv says which is nearest: enter it there, or pair the "
            f"sessions by name (cohort.bids.pair_sessions: {{{mri[0]}: {pet[0]}}})."
        )
    known = {session: date for session, date in dates.items() if date is not None}
    by_distance = sorted(
        ((one, other) for one in mri for other in pet),
        key=lambda pair: (abs(known[pair[0]] - known[pair[1]]), known[pair[1]]),
    )
    pairs: list[tuple[str, str]] = []
    for one, other in by_distance:
        if all(one != taken and other != given for taken, given in pairs):
            pairs.append((one, other))
    return pairs, ""


def _date(root: Path, subject: str, session: str) -> datetime | None:
    """Return when a session began: acq_time of sessions.tsv, or else the earliest in its scans.tsv."""
    folder = root / f"sub-{subject}"
    name = f"sub-{subject}_ses-{session}"
    entries: list[Any] = []
    sessions, files = folder / f"sub-{subject}_sessions.tsv", folder / f"ses-{session}/{name}_scans.tsv"
    if sessions.is_file():
        table = read_table(sessions)
        if {"session_id", "acq_time"} <= set(table):
            own = table.session_id.str.strip().str.removeprefix("ses-") == session
            entries = table.acq_time[own].tolist()
    if not any(map(_moment, entries)) and files.is_file():
        table = read_table(files)
        entries = table.acq_time.tolist() if "acq_time" in table else []
    return min(filter(None, map(_moment, entries)), default=None)


def _moment(entry: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(entry.strip()).replace(tzinfo=None)
    except (AttributeError, ValueError):
        return None


def _advice(found: Found) -> list[str]:
    apart = {}
    for subject in sorted(_by_subject(found)):
        mri, pet = _apart(found, subject)
        if mri and pet:
            apart[f"sub-{subject}"] = (mri[0], pet[0])
    if not apart:
        return []
    mri_session, pet_session = next(iter(apart.values()))
    return [
        f"PET and MRI are in different sessions, such as ses-{pet_session} and ses-{mri_session}, of {few(apart)}: "
        f"to use them together, set cohort.bids.pair_sessions to nearest, or to {{{mri_session}: {pet_session}}}."
    ]


def _by_subject(scans: Iterable[Scan]) -> dict[str, set[str | None]]:
    sessions: dict[str, set[str | None]] = defaultdict(set)
    for subject, session in scans:
        sessions[subject].add(session)
    return sessions


def _sessions(labels: Iterable[str]) -> str:
    return ", ".join(f"ses-{label}" for label in labels)
