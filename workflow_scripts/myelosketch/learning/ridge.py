"""Linear models of DVR from the MRI maps: baselines for the networks (our addition, not in the paper).

Two methods: `ridgevoxel` (variant "voxelwise": the maps of the voxel) and `ridgemeans` (variant "means3": means over
3x3x3 voxels and their products). Ridge regression needs only sums over voxels, X'X and X'y, which can be added over
participants. Every split, penalty and weighting is then solved without reading the voxels again.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import ndimage

from myelosketch.io.names import INPUT_MAPS, REGION_CODES, subject_of
from myelosketch.learning.data import Normalisation, TrainingScan, fit_normalisation, inner_parts
from myelosketch.learning.ladder import RIDGE_METHODS
from myelosketch.learning.models import load_model

# method -> its predictors
VARIANTS = dict(zip(RIDGE_METHODS, ("voxelwise", "means3"), strict=True))
WEIGHTINGS = ("voxels", "regions")
REGIONS = tuple(REGION_CODES.values())

# region code -> (n, X'X, X'y, y'y)
RegionSums = dict[int, tuple[int, np.ndarray, np.ndarray, float]]


def features(scores: Iterable[np.ndarray], support: np.ndarray, variant: str) -> np.ndarray:
    """Return the predictors of every voxel inside the support.

    Parameters
    ----------
    scores : array (inputs, x, y, z), z-scores
    support : bool array (x, y, z)
    variant : "voxelwise" or "means3"; means are over the neighbours inside the support

    Returns
    -------
    float64 array (voxels, p), first column 1
    """
    if variant == "means3":
        count = ndimage.uniform_filter(support.astype(np.float64), 3, mode="constant")[support]
        means = [
            ndimage.uniform_filter(np.asarray(score, np.float64), 3, mode="constant") for score in scores
        ]
        columns = [mean[support] / count for mean in means]
        columns += [a * b for a, b in combinations_with_replacement(columns, 2)]
    else:
        columns = [score[support] for score in scores]
    return np.stack([np.ones(int(support.sum())), *columns], axis=1).astype(np.float64)


def sums_of_scan(scan: TrainingScan, normalisation: Normalisation, variant: str) -> RegionSums:
    """Return the sums per region that ridge regression needs.

    Returns
    -------
    dict region code -> (n, X'X, X'y, y'y); regions without a voxel are left out
    """
    support = scan.support & scan.brain
    rows = features(normalisation.standardise(scan.maps, scan.support), scan.support, variant)[
        support[scan.support]
    ]
    target, region = scan.dvr[support].astype(np.float64), scan.regions[support]
    sums: RegionSums = {}
    for code in REGIONS:
        x, y = rows[region == code], target[region == code]
        if len(y):
            sums[code] = (len(y), x.T @ x, x.T @ y, y @ y)
    return sums


def solve(all_sums: Sequence[RegionSums], alpha: float, weighting: str) -> np.ndarray:
    """Return ridge coefficients (p,). The constant is not penalised.

    Parameters
    ----------
    all_sums : list of `sums_of_scan`
    alpha : penalty per voxel, on z-scored predictors
    weighting : "voxels" (equal weight per brain voxel) or "regions" (equal weight per region of a scan, as in Eq. 5)
    """
    xx: np.ndarray = np.zeros(())
    xy: np.ndarray = np.zeros(())
    for sums in all_sums:
        voxels = sum(n for n, *_ in sums.values())
        for n, region_xx, region_xy, _ in sums.values():
            weight = 1 / voxels if weighting == "voxels" else 1 / (n * len(sums))
            xx, xy = xx + weight * region_xx, xy + weight * region_xy
    penalty = alpha * len(all_sums) * np.eye(len(xy))
    penalty[0, 0] = 0
    return np.linalg.solve(xx + penalty, xy)


def region_error(all_sums: Sequence[RegionSums], coefficients: np.ndarray) -> float:
    """Return the mean squared error with equal weights of scans and of regions in a scan (Eq. 5, squared)."""
    errors = []
    for sums in all_sums:
        per_region = [
            (yy - 2 * coefficients @ xy + coefficients @ xx @ coefficients) / n
            for n, xx, xy, yy in sums.values()
        ]
        errors.append(np.mean(per_region))
    return float(np.mean(errors))


def choose(
    sums: Sequence[RegionSums], subjects: Sequence[str], *, alphas: Sequence[float], splits: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Choose the penalty and weighting with the smallest error on held-out participants of the training fold.

    Parameters
    ----------
    sums : list of `sums_of_scan`
    subjects : participant of each scan
    alphas : penalties to try
    splits : number of inner parts; see `data.inner_parts`

    Returns
    -------
    (dict, list of dict) : the choice, and every candidate with its error
    """
    part = inner_parts(subjects, splits)
    candidates: list[dict[str, Any]] = []
    for weighting in WEIGHTINGS:
        for alpha in alphas:
            errors = []
            for held_out in sorted(set(part)):
                inside = [s for s, p in zip(sums, part, strict=True) if p != held_out]
                outside = [s for s, p in zip(sums, part, strict=True) if p == held_out]
                if inside and outside:
                    errors.append(region_error(outside, solve(inside, alpha, weighting)))
            error = float(np.mean(errors)) if errors else float("nan")
            candidates.append({"weighting": weighting, "alpha": alpha, "error": error})
    return min(candidates, key=lambda entry: entry["error"]), candidates


def fit_linear(
    method: str,
    scans: Sequence[TrainingScan],
    *,
    alphas: Sequence[float] = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1),
    splits: int = 4,
    inputs: Sequence[str] = INPUT_MAPS,
) -> "RidgeModel":
    """Fit one linear model, with penalty and weighting chosen by inner cross-validation on these scans.

    Parameters
    ----------
    method : of VARIANTS
    scans : list of TrainingScan; no other scan is read
    alphas, splits : see `choose`
    inputs : names of the input maps

    Returns
    -------
    RidgeModel : its card contains ``variant``, ``choice`` and ``inner_split``
    """
    variant = VARIANTS[method]
    normalisation = fit_normalisation(scans, inputs)
    sums = [sums_of_scan(scan, normalisation, variant) for scan in scans]
    subjects = [subject_of(scan.name) for scan in scans]
    choice, candidates = choose(sums, subjects, alphas=alphas, splits=splits)
    coefficients = solve(sums, choice["alpha"], choice["weighting"])
    card = {"variant": variant, "choice": choice, "inner_split": candidates}
    return RidgeModel(coefficients, normalisation, card)


class RidgeModel:
    """A fitted linear model: `load`, then `predict`."""

    def __init__(
        self, coefficients: np.ndarray, normalisation: Normalisation, card: Mapping[str, Any]
    ) -> None:
        self.coefficients, self.normalisation, self.card = coefficients, normalisation, card

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that are written next to the card."""
        return {"coefficients": self.coefficients}

    @classmethod
    def load(cls, folder: str | Path, *, method: str | None = None) -> Self:
        """Read a model folder written by `baselines.fit_baseline`; ``method`` is the expected method, optional."""
        tensors, card = load_model(folder, method=method)
        return cls(tensors["coefficients"], Normalisation.from_card(card["normalisation"]), card)

    def predict(self, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return the DVR (x, y, z), float32, of maps (4, x, y, z) in the cohort's units; 0 outside the support."""
        rows = features(self.normalisation.standardise(maps, support), support, self.card["variant"])
        dvr = np.zeros(support.shape, np.float32)
        dvr[support] = rows @ self.coefficients
        return dvr
