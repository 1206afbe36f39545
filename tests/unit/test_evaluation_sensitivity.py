"""Results under other choices: each value comes from the function that the other tests cover."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.inference import group_difference, paired_difference
from myelosketch.evaluation.lesion_agreement import agreement_of
from myelosketch.evaluation.scoring import TABLES
from myelosketch.evaluation.sensitivity import COLUMNS, sensitivity, summarise_sensitivity

METHODS = ["ridgemeans", "refiner", "rescan"]
OPTIONS = {"draws": 2000, "seed": 7, "alpha": 0.05}


def score_tables(n_patients=6, n_controls=5, seed=2):
    generator = np.random.default_rng(seed)
    rows = {"demyelination": [], "variants": [], "regions": [], "all_lesions": []}
    for number in range(n_patients + n_controls):
        group = "MS" if number < n_patients else "HC"
        white, lesion_mean = generator.normal(1.25, 0.05), generator.normal(1.1, 0.05)
        for method in METHODS:
            shared = {"method": method, "scan": f"sub-{number:02d}", "subject": f"{number:02d}", "fold": 1}
            shared["group"] = group
            for width in (0, 3):
                scores = {"nawm_mae": 0.1 + 0.01 * width, "nawm_mean_true": white + 0.001 * width}
                scores["nawm_mean_pred"] = scores["nawm_mean_true"] + generator.normal(0, 0.01)
                rows["variants"] += [
                    shared
                    | {"axis": "perilesional_mm", "value": str(width), "metric": metric, "score": score}
                    for metric, score in scores.items()
                ]
            if group == "HC":
                continue
            for reference in ("pooled", "voxelwise"):
                scores = {"dice": 0.8, "trivial_dice": 0.75, "mcc": generator.uniform(0, 0.4), "pct_true": 60}
                scores["pct_pred"] = 60 + 10 * (reference == "voxelwise")
                rows["variants"] += [
                    shared | {"axis": "reference", "value": reference, "metric": metric, "score": score}
                    for metric, score in scores.items()
                ]
            for k in (0.5, 1.0):
                scores = {"dice": 0.7 + 0.1 * k, "trivial_dice": 0.7, "mcc": generator.uniform(0, 0.4)}
                rows["demyelination"].append(shared | {"k": k, "pct_true": 50, "pct_pred": 55} | scores)
            means = {"mean_dvr_true": lesion_mean, "mean_dvr_pred": lesion_mean + generator.normal(0, 0.02)}
            rows["regions"].append(shared | {"region": "lesion", "n_voxels": 9} | means)
            for lesion, volume in enumerate((500, 200, 60), start=1):
                means = {"mean_dvr_true": generator.normal(1.1, 0.1)}
                means["mean_dvr_pred"] = 0.5 + 0.5 * means["mean_dvr_true"] + generator.normal(0, 0.02)
                rows["all_lesions"].append(shared | {"lesion": lesion, "volume_mm3": volume} | means)
    return {name: pd.DataFrame(found, columns=list(TABLES[name])) for name, found in rows.items()}


def found_in(tables, methods=METHODS, sizes=(50, 100, 300)):
    return sensitivity(tables, methods=methods, sizes=sizes, **OPTIONS)


def pick(table, axis, value, method, metric):
    chosen = (table["axis"] == axis) & (table["value"] == value) & (table["method"] == method)
    return table[chosen & (table["metric"] == metric)].squeeze()


@pytest.fixture(scope="module")
def tables():
    return score_tables()


@pytest.fixture(scope="module")
def found(tables):
    return found_in(tables)


def test_axes_values_and_columns(found):
    assert list(found.columns) == list(COLUMNS)
    values = found.groupby("axis", sort=False)["value"].unique().map(list).to_dict()
    assert values == {
        "k": ["0.5", "1"],
        "reference": ["pooled", "voxelwise"],
        "perilesional_mm": ["0", "3"],
        "min_lesion_mm3": ["50", "100", "300"],
    }
    assert not found.duplicated(["axis", "value", "method", "metric"]).any()


def test_the_threshold_and_the_reference(tables, found):
    row = pick(found, "k", "0.5", "ridgemeans", "dice_minus_trivial")
    assert (row["mean"], row["n"]) == (pytest.approx(0.05), 6)
    mcc = tables["demyelination"].query("method == 'refiner' and k == 1")["mcc"]
    expected = mean_interval(mcc, **OPTIONS)
    row = pick(found, "k", "1", "refiner", "mcc")
    assert (row["mean"], row["ci_low"], row["ci_high"]) == pytest.approx(expected[:3])
    assert pick(found, "reference", "pooled", "ridgemeans", "pct_bias")["mean"] == pytest.approx(0)
    assert pick(found, "reference", "voxelwise", "ridgemeans", "pct_bias")["mean"] == pytest.approx(10)


def test_the_shell_and_the_contrasts_of_the_claims(tables, found):
    assert pick(found, "perilesional_mm", "3", "ridgemeans", "nawm_mae")["mean"] == pytest.approx(0.13)
    assert pick(found, "perilesional_mm", "3", "ridgemeans", "nawm_mae")["n"] == 11
    variants = tables["variants"].query("axis == 'perilesional_mm' and value == '3'")
    white = variants.query("metric == 'nawm_mean_pred' and method == 'refiner'").set_index("subject")
    lesions = tables["regions"].query("method == 'refiner'").set_index("subject")["mean_dvr_pred"]
    patients = white.loc[white["group"] == "MS", "score"]
    contrasts = {
        "nawm_minus_hcwm": group_difference(patients, white.loc[white["group"] == "HC", "score"]),
        "lesion_minus_nawm": paired_difference(lesions, patients),
    }
    for metric, expected in contrasts.items():
        row = pick(found, "perilesional_mm", "3", "refiner", metric)
        assert row["mean"] == pytest.approx(expected["estimate"])
        assert row["ci_low"] == pytest.approx(expected["ci_low"])
    pet = pick(found, "perilesional_mm", "0", "pet", "nawm_minus_hcwm")
    assert pet["n"] == 11
    assert np.isfinite(pet["mean"])


def test_the_smallest_lesion(tables, found):
    lesions = tables["all_lesions"].query("method == 'ridgemeans' and volume_mm3 >= 100")
    expected = agreement_of(lesions, **OPTIONS)
    row = pick(found, "min_lesion_mm3", "100", "ridgemeans", "lesion_icc")
    assert (row["mean"], row["ci_low"]) == pytest.approx((expected["icc"], expected["icc_ci_low"]))
    assert row["note"] == "12 lesions"
    assert pick(found, "min_lesion_mm3", "300", "ridgemeans", "lesion_mean_r")["note"] == "6 lesions"


def test_what_is_missing_says_why():
    tables = score_tables(n_patients=0)
    found = found_in(tables, methods=["ridgemeans"])
    assert set(found["axis"]) == {"perilesional_mm", "min_lesion_mm3"}
    assert (
        pick(found, "perilesional_mm", "0", "ridgemeans", "nawm_minus_hcwm")["note"] == "one group is missing"
    )
    assert (
        pick(found, "perilesional_mm", "0", "ridgemeans", "lesion_minus_nawm")["note"]
        == "no subject with both values"
    )
    assert pick(found, "min_lesion_mm3", "50", "ridgemeans", "lesion_icc")["note"] == "0 lesions; no lesion"
    without = found_in(score_tables(), methods=["dnn2"])
    assert set(without.query("metric == 'dice'")["note"]) == {"no subject with a value"}
    nothing = score_tables()
    nothing["demyelination"][["dice", "mcc"]] = np.nan
    row = pick(found_in(nothing), "k", "1", "ridgemeans", "dice")
    assert (row["n"], row["note"]) == (0, "no value in 6 of 6 subjects")
    few = pick(found_in(score_tables(n_patients=2)), "min_lesion_mm3", "50", "ridgemeans", "lesion_icc")
    assert few["note"] == "6 lesions; fewer than 3 patients"
    assert np.isnan(few["mean"])


def test_the_table_is_written_with_missing_values_as_such(tables, tmp_path):
    paths = {name: tmp_path / f"{name}.tsv" for name in tables}
    for name, table in tables.items():
        table.to_csv(paths[name], sep="\t", index=False, na_rep="n/a")
    options = {"methods": METHODS, "sizes": [100], "bootstrap": 1000, "seed": 1, "alpha": 0.05}
    summarise_sensitivity(paths, tmp_path / "sensitivity.tsv", **options)
    text = (tmp_path / "sensitivity.tsv").read_text()
    assert text.startswith(
        "axis\tvalue\tmethod\tmetric\tmean\tci_low\tci_high\tn\tnote\nk\t0.5\tridgemeans\tdice\t0.75"
    )
    assert "nan" not in text
