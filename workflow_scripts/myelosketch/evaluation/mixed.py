"""Lesions against NAWM by a mixed model, next to the paired test, where participants have several scans."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMResultsWrapper

from myelosketch.evaluation.inference import MIN_SUBJECTS, RESULT

if TYPE_CHECKING:
    import pandas as pd

# where the likelihood is flat, one optimiser may stop early while another converges
OPTIMISERS = ("bfgs", "powell")


def repeated_difference(data: pd.DataFrame, *, alpha: float = 0.05) -> dict[str, Any]:
    """Return the mean of a difference over repeated scans, with participants as random intercepts (REML).

    The difference of two regions of one scan cancels what shifts both alike: participant, scan, model of the fold and
    site. Participants, and scans of one participant, still vary in it. With one scan each, these two variances cannot
    be separated and the model is the paired test.

    Parameters
    ----------
    data : DataFrame : ``subject``, ``difference``, one row per scan; rows with NaN are left out
    alpha : float

    Returns
    -------
    dict, see ``inference.RESULT``. ``statistic`` is the estimate over its standard error. Interval and p come from
        Student's distribution with the degrees of freedom of the paired test (the normal distribution of statsmodels
        gives too narrow intervals for 18 patients). ``effect_size`` is the estimate over the SD between and within
        participants together, ``n`` the number of participants
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
    """Return the fitted model and a note, or None and the reason."""
    note = None
    for optimiser in OPTIMISERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ``converged`` and the variance contain the same information
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
