"""The cohort table from a BIDS dataset and folders of derivatives (docs/data.md)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from myelosketch.cohort.bids_index import IMAGES, BidsFile, Index, Scan, index_folder, leaves, misplaced
from myelosketch.cohort.bids_names import (
    DEFAULT_FILTERS,
    NAMES,
    entity,
    filter_problems,
    mask_space,
    may_be,
    passes,
    proposal,
)
from myelosketch.cohort.bids_people import NOBODY, read_people
from myelosketch.cohort.bids_sessions import read_sessions
from myelosketch.cohort.table import LESION_SPACES, cohort_from_rows, companions, used_inputs
from myelosketch.errors import InputError
from myelosketch.io.names import scan_name

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10  # problems of one kind that are listed; the others are counted


def read_bids(
    settings: Mapping[str, Any], exclude: Collection[str] = (), *, predicts: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Find the inputs of every scan of a BIDS dataset by the names of its files.

    Parameters
    ----------
    settings : dict, section ``cohort.bids`` of the configuration: ``dataset``, ``derivatives`` (list),
        ``participants``, ``group_column``, ``groups``, ``site_column``, ``filters``
    exclude : scans (``sub-01``) that are left out anyway: no group and no choice between files is asked for
    predicts : bool, for new scans of a trained model, whose group is optional

    Returns
    -------
    table : pandas.DataFrame as from ``cohort_from_rows``, in the order of participants.tsv; paths begin as in the
        settings; a participant whose group is n/a has none; scans that only derivatives or participants.tsv know
        come last
    hints : list of sentences about inputs whose files were found and none was taken

    Raises
    ------
    InputError : a folder or table is absent; or, in one list, all problems of names, links, filters, groups and
        choices between files
    """
    indexes = [index_folder(root) for root in _roots(settings)]
    filters = {name: settings["filters"].get(name, {}) for name in NAMES}
    named = _named(indexes, filters)
    taken = {
        name: [file for file in files if passes(file, DEFAULT_FILTERS[name] | filters[name])]
        for name, files in named.items()
    }
    found = _by_scan(taken, {file.path for index in indexes for file in index.files})
    scans = _dataset_scans(indexes[0], taken)
    asked = {subject for subject, session in scans if scan_name(subject, session) not in exclude}
    people, unknown_people = read_people(settings, sorted(asked), predicts=predicts)
    sessions = read_sessions(settings["dataset"], {*scans, *found})
    strange_spaces = _settle_mask_spaces(found)
    rows, ambiguous = _rows(found, scans, people, sessions.values)
    ambiguous = [item for item in ambiguous if item[0] not in exclude]
    kinds = [
        [sentence for index in indexes for sentence in index.problems],
        [leaves(file.path, file.root) for files in taken.values() for file in files if file.is_link],
        [misplaced(file) for files in taken.values() for file in files],
        [text for name in NAMES for text in filter_problems(name, filters[name], named[name])],
        _session_problems(scans),
        unknown_people,
        sessions.problems,
        strange_spaces,
        [_choice(*item) for item in ambiguous],
    ]
    _raise_all(settings["dataset"], kinds, _advice(ambiguous))
    return cohort_from_rows(rows), [*sessions.hints, *_hints(named, taken)]


def _roots(settings: Mapping[str, Any]) -> list[str]:
    """The dataset's folder and those of the derivatives, after checking that each is one."""
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
        if not os.path.isdir(root):
            problems.append(f"{key}: {root} is not a folder: correct the path.")
        elif real in seen:
            problems.append(f"{key}: {root} is the folder of {seen[real]}: name it once.")
        elif not any(name.startswith("sub-") for name in os.listdir(root)):
            problems.append(f"{key}: {root} holds no sub-* folder: name the folder in which they lie.")
        seen.setdefault(real, key)
    _raise_all(settings["dataset"], [problems], [])
    return list(roots.values())


def _named(indexes: Sequence[Index], filters: Mapping[str, Mapping[str, Any]]) -> dict[str, list[BidsFile]]:
    """Images that may be each input by their names, before the filters: {input: list of BidsFile}."""
    by_suffix = defaultdict(list)
    for index in indexes:
        for file in index.files:
            if file.extension in IMAGES:
                by_suffix[file.suffix].append(file)
    suffixes = {name: dict.fromkeys(suffix for suffix, _ in NAMES[name]) for name in NAMES}
    return {
        name: [
            file
            for suffix in suffixes[name]
            for file in by_suffix[suffix]
            if may_be(file, name, filters[name])
        ]
        for name in NAMES
    }


def _by_scan(taken: Mapping[str, list[BidsFile]], present: set[str]) -> dict[Scan, dict[str, list[BidsFile]]]:
    """Candidates of each scan: {(subject, session): {input: list of BidsFile}}.

    A raw series with its companions (bval and bvec, or json) beside it comes before one without: a mean of the
    b = 0 images is called ``dwi`` too, and is none.
    """
    found: dict[Scan, dict[str, list[BidsFile]]] = defaultdict(lambda: defaultdict(list))
    for name, files in taken.items():
        for file in files:
            found[file.subject, file.session][name].append(file)
    for inputs in found.values():
        for name, files in inputs.items():
            whole = [file for file in files if present.issuperset(companions(name, file.path).values())]
            inputs[name] = whole or files
    return found


