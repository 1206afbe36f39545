"""Agreement of predicted with true mean DVR, by lesion and by patient.

Lesions of one patient resemble each other, so intervals come from a bootstrap over patients, never over lesions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.evaluation.bootstrap import icc_of_moments, interval, line_moments, subject_draws
from myelosketch.evaluation.inference import MIN_SUBJECTS
from myelosketch.evaluation.lesions import size_classes
from myelosketch.evaluation.patient_agreement import patient_agreement
from myelosketch.evaluation.places import PLACES
from myelosketch.evaluation.summary import read_scores
from myelosketch.io.tables import write_table

STATISTICS = ("pearson_r", "spearman_r", "icc", "bias", "limit_low", "limit_high")
COLUMNS = (
    *("method", "stratum", "level", "n_lesions", "n_patients", *STATISTICS),
    *(f"{name}_ci_{side}" for name in STATISTICS for side in ("low", "high")),
    "note",
)
# resamples times lesions held in memory at once
CHUNK = 4_000_000


def lesion_agreement(
    lesions: pd.DataFrame,
    *,
    methods: Sequence[str],
    borders: Sequence[float],
    draws: int,
    seed: int,
    alpha: float,
) -> pd.DataFrame:
    """Return the agreement over all lesions, and by size, place and kind.

    Parameters
    ----------
    lesions : DataFrame, ``lesions.tsv``
    methods : list of str
    borders : list of float, of the size classes, mm³
    draws, seed : int, of the bootstrap over patients; alpha : float

    Returns
    -------
    DataFrame : :data:`COLUMNS`, one row per method, stratum (``all``, ``size``, ``place``, ``kind``) and level. With
        fewer than three patients there are only counts and a note
    """
    kinds = sorted(lesions["kind"].dropna().unique())
    levels = {"size": size_classes(borders), "place": PLACES, "kind": kinds}
    rows = []
    for method in methods:
        own = lesions[lesions["method"] == method].sort_values(["subject", "scan", "lesion"], kind="stable")
        strata = [("all", "all", own)]
        strata += [(name, level, own[own[name] == level]) for name in levels for level in levels[name]]
        for stratum, level, chosen in strata:
            row = {"method": method, "stratum": stratum, "level": level}
            rows.append(row | agreement_of(chosen, draws=draws, seed=seed, alpha=alpha))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def agreement_of(lesions: pd.DataFrame, *, draws: int, seed: int, alpha: float) -> dict[str, Any]:
    """Return the statistics of some lesions of one method, with their intervals.

    Parameters
    ----------
    lesions : DataFrame : ``subject``, ``mean_dvr_true``, ``mean_dvr_pred``
    draws, seed : int; alpha : float

    Returns
    -------
    dict : the entries of :data:`COLUMNS` without method, stratum and level
    """
    true, predicted = (lesions[name].to_numpy(float) for name in ("mean_dvr_true", "mean_dvr_pred"))
    subjects, patient = np.unique(lesions["subject"].astype(str), return_inverse=True)
    n = len(subjects)
    counts: dict[str, Any] = {"n_lesions": len(lesions), "n_patients": n, "note": None}
    if n < MIN_SUBJECTS:
        return counts | {"note": f"fewer than {MIN_SUBJECTS} patients" if n else "no lesion"}
    once = {
        name: float(value[0])
        for name, value in _statistics(true, predicted, patient, np.ones((1, n))).items()
    }
    resamples = subject_draws(n, draws=draws, seed=seed)
    step = max(1, CHUNK // len(lesions))
    parts = [_statistics(true, predicted, patient, resamples[i : i + step]) for i in range(0, draws, step)]
    bounds = {}
    for name in STATISTICS:
        replicates = np.concatenate([part[name] for part in parts])
        bounds[f"{name}_ci_low"], bounds[f"{name}_ci_high"] = interval(replicates, n, alpha)
    if np.isnan(once["pearson_r"]):
        counts["note"] = "the lesions' means do not vary"
    return counts | once | bounds


def _statistics(
    true: np.ndarray, predicted: np.ndarray, patient: np.ndarray, draws: np.ndarray
) -> dict[str, np.ndarray]:
    """Return every statistic in each resample. ``draws`` (draws, patients) counts how often a patient is drawn."""
    moments = draws @ line_moments(true, predicted, patient)
    n, sx, sy, sxx, sxy, syy = moments.T
    # line_moments centres both, so their means are added again here
    shift = predicted.mean() - true.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        vx, vy, cxy = sxx - sx**2 / n, syy - sy**2 / n, sxy - sx * sy / n
        flat = 1e-12 * n
        pearson = np.where((vx > flat) & (vy > flat), cxy / np.sqrt(vx * vy), np.nan)
        bias = (sy - sx) / n + shift
        spread = np.sqrt(np.clip(vx + vy - 2 * cxy, 0, None) / (n - 1))
    limits = 1.96 * spread
    return {
        "pearson_r": np.clip(pearson, -1, 1),
        "spearman_r": _spearman(true, predicted, patient, draws),
        "icc": icc_of_moments(moments, shift),
        "bias": bias,
        "limit_low": bias - limits,
        "limit_high": bias + limits,
    }


def _spearman(x: np.ndarray, y: np.ndarray, patient: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return the Spearman correlation in each resample."""
    weights = draws[:, patient]
    # the mean rank is the same with and without ties
    centre = (weights.sum(axis=1, keepdims=True) + 1) / 2
    a, b = (ranks_of_draws(values, patient, draws) - centre for values in (x, y))
    saa, sbb, sab = (np.einsum("dm,dm,dm->d", weights, u, v) for u, v in ((a, a), (b, b), (a, b)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((saa > 1e-9) & (sbb > 1e-9), sab / np.sqrt(saa * sbb), np.nan)


def ranks_of_draws(values: np.ndarray, patient: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return the mean rank of each value among the values of the drawn patients.

    A rank counts smaller values per patient, so one matrix product gives all resamples.

    Parameters
    ----------
    values : float array (m,)
    patient : integer array (m,), 0 to n - 1
    draws : float array (draws, n), how often each patient is drawn

    Returns
    -------
    float array (draws, m). The rank of a value has no meaning in draws without its patient
    """
    distinct, code = np.unique(values, return_inverse=True)
    counts = np.zeros((draws.shape[1], distinct.size))
    np.add.at(counts, (patient, code), 1)
    below = np.cumsum(counts, axis=1) - counts / 2  # ties count one half
    return draws @ below[:, code] + 0.5


def write_agreement(
    paths: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    methods: Sequence[str],
    borders: Sequence[float],
    k: float,
    bootstrap: int,
    seed: int,
    alpha: float,
) -> None:
    """Write ``lesion_agreement.tsv`` and ``patient_agreement.tsv``.

    Parameters
    ----------
    paths : dict, ``lesions``, ``demyelination`` and ``regions`` -> TSV
    outputs : dict, ``lesion_agreement`` and ``patient_agreement`` -> TSV
    methods, borders, seed, alpha : as in :func:`lesion_agreement`; k : float; bootstrap : int, resamples
    """
    tables = {name: read_scores(path) for name, path in paths.items()}
    options: dict[str, Any] = {"draws": int(bootstrap), "seed": int(seed), "alpha": float(alpha)}
    by_lesion = lesion_agreement(tables["lesions"], methods=methods, borders=borders, **options)
    write_table(by_lesion, outputs["lesion_agreement"])
    by_patient = patient_agreement(
        tables["demyelination"], tables["regions"], methods=methods, k=k, alpha=alpha
    )
    write_table(by_patient, outputs["patient_agreement"])
