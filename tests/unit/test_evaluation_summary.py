"""Means over subjects, bootstrap intervals, and the console table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from myelosketch.errors import InputError
from myelosketch.evaluation.bootstrap import (
    expanded_levels,
    line_moments,
    mean_interval,
    slope_and_correlation,
    subject_draws,
)
from myelosketch.evaluation.final_table import final_table
from myelosketch.evaluation.scoring import TABLES
from myelosketch.evaluation.summary import METRICS, known_metrics, summarise, summarise_tables
from myelosketch.evaluation.voxelwise import VISIBLE_COLUMNS

OPTIONS = {"draws": 2000, "seed": 7, "alpha": 0.05}
QUALITY = {"ridgemeans": 0.10, "refiner": 0.05, "rescan": 0.04}


def score_tables(n_patients=8, n_controls=4, sessions=(None,), quality=None, seed=0):
    """Gathered tables as scoring writes them, with errors that grow with a method's number."""
    generator = np.random.default_rng(seed)
    rows = {"voxelwise": [], "demyelination": [], "lesions": []}
    for subject in range(1, n_patients + n_controls + 1):
        patient = subject <= n_patients
        for session in sessions:
            scan = f"sub-{subject:02d}" + (f"_ses-{session}" if session else "")
            lesions = generator.normal(1.1, 0.1, 3)
            share = generator.uniform(0.4, 0.8)
            for method, error in (quality or QUALITY).items():
                shared = {"method": method, "scan": scan, "subject": f"{subject:02d}", "fold": 1}
                for region in ("brain", "lesion", "nawm", "other"):
                    scores = error + 0.01 * generator.uniform(size=7)
                    empty = region == "lesion" and not patient
                    columns = dict(
                        zip(("mae", "mse", "bias", "psnr", "ssim", "pearson_r", "slope"), scores, strict=True)
                    )
                    columns = {name: np.nan if empty else value for name, value in columns.items()}
                    n_voxels = 0 if empty else 100
                    rows["voxelwise"].append(shared | {"region": region, "n_voxels": n_voxels} | columns)
                if not patient:
                    continue
                for k in (0.5, 1.0):
                    scores = {
                        name: 1 - error * k
                        for name in ("dice", "dice_not_demyelinated", "mcc", "kappa", "auc")
                    }
                    scores |= {"trivial_dice": 2 * share / (1 + share), "pct_true": 100 * share}
                    scores["pct_pred"] = 100 * share + 100 * error
                    rows["demyelination"].append(shared | {"k": k} | scores)
                for number, true in enumerate(lesions, start=1):
                    predicted = 0.5 + 0.5 * true + generator.normal(0, error / 10)
                    means = {"mean_dvr_true": true, "mean_dvr_pred": predicted}
                    rows["lesions"].append(shared | {"lesion": number} | means)
    return {name: pd.DataFrame(table, columns=list(TABLES[name])) for name, table in rows.items()}


def summary_of(tables, methods=("ridgemeans", "refiner", "rescan")):
    return summarise_tables(tables, methods=list(methods), **OPTIONS)


def pick(summary, method, metric, k=None):
    chosen = summary[(summary["method"] == method) & (summary["metric"] == metric)]
    chosen = chosen[chosen["k"].isna()] if k is None else chosen[chosen["k"] == k]
    return chosen.squeeze()


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    generator = np.random.default_rng(11)
    n, trials, inside = 18, 1500, 0
    draws = subject_draws(n, draws=1000, seed=1)
    low_level, high_level = expanded_levels(n, 0.05)
    for _ in range(trials):
        values = generator.normal(0.08, 0.02, n)
        low, high = np.quantile(draws @ values / n, [low_level, high_level])
        inside += low <= 0.08 <= high
    assert 0.93 <= inside / trials <= 0.97


def test_the_interval_is_wider_than_the_plain_percentile_one():
    low, high = expanded_levels(18, 0.05)
    assert low == pytest.approx(stats.norm.cdf(-np.sqrt(18 / 17) * stats.t.ppf(0.975, 17)))
    assert low < 0.025 < 0.975 < high


def test_mean_interval_leaves_missing_and_infinite_values_out():
    mean, low, high, n = mean_interval([1.0, 2.0, 3.0, np.nan, np.inf], **OPTIONS)
    assert (mean, n) == (2.0, 3)
    assert low < 2 < high


@pytest.mark.parametrize(("values", "n"), [([], 0), ([np.nan], 0), ([0.4], 1), ([0.4, 0.5], 2)])
def test_too_few_subjects_have_no_interval(values, n):
    _, low, high, found = mean_interval(values, **OPTIONS)
    assert found == n
    assert np.isnan([low, high]).all()


