"""BIDS names that an input may have, and the filters that choose between several."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from myelosketch.cohort.table import ALIGNED, TRANSFORMS

if TYPE_CHECKING:
    from myelosketch.cohort.bids_index import BidsFile

# input: (suffix, entities) of the names it may have, in upper or lower case. BEP016 for diffusion maps, and its older
# suffixes FA, RD, AD; `roi` is the suffix of lesion masks in fMRIPrep's documentation. An empty list: only if a
# filter names that entity, because a segmentation marks lesions by one of its labels, and probabilities need a
# threshold
NAMES: dict[str, list[tuple[str, dict[str, str | list[str | int | None]]]]] = {
    "T1w": [("T1w", {})],
    "FLAIR": [("FLAIR", {})],
    "lesion_mask": [
        ("mask", {"label": "lesion*"}),
        ("roi", {"label": "lesion*"}),
        ("dseg", {"seg": []}),
        ("probseg", {"label": []}),
    ],
    "segmentation": [("dseg", {})],
    "FA": [("dwimap", {"param": "fa"}), ("FA", {})],
    "RD": [("dwimap", {"param": "rd"}), ("RD", {})],
    "AD": [("dwimap", {"param": "ad"}), ("AD", {})],
    "MTR": [("MTRmap", {})],
    "DVR": [("mimap", {"meas": "DVR"})],
    "dwi": [("dwi", {})],
    "mt_on": [("MTR", {"mt": "on"})],
    "mt_off": [("MTR", {"mt": "off"})],
    "pet": [("pet", {})],
    "reference_mask": [("mask", {"label": "reference*"})],
    **{f"xfm_{name}": [("xfm", {"from": name, "to": "T1w"})] for name in ALIGNED},
}
_PIB: dict[str, list[str | None]] = {"trc": ["PIB", None]}
# what a name must not have, unless a filter of the configuration names it: another space than the image's own (which
# BIDS calls orig), a phase image, another tracer
DEFAULT_FILTERS: dict[str, dict[str, list[str | None]]] = {
    name: {"space": ["orig", None], "part": ["mag", None]} for name in NAMES
}
for name in TRANSFORMS:
    DEFAULT_FILTERS[name] |= {"mode": ["image", None]}
DEFAULT_FILTERS["DVR"] |= _PIB
DEFAULT_FILTERS["pet"] |= _PIB
# spaces of a lesion mask, by the value of lesion_space in the cohort table; a name without space means T1w
MASK_SPACES: dict[str, str | list[str | None]] = {
    "T1w": ["orig", "T1w", None],
    "FLAIR": "FLAIR",
    "dwi": "dwi",
    "MTR": "MTR",
    "MNI152": "MNI152*",
}
DEFAULT_FILTERS["lesion_mask"]["space"] = ["orig", None, "T1w", "FLAIR", "dwi", "MTR", "MNI152*"]
# a dseg may contain anything, and a transform may belong to images that were resampled since: used only if a filter
# says which one
ONLY_BY_FILTER = ("segmentation", *TRANSFORMS)
# order in which entities are proposed as filters; all others come in between
_FIRST, _LAST = ("desc", "run", "acq", "rec", "dir", "ce"), "folder"


def entity(file: BidsFile, key: str) -> str | None:
    """Return the value of an entity of a file, None if absent; ``folder`` is the name of the indexed folder."""
    if key == "suffix":
        return file.suffix
    return Path(file.root).name if key == "folder" else file.entities.get(key)


def accepts(wanted: str | int | Sequence[str | int | None] | None, value: str | None) -> bool:
    """Return whether a value matches a filter: case does not matter, 1 is 01, ``*`` is any value, None is absence.

    Parameters
    ----------
    wanted : str, int, None, or a list of these
    value : str or None
    """
    return any(_matches(one, value) for one in (wanted if isinstance(wanted, list) else [wanted]))


def may_be(file: BidsFile, name: str, filters: Mapping[str, Any]) -> bool:
    """Return whether a file's name fits an input, before any filter.

    Parameters
    ----------
    file : BidsFile
    name : input, a key of NAMES
    filters : dict, filters of the configuration for this input; an entity in it replaces that of NAMES, a suffix
        every name
    """
    if name in ONLY_BY_FILTER and not filters:
        return False
    if "suffix" in filters:
        return accepts(filters["suffix"], file.suffix)
    return any(
        file.suffix.lower() == suffix.lower()
        and all(accepts(want, entity(file, key)) for key, want in entities.items() if key not in filters)
        for suffix, entities in NAMES[name]
    )


def mask_space(file: BidsFile, t1w: BidsFile | None = None) -> str | None:
    """Return the space of a lesion mask from its name, a key of MASK_SPACES; None for an unknown space.

    Parameters
    ----------
    file : BidsFile of the mask
    t1w : BidsFile of the scan's T1w, or None; a mask that names the same space is in that of T1w
    """
    value = entity(file, "space")
    if t1w is not None and value == entity(t1w, "space"):
        return "T1w"
    return next((space for space, wanted in MASK_SPACES.items() if accepts(wanted, value)), None)


def passes(file: BidsFile, filters: Mapping[str, Any]) -> bool:
    """Return whether a file matches all filters."""
    return all(accepts(want, entity(file, key)) for key, want in filters.items())


def filter_problems(name: str, filters: Mapping[str, Any], files: Sequence[BidsFile]) -> Iterator[str]:
    """Return sentences about filters that no file matches: a misspelt entity or value must not empty the cohort
    silently.

    Parameters
    ----------
    name : input
    filters : dict, the configuration's filters for this input
    files : list of BidsFile whose names fit the input
    """
    for key, wanted in filters.items():
        found = sorted({entity(file, key) or "" for file in files})
        for want in wanted if isinstance(wanted, list) else [wanted]:
            if want is None or not files or any(_matches(want, value or None) for value in found):
                continue
            values = ", ".join(f"{key}-{value}" if value else f"none ({key} is absent)" for value in found)
            others = sorted({label for file in files for label in file.entities} - {"sub", "ses"})
            yield (
                f"cohort.bids.filters.{name}.{key}: no {name} file has {key}-{want}; found: {values}. "
                f"Entities of these files: {', '.join(others) or 'none'}."
            )


def proposal(groups: Sequence[Sequence[BidsFile]]) -> list[str]:
    """Return filters that would choose one file in every scan of an ambiguous input.

    Parameters
    ----------
    groups : list of lists of BidsFile, the candidates of each scan

    Returns
    -------
    list of texts such as ``{run: 1}``, the most common first; empty if no entity distinguishes the files
    """
    votes = Counter(key for files in groups for key in _telling(files))
    if not votes:
        return []
    best = min(votes, key=lambda key: (-votes[key], *_preference(key)))
    values = Counter(entity(file, best) for files in groups for file in files)
    ordered = sorted(values, key=lambda value: (-values[value], value or ""))
    return [f"{{{best}: {as_yaml(value)}}}" for value in ordered]


def as_yaml(value: Any) -> str:
    """Return the value of a filter as it must be written in YAML, where ``on`` and ``010`` are not text."""
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    text = "null" if value is None else str(value)
    try:
        plain = value is None or str(yaml.safe_load(text)) == text
    except (yaml.YAMLError, ValueError):  # characters with a meaning in YAML, an invalid date
        plain = False
    return text if plain else json.dumps(text)


def _matches(want: object, value: str | None) -> bool:
    if want is None or value is None:
        return want is value
    if isinstance(want, bool):  # YAML reads on and off as this
        return value.lower() in (("on", "yes", "true") if want else ("off", "no", "false"))
    want = str(want)
    if want.isdigit() and value.isdigit():
        return int(want) == int(value)
    return fnmatchcase(value.lower(), want.lower())


def _telling(files: Sequence[BidsFile]) -> list[str]:
    """Return the entities whose value differs between all of the files."""
    keys = {key for file in files for key in file.entities} | {"folder"}
    return [key for key in keys if len({entity(file, key) for file in files}) == len(files)]


def _preference(key: str) -> tuple[int, int, str]:
    if key in _FIRST:
        return 0, _FIRST.index(key), key
    return (2 if key == _LAST else 1), 0, key
