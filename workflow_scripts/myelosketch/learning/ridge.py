"""Linear models of DVR from the MRI maps: the baseline that a network has to beat (ours; not in the paper).

Two variants: "voxelwise" (the four maps of the voxel) and "means3" (means over 3x3x3 voxels and their
products). Ridge regression needs only sums over voxels, X'X and X'y, which add up over participants: every
split, penalty and weighting is then solved without touching the voxels again.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import ndimage

from myelosketch.io.names import INPUT_MAPS, REGION_CODES, subject_of
from myelosketch.learning.data import Normalisation, TrainingScan, data_hash, fit_normalisation
from myelosketch.learning.harmonisation import harmonise_training
from myelosketch.learning.models import load_model, save_model, split_card, value_ranges

VARIANTS = ("voxelwise", "means3")
WEIGHTINGS = ("voxels", "regions")
REGIONS = tuple(REGION_CODES.values())

# region code -> (n, X'X, X'y, y'y)
RegionSums = dict[int, tuple[int, np.ndarray, np.ndarray, float]]


def features(scores: Iterable[np.ndarray], support: np.ndarray, variant: str) -> np.ndarray:
    """Predictors of every voxel inside the support.

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
    """Sums per region that ridge regression needs.

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
    """Ridge coefficients (p,); the constant is not penalised.

    Parameters
    ----------
    all_sums : list of `sums_of_scan`
    alpha : penalty per voxel, on z-scored predictors
    weighting : "voxels" (all brain voxels alike) or "regions" (each region of a scan as one, as in Eq. 5)
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
    """Mean squared error, the regions of a scan weighing the same and the scans too (the measure of Eq. 5,
    squared)."""
    errors = []
    for sums in all_sums:
        per_region = [
            (yy - 2 * coefficients @ xy + coefficients @ xx @ coefficients) / n
            for n, xx, xy, yy in sums.values()
        ]
        errors.append(np.mean(per_region))
    return float(np.mean(errors))


def choose(
    sums: Mapping[str, Sequence[RegionSums]], subjects: Sequence[str], *, alphas: Sequence[float], splits: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Variant, penalty and weighting with the least error on held-out participants of the training fold.

    Parameters
    ----------
    sums : dict variant -> list of `sums_of_scan`
    subjects : participant of each scan
    alphas : penalties to try
    splits : number of inner parts; participants are dealt to them in turn

    Returns
    -------
    (dict, list of dict) : the choice, and every candidate with its error
    """
    order = sorted(set(subjects))
    part = np.array([order.index(subject) % splits for subject in subjects])
    candidates: list[dict[str, Any]] = []
    for variant, scans in sums.items():
        for weighting in WEIGHTINGS:
            for alpha in alphas:
                errors = []
                for held_out in range(splits):
                    inside = [s for s, p in zip(scans, part, strict=True) if p != held_out]
                    outside = [s for s, p in zip(scans, part, strict=True) if p == held_out]
                    if inside and outside:
                        errors.append(region_error(outside, solve(inside, alpha, weighting)))
                error = float(np.mean(errors)) if errors else float("nan")
                candidates.append(
                    {"variant": variant, "weighting": weighting, "alpha": alpha, "error": error}
                )
    return min(candidates, key=lambda entry: entry["error"]), candidates


def fit_ridge(
    scans: Sequence[TrainingScan],
    folder: str | Path,
    *,
    alphas: Sequence[float] = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1),
    splits: int = 4,
    fold: int | None = None,
    inputs: Sequence[str] = INPUT_MAPS,
    harmonise: str = "none",
    controls: Iterable[str] = (),
    sites: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Fit the stronger of the two linear models on the training scans of a fold.

    Parameters
    ----------
    scans : list of TrainingScan
    folder : where model.safetensors and model.json go
    alphas, splits : see `choose`
    fold : number written into the card
    inputs : names of the maps that the model sees
    harmonise : none or controls (training.harmonise)
    controls : names of the healthy controls among the scans
    sites : dict, scan -> site, with harmonise: controls

    Returns
    -------
    dict : the model card

    Raises
    ------
    InputError : a site to harmonise without a control
    """
    scans, white_matter = harmonise_training(scans, controls, sites or {}, setting=harmonise, fold=fold)
    names = [scan.name for scan in scans]
    normalisation = fit_normalisation(scans, inputs)
    sums = {variant: [sums_of_scan(scan, normalisation, variant) for scan in scans] for variant in VARIANTS}
    subjects = [subject_of(name) for name in names]
    choice, candidates = choose(sums, subjects, alphas=alphas, splits=min(splits, len(set(subjects))))
    coefficients = solve(sums[choice["variant"]], choice["alpha"], choice["weighting"])
    print(f"ridge: {choice}", flush=True)
    card = {
        "method": "ridge",
        "fold": fold,
        "choice": choice,
        "inner_split": candidates,
        "normalisation": normalisation.card(),
        **white_matter,
        "input_maps": list(normalisation.inputs),
        "value_ranges": value_ranges(scans, normalisation.inputs),
        "split": split_card(names),
        "data_sha256": data_hash(scans),
    }
    return save_model(folder, {"coefficients": coefficients}, card)


class RidgeModel:
    """A fitted linear model: `load`, then `predict`."""

    def __init__(
        self, coefficients: np.ndarray, normalisation: Normalisation, card: Mapping[str, Any]
    ) -> None:
        self.coefficients, self.normalisation, self.card = coefficients, normalisation, card

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder written by `fit_ridge`."""
        tensors, card = load_model(folder, method="ridge")
        return cls(tensors["coefficients"], Normalisation.from_card(card["normalisation"]), card)

    def predict(self, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
        """DVR (x, y, z), float32, of maps (4, x, y, z) in the cohort's units; 0 outside the support."""
        rows = features(
            self.normalisation.standardise(maps, support), support, self.card["choice"]["variant"]
        )
        dvr = np.zeros(support.shape, np.float32)
        dvr[support] = rows @ self.coefficients
        return dvr
