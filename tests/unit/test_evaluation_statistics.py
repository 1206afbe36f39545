"""Tests of the claims: families, verdicts in plain words, and claims that cannot be tested."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.evaluation import claims as judged
from myelosketch.evaluation import verdicts
from myelosketch.evaluation.scoring import MEASURED, TABLES

METHODS = ("ridgemeans", "sketcher", "refiner")
OPTIONS = {"k": 1.0, "margin": 0.05, "alpha": 0.05, "draws": 2000, "seed": 7}


def score_tables(
    n_patients=18, n_controls=10, nawm_shift=0.0, lesion_shift=-0.17, error=None, dice=0.9, seed=3
):
    """Tables as gathered: true means by subject, predicted ones off by ``error`` per method."""
    generator = np.random.default_rng(seed)
    error = error or {"ridgemeans": 0.01, "sketcher": 0.0075, "refiner": 0.005}
    rows = {"regions": [], "voxelwise": [], "demyelination": []}
    for number in range(1, n_patients + n_controls + 1):
        patient = number <= n_patients
        white = generator.normal(1.27 + nawm_shift * patient, 0.03)
        true = {"nawm": white, "lesion": white + lesion_shift + generator.normal(0, 0.03)}
        share = generator.uniform(30, 80)
        for method, size in error.items():
            shared = {"method": method, "scan": f"sub-{number:02d}", "subject": f"{number:02d}", "fold": 1}
            shared["group"] = "MS" if patient else "HC"
            for region in ("brain", "lesion", "nawm", "other"):
                empty = region == "lesion" and not patient
                mean = np.nan if empty else true.get(region, 1.1)
                means = {"mean_dvr_true": mean, "mean_dvr_pred": mean + generator.normal(0, size)}
                shared_region = shared | {"region": region, "n_voxels": 0 if empty else 50}
                rows["regions"].append(shared_region | means)
                mae = np.nan if empty else size * generator.uniform(0.9, 1.1)
                rows["voxelwise"].append(shared_region | {"mae": mae})
            if patient:
                p = share / 100
                scores = {"pct_true": share, "pct_pred": share + 100 * generator.normal(0, size)}
                scores |= {"dice": dice + generator.normal(0, 0.01), "trivial_dice": 2 * p / (1 + p)}
                rows["demyelination"].append(
                    shared | {"k": 1.0, "mcc": 0.5 - size + generator.normal(0, 1e-3)} | scores
                )
    return {name: pd.DataFrame(table, columns=list(TABLES[name])) for name, table in rows.items()}


def claims_of(tables, methods=METHODS, **changes):
    return judged.claims_from_tables(tables, methods=list(methods), **(OPTIONS | changes))


def verdict(claims, claim, source):
    return claims[(claims["claim"] == claim) & (claims["source"] == source)]["verdict"].item()


def test_all_claims_hold_where_they_are_true():
    tests, claims = claims_of(score_tables())
    for source in ("pet", *METHODS):
        assert verdict(claims, "C1", source) == "holds"
        assert verdict(claims, "C2", source) == "holds"
    for method in METHODS:
        assert verdict(claims, "C3", method) == "holds"
        assert verdict(claims, "C4", method) == "holds"
    assert verdict(claims, "C5", "refiner") == "holds (without the 2-layer DNN)"
    assert list(tests.columns) == list(judged.COLUMNS)
    row = tests.query("name == 'lesion_vs_nawm' and source == 'pet'").iloc[0]
    assert row["n"] == 18
    assert row["p"] == pytest.approx(2 / 2**18)
    assert row["p_adjusted"] == pytest.approx(4 * row["p"])
    assert row["estimate"] == pytest.approx(-0.17, abs=0.03)


def test_no_significant_difference_is_never_called_equality():
    tests, claims = claims_of(score_tables(n_patients=5, n_controls=4, nawm_shift=0.01), margin=0.005)
    row = tests.query("name == 'nawm_vs_hcwm' and source == 'pet'").iloc[0]
    assert row["p_adjusted"] > 0.05
    assert row["verdict"] == "no significant difference (this does not show equality)"
    assert verdict(claims, "C1", "pet") == "not decided"
    assert "neither a difference nor equivalence" in claims.iloc[0]["evidence"]


def test_a_true_difference_of_white_matter_makes_the_first_claim_fail():
    _, claims = claims_of(score_tables(nawm_shift=-0.15))
    assert verdict(claims, "C1", "pet") == "does not hold"


def test_predicting_one_value_for_everybody_does_not_confirm_that_groups_are_alike():
    tables = score_tables()
    flat = (tables["regions"]["method"] == "ridgemeans") & (tables["regions"]["region"] == "nawm")
    generator = np.random.default_rng(1)
    tables["regions"].loc[flat, "mean_dvr_pred"] = 1.27 + generator.normal(0, 1e-4, flat.sum())
    tests, claims = claims_of(tables)
    assert tests.query("name == 'nawm_vs_hcwm_equivalence' and source == 'ridgemeans'")["p"].item() < 1e-4
    assert verdict(claims, "C1", "ridgemeans") == "not decided"
    assert verdict(claims, "C3", "ridgemeans") == "does not hold"


def test_noise_of_the_right_spread_does_not_confirm_that_groups_are_alike():
    tables = score_tables()
    white = (tables["regions"]["method"] == "ridgemeans") & (tables["regions"]["region"] == "nawm")
    generator = np.random.default_rng(4)
    tables["regions"].loc[white, "mean_dvr_pred"] = 1.27 + generator.normal(0, 0.03, white.sum())
    tests, claims = claims_of(tables)
    assert tests.query("name == 'nawm_vs_hcwm_equivalence' and source == 'ridgemeans'")["p"].item() < 0.01
    assert verdict(claims, "C1", "ridgemeans") == "not decided"
    assert (
        claims.query("claim == 'C1' and source == 'ridgemeans'")["evidence"].item().endswith("follow the PET")
    )
    assert verdict(claims, "C1", "refiner") == "holds"


def test_the_correlation_within_groups_has_an_interval_of_four_degrees_less():
    a, b = np.array([2.0, -1, -1, 0, 0]), np.array([0.0, 1, -1, 1, -1])  # of mean 0, orthogonal
    measured = np.concatenate([a, a]) / np.linalg.norm([a, a])
    own = 0.6 * measured + 0.8 * np.concatenate([b, b]) / np.linalg.norm([b, b])
    rows = [
        {
            "source": source,
            "region": "nawm",
            "group": "MS" if i < 5 else "HC",
            "subject": f"{i}",
            "dvr": level + value,
        }
        for source, level, values in (("refiner", 1.1, own), (MEASURED, 1.2, measured))
        for i, value in enumerate(values)
    ]
    found = judged.likeness(pd.DataFrame(rows), "refiner", 0.05)
    half = 1.959964 / np.sqrt(10 - 4)
    expected = (1, 0.6, np.tanh(np.arctanh(0.6) - half), np.tanh(np.arctanh(0.6) + half))
    np.testing.assert_allclose(tuple(found), expected, atol=1e-6)
    same = pd.DataFrame(rows).assign(dvr=np.tile(measured, 2))
    np.testing.assert_allclose(tuple(judged.likeness(same, "refiner", 0.05)), 1)


@pytest.mark.parametrize(
    ("alike", "status"),
    [
        ((0.8, 0.6, 0.3, 0.8), "holds"),
        ((0.8, 0.6, -0.1, 0.9), "not decided"),  # few participants
        ((0.8, 0.4, 0.2, 0.6), "not decided"),
        ((0.4, 0.9, 0.8, 1.0), "not decided"),
        ((0.0, np.nan, np.nan, np.nan), "not decided"),
    ],
)
def test_the_first_claim_asks_for_spread_and_for_the_correlation_with_the_pet(alike, status):
    same = {"p": 1e-3, "p_adjusted": 1e-3, "estimate": 0.0, "ci_low": -0.01, "ci_high": 0.01, "note": None}
    different = same | {"p": 0.9, "p_adjusted": 0.9}
    assert verdicts.claim_1(different, same, 0.05, 0.05, verdicts.Likeness(*alike))[0] == status


def test_a_dice_that_is_only_the_trivial_one_does_not_hold():
    tables = score_tables()
    tables["demyelination"]["dice"] = tables["demyelination"]["trivial_dice"]
    tables["demyelination"]["pct_pred"] = 100.0
    _, claims = claims_of(tables)
    assert verdict(claims, "C4", "refiner") == "does not hold"
    assert "minus trivial Dice 0.00 [0.00, 0.00]" in claims.query("claim == 'C4'")["evidence"].iloc[-1]


def with_visible(error):
    """Tables with a ``visible`` off by ``error``, and an error to it of every method."""
    tables = score_tables(error={"ridgemeans": 0.01, "sketcher": 0.0075, "refiner": 0.005, "visible": error})
    tables["voxelwise"]["mae_visible"] = 0.8 * tables["voxelwise"]["mae"]
    return tables


def test_a_claim_stands_beside_the_verdict_on_noise_free_tissue():
    tests, claims = claims_of(with_visible(0.002))
    of_methods = claims[claims["source"].isin(METHODS)]
    assert set(of_methods["visible_verdict"]) == {"holds", "holds (without the 2-layer DNN)"}
    assert (claims["verdict"] == claims["own_verdict"]).all()
    assert verdict(claims, "C5", "visible") == "holds (without the 2-layer DNN)"
    # as strict as for one more method, while the p of the others do not change
    without = score_tables()
    alone, _ = claims_of(without)
    row = tests.query("name == 'lesion_vs_nawm' and source == 'visible'").iloc[0]
    assert row["p_adjusted"] == pytest.approx(5 * row["p"])
    pet = "name == 'lesion_vs_nawm' and source == 'pet'"
    assert tests.query(pet)["p_adjusted"].item() == pytest.approx(alone.query(pet)["p_adjusted"].item())


def test_where_noise_free_tissue_fails_the_cohort_cannot_decide_the_claim():
    _, claims = claims_of(with_visible(0.15))
    assert verdict(claims, "C1", "pet") == "holds"  # the truth is no prediction
    assert verdict(claims, "C3", "visible") == "does not hold"
    for claim, source in (("C3", "ridgemeans"), ("C3", "refiner"), ("C4", "refiner"), ("C5", "refiner")):
        assert verdict(claims, claim, source) == "cannot be decided in this cohort"
    row = claims.query("claim == 'C3' and source == 'refiner'").iloc[0]
    assert (row["own_verdict"], row["visible_verdict"]) == ("holds", "does not hold")
    assert row["evidence"].startswith("holds by the numbers of this map alone: ICC WM/NAWM ")
    assert row["evidence"].endswith("; noise-free tissue: does not hold")


def test_the_verdict_on_the_papers_baselines_does_not_hang_on_how_many_other_methods_ran():
    tables = score_tables()
    few, _ = claims_of(tables, methods=("sketcher", "refiner"))
    more = score_tables(error={f"m{n}": 0.02 for n in range(12)} | {"sketcher": 0.0075, "refiner": 0.005})
    for table in more.values():
        table.sort_values("method", inplace=True)
    many, _ = claims_of(more, methods=[*(f"m{n}" for n in range(12)), "sketcher", "refiner"])
    for tests in (few, many):
        row = tests.query("name == 'lesion_mae_vs_refiner' and source == 'sketcher'").iloc[0]
        assert row["p_adjusted"] == pytest.approx(row["p"])
    assert len(many.query("name == 'lesion_vs_nawm'")) == 15


def test_the_mixed_model_stands_beside_the_paired_test_only_where_scans_repeat():
    tests, _ = claims_of(score_tables())
    assert not tests["name"].str.endswith("mixed").any()
    tables = score_tables()
    again = tables["regions"].assign(scan=lambda table: table["scan"] + "_ses-02")
    again["mean_dvr_pred"] += np.random.default_rng(1).normal(0, 0.01, len(again))
    tables["regions"] = pd.concat([tables["regions"], again[again["subject"] < "10"]])
    tests, _ = claims_of(tables)
    mixed = tests.query("name == 'lesion_vs_nawm_mixed'")
    assert list(mixed["source"]) == ["pet", *METHODS]
    assert set(mixed["n"]) == {18}
    assert set(mixed["contrast"]) == {"lesions minus NAWM, within 27 scans"}


def test_a_refiner_that_loses_is_said_to_lose():
    tests, claims = claims_of(score_tables(error={"ridgemeans": 0.005, "sketcher": 0.01, "refiner": 0.03}))
    assert verdict(claims, "C5", "refiner") == "does not hold (without the 2-layer DNN)"
    chosen = tests.query("name == 'lesion_mae_vs_refiner'")
    assert set(chosen["verdict"]) == {"refiner worse"}
    assert set(tests.query("name == 'mcc_vs_refiner'")["verdict"]) == {"refiner worse"}


def test_ceilings_are_no_part_of_the_families():
    tables = score_tables(error={"ridgemeans": 0.02, "sketcher": 0.015, "refiner": 0.01, "rescan": 0.03})
    tests, _ = claims_of(tables)
    assert "rescan" not in set(tests["source"])
    assert len(tests.query("name == 'lesion_vs_nawm'")) == 4


def test_the_order_of_rows_changes_nothing():
    tables = score_tables()
    shuffled = {name: table.sample(frac=1, random_state=2) for name, table in tables.items()}
    for one, other in zip(claims_of(tables), claims_of(shuffled), strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize(
    ("settings_", "claim", "evidence"),
    [
        ({"n_controls": 0}, "C1", "one group is missing"),
        ({"n_patients": 0}, "C1", "one group is missing"),
        ({"n_patients": 0}, "C2", "no subject with both values"),
        ({"n_patients": 2}, "C2", "fewer than 3 subjects"),
        ({"n_patients": 0}, "C3", "lesions: fewer than 3 subjects"),
        ({"n_patients": 0}, "C4", "fewer than 3 subjects"),
        ({"n_patients": 0}, "C5", "sketcher not compared (no subject with both values); dnn2 not run"),
    ],
)
def test_what_cannot_be_tested_is_missing_with_its_reason(settings_, claim, evidence):
    _, claims = claims_of(score_tables(**settings_))
    row = claims.query("claim == @claim").iloc[-1]
    assert (row["verdict"], row["evidence"]) == ("n/a", evidence)


def test_a_method_without_predictions_is_missing_not_a_crash():
    tests, claims = claims_of(score_tables(), methods=("ridgemeans", "dnn2", "sketcher", "refiner"))
    assert tests.query("source == 'dnn2'")["p"].isna().all()
    assert tests.query("source == 'dnn2'")["note"].notna().all()
    assert verdict(claims, "C3", "dnn2") == "n/a"
    assert verdict(claims, "C5", "refiner") == "holds (without the 2-layer DNN)"
    evidence = claims.query("claim == 'C5'")["evidence"].item()
    assert evidence.endswith("dnn2 not compared (no subject with both values)")


def test_no_demyelinated_voxel_anywhere_gives_no_dice_and_a_reason():
    tables = score_tables()
    tables["demyelination"][["dice", "mcc"]] = np.nan
    tables["demyelination"][["pct_true", "pct_pred", "trivial_dice"]] = 0.0
    tests, claims = claims_of(tables)
    row = tests.query("name == 'mean_dice' and source == 'refiner'").iloc[0]
    assert row["note"] == "18 patients without a Dice: nothing demyelinated in either map"
    assert verdict(claims, "C4", "refiner") == "n/a"


def test_files_are_written(tmp_path):
    paths = {name: tmp_path / f"{name}.tsv" for name in ("regions", "voxelwise", "demyelination")}
    for name, table in score_tables(n_patients=6, n_controls=4).items():
        table.to_csv(paths[name], sep="\t", index=False, na_rep="n/a")
    options = {
        "methods": list(METHODS),
        "k": 1.0,
        "margin": 0.05,
        "alpha": 0.05,
        "bootstrap": 1000,
        "seed": 1,
    }
    outputs = tmp_path / "statistics.tsv", tmp_path / "claims.tsv"
    judged.claim_statistics(paths, *outputs, **options)
    assert outputs[0].read_text().startswith("claim\tname\tsource\tcontrast\tmethod\testimate")
    assert "nan" not in outputs[0].read_text().lower().replace("n/a", "")
    assert outputs[1].read_text().count("\n") == 1 + 4 + 4 + 3 + 3 + 1


def test_minus_zero_is_printed_as_zero():
    assert verdicts.number(-0.0004, 2) == "0.00"
    assert verdicts.number(np.nan) == "n/a"


def test_in_simulation_both_errors_must_say_that_the_refiner_is_closer():
    tables = score_tables()
    voxelwise = tables["voxelwise"]
    voxelwise["mae_visible"] = 0.8 * voxelwise["mae"]
    _, claims = claims_of(tables)
    assert verdict(claims, "C5", "refiner") == "holds (without the 2-layer DNN)"
    assert "lesion MAE to noise-free tissue of sketcher minus refiner" in claims.iloc[-1]["evidence"]
    refiner = voxelwise["method"] == "refiner"
    voxelwise.loc[refiner, "mae_visible"] = 2 * voxelwise.loc[refiner, "mae"]
    _, claims = claims_of(tables)
    assert verdict(claims, "C5", "refiner") == "does not hold (without the 2-layer DNN)"
