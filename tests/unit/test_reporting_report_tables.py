"""The report's tables: the first numbers, verdicts that cannot flatter, and reasons in place of missing numbers."""

import figure_tables
import numpy as np
import pandas as pd
import pytest
from report_run import score

from myelosketch.cohort.table import cohort_from_rows
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.reporting.display import method_name
from myelosketch.reporting.pages.findings import findings
from myelosketch.reporting.tables import claims as claims_tables
from myelosketch.reporting.tables import cohort as cohort_tables
from myelosketch.reporting.tables import lesions as lesion_tables
from myelosketch.reporting.tables import methods as report_tables
from myelosketch.reporting.tables.coverage import coverage_table
from myelosketch.reporting.tables.people import people_table
from myelosketch.reporting.tables.text import interval, number, p_value

FRAUDS = ("all_demyelinated", "the_mean", "copied_contrast")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Results with the scores of an honest method and of three frauds, by the evaluation's own functions."""
    root = tmp_path_factory.mktemp("scored")
    for name, table in score([f"MS{place:02d}" for place in range(1, 13)]).items():
        write_table(table, root / f"evaluation/{name}.tsv")
    return RunFolder(root)


@pytest.fixture
def made(tmp_path):
    """Results with tables of known numbers."""
    figure_tables.write_tables(tmp_path / "evaluation")
    (tmp_path / "registration").mkdir()
    (tmp_path / "evaluation/qc.tsv").rename(tmp_path / "registration/qc.tsv")
    return RunFolder(tmp_path)


@pytest.fixture
def summary(tmp_path):
    """A summary in which the refiner does not win."""
    rows = []
    for method, mae, gain in (("ridgemeans", 0.08, 0.02), ("refiner", 0.09, -0.001), ("rescan", 0.05, 0.1)):
        rows += [
            [method, "lesion_mae", np.nan, mae, mae - 0.01, mae + 0.01, 18, mae - 0.09, -0.02, -0.001],
            [method, "dice", 1.0, 0.78 + gain, 0.7, 0.85, 18, np.nan, np.nan, np.nan],
            [method, "trivial_dice", 1.0, 0.78, 0.7, 0.85, 18, np.nan, np.nan, np.nan],
            [method, "dice_minus_trivial", 1.0, gain, gain - 0.01, gain + 0.01, 18, 0, 0, 0],
            [method, "mcc", 1.0, np.nan, np.nan, np.nan, 0, np.nan, np.nan, np.nan],
        ]
    columns = "method metric k mean ci_low ci_high n diff_to_refiner diff_ci_low diff_ci_high"
    write_table(pd.DataFrame(rows, columns=columns.split()), tmp_path / "evaluation/summary.tsv")
    return RunFolder(tmp_path)


def cells(view, row):
    return dict(zip(view.header, next(cells for cells in view.rows if cells[0] == row), strict=True))


def test_frauds_look_bad_in_the_first_table(scored):
    view = report_tables.glance_table(scored, k=1.0)
    honest = cells(view, "Refiner (Wei 2018)")
    assert honest["Better than trivial"] == "yes, by Dice and MCC"
    for fraud in FRAUDS:
        row = cells(view, fraud)
        assert row["Better than trivial"] == "no"
        assert float(row["Dice"].split()[0]) <= float(row["Trivial Dice"].split()[0])
    for constant in ("all_demyelinated", "the_mean"):
        row = cells(view, constant)
        assert row["MCC"].startswith("0.00 ")
        assert row["Slope of true on predicted lesion means"] == "n/a"
        more = cells(report_tables.demyelination_table(scored, k=1.0), constant)
        assert more["Dice \u2212 trivial"] == "0.00 (0.00 to 0.00) n\u00a0=\u00a012"
        assert float(more["Bias (points)"].split()[0]) > 10  # every lesion voxel is called demyelinated


