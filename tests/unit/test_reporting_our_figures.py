"""Figures beyond the paper's: they show the tables' values, nothing is cut off, and small runs do not crash."""

import functools
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawings import cut_texts
from figure_tables import CONTROLS, METHODS, PATIENTS, TOGETHER, K, write_tables

from myelosketch.io import names
from myelosketch.io.tables import read_table, write_table
from myelosketch.reporting.figures import bland_altman as bland_altman_figure
from myelosketch.reporting.figures import calibration as calibration_figure
from myelosketch.reporting.figures import change as change_figure
from myelosketch.reporting.figures import comparison as comparison_figures
from myelosketch.reporting.figures import lesions as lesion_figures
from myelosketch.reporting.figures import registration as registration_figure
from myelosketch.reporting.figures import roc as roc_figure
from myelosketch.reporting.figures import sensitivity as sensitivity_figure
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.catalogue import FIGURES
from myelosketch.reporting.figures.saving import draw_figure
from myelosketch.reporting.source_tables import NothingToDrawError

LIMITS = {"repeat_mm": 2.0, "overlap": 0.9, "template_mm": 6.0, "starts": 3}


def builders(paths):
    """Every figure as a function without arguments, and the tables it reads."""
    shown = {"method": "refiner", "simulated": True}
    part = functools.partial
    found = {
        "bland_altman": (
            ("demyelination", "regions", "patient_agreement"),
            part(bland_altman_figure.build_bland_altman, k=K, **shown),
        ),
        "lesion_means": (("lesions",), part(lesion_figures.build_lesion_means, **shown)),
        "lesion_agreement": (
            ("lesions", "lesion_agreement"), part(lesion_figures.build_lesion_agreement, **shown),
        ),
        "roc": (("roc", "summary"), part(roc_figure.build_roc, k=K, **shown)),
        "calibration": (("calibration", "voxelwise"), part(calibration_figure.build_calibration, **shown)),
        "comparison": (("ranks", "comparisons"), part(comparison_figures.build_comparison, **shown)),
        "sites": (("summary", "external/summary"), part(comparison_figures.build_sites, k=K, simulated=True)),
        "change": (("change_lesions",), part(change_figure.build_change, alpha=0.05, simulated=True)),
        "registration_quality": (
            ("qc",), part(registration_figure.build_registration_quality, limits=LIMITS, simulated=True),
        ),
    }  # fmt: skip
    in_force = {"k": 1.0, "reference": "pooled", "perilesional_mm": 3.0, "min_lesion_mm3": 100}
    for axis in in_force:
        build = part(sensitivity_figure.build_sensitivity, axis, in_force=in_force, simulated=True)
        found[f"sensitivity {axis}"] = (("sensitivity",), build)
    return {
        name: (tables, part(build, *(paths[table] for table in tables)))
        for name, (tables, build) in found.items()
    }


