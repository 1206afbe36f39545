"""Table of the threshold of each fold, for the whole brain or for each point of the template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from myelosketch.evaluation.reference import known_places
from myelosketch.io.provenance import read_json
from myelosketch.reporting.source_tables import NothingToDrawError
from myelosketch.reporting.tables.text import HtmlTable, number, or_reason

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

FROM_TO = (5, 95)  # percentiles over the points of the template


@or_reason("Threshold of each fold")
def threshold_table(run: RunFolder, *, k: float, reference: str) -> HtmlTable:
    """Return the healthy white matter of each fold's training controls and the resulting threshold.

    Parameters
    ----------
    run : RunFiles or RunFolder
    k : threshold is mean - k SD
    reference : the reference in force, of :data:`myelosketch.evaluation.reference.REFERENCES`. ``voxelwise`` adds the
        values over the points of the template, as median and range
    """
    found = run.matching("training/fold-*/threshold.json")
    if not found:
        raise NothingToDrawError("no threshold.json was made in this run.")
    by_place = reference == "voxelwise"
    rows, notes = [], []
    for path in found:
        card = read_json(path)
        fold = path.parent.name.replace("fold-", "Fold ")
        pooled = {name: pd.to_numeric(card.get(name), errors="coerce") for name in ("mean", "sd")}
        cells = [pooled["mean"], pooled["sd"], pooled["mean"] - k * pooled["sd"]]
        controls = str(len(card.get("controls") or []))
        rows.append(
            [fold, *(["whole brain"] if by_place else []), *(number(cell, 3) for cell in cells), controls]
        )
        if by_place:
            rows.append([fold, "by place", *_place_cells(path.parent, pooled, k), controls])
        if card.get("note"):
            notes.append(f"{fold}: {card['note']}.")
    header = ["Fold", "Mean DVR", "SD", f"Threshold (mean \u2212 {k:g} SD)", "Training controls"]
    note = "Healthy white-matter voxels of the true PET of the fold's training controls, pooled; unitless."
    if by_place:
        header.insert(1, "Reference")
        note = (
            "Healthy white-matter voxels of the true PET of the fold's training controls; unitless. By place (in "
            f"force): mean and SD around each point of the template, shown as median and {FROM_TO[0]}th to "
            f"{FROM_TO[1]}th percentile over the points. Whole brain: pooled, in force where the neighbourhood of a "
            "point contains too little white matter."
        )
    return HtmlTable(
        "Threshold of each fold", header, rows, " ".join([note, *notes]), text_columns=1 + by_place
    )


def _place_cells(folder: Path, pooled: dict[str, float], k: float) -> list[str]:
    """Return mean, SD and threshold over the points with a local value, each as median and percentiles."""
    mean, sd = known_places(folder / "white-matter_mean.nii.gz", folder / "white-matter_sd.nii.gz", pooled)
    return [_spread(values) for values in (mean, sd, mean - k * sd)]


def _spread(values: np.ndarray) -> str:
    """Return the median with percentiles, as in ``1.25 (1.11 to 1.32)``; n/a without a value."""
    if not values.size:
        return "n/a"
    low, middle, high = (number(value, 3) for value in np.percentile(values, [FROM_TO[0], 50, FROM_TO[1]]))
    return f"{middle} ({low} to {high})"
