"""Held-out predictions with their measured values, on which intervals of new predictions are calibrated."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

COLUMNS = ("quantity", "participant", "group", "size", "predicted", "true")
# the unit is DVR, except for the last: percent of a patient's lesion voxels
QUANTITIES = (
    *("lesion_mean_dvr", "lesions_mean_dvr", "white_matter_mean_dvr", "other_mean_dvr"),
    "pct_demyelinated",
)
# the tables of scores that contain them
SOURCES = ("regions", "lesions", "demyelination")
_DVR = {"mean_dvr_pred": "predicted", "mean_dvr_true": "true"}
_SHARE = {"pct_pred": "predicted", "pct_true": "true"}


def held_out_residuals(tables: Mapping[str, pd.DataFrame], method: str, k: float) -> pd.DataFrame:
    """Return the predicted and measured value of every quantity that gets an interval.

    Parameters
    ----------
    tables : dict of DataFrames, ``regions``, ``lesions`` and ``demyelination`` of a run's evaluation. No model has
        seen a scan of these tables in training
    method : str
    k : float; a voxel below mean - k SD of healthy white matter is demyelinated

    Returns
    -------
    DataFrame : :data:`COLUMNS`. ``quantity`` is one of :data:`QUANTITIES`: ``lesion_mean_dvr`` (a row per listed
        lesion, with its ``size``), ``lesions_mean_dvr`` (all lesion voxels of a patient's scan),
        ``white_matter_mean_dvr`` (NAWM of patients, white matter of controls), ``other_mean_dvr`` and
        ``pct_demyelinated`` (patients, 0 to 100). ``participant`` is the subject, who may have several scans.
        ``group`` is MS or HC. ``size`` is None except for lesions. Rows without a value are left out
    """
    regions, lesions, shares = (tables[name][tables[name]["method"] == method] for name in SOURCES)
    shares = shares[np.isclose(shares["k"].astype(float), k)]

    def region(name: str) -> pd.DataFrame:
        return regions[regions["region"] == name].rename(columns=_DVR)

    lesion = region("lesion")
    # tables of lesions contain patients only
    sources = (
        lesions.rename(columns=_DVR).assign(group="MS"),
        lesion[lesion["group"] == "MS"].assign(size=None),
        region("nawm").assign(size=None),
        region("other").assign(size=None),
        shares.rename(columns=_SHARE).assign(group="MS", size=None),
    )
    found = [
        table.rename(columns={"subject": "participant"}).assign(quantity=quantity)[list(COLUMNS)]
        for quantity, table in zip(QUANTITIES, sources, strict=True)
    ]
    residuals = pd.concat([table.astype(object) for table in found], ignore_index=True)
    residuals = residuals.astype({"predicted": float, "true": float})
    return residuals.dropna(subset=["predicted", "true"]).reset_index(drop=True)
