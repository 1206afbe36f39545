"""Demyelinated share of each patient's lesion voxels (Fig. 5A of Wei et al. 2018)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.source_tables import finite_rows, rows_of, table_to_draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PERCENT_COLUMNS = ("method", "scan", "subject", "k", "n_lesion_voxels", "pct_true", "pct_pred")


def build_demyelinated_percentage(
    demyelination: str | Path, *, method: str, k: float, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw Figure 5A: percentage of demyelinated lesion voxels of each patient, true and predicted.

    Parameters
    ----------
    demyelination : path of demyelination.tsv
    method : the method shown
    k : threshold, mean - k SD of healthy white matter
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    numeric = ("k", "n_lesion_voxels", "pct_true", "pct_pred")
    table = table_to_draw(demyelination, PERCENT_COLUMNS, numeric=numeric)
    words = f"demyelinated percentage of {method_name(method)} at k = {k:g}"
    table = finite_rows(rows_of(table, words, method=method, k=k), ("pct_true", "pct_pred"), words)
    table = table.sort_values(["pct_true", "scan"], ascending=[False, True]).reset_index(drop=True)
    with style.one_column():
        return _bars(table, method, k, simulated), table[list(PERCENT_COLUMNS)]


def _bars(table: pd.DataFrame, method: str, k: float, simulated: bool) -> Figure:
    figure, axes = plt.subplots(figsize=(style.COLUMN, 3.0))
    place = np.arange(len(table))
    edge: dict[str, Any] = {"edgecolor": "black", "linewidth": 0.5}
    predicted = f"Predicted by {method_name(method)}"
    axes.bar(place - 0.2, table.pct_true, 0.4, color=style.PERCENTAGE_TRUE, label="True PET", **edge)
    axes.bar(place + 0.2, table.pct_pred, 0.4, color=style.PERCENTAGE_PREDICTED, label=predicted, **edge)
    style.tidy_axes(axes)
    style.participant_ticks(axes, [scan.removeprefix("sub-") for scan in table.scan])
    axes.set(xlabel="Patient (in order of the true percentage)", ylabel="Demyelinated lesion voxels (%)")
    axes.set_ylim(0, 103)  # space for the edge of a full bar
    axes.set_xlim(-0.7, len(table) - 0.3)
    error = (table.pct_pred - table.pct_true).abs()
    axes.set_title(
        f"n = {table.subject.nunique()} patients, k = {k:g}, mean absolute error {error.mean():.1f} points"
    )
    figure.legend(loc="outside lower center", ncols=2)
    style.figure_title(figure, "Demyelinated lesion voxels per patient", simulated=simulated)
    return figure