def test_equal_values_give_an_interval_of_no_width():
    assert mean_interval([0.3] * 9, **OPTIONS) == (
        pytest.approx(0.3),
        pytest.approx(0.3),
        pytest.approx(0.3),
        9,
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=3, max_size=20), st.floats(-5, 5), st.floats(0.1, 4))
def test_intervals_move_and_scale_with_the_values(values, shift, scale):
    mean, low, high, _ = mean_interval(values, **OPTIONS)
    moved = mean_interval(np.array(values) * scale + shift, **OPTIONS)
    assert moved[:3] == pytest.approx(np.array([mean, low, high]) * scale + shift, abs=1e-8)
    assert low - 1e-9 <= mean <= high + 1e-9


def test_resamples_are_repeatable_and_change_with_the_seed():
    again = subject_draws(10, draws=1000, seed=3)
    assert np.array_equal(again, subject_draws(10, draws=1000, seed=3))
    assert not np.array_equal(again, subject_draws(10, draws=1000, seed=4))
    assert (again.sum(axis=1) == 10).all()
    with pytest.raises(InputError) as error:
        subject_draws(10, draws=100, seed=3)
    assert str(error.value) == "evaluation.bootstrap is 100; expected at least 1000 resamples."


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 30))
def test_slope_and_correlation_equal_those_of_scipy(seed, n):
    generator = np.random.default_rng(seed)
    x = generator.normal(1.1, 0.1, n)
    y = 0.3 + 0.6 * x + generator.normal(0, 0.05, n)
    moments = line_moments(x, y, generator.integers(0, 5, n))
    expected = stats.linregress(x, y)
    slope, r = slope_and_correlation(moments.sum(axis=0))
    assert (slope, r) == (pytest.approx(expected.slope), pytest.approx(expected.rvalue))


def test_lesions_that_do_not_vary_have_no_slope():
    slope, r = slope_and_correlation(line_moments([1.0, 1.0, 1.0], [1.0, 1.1, 1.2], list("abc")).sum(axis=0))
    assert np.isnan([slope, r]).all()


def test_summary_has_every_metric_for_every_method_and_k():
    summary = summary_of(score_tables())
    thresholded = sum(metric.table == "demyelination" for metric in METRICS)
    simulated = sum(metric.column in VISIBLE_COLUMNS for metric in METRICS)
    assert len(summary) == 3 * (len(METRICS) + thresholded - simulated)
    assert pick(summary, "refiner", "lesion_mae")["n"] == 8
    assert pick(summary, "refiner", "brain_mae")["n"] == 12
    assert pick(summary, "ridgemeans", "mcc", 0.5)["mean"] == pytest.approx(0.95)
    assert pick(summary, "ridgemeans", "pct_bias", 1.0)["mean"] == pytest.approx(10)
    # predicted means spread half as far as the true ones: the slope of truth on prediction is 2
    assert pick(summary, "refiner", "lesion_slope")["mean"] == pytest.approx(2, abs=0.1)
    assert pick(summary, "refiner", "lesion_mae")["ci_low"] < pick(summary, "refiner", "lesion_mae")["mean"]