@pytest.mark.parametrize(
    ("dice", "mcc", "verdict"),
    [
        (0.01, 0.02, "yes, by Dice and MCC"),
        (-0.01, 0.02, "by MCC only"),
        (0.01, 0.0, "by Dice only"),
        (0.0, 0.0, "no"),
        (-0.5, np.nan, "no"),
        (np.nan, np.nan, "n/a"),
    ],
)
def test_better_than_trivial_asks_for_intervals_above_zero(dice, mcc, verdict):
    rows = [
        ["ridgemeans", "dice_minus_trivial", 1.0, dice],
        ["ridgemeans", "mcc", 1.0, mcc],
        ["ridgemeans", "mcc", 2.0, 0.9],
    ]
    summary = pd.DataFrame(rows, columns=["method", "metric", "k", "ci_low"])
    assert report_tables.better_than_trivial(summary, "ridgemeans", 1.0) == verdict


def test_dice_stands_beside_trivial_dice_and_ceilings_last(summary):
    view = report_tables.glance_table(summary, k=1.0)
    assert view.header == [
        "Method", "Better than trivial", "n", "r of lesion means", "ICC of lesion means", "Lesion MAE (DVR)",
        "Lesion bias (DVR)", "Slope of true on predicted lesion means", "MCC", "Dice", "Trivial Dice",
    ]  # fmt: skip
    assert [row[:2] for row in view.rows] == [
        ["Ridge, 3³ means", "by Dice only"], ["Refiner (Wei 2018)", "no"],
        ["Reference: Rescan (second PET)", "by Dice only"],
    ]  # fmt: skip
    assert view.rows[0][2:] == [
        "18", "n/a", "n/a", "0.080 (0.070 to 0.090)", "n/a", "n/a", "n/a", "0.80 (0.70 to 0.85)", "0.78",
    ]  # fmt: skip


def test_findings_do_not_hide_that_the_refiner_loses(summary):
    assert findings(summary, k=1.0, alpha=0.05) == [
        "Ridge, 3³ means has the lowest lesion MAE of 2 methods (0.080). Refiner (Wei 2018) has 0.090; the "
        "difference is \u22120.010 (\u22120.020 to \u22120.001)."
    ]


@pytest.mark.parametrize(
    ("error", "order", "p", "said"),
    [
        ((0.01, 0.002, 0.02), (-0.01, -0.05, 0.03), 0.01, ("has a lower", "not clearly better or worse")),
        (
            (0.01, -0.002, 0.02),
            (-0.1, -0.2, -0.05),
            0.01,
            ("does not clearly have a lower or higher", "better"),
        ),
        ((-0.01, -0.02, -0.002), (0.1, 0.05, 0.2), 0.01, ("has a higher", "worse")),
        # an interval that excludes 0 is not enough, as in the sentences at the top of the report
        ((0.01, 0.002, 0.02), (-0.1, -0.2, -0.05), 0.06, ("does not clearly", "not clearly better or worse")),
    ],
)
def test_findings_say_what_an_advantage_consists_of(tmp_path, error, order, p, said):
    rows = []
    unknown = (np.nan,) * 3
    for method, mae, bias, r in (
        ("ridgemeans", 0.07, -0.06, 0.8),
        ("trees", 0.06, -0.051, 0.86),
        ("template", 0.01, 0.0, 0.1),
        ("refiner", 0.05, -0.017, 0.87),
    ):
        differences = (unknown, unknown) if method == "refiner" else (error, order)
        rows += [
            [method, "lesion_mae_visible", np.nan, mae, mae - 0.01, mae + 0.01, 18, *differences[0]],
            [method, "lesion_bias", np.nan, bias, bias - 0.01, bias + 0.01, 18, *unknown],
            [method, "lesion_r_visible", np.nan, r, r - 0.01, r + 0.01, 18, *differences[1]],
        ]
    columns = "method metric k mean ci_low ci_high n diff_to_refiner diff_ci_low diff_ci_high"
    write_table(pd.DataFrame(rows, columns=columns.split()), tmp_path / "evaluation/summary.tsv")
    pairs = [
        [metric, "trees", "refiner", *difference, p, 18]
        for metric, difference in (("lesion_mae_visible", error), ("lesion_r_visible", order))
    ]
    columns = "metric method_a method_b difference ci_low ci_high p_adjusted n"
    write_table(pd.DataFrame(pairs, columns=columns.split()), tmp_path / "evaluation/comparisons.tsv")
    sentence = findings(RunFolder(tmp_path), k=1.0, alpha=0.05)[1].replace(method_name("trees"), "trees")
    assert sentence.startswith("Against noise-free tissue, ")
    assert f", Refiner (Wei 2018) {said[0]}" in sentence
    assert (
        f"lesion error than trees (difference {interval(*(-error[place] for place in (0, 2, 1)), 3)})"
        in sentence
    )
    assert f"its order of the voxels is {said[1]} (r 0.87 against 0.86)." in sentence
    assert "Its level is nearer (bias \u22120.017 against \u22120.051)" in sentence


