"""User-defined regions over all scans: one table, and means, errors and agreement over the participants."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.inference import icc_2_1
from myelosketch.evaluation.own_regions import COLUMNS, check_lists
from myelosketch.io.names import GROUPS
from myelosketch.io.tables import read_table, write_table

NUMERIC = ("index", "mean_dvr_true", "mean_dvr_pred", "n_voxels", "coverage")
# columns that get a mean over participants with its interval
MEANS = ("mean_dvr_true", "mean_dvr_pred", "error")
SUMMARY_COLUMNS = (
    *("atlas", "index", "region", "group", "method", "n"),
    *(f"{name}{part}" for name in MEANS for part in ("", "_ci_low", "_ci_high")),
    *("mean_abs_error", "icc", "icc_ci_low", "icc_ci_high", "n_voxels", "coverage"),
)
_REGION = ["atlas", "index", "region"]


def gather(
    tables: Iterable[str | Path],
    output: str | Path,
    summary: str | Path,
    *,
    methods: Sequence[str],
    draws: int,
    seed: int,
    alpha: float,
) -> None:
    """Write own_regions.tsv and own_regions_summary.tsv.

    Parameters
    ----------
    tables : paths of the tables of ``own_regions.score_scan``, one per scan
    output, summary : paths
    methods : list of str, in the order of the rows
    draws, seed, alpha : of the bootstrap over subjects

    Raises
    ------
    InputError : a label with two names
    """
    scans = [read_table(path, numeric=NUMERIC) for path in tables]
    table = with_empty(pd.concat(scans, ignore_index=True), methods)
    check_lists(table)
    write_table(table, output)
    write_table(summarise(table, methods=methods, draws=draws, seed=seed, alpha=alpha), summary)


def with_empty(table: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Return the rows of all scans. A region that is missing in a scan of its atlas gets a row without voxels.

    Returns
    -------
    DataFrame : sorted by atlas, region, method and scan
    """
    scans = table[["atlas", "method", "scan", "subject", "fold", "group"]].drop_duplicates()
    every = table[_REGION].drop_duplicates().merge(scans, on="atlas")
    full = every.merge(table[["atlas", "index", "region", "method", "scan", *NUMERIC[1:]]], how="left")
    full["n_voxels"] = full["n_voxels"].fillna(0).astype(int)
    full["index"] = full["index"].astype(int)
    order = full["method"].map({method: place for place, method in enumerate(methods)})
    full = full.assign(_order=order).sort_values(["atlas", "index", "_order", "scan"], kind="stable")
    return full[list(COLUMNS)].reset_index(drop=True)


def summarise(
    table: pd.DataFrame, *, methods: Sequence[str], draws: int, seed: int, alpha: float
) -> pd.DataFrame:
    """Return means over participants with intervals, error and ICC(2,1), per region, group and method.

    A participant with several scans counts once, by their mean. A participant without a voxel of the region does not
    count.

    Parameters
    ----------
    table : of ``with_empty``
    methods, draws, seed, alpha : as of ``gather``

    Returns
    -------
    DataFrame : SUMMARY_COLUMNS; ``n`` counts participants with a measured and a predicted value, or with a
        predicted one where no participant has a PET
    """
    values = ["mean_dvr_true", "mean_dvr_pred", "n_voxels", "coverage"]
    known = table.assign(group=table["group"].fillna(""))
    people = known.groupby([*_REGION, "group", "method", "subject"], sort=False)[values].mean().reset_index()
    people["error"] = people["mean_dvr_pred"] - people["mean_dvr_true"]
    rows = []
    for key, own in people.groupby([*_REGION, "group", "method"], sort=False):
        rows.append(
            dict(zip([*_REGION, "group", "method"], key, strict=True))
            | _over_people(own, draws=draws, seed=seed, alpha=alpha)
        )
    result = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    ranks = [*GROUPS, ""], list(methods)
    order = [
        result[name].map(list(known).index) for name, known in zip(("group", "method"), ranks, strict=True)
    ]
    result = result.assign(_group=order[0], _method=order[1])
    return result.sort_values(["atlas", "index", "_group", "_method"], kind="stable")[list(SUMMARY_COLUMNS)]


def _over_people(own: pd.DataFrame, *, draws: int, seed: int, alpha: float) -> dict[str, Any]:
    # the three means are over the same participants
    paired = own[own["error"].notna()] if own["error"].notna().any() else own[own["mean_dvr_pred"].notna()]
    row: dict[str, Any] = {"n": len(paired)}
    for name in MEANS:
        mean, low, high, _ = mean_interval(paired[name], draws=draws, seed=seed, alpha=alpha)
        row |= {name: mean, f"{name}_ci_low": low, f"{name}_ci_high": high}
    icc = icc_2_1(paired[["mean_dvr_pred", "mean_dvr_true"]].to_numpy(float), alpha=alpha)
    row |= {"icc": icc["estimate"], "icc_ci_low": icc["ci_low"], "icc_ci_high": icc["ci_high"]}
    return row | {
        "mean_abs_error": float(np.abs(paired["error"]).mean()) if len(paired) else np.nan,
        "n_voxels": own["n_voxels"].mean(),
        "coverage": own["coverage"].mean(),
    }
