"""The tissue of a participant at a second session: half of the lesions have lost or regained myelin (assumed)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.simulation.lesions import Lesions

DIRECTIONS = {"unchanged": 0.0, "demyelinating": -1.0, "remyelinating": 1.0}
HEALTHY_MYELIN = 1.0


def followed_up(
    body: Mapping[str, Any], follow_up: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Return a participant's body at the second session. Only the myelin of lesions differs from the first.

    Parameters
    ----------
    body : dict of :func:`simulate_body`
    follow_up : dict: ``kind`` (a key of DIRECTIONS) and ``change`` (the myelin that a lesion loses or regains)
    rng : numpy.random.Generator

    Returns
    -------
    dict : that of the first session with its new ``latents`` and, for a patient, ``changed``: bool per row of the
    lesion table
    """
    lesions = body["lesions"]
    if not lesions:
        return dict(body)
    step = DIRECTIONS[follow_up["kind"]] * follow_up["change"]
    changed = half_of(lesions, rng) if step else np.zeros(len(lesions.table), bool)
    myelin = body["latents"]["myelin"]
    inside = np.isin(lesions.labels, np.flatnonzero(changed) + 1)
    before = myelin[inside]
    # voxels with more myelin than healthy ones keep it
    after = np.clip(before + step * lesions.member[inside], 0, np.maximum(before, HEALTHY_MYELIN))
    moved = myelin.copy()
    moved[inside] = after
    return {**body, "latents": {**body["latents"], "myelin": moved}, "changed": changed}


def half_of(lesions: Lesions, rng: np.random.Generator) -> np.ndarray:
    """Choose half of the lesions: lesions are paired by size, and one of each pair is drawn at random.

    A last lesion without a partner is chosen too. A lesion is a whole connected component here, even if several rows
    of the table have grown together in it.

    Parameters
    ----------
    lesions : Lesions
    rng : numpy.random.Generator

    Returns
    -------
    array (n,), bool, per row of the lesion table
    """
    components, n = ndimage.label(lesions.labels > 0, ndimage.generate_binary_structure(3, 3))
    sizes = np.bincount(components.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    second = rng.integers(0, 2, size=(n + 1) // 2)
    chosen = np.zeros(n + 1, bool)
    for pair, later in enumerate(second):
        chosen[order[min(2 * pair + later, n - 1)] + 1] = True
    number = np.zeros(len(lesions.table) + 1, np.int64)
    inside = lesions.labels > 0
    number[lesions.labels[inside]] = components[inside]
    return chosen[number[1:]]