@pytest.mark.parametrize("baseline", ["ridgemeans", "ridgevoxel", "ridgemeansrecal", None])
def test_findings_compare_with_whichever_baseline_ran(tmp_path, baseline):
    metrics = ("lesion_mae_visible", "lesion_bias", "lesion_r_visible")
    rows = [
        [method, metric, np.nan, 0.1, 0.0, 0.2, 18, 0.01, 0.001, 0.02]
        for method in filter(None, ("sketcher", "refiner", baseline))
        for metric in metrics
    ]
    columns = "method metric k mean ci_low ci_high n diff_to_refiner diff_ci_low diff_ci_high"
    write_table(pd.DataFrame(rows, columns=columns.split()), tmp_path / "evaluation/summary.tsv")
    said = findings(RunFolder(tmp_path), k=1.0, alpha=0.05)
    assert sum(sentence.startswith("Against noise-free tissue") for sentence in said) == (
        baseline is not None
    )


@pytest.mark.parametrize(("high", "tie"), [(0.01, True), (-0.01, False)])
def test_findings_name_who_ties_with_the_best_refiner(tmp_path, high, tie):
    columns = ["method", "metric", "k", "mean", "ci_low", "ci_high", "n"]
    columns += ["diff_to_refiner", "diff_ci_low", "diff_ci_high", "note"]
    rows = [
        ["ridgemeans", "mcc", 1.0, 0.14, 0.1, 0.2, 18, -0.02, -0.05, high, np.nan],
        ["refiner", "mcc", 1.0, 0.16, 0.1, 0.2, 18, 0.0, 0.0, 0.0, np.nan],
    ]
    write_table(pd.DataFrame(rows, columns=columns), tmp_path / "evaluation/summary.tsv")
    said = findings(RunFolder(tmp_path), k=1.0, alpha=0.05)
    ending = " Its difference to Ridge, 3³ means may be chance." if tie else ""
    assert said[0] == f"Refiner (Wei 2018) has the highest MCC of 2 methods (0.160).{ending}"


def test_a_method_without_predictions_is_na_with_its_reason(summary):
    path = summary.path("evaluation/summary.tsv")
    table = pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False).assign(note=np.nan)
    absent = table[table.method == "ridgemeans"].assign(
        method="unet", mean=np.nan, ci_low=np.nan, ci_high=np.nan, note="no predictions of this method"
    )
    write_table(pd.concat([table, absent]), path)
    view = report_tables.glance_table(summary, k=1.0)
    shown = cells(view, "U-Net, L1")
    assert shown.pop("Method") == "U-Net, L1"
    assert shown.pop("n") in ("18", "n/a")
    assert set(shown.values()) == {"n/a"}
    assert view.note.endswith(" n/a: U-Net, L1: no predictions of this method.")


def test_external_sites_have_a_table_of_their_own(made):
    assert report_tables.external_table(made, k=1.0).title == "At external sites"
    made.path("evaluation/external/summary.tsv").unlink()
    assert report_tables.external_table(made, k=1.0) is None


