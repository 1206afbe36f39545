"""Results of tests in plain words. "No significant difference" is never called equality.

A claim of the paper *holds*, *does not hold* or is *not decided* by the data, for the measured PET and for every
prediction separately. The rules are our choice. Each verdict states the numbers it rests on. In simulation the
verdict is *cannot be decided in this cohort* if the claim does not hold in ``visible``, which no method can beat in
squared error.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

CLAIMS = {
    "C1": "NAWM of patients does not differ from white matter of controls",
    "C2": "Lesions are lower than NAWM (paper: p < 0.0001)",
    "C3": "Each participant's mean DVR of WM/NAWM and of lesions is predicted closely",
    "C4": "Each patient's share of demyelinated lesion voxels is predicted closely (paper: mean Dice 0.83)",
    "C5": "The refined map is closer to the truth than the sketch and than the 2-layer DNN",
}
HOLDS, FAILS, UNDECIDED, MISSING = "holds", "does not hold", "not decided", "n/a"

# "good" reliability or better (Koo and Li 2016); the interval decides, not the estimate
GOOD_ICC = 0.75
CANNOT = "cannot be decided in this cohort"
# a prediction that hardly differs between subjects makes any two groups equal, so C1 says nothing (our choice)
MIN_SPREAD = 0.5
# C1 says nothing either if the means differ between subjects but do not follow the PET, as noise does (our choice)
MIN_CORRELATION = 0.5
# names of the paper's other methods in the evidence of C5
BASELINE_WORDS = {"sketcher": "the sketch", "dnn2": "the 2-layer DNN"}
PAPER_P = 0.0001


class Likeness(NamedTuple):
    """White-matter means of a prediction against the PET: ratio of SD between subjects, r and its interval."""

    spread: float
    r: float
    r_low: float
    r_high: float


def known(row: Mapping[str, Any] | None) -> bool:
    """Return whether a test gave a p."""
    return row is not None and np.isfinite(row["p"])


def significant(row: Mapping[str, Any], alpha: float) -> bool:
    """Return whether the adjusted p is below alpha."""
    return known(row) and row["p_adjusted"] < alpha


def number(value: float, digits: int = 3) -> str:
    """Return a value as text, n/a if there is none."""
    # adding zero turns "-0.00" into "0.00"
    return f"{round(value, digits) + 0.0:.{digits}f}" if np.isfinite(value) else "n/a"


def p_text(value: float) -> str:
    """Return a p value as text."""
    return "p < 0.0001" if value < PAPER_P else f"p = {value:.2g}"


def with_interval(row: Mapping[str, Any], digits: int = 3) -> str:
    """Return estimate and interval as text."""
    low, high = number(row["ci_low"], digits), number(row["ci_high"], digits)
    return f"{number(row['estimate'], digits)} [{low}, {high}]"


def difference_verdict(
    row: Mapping[str, Any], alpha: float, lower: str = "lower", higher: str = "higher"
) -> str:
    """Describe a difference: its direction, or that none was found."""
    if not known(row):
        return f"n/a: {row['note']}"
    if not significant(row, alpha):
        return "no significant difference (this does not show equality)"
    return f"significantly {lower if row['estimate'] < 0 else higher}"


def equivalence_verdict(row: Mapping[str, Any], alpha: float, margin: float) -> str:
    """Describe an equivalence test."""
    if not known(row):
        return f"n/a: {row['note']}"
    within = f"within ±{margin:g}"
    return f"equivalent {within}" if significant(row, alpha) else f"equivalence {within} not shown"


def icc_verdict(row: Mapping[str, Any]) -> str:
    """Describe an ICC by its interval."""
    if not np.isfinite(row["estimate"]):
        return f"n/a: {row['note']}"
    if row["ci_low"] > GOOD_ICC or (row["note"] and row["estimate"] > GOOD_ICC):
        return f"good agreement (above {GOOD_ICC})"
    if row["ci_high"] < GOOD_ICC or (row["note"] and row["estimate"] < GOOD_ICC):
        return f"less than good agreement (below {GOOD_ICC})"
    return f"not decided (the interval contains {GOOD_ICC})"


def comparison_verdict(row: Mapping[str, Any], alpha: float, better: str, reference: str = "refiner") -> str:
    """Describe another method minus the reference, for a metric where ``better`` is lower or higher."""
    if not known(row):
        return f"n/a: {row['note']}"
    if not significant(row, alpha):
        return f"no significant difference from {reference} (this does not show equality)"
    return f"{reference} {'better' if (row['estimate'] > 0) == (better == 'lower') else 'worse'}"


def claim_1(
    difference: Mapping[str, Any],
    equivalent: Mapping[str, Any],
    alpha: float,
    margin: float,
    alike: Likeness | None = None,
) -> tuple[str, str]:
    """Return the verdict on C1. The claim needs equivalence; a missing difference alone decides nothing.

    ``alike`` describes a prediction and is None for the PET. The claim is not decided if the white-matter means
    spread less than :data:`MIN_SPREAD` times those of the PET, because one value for all subjects would "hold". It is
    not decided either if their correlation with the PET is below :data:`MIN_CORRELATION` or its interval contains 0,
    because noise would "hold" too.
    """
    if not known(difference) or not known(equivalent):
        return MISSING, str(difference["note"] or equivalent["note"])
    text = f"difference {with_interval(difference)} DVR, {p_text(difference['p_adjusted'])}; "
    text += f"equivalence within ±{margin:g}: {p_text(equivalent['p_adjusted'])}"
    if alike:
        text += f"; subject means: SD {number(alike.spread, 2)} times the PET's, r with the PET {number(alike.r, 2)} "
        text += f"[{number(alike.r_low, 2)}, {number(alike.r_high, 2)}]"
        if not alike.spread >= MIN_SPREAD:
            return UNDECIDED, f"{text}: too little spread to decide"
        if not (alike.r >= MIN_CORRELATION and alike.r_low > 0):
            return UNDECIDED, f"{text}: they do not follow the PET"
    if significant(equivalent, alpha):
        return HOLDS, text + ", shown"
    if significant(difference, alpha):
        return FAILS, text + ", not shown"
    return UNDECIDED, text + ", not shown: these data show neither a difference nor equivalence"


def claim_2(row: Mapping[str, Any], alpha: float) -> tuple[str, str]:
    """Return the verdict on C2, which needs a significant difference in the direction of the claim."""
    if not known(row):
        return MISSING, str(row["note"])
    reached = "below" if row["p"] < PAPER_P else "not below"
    text = f"lesions minus NAWM {with_interval(row)} DVR, p = {row['p']:.2g} ({reached} 0.0001)"
    if not significant(row, alpha):
        return UNDECIDED, text
    return (HOLDS if row["estimate"] < 0 else FAILS), text


def claim_3(rows: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return the verdict on C3, good agreement in white matter and lesions. ``rows``: region to its ICC row."""
    missing = [f"{region}: {row['note']}" for region, row in rows.items() if not np.isfinite(row["estimate"])]
    if missing:
        return MISSING, "; ".join(missing)
    verdicts = [icc_verdict(row) for row in rows.values()]
    text = "; ".join(f"ICC {region} {with_interval(row, 2)}" for region, row in rows.items())
    return _all_must_hold([_icc_status(verdict) for verdict in verdicts]), text


