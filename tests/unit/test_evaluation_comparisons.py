"""Every method against every other: differences, the corrected resampled test, ranks."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from myelosketch.evaluation import comparisons
from myelosketch.evaluation.scoring import TABLES

METHODS = ["ridgemeans", "sketcher", "refiner"]
NOT_SIMULATED = [name for name in comparisons.COMPARED if not name.endswith("_visible")]
OPTIONS = {"k": 1.0, "alpha": 0.05}
BOOTSTRAP = {"draws": 2000, "seed": 7}


def score_tables(n=18, folds=3, error=None, seed=1):
    generator = np.random.default_rng(seed)
    error = error or {"ridgemeans": 0.10, "sketcher": 0.09, "refiner": 0.05, "rescan": 0.01}
    voxelwise, demyelination = [], []
    for subject in range(n):
        shared = {"subject": f"{subject:02d}", "scan": f"sub-{subject:02d}", "fold": subject % folds + 1}
        for method, size in error.items():
            for region in ("brain", "lesion", "nawm"):
                mae = size + generator.normal(0, 0.01)
                voxelwise.append(shared | {"method": method, "region": region, "mae": mae, "n_voxels": 9})
            scores = dict.fromkeys(("dice", "mcc", "auc"), 1 - size + generator.normal(0, 0.01))
            scores |= {"trivial_dice": 0.8, "pct_true": 50, "pct_pred": 50 + 100 * size}
            demyelination += [shared | {"method": method, "k": k} | scores for k in (0.5, 1.0)]
    found = {"voxelwise": voxelwise, "demyelination": demyelination}
    return {name: pd.DataFrame(rows, columns=list(TABLES[name])) for name, rows in found.items()}


def compare(tables, methods=METHODS):
    return comparisons.compare_methods(tables, methods=methods, **OPTIONS, **BOOTSTRAP)


def rank(tables, methods=METHODS):
    return comparisons.rank_methods(tables, methods=methods, **OPTIONS)


def test_every_pair_by_independent_numbers():
    tables = score_tables()
    table = compare(tables)
    assert list(table.columns) == list(comparisons.COLUMNS)
    assert len(table) == 3 * len(NOT_SIMULATED)
    row = table.query("metric == 'lesion_mae' and method_a == 'ridgemeans' and method_b == 'refiner'").iloc[0]
    lesions = tables["voxelwise"].query("region == 'lesion'")
    wide = lesions.pivot(index="subject", columns="method", values="mae").astype(float)
    difference = wide["ridgemeans"] - wide["refiner"]
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["ci_low"] < difference.mean() < row["ci_high"]
    assert row["p_wilcoxon"] == pytest.approx(stats.wilcoxon(difference).pvalue)
    assert row["effect_size"] == pytest.approx(difference.mean() / difference.std())
    assert row["n"] == 18
    family = table[table["metric"] == "lesion_mae"]
    assert (family["p_adjusted"] >= family["p_wilcoxon"]).all()
    assert family["p_adjusted"].min() == pytest.approx(3 * family["p_wilcoxon"].min())
    assert "rescan" not in set(table["method_a"]) | set(table["method_b"])


def test_the_corrected_resampled_test_by_hand():
    differences = np.array([0.1, 0.3, 0.2, 0.4, 0.6, 0.5])
    folds = np.array([1, 1, 2, 2, 3, 3])
    p, note = comparisons.corrected_resampled_test(differences, folds)
    means = np.array([0.2, 0.3, 0.55])
    # three folds: n_test / n_train = 1 / 2 (Nadeau and Bengio 2003)
    t = means.mean() / np.sqrt((1 / 3 + 1 / 2) * means.var(ddof=1))
    assert p == pytest.approx(2 * stats.t.sf(t, 2))
    assert note is None
    plain = stats.ttest_1samp(means, 0).pvalue
    assert p > plain


@pytest.mark.parametrize(
    ("differences", "folds", "note"),
    [
        ([0.1, 0.2], [1, 1], "fewer than 2 folds, so no corrected test"),
        ([], [], "fewer than 2 folds, so no corrected test"),
        ([0.1, 0.1, np.nan], [1, 2, 3], "the folds do not differ, so no corrected test"),
    ],
)
def test_a_corrected_test_without_variance_says_why(differences, folds, note):
    p, found = comparisons.corrected_resampled_test(differences, folds)
    assert np.isnan(p)
    assert found == note


def test_ranks_and_the_critical_difference_of_demsar():
    table = rank(score_tables())
    lesion = table[table["metric"] == "lesion_mae"].set_index("method")
    assert lesion["mean_rank"].sum() == pytest.approx(6)
    assert lesion["mean_rank"].idxmin() == "refiner"
    dice = table[table["metric"] == "dice"].set_index("method")
    assert dice["mean_rank"].idxmin() == "refiner"  # where more is better
    assert (lesion["friedman_p"] < 1e-4).all()
    # Demsar 2006, section 3.2.2: 14 data sets, 4 classifiers, q .05 = 2.569, CD = 1.25
    assert comparisons.nemenyi_difference(4, 14, 0.05) == pytest.approx(1.25, abs=0.005)
    # and table 5a of the same: q .05 for 2 and for 10 classifiers
    for count, q in ((2, 1.960), (10, 3.164)):
        unit = np.sqrt(count * (count + 1) / 6)
        assert comparisons.nemenyi_difference(count, 1, 0.05) / unit == pytest.approx(q, abs=0.001)


def test_equal_methods_tie():
    tied = score_tables()
    tied["voxelwise"]["mae"] = 0.1
    lesion = rank(tied).query("metric == 'lesion_mae'")
    assert lesion["mean_rank"].tolist() == [2, 2, 2]
    assert lesion["friedman_p"].isna().all()
    assert set(lesion["note"]) == {"all methods tie in every subject"}
    compared = compare(tied).query("metric == 'lesion_mae'")
    assert compared["note"].str.startswith("all differences are zero").all()
    assert compared["p_wilcoxon"].isna().all()


def test_missing_methods_patients_and_folds_are_said():
    tables = score_tables()
    with_absent = ["ridgemeans", "dnn2", "refiner"]
    table = compare(tables, with_absent)
    absent = table[(table["method_a"] == "dnn2") | (table["method_b"] == "dnn2")]
    assert set(absent["note"]) == {"no subject with both values"}
    ranks = rank(tables, with_absent).query("metric == 'mcc'").set_index("method")
    assert ranks.loc["dnn2", "note"] == "no predictions of this method, or no value"
    assert ranks.loc["refiner", "mean_rank"] == 1
    assert ranks.loc["refiner", "note"] == "Friedman's test needs 3 methods"
    few = score_tables(n=2)
    assert set(compare(few)["note"]) == {"fewer than 3 subjects"}
    assert set(rank(few)["note"]) == {"fewer than 3 subjects"}
    one_fold = compare(score_tables(folds=1)).query("metric == 'lesion_mae'")
    assert set(one_fold["note"]) == {"fewer than 2 folds, so no corrected test"}
    one_each = compare(score_tables(n=3, folds=3)).query("metric == 'lesion_mae'")
    assert one_each["p_corrected"].notna().all()
    no_dice = score_tables()
    no_dice["demyelination"]["dice"] = np.nan
    assert set(compare(no_dice).query("metric == 'dice'")["note"]) == {"no subject with both values"}
    assert compare(score_tables(), ["ridgemeans"]).empty


def test_files_are_written(tmp_path):
    paths = {name: tmp_path / f"{name}.tsv" for name in ("voxelwise", "demyelination")}
    for name, table in score_tables(n=6).items():
        table.to_csv(paths[name], sep="\t", index=False, na_rep="n/a")
    outputs = {name: tmp_path / f"{name}.tsv" for name in ("comparisons", "ranks")}
    comparisons.write_comparisons(paths, outputs, methods=METHODS, bootstrap=1000, seed=1, **OPTIONS)
    assert outputs["comparisons"].read_text().startswith("metric\tmethod_a\tmethod_b\tdifference\tci_low")
    assert outputs["ranks"].read_text().count("\n") == 1 + 3 * len(NOT_SIMULATED)


def test_sixteen_methods_are_compared_within_a_score():
    """Holm's correction counts the 120 pairs of one score only."""
    methods = [f"m{number:02d}" for number in range(16)]
    tables = score_tables(error={name: 0.05 + 0.01 * place for place, name in enumerate(methods)})
    table, ranks = compare(tables, methods), rank(tables, methods)
    assert len(table) == 120 * len(NOT_SIMULATED)
    best = table.query("metric == 'lesion_mae' and method_a == 'm00' and method_b == 'm15'").iloc[0]
    own = table[table["metric"] == "lesion_mae"]
    assert best["p_wilcoxon"] == own["p_wilcoxon"].min()
    assert best["p_adjusted"] == pytest.approx(120 * best["p_wilcoxon"])
    own = ranks[ranks["metric"] == "lesion_mae"]
    assert list(own["method"]) == methods
    assert own["mean_rank"].sum() == pytest.approx(16 * 17 / 2)
    assert np.isfinite(own["critical_difference"]).all()