def test_differences_to_the_refiner_are_paired_by_subject():
    summary = summary_of(score_tables())
    row = pick(summary, "ridgemeans", "dice", 1.0)
    assert row["diff_to_refiner"] == pytest.approx(-0.05)
    # every subject has the same difference, so its interval has no width, unlike that of the means
    assert row["diff_ci_high"] - row["diff_ci_low"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(pick(summary, "refiner", "dice", 1.0)["diff_to_refiner"])
    assert np.isfinite(pick(summary, "ridgemeans", "lesion_slope")["diff_ci_low"])


def test_without_a_refiner_there_is_no_difference():
    summary = summary_of(score_tables(quality={"ridgemeans": 0.1}), methods=["ridgemeans"])
    assert summary["diff_to_refiner"].isna().all()
    assert summary["mean"].notna().all()


def test_the_order_of_rows_changes_nothing():
    tables = score_tables()
    shuffled = {name: table.sample(frac=1, random_state=5) for name, table in tables.items()}
    pd.testing.assert_frame_equal(summary_of(tables), summary_of(shuffled))


def test_scans_of_a_subject_count_as_one_subject():
    tables = score_tables(sessions=("01", "02"))
    row = pick(summary_of(tables), "ridgemeans", "lesion_mae")
    assert row["n"] == 8
    voxelwise = tables["voxelwise"].query("method == 'ridgemeans' and region == 'lesion' and n_voxels > 0")
    assert row["mean"] == pytest.approx(voxelwise.groupby("subject")["mae"].mean().mean())


def test_patients_without_a_dice_are_counted_and_leave_the_trivial_dice_too():
    tables = score_tables()
    empty = (tables["demyelination"]["subject"] == "01") & (tables["demyelination"]["k"] == 1.0)
    tables["demyelination"].loc[empty, ["dice", "mcc"]] = np.nan
    tables["demyelination"].loc[empty, "trivial_dice"] = 0.0
    summary = summary_of(tables)
    dice, trivial = pick(summary, "ridgemeans", "dice", 1.0), pick(summary, "ridgemeans", "trivial_dice", 1.0)
    assert dice["n"] == trivial["n"] == 7
    assert trivial["mean"] > 0.55  # a zero among the others would have lowered the bar
    assert dice["note"].startswith("no value in 1 of 8 subjects")


def test_missing_methods_and_patients_give_a_reason():
    summary = summary_of(score_tables(n_patients=0), methods=["ridgemeans", "dnn2", "refiner", "rescan"])
    assert set(summary.query("method == 'dnn2'")["note"]) == {"no predictions of this method"}
    assert pick(summary, "ridgemeans", "lesion_mae")["note"] == "no subject with a value"
    assert pick(summary, "ridgemeans", "lesion_slope")["note"] == "no lesion of the minimum size"
    assert pick(summary, "ridgemeans", "brain_mae")["n"] == 4


def test_a_level_that_is_none_is_an_error():
    with pytest.raises(InputError) as error:
        summarise_tables(score_tables(), methods=["ridgemeans"], draws=2000, seed=1, alpha=5)
    assert str(error.value) == "evaluation.alpha is 5; expected a number between 0 and 1, such as 0.05."


@pytest.fixture
def written(tmp_path):
    paths = {name: tmp_path / f"{name}.tsv" for name in ("voxelwise", "demyelination", "lesions")}
    for name, table in score_tables().items():
        table.to_csv(paths[name], sep="\t", index=False, na_rep="n/a")
    output = tmp_path / "summary.tsv"
    methods = ["ridgemeans", "refiner", "rescan"]
    options = {"methods": methods, "k": 0.5, "bootstrap": 2000, "alpha": 0.05, "seed": 1}
    summarise(paths, output, tmp_path / "summary.json", **options)
    return output


def test_the_console_table_stands_dice_beside_trivial_dice(written):
    lines = final_table(written).splitlines()
    assert lines[0].split("  ")[0] == "method"
    assert "trivial Dice" in lines[0]
    methods = [line.split()[0] for line in lines[2:4]]
    assert methods == ["ridgemeans", "refiner"]
    assert "0.95 [0.95, 0.95]" in lines[2]  # Dice at the configured k = 0.5
    assert lines[4] == lines[1]
    assert lines[5].startswith("rescan")
    assert "DVR below mean - 0.5 SD" in "\n".join(lines)
    assert lines[2].count(" n=8") == 4
    assert max(map(len, lines)) <= 132


def test_the_console_table_shows_another_k_and_what_is_missing(written):
    assert "0.90 [0.90, 0.90]" in final_table(written, k=1.0)
    assert final_table(written, k=3.0).splitlines()[2].count("n/a") == 4
    with pytest.raises(InputError, match="does not exist"):
        final_table(written.with_name("absent.tsv"))


def test_two_runs_write_the_same_bytes(written, tmp_path):
    first = written.read_bytes()
    paths = {name: tmp_path / f"{name}.tsv" for name in ("voxelwise", "demyelination", "lesions")}
    options = {
        "methods": ["ridgemeans", "refiner", "rescan"],
        "k": 0.5,
        "bootstrap": 2000,
        "alpha": 0.05,
        "seed": 1,
    }
    summarise(paths, tmp_path / "again.tsv", tmp_path / "again.json", **options)
    assert (tmp_path / "again.tsv").read_bytes() == first


def test_scores_against_the_visible_part_are_of_a_simulated_cohort_alone():
    tables = score_tables()
    assert known_metrics(["lesion_mae", "lesion_mae_visible"], tables) == ["lesion_mae"]
    tables["voxelwise"]["mae_visible"] = 0.5 * tables["voxelwise"]["mae"]
    assert known_metrics(["lesion_mae", "lesion_mae_visible"], tables) == ["lesion_mae", "lesion_mae_visible"]
    summary = summary_of(tables)
    for method in ("ridgemeans", "refiner"):
        wanted = 0.5 * pick(summary, method, "lesion_mae")["mean"]
        assert pick(summary, method, "lesion_mae_visible")["mean"] == pytest.approx(wanted)
    assert "lesion_r_visible" not in set(summary.metric)