def test_scores_of_demyelination(scored):
    view = report_tables.demyelination_table(scored, k=1.0)
    assert view.header[:3] == ["Method", "Dice", "Trivial Dice"]
    assert cells(view, "the_mean")["Cohen's kappa"] == "0.00 (0.00 to 0.00) n\u00a0=\u00a012"
    assert report_tables.demyelination_table(scored, k=7.0).missing == (
        "Not shown: summary.tsv has no score of demyelinated voxels at k = 7."
    )


def test_comparisons_hold_the_shown_method(made):
    view = report_tables.comparison_table(made, method="refiner")
    assert len(view.rows) == 6  # three others, two scores
    assert view.rows[0][:3] == [
        "Lesion MAE (DVR)", "Control-mean template \u2212 Refiner (Wei 2018)", "0.030 (0.002 to 0.050)",
    ]  # fmt: skip
    assert "Note" not in view.header  # no row has one
    assert report_tables.comparison_table(made, method="unet").missing == (
        "Not shown: there is no comparison with U-Net, L1."
    )


def test_ranks_by_score(made):
    view = report_tables.rank_table(made)
    assert view.header == ["Method", "Lesion MAE (DVR)", "MCC"]
    assert view.rows[0] == ["Control-mean template", "4.20", "4.20"]
    assert view.rows[-2:] == [
        ["Critical difference", "1.90", "1.90"],
        ["p of the Friedman test", "0.004", "0.004"],
    ]


def test_lesion_agreement_of_all_and_of_strata(made):
    view = lesion_tables.lesion_agreement_table(made)
    assert [row[0] for row in view.rows][-1] == "Reference: Rescan (second PET)"
    assert view.rows[0][1:] == [
        "12", "6", "0.40 (0.10 to 0.60)", "0.35 (0.10 to 0.60)", "0.30 (\u22120.10 to 0.60)",
        "\u22120.020 (\u22120.050 to 0.010)", "(\u22120.200 to 0.160)",
    ]  # fmt: skip
    strata = lesion_tables.strata_table(made, method="refiner")
    levels = [row[0] for row in strata.rows]
    assert levels[:4] == [
        "size < 300 mm\u00b3",
        "size 300-1000 mm\u00b3",
        "size \u2265 1000 mm\u00b3",
        "periventricular",
    ]
    assert levels[-1] == "kind black hole"
    assert cells(strata, "infratentorial")["Note"] == "fewer than 3 patients"
    assert cells(strata, "infratentorial")["ICC"] == "n/a"
    assert len(lesion_tables.lesion_agreement_table(made, method="refiner").rows) == len(view.rows) + len(
        levels
    )


def test_patient_agreement(made):
    view = lesion_tables.patient_agreement_table(made)
    assert view.rows[0] == [
        "Demyelinated share (%)", "Control-mean template", "6", "0.45 (0.10 to 0.70)", "\u22122.0 (\u22126.0 to 2.0)",
        "(\u221220.0 to 16.0)", "0.50",
    ]  # fmt: skip


def test_coverage_of_the_intervals_beside_external_sites(made):
    view = coverage_table(made, method="refiner")
    assert view.title == "Coverage of the intervals, Refiner (Wei 2018)"
    assert view.header == ["Value", "Site", "Nominal (%)", "Observed (%)", "Mean width", "n", "Note"]
    assert len(view.rows) == 12  # coverage that follows from ranks alone is not shown
    lesion = "Mean DVR of a lesion"
    few = "too few participants: level in force 85 %"
    assert view.rows[:4] == [
        [lesion, "Cross-validation", "80", "82 (72 to 92)", "0.240 DVR", "6", ""],
        [lesion, "Cross-validation", "90", "92 (82 to 100)", "0.270 DVR", "6", few],
        [lesion, "External sites", "80", "52 (42 to 62)", "0.240 DVR", "6", ""],
        [lesion, "External sites", "90", "62 (52 to 72)", "0.270 DVR", "6", few],
    ]
    assert view.rows[-1][0] == "Demyelinated share of a patient"
    assert view.rows[-1][4] == "54 points"
    assert view.note.startswith(
        "A 90 % interval should contain what PET would measure in 9 of 10 new patients."
    )


