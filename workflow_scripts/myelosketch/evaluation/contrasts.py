"""Differences between groups, and the demyelinated share against clinical scores, raw and adjusted."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.cohort.columns import adjusting_columns, covariates
from myelosketch.evaluation.adjusted import (
    FITTED,
    RESIDUALS,
    adjusted_difference,
    adjusted_slope,
    group_overlap,
)
from myelosketch.evaluation.inference import holm
from myelosketch.evaluation.scoring import MEASURED
from myelosketch.evaluation.summary import read_scores
from myelosketch.io.tables import read_table, write_table

COLUMNS = ("contrast", "source", "adjusted_for", *FITTED[:5], "p_adjusted", *FITTED[5:])
RESIDUAL_COLUMNS = ("contrast", "source", "adjusted_for", "scan", "subject", *RESIDUALS)
# region of the patients that is compared with the white matter of the controls
GROUP_CONTRASTS = {
    "NAWM minus healthy white matter": "nawm",
    "lesions minus healthy white matter": "lesion",
}
SHARE = "demyelinated share (%) on {}"


def write_contrasts(
    paths: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    adjust_for: Sequence[str],
    relate_to: Sequence[str],
    methods: Sequence[str],
    k: float,
    alpha: float,
) -> None:
    """Write contrasts.tsv and the residuals of the adjusted contrasts.

    Parameters
    ----------
    paths : dict, ``regions``, ``demyelination`` and ``cohort`` -> TSV
    outputs : dict, ``contrasts`` and ``residuals`` -> TSV
    adjust_for, relate_to, methods, k, alpha : see :func:`contrast_tables`
    """
    tables = {name: read_scores(paths[name]) for name in ("regions", "demyelination")}
    people = read_people(paths["cohort"])
    settings: dict[str, Any] = {"adjust_for": adjust_for, "relate_to": relate_to, "methods": methods}
    found, residuals = contrast_tables(tables, people, **settings, k=k, alpha=alpha)
    write_table(found, outputs["contrasts"])
    write_table(residuals, outputs["residuals"])


def read_people(path: str | Path) -> pd.DataFrame:
    """Read the scans of cohort.tsv: ``scan``, ``subject``, ``group``, site and additional columns with their
    types."""
    cohort = read_table(path)
    typed = covariates(cohort).reset_index(drop=True)
    return pd.concat([cohort[["scan", "subject", "group"]], typed], axis=1)


def contrast_tables(
    tables: Mapping[str, pd.DataFrame],
    people: pd.DataFrame,
    *,
    adjust_for: Sequence[str],
    relate_to: Sequence[str],
    methods: Sequence[str],
    k: float,
    alpha: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every contrast, raw and adjusted, in the measured DVR and in the DVR of each method.

    Parameters
    ----------
    tables : dict, ``regions`` and ``demyelination``: rows of scans
    people : DataFrame, one row per scan: ``scan``, and ``site`` and the additional columns of the cohort's table,
        typed
    adjust_for : columns to adjust for. Columns missing from ``people`` are left out, and :func:`contrast_notes`
        names them. If there are several sites, the site is adjusted for too
    relate_to : columns of numbers to which the demyelinated share is related, where ``people`` has them
    methods : list of str
    k : threshold of the demyelinated share
    alpha : float

    Returns
    -------
    DataFrame of COLUMNS, one row per contrast, source and adjustment; p is adjusted by Holm over the sources
    DataFrame of RESIDUAL_COLUMNS, one row per adjusted contrast, source and scan
    """
    # tables of the cross-validation contain no external site
    people = people[people["scan"].isin(tables["regions"]["scan"])]
    known = adjusting_columns(people, adjust_for)
    wanted = people[["scan", *dict.fromkeys([*known, *(name for name in relate_to if name in people)])]]
    rows: list[dict[str, Any]] = []
    for source in (MEASURED, *methods):
        for contrast, values in _group_values(tables["regions"], source):
            rows += _both(
                contrast, source, known, adjusted_difference, values.merge(wanted, on="scan"), alpha
            )
        share = _shares(tables["demyelination"], source, k).merge(wanted, on="scan")
        for name in (name for name in relate_to if name in people):
            slope = partial(adjusted_slope, predictor=name)
            rows += _both(SHARE.format(name), source, known, slope, share, alpha)
    found = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "p_adjusted"])
    families = found.groupby(["contrast", "adjusted_for"], sort=False, dropna=False)["p"]
    found["p_adjusted"] = families.transform(lambda p: holm(p.to_numpy(float)))
    return found[list(COLUMNS)], _residuals(rows)


