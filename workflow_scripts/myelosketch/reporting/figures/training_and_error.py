"""Training curves and registration error, to check before a score is trusted (our additions)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator

from myelosketch.io.names import METHODS
from myelosketch.io.tables import read_table
from myelosketch.reporting.display import method_name
from myelosketch.reporting.figures import style
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, table_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REGISTRATION_COLUMNS = ("scan", "modality", "median_mm", "p95_mm", "max_mm")
# columns of a history that are not losses: times, settings, and the two parts of the balanced accuracy
NOT_A_LOSS = re.compile(
    r"^(epoch|step|seconds|lr|seed|fold|collapsed|peak_memory_mb|accuracy_real|accuracy_fake)$"
    r"|learning_rate|gradient"
)
LOSS_NAMES = {
    "generator": "generator loss",
    "l1": "L1",
    "discriminator": "discriminator loss",
    "adversarial": "adversarial loss",
    "accuracy": "accuracy of discriminator",
    "validation_lesion_mae": "MAE in lesions, validation",
    "validation_brain_mae": "MAE in the brain, validation",
}
# accuracy of a discriminator that has learned nothing
CHANCE = {"discriminator": math.log(4), "accuracy": 0.5}


def build_training_curves(*histories: str | Path, simulated: bool) -> tuple[Figure, pd.DataFrame]:
    """Draw every loss of every trained network against the epoch, one line per fold.

    Parameters
    ----------
    histories : paths of history.tsv, each in .../fold-<i>/<method>/
    simulated : whether the cohort is simulated

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    data = training_losses(histories)
    methods = list(dict.fromkeys(data.method))
    losses = {method: list(dict.fromkeys(data.loss[data.method == method])) for method in methods}
    most = max(len(names) for names in losses.values())
    columns = -(-most // -(-most // 4))  # at most four per row, in rows of equal length
    rows = [
        (method, names[start : start + columns])
        for method, names in losses.items()
        for start in range(0, len(names), columns)
    ]
    figure, panels = plt.subplots(
        len(rows), columns, figsize=(style.WIDTH, 0.9 + 1.9 * len(rows)), squeeze=False, sharex=False
    )
    for line, (method, names) in zip(panels, rows, strict=True):
        for axes, loss in zip(line, names, strict=False):
            _curves(axes, data[(data.method == method) & (data.loss == loss)])
            if loss in CHANCE:
                axes.axhline(
                    CHANCE[loss], color="0.45", linestyle=":", linewidth=1.2, zorder=0, label="chance"
                )
                axes.set_ylim(0, 1.02 if loss == "accuracy" else None)
            axes.set_title(
                f"{method_name(method, short=True)}: {LOSS_NAMES.get(loss, loss.replace('_', ' '))}",
                fontsize=8,
            )
        for axes in line[len(names) :]:
            axes.set_axis_off()
        line[0].set_ylabel("Mean of epoch")
    entries: dict[str, Any] = {}
    for axes in panels.flat:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    chance = {label: handle for label, handle in entries.items() if label == "chance"}
    entries = {label: handle for label, handle in entries.items() if label != "chance"} | chance
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=max(1, len(entries)))
    style.figure_title(figure, "Training curves, one line per fold", simulated=simulated)
    return figure, data


def training_losses(histories: Iterable[str | Path]) -> pd.DataFrame:
    """Return all histories in one long table: method fold epoch loss value. Rows without a number are left out.

    Raises
    ------
    NothingToDrawError : no history has a loss
    """
    parts = []
    for path in map(Path, histories):
        if not path.is_file():
            continue
        table = read_table(path, numeric=True)
        found = re.search(r"fold-([^/]+)/([^/]+)/[^/]+$", path.as_posix())
        losses = [name for name in table.select_dtypes("number") if not NOT_A_LOSS.search(name.lower())]
        if "epoch" not in table or not losses:
            continue
        long = table.melt(id_vars="epoch", value_vars=losses, var_name="loss").dropna()
        fold, method = found.groups() if found else ("n/a", path.parent.name)
        parts.append(long.assign(fold=fold, method=method))
    parts = [part for part in parts if len(part)]
    if not parts:
        raise NothingToDrawError("this run contains no training history.")
    data = pd.concat(parts)[["method", "fold", "epoch", "loss", "value"]]
    ladder = {method: place for place, method in enumerate(METHODS)}
    data = data.sort_values("method", key=lambda name: name.map(ladder).fillna(-1), kind="stable")
    return data.reset_index(drop=True)


def build_registration_error(
    registration_error: str | Path, *, simulated: bool
) -> tuple[Figure, pd.DataFrame]:
    """Draw the target registration error per scan and modality, which is known in a simulated cohort.

    Parameters
    ----------
    registration_error : path of registration_error.tsv; the rest as in :func:`build_training_curves`

    Returns
    -------
    matplotlib Figure, and pandas.DataFrame of the data drawn
    """
    numeric = ("median_mm", "p95_mm", "max_mm")
    table = table_to_draw(registration_error, REGISTRATION_COLUMNS, numeric=numeric)
    table = finite_rows(table, ("median_mm", "p95_mm"), "registration error")
    data = table.melt(
        id_vars=["scan", "modality"],
        value_vars=["median_mm", "p95_mm"],
        var_name="statistic",
        value_name="error_mm",
    )
    with style.one_column():
        return _error_boxes(table, data, simulated), data


def _error_boxes(table: pd.DataFrame, data: pd.DataFrame, simulated: bool) -> Figure:
    order = list(dict.fromkeys(table.modality))
    figure, axes = plt.subplots(figsize=(style.COLUMN, 2.7))
    shared: dict[str, Any] = {
        "data": data,
        "x": "modality",
        "y": "error_mm",
        "hue": "statistic",
        "order": order,
        "hue_order": ["median_mm", "p95_mm"],
        "palette": [style.METHOD_COLOUR, style.PERCENTAGE_PREDICTED],
        "ax": axes,
    }
    median = {"color": "black"}
    sns.boxplot(**shared, whis=(0, 100), width=0.6, saturation=1, linewidth=0.9, medianprops=median)
    handles, _ = axes.get_legend_handles_labels()
    if (legend := axes.get_legend()) is not None:
        legend.remove()
    figure.legend(handles, ["median over the brain", "95th percentile"], loc="outside lower center", ncols=2)
    labels = [f"{_moved(name)}\nn = {(table.modality == name).sum()}" for name in order]
    axes.set_xticks(range(len(order)), labels)
    axes.set(xlabel="", ylabel="Target registration error (mm)")
    axes.set_ylim(bottom=0)
    style.tidy_axes(axes)
    style.figure_title(figure, "Registration error against the known pose", simulated=simulated)
    return figure


def _moved(modality: str) -> str:
    """Name the moving and the fixed image. A modality without a fixed image was registered to PET."""
    moving, _, fixed = modality.partition("-to-")
    return f"{moving}\nto {fixed or 'PET'}"


def _curves(axes: Axes, data: pd.DataFrame) -> None:
    for place, (fold, part) in enumerate(data.groupby("fold", sort=True)):
        colour, _, dashes = style.level_look(place)
        look: dict[str, Any] = {
            "linestyle": dashes,
            "color": colour,
            "marker": "." if len(part) < 3 else None,
        }
        axes.plot(part.epoch, part.value, **look, label=f"fold {fold}")
    axes.set_xlabel("Epoch")
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    style.tidy_axes(axes)
