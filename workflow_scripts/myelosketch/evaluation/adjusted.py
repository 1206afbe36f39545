"""Differences between groups and slopes, adjusted for covariates by linear models (method: ours).

One scan per participant: ordinary least squares with HC3 standard errors (MacKinnon and White 1985), which hold where
groups scatter differently. Several scans of a participant: a mixed model with a random intercept per participant.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.mixed_linear_model import MixedLM

from myelosketch.evaluation.inference import RESULT

if TYPE_CHECKING:
    from numpy.typing import NDArray

# beside those of inference.RESULT: what the estimate is over the SD of the residuals, and the model in words
FITTED = (*RESULT, "std_estimate", "std_ci_low", "std_ci_high", "formula")
# of each scan: what the model says of it, the rest, the rest over its own SD, and the normal quantile of its rank
RESIDUALS = ("fitted", "residual", "studentised", "normal_quantile")
LEAST_FREEDOM = 3
# a standardised difference beyond it, and adjusting rests on the model alone
FAR_APART = 1.0
INTEREST = 1  # column of the design, after the intercept, whose coefficient is asked for


def adjusted_difference(
    table: pd.DataFrame, covariates: Sequence[str] = (), *, alpha: float = 0.05
) -> dict[str, Any]:
    """Patients minus controls, adjusted for covariates.

    Parameters
    ----------
    table : DataFrame : ``value``, ``subject``, ``group`` (MS or HC) and the covariates; numbers are taken as numbers,
        anything else as categories; rows with a missing entry are left out
    covariates : columns to adjust for
    alpha : float

    Returns
    -------
    dict of :data:`FITTED`; what cannot be computed is NaN, with the reason in ``note``; and of ``residuals``, a
        DataFrame of :data:`RESIDUALS` for the rows of ``table`` that were fitted, None where no model was
    """
    first = (table["group"] == "MS").to_numpy(float)
    return _fit(table, first, "group", covariates, alpha)


def adjusted_slope(
    table: pd.DataFrame, covariates: Sequence[str] = (), *, predictor: str, alpha: float = 0.05
) -> dict[str, Any]:
    """Slope of ``value`` on a number, adjusted for covariates.

    Parameters
    ----------
    table : as in :func:`adjusted_difference`, without ``group``
    covariates : columns to adjust for
    predictor : column of numbers
    alpha : float

    Returns
    -------
    dict as of :func:`adjusted_difference`; the standardised slope is per SD of the predictor, over the SD of the
        residuals
    """
    numbers = pd.to_numeric(table[predictor], errors="coerce").to_numpy(float)
    result = _fit(table, numbers, predictor, covariates, alpha)
    spread = np.nanstd(numbers, ddof=1) if np.isfinite(numbers).sum() > 1 else np.nan
    return result | {
        key: result[key] * spread for key in ("std_estimate", "std_ci_low", "std_ci_high", "effect_size")
    }


def design_columns(table: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Columns of a linear model for some covariates: numbers centred, categories as indicators of all but the first.

    Parameters
    ----------
    table : DataFrame without missing entries
    covariates : its columns

    Returns
    -------
    DataFrame of float; a covariate that does not vary has no column
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for name in covariates:
        if pd.api.types.is_numeric_dtype(table[name]):
            values = table[name].to_numpy(float)
            if np.ptp(values) > 0:
                columns[name] = values - values.mean()
        else:
            levels = sorted(table[name].astype(str).unique())
            for level in levels[1:]:
                columns[f"{name}={level}"] = (table[name].astype(str) == level).to_numpy(float)
    return pd.DataFrame(columns, index=table.index)


def formula(interest: str, covariates: Sequence[str], *, mixed: bool) -> str:
    """A linear model in words, as R writes it.

    >>> formula("group", ["age", "sex"], mixed=True)
    'value ~ group + age + sex + (1 | participant)'
    """
    terms = [interest, *covariates, *(["(1 | participant)"] if mixed else [])]
    return f"value ~ {' + '.join(terms)}"


def group_overlap(table: pd.DataFrame, covariates: Sequence[str]) -> list[str]:
    """Say in which covariates the groups differ so much that adjusting rests on the model alone.

    Parameters
    ----------
    table : DataFrame : ``group`` and the covariates, one row per participant

    Returns
    -------
    list of sentences
    """
    said = []
    for name in covariates:
        known = table[["group", name]].dropna()
        patients, controls = (known.loc[known["group"] == group, name] for group in ("MS", "HC"))
        if min(len(patients), len(controls)) < 2:
            continue
        if pd.api.types.is_numeric_dtype(known[name]):
            difference = standardised_difference(patients, controls)
            if abs(difference) > FAR_APART:
                said.append(
                    f"Patients and controls differ in {name} by {difference:+.1f} SD: adjusting for it extrapolates, "
                    "and the adjusted difference rests on the assumption of a straight line."
                )
        else:
            alone = sorted({*map(str, patients)} ^ {*map(str, controls)})
            if alone:
                occur = "occurs" if len(alone) == 1 else "occur"
                said.append(
                    f"{', '.join(alone)} of {name} {occur} in one group only: no adjustment can compare there."
                )
    return said


def standardised_difference(first: pd.Series, second: pd.Series) -> float:
    """Difference of two means over the root of their mean variance; infinite where neither group varies."""
    spread = np.sqrt((first.astype(float).var(ddof=1) + second.astype(float).var(ddof=1)) / 2)
    difference = float(first.astype(float).mean() - second.astype(float).mean())
    if spread > 0:
        return float(difference / spread)
    return float(np.sign(difference) * np.inf) if difference else 0.0


def _fit(
    table: pd.DataFrame, interest: NDArray[np.float64], name: str, covariates: Sequence[str], alpha: float
) -> dict[str, Any]:
    result: dict[str, Any] = dict.fromkeys(FITTED, np.nan) | {"note": None, "residuals": None}
    data = table[["value", "subject", *covariates]].assign(_interest=interest).dropna()
    mixed = bool(data["subject"].duplicated().any())
    result |= {"n": data["subject"].nunique(), "formula": formula(name, covariates, mixed=mixed)}
    result["method"] = "mixed model (REML)" if mixed else "OLS, HC3"
    if len(data) < 2 or np.ptp(data["_interest"].to_numpy()) == 0:
        return result | {"note": f"{name} does not vary among the participants with all entries"}
    columns = design_columns(data, covariates)
    design = np.column_stack([np.ones(len(data)), data["_interest"], columns])
    freedom = result["n"] - design.shape[1]
    if freedom < LEAST_FREEDOM:
        return result | {"note": f"too few participants ({result['n']}) for {design.shape[1]} coefficients"}
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return result | {"note": f"{name} cannot be told from the covariates"}
    values = data["value"].to_numpy(float)
    if np.ptp(values) < 1e-12:
        return result | {"note": "the value does not vary"}
    fit = _mixed(values, design, data["subject"].to_numpy()) if mixed else _least_squares(values, design)
    estimate, error, residual = fit[:3]
    if not np.isfinite(error) or error <= 0:
        return result | {"estimate": estimate, "note": "the model cannot be fitted"}
    half = stats.t.ppf(1 - alpha / 2, freedom) * error
    low, high = estimate - half, estimate + half
    return result | {
        **{"estimate": estimate, "ci_low": low, "ci_high": high, "statistic": estimate / error},
        "residuals": _residual_table(values, fit.residual, fit.studentised, data.index),
        "p": float(2 * stats.t.sf(abs(estimate / error), freedom)),
        "effect_size": estimate / residual,
        **{"std_estimate": estimate / residual, "std_ci_low": low / residual, "std_ci_high": high / residual},
    }


def _residual_table(
    values: NDArray[np.float64],
    residual: NDArray[np.float64],
    studentised: NDArray[np.float64],
    index: pd.Index,
) -> pd.DataFrame:
    """Residuals beside the quantiles of a normal distribution at Blom's positions, (rank - 3/8) / (n + 1/4)."""
    positions = (stats.rankdata(studentised, nan_policy="omit") - 0.375) / (
        np.isfinite(studentised).sum() + 0.25
    )
    columns = (values - residual, residual, studentised, stats.norm.ppf(positions))
    return pd.DataFrame(dict(zip(RESIDUALS, columns, strict=True)), index=index)


