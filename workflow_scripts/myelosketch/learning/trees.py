"""Gradient-boosted trees of DVR from the MRI maps: a strong baseline (our addition, not in the paper).

These are scikit-learn's histogram trees (after LightGBM: Ke et al., NeurIPS 2017) on the maps of a voxel and their
means over 3x3x3 and 5x5x5 voxels. Each region of a scan has the same weight, as in Eq. 5. The fitted trees are stored
as plain arrays, so that a prediction needs neither scikit-learn nor a pickle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import ndimage

from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.learning.data import Normalisation, TrainingScan, fit_normalisation
from myelosketch.learning.models import load_model

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

# sides, in voxels, of the boxes of the means
SIDES = (3, 5)
# docs/method.md says how they were chosen on the default cohort
SETTINGS = {"max_iter": 150, "learning_rate": 0.05, "max_leaf_nodes": 15, "min_samples_leaf": 200}
# largest number of voxels per region of a scan; drawn voxels represent the whole region
LARGEST_REGION = 8000
# arrays with one value per node; the trees follow each other
NODE_ARRAYS = ("feature", "threshold", "left", "right", "missing_left", "is_leaf", "value")


def features(scores: Iterable[np.ndarray], support: np.ndarray) -> np.ndarray:
    """Return the predictors of every voxel inside the support: the maps, then their means over neighbours inside it.

    Parameters
    ----------
    scores : array (inputs, x, y, z), z-scores
    support : bool array (x, y, z)

    Returns
    -------
    float32 array (voxels, 3 * inputs)
    """
    columns = [score[support] for score in scores]
    for side in SIDES:
        count = ndimage.uniform_filter(support.astype(np.float64), side, mode="constant")[support]
        columns += [
            ndimage.uniform_filter(np.where(support, score, 0).astype(np.float64), side, mode="constant")[
                support
            ]
            / count
            for score in scores
        ]
    return np.stack(columns, axis=1).astype(np.float32)


def sample_of_scan(
    scan: TrainingScan, normalisation: Normalisation, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the voxels of a scan for the fit of the trees.

    Parameters
    ----------
    scan : TrainingScan
    normalisation : Normalisation
    seed : of the draw if a region has more than LARGEST_REGION voxels. The draw also depends on the name of the scan,
        but not on other scans

    Returns
    -------
    (float32 (n, p), float32 (n,), float64 (n,)) : predictors, DVR, weights; weights of a region sum to 1 / regions
    """
    support = scan.support & scan.brain
    rows = features(normalisation.standardise(scan.maps, scan.support), scan.support)[support[scan.support]]
    region = scan.regions[support]
    random = np.random.default_rng([seed, *scan.name.encode()])
    places = [np.flatnonzero(region == code) for code in REGION_CODES.values()]
    drawn = [
        np.sort(random.choice(place, LARGEST_REGION, replace=False)) if len(place) > LARGEST_REGION else place
        for place in places
        if len(place)
    ]
    weights = [np.full(len(place), 1 / (len(place) * len(drawn))) for place in drawn]
    chosen = np.concatenate([np.zeros(0, int), *drawn])
    return rows[chosen], scan.dvr[support][chosen], np.concatenate([np.zeros(0), *weights])


