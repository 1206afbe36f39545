"""Adjusted differences recover known effects, intervals keep their level, and failed fits give their reason."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.evaluation.adjusted import adjusted_difference, adjusted_slope, design_columns, group_overlap

DIFFERENCE, PER_YEAR, OF_MEN = -0.04, -0.002, 0.03


def cohort(seed, *, n_patients=18, n_controls=10, older=8.0, sessions=1, spread=0.03):
    """Participants whose DVR falls with age and differs by sex; patients are older, and scatter twice as much."""
    rng = np.random.default_rng(seed)
    group = np.repeat(["MS", "HC"], [n_patients, n_controls])
    ill = group == "MS"
    age = rng.normal(38, 9, group.size) + older * ill
    sex = rng.choice(["F", "M"], group.size, p=[0.7, 0.3])
    own = rng.normal(0, spread, group.size) * np.where(ill, 2, 1)
    people = pd.DataFrame(
        {"subject": np.arange(group.size).astype(str), "group": group, "age": age, "sex": sex}
    )
    mean = 1.27 + DIFFERENCE * ill + PER_YEAR * (age - 40) + OF_MEN * (sex == "M") + own
    visits = [people.assign(value=mean + rng.normal(0, 0.01, group.size)) for _ in range(sessions)]
    return pd.concat(visits, ignore_index=True)


@pytest.mark.parametrize(("sessions", "n"), [(1, 200), (2, 60)])
def test_age_is_taken_out_without_bias_and_intervals_hold(sessions, n):
    fits = [adjusted_difference(cohort(seed, sessions=sessions), ["age", "sex"]) for seed in range(n)]
    estimates = np.array([fit["estimate"] for fit in fits])
    standard_error = estimates.std(ddof=1) / np.sqrt(n)
    assert abs(estimates.mean() - DIFFERENCE) < 3 * standard_error
    covered = np.mean([fit["ci_low"] <= DIFFERENCE <= fit["ci_high"] for fit in fits])
    assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / n)
    assert fits[0]["method"] == ("OLS, HC3" if sessions == 1 else "mixed model (REML)")
    ending = "" if sessions == 1 else " + (1 | participant)"
    assert fits[0]["formula"] == f"value ~ group + age + sex{ending}"
    assert fits[0]["n"] == 28


def test_a_raw_difference_holds_what_eight_years_do():
    raw = [adjusted_difference(cohort(seed))["estimate"] for seed in range(200)]
    assert np.mean(raw) == pytest.approx(DIFFERENCE + 8 * PER_YEAR, abs=0.005)


def test_without_covariates_it_is_the_difference_of_means():
    table = cohort(3)
    means = table.groupby("group").value.mean()
    found = adjusted_difference(table)
    assert found["estimate"] == pytest.approx(means.MS - means.HC)
    assert found["formula"] == "value ~ group"
    spread = found["estimate"] / found["std_estimate"]
    assert found["std_ci_low"] * spread == pytest.approx(found["ci_low"])


def test_slope_on_a_number():
    rng = np.random.default_rng(1)
    table = cohort(1).query("group == 'MS'").reset_index(drop=True)
    table["EDSS"] = rng.uniform(0, 6, len(table))
    table["value"] += 0.02 * table.EDSS
    found = adjusted_slope(table, ["age", "sex"], predictor="EDSS")
    assert found["ci_low"] < 0.02 < found["ci_high"]
    assert found["formula"] == "value ~ EDSS + age + sex"
    doubled = adjusted_slope(table.assign(EDSS=2 * table.EDSS), ["age", "sex"], predictor="EDSS")
    assert doubled["estimate"] == pytest.approx(found["estimate"] / 2)
    assert doubled["std_estimate"] == pytest.approx(found["std_estimate"])


def test_rows_with_a_missing_entry_are_left_out():
    table = cohort(2)
    table.loc[:2, "age"] = np.nan
    assert adjusted_difference(table, ["age"])["n"] == 25
    assert adjusted_difference(table)["n"] == 28


def test_categories_are_indicators_and_constants_have_no_column():
    table = pd.DataFrame({"age": [30.0, 40, 50], "site": ["B", "A", "C"], "sex": ["F"] * 3})
    columns = design_columns(table, ["age", "site", "sex"])
    assert list(columns) == ["age", "site=B", "site=C"]
    assert columns.age.tolist() == [-10, 0, 10]
    assert columns["site=B"].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("table", "covariates", "note"),
    [
        (
            cohort(0, n_patients=3, n_controls=2),
            ["age", "sex"],
            "too few participants (5) for 4 coefficients",
        ),
        (
            cohort(0).query("group == 'MS'"),
            [],
            "group does not vary among the participants without missing entries",
        ),
        (cohort(0).assign(site=lambda t: t.group), ["site"], "group cannot be separated from the covariates"),
        (cohort(0).assign(value=1.2), [], "the value does not vary"),
        (
            cohort(0).assign(value=np.nan),
            [],
            "group does not vary among the participants without missing entries",
        ),
    ],
)
def test_what_cannot_be_fitted_says_why(table, covariates, note):
    found = adjusted_difference(table, covariates)
    assert found["note"] == note
    assert np.isnan(found["p"])


def test_groups_that_do_not_overlap_are_said():
    alike = cohort(5, older=0, n_patients=200, n_controls=200)
    assert group_overlap(alike, ["age", "sex"]) == []
    apart = cohort(5, older=30, n_patients=200, n_controls=200).assign(site=lambda t: t.group)
    age, site = group_overlap(apart, ["age", "site"])
    assert age.startswith("Patients and controls differ in age by +3.")
    assert age.endswith("the adjusted difference assumes that the effect is linear.")
    assert site == "site: HC, MS occur in one group only, so the groups cannot be compared there."