def claim_4(
    icc: Mapping[str, Any], dice: Mapping[str, Any], gain: Mapping[str, Any], alpha: float
) -> tuple[str, str]:
    """Return the verdict on C4: good agreement of percentages, and Dice above that of marking every voxel."""
    if not np.isfinite(icc["estimate"]) or not np.isfinite(dice["estimate"]):
        return MISSING, str(icc["note"] or dice["note"])
    text = f"ICC of percentages {with_interval(icc, 2)}; mean Dice {with_interval(dice, 2)}, "
    text += f"minus trivial Dice {with_interval(gain, 2)}"
    beyond = UNDECIDED
    if significant(gain, alpha):
        beyond = HOLDS if gain["estimate"] > 0 else FAILS
    return _all_must_hold([_icc_status(icc_verdict(icc)), beyond]), text


def claim_5(
    judged: Mapping[str, Mapping[str, Mapping[str, Any]]], alpha: float, *, winner: str = "refiner"
) -> tuple[str, str]:
    """Return the verdict on C5 from the baselines that were run. The verdict names a baseline that was not run.

    Parameters
    ----------
    judged : dict, baseline (``sketcher``, ``dnn2``) -> metric in words -> test of the baseline minus the winner. A
        positive estimate favours the winner. It is empty for a baseline that was not run
    alpha : float
    winner : the method that the claim is about

    Returns
    -------
    (verdict, evidence)
    """
    parts, status, missing = [], [], {}
    for baseline, rows in judged.items():
        known_rows = {metric: row for metric, row in rows.items() if known(row)}
        if not known_rows:
            notes = dict.fromkeys(str(row["note"]) for row in rows.values())
            missing[baseline] = f"not compared ({'; '.join(notes)})" if notes else "not run"
        for metric, row in known_rows.items():
            adjusted = p_text(row["p_adjusted"])
            parts.append(f"{metric} of {baseline} minus {winner} {with_interval(row, 4)}, {adjusted}")
            status.append((HOLDS if row["estimate"] > 0 else FAILS) if significant(row, alpha) else UNDECIDED)
    evidence = "; ".join([*parts, *(f"{name} {reason}" for name, reason in missing.items())])
    if not status:
        return MISSING, evidence
    verdict = _all_must_hold(status)
    if missing:
        verdict += f" (without {' and '.join(BASELINE_WORDS[name] for name in missing)})"
    return verdict, evidence


def beside_bound(own: tuple[str, str], bound: tuple[str, str] | None) -> tuple[str, str]:
    """Combine a verdict with that on ``visible``. If the latter does not hold, the cohort cannot decide the claim.

    Parameters
    ----------
    own, bound : (verdict, evidence) of a prediction and of ``visible``; None if the cohort is not simulated
    """
    if bound is None or bound[0] == MISSING or own[0] == MISSING or bound[0].startswith(HOLDS):
        return own
    return CANNOT, f"{own[0]} by the numbers of this map alone: {own[1]}; noise-free tissue: {bound[0]}"


def _icc_status(verdict: str) -> str:
    return {"good": HOLDS, "less": FAILS}.get(verdict.split()[0], UNDECIDED)


def _all_must_hold(status: Sequence[str]) -> str:
    if FAILS in status:
        return FAILS
    return UNDECIDED if UNDECIDED in status else HOLDS
