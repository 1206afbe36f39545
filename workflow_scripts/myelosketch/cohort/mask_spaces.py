"""Choose between lesion masks of a BIDS dataset in several spaces, and record where the mask was drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from myelosketch.cohort.bids_names import mask_space
from myelosketch.cohort.table import LESION_SPACES

if TYPE_CHECKING:
    from myelosketch.cohort.bids_index import BidsFile, Scan


def settle_mask_spaces(found: Mapping[Scan, dict[str, list[BidsFile]]]) -> list[str]:
    """Keep, of each scan's lesion masks, those in the first space of LESION_SPACES that has any.

    The user does not have to choose between the same lesions in several spaces.

    Parameters
    ----------
    found : as returned by ``_by_scan``; its lesion masks are changed in place

    Returns
    -------
    list of sentences about masks in an unknown space
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


def space_entry(inputs: Mapping[str, list[BidsFile]]) -> str | None:
    """Return the entry of the column lesion_space; blank for T1w."""
    mask = _first(inputs, "lesion_mask")
    space = mask_space(mask, _first(inputs, "T1w")) if mask else None
    return None if space == "T1w" else space


def _strange_space(file: BidsFile) -> str:
    return (
        f"{file.path} is in the space {file.entities['space']}, which is unknown for lesion masks "
        f"({', '.join(LESION_SPACES)}, or that of the T1w): choose another one with cohort.bids.filters.lesion_mask."
    )
