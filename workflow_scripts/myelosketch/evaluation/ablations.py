"""Ablations: variants of the training, scored like the configured training and compared per subject."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.gather import gather_tables
from myelosketch.evaluation.inference import holm, paired_difference
from myelosketch.evaluation.scoring import TABLES, score_scan
from myelosketch.evaluation.summary import metric_values, read_scores
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import write_table
from myelosketch.learning.ladder import CONFIGURED
from myelosketch.learning.predict import predict_scan

KEPT = ("voxelwise", "demyelination")
COMPARED = ("lesion_mae", "mcc", "dice_minus_trivial", "pct_bias")
COLUMNS = (
    *("variant", "method", "metric", "mean", "ci_low", "ci_high", "n", "n_seeds"),
    *("configured", "difference", "diff_ci_low", "diff_ci_high", "seed_low", "seed_high"),
    *("p_wilcoxon", "p_adjusted", "seconds", "note"),
)


def score_variant(
    scans: Iterable[Mapping[str, Any]],
    models: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    methods: Sequence[str],
    settings: Mapping[str, Any],
    prediction: Mapping[str, Any],
) -> None:
    """Predict the held-out scans of a fold with the models of one variant and score them. No map is kept.

    Parameters
    ----------
    scans : list of dict, one per scan: ``scan``, ``subject``, ``group``, ``fold``, ``site``, and ``files`` with what
        `learning.predict.predict_scan` and `evaluation.scoring.score_scan` read
    models : dict, method -> model folder, for all models that ``methods`` need
    outputs : dict, ``voxelwise`` and ``demyelination`` -> TSV to write
    methods : list of str, the methods to score
    settings : dict, as of `score_scan`
    prediction : dict, options of `predict_scan`
    """
    with tempfile.TemporaryDirectory() as folder:
        scored = {}
        for entry in scans:
            of_scan = Path(folder) / entry["scan"]
            of_scan.mkdir()
            maps = {method: of_scan / f"{method}.nii.gz" for method in methods}
            facts = {key: value for key, value in entry.items() if key != "site"}
            predict_scan(entry["files"], models, maps, site=entry["site"], **prediction)
            scored[entry["scan"]] = {name: of_scan / f"{name}.tsv" for name in TABLES}
            score_scan(predictions=maps, masks={}, tables=scored[entry["scan"]], settings=settings, **facts)
        for name in KEPT:
            gather_tables({scan: tables[name] for scan, tables in scored.items()}, outputs[name])


def write_ablations(
    tables: Iterable[str | Path],
    cards: Iterable[str | Path],
    configured: Mapping[str, str | Path],
    output: str | Path,
    *,
    k: float,
    bootstrap: int,
    seed: int,
    alpha: float,
) -> None:
    """Write ``ablations.tsv`` from the scores of all variants.

    Parameters
    ----------
    tables : list of paths, ``VARIANT/seed-S/fold-N/TABLE.tsv`` of every variant, seed, fold and table of
        `score_variant`, in the order of the rows; the variant `CONFIGURED` is listed for the additional seeds only
    cards : list of paths, ``VARIANT/seed-S/fold-N/METHOD/model.json``
    configured : dict, ``voxelwise`` and ``demyelination`` -> TSV of the configured training, all scans
    output : path
    k : float, threshold of the demyelination scores
    bootstrap : int; seed : int, the configured seed, which the bootstrap uses too; alpha : float
    """
    parts: dict[str, dict[int, dict[str, list[pd.DataFrame]]]] = {}
    seconds: dict[tuple[str, str], float] = {}
    for path in map(Path, tables):
        variant, of_seed = path.parts[-4], int(path.parts[-3].removeprefix("seed-"))
        found = parts.setdefault(variant, {}).setdefault(of_seed, {})
        found.setdefault(path.stem, []).append(read_scores(path))
    for path in map(Path, cards):
        key = path.parts[-5], path.parts[-2]
        seconds[key] = seconds.get(key, 0) + read_json(path)["seconds"]
    scores = {
        variant: {
            of_seed: {table: pd.concat(rows, ignore_index=True) for table, rows in found.items()}
            for of_seed, found in seeds.items()
        }
        for variant, seeds in parts.items()
    }
    given = {seed: {table: read_scores(path) for table, path in configured.items()}}
    scores = {CONFIGURED: given | scores.pop(CONFIGURED, {})} | scores
    write_table(compare_variants(scores, seconds, k=k, draws=bootstrap, seed=seed, alpha=alpha), output)


def compare_variants(
    scores: Mapping[str, Mapping[int, Mapping[str, pd.DataFrame]]],
    seconds: Mapping[tuple[str, str], float],
    *,
    k: float,
    draws: int,
    seed: int,
    alpha: float,
) -> pd.DataFrame:
    """Return the means of every variant over seeds and subjects, and their differences from the configured training.

    Parameters
    ----------
    scores : dict, variant -> seed -> dict of DataFrame, ``voxelwise`` and ``demyelination``; their ``method`` says
        which model was scored. `CONFIGURED` has every seed of the others. Only subjects that the others scored count
    seconds : dict, (variant, method) -> training time
    k, alpha : float; draws, seed : int, of the bootstrap over subjects

    Returns
    -------
    DataFrame : :data:`COLUMNS`. A subject's score is the mean over seeds. ``difference`` is variant minus configured.
        Its interval comes from the bootstrap over subjects. ``seed_low`` and ``seed_high`` are the lowest and highest
        difference between variant and configured training for one seed. `CONFIGURED` is listed if it has several
        seeds; its two values are differences of one seed to the mean of all. ``p_adjusted`` is Wilcoxon's p adjusted
        by Holm over the variants of a method and metric

    Raises
    ------
    InputError : a variant has a method that the configured run did not score
    """
    options = {"draws": draws, "seed": seed, "alpha": alpha}
    rows = []
    for metric in COMPARED:
        values = {
            variant: {number: metric_values(metric, tables, k) for number, tables in seeds.items()}
            for variant, seeds in scores.items()
        }
        reference = values.pop(CONFIGURED)
        if len(reference) > 1:
            scored = next(reversed(reference.values()))  # only the folds that are compared
            for method in scored:
                frame = _by_seed(reference, method).reindex(scored.index)
                row = {"variant": CONFIGURED, "method": method, "metric": metric}
                rows.append(row | _spread(frame, **options))
        for variant, seeds in values.items():
            for method in _methods(scores[variant]):
                if method not in _methods(scores[CONFIGURED]):
                    raise InputError(
                        f"The ablation {variant} scores {method}, which the configured run does not: "
                        "add it to training.methods."
                    )
                pair = _by_seed(seeds, method), _by_seed(reference, method)
                row = {"variant": variant, "method": method, "metric": metric}
                rows.append(row | _difference(*pair, **options))
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("p_adjusted", "seconds")])
    table["seconds"] = [seconds.get(key, np.nan) for key in zip(table.variant, table.method, strict=True)]
    adjusted = table.groupby(["method", "metric"], sort=False)["p_wilcoxon"]
    table["p_adjusted"] = adjusted.transform(lambda p: holm(p.to_numpy(float)))
    return table[list(COLUMNS)]


def _methods(seeds: Mapping[int, Mapping[str, pd.DataFrame]]) -> np.ndarray:
    return next(iter(seeds.values()))["voxelwise"].method.unique()


def _by_seed(values: Mapping[int, pd.DataFrame], method: str) -> pd.DataFrame:
    """Return the scores of a method, one row per subject and one column per seed."""
    empty = pd.Series(dtype=float)
    return pd.DataFrame(
        {seed: found[method].astype(float) if method in found else empty for seed, found in values.items()}
    )


def _spread(frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the rows of the configured training: how far its seeds are from their mean."""
    scores = frame.mean(axis=1, skipna=False)
    mean, low, high, n = mean_interval(scores, **options)
    of_seeds = frame[scores.notna()].mean() - mean
    return {
        **{"mean": mean, "ci_low": low, "ci_high": high, "n": n, "n_seeds": frame.shape[1]},
        **{"configured": mean, "difference": 0.0},
        **{"seed_low": of_seeds.min(), "seed_high": of_seeds.max()},
    }


def _difference(frame: pd.DataFrame, reference: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Compare a variant with the configured training, seed by seed."""
    reference = reference.reindex(index=frame.index, columns=frame.columns)
    values, given = frame.mean(axis=1, skipna=False), reference.mean(axis=1, skipna=False)
    mean, low, high, n = mean_interval(values, **options)
    difference, diff_low, diff_high, _ = mean_interval(values - given, **options)
    of_seeds = (frame - reference)[(values - given).notna()].mean()
    test = paired_difference(values, given, alpha=options["alpha"])
    return {
        **{"mean": mean, "ci_low": low, "ci_high": high, "n": n, "n_seeds": frame.shape[1]},
        **{"configured": float(given[values.notna()].mean()), "difference": difference},
        **{"diff_ci_low": diff_low, "diff_ci_high": diff_high},
        **{"seed_low": of_seeds.min(), "seed_high": of_seeds.max()},
        **{"p_wilcoxon": test["p"], "note": test["note"]},
    }
