"""Contrasts of a cohort: the right values are compared, raw and adjusted, and a note names missing covariates."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.cohort.table import cohort_from_rows
from myelosketch.evaluation.contrasts import COLUMNS, RESIDUAL_COLUMNS, contrast_notes, contrast_tables
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.reporting.tables.contrasts import contrast_table as report_table


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    group = ["MS"] * 12 + ["HC"] * 8
    names = [f"{number:02d}" for number in range(20)]
    return pd.DataFrame(
        {
            "scan": [f"sub-{name}" for name in names], "subject": names, "group": group, "site": "A",
            "age": rng.uniform(25, 55, 20), "sex": ["F", "M"] * 10, "EDSS": rng.uniform(0, 6, 20),
        }
    )  # fmt: skip


@pytest.fixture
def tables(people):
    rng = np.random.default_rng(1)
    regions, shares = [], []
    for person in people.to_dict("records"):
        shared = {name: person[name] for name in ("scan", "subject", "group")} | {"fold": 1}
        ill = person["group"] == "MS"
        for region, mean in (("nawm", 1.25 - 0.03 * ill), ("lesion", 1.1), ("other", 1.0)):
            true = mean - 0.002 * (person["age"] - 40) + rng.normal(0, 0.01)
            count = 50 if region != "lesion" or ill else 0
            for method in ("ridgemeans", "refiner"):
                row = {"mean_dvr_true": true, "mean_dvr_pred": true + 0.1, "n_voxels": count}
                regions.append({"method": method, **shared, "region": region, **row})
        if ill:
            share = 30 + 5 * person["EDSS"] + rng.normal(0, 2)
            for method in ("ridgemeans", "refiner"):
                for k in (0.5, 1.0):
                    row = {"pct_true": share * k, "pct_pred": share * k / 2}
                    shares.append({"method": method, **shared, "k": k, **row})
    return {"regions": pd.DataFrame(regions), "demyelination": pd.DataFrame(shares)}


def made(tables, people, **changes):
    options = {"adjust_for": ["age", "sex"], "relate_to": ["EDSS"], "methods": ["ridgemeans", "refiner"]}
    return contrast_tables(tables, people, **options | changes, k=1.0, alpha=0.05)[0]


def row(found, contrast, source="pet", adjusted="age, sex"):
    same = found[(found.contrast == contrast) & (found.source == source)]
    return same[same.adjusted_for.isna() if adjusted is None else same.adjusted_for == adjusted].iloc[0]


def test_each_contrast_raw_and_adjusted_for_each_source(tables, people):
    found = made(tables, people)
    assert list(found) == list(COLUMNS)
    assert len(found) == 3 * 3 * 2
    assert found.note.isna().all()


def test_values_compared_are_those_of_the_regions(tables, people):
    found = made(tables, people)
    assert row(found, "NAWM minus healthy white matter").estimate == pytest.approx(-0.03, abs=0.015)
    assert row(found, "lesions minus healthy white matter").estimate == pytest.approx(-0.15, abs=0.015)
    shift = row(found, "NAWM minus healthy white matter", "refiner")
    assert shift.estimate == pytest.approx(row(found, "NAWM minus healthy white matter").estimate)
    assert shift.n == 20
    slope = row(found, "demyelinated share (%) on EDSS")
    assert slope.ci_low < 5 < slope.ci_high
    assert slope.n == 12
    assert row(found, "demyelinated share (%) on EDSS", "refiner").estimate == pytest.approx(
        slope.estimate / 2
    )


def test_formula_stands_in_the_table(tables, people):
    found = made(tables, people)
    assert row(found, "NAWM minus healthy white matter").formula == "value ~ group + age + sex"
    assert row(found, "NAWM minus healthy white matter", adjusted=None).formula == "value ~ group"
    assert row(found, "demyelinated share (%) on EDSS").formula == "value ~ EDSS + age + sex"


def test_several_sites_are_adjusted_for(tables, people):
    people["site"] = ["A", "B", "A", "A"] * 5
    assert set(made(tables, people, adjust_for=["age"]).adjusted_for.dropna()) == {"age, site"}


def test_an_external_site_is_no_reason_to_adjust_for_sites(tables, people):
    abroad = people.iloc[:2].assign(scan=["sub-B1", "sub-B2"], subject=["B1", "B2"], site="B")
    found = made(tables, pd.concat([people, abroad], ignore_index=True))
    assert set(found.adjusted_for.dropna()) == {"age, sex"}


def test_columns_that_the_table_lacks_are_left_out_and_said(tables, people):
    found = made(tables, people.drop(columns=["sex", "EDSS"]))
    assert set(found.adjusted_for.dropna()) == {"age"}
    assert not found.contrast.str.contains("EDSS").any()
    notes = contrast_notes(people.drop(columns=["sex", "EDSS"]), ["age", "sex"], ["EDSS"])
    assert notes == [
        "Not adjusted for sex: the cohort's table has no such column.",
        "The demyelinated share is not related to EDSS: the cohort's table has no such column.",
    ]
    assert contrast_notes(people, ["age", "sex"], ["EDSS"]) == []


def test_without_any_further_column_contrasts_are_raw(tables, people):
    found = made(tables, people[["scan", "subject", "group", "site"]])
    assert found.adjusted_for.isna().all()
    assert len(found) == 2 * 3


def test_the_report_shows_each_contrast_with_its_model_and_what_is_not_adjusted_for(tables, people, tmp_path):
    cohort = cohort_from_rows(people[["subject", "group", "site"]].to_dict("records")).assign(
        age=people.age.round(1).astype(str)
    )
    write_table(cohort, tmp_path / "cohort/cohort.tsv")
    write_table(people[["subject", "group"]].assign(fold=1), tmp_path / "cohort/folds.tsv")
    write_table(made(tables, people.drop(columns=["sex", "EDSS"])), tmp_path / "evaluation/contrasts.tsv")
    view = report_table(RunFolder(tmp_path), adjust_for=["age", "sex"], relate_to=["EDSS"])
    assert len(view.rows) == 2 * 3 * 2
    assert [view.rows[0][column] for column in (0, 1, 2, 7, 8)] == [
        "NAWM minus healthy white matter", "True PET", "raw", "20", "value ~ group, OLS, HC3",
    ]  # fmt: skip
    assert view.rows[1][8] == "value ~ group + age, OLS, HC3"
    assert view.note.endswith(
        "Not adjusted for sex: the cohort's table has no such column. "
        "The demyelinated share is not related to EDSS: the cohort's table has no such column."
    )


def residuals(tables, people, **changes):
    options = {"adjust_for": ["age", "sex"], "relate_to": ["EDSS"], "methods": ["ridgemeans", "refiner"]}
    return contrast_tables(tables, people, **options | changes, k=1.0, alpha=0.05)[1]


def test_residuals_of_each_adjusted_contrast_and_scan(tables, people):
    found = residuals(tables, people)
    assert list(found) == list(RESIDUAL_COLUMNS)
    assert len(found) == 3 * (20 + 20 + 12)
    assert set(found.adjusted_for) == {"age, sex"}
    values = (
        tables["regions"].query("method == 'ridgemeans' and region == 'nawm'").set_index("scan").mean_dvr_true
    )
    white = found[(found.contrast == "NAWM minus healthy white matter") & (found.source == "pet")].set_index(
        "scan"
    )
    assert np.allclose(white.fitted + white.residual, values[white.index])
    assert white.residual.mean() == pytest.approx(0, abs=1e-12)
    age = people.set_index("scan").age[white.index]
    assert np.corrcoef(white.residual, age)[0, 1] == pytest.approx(0, abs=1e-9)
    assert (white.normal_quantile.rank() == white.studentised.rank()).all()
    assert white.normal_quantile.sum() == pytest.approx(0, abs=1e-9)


def test_a_scan_far_off_is_the_last_of_its_residuals(tables, people):
    odd = (tables["regions"].scan == "sub-03") & (tables["regions"].region == "nawm")
    tables["regions"].loc[odd, "mean_dvr_true"] += 0.2
    found = residuals(tables, people).query(
        "contrast == 'NAWM minus healthy white matter' and source == 'pet'"
    )
    worst = found.loc[found.studentised.idxmax()]
    assert worst.scan == "sub-03"
    assert worst.studentised > worst.normal_quantile + 1


def test_without_a_column_to_adjust_for_there_is_no_residual(tables, people):
    found = residuals(tables, people[["scan", "subject", "group", "site"]])
    assert list(found) == list(RESIDUAL_COLUMNS)
    assert found.empty
