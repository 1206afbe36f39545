"""Mean of each quantity in each tissue, by participant and for the cohort, compared with the literature."""

from typing import Any

import numpy as np
import pandas as pd

from myelosketch.calibration.participant import TISSUES, Participant
from myelosketch.calibration.targets import ABSOLUTE, PERCENT, POINTS, QUANTITIES, SPREAD, TARGETS, Target

MEAN_COLUMNS = ("subject", "group", "tissue", "quantity", "mean", "n_voxels")
COLUMNS = ("tissue", "quantity", "kind", "low", "high", "source", "mean", "sd", "n", "verdict")
REFERENCE = {"nawm": "hc_white", "lesion": "nawm"}
FEWEST_VOXELS = 5  # a mean of fewer voxels is noise (assumed)


def participant_means(person: Participant) -> list[dict[str, Any]]:
    """Return the mean of each quantity over the voxels of each tissue.

    Parameters
    ----------
    person : Participant

    Returns
    -------
    list of dict, with the keys MEAN_COLUMNS: ``tissue`` is hc_white, nawm, lesion, black_hole, cortex, csf or deep;
        ``lesion`` is the whole lesion mask, black holes included; a tissue of fewer than FEWEST_VOXELS has no row
    """
    white = "hc_white" if person.group == "HC" else "nawm"
    classes = {white: [TISSUES["white"]], "lesion": [TISSUES["lesion"], TISSUES["black_hole"]]}
    classes |= {name: [TISSUES[name]] for name in ("black_hole", "cortex", "csf", "deep")}
    rows = []
    for tissue, codes in classes.items():
        inside = np.isin(person.tissue, codes)
        count = int(inside.sum())
        if count < FEWEST_VOXELS:
            continue
        for quantity in QUANTITIES:
            mean = float(person.maps[quantity][inside].mean(dtype=float))
            row = (person.subject, person.group, tissue, quantity, mean, count)
            rows.append(dict(zip(MEAN_COLUMNS, row, strict=True)))
    return rows


def cohort_table(means: pd.DataFrame) -> pd.DataFrame:
    """Return every target with the cohort's value and the verdict.

    Parameters
    ----------
    means : DataFrame of MEAN_COLUMNS

    Returns
    -------
    DataFrame : COLUMNS; ``mean`` and ``sd`` are over participants. PERCENT and POINTS rows hold differences: of
        NAWM from the mean of the controls, and of lesions from the NAWM of the same patient. A SPREAD row holds the
        SD as ``mean``.
    """
    rows = []
    for target in TARGETS:
        values = _values(means, target.tissue, target.quantity)
        if target.kind == SPREAD:
            value, spread = (values.std(ddof=1) if len(values) > 1 else np.nan), np.nan
        else:
            values = _compared(values, means, target)
            value = values.mean() if len(values) else np.nan
            spread = values.std(ddof=1) if len(values) > 1 else np.nan
        found = (value, spread, len(values), target.verdict(value))
        wanted = (target.tissue, target.quantity, target.kind, target.low, target.high, target.source)
        rows.append(dict(zip(COLUMNS, wanted + found, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _values(means: pd.DataFrame, tissue: str, quantity: str) -> pd.Series:
    """Return the means of the participants for one tissue and quantity, by subject."""
    rows = means[(means.tissue == tissue) & (means.quantity == quantity)]
    return rows.set_index("subject")["mean"].astype(float)


def _compared(values: pd.Series, means: pd.DataFrame, target: Target) -> pd.Series:
    """Return the values in the form that the target compares."""
    if target.kind == ABSOLUTE:
        return values
    reference = _values(means, REFERENCE[target.tissue], target.quantity)
    if target.tissue == "nawm":
        reference = reference.mean()  # controls are other participants
    else:
        reference, values = reference.reindex(values.index), values
    difference = values - reference
    if target.kind == POINTS:
        return difference.dropna()
    if target.kind == PERCENT:
        return (100 * difference / reference).dropna()
    raise ValueError(f"unknown kind {target.kind!r}")
