"""Load, number and kinds of the lesions in the truth of the cohort."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from myelosketch.io.tables import read_table

LOAD_COLUMNS = ("subject", "n_lesions", "load_ml", "largest_ml")
KIND_COLUMNS = ("kind", "n", "share", "share_of_load", "mean_myelin", "mean_axons", "mean_water")


def read_lesion_tables(paths: Mapping[str, str | Path]) -> pd.DataFrame:
    """Read the lesion tables of the truth into one DataFrame, with the columns of the tables and ``subject``.

    Parameters
    ----------
    paths : dict, subject -> path
    """
    numeric = ("lesion", "volume_mm3", "mean_myelin", "mean_axons", "mean_water", "ventricle_distance_mm")
    parts = [read_table(path, numeric=numeric).assign(subject=subject) for subject, path in paths.items()]
    return pd.concat(parts, ignore_index=True)


def load_table(lesions: pd.DataFrame) -> pd.DataFrame:
    """Return one row per patient: LOAD_COLUMNS."""
    groups = lesions.groupby("subject")["volume_mm3"]
    values = zip(*(groups.agg(how) for how in ("size", "sum", "max")), strict=True)
    rows = [
        (s, n, total / 1000, top / 1000) for s, (n, total, top) in zip(groups.groups, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(LOAD_COLUMNS))


def kind_table(lesions: pd.DataFrame) -> pd.DataFrame:
    """Return one row per kind, most frequent first: KIND_COLUMNS. The means are weighted by volume."""
    rows = []
    for kind, part in lesions.groupby("kind"):
        volume = part.volume_mm3
        means = [
            float(np.average(part[f"mean_{name}"], weights=volume)) for name in ("myelin", "axons", "water")
        ]
        shares = (len(part) / len(lesions), volume.sum() / lesions.volume_mm3.sum())
        rows.append((kind, len(part), *shares, *means))
    table = pd.DataFrame(rows, columns=list(KIND_COLUMNS))
    return table.sort_values("n", ascending=False, kind="stable", ignore_index=True)
