"""Verdict on a new scan: whether its registration and its maps allow its numbers to be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from myelosketch.imaging.registration.verdicts import FAILED
from myelosketch.prediction.value_range import reasons as range_reasons
from myelosketch.prediction.value_range import worst_verdict

if TYPE_CHECKING:
    import pandas as pd

# from best to worst
OK, UNUSUAL, WITHHELD = "ok", "unusual", "withheld"
OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True)
class Acceptance:
    """What the configuration accepts.

    Parameters
    ----------
    limits : dict, ``registration.quality``
    registration : dict, ``registration.accept``: scan to modalities
    maps : dict, ``prediction.accept``: scan to maps
    """

    limits: Mapping[str, Any]
    registration: Mapping[str, Sequence[str]]
    maps: Mapping[str, Sequence[str]]


def verdict_on(
    scan: str, in_range: Sequence[Mapping[str, Any]], quality: pd.DataFrame, accepted: Acceptance
) -> tuple[str, list[str]]:
    """Return the verdict on a scan.

    Parameters
    ----------
    scan : name
    in_range : rows of `value_range.judge_range`
    quality : DataFrame, rows of its registration (`verdicts.judge`)
    accepted : Acceptance

    Returns
    -------
    (str, list) : OK, UNUSUAL or WITHHELD, and the reasons as sentences. Accepted problems are unusual, not withheld
    """
    worst, reasons = OK, []
    for row in quality.to_dict("records"):
        if row["reason"]:
            failed = row["verdict"] == FAILED
            worst = WITHHELD if failed or worst == WITHHELD else UNUSUAL
            way_out = (
                f"; if it is correct, accept it by registration: {{accept: {{{scan}: [{row['modality']}]}}}}"
            )
            reasons.append(f"Registration: {row['modality']} {row['reason']}{way_out if failed else ''}.")
    reasons += range_reasons(in_range)
    far = dict.fromkeys(row["map"] for row in in_range if row["verdict"] == OUT_OF_RANGE)
    refused = [name for name in far if name not in accepted.maps.get(scan, ())]
    if refused:
        worst = WITHHELD
        line = f"prediction: {{accept: {{{scan}: [{', '.join(refused)}]}}}}"
        reasons.append(f"If the maps are correct, accept them by {line}.")
    elif worst != WITHHELD and worst_verdict(in_range) != OK:
        worst = UNUSUAL
    return worst, reasons
