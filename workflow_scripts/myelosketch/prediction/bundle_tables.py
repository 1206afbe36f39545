"""The tables of a model bundle, from those of a run's evaluation, without names of participants."""

import hashlib

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.evaluation.masks import REGIONS
from myelosketch.io.tables import table_text
from myelosketch.prediction.bundle_layout import BASELINE, TABLES


def without_names(residuals: pd.DataFrame) -> pd.DataFrame:
    """Replace each participant of the residuals by a number, from 1.

    The numbers follow the SHA-256 of the participant's rows. They are therefore reproducible and do not reveal the
    order of the cohort. A shuffle would, because the seed is in the model card.

    Parameters
    ----------
    residuals : DataFrame of `held_out_residuals`

    Returns
    -------
    DataFrame, same columns; sorted by quantity and number
    """
    columns = list(TABLES["residuals"])
    hashes = {}
    for participant, rows in residuals.groupby("participant", sort=False):
        lines = table_text(rows[columns].drop(columns="participant")).splitlines()
        hashes[participant] = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    order = sorted(hashes, key=hashes.__getitem__)
    numbers = {participant: number for number, participant in enumerate(order, 1)}
    table = residuals[columns].assign(participant=residuals["participant"].map(numbers))
    table["order"] = table["quantity"].map({name: i for i, name in enumerate(residuals["quantity"].unique())})
    # the order of the rows of a participant, such as that of the lesions, is kept
    return table.sort_values(["order", "participant"], kind="stable", ignore_index=True)[columns]


def expected_errors(calibration: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the mean error of a voxel by region and predicted DVR, over held-out participants.

    Parameters
    ----------
    calibration : DataFrame, the run's ``calibration.tsv``
    method : str

    Returns
    -------
    DataFrame : ``region`` (lesion, nawm, other), ``dvr_pred`` (centre of a bin), ``mean_abs_error`` (mean over
        participants, the voxels of a participant's scans pooled), ``n_participants``

    Raises
    ------
    InputError : an older version wrote the table, so it has no errors
    """
    if "mean_abs_error" not in calibration:
        raise InputError(
            "The table calibration.tsv has no column mean_abs_error, so an older version wrote it: run the "
            "evaluation again."
        )
    own = calibration[(calibration["method"] == method) & calibration["region"].isin(REGIONS[1:])]
    own = own.assign(dvr_pred=own["dvr_pred"].round(6), sum=own["mean_abs_error"] * own["n_voxels"])
    sums = own.groupby(["region", "dvr_pred", "subject"])[["sum", "n_voxels"]].sum()
    means = (
        (sums["sum"] / sums["n_voxels"]).groupby(["region", "dvr_pred"]).agg(["mean", "count"]).reset_index()
    )
    means.columns = pd.Index(TABLES["errors"])
    return means


def shown_scores(summary: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the rows of ``summary.tsv`` for the bundled method and, if it was fitted, the trivial baseline.

    Parameters
    ----------
    summary : DataFrame
    method : str

    Returns
    -------
    DataFrame : columns of ``scores``; the method first

    Raises
    ------
    InputError : the method has no score
    """
    parts = [summary[summary["method"] == name] for name in dict.fromkeys((method, BASELINE))]
    if not np.isfinite(parts[0]["mean"].astype(float)).any():
        raise InputError(
            f"The table summary.tsv has no score of {method}, so a bundle cannot state how well it predicts: run "
            "the evaluation again."
        )
    return pd.concat(parts, ignore_index=True)[list(TABLES["scores"])]
