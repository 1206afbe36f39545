"""Demyelinated share of each patient's lesion voxels (Fig. 5A of Wei et al. 2018); lesion means (ours)."""

import functools

import matplotlib.pyplot as plt
import numpy as np

from myelosketch.reporting import style
from myelosketch.reporting.display import method_name
from myelosketch.reporting.saving import draw
from myelosketch.reporting.source_tables import finite_rows, rows_of, table_to_draw

PERCENT_COLUMNS = ("method", "scan", "subject", "k", "n_lesion_voxels", "pct_true", "pct_pred")
LESION_COLUMNS = ("method", "scan", "lesion", "volume_mm3", "mean_dvr_true", "mean_dvr_pred")


def draw_demyelinated_percentage(demyelination, *, method, k, simulated, **files):
    """Figure 5A: percentage of demyelinated lesion voxels of each patient, true and predicted.

    Parameters
    ----------
    demyelination : path of demyelination.tsv
    method : the method shown
    k : threshold, mean - k SD of healthy white matter
    simulated : whether the cohort is simulated
    files : png, svg, tsv, dpi (see :func:`myelosketch.reporting.saving.draw`)
    """
    build = functools.partial(
        build_demyelinated_percentage, demyelination, method=method, k=k, simulated=simulated
    )
    draw(build, title="Demyelinated lesion voxels per patient", simulated=simulated, **files)


def draw_lesion_means(lesions, *, method, simulated, **files):
    """Mean DVR of each lesion, true against predicted, and the Bland-Altman plot of both (ours).

    Parameters
    ----------
    lesions : path of lesions.tsv; the rest as in :func:`draw_demyelinated_percentage`
    """
    build = functools.partial(build_lesion_means, lesions, method=method, simulated=simulated)
    draw(build, title="Mean DVR of each lesion", simulated=simulated, **files)


def build_demyelinated_percentage(demyelination, *, method, k, simulated):
    """Figure 5A and its data; see :func:`draw_demyelinated_percentage`."""
    numeric = ("k", "n_lesion_voxels", "pct_true", "pct_pred")
    table = table_to_draw(demyelination, PERCENT_COLUMNS, numeric=numeric)
    words = f"demyelinated percentage of {method_name(method)} at k = {k:g}"
    table = finite_rows(rows_of(table, words, method=method, k=k), ("pct_true", "pct_pred"), words)
    table = table.sort_values(["pct_true", "scan"], ascending=[False, True]).reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(style.WIDTH, 3.9))
    place = np.arange(len(table))
    edge = {"edgecolor": "black", "linewidth": 0.5}
    predicted = f"Predicted by {method_name(method)}"
    axes.bar(place - 0.2, table.pct_true, 0.4, color=style.PERCENTAGE_TRUE, label="True PET", **edge)
    axes.bar(place + 0.2, table.pct_pred, 0.4, color=style.PERCENTAGE_PREDICTED, label=predicted, **edge)
    style.tidy_axes(axes)
    style.participant_ticks(axes, [scan.removeprefix("sub-") for scan in table.scan])
    axes.set(xlabel="Patient (in order of the true percentage)", ylabel="Demyelinated lesion voxels (%)")
    axes.set_ylim(0, 100)
    axes.set_xlim(-0.7, len(table) - 0.3)
    error = (table.pct_pred - table.pct_true).abs()
    axes.set_title(
        f"n = {table.subject.nunique()} patients; demyelinated: DVR < mean \u2212 {k:g} SD of healthy white "
        f"matter; mean absolute error {error.mean():.1f} points",
        fontsize=8,
    )
    figure.legend(loc="outside lower center", ncols=2)
    style.figure_title(figure, "Demyelinated lesion voxels per patient", simulated=simulated)
    return figure, table[list(PERCENT_COLUMNS)]


def build_lesion_means(lesions, *, method, simulated):
    """Lesion means and their data; see :func:`draw_lesion_means`."""
    numeric = ("volume_mm3", "mean_dvr_true", "mean_dvr_pred")
    table = table_to_draw(lesions, LESION_COLUMNS, numeric=numeric)
    table = rows_of(table, f"lesion of {method_name(method)}", method=method)
    table = finite_rows(table, numeric, "lesion mean")
    # area grows with volume, within bounds that keep small lesions visible
    size = np.clip(20 * np.sqrt(table.volume_mm3 / table.volume_mm3.median()), 8, 120)
    dots = {"s": size, "color": style.GROUPS_TRUE, "alpha": 0.5, "linewidths": 0.4, "edgecolors": "black"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 4.1))
    left.scatter(table.mean_dvr_true, table.mean_dvr_pred, **dots)
    both = table[["mean_dvr_true", "mean_dvr_pred"]].to_numpy()
    low, high = both.min() - 0.02, both.max() + 0.02
    left.plot([low, high], [low, high], "--", color="black", linewidth=1, label="identity")
    left.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    left.set(xlabel="True mean DVR of lesion (unitless)", ylabel="Predicted mean DVR (unitless)")
    left.legend(loc="upper left")
    _bland_altman(right, table, dots)
    for axes in (left, right):
        style.tidy_axes(axes, grid="both")
    words = f"Mean DVR of {len(table)} lesions in {table.scan.nunique()} scans, {method_name(method)}"
    style.figure_title(figure, words, simulated=simulated)
    return figure, table[list(LESION_COLUMNS)]


def _bland_altman(axes, table, dots):
    """Difference against mean of true and predicted, with the bias and its limits of agreement."""
    difference = table.mean_dvr_pred - table.mean_dvr_true
    axes.scatter((table.mean_dvr_pred + table.mean_dvr_true) / 2, difference, **dots)
    bias, spread = difference.mean(), difference.std(ddof=1) if len(difference) > 1 else 0.0
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.axhline(bias, color="black", linewidth=1.2, label=f"bias {bias:+.3f}".replace("-", "\u2212"))
    for sign in (-1.96, 1.96):
        label = "bias \u00b1 1.96 SD" if sign > 0 else None
        axes.axhline(bias + sign * spread, color="black", linewidth=1, linestyle=":", label=label)
    axes.set(xlabel="Mean of true and predicted DVR", ylabel="Predicted \u2212 true DVR")
    axes.legend(loc="upper right")
    axes.margins(y=0.2)