class _Fitted(NamedTuple):
    """Coefficient of interest with its standard error, and the residuals: their SD, as they are, and studentised."""

    estimate: float
    error: float
    scale: float
    residual: NDArray[np.float64]
    studentised: NDArray[np.float64]


def _least_squares(values: NDArray[np.float64], design: NDArray[np.float64]) -> _Fitted:
    """Ordinary least squares with HC3 standard errors; a scan that fits by itself has no studentised residual."""
    fit = OLS(values, design).fit(cov_type="HC3")
    scale = float(np.sqrt(fit.mse_resid))
    free = 1 - fit.get_influence().hat_matrix_diag
    studentised = np.where(free > 1e-9, fit.resid / (scale * np.sqrt(np.maximum(free, 1e-9))), np.nan)
    return _Fitted(float(fit.params[INTEREST]), float(fit.bse[INTEREST]), scale, fit.resid, studentised)


def _mixed(values: NDArray[np.float64], design: NDArray[np.float64], subjects: NDArray[Any]) -> _Fitted:
    """The same with a random intercept per participant; the SD is that between and within participants together.

    The residuals are those within participants, over their SD.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance of 0 between participants is an answer
        try:
            fit = MixedLM(values, design, groups=subjects).fit(reml=True)
            residual = np.asarray(fit.resid, float)
        except (np.linalg.LinAlgError, ValueError):
            none = np.full(values.shape, np.nan)
            return _Fitted(np.nan, np.nan, np.nan, none, none)
    total = np.sqrt(fit.scale + float(np.asarray(fit.cov_re)[0, 0]))
    studentised = residual / np.sqrt(fit.scale)
    return _Fitted(
        float(fit.fe_params[INTEREST]), float(fit.bse_fe[INTEREST]), float(total), residual, studentised
    )
