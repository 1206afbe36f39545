"""The threshold of each fold as a table: one for the whole brain, or one for each place."""

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

FROM_TO = (5, 95)  # percentiles of the places of the template


@or_reason("Threshold of each fold")
def threshold_table(run: RunFolder, *, k: float, reference: str) -> HtmlTable:
    """Healthy white matter of each fold's training controls, and the threshold it gives.

    Parameters
    ----------
    run : RunFiles or RunFolder
    k : threshold is mean - k SD
    reference : the one in force, of :data:`myelosketch.evaluation.reference.REFERENCES`; ``voxelwise`` adds the
        values over the places of the template, as median and range
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
            "Healthy white-matter voxels of the true PET of the fold's training controls; unitless. In force: by "
            f"place, a mean and an SD around each place of the template; shown are the median and the {FROM_TO[0]}th "
            f"to {FROM_TO[1]}th percentile over the places. Whole brain: pooled, in force where a place's "
            "neighbourhood holds too little white matter."
        )
    return HtmlTable(
        "Threshold of each fold", header, rows, " ".join([note, *notes]), text_columns=1 + by_place
    )


def _place_cells(folder: Path, pooled: dict[str, float], k: float) -> list[str]:
    """Mean, SD and threshold over the places that are known, each as median and percentiles."""
    mean, sd = known_places(folder / "white-matter_mean.nii.gz", folder / "white-matter_sd.nii.gz", pooled)
    return [_spread(values) for values in (mean, sd, mean - k * sd)]


def _spread(values: np.ndarray) -> str:
    """Median with percentiles, as in ``1.25 (1.11 to 1.32)``; n/a without a value."""
    if not values.size:
        return "n/a"
    low, middle, high = (number(value, 3) for value in np.percentile(values, [FROM_TO[0], 50, FROM_TO[1]]))
    return f"{middle} ({low} to {high})"
