"""Differences between groups and slopes, adjusted for covariates by linear models. The method is our choice.

One scan per participant: ordinary least squares with HC3 standard errors (MacKinnon and White 1985), which are valid
where groups scatter differently. Several scans of a participant: a mixed model with a random intercept per
participant.
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

# in addition to inference.RESULT: the estimate divided by the SD of the residuals, and the model in words
FITTED = (*RESULT, "std_estimate", "std_ci_low", "std_ci_high", "formula")
# per scan: fitted value, residual, studentised residual, and the normal quantile of the residual's rank
RESIDUALS = ("fitted", "residual", "studentised", "normal_quantile")
LEAST_FREEDOM = 3
# above this standardised difference the adjustment rests on the model alone
FAR_APART = 1.0
INTEREST = 1  # column of the design with the coefficient of interest; column 0 is the intercept


def adjusted_difference(
    table: pd.DataFrame, covariates: Sequence[str] = (), *, alpha: float = 0.05
) -> dict[str, Any]:
    """Return the difference patients minus controls, adjusted for covariates.

    Parameters
    ----------
    table : DataFrame : ``value``, ``subject``, ``group`` (MS or HC) and the covariates. Columns of numbers enter as
        numbers, all others as categories. Rows with a missing entry are left out
    covariates : columns to adjust for
    alpha : float

    Returns
    -------
    dict with the keys of :data:`FITTED`, where what cannot be computed is NaN with the reason in ``note``, and the
        key ``residuals``: a DataFrame of :data:`RESIDUALS` for the fitted rows of ``table``, None without a model
    """
    first = (table["group"] == "MS").to_numpy(float)
    return _fit(table, first, "group", covariates, alpha)


def adjusted_slope(
    table: pd.DataFrame, covariates: Sequence[str] = (), *, predictor: str, alpha: float = 0.05
) -> dict[str, Any]:
    """Return the slope of ``value`` on a numeric predictor, adjusted for covariates.

    Parameters
    ----------
    table : as in :func:`adjusted_difference`, without ``group``
    covariates : columns to adjust for
    predictor : column of numbers
    alpha : float

    Returns
    -------
    dict as of :func:`adjusted_difference`. The standardised slope is per SD of the predictor, divided by the SD of
        the residuals
    """
    numbers = pd.to_numeric(table[predictor], errors="coerce").to_numpy(float)
    result = _fit(table, numbers, predictor, covariates, alpha)
    spread = np.nanstd(numbers, ddof=1) if np.isfinite(numbers).sum() > 1 else np.nan
    return result | {
        key: result[key] * spread for key in ("std_estimate", "std_ci_low", "std_ci_high", "effect_size")
    }


def design_columns(table: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Return the columns of a linear model: centred numbers, and indicators of every category but the first.

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
    """Return the formula of a linear model, as R writes it.

    >>> formula("group", ["age", "sex"], mixed=True)
    'value ~ group + age + sex + (1 | participant)'
    """
    terms = [interest, *covariates, *(["(1 | participant)"] if mixed else [])]
    return f"value ~ {' + '.join(terms)}"


def group_overlap(table: pd.DataFrame, covariates: Sequence[str]) -> list[str]:
    """Name the covariates in which the groups differ so much that the adjustment rests on the model alone.

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
                    f"Patients and controls differ in {name} by {difference:+.1f} SD. Adjusting for it extrapolates: "
                    "the adjusted difference assumes that the effect is linear."
                )
        else:
            alone = sorted({*map(str, patients)} ^ {*map(str, controls)})
            if alone:
                occur = "occurs" if len(alone) == 1 else "occur"
                said.append(
                    f"{name}: {', '.join(alone)} {occur} in one group only, so the groups cannot be compared there."
                )
    return said


def standardised_difference(first: pd.Series, second: pd.Series) -> float:
    """Return the difference of two means over the root of their mean variance, infinite if neither group varies."""
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
        return result | {"note": f"{name} does not vary among the participants without missing entries"}
    columns = design_columns(data, covariates)
    design = np.column_stack([np.ones(len(data)), data["_interest"], columns])
    freedom = result["n"] - design.shape[1]
    if freedom < LEAST_FREEDOM:
        return result | {"note": f"too few participants ({result['n']}) for {design.shape[1]} coefficients"}
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return result | {"note": f"{name} cannot be separated from the covariates"}
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
    """Return the residuals with the normal quantiles at Blom's positions, (rank - 3/8) / (n + 1/4)."""
    positions = (stats.rankdata(studentised, nan_policy="omit") - 0.375) / (
        np.isfinite(studentised).sum() + 0.25
    )
    columns = (values - residual, residual, studentised, stats.norm.ppf(positions))
    return pd.DataFrame(dict(zip(RESIDUALS, columns, strict=True)), index=index)


class _Fitted(NamedTuple):
    """Return the coefficient of interest, its standard error, and the residuals: SD, raw and studentised."""

    estimate: float
    error: float
    scale: float
    residual: NDArray[np.float64]
    studentised: NDArray[np.float64]


def _least_squares(values: NDArray[np.float64], design: NDArray[np.float64]) -> _Fitted:
    """Fit by ordinary least squares with HC3 standard errors. A scan of leverage 1 has no studentised residual."""
    fit = OLS(values, design).fit(cov_type="HC3")
    scale = float(np.sqrt(fit.mse_resid))
    free = 1 - fit.get_influence().hat_matrix_diag
    studentised = np.where(free > 1e-9, fit.resid / (scale * np.sqrt(np.maximum(free, 1e-9))), np.nan)
    return _Fitted(float(fit.params[INTEREST]), float(fit.bse[INTEREST]), scale, fit.resid, studentised)


def _mixed(values: NDArray[np.float64], design: NDArray[np.float64], subjects: NDArray[Any]) -> _Fitted:
    """Fit with a random intercept per participant. The SD is that between and within participants together.

    The residuals are those within participants, divided by their SD.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance of 0 between participants is a valid result
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