BUILT = [
    *("bland_altman", "lesion_means", "lesion_agreement", "roc", "calibration", "comparison", "sites"),
    *("registration_quality", "sensitivity k", "sensitivity reference", "sensitivity perilesional_mm"),
    *("sensitivity min_lesion_mm3", "change"),
]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Tables of six patients, three controls, four methods and a ceiling; to be read only."""
    return write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def built():
    """Build a figure of some tables in the house style; all are closed afterwards."""
    with style.figure_style():
        yield lambda paths, name: builders(paths)[name][1]()
    plt.close("all")


def sound(figure):
    """Checks that every figure must pass."""
    assert cut_texts(figure) == []
    assert "simulated cohort" in figure.get_suptitle().replace("\n", " ")
    assert figure.get_figwidth() == style.WIDTH


def reasons(figure):
    texts = [text.get_text().replace("\n", " ") for axes in figure.axes for text in axes.texts]
    return [text for text in texts if text.startswith("Not drawn")]


def marks(axes):
    """Every point of every line and scatter of an axes, as a set of rounded pairs."""
    points = [pair for line in axes.get_lines() for pair in zip(*map(np.ravel, line.get_data()), strict=True)]
    points += [tuple(pair) for dots in axes.collections for pair in np.asarray(dots.get_offsets())]
    return {(round(float(x), 6), round(float(y), 6)) for x, y in points if np.isfinite([x, y]).all()}


def pairs(x, y):
    return {(round(float(a), 6), round(float(b), 6)) for a, b in zip(x, y, strict=True)}


@pytest.mark.parametrize("name", BUILT)
def test_nothing_is_cut_and_the_title_says_simulated(full, built, name):
    figure, data = built(full, name)
    sound(figure)
    assert len(data) > 0
    assert reasons(figure) == []


@pytest.mark.parametrize("name", BUILT)
def test_all_methods_and_ceilings_fit(tmp_path_factory, built, name):
    patients = [f"MS{number:02d}" for number in range(1, 19)]
    paths = write_tables(
        tmp_path_factory.mktemp("many"), methods=TOGETHER, ceilings=names.CEILINGS, patients=patients
    )
    sound(built(paths, name)[0])


@pytest.mark.parametrize("name", BUILT)
def test_one_patient_no_control_one_method_no_ceiling(tmp_path, built, name):
    options = {"methods": ["refiner"], "patients": PATIENTS[:1], "controls": [], "ceilings": ()}
    sound(built(write_tables(tmp_path, **options), name)[0])


def sound_or_reason(build):
    """The checked figure, or None if it could not be drawn and a sentence says why."""
    try:
        figure, _ = build()
    except NothingToDrawError as reason:
        words = str(reason)
    else:
        sound(figure)
        return figure
    assert words.endswith(".")
    return None


@pytest.mark.parametrize("name", BUILT)
def test_each_missing_or_empty_table_is_a_reason_not_a_crash(tmp_path, built, name):
    paths = write_tables(tmp_path)
    tables, build = builders(paths)[name]
    for table in tables:
        kept = paths[table].read_bytes()
        empty = read_table(paths[table]).iloc[:0]
        paths[table].unlink()
        for _ in range(2):  # absent, then without rows
            figure = sound_or_reason(build)
            assert (
                figure is None
                or reasons(figure)
                or table in ("patient_agreement", "summary", "lesion_agreement")
            )
            write_table(empty, paths[table])
        paths[table].write_bytes(kept)


@pytest.mark.parametrize("name", BUILT)
def test_n_a_everywhere_is_a_reason(tmp_path, built, name):
    paths = write_tables(tmp_path)
    for path in paths.values():
        table = read_table(path, numeric=True)
        for column in set(table.select_dtypes("number")) - {"k", "fold", "lesion", "fpr"}:
            table[column] = np.nan
        write_table(table, path)
    with pytest.raises(NothingToDrawError, match=r"^[^\n]+\.$"):
        built(paths, name)


def test_patients_of_the_bland_altman_plot_and_its_lines(full, built):
    figure, data = built(full, "bland_altman")
    for axes, (measure, part) in zip(figure.axes, data.groupby("measure", sort=False), strict=True):
        assert pairs((part.true + part.predicted) / 2, part.predicted - part.true) <= marks(axes)
        assert len(part) == len(PATIENTS)
        scale = 100 if measure == "pct_demyelinated" else 1
        levels = {round(float(line.get_ydata()[0]), 6) for line in axes.get_lines()}
        assert levels == {0.0, -0.02 * scale, -0.2 * scale, 0.16 * scale}
        assert "ICC 0.45 [0.10, 0.70], n = 6" in axes.get_title()
    regions = read_table(full["regions"], numeric=True)
    row = regions[(regions.method == "refiner") & (regions.region == "lesion") & (regions.subject == "MS03")]
    drawn = data[(data.measure == "mean_dvr_lesion") & (data.subject == "MS03")]
    assert (
        drawn[["true", "predicted"]].to_numpy().tolist()
        == row[["mean_dvr_true", "mean_dvr_pred"]].to_numpy().tolist()
    )


def test_sessions_of_a_patient_are_one_dot(tmp_path):
    rows = [["refiner", "MS01", "MS", "lesion", *pair] for pair in ((1.0, 1.2), (1.2, 1.6))]
    columns = ["method", "subject", "group", "region", "mean_dvr_true", "mean_dvr_pred"]
    write_table(pd.DataFrame(rows, columns=columns), tmp_path / "regions.tsv")
    points = bland_altman_figure.patient_points(
        "mean_dvr_lesion", None, tmp_path / "regions.tsv", method="refiner", k=K
    )
    assert points.drop(columns="subject").round(6).to_numpy().tolist() == [[1.1, 1.4, 1.25, 0.3]]


def test_lesions_and_their_strata(full, built):
    figure, data = built(full, "lesion_agreement")
    panels = np.array(figure.axes).reshape(3, 4)
    dots = data[data.part == "lesion"]
    assert list(dots.stratum.unique()) == ["size", "place", "kind"]
    for line, (_, part) in zip(panels, dots.groupby("stratum", sort=False), strict=True):
        assert pairs(part.mean_dvr_true, part.mean_dvr_pred) <= marks(line[0])
    labels = [[text.get_text().split("\n")[0] for text in line[1].get_yticklabels()] for line in panels]
    assert labels[0] == ["< 300 mm\u00b3", "300\u20131000 mm\u00b3", "\u2265 1000 mm\u00b3"]
    assert labels[1] == ["periventricular", "deep", "juxtacortical", "infratentorial"]
    assert labels[2] == ["black hole", "demyelinated"]
    assert (0.4, 0.0) in marks(panels[0][1])  # r of the smallest lesions, in the first row
    assert [text.get_text() for axes in panels[1] for text in axes.texts] == ["n/a"] * 3
    assert panels[1][1].get_yticklabels()[3].get_text().endswith("n = 4 in 2")


def test_strata_that_a_run_does_not_have_are_left_out(tmp_path, built):
    paths = write_tables(tmp_path)
    table = read_table(paths["lesions"])
    table["kind"] = np.nan
    write_table(table.drop(columns="size"), paths["lesions"])
    figure, data = built(paths, "lesion_agreement")
    assert set(data.stratum) == {"place"}
    assert len(figure.axes) == 4


def test_roc_curves_are_means_of_the_patients(full, built):
    figure, data = built(full, "roc")
    assert set(data.curve) == {"mean", "patient"}
    place = [*METHODS, "rescan"].index("refiner")
    middle = data[(data.curve == "mean") & (data.method == "refiner") & np.isclose(data.fpr, 0.5)]
    wanted = np.mean([0.5 ** (0.8 / (place + 1 + 0.1 * patient)) for patient in range(len(PATIENTS))])
    assert middle.tpr.to_numpy() == pytest.approx([wanted], rel=1e-4)
    drawn = data[(data.curve == "mean") & (data.method == "ridgemeans")]
    assert pairs(drawn.fpr, drawn.tpr) <= marks(figure.axes[0])
    own = data[data.curve == "patient"]
    assert pairs(own.fpr, own.tpr) <= marks(figure.axes[1])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "Refiner (Wei 2018), mean AUC 0.70" in texts  # of summary.tsv, at this k


def test_calibration_is_a_mean_over_participants_and_slopes_are_theirs(full, built):
    figure, data = built(full, "calibration")
    table = read_table(full["calibration"], numeric=True)
    bins = table[(table.method == "refiner") & (table.region == "lesion") & np.isclose(table.dvr_pred, 1.075)]
    curve = data[(data.panel == "curve") & (data.region == "lesion") & (data.method == "refiner")]
    value = curve[np.isclose(curve.dvr_pred, 1.075)]
    assert value.mean_true.item() == pytest.approx(bins.mean_true.mean(), rel=1e-6)
    assert value.n_participants.item() == len(PATIENTS)
    assert curve.share.sum() == pytest.approx(1)
    assert pairs(curve.dvr_pred, curve.mean_true) <= marks(figure.axes[0])
    slopes = data[(data.panel == "slope") & (data.region == "nawm")]
    assert len(slopes) == 5 * (len(PATIENTS) + len(CONTROLS))
    assert {round(x, 6) for x in slopes.slope} <= {x for x, _ in marks(figure.axes[4])}


def test_thin_bins_are_not_drawn(tmp_path):
    rows = [["m", subject, "nawm", 1.0, 1.1, 50] for subject in "abcd"] + [["m", "a", "nawm", 2.0, 1.1, 50]]
    columns = ["method", "subject", "region", "dvr_pred", "mean_true", "n_voxels"]
    write_table(pd.DataFrame(rows, columns=columns), tmp_path / "calibration.tsv")
    bins = calibration_figure.participant_bins(tmp_path / "calibration.tsv", "nawm")
    curves = calibration_figure.mean_curves(bins)
    assert curves[["dvr_pred", "n_participants"]].to_numpy().tolist() == [[1.0, 4]]
    assert curves.share.item() == pytest.approx(0.8)  # the voxels left out still count in the share


def test_sensitivity_draws_each_value_in_order_and_marks_the_one_in_force(full, built):
    figure, data = built(full, "sensitivity min_lesion_mm3")
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["30", "100", "1000"]
    (band,) = figure.axes[0].patches
    assert band.get_x() < 1 < band.get_x() + band.get_width() < 2
    part = data[data.metric == "lesion_mean_r"]
    drawn = {y for _, y in marks(figure.axes[0])}
    assert {round(value, 6) for value in [*part["mean"], *part.ci_low, *part.ci_high]} <= drawn


def test_dice_never_stands_without_its_trivial_value(full, built):
    figure, data = built(full, "sensitivity k")
    titles = [axes.get_ylabel() for axes in figure.axes if axes.axison]
    assert titles == ["Dice", "MCC", "Bias of percentage (points)"]
    level = data[(data.metric == "trivial_dice") & (data.value == "1")]["mean"].mean()
    flat = [
        line
        for line in figure.axes[0].get_lines()
        if np.ptp(line.get_ydata()) == 0 and len(line.get_xdata()) == 2
    ]
    assert any(np.isclose(line.get_ydata()[0], level) for line in flat)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "trivial Dice (all demyelinated)" in texts


def test_what_is_true_of_the_pet_is_one_line(tmp_path):
    rows = [["k", "1", method, "pct_true", 50.0, 40.0, 60.0, 6] for method in METHODS]
    rows += [["k", "1", method, "mcc", 0.1, 0.0, 0.2, 6] for method in METHODS]
    columns = ["axis", "value", "method", "metric", "mean", "ci_low", "ci_high", "n"]
    write_table(pd.DataFrame(rows, columns=columns), tmp_path / "sensitivity.tsv")
    table = sensitivity_figure.sensitivity_rows(tmp_path / "sensitivity.tsv", "k")
    assert table[table.metric == "pct_true"].method.tolist() == ["pet"]
    assert (table.metric == "mcc").sum() == len(METHODS)


def test_a_note_is_the_reason_of_an_empty_sensitivity(tmp_path):
    rows = [
        ["reference", "voxelwise", "ridgemeans", "dice", np.nan, np.nan, np.nan, 0, "too few controls to say"]
    ]
    columns = ["axis", "value", "method", "metric", "mean", "ci_low", "ci_high", "n", "note"]
    write_table(pd.DataFrame(rows, columns=columns), tmp_path / "sensitivity.tsv")
    with pytest.raises(NothingToDrawError, match=r"^too few controls to say\.$"):
        sensitivity_figure.sensitivity_rows(tmp_path / "sensitivity.tsv", "reference")
    with pytest.raises(NothingToDrawError, match="no score under another smallest lesion"):
        sensitivity_figure.sensitivity_rows(tmp_path / "sensitivity.tsv", "min_lesion_mm3")


@pytest.mark.parametrize(("critical", "wanted"), [
    (0.5, []), (1.05, [(0, 1), (1, 2)]), (2.1, [(0, 2), (2, 3)]), (9, [(0, 3)]), (np.nan, []),
])  # fmt: skip
def test_methods_within_the_critical_difference_are_joined(critical, wanted):
    assert comparison_figures.cliques([1.0, 2.0, 3.0, 4.9], critical) == wanted


def test_differences_are_turned_to_the_one_compared_with(full, tmp_path):
    found = comparison_figures.differences_to(full["comparisons"], "sketcher").set_index(["metric", "method"])
    stored = read_table(full["comparisons"], numeric=True).set_index(["metric", "method_a", "method_b"])
    plain = stored.loc[("mcc", "ridgemeans", "sketcher")]
    turned = stored.loc[("mcc", "sketcher", "refiner")]
    assert found.loc[("mcc", "ridgemeans")].difference == plain.difference
    row = found.loc[("mcc", "refiner")]
    assert (row.difference, row.ci_low, row.ci_high) == (-turned.difference, -turned.ci_high, -turned.ci_low)
    assert comparison_figures.differences_to(tmp_path / "none.tsv", "sketcher").empty


def test_comparison_says_which_side_is_better_and_fills_what_is_significant(full, built):
    figure, data = built(full, "comparison")
    right = figure.axes[1]
    assert right.get_xlabel().endswith("> 0: Refiner (Wei 2018) is better")
    assert figure.axes[3].get_xlabel().endswith("< 0: Refiner (Wei 2018) is better")
    part = data[(data.metric == "lesion_mae") & data.difference.notna()]
    drawn = {
        round(float(line.get_xdata()[0]), 6): line.get_markerfacecolor()
        for line in right.get_lines()
        if line.get_marker() == "o"
    }
    assert set(drawn) == {round(value, 6) for value in part.difference}
    for row in part.itertuples():
        filled = drawn[round(row.difference, 6)] != "white"
        assert filled == (row.p_adjusted < 0.05)


def test_sites_stand_beside_each_other_and_are_never_pooled(full, built):
    figure, data = built(full, "sites")
    assert set(data.site) == {"internal", "external"}
    assert set(data.k.dropna()) == {K}
    for axes, metric in zip(figure.axes, ("lesion_mae", "lesion_bias", "mcc"), strict=True):
        part = data[data.metric == metric]
        assert {round(value, 6) for value in part["mean"]} <= {x for x, _ in marks(axes)}
    ladder = read_table(full["summary"], numeric=True)
    wanted = ladder[(ladder.method == "ridgemeans") & (ladder.metric == "lesion_mae")]["mean"].item()
    row = data[(data.site == "internal") & (data.method == "ridgemeans") & (data.metric == "lesion_mae")]
    assert row["mean"].item() == wanted


def test_one_patient_at_an_external_site_is_no_interval(full, tmp_path):
    table = read_table(full["external/summary"])
    write_table(table.assign(n="1", ci_low="n/a", ci_high="n/a"), tmp_path / "external.tsv")
    figure, _ = comparison_figures.build_sites(
        full["summary"], tmp_path / "external.tsv", k=K, simulated=True
    )
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[1] == "external sites, n = 1 patient, no interval"
    assert re.fullmatch(r"cross-validation, n = \d+ patients, 95 % interval", texts[0])


def test_registration_quality_shows_limits_and_names_what_failed(full, built):
    figure, data = built(full, "registration_quality")
    labels = [axes.get_ylabel().split("\n")[0] for axes in figure.axes]
    place = labels.index("Distance of new starts, median (mm)")
    axes = figure.axes[place]
    lines = {float(line.get_ydata()[0]) for line in axes.get_lines() if line.get_linestyle() == "--"}
    assert lines == {2.0, 6.0}
    assert [text.get_text() for text in axes.texts] == ["MS01"]
    part = data[data.number == "repeat_mm"]
    assert {round(value, 6) for value in part.value} <= {y for _, y in marks(axes)}
    assert set(part.limit[part.modality != "MNI152"]) == {2.0}
    assert set(part.limit[part.modality == "MNI152"]) == {6.0}  # another brain fits less exactly
    assert data[data.number == "nmi"].limit.isna().all()
    assert not ((data.number == "border_shift_mm") & (data.modality == "MNI152")).any()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["ok: n = 29", "failed: n = 1", "limit"]


def test_registration_quality_of_other_columns(tmp_path):
    rows = [["sub-01", "T1w", np.nan, 0.4, "words"], ["sub-02", "T1w", "failed", np.nan, "words"]]
    write_table(
        pd.DataFrame(rows, columns=["scan", "modality", "verdict", "inverse_mm", "odd"]), tmp_path / "qc.tsv"
    )
    data = registration_figure.quality_rows(tmp_path / "qc.tsv")
    assert data.to_numpy().tolist() == [["sub-01", "T1w", "not judged", "inverse_mm", 0.4]]


def test_change_shows_false_alarms_and_detection_by_true_change(full, built):
    figure, data = built(full, "change")
    rows = data[(data.part == "detection") & (data.source == "predicted")].set_index("true_class")
    assert rows.share_claimed.tolist() == pytest.approx([1 / 12, 0, 1])
    assert rows.index.tolist() == ["< 0.01", "0.03\u20130.06", "\u2265 0.15"]
    assert rows.n_lesions.tolist() == [12, 12, 12]
    # Wilson's interval of 1 in 12
    assert rows.loc["< 0.01", ["ci_low", "ci_high"]].tolist() == pytest.approx([0.0149, 0.3539], abs=1e-3)
    # each lesion before and after, without the offset of .03
    shown = data[(data.part == "lesion") & (data.source == "measured")]
    assert pairs(shown.mean_dvr_before, shown.mean_dvr_before + shown.change) <= marks(figure.axes[2])


def test_change_of_real_scans_says_that_the_truth_is_not_known(full, tmp_path):
    table = read_table(full["change_lesions"])
    table = table[table.source == "predicted"].assign(change_true="n/a")
    write_table(table, tmp_path / "change_lesions.tsv")
    with style.figure_style():
        figure, data = change_figure.build_change(tmp_path / "change_lesions.tsv", simulated=False)
    assert reasons(figure) == [
        "Not drawn: the true change of lesions is known in a simulated cohort only.",
        "Not drawn: there is no pair of sessions with measured DVR.",
    ]
    assert set(data.part) == {"lesion"}
    plt.close("all")


@pytest.mark.parametrize("name", ["roc", "registration_quality", "comparison"])
def test_files_are_written_with_their_table_and_embedded_fonts(full, tmp_path, name):
    settings = {
        "roc": {"method": "refiner", "k": K},
        "registration_quality": {"limits": LIMITS},
        "comparison": {"method": "refiner", "alpha": 0.05},
    }[name]
    figure = FIGURES[name]
    assert set(settings) == set(figure.settings)
    tables = [full[Path(table).stem] for table in figure.tables]
    paths = {suffix: tmp_path / f"{name}.{suffix}" for suffix in ("png", "svg", "tsv")}
    draw_figure(figure.build, tables, title=figure.heading, simulated=True, settings=settings, **paths)
    assert plt.imread(paths["png"]).shape[1] <= style.MAX_WIDTH_PX
    assert "@font-face" in paths["svg"].read_text()
    assert len(read_table(paths["tsv"])) > 5
