"""Predicted against measured numbers of every participant that was held out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

COLUMNS = ("quantity", "participant", "group", "size", "predicted", "true")


def held_out_residuals(tables: Mapping[str, pd.DataFrame], method: str, k: float) -> pd.DataFrame:
    """Numbers of held-out scans, predicted by one method and measured.

    Parameters
    ----------
    tables : dict of the gathered tables ``lesions``, ``regions`` and ``demyelination``
    method : str
    k : float, of the demyelinated percentage

    Returns
    -------
    DataFrame : :data:`COLUMNS`; ``quantity`` is ``lesion_mean_dvr``, ``lesions_mean_dvr``,
        ``white_matter_mean_dvr``, ``other_mean_dvr`` or ``pct_demyelinated``
    """
    own = {name: table[table["method"] == method] for name, table in tables.items()}
    means = {"predicted": "mean_dvr_pred", "true": "mean_dvr_true"}
    shares = {"predicted": "pct_pred", "true": "pct_true"}
    regions = own["regions"]
    at_k = own["demyelination"][np.isclose(own["demyelination"]["k"], k)]
    parts = [_part("lesion_mean_dvr", own["lesions"].assign(group="MS"), means)]
    for quantity, region in (
        ("lesions_mean_dvr", "lesion"),
        ("white_matter_mean_dvr", "nawm"),
        ("other_mean_dvr", "other"),
    ):
        parts.append(_part(quantity, regions[regions["region"] == region].assign(size=None), means))
    parts.append(_part("pct_demyelinated", at_k.assign(group="MS", size=None), shares))
    return pd.concat(parts, ignore_index=True).dropna(subset=["predicted", "true"]).reset_index(drop=True)


def _part(quantity: str, table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    renamed = table.rename(columns={old: new for new, old in columns.items()} | {"subject": "participant"})
    return renamed.assign(quantity=quantity)[list(COLUMNS)]
