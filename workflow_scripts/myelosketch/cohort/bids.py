"""The cohort table from a BIDS dataset and folders of derivatives (docs/data.md)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from myelosketch.cohort.bids_hints import hints_of
from myelosketch.cohort.bids_ignore import ignored_by
from myelosketch.cohort.bids_index import IMAGES, BidsFile, Index, Scan, index_folder, leaves, misplaced
from myelosketch.cohort.bids_names import (
    DEFAULT_FILTERS,
    NAMES,
    accepts,
    filter_problems,
    may_be,
    passes,
    proposal,
)
from myelosketch.cohort.bids_people import NOBODY, read_people
from myelosketch.cohort.bids_sessions import read_sessions
from myelosketch.cohort.mask_spaces import settle_mask_spaces, space_entry
from myelosketch.cohort.pairing import give_sessions, pair_sessions
from myelosketch.cohort.presence import reason_of
from myelosketch.cohort.table import COMPANIONS, TRANSFORMS, cohort_from_rows, companions, used_inputs
from myelosketch.errors import InputError, few
from myelosketch.io.names import TRANSFORM_SUFFIXES, scan_name
from myelosketch.io.provenance import sidecar_path

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10  # problems of one kind listed in a message; the others are counted
CHOICES = 4  # files of one choice listed in a message


class UnsettledError(InputError):
    """A dataset has problems; ``table`` has what was found in it, with open choices blank."""

    def __init__(self, text: str, table: pd.DataFrame) -> None:
        super().__init__(text)
        self.table = table


class Found(NamedTuple):
    """Content of a dataset.

    Parameters
    ----------
    table : pandas.DataFrame as from ``cohort_from_rows``
    hints : sentences about files that were used in an unexpected way, or not used
    closed : scans with a folder that cannot be read, and why
    """

    table: pd.DataFrame
    hints: list[str]
    closed: dict[str, str]


def read_bids(settings: Mapping[str, Any], exclude: Collection[str] = (), *, predicts: bool = False) -> Found:
    """Find the inputs of every scan of a BIDS dataset by the names of its files.

    Parameters
    ----------
    settings : dict, section ``cohort.bids`` of the configuration: ``dataset``, ``derivatives`` (list),
        ``participants``, ``group_column``, ``groups``, ``site_column``, ``pair_sessions``, ``filters``
    exclude : scans (``sub-01``) that are left out anyway: they need no group and no choice between files
    predicts : bool, True for new scans of a trained model, whose group is optional

    Returns
    -------
    Found ; its table is in the order of participants.tsv; paths start as in the settings; a participant with group
    n/a has none; scans that are only in derivatives or participants.tsv come last

    Raises
    ------
    UnsettledError : one list of all problems with names, links, filters, groups and choices between files
    InputError : a folder or table is absent
    """
    indexes = [index_folder(root, ignored_by(root)) for root in _roots(settings)]
    filters = {name: settings["filters"].get(name, {}) for name in NAMES}
    named = _named(indexes, filters)
    taken = {
        name: [file for file in files if passes(file, DEFAULT_FILTERS[name] | filters[name])]
        for name, files in named.items()
    }
    found = _by_scan(taken)
    scans = _dataset_scans(indexes[0], taken)
    session_problems = _session_problems({scan for scan in scans if found.get(scan)})
    paired = pair_sessions(found, scans, settings["pair_sessions"], settings["dataset"], predicts=predicts)
    without_session = give_sessions(found, scans)
    asked = {scan[0] for scan in found.keys() & scans if scan_name(*scan) not in exclude}
    people, unknown_people = read_people(settings, sorted(asked), predicts=predicts)
    sessions = read_sessions(settings["dataset"], {*scans, *found})
    strange_spaces = settle_mask_spaces(found)
    rows, ambiguous = _rows(found, scans, people, sessions.values)
    if paired.pet_sessions:
        of_pet = {scan_name(*scan): session for scan, session in paired.pet_sessions.items()}
        rows = [
            row | {"pet_session": of_pet.get(scan_name(str(row["subject"]), row["session"]))} for row in rows
        ]
    ambiguous = [item for item in ambiguous if item[0] not in exclude]
    kinds = [
        [sentence for index in indexes for sentence in index.problems],
        [leaves(file.path, file.root) for files in taken.values() for file in files if file.is_link],
        [misplaced(file) for files in taken.values() for file in files],
        [text for name in NAMES for text in filter_problems(name, filters[name], named[name])],
        session_problems,
        paired.problems,
        unknown_people,
        sessions.problems,
        strange_spaces,
        [_choice(*item) for item in ambiguous],
    ]
    table = cohort_from_rows(rows)
    _raise_all(settings["dataset"], kinds, _advice(ambiguous), table)
    hints = [
        *sessions.hints,
        *paired.hints,
        *without_session,
        *hints_of(indexes, named, taken, filters, rows, predicts=predicts),
    ]
    return Found(table, hints, _closed(indexes, rows))


def _closed(indexes: Sequence[Index], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the scans with a folder that cannot be read, their own or that of their participant."""
    reasons = {scan: reason for index in indexes for scan, reason in index.closed.items()}
    keys: list[Scan] = [(str(row["subject"]), row["session"]) for row in rows]
    found = {scan_name(*key): reasons.get(key) or reasons.get((key[0], None)) for key in keys}
    return {scan: reason for scan, reason in found.items() if reason}


