"""Lesions against NAWM by a mixed model: against statsmodels' own call, the paired test, and what has no answer."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import mixedlm

from myelosketch.evaluation.mixed import region_model


def data(n=18, folds=3, between=0.06, within=0.03, contrast=-0.15, fold_shift=0.02, seed=0):
    generator = np.random.default_rng(seed)
    rows = []
    for subject in range(n):
        level = 1.25 + generator.normal(0, between) + fold_shift * (subject % folds)
        for region, shift in (("nawm", 0.0), ("lesion", contrast)):
            dvr = level + shift + generator.normal(0, within)
            rows.append(
                {"subject": f"{subject:02d}", "fold": subject % folds + 1, "region": region, "dvr": dvr}
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_model_of_statsmodels_formula(seed):
    table = data(seed=seed)
    result = region_model(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = mixedlm("dvr ~ C(region, Treatment('nawm')) + C(fold)", table, groups=table["subject"]).fit(
            reml=True, method="powell"
        )
    (name,) = (key for key in theirs.params.index if "lesion" in key)
    assert result["estimate"] == pytest.approx(theirs.params[name], abs=1e-6)
    assert result["statistic"] == pytest.approx(theirs.tvalues[name], rel=1e-3)
    total = np.sqrt(theirs.scale + theirs.cov_re.iloc[0, 0])
    assert result["effect_size"] == pytest.approx(theirs.params[name] / total, rel=1e-3)
    assert result["method"] == "mixed model (REML), participant random, fold fixed"
    assert result["note"] is None


def test_with_one_value_per_region_it_is_the_paired_t_test():
    table = data(seed=5)
    wide = table.pivot(index="subject", columns="region", values="dvr")
    expected = stats.ttest_rel(wide["lesion"], wide["nawm"])
    result = region_model(table)
    assert result["n"] == 18
    assert result["estimate"] == pytest.approx((wide["lesion"] - wide["nawm"]).mean())
    assert result["statistic"] == pytest.approx(expected.statistic, rel=1e-3)
    assert result["p"] == pytest.approx(expected.pvalue, rel=0.02)
    low, high = expected.confidence_interval()
    assert (result["ci_low"], result["ci_high"]) == (
        pytest.approx(low, abs=1e-4),
        pytest.approx(high, abs=1e-4),
    )


def test_a_fold_that_shifts_its_patients_changes_nothing():
    one, other = region_model(data(fold_shift=0.0, seed=2)), region_model(data(fold_shift=0.3, seed=2))
    assert one["estimate"] == pytest.approx(other["estimate"], abs=1e-9)
    assert one["statistic"] == pytest.approx(other["statistic"], rel=1e-3)


def test_no_variance_between_participants_is_said():
    table = data(between=0.0, fold_shift=0.0, within=0.0)
    # what is high in one region is low in the other: less than no variance between participants
    table["dvr"] += np.random.default_rng(3).normal(0, 0.03, 18).repeat(2) * np.tile([1, -1], 18)
    result = region_model(table)
    assert result["note"] == "the variance between participants is 0"
    assert result["p"] < 1e-6


def test_one_fold_and_few_subjects_have_no_effect_of_folds():
    assert region_model(data(folds=1))["method"].endswith("participant random, one fold")
    few = region_model(data(n=4))
    assert few["method"].endswith("too few subjects for an effect of folds")
    assert np.isfinite(few["p"])


@pytest.mark.parametrize(
    ("table", "note"),
    [
        (data(n=1).iloc[:0], "no subject with both values"),
        (data(n=2), "fewer than 3 subjects"),
        (data().query("region == 'nawm'"), "no subject with both values"),
        (data(between=0, within=0, fold_shift=0), "no value varies within the regions"),
        (data().assign(dvr=np.nan), "no subject with both values"),
    ],
)
def test_what_cannot_be_fitted_says_why(table, note):
    result = region_model(table)
    assert result["note"] == note
    assert np.isnan(result["p"])


def test_patients_without_a_lesion_are_left_out():
    table = data()
    without = table[(table["subject"] != "00") | (table["region"] == "nawm")]
    assert region_model(without)["n"] == 17


def test_a_model_that_no_optimiser_fits_is_missing_with_its_reason(monkeypatch):
    from myelosketch.evaluation import mixed

    class Singular:
        def __init__(self, *_, **__):
            pass

        def fit(self, **_):
            raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(mixed, "MixedLM", Singular)
    result = region_model(data())
    assert result["note"] == "the model cannot be fitted (Singular matrix)"
    assert np.isnan(result["p"])
    assert result["estimate"] == pytest.approx(-0.15, abs=0.03)
