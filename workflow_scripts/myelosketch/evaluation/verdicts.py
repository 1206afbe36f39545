"""What a test says, in plain words; "no significant difference" is never called equality.

A claim of the paper *holds*, *does not hold* or is *not decided* by the data at hand, for the measured PET
and for every prediction on its own. The rules are ours; each verdict carries the numbers it rests on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CLAIMS = {
    "C1": "NAWM of patients does not differ from white matter of controls",
    "C2": "Lesions are lower than NAWM (paper: p < 0.0001)",
    "C3": "Each participant's mean DVR of WM/NAWM and of lesions is predicted closely",
    "C4": "Each patient's share of demyelinated lesion voxels is predicted closely (paper: mean Dice 0.83)",
    "C5": "The refined map is closer to the truth than the sketch and than the 2-layer DNN",
}
HOLDS, FAILS, UNDECIDED, MISSING = "holds", "does not hold", "not decided", "n/a"

# "good" reliability and better (Koo and Li 2016); judged by the interval, not by the estimate
GOOD_ICC = 0.75
# a prediction that hardly differs between subjects makes any two groups alike: C1 then says nothing (ours)
MIN_SPREAD = 0.5
PAPER_P = 0.0001


def known(row: Mapping[str, Any] | None) -> bool:
    """Whether a test gave a p."""
    return row is not None and np.isfinite(row["p"])


def significant(row: Mapping[str, Any], alpha: float) -> bool:
    """Whether the adjusted p is below alpha."""
    return known(row) and row["p_adjusted"] < alpha


def number(value: float, digits: int = 3) -> str:
    """A value for a sentence; n/a if there is none."""
    # adding zero turns "-0.00" into "0.00"
    return f"{round(value, digits) + 0.0:.{digits}f}" if np.isfinite(value) else "n/a"


def p_text(value: float) -> str:
    """A p for a sentence."""
    return "p < 0.0001" if value < PAPER_P else f"p = {value:.2g}"


def with_interval(row: Mapping[str, Any], digits: int = 3) -> str:
    """Estimate and interval for a sentence."""
    low, high = number(row["ci_low"], digits), number(row["ci_high"], digits)
    return f"{number(row['estimate'], digits)} [{low}, {high}]"


def difference_verdict(
    row: Mapping[str, Any], alpha: float, lower: str = "lower", higher: str = "higher"
) -> str:
    """Sentence on a difference: which way, or that none was found."""
    if not known(row):
        return f"n/a: {row['note']}"
    if not significant(row, alpha):
        return "no significant difference (this is not equality)"
    return f"significantly {lower if row['estimate'] < 0 else higher}"


def equivalence_verdict(row: Mapping[str, Any], alpha: float, margin: float) -> str:
    """Sentence on an equivalence test."""
    if not known(row):
        return f"n/a: {row['note']}"
    within = f"within ±{margin:g}"
    return f"equivalent {within}" if significant(row, alpha) else f"equivalence {within} not shown"


def icc_verdict(row: Mapping[str, Any]) -> str:
    """Sentence on an ICC, judged by its interval."""
    if not np.isfinite(row["estimate"]):
        return f"n/a: {row['note']}"
    if row["ci_low"] > GOOD_ICC or (row["note"] and row["estimate"] > GOOD_ICC):
        return f"good agreement (above {GOOD_ICC})"
    if row["ci_high"] < GOOD_ICC or (row["note"] and row["estimate"] < GOOD_ICC):
        return f"less than good agreement (below {GOOD_ICC})"
    return f"not decided (the interval holds {GOOD_ICC})"


def comparison_verdict(row: Mapping[str, Any], alpha: float, better: str) -> str:
    """Sentence on another method minus the refiner, for a metric of which ``better`` is lower or higher."""
    if not known(row):
        return f"n/a: {row['note']}"
    if not significant(row, alpha):
        return "no significant difference to the refiner (this is not equality)"
    return "refiner better" if (row["estimate"] > 0) == (better == "lower") else "refiner worse"


def claim_1(
    difference: Mapping[str, Any],
    equivalent: Mapping[str, Any],
    alpha: float,
    margin: float,
    spread: float = 1.0,
) -> tuple[str, str]:
    """Verdict on C1: equivalence is what the claim needs; a missing difference alone decides nothing.

    ``spread`` is the SD between subjects of the source's white-matter means over that of the PET. Below
    :data:`MIN_SPREAD` the claim is not decided: predicting the same value for everybody would "hold".
    """
    if not known(difference) or not known(equivalent):
        return MISSING, str(difference["note"] or equivalent["note"])
    text = f"difference {with_interval(difference)} DVR, {p_text(difference['p_adjusted'])}; "
    text += f"equivalence within ±{margin:g}: {p_text(equivalent['p_adjusted'])}"
    if spread < MIN_SPREAD:
        return (
            UNDECIDED,
            f"{text}; but the SD between subjects is {number(spread, 2)} of the PET's: too little to tell",
        )
    if significant(equivalent, alpha):
        return HOLDS, text + ", shown"
    if significant(difference, alpha):
        return FAILS, text + ", not shown"
    return UNDECIDED, text + ", not shown: neither different nor equivalent by these data"


def claim_2(row: Mapping[str, Any], alpha: float) -> tuple[str, str]:
    """Verdict on C2: a significant difference in the direction of the claim."""
    if not known(row):
        return MISSING, str(row["note"])
    reached = "below" if row["p"] < PAPER_P else "not below"
    text = f"lesions minus NAWM {with_interval(row)} DVR, p = {row['p']:.2g} ({reached} 0.0001)"
    if not significant(row, alpha):
        return UNDECIDED, text
    return (HOLDS if row["estimate"] < 0 else FAILS), text


def claim_3(rows: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Verdict on C3: good agreement in white matter and in lesions; ``rows`` maps a region to its ICC row."""
    missing = [f"{region}: {row['note']}" for region, row in rows.items() if not np.isfinite(row["estimate"])]
    if missing:
        return MISSING, "; ".join(missing)
    verdicts = [icc_verdict(row) for row in rows.values()]
    text = "; ".join(f"ICC {region} {with_interval(row, 2)}" for region, row in rows.items())
    return _all_must_hold([_icc_status(verdict) for verdict in verdicts]), text