def _roots(settings: Mapping[str, Any]) -> list[str]:
    """Return the folder of the dataset and those of the derivatives, after checking each."""
    if not settings["dataset"]:
        raise InputError(
            "cohort.source is bids, but cohort.bids.dataset is blank: name the folder of your dataset there."
        )
    roots = {f"cohort.bids.derivatives.{number}": root for number, root in enumerate(settings["derivatives"])}
    roots = {"cohort.bids.dataset": settings["dataset"], **roots}
    problems: list[str] = []
    seen: dict[str, str] = {}
    for key, root in roots.items():
        real = os.path.realpath(root)
        try:
            inside = os.listdir(root) if os.path.isdir(root) else None
        except OSError as error:
            problems.append(f"{key}: {root} {reason_of(error)}: correct its permissions.")
            continue
        if inside is None:
            problems.append(f"{key}: {root} is not a folder: correct the path.")
        elif real in seen:
            problems.append(f"{key}: {root} is the same folder as {seen[real]}: name it once.")
        elif not any(name.startswith("sub-") for name in inside):
            problems.append(f"{key}: {root} contains no sub-* folder: name the folder that contains them.")
        seen.setdefault(real, key)
    _raise_all(settings["dataset"], [problems], [])
    return list(roots.values())


def _named(indexes: Sequence[Index], filters: Mapping[str, Mapping[str, Any]]) -> dict[str, list[BidsFile]]:
    """Return the images whose names fit each input, before the filters: {input: list of BidsFile}."""
    by_suffix = defaultdict(list)
    for index in indexes:
        for file in index.files:
            if file.extension in (TRANSFORM_SUFFIXES if file.suffix == "xfm" else IMAGES):
                by_suffix[file.suffix.lower()].append(file)
    named = {}
    for name, names in NAMES.items():
        suffixes = dict.fromkeys(suffix.lower() for suffix, _ in names)
        if "suffix" in filters[name]:
            suffixes = dict.fromkeys(
                suffix for suffix in by_suffix if accepts(filters[name]["suffix"], suffix)
            )
        candidates = [file for suffix in suffixes for file in by_suffix[suffix]]
        named[name] = [file for file in candidates if may_be(file, name, filters[name])]
    return named


def _by_scan(taken: Mapping[str, list[BidsFile]]) -> dict[Scan, dict[str, list[BidsFile]]]:
    """Return the candidates of each scan: {(subject, session): {input: list of BidsFile}}.

    A raw series with its companions (bval and bvec, or json) comes before one without them, or with those of another
    candidate: a mean of the b = 0 images is also called ``dwi``, and is not a series. Files named in .bidsignore come
    last.
    """
    found: dict[Scan, dict[str, list[BidsFile]]] = defaultdict(lambda: defaultdict(list))
    for name, files in taken.items():
        for file in files:
            found[file.subject, file.session][name].append(file)
    for inputs in found.values():
        for name, files in inputs.items():
            files = [file for file in files if not file.is_ignored] or files
            if name in TRANSFORMS:  # one transform in two formats
                files = list({file.path.removesuffix(file.extension): file for file in files}.values())
            inputs[name] = files
        for name in COMPANIONS.keys() & inputs.keys():
            inputs[name] = [file for file in inputs[name] if _whole(name, file, inputs[name])] or inputs[name]
    return found