def _settle_mask_spaces(found: Mapping[Scan, dict[str, list[BidsFile]]]) -> list[str]:
    """Keep of each scan's lesion masks those in the first space of LESION_SPACES that has one.

    The same lesions in several spaces are no choice to be made by the user.

    Parameters
    ----------
    found : as from ``_by_scan``; its lesion masks are changed in place

    Returns
    -------
    list of sentences about masks in a space that is not known
    """
    problems = []
    for inputs in found.values():
        by_space: dict[str | None, list[BidsFile]] = defaultdict(list)
        for file in inputs.get("lesion_mask", ()):
            by_space[mask_space(file, _first(inputs, "T1w"))].append(file)
        problems += [_strange_space(file) for file in by_space.pop(None, ())]
        if by_space:
            inputs["lesion_mask"] = by_space[min(filter(None, by_space), key=LESION_SPACES.index)]
    return problems


def _first(inputs: Mapping[str, list[BidsFile]], name: str) -> BidsFile | None:
    return inputs[name][0] if inputs.get(name) else None


def _space_entry(inputs: Mapping[str, list[BidsFile]]) -> str | None:
    """Entry of the column lesion_space; blank for T1w."""
    mask = _first(inputs, "lesion_mask")
    space = mask_space(mask, _first(inputs, "T1w")) if mask else None
    return None if space == "T1w" else space


def _strange_space(file: BidsFile) -> str:
    return (
        f"{file.path} is in the space {file.entities['space']}, which is not known for lesion masks "
        f"({', '.join(LESION_SPACES)}, or that of the T1w): choose another one by cohort.bids.filters.lesion_mask."
    )


def _dataset_scans(index: Index, taken: Mapping[str, list[BidsFile]]) -> set[Scan]:
    """Scans that the dataset itself has, by a folder or by a file: set of (subject, session)."""
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
    """Rows of the cohort table, and the choices that are left open.

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
            space = {"lesion_space": _space_entry(inputs)}
            rows.append({"subject": subject, "session": session, **person, **visit, **space, **files})
    return rows, ambiguous


def _session_problems(scans: set[Scan]) -> list[str]:
    with_session = {subject for subject, session in scans if session}
    without = {subject for subject, session in scans if not session}
    if not with_session or not without:
        return []
    return [
        f"{_few(f'sub-{subject}' for subject in sorted(without))} has files outside ses-* folders, "
        f"{_few(f'sub-{subject}' for subject in sorted(with_session))} inside: give every scan a session, or none."
    ]


def _choice(scan: str, name: str, files: Sequence[BidsFile]) -> str:
    paths = " or ".join(file.path for file in files)
    return f"{scan}: {name} may be {paths}: choose by a filter, or leave the scan out (cohort.exclude)."


def _advice(ambiguous: Sequence[tuple[str, str, list[BidsFile]]]) -> list[str]:
    """Lines to copy into the configuration: a filter for each input that leaves a choice."""
    lines = []
    for name in dict.fromkeys(name for _, name, _ in ambiguous):
        options = proposal([files for _, other, files in ambiguous if other == name])
        if options:
            lines.append(f"      {name}: {options[0]}  # or {' or '.join(options[1:])}")
        else:
            lines.append(f"      # {name}: no part of the names tells its files apart: remove one of them")
    return ["For instance:", "cohort:", "  bids:", "    filters:", *lines] if lines else []


def _hints(named: Mapping[str, list[BidsFile]], taken: Mapping[str, list[BidsFile]]) -> Iterator[str]:
    """Inputs that no scan has although files have their names: which part of the name kept them out."""
    for name, files in named.items():
        if taken[name] or not files:
            continue
        keys = {
            key
            for key, want in DEFAULT_FILTERS[name].items()
            for file in files
            if not passes(file, {key: want})
        }
        for key in sorted(keys):
            values = sorted({value for file in files if (value := entity(file, key))})
            yield (
                f"{name}: none of {len(files)} files was taken, because their names have "
                f"{_few(f'{key}-{value}' for value in values)}; if one is right, set cohort.bids.filters: "
                f"{{{name}: {{{key}: {values[0]}}}}}."
            )


def _few(items: Iterable[str]) -> str:
    texts = list(items)
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")


def _raise_all(dataset: str, kinds: Iterable[Iterable[str]], advice: Sequence[str]) -> None:
    """One InputError with the problems of every kind, each kind cut to SHOWN lines, and lines of advice."""
    shown = [list(dict.fromkeys(text for text in kind if text)) for kind in kinds]
    count = sum(map(len, shown))
    if not count:
        return
    lines = []
    for kind in shown:
        lines += [f"  - {text}" for text in kind[:SHOWN]]
        lines += [f"  - ... and {len(kind) - SHOWN} more of this kind"] if len(kind) > SHOWN else []
    start = f"The BIDS dataset {dataset} has {count} problem{'s' if count > 1 else ''}:"
    raise InputError("\n".join([start, *lines, *advice]))
