"""Lesions against NAWM by a mixed model: against statsmodels, the paired test, and data without an answer."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import mixedlm

from myelosketch.evaluation.mixed import repeated_difference


def data(scans=(1, 2, 3), n=18, between=0.03, within=0.03, contrast=-0.15, seed=0):
    """One row per scan; participants have as many scans as ``scans`` says, in turn."""
    generator = np.random.default_rng(seed)
    rows = []
    for subject in range(n):
        own = contrast + generator.normal(0, between)
        for _ in range(scans[subject % len(scans)]):
            rows.append({"subject": f"{subject:02d}", "difference": own + generator.normal(0, within)})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_model_of_statsmodels_formula(seed):
    table = data(seed=seed)
    result = repeated_difference(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = mixedlm("difference ~ 1", table, groups=table["subject"]).fit(reml=True, method="powell")
    assert result["estimate"] == pytest.approx(theirs.params["Intercept"], abs=1e-5)
    assert result["statistic"] == pytest.approx(theirs.tvalues["Intercept"], rel=1e-3)
    total = np.sqrt(theirs.scale + theirs.cov_re.iloc[0, 0])
    assert result["effect_size"] == pytest.approx(theirs.params["Intercept"] / total, rel=1e-3)
    assert result["n"] == 18
    assert result["note"] is None


def test_with_equally_many_scans_it_is_the_paired_test_of_the_participants_means():
    table = data(scans=(2,), between=0.06, seed=5)
    expected = stats.ttest_1samp(table.groupby("subject")["difference"].mean(), 0)
    result = repeated_difference(table)
    assert result["statistic"] == pytest.approx(expected.statistic, rel=1e-3)
    assert result["p"] == pytest.approx(expected.pvalue, rel=0.02)
    low, high = expected.confidence_interval()
    assert (result["ci_low"], result["ci_high"]) == pytest.approx((low, high), abs=1e-4)


def test_scans_of_one_participant_are_no_new_participants():
    """Repeating each scan makes nothing surer."""
    once = data(scans=(2,), between=0.06, seed=3)
    often = pd.concat([once] * 4)
    errors = [result["estimate"] / result["statistic"] for result in map(repeated_difference, (once, often))]
    assert errors[1] == pytest.approx(errors[0], rel=0.05)


def test_no_variance_between_participants_is_said():
    table = data(scans=(2,), between=0.0, within=0.0)
    # values that are high in one scan are low in the other: the variance between participants would be negative
    table["difference"] += np.random.default_rng(3).normal(0, 0.03, 18).repeat(2) * np.tile([1, -1], 18)
    result = repeated_difference(table)
    assert result["note"] == "the variance between participants is 0"
    assert result["p"] < 1e-6


@pytest.mark.parametrize(
    ("table", "note"),
    [
        (data().iloc[:0], "no subject with both values"),
        (data(n=2), "fewer than 3 subjects"),
        (data(between=0, within=0), "the differences do not vary"),
        (data().assign(difference=np.nan), "no subject with both values"),
        (data(scans=(1,)), "one scan per participant, so the paired test is this model"),
    ],
)
def test_what_cannot_be_fitted_says_why(table, note):
    result = repeated_difference(table)
    assert result["note"] == note
    assert np.isnan(result["p"])


def test_a_model_that_no_optimiser_fits_is_missing_with_its_reason(monkeypatch):
    from myelosketch.evaluation import mixed

    class Singular:
        def __init__(self, *_, **__):
            pass

        def fit(self, **_):
            raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(mixed, "MixedLM", Singular)
    result = repeated_difference(data())
    assert result["note"] == "the model cannot be fitted (Singular matrix)"
    assert np.isnan(result["p"])
    assert result["estimate"] == pytest.approx(-0.15, abs=0.03)