def boost(
    scans: Sequence[TrainingScan], normalisation: Normalisation, seed: int
) -> HistGradientBoostingRegressor:
    """Fit scikit-learn's trees. On one machine they are equal to the bit for any number of threads (see `fit`).

    Parameters
    ----------
    scans : list of TrainingScan
    normalisation : Normalisation
    seed : int

    Returns
    -------
    HistGradientBoostingRegressor
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    samples = [sample_of_scan(scan, normalisation, seed) for scan in scans]
    x, y, w = (np.concatenate([sample[part] for sample in samples]) for part in range(3))
    model = HistGradientBoostingRegressor(**SETTINGS, early_stopping=False, random_state=seed)
    with threadpool_limits(1):  # sums of floats depend on the order of additions
        return model.fit(x, y, sample_weight=w / w.mean())


def as_arrays(model: HistGradientBoostingRegressor) -> dict[str, np.ndarray]:
    """Return fitted trees as plain arrays.

    Parameters
    ----------
    model : fitted, on numeric predictors only

    Returns
    -------
    dict : NODE_ARRAYS, each (nodes,), where ``left`` and ``right`` are indices into them; ``roots`` (trees,);
        ``baseline`` (1,)
    """
    trees = [stage[0].nodes for stage in model._predictors]
    roots = np.cumsum([0, *map(len, trees)])[:-1]
    nodes = np.concatenate(trees)
    shift = np.repeat(roots, list(map(len, trees)))
    return {
        "feature": nodes["feature_idx"].astype(np.int32),
        "threshold": nodes["num_threshold"].astype(np.float64),
        "left": (nodes["left"] + shift).astype(np.int32),
        "right": (nodes["right"] + shift).astype(np.int32),
        "missing_left": nodes["missing_go_to_left"].astype(np.uint8),
        "is_leaf": nodes["is_leaf"].astype(np.uint8),
        "value": nodes["value"].astype(np.float64),
        "roots": roots.astype(np.int32),
        "baseline": np.asarray(model._baseline_prediction, np.float64).reshape(1),
    }


def predict_arrays(trees: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return the result of scikit-learn's ``predict``.

    Parameters
    ----------
    trees : dict of `as_arrays`
    rows : float array (n, p); NaN follows the branch for missing values

    Returns
    -------
    float64 array (n,)
    """
    total = np.full(len(rows), trees["baseline"][0])
    for root in trees["roots"]:
        _add(trees, rows, int(root), np.arange(len(rows)), total)
    return total


def _add(
    trees: Mapping[str, np.ndarray], rows: np.ndarray, node: int, places: np.ndarray, total: np.ndarray
) -> None:
    """Add the values of a tree below a node to the rows that reach the node."""
    if trees["is_leaf"][node]:
        total[places] += trees["value"][node]
        return
    values = rows[places, trees["feature"][node]]
    goes_left = values <= trees["threshold"][node]
    if trees["missing_left"][node]:
        goes_left |= np.isnan(values)
    _add(trees, rows, int(trees["left"][node]), places[goes_left], total)
    _add(trees, rows, int(trees["right"][node]), places[~goes_left], total)


def fit_boosted(
    scans: Sequence[TrainingScan], *, seed: int, inputs: Sequence[str] = INPUT_MAPS
) -> TreesModel:
    """Fit trees on some scans.

    Parameters
    ----------
    scans : list of TrainingScan; no other scan is read
    seed : int
    inputs : names of the input maps

    Returns
    -------
    TreesModel
    """
    normalisation = fit_normalisation(scans, inputs)
    card = {"settings": SETTINGS | {"largest_region": LARGEST_REGION, "sides": list(SIDES)}, "seed": seed}
    return TreesModel(as_arrays(boost(scans, normalisation, seed)), normalisation, card)


class TreesModel:
    """Fitted trees: `load`, then `predict`."""

    def __init__(
        self, trees: Mapping[str, np.ndarray], normalisation: Normalisation, card: Mapping[str, Any]
    ) -> None:
        self.trees, self.normalisation, self.card = dict(trees), normalisation, card

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that are written next to the card."""
        return self.trees

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder written by `baselines.fit_baseline`."""
        tensors, card = load_model(folder, method="trees")
        return cls(tensors, Normalisation.from_card(card["normalisation"]), card)

    def predict(self, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return the DVR (x, y, z), float32, of maps (4, x, y, z) in the cohort's units; 0 outside the support."""
        rows = features(self.normalisation.standardise(maps, support), support)
        dvr = np.zeros(support.shape, np.float32)
        dvr[support] = predict_arrays(self.trees, rows)
        return dvr
