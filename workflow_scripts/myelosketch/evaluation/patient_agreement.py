"""Agreement of predicted with true values of each patient: demyelinated share, mean DVR of lesions and of NAWM."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.evaluation.inference import MIN_SUBJECTS, bland_altman, icc_2_1
from myelosketch.evaluation.voxelwise import pearson

MEASURES = ("pct_demyelinated", "mean_dvr_lesion", "mean_dvr_nawm")
COLUMNS = (
    *("method", "measure", "n", "icc", "icc_ci_low", "icc_ci_high", "bias", "bias_ci_low", "bias_ci_high"),
    *("limit_low", "limit_high", "pearson_r", "note"),
)


def patient_agreement(
    demyelination: pd.DataFrame, regions: pd.DataFrame, *, methods: Sequence[str], k: float, alpha: float
) -> pd.DataFrame:
    """Return ICC(2,1), Bland–Altman and Pearson correlation over patients. Scans of a patient are averaged.

    Parameters
    ----------
    demyelination, regions : DataFrames, ``demyelination.tsv`` and ``regions.tsv``
    methods : list of str
    k : float; alpha : float

    Returns
    -------
    DataFrame : :data:`COLUMNS`, one row per method and :data:`MEASURES`
    """
    pairs = patient_values(demyelination, regions, k)
    rows = []
    for method in methods:
        for measure in MEASURES:
            chosen = pairs[(pairs["method"] == method) & (pairs["measure"] == measure)]
            true, predicted = (chosen[name].to_numpy(float) for name in ("true", "predicted"))
            rows.append({"method": method, "measure": measure} | _agreement(predicted, true, alpha))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def patient_values(demyelination: pd.DataFrame, regions: pd.DataFrame, k: float) -> pd.DataFrame:
    """Return the true and predicted value of each patient.

    Returns
    -------
    DataFrame : method, subject, measure, true, predicted; patients without a value are left out
    """
    shares = demyelination[np.isclose(demyelination["k"].astype(float), k)]
    patients = regions[(regions["group"] == "MS") & (regions["n_voxels"] > 0)]
    means = ("mean_dvr_true", "mean_dvr_pred")
    sources = [("pct_demyelinated", shares, ("pct_true", "pct_pred"))]
    sources += [
        (f"mean_dvr_{name}", patients[patients["region"] == name], means) for name in ("lesion", "nawm")
    ]
    tables = []
    for measure, table, (true, predicted) in sources:
        values = table.assign(true=table[true].astype(float), predicted=table[predicted].astype(float))
        values = values.groupby(["method", "subject"])[["true", "predicted"]].mean().dropna()
        tables.append(values.reset_index().assign(measure=measure))
    return pd.concat(tables, ignore_index=True)


def _agreement(predicted: np.ndarray, true: np.ndarray, alpha: float) -> dict[str, Any]:
    """Return the row of one method and measure."""
    icc = icc_2_1(np.column_stack([predicted, true]), alpha=alpha)
    bias = bland_altman(predicted, true, alpha=alpha)
    # the note of the ICC covers the bias too, or explains what the ICC lacks
    row = {"n": icc["n"], "note": icc["note"], "pearson_r": np.nan}
    if icc["n"] >= MIN_SUBJECTS:  # two points are always on a line
        row["pearson_r"] = pearson(predicted, true)
    row |= {"icc": icc["estimate"], "bias": bias["estimate"]}
    row |= {name: bias[name] for name in ("limit_low", "limit_high")}
    for name, result in (("icc", icc), ("bias", bias)):
        row |= {f"{name}_ci_{side}": result[f"ci_{side}"] for side in ("low", "high")}
    if not row["n"]:
        row["note"] = "no patient with a value"
    return row
