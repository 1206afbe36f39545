"""Agreement lesion by lesion and patient by patient; intervals over patients."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from myelosketch.evaluation.bootstrap import interval, line_moments, slope_and_correlation, subject_draws
from myelosketch.evaluation.inference import bland_altman, icc_2_1
from myelosketch.evaluation.lesion_agreement import (
    COLUMNS,
    STATISTICS,
    agreement_of,
    lesion_agreement,
    ranks_of_draws,
)
from myelosketch.evaluation.patient_agreement import patient_agreement

OPTIONS = {"draws": 2000, "seed": 7, "alpha": 0.05}
SIZES = ("< 300 mm3", ">= 300 mm3")


def lesion_table(n_patients=8, per_patient=5, noise=0.03, method="ridgemeans", seed=0, between=0.05):
    generator = np.random.default_rng(seed)
    rows = []
    for patient in range(n_patients):
        level = generator.normal(0, between)
        for number in range(per_patient):
            true = 1.1 + level + generator.normal(0, 0.06)
            row = {
                "method": method,
                "subject": f"{patient:02d}",
                "scan": f"sub-{patient:02d}",
                "lesion": number + 1,
            }
            row |= {"mean_dvr_true": true, "mean_dvr_pred": 1.0 + 0.5 * level + generator.normal(0, noise)}
            row["mean_dvr_pred"] += 0.6 * (true - 1.1)
            rows.append(row | {"size": SIZES[number % 2], "place": "deep", "kind": None})
    return pd.DataFrame(rows)


def test_all_statistics_and_tables_resample_the_same_patients():
    # of more than ten patients: "10" is before "2" as text
    lesions = lesion_table(n_patients=13)
    found = agreement_of(lesions, **OPTIONS)
    moments = line_moments(lesions["mean_dvr_pred"], lesions["mean_dvr_true"], lesions["subject"])
    draws = subject_draws(13, draws=OPTIONS["draws"], seed=OPTIONS["seed"])
    replicates = slope_and_correlation(draws @ moments)[1]
    expected = interval(replicates, 13, OPTIONS["alpha"])
    assert (found["pearson_r_ci_low"], found["pearson_r_ci_high"]) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(3, 8), st.integers(2, 9))
def test_statistics_equal_those_of_scipy_and_of_shrout_and_fleiss(seed, n_patients, per_patient):
    table = lesion_table(n_patients, per_patient, seed=seed)
    true, predicted = table["mean_dvr_true"], table["mean_dvr_pred"]
    found = agreement_of(table, **OPTIONS)
    assert found["pearson_r"] == pytest.approx(stats.pearsonr(true, predicted)[0], abs=1e-9)
    assert found["spearman_r"] == pytest.approx(stats.spearmanr(true, predicted)[0], abs=1e-9)
    ratings = np.column_stack([predicted, true])
    assert found["icc"] == pytest.approx(icc_2_1(ratings)["estimate"], abs=1e-9)
    limits = bland_altman(predicted, true)
    assert found["bias"] == pytest.approx(limits["estimate"], abs=1e-9)
    assert found["limit_low"] == pytest.approx(limits["limit_low"], abs=1e-9)
    assert found["limit_high"] == pytest.approx(limits["limit_high"], abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(0, 1000))
def test_ranks_in_a_resample_are_those_of_its_copies(values, seed):
    generator = np.random.default_rng(seed)
    patient = generator.integers(0, 4, len(values))
    drawn = generator.integers(0, 4, 4)
    ranks = ranks_of_draws(np.array(values, float), patient, drawn[None].astype(float))[0]
    copies = drawn[patient]
    assert np.repeat(ranks, copies) == pytest.approx(stats.rankdata(np.repeat(values, copies)))


def test_a_resample_gives_what_the_lesions_drawn_would_give():
    table = lesion_table(4, 6)
    doubled = pd.concat([table, table[table["subject"] == "01"].assign(subject="01b")])
    from myelosketch.evaluation.lesion_agreement import _statistics

    _, patient = np.unique(table["subject"], return_inverse=True)
    drawn = _statistics(
        *(table[name].to_numpy() for name in ("mean_dvr_true", "mean_dvr_pred")),
        patient,
        np.array([[1.0, 2, 1, 1]]),
    )
    expected = agreement_of(doubled, **OPTIONS)
    for name in STATISTICS:
        assert drawn[name][0] == pytest.approx(expected[name], abs=1e-9)


def test_intervals_are_over_patients_not_over_lesions():
    """Copies of each lesion bring no new patient, so they must not narrow an interval."""
    table = lesion_table(10, 3)
    copies = pd.concat([table.assign(lesion=table["lesion"] + 10 * i) for i in range(20)])
    one, many = agreement_of(table, **OPTIONS), agreement_of(copies, **OPTIONS)
    assert many["n_lesions"] == 600
    for name in ("pearson_r", "spearman_r", "bias"):
        width = [r[f"{name}_ci_high"] - r[f"{name}_ci_low"] for r in (one, many)]
        assert width[1] == pytest.approx(width[0], rel=0.05)


def test_intervals_cover_the_bias_as_often_as_they_say():
    """18 patients with a level of their own; the bias over all lesions is 0 by construction."""
    inside, trials = 0, 300
    for seed in range(trials):
        generator = np.random.default_rng(seed)
        level = np.repeat(generator.normal(0, 0.05, 18), 4)
        true = generator.normal(1.1, 0.05, 72)
        predicted = true + level + generator.normal(0, 0.03, 72)
        subjects = np.repeat([f"{i:02d}" for i in range(18)], 4)
        table = pd.DataFrame({"subject": subjects, "mean_dvr_true": true, "mean_dvr_pred": predicted})
        found = agreement_of(table, draws=1000, seed=1, alpha=0.05)
        inside += found["bias_ci_low"] <= 0 <= found["bias_ci_high"]
    assert 0.93 <= inside / trials <= 0.975


@pytest.mark.parametrize(
    ("table", "note"),
    [
        (lesion_table(2, 9), "fewer than 3 patients"),
        (lesion_table(0), "no lesion"),
    ],
)
def test_too_few_patients_are_counted_with_a_reason(table, note):
    table = table if len(table) else lesion_table(1).iloc[:0]
    found = agreement_of(table, **OPTIONS)
    assert found["note"] == note
    assert "icc" not in found


def test_equal_values_have_no_correlation_and_a_reason():
    table = lesion_table().assign(mean_dvr_true=1.1)
    found = agreement_of(table, **OPTIONS)
    assert np.isnan([found["pearson_r"], found["spearman_r"], found["pearson_r_ci_low"]]).all()
    assert found["note"] == "the lesions' means do not vary"
    assert np.isfinite(found["bias"])


def test_strata_and_their_order():
    table = pd.concat([lesion_table(), lesion_table(method="refiner", noise=0.01)])
    table.loc[table["subject"] < "02", "place"] = "periventricular"
    table.loc[table["lesion"] == 1, "kind"] = "active"
    found = lesion_agreement(table, methods=["ridgemeans", "refiner", "dnn2"], borders=[300], **OPTIONS)
    assert list(found.columns) == list(COLUMNS)
    levels = ["all", *SIZES, "periventricular", "deep", "juxtacortical", "infratentorial", "active"]
    assert found["level"].tolist() == levels * 3
    row = found[(found["method"] == "refiner") & (found["level"] == SIZES[0])].iloc[0]
    assert (row["n_lesions"], row["n_patients"]) == (24, 8)
    few = found[(found["method"] == "ridgemeans") & (found["level"] == "periventricular")].iloc[0]
    assert (few["n_lesions"], few["n_patients"], few["note"]) == (10, 2, "fewer than 3 patients")
    assert np.isnan(few["icc"])
    assert set(found[found["method"] == "dnn2"]["note"]) == {"no lesion"}
    assert (
        lesion_agreement(table.iloc[:0], methods=["ridgemeans"], borders=[300], **OPTIONS)["icc"].isna().all()
    )


def patient_tables(n=10, bias=5.0, sessions=1):
    generator = np.random.default_rng(4)
    shares, regions = [], []
    for patient in range(n):
        true = generator.uniform(20, 80)
        for session in range(sessions):
            shared = {
                "method": "ridgemeans",
                "subject": f"{patient:02d}",
                "scan": f"{patient}-{session}",
                "group": "MS",
            }
            values = {"pct_true": true, "pct_pred": true + bias + generator.normal(0, 1)}
            shares += [shared | {"k": k} | values for k in (0.5, 1.0)]
            for region in ("lesion", "nawm"):
                means = {"mean_dvr_true": 1 + true / 500, "mean_dvr_pred": 1 + true / 500}
                means["mean_dvr_pred"] += generator.normal(0, 0.001)
                regions.append(shared | {"region": region, "n_voxels": 9} | means)
    columns = ["method", "subject", "scan", "group", "region", "n_voxels", "mean_dvr_true", "mean_dvr_pred"]
    columns_of_shares = ["method", "subject", "scan", "k", "pct_true", "pct_pred"]
    return pd.DataFrame(shares, columns=columns_of_shares), pd.DataFrame(regions, columns=columns)


def test_patients_agreement_by_independent_numbers():
    shares, regions = patient_tables(sessions=2)
    table = patient_agreement(shares, regions, methods=["ridgemeans"], k=1.0, alpha=0.05).set_index("measure")
    assert table.index.tolist() == ["pct_demyelinated", "mean_dvr_lesion", "mean_dvr_nawm"]
    means = shares[shares["k"] == 1].groupby("subject")[["pct_true", "pct_pred"]].mean()
    row = table.loc["pct_demyelinated"]
    assert row["n"] == 10
    assert row["bias"] == pytest.approx((means["pct_pred"] - means["pct_true"]).mean())
    assert row["icc"] == pytest.approx(icc_2_1(means.to_numpy())["estimate"])
    assert row["icc_ci_low"] < row["icc"] < row["icc_ci_high"]
    assert row["pearson_r"] == pytest.approx(means.corr().iloc[0, 1])


def test_patients_agreement_that_cannot_be_computed_says_why():
    shares, regions = patient_tables()
    table = patient_agreement(shares, regions, methods=["ridgemeans", "dnn2"], k=3.0, alpha=0.05)
    assert table["note"].tolist() == ["no patient with a value", None, None, *["no patient with a value"] * 3]
    few = patient_agreement(*patient_tables(2), methods=["ridgemeans"], k=1.0, alpha=0.05)
    assert set(few["note"]) == {"fewer than 3 subjects"}
    shares["pct_true"] = shares["pct_pred"] = 100.0
    flat = patient_agreement(shares, regions, methods=["ridgemeans"], k=1.0, alpha=0.05).iloc[0]
    assert flat["note"] == "the subjects do not differ"
    assert np.isnan(flat["icc"])
