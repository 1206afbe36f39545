"""Scores of the ladder study: predict and score held-out patients, and compare methods over patients and seeds."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.cohort.folds import EXTERNAL_FOLD
from myelosketch.evaluation.crossed import crossed_mean
from myelosketch.evaluation.demyelination import threshold_dvr
from myelosketch.evaluation.ladder_scores import (
    ATTAINABLE,
    ATTAINABLE_NETWORK,
    explained_share,
    gradient_energy,
    matched_mcc,
    rank_correlation,
    visible_moments,
)
from myelosketch.evaluation.masks import check_labels, check_prediction, read_measured
from myelosketch.evaluation.scoring import VISIBLE, ScanScorer, read_references
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import check_same_grid, load_volume
from myelosketch.learning.predict import predict_scan

# columns of the table of patients from which a score is computed: one, or three for R²
_MOMENTS = ("mse_visible", "mean_visible", "var_visible")
# in the order of the tables; the first two are the primary scores of the study
METRICS = (
    *("lesion_mae_visible", "lesion_r2_visible", "lesion_mae", "lesion_abs_bias", "lesion_bias"),
    *("auc", "lesion_rank_r", "mcc_matched", "mcc", "sharpness"),
)
SCAN_COLUMNS = (
    *("scan", "method", "seed", "n_lesion_voxels"),
    *_MOMENTS,
    *(metric for metric in METRICS if metric != "lesion_r2_visible"),
)
COLUMNS = (
    *("world", "method", "metric", "value", "ci_low", "ci_high", "n_patients", "n_seeds", "sd_seeds"),
    *("reference", "difference", "diff_ci_low", "diff_ci_high"),
)


def score_patients(
    scans: Sequence[str],
    files: Mapping[str, Sequence[str | Path]],
    shared: Mapping[str, str | Path],
    models: Mapping[str, str | Path],
    output: str | Path,
    *,
    methods: Sequence[str],
    ceilings: Sequence[str],
    seed: int | None,
    settings: Mapping[str, Any],
    min_voxels: int,
    prediction: Mapping[str, Any],
    attainable: str | Path | None = None,
) -> None:
    """Predict held-out patients with some methods and score their lesions. No map is kept.

    Parameters
    ----------
    scans : list of str, of patients
    files : dict of lists of paths, one per scan: what `predict_scan` and `scoring.read_references` read, ``dvr``,
        ``regions`` and the truth's ceilings, ``visible`` among them
    shared : dict of paths: ``threshold``, ``reference_mean``, ``reference_sd``
    models : dict, method -> model folder
    output : path of the TSV, :data:`SCAN_COLUMNS`
    methods : list of str, the methods to score
    ceilings : list of str, maps of ``files`` to score too
    seed : of the training, None for scores that do not depend on it
    settings : dict of the configuration's section ``evaluation``
    min_voxels : int, see `score_lesions`
    prediction : dict, options of `predict_scan`
    attainable : folder of the model of the ceiling ``attainable``, None for none

    Raises
    ------
    InputError, GeometryError : as of `predict_scan` and `scoring.score_scan`
    """
    rows: list[dict[str, Any]] = []
    for number, scan in enumerate(scans):
        of_scan = {key: paths[number] for key, paths in files.items()} | dict(shared)
        with tempfile.TemporaryDirectory() as folder:
            maps: dict[str, str | Path] = {
                name: Path(folder) / f"{name}.nii.gz" for name in (*methods, ATTAINABLE)
            }
            if methods:
                predict_scan(of_scan, models, {name: maps[name] for name in methods}, **prediction)
            if attainable is None:
                del maps[ATTAINABLE]
            else:
                network = {ATTAINABLE_NETWORK: attainable}
                predict_scan(of_scan, network, {ATTAINABLE_NETWORK: maps[ATTAINABLE]}, **prediction)
            maps |= {name: of_scan[name] for name in ceilings}
            found = score_lesions(of_scan, maps, scan, settings=settings, min_voxels=min_voxels)
        rows += [{"scan": scan, "seed": seed} | row for row in found]
    write_table(pd.DataFrame(rows, columns=list(SCAN_COLUMNS)), output)


def score_lesions(
    files: Mapping[str, str | Path],
    maps: Mapping[str, str | Path],
    scan: str,
    *,
    settings: Mapping[str, Any],
    min_voxels: int,
) -> list[dict[str, Any]]:
    """Score the lesions of a patient in several maps, with the code that scores the workflow.

    Parameters
    ----------
    files : dict of paths, see `score_patients`
    maps : dict, method or ceiling -> path of its DVR map
    scan : str, held out of the external fold
    settings : dict of the configuration's section ``evaluation``
    min_voxels : int, smallest number of lesion voxels for AUC, rank correlation and MCC

    Returns
    -------
    list of dict, one per map: ``method`` and the scores of :data:`SCAN_COLUMNS`; NaN without a lesion voxel
    """
    measured, labelled = read_measured(files), load_volume(files["regions"], dtype=np.int16)
    visible = load_volume(files[VISIBLE])
    for other in (labelled, visible):
        check_same_grid(measured, other)
    check_labels(labelled)
    scorer = ScanScorer(
        measured,
        labelled.data,
        read_references(files, measured, scan, EXTERNAL_FOLD)[settings["reference"]],
        **{key: settings[key] for key in ("k", "ks", "dvr_range", "min_lesion_mm3")},
        visible=visible.data,
    )
    lesion, brain = scorer.lesion, scorer.labels > 0
    true = measured.data[lesion]
    demyelinated = true < threshold_dvr(scorer.lesion_reference, scorer.k)
    sharp = gradient_energy(visible.data, brain)
    rows = []
    for method, path in maps.items():
        predicted = load_volume(path)
        check_same_grid(measured, predicted)
        check_prediction(predicted, scorer.labels, method)
        row: dict[str, Any] = {"method": method, "n_lesion_voxels": int(true.size)}
        row["sharpness"] = gradient_energy(predicted.data, brain) / sharp
        if true.size:
            scored = scorer.score(predicted.data, patient=True)
            voxels = next(part for part in scored["voxelwise"] if part["region"] == "lesion")
            found = predicted.data[lesion]
            row |= visible_moments(found, visible.data[lesion])
            row |= {"lesion_mae_visible": voxels["mae_visible"], "lesion_mae": voxels["mae"]}
            row |= {"lesion_bias": voxels["bias"], "lesion_abs_bias": abs(voxels["bias"])}
            if true.size >= min_voxels:
                counts = next(part for part in scored["demyelination"] if part["k"] == scorer.k)
                row |= {name: counts[name] for name in ("auc", "mcc")}
                row["lesion_rank_r"] = rank_correlation(found, true)
                row["mcc_matched"] = matched_mcc(found, demyelinated)
        rows.append(row)
    return rows


def compare_methods(
    scores: pd.DataFrame, order: Sequence[str], *, reference: str, alpha: float
) -> pd.DataFrame:
    """Return every method's scores in a world and its differences from a reference, over patients and seeds.

    Parameters
    ----------
    scores : DataFrame, :data:`SCAN_COLUMNS`, of every part of a world's scores
    order : list of str, methods and ceilings as rows
    reference : method that the others are compared with
    alpha : float, level of the intervals

    Returns
    -------
    DataFrame : :data:`COLUMNS` without ``world``. Intervals are those of `crossed_mean`. A difference compares the
        same patients and, where both methods have several seeds, the same seeds
    """
    rows = []
    for metric in METRICS:
        given = linear_scores(scores, metric)
        for method in order:
            value, cells = given[method]
            mean = crossed_mean(cells.to_numpy(), alpha=alpha)
            row = {"method": method, "metric": metric, "value": value, "reference": reference}
            row |= {"ci_low": mean.ci_low, "ci_high": mean.ci_high, "sd_seeds": mean.sd_seeds}
            row |= {"n_patients": mean.n_patients, "n_seeds": mean.n_seeds}
            if method != reference:
                other, of_reference = given[reference]
                between = crossed_mean(_minus(cells, of_reference), alpha=alpha)
                # R² of fewer seeds differs a little from the mean of its linearised values
                shift = value - other - between.mean
                row |= {"difference": value - other}
                row |= {"diff_ci_low": between.ci_low + shift, "diff_ci_high": between.ci_high + shift}
            rows.append(row)
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "world"])


def linear_scores(scores: pd.DataFrame, metric: str) -> dict[str, tuple[float, pd.DataFrame]]:
    """Return per method the values whose mean is the metric, one per patient (row) and seed (column).

    Only patients with a value by every method and seed count, so that all methods have the same patients.
    """
    columns = _MOMENTS if metric == "lesion_r2_visible" else (metric,)
    methods = scores.method.unique()
    known = scores.groupby("scan")[list(columns)].agg(lambda part: part.notna().all()).all(axis=1)
    scores = scores[scores.scan.map(known)]
    found = {}
    for method, rows in scores.assign(seed=scores.seed.fillna(-1)).groupby("method"):
        tables = [rows.pivot(index="scan", columns="seed", values=name) for name in columns]
        cells = tables[0]
        value = float(cells.to_numpy().mean()) if cells.size else np.nan
        if metric == "lesion_r2_visible" and cells.size:
            mse, mean, variance = (table.to_numpy() for table in tables)
            value, linear = explained_share(mse, mean[:, 0], variance[:, 0])
            cells = pd.DataFrame(linear, index=cells.index, columns=cells.columns)
        found[str(method)] = value, cells
    empty = pd.DataFrame(np.empty((0, 1)))
    return {method: found.get(method, (np.nan, empty)) for method in methods}


def write_ladder(
    parts: Mapping[str, Iterable[str | Path]],
    output: str | Path,
    *,
    order: Sequence[str],
    reference: str,
    alpha: float,
) -> pd.DataFrame:
    """Write the study's table of all worlds.

    Parameters
    ----------
    parts : dict, world -> TSVs of `score_patients`
    output : path
    order, reference, alpha : see `compare_methods`

    Returns
    -------
    DataFrame : :data:`COLUMNS`, the table written
    """
    numeric = [name for name in SCAN_COLUMNS if name not in ("scan", "method")]
    tables = []
    for world, paths in parts.items():
        scores = pd.concat([read_table(path, numeric=numeric) for path in paths], ignore_index=True)
        tables.append(compare_methods(scores, order, reference=reference, alpha=alpha).assign(world=world))
    table = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
    write_table(table, output)
    return table


def _minus(cells: pd.DataFrame, reference: pd.DataFrame) -> np.ndarray:
    """Return the differences of the same patients and seeds: array (patients, seeds)."""
    if cells.shape[1] > 1 and reference.shape[1] > 1:
        seeds = [seed for seed in cells.columns if seed in reference.columns]
        return (cells[seeds] - reference[seeds]).to_numpy()
    return cells.to_numpy() - reference.to_numpy()