def _whole(name: str, file: BidsFile, candidates: Sequence[BidsFile]) -> bool:
    """Return whether a series has its companions, none of which belongs to another candidate."""
    try:
        beside = companions(name, file.path).values()
    except InputError:  # reported when the scan is left out
        return False
    others = {str(sidecar_path(other.path).with_suffix("")) for other in candidates if other is not file}
    return all(os.path.lexists(path) and os.path.splitext(path)[0] not in others for path in beside)


def _dataset_scans(index: Index, taken: Mapping[str, list[BidsFile]]) -> set[Scan]:
    """Return the scans of the dataset itself, from folders and files: set of (subject, session)."""
    files = {
        (file.subject, file.session) for files in taken.values() for file in files if file.root == index.root
    }
    return files | set(index.scans)


def _rows(
    found: Mapping[Scan, Mapping[str, list[BidsFile]]],
    scans: set[Scan],
    people: Mapping[str, Mapping[str, str | None]],
    sessions: Mapping[Scan, Mapping[str, str | None]],
) -> tuple[list[dict[str, str | None]], list[tuple[str, str, list[BidsFile]]]]:
    """Return the rows of the cohort table, and the open choices.

    Returns
    -------
    rows : list of dict
    ambiguous : list of (scan, input, list of BidsFile)
    """
    order = {subject: number for number, subject in enumerate(people)}
    known = {subject for subject, _ in {*scans, *found}}
    others = {*found} - scans | {(subject, None) for subject in people if subject not in known}
    rows, ambiguous = [], []
    for members in (scans, others):
        ordered = sorted(members, key=lambda key: (order.get(key[0], len(order)), key[0], key[1] or ""))
        for subject, session in ordered:
            inputs = found.get((subject, session), {})
            used = used_inputs({name: files[0].path for name, files in inputs.items()})
            open_ = [name for name in inputs if len(inputs[name]) > 1]
            ambiguous += [(scan_name(subject, session), name, inputs[name]) for name in open_ if name in used]
            files = {name: candidates[0].path for name, candidates in inputs.items() if name not in open_}
            person = people.get(subject, NOBODY)
            visit = sessions.get((subject, session), {})
            space = {"lesion_space": space_entry(inputs)}
            rows.append({"subject": subject, "session": session, **person, **visit, **space, **files})
    return rows, ambiguous


def _session_problems(scans: set[Scan]) -> list[str]:
    with_session = {subject for subject, session in scans if session}
    without = {subject for subject, session in scans if not session}
    if not with_session or not without:
        return []
    return [
        f"{few(f'sub-{subject}' for subject in sorted(without))} has files outside ses-* folders, "
        f"{few(f'sub-{subject}' for subject in sorted(with_session))} inside: give every scan a session, or none."
    ]


def _choice(scan: str, name: str, files: Sequence[BidsFile]) -> str:
    paths = " or ".join(file.path for file in files[:CHOICES])
    paths += f" or {len(files) - CHOICES} more" if len(files) > CHOICES else ""
    return f"{scan}: {name} may be {paths}: choose with a filter, or leave the scan out (cohort.exclude)."


def _advice(ambiguous: Sequence[tuple[str, str, list[BidsFile]]]) -> list[str]:
    """Return lines to copy into the configuration: a filter for each input with an open choice."""
    lines = []
    for name in dict.fromkeys(name for _, name, _ in ambiguous):
        options = proposal([files for _, other, files in ambiguous if other == name])
        if options:
            lines.append(f"      {name}: {options[0]}  # or {' or '.join(options[1:])}")
        else:
            lines.append(
                f"      # {name}: no part of the file names distinguishes these files: remove one of them"
            )
    return ["For instance:", "cohort:", "  bids:", "    filters:", *lines] if lines else []


def _raise_all(
    dataset: str, kinds: Iterable[Iterable[str]], advice: Sequence[str], table: pd.DataFrame | None = None
) -> None:
    """Return one error with the problems of every kind, at most SHOWN lines of each kind, and lines of advice."""
    shown = [list(dict.fromkeys(text for text in kind if text)) for kind in kinds]
    count = sum(map(len, shown))
    if not count:
        return
    lines = []
    for kind in shown:
        lines += [f"  - {text}" for text in kind[:SHOWN]]
        lines += [f"  - ... and {len(kind) - SHOWN} more of this kind"] if len(kind) > SHOWN else []
    start = f"The BIDS dataset {dataset} has {count} problem{'s' if count > 1 else ''}:"
    text = "\n".join([start, *lines, *advice])
    raise InputError(text) if table is None else UnsettledError(text, table)
