"""Hints about files of a BIDS dataset that were found but not used, and the filter that selects them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from myelosketch.cohort.bids_names import DEFAULT_FILTERS, NAMES, accepts, as_yaml, entity, may_be, passes
from myelosketch.cohort.complete import missing_inputs
from myelosketch.cohort.table import SOURCES
from myelosketch.errors import few
from myelosketch.io.names import scan_name

if TYPE_CHECKING:
    from myelosketch.cohort.bids_index import BidsFile, Index

EXAMPLES = 3  # files named in one sentence

# words in the file names of other tools that tell what a file shows; all words of an input must be present
TELLING: dict[str, tuple[str, ...]] = {
    "T1w": ("t1w?|mprage|mp2rage|unit1",),
    "FLAIR": (".*flair.*",),
    "lesion_mask": (".*lesions?.*|.*wmh.*|.*lst.*",),
    "FA": ("(dti)?fa(map)?",),
    "RD": ("(dti)?rd(map)?|radial.*",),
    "AD": ("(dti)?ad(map)?|axial.*",),
    "MTR": (".*mtr(map)?",),
    "DVR": ("dvr.*|bp|bpnd|mimap",),
    "dwi": ("dwi|dti",),
    "mt_on": ("mt.*", "(mt)?on"),
    "mt_off": ("mt.*", "(mt)?off"),
    "pet": ("pet|.*pib",),
    "reference_mask": ("ref|reference.*|.*cerebell.*",),
}
MASKS = ("lesion_mask", "segmentation", "reference_mask")
LABELS = re.compile("(.*mask|roi|dseg|probseg|seg)")
NEVER = re.compile("_part-(?:phase|real|imag)_|_xfm")
BY_HAND = "no filter can select such a name: enter it in the table that snakemake cohort_table writes"
# parts of a name about the participant and the place, not about what the file shows
PLACE = re.compile(r"(?:^|_)(?:sub|ses|space|res|from|to)-[^_.]*", re.IGNORECASE)


def hints_of(
    indexes: Sequence[Index],
    named: Mapping[str, Sequence[BidsFile]],
    taken: Mapping[str, Sequence[BidsFile]],
    filters: Mapping[str, Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    *,
    predicts: bool = False,
) -> list[str]:
    """Return sentences about files that were not used.

    Parameters
    ----------
    indexes : indexes of the dataset and of each folder of derivatives
    named : images whose names fit each input
    taken : those of them that match the filters
    filters : of the configuration, by input
    rows : of the cohort table
    predicts : bool, for new scans of a trained model

    Returns
    -------
    list of str
    """
    kept_out = list(_kept_out(named, taken, filters))
    said = {name for name, _ in kept_out}
    lacking = {name: some for name, some in _lacking(rows, predicts).items() if name in TELLING.keys() - said}
    used = {file.path for files in taken.values() for file in files}
    return [
        *(sentence for _, sentence in kept_out),
        *_nearest(indexes, used, filters, lacking),
        *_unused_folders(indexes, taken),
        *_ignored(taken),
    ]


def _kept_out(
    named: Mapping[str, Sequence[BidsFile]],
    taken: Mapping[str, Sequence[BidsFile]],
    filters: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, str]]:
    """Yield inputs that no scan has, although file names or a filter fit them, each with a sentence."""
    for name, files in named.items():
        if taken[name]:
            continue
        wanted = filters[name]
        if wanted and not files:
            asked = ", ".join(f"{key}: {as_yaml(value)}" for key, value in wanted.items())
            yield (
                name,
                f"cohort.bids.filters.{name} ({{{asked}}}) selects nothing: no file has the name of this input "
                f"({_names(name)}).",
            )
        elif wanted and all(passes(file, DEFAULT_FILTERS[name]) for file in files):
            yield (
                name,
                f"cohort.bids.filters.{name} selects nothing: no file matches all of it, e.g. {files[0].path}.",
            )
        elif files:
            keys = {
                key
                for key, want in {**DEFAULT_FILTERS[name], **wanted}.items()
                for file in files
                if not passes(file, {key: want})
            }
            for key in sorted(keys):
                values = sorted({value for file in files if (value := entity(file, key))})
                if values:
                    yield (
                        name,
                        f"{name}: none of {len(files)} files was used, because their names have "
                        f"{few(f'{key}-{value}' for value in values)}; if one is right, set cohort.bids.filters: "
                        f"{{{name}: {{{key}: {as_yaml(values[0])}}}}}.",
                    )


def _lacking(rows: Sequence[Mapping[str, Any]], predicts: bool) -> dict[str, list[Mapping[str, Any]]]:
    """Return, for each input, the rows that lack it and anything it can be derived from."""
    lacking: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if not row["group"] and not predicts:
            continue
        missing = missing_inputs(row, predicts=predicts)
        for name in missing:
            lacking[name].append(row)
        for maps, raw in SOURCES:
            if set(maps) <= set(missing):
                for name in raw:
                    lacking[name].append(row)
    return lacking


def _nearest(
    indexes: Sequence[Index],
    used: set[str],
    filters: Mapping[str, Mapping[str, Any]],
    lacking: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Iterator[str]:
    """Yield, for each input that scans lack, files in their folders that may be it, and how to select them."""
    if not lacking:
        return
    images: dict[str, list[tuple[str, str | None, BidsFile | None]]] = defaultdict(list)
    for index in indexes:
        for file in index.images:
            images[file.subject].append((file.path, file.session, file))
        for path, (subject, session) in index.others:
            images[subject].append((path, session, None))
    for name, rows in lacking.items():
        for row in rows:
            near = [
                (path, file)
                for path, session, file in images[row["subject"]]
                if session in (row["session"], None) and path not in used and _tells(path, name)
            ]
            ways: dict[str, str] = {}  # how to select it: one file, the most likely first
            for path, image in near:
                ways.setdefault(_way(image, name, filters[name]) or path, path)
            ordered = sorted(
                (way for way in ways if way != ways[way]), key=lambda way: (way == BY_HAND, way.count(","))
            )
            if ordered:
                scans = few(scan_name(row["subject"], row["session"]) for row in rows)
                shown = "; ".join(f"{ways[way]} ({way})" for way in ordered[:EXAMPLES])
                yield f"{name}: not found for {scans}; the most similar files that were not used: {shown}."
                break


def _tells(path: str, name: str) -> bool:
    text = PLACE.sub("", path.rsplit("/", 1)[-1].split(".", 1)[0])
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text.lower()) if word]
    if NEVER.search(text) or (name not in MASKS and any(map(LABELS.fullmatch, words))):
        return False
    return all(any(re.fullmatch(pattern, word) for word in words) for pattern in TELLING[name])


def _way(file: BidsFile | None, name: str, filters: Mapping[str, Any]) -> str:
    """Return the setting that selects a file for an input; an empty string if its name already fits."""
    if file is None:
        return BY_HAND
    wanted: dict[str, Any] = {}
    options = [entities for suffix, entities in NAMES[name] if suffix == file.suffix]
    if not options or "suffix" in filters:
        wanted["suffix"] = file.suffix
    required: dict[str, Any] = {**(options[0] if options else {}), **DEFAULT_FILTERS[name], **filters}
    for key, want in required.items():
        if not accepts(want, entity(file, key)):
            wanted[key] = entity(file, key)
    if not wanted:
        return ""
    for key, value in file.entities.items():
        telling = any(re.fullmatch(pattern, value.lower()) for pattern in TELLING[name])
        if telling and not PLACE.fullmatch(f"{key}-{value}"):
            wanted.setdefault(key, value)
    asked = {**filters, **wanted}
    if not may_be(file, name, asked) or not passes(file, {**DEFAULT_FILTERS[name], **asked}):
        return BY_HAND
    text = ", ".join(f"{key}: {as_yaml(value)}" for key, value in asked.items())
    return f"cohort.bids.filters: {{{name}: {{{text}}}}}"


def _unused_folders(indexes: Sequence[Index], taken: Mapping[str, Sequence[BidsFile]]) -> Iterator[str]:
    """Yield sentences about derivative folders that gave nothing."""
    used = {file.root for files in taken.values() for file in files}
    for number, index in enumerate(indexes[1:]):
        if index.root in used:
            continue
        paths = [file.path for file in index.images] + [path for path, _ in index.others]
        held = (
            f"it contains {', '.join(sorted(paths)[:EXAMPLES])}"
            if paths
            else "its sub-* folders contain no image"
        )
        more = f" and {len(paths) - EXAMPLES} more" if len(paths) > EXAMPLES else ""
        yield (
            f"cohort.bids.derivatives.{number}: nothing is used from {index.root}: {held}{more}; select "
            "its files with cohort.bids.filters, or remove the folder."
        )


def _ignored(taken: Mapping[str, Sequence[BidsFile]]) -> Iterator[str]:
    """Yield a sentence about inputs whose files are used although .bidsignore names them."""
    names = [name for name, files in taken.items() if any(file.is_ignored for file in files)]
    if names:
        yield (
            f".bidsignore names files of {', '.join(names)}: they are used only where a scan has no other for the "
            "input."
        )


def _names(name: str) -> str:
    return " or ".join(
        "_".join(["", *(f"{key}-{value}" for key, value in entities.items() if value), suffix])
        for suffix, entities in NAMES[name]
    )