def test_coverage_without_external_sites_or_without_intervals(made):
    made.path("evaluation/external/coverage.tsv").unlink()
    assert {row[1] for row in coverage_table(made, method="refiner").rows} == {"Cross-validation"}
    assert coverage_table(made, method="unet").missing == "Not shown: there is no coverage of U-Net, L1."
    path = made.path("evaluation/coverage.tsv")
    table = pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
    write_table(table.assign(observed=np.nan), path)
    missing = coverage_table(made, method="refiner").missing
    assert missing == "Not shown: no interval could be tested."
    path.unlink()
    missing = coverage_table(made, method="refiner").missing
    assert missing == "Not shown: the table coverage.tsv was not made in this run."


def test_one_table_per_choice_of_ours(made):
    views = lesion_tables.sensitivity_tables(made, method="refiner")
    assert [view.header[0] for view in views] == [
        "Threshold k", "Reference of healthy white matter", "Width of the perilesional shell (mm)",
        "Smallest lesion (mm\u00b3)",
    ]  # fmt: skip
    assert views[1].rows[1][0] == "voxelwise"
    assert views[2].rows[0] == [
        "0",
        "0.450 (0.350 to 0.550) n\u00a0=\u00a06",
        "0.450 (0.350 to 0.550) n\u00a0=\u00a06",
    ]
    missing = lesion_tables.sensitivity_tables(made, method="unet")
    assert [view.missing for view in missing] == ["Not shown: there is no sensitivity of U-Net, L1."]


def test_verdicts_on_registrations(made):
    view = cohort_tables.quality_table(made)
    assert view.header == ["Modality", "Registrations", "Ok", "Accepted", "Failed"]
    assert [row for row in view.rows if row[0] == "dwi"] == [["dwi", "6", "5", "0", "1"]]
    worst = cohort_tables.worst_table(made)
    assert worst.rows == [["sub-MS01", "dwi", "failed", "a new start ends 4.1 mm away"]]


def test_without_failures_the_worst_scan_of_each_measure(made):
    path = made.path("registration/qc.tsv")
    table = pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["n/a"])
    table = table.assign(verdict="ok", overlap=0.95)
    table.loc[(table.scan == "sub-MS03") & (table.modality == "pet"), "overlap"] = 0.5
    write_table(table, path)
    rows = cohort_tables.worst_table(made).rows
    assert ["Overlap of the brain masks", "pet", "sub-MS03", "0.500", "0.950"] in rows
    assert not any(row[0].startswith("Shift") and row[1] == "MNI152" for row in rows)  # it has none


def test_nobody_left_out(tmp_path):
    write_table(pd.DataFrame(columns=["scan", "reason"]), tmp_path / "cohort/excluded.tsv")
    assert cohort_tables.excluded_table(RunFolder(tmp_path)).missing == "No scan was left out."


def participants(folder, rows, external=()):
    """The table of participants of a cohort of rows; ``external``: subjects of an external site."""
    write_table(cohort_from_rows(rows), folder / "cohort/cohort.tsv")
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    folds = [0 if subject in external else 1 for subject in subjects]
    write_table(pd.DataFrame({"subject": subjects, "fold": folds}), folder / "cohort/folds.tsv")
    return people_table(RunFolder(folder))


def people(**columns):
    """Two patients and two controls."""
    rows = [{"subject": f"{place}", "group": "MS" if place < 2 else "HC"} for place in range(4)]
    return [row | {name: values[place] for name, values in columns.items()} for place, row in enumerate(rows)]


