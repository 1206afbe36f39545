"""Expected error of a predicted voxel: the mean error of held-out voxels of the same region and predicted DVR."""

import numpy as np
import pandas as pd

from myelosketch.io.names import REGION_CODES


def expected_error(
    dvr: np.ndarray, regions: np.ndarray, support: np.ndarray, errors: pd.DataFrame
) -> np.ndarray:
    """Return the expected absolute error of each voxel.

    Parameters
    ----------
    dvr : float array (x, y, z), predicted
    regions : int array (x, y, z), region codes; 0 counts as "other" where there is a prediction
    support : bool array (x, y, z), where there is a prediction
    errors : DataFrame of ``region``, ``dvr_pred`` (middle of a bin) and ``mean_abs_error``

    Returns
    -------
    float32 array (x, y, z), DVR. It is linear between the bins and constant beyond the first and the last bin. It is
    0
        outside the support and NaN in a region that no training scan had
    """
    expected = np.zeros(dvr.shape, np.float32)
    for region, code in REGION_CODES.items():
        inside = support & ((regions == code) | ((regions == 0) & (region == "other")))
        rows = errors[errors["region"] == region].astype({"dvr_pred": float, "mean_abs_error": float})
        rows = rows.sort_values("dvr_pred")
        if rows.empty:
            expected[inside] = np.nan
        else:
            expected[inside] = np.interp(dvr[inside], rows["dvr_pred"], rows["mean_abs_error"])
    return expected
