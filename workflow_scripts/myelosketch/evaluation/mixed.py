"""Lesions against NAWM by a mixed model, beside the paired test."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMResultsWrapper

from myelosketch.evaluation.inference import MIN_SUBJECTS, RESULT

if TYPE_CHECKING:
    import pandas as pd

# where the likelihood is flat, one may stop where another finds its way
OPTIMISERS = ("bfgs", "powell")


def region_model(data: pd.DataFrame, *, alpha: float = 0.05) -> dict[str, Any]:
    """DVR by region (lesions minus NAWM), participants as random intercepts and folds as fixed effects; REML.

    A fold shifts all of its patients alike, because one model predicts them. There are too few folds (three) to
    estimate the variance between them, so each has an effect of its own, in sum coding.

    Parameters
    ----------
    data : DataFrame : ``dvr``, ``region`` ("lesion" or "nawm"), ``subject``, ``fold``; rows with NaN and subjects
        without both regions are left out
    alpha : float

    Returns
    -------
    dict, see ``inference.RESULT``: ``estimate`` is lesions minus NAWM, ``statistic`` it over its standard error,
        interval and p from Student's distribution with as many degrees of freedom as the paired test has (the normal
        one, statsmodels' choice, is too sure of 18 patients), ``effect_size`` the estimate over the SD between and
        within participants together
    """
    result: dict[str, Any] = dict.fromkeys(RESULT, np.nan)
    result |= {"method": "mixed model (REML)", "note": None}
    data = data.dropna(subset=["dvr"])
    both = data.groupby("subject")["region"].transform("nunique") == 2
    data = data[both].sort_values(["subject", "region"], kind="stable")
    n = data["subject"].nunique()
    result["n"] = n
    if n < MIN_SUBJECTS:
        return result | {
            "note": f"fewer than {MIN_SUBJECTS} subjects" if n else "no subject with both values"
        }
    is_lesion = (data["region"] == "lesion").to_numpy(float)
    lesion, nawm = data["dvr"][is_lesion == 1], data["dvr"][is_lesion == 0]
    result["estimate"] = float(lesion.mean() - nawm.mean())
    if max(lesion.std(), nawm.std()) < 1e-9:
        return result | {"note": "no value varies within the regions"}
    design, folds = _design(is_lesion, data["fold"].astype(str).to_numpy(), data["subject"])
    result["method"] += f", participant random, {folds}"
    fit, notes = _fit(data["dvr"].to_numpy(float), design, data["subject"].to_numpy())
    if fit is None:
        return result | {"note": notes}
    estimate, error = float(fit.fe_params[1]), float(fit.bse_fe[1])
    half = stats.t.ppf(1 - alpha / 2, n - 1) * error
    total = np.sqrt(fit.scale + float(fit.cov_re[0, 0]))
    return result | {
        "estimate": estimate,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "statistic": estimate / error,
        "p": float(2 * stats.t.sf(abs(estimate / error), n - 1)),
        "effect_size": estimate / total,
        "note": notes,
    }


def _design(is_lesion: np.ndarray, folds: np.ndarray, subjects: pd.Series) -> tuple[np.ndarray, str]:
    """Intercept, region and, where the subjects suffice, folds in sum coding."""
    names = np.unique(folds)
    columns = [np.ones_like(is_lesion), is_lesion]
    if names.size < 2:
        return np.column_stack(columns), "one fold"
    if subjects.nunique() < names.size + 2:
        return np.column_stack(columns), "too few subjects for an effect of folds"
    columns += [(folds == name).astype(float) - (folds == names[-1]) for name in names[:-1]]
    return np.column_stack(columns), "fold fixed"


def _fit(
    values: np.ndarray, design: np.ndarray, subjects: np.ndarray
) -> tuple[MixedLMResultsWrapper | None, str | None]:
    """Fitted model and a note, or None and why there is none."""
    note = None
    for optimiser in OPTIMISERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they tell is in ``converged`` and in the variance
            try:
                fit = MixedLM(values, design, groups=subjects).fit(reml=True, method=optimiser)
            except (np.linalg.LinAlgError, ValueError) as error:
                note = f"the model cannot be fitted ({error})"
                continue
        if fit.converged and np.isfinite(fit.bse_fe[1]):
            at_zero = float(fit.cov_re[0, 0]) < 1e-6 * fit.scale
            return fit, "the variance between participants is 0" if at_zero else None
        note = "the model did not converge"
    return None, note