def test_participants_by_their_columns(tmp_path):
    columns = {
        "site": ["1", "1", "2", None], "age": ["41", "30.5", None, "-1"], "sex": ["F", "M", "F", "F"],
        "seen": ["2020-01-01", "2020-01-03", None, None], "note": [None] * 4,
    }  # fmt: skip
    view = participants(tmp_path, people(**columns))
    assert view.header == ["Characteristic", "Patients (MS)", "Controls (HC)"]
    assert view.rows == [
        ["Participants", "2", "2"],
        ["Scans", "2", "2"],
        ["site", "1: 2", "2: 1; 1 missing"],
        ["age", "35.75 [30.5 to 41]", "\u22121 [\u22121 to \u22121]; 1 missing"],
        ["sex", "F: 1, M: 1", "F: 2"],
        ["seen", "2020-01-02 [2020-01-01 to 2020-01-03]", "2 missing"],
    ]
    assert view.note == (
        "Numbers and dates: median [smallest to largest]; categories: counts. Without any value: note."
    )


def test_participants_without_further_columns(tmp_path):
    view = participants(tmp_path, people())
    assert view.rows == [["Participants", "2", "2"], ["Scans", "2", "2"]]
    assert view.note == ""


def test_a_column_of_participants_counts_each_once_and_one_of_sessions_every_scan(tmp_path):
    rows = [row | {"session": session} for row in people(sex=["F", "M", "F", "F"]) for session in "ab"]
    for place, row in enumerate(rows):
        row["EDSS"] = str(place) if row["group"] == "MS" else None
    view = participants(tmp_path, rows)
    assert view.rows[1:] == [
        ["Scans", "4", "4"],
        ["sex", "F: 1, M: 1", "F: 2"],
        ["EDSS", "1.5 [0 to 3]", "4 missing"],
    ]
    assert (
        "Counted by scan, because sessions differ: EDSS. All others are counted by participant." in view.note
    )


def test_identifiers_are_not_counted_and_external_sites_stand_apart(tmp_path):
    rows = [{"subject": f"{place}", "group": "MS", "mrn": f"x{place}"} for place in range(200)]
    view = participants(tmp_path, rows, external={"7", "8"})
    assert view.header[1:] == ["Patients (MS)", "Controls (HC)", "External sites: MS", "External sites: HC"]
    assert view.rows == [["Participants", "198", "0", "2", "0"], ["Scans", "198", "0", "2", "0"]]
    assert view.note == "Not shown, because they contain identifiers or text: mrn."


def test_folds_and_claims(tmp_path):
    people = [[f"{place:02d}", "MS" if place < 4 else "HC", place % 2 + 1] for place in range(6)]
    write_table(pd.DataFrame(people, columns=["subject", "group", "fold"]), tmp_path / "cohort/folds.tsv")
    assert cohort_tables.fold_table(RunFolder(tmp_path)).rows == [
        ["Fold 1", "2", "1", "3"], ["Fold 2", "2", "1", "3"], ["All", "4", "2", "6"],
    ]  # fmt: skip
    claims = [["C1", "NAWM does not differ", source, "holds", "p = 0.4"] for source in ("pet", "refiner")]
    claims.append(["C5", "The refined map is closer", "refiner", "not decided", "p = 0.6"])
    columns = ["claim", "statement", "source", "verdict", "evidence"]
    write_table(pd.DataFrame(claims, columns=columns), tmp_path / "evaluation/claims.tsv")
    view = claims_tables.claims_table(RunFolder(tmp_path))
    assert view.header == ["Judged in", "C1: NAWM does not differ", "C5: The refined map is closer"]
    assert view.rows == [
        ["True PET", "holds", "not applicable"],
        ["Refiner (Wei 2018)", "holds", "not decided"],
    ]
    assert "annot be decided" not in view.note


def test_numbers_as_text():
    assert number(-0.1234, 3) == "\u22120.123"
    assert number(-0.0001) == "0.00"
    assert number(None) == number(np.nan) == "n/a"
    assert interval(0.5, np.nan, 0.7) == "0.50 (interval n/a)"
    assert interval(np.nan, 0.1, 0.2) == "n/a"
    assert p_value(0.00001) == "<\u00a00.0001"
    assert p_value(0.0312) == "0.031"
    assert p_value(0.412) == "0.41"
    assert p_value("n/a") == "n/a"
