"""What models fitted without a network share: the inner parts of their training participants, and their cards."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from myelosketch.learning.data import Normalisation, TrainingScan, data_hash
from myelosketch.learning.models import split_card, value_ranges


def inner_parts(subjects: Sequence[str], splits: int) -> np.ndarray:
    """Inner part of each scan: participants, sorted, are dealt to the parts in turn, all their scans together.

    Parameters
    ----------
    subjects : participant of each scan
    splits : number of parts; at most one per participant

    Returns
    -------
    int array (scans,)
    """
    order = sorted(set(subjects))
    return np.array([order.index(subject) % min(splits, len(order)) for subject in subjects])


def shared_card(
    method: str, fold: int | None, scans: Sequence[TrainingScan], normalisation: Normalisation
) -> dict[str, Any]:
    """Entries of a model card that hold for every model of maps: what it was fitted on.

    Parameters
    ----------
    method : name
    fold : number, or None
    scans : list of TrainingScan, as the model sees them
    normalisation : Normalisation

    Returns
    -------
    dict
    """
    return {
        "method": method,
        "fold": fold,
        "normalisation": normalisation.card(),
        "input_maps": list(normalisation.inputs),
        "value_ranges": value_ranges(scans, normalisation.inputs),
        "split": split_card([scan.name for scan in scans]),
        "data_sha256": data_hash(scans),
    }
