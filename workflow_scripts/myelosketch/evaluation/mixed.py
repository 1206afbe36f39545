"""Lesions against NAWM by a mixed model, where participants have several scans; beside the paired test."""

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


def repeated_difference(data: pd.DataFrame, *, alpha: float = 0.05) -> dict[str, Any]:
    """Mean of a difference that scans repeat within participants, participants as random intercepts; REML.

    The difference of two regions of one scan has lost what shifts both alike: the participant, the scan, the fold's
    model and the site. What is left is how far participants, and scans of a participant, differ in it. With one scan
    each, the two cannot be told apart and the model is the paired test.

    Parameters
    ----------
    data : DataFrame : ``subject``, ``difference``, one row per scan; rows with NaN are left out
    alpha : float

    Returns
    -------
    dict, see ``inference.RESULT``: ``statistic`` is the estimate over its standard error, interval and p from
        Student's distribution with as many degrees of freedom as the paired test has (the normal one, statsmodels'
        choice, is too sure of 18 patients), ``effect_size`` the estimate over the SD between and within participants
        together, ``n`` the participants
    """
    result: dict[str, Any] = dict.fromkeys(RESULT, np.nan)
    result |= {"method": "mixed model (REML), participant random", "note": None}
    data = data.dropna(subset=["difference"]).sort_values("subject", kind="stable")
    values, n = data["difference"].to_numpy(float), data["subject"].nunique()
    result["n"] = n
    if n < MIN_SUBJECTS:
        return result | {
            "note": f"fewer than {MIN_SUBJECTS} subjects" if n else "no subject with both values"
        }
    result["estimate"] = float(data.groupby("subject")["difference"].mean().mean())
    if len(values) == n:
        return result | {"note": "one scan per participant, so the paired test is this model"}
    if values.std() < 1e-9:
        return result | {"note": "the differences do not vary"}
    fit, notes = _fit(values, data["subject"].to_numpy())
    if fit is None:
        return result | {"note": notes}
    estimate, error = float(fit.fe_params[0]), float(fit.bse_fe[0])
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


def _fit(values: np.ndarray, subjects: np.ndarray) -> tuple[MixedLMResultsWrapper | None, str | None]:
    """Fitted model and a note, or None and why there is none."""
    note = None
    for optimiser in OPTIMISERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they tell is in ``converged`` and in the variance
            try:
                fit = MixedLM(values, np.ones((len(values), 1)), groups=subjects).fit(
                    reml=True, method=optimiser
                )
            except (np.linalg.LinAlgError, ValueError) as error:
                note = f"the model cannot be fitted ({error})"
                continue
        if fit.converged and np.isfinite(fit.bse_fe[0]):
            at_zero = float(fit.cov_re[0, 0]) < 1e-6 * fit.scale
            return fit, "the variance between participants is 0" if at_zero else None
        note = "the model did not converge"
    return None, note