def claim_4(
    icc: Mapping[str, Any], dice: Mapping[str, Any], gain: Mapping[str, Any], alpha: float
) -> tuple[str, str]:
    """Verdict on C4: good agreement of the percentages, and a Dice above that of calling every voxel."""
    if not np.isfinite(icc["estimate"]) or not np.isfinite(dice["estimate"]):
        return MISSING, str(icc["note"] or dice["note"])
    text = f"ICC of percentages {with_interval(icc, 2)}; mean Dice {with_interval(dice, 2)}, "
    text += f"minus trivial Dice {with_interval(gain, 2)}"
    beyond = UNDECIDED
    if significant(gain, alpha):
        beyond = HOLDS if gain["estimate"] > 0 else FAILS
    return _all_must_hold([_icc_status(icc_verdict(icc)), beyond]), text


def claim_5(judged: Mapping[str, Mapping[str, Mapping[str, Any]]], alpha: float) -> tuple[str, str]:
    """Verdict on C5; ``judged`` maps each metric, in words, to the tests of ``sketcher`` and ``dnn2`` that ran.

    Each test is the other method minus the refiner, so a positive estimate favours the refiner.
    """
    parts, status, missing = [], [], []
    for metric, name, row in (
        (metric, name, row) for metric, rows in judged.items() for name, row in rows.items()
    ):
        if not known(row):
            reason = f"{name} not compared ({row['note']})"
            missing += [] if reason in missing else [reason]
            continue
        adjusted = p_text(row["p_adjusted"])
        parts.append(f"{metric} of {name} minus refiner {with_interval(row, 4)}, {adjusted}")
        status.append((HOLDS if row["estimate"] > 0 else FAILS) if significant(row, alpha) else UNDECIDED)
    if not status:
        return MISSING, "; ".join(missing) or "neither sketcher nor dnn2 was run"
    return _all_must_hold(status), "; ".join(parts + missing)


def _icc_status(verdict: str) -> str:
    return {"good": HOLDS, "less": FAILS}.get(verdict.split()[0], UNDECIDED)


def _all_must_hold(status: Sequence[str]) -> str:
    if FAILS in status:
        return FAILS
    return UNDECIDED if UNDECIDED in status else HOLDS