def _residuals(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the residuals of the adjusted contrasts in one table, which is empty if no contrast is adjusted."""
    parts = [
        row["residuals"].assign(**{name: row[name] for name in RESIDUAL_COLUMNS[:3]})
        for row in rows
        if row["adjusted_for"] and row["residuals"] is not None
    ]
    nothing = pd.DataFrame(columns=list(RESIDUAL_COLUMNS))
    return pd.concat(parts)[list(RESIDUAL_COLUMNS)] if parts else nothing


def contrast_notes(people: pd.DataFrame, adjust_for: Sequence[str], relate_to: Sequence[str]) -> list[str]:
    """Name the limits of the adjustment: columns missing from the table, and groups that hardly overlap.

    Parameters
    ----------
    people : as in :func:`contrast_tables`, with ``subject`` and ``group``
    adjust_for, relate_to : names of columns

    Returns
    -------
    list of sentences
    """
    absent = [name for name in adjust_for if name not in people]
    said = [f"Not adjusted for {', '.join(absent)}: the cohort's table has no such column."] if absent else []
    unused = [name for name in relate_to if name not in people]
    if unused:
        said.append(
            f"The demyelinated share is not related to {', '.join(unused)}: the cohort's table has no such column."
        )
    present = [name for name in adjust_for if name in people]
    return said + group_overlap(people.drop_duplicates("subject"), present)


def _both(
    contrast: str, source: str, covariates: Sequence[str], fit: Any, values: pd.DataFrame, alpha: float
) -> Iterator[dict[str, Any]]:
    """Return the raw contrast and, if there is anything to adjust for, the adjusted one."""
    for names in ([], covariates) if covariates else ([],):
        shared = {"contrast": contrast, "source": source, "adjusted_for": ", ".join(names) or None}
        fitted = fit(values, names, alpha=alpha)
        if fitted["residuals"] is not None:
            fitted["residuals"] = values[["scan", "subject"]].join(fitted["residuals"], how="right")
        yield shared | fitted


def _group_values(regions: pd.DataFrame, source: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return the mean DVR of each scan per contrast: ``scan``, ``subject``, ``group``, ``value``."""
    measured = source == MEASURED
    rows = regions if measured else regions[regions["method"] == source]
    rows = rows[rows["n_voxels"] > 0].drop_duplicates(["scan", "region"])
    rows = rows.assign(value=rows["mean_dvr_true" if measured else "mean_dvr_pred"].astype(float))
    controls = rows[(rows["group"] == "HC") & (rows["region"] == "nawm")]
    for contrast, region in GROUP_CONTRASTS.items():
        patients = rows[(rows["group"] == "MS") & (rows["region"] == region)]
        yield contrast, pd.concat([patients, controls])[["scan", "subject", "group", "value"]]


def _shares(demyelination: pd.DataFrame, source: str, k: float) -> pd.DataFrame:
    """Return the demyelinated share of each patient's scan, percent: ``scan``, ``subject``, ``value``."""
    rows = demyelination[np.isclose(demyelination["k"].astype(float), k)]
    column = "pct_true"
    if source != MEASURED:
        rows, column = rows[rows["method"] == source], "pct_pred"
    rows = rows.drop_duplicates("scan")
    return rows.assign(value=rows[column].astype(float))[["scan", "subject", "value"]]
