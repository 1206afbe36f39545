"""Figures from small tables: they show the tables' values, nothing is cut off, and missing data do not crash."""

import functools
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawings import cut_texts
from matplotlib.image import imread

from myelosketch.errors import InputError
from myelosketch.io.tables import read_table, write_table
from myelosketch.reporting.figures import demyelination as demyelination_figure
from myelosketch.reporting.figures import ladder as ladder_figure
from myelosketch.reporting.figures import lesions as lesion_figures
from myelosketch.reporting.figures import regions as regional_figures
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures import training_and_error as quality_figures
from myelosketch.reporting.figures.saving import draw
from myelosketch.reporting.source_tables import NothingToDrawError

METHODS = ["template", "ridgemeans", "sketcher", "refiner"]
SUBJECTS = {"01": "MS", "02": "MS", "03": "MS", "04": "HC", "05": "HC"}
K = 1.0


@pytest.fixture
def tables(tmp_path):
    """A run's tables of five participants and four methods; the third patient's Dice is n/a."""
    rng = np.random.default_rng(3)
    regions, scores, lesions, summary = [], [], [], []
    for place, method in enumerate(METHODS):
        for subject, group in SUBJECTS.items():
            for region in ("nawm", "other", *(["lesion"] if group == "MS" else [])):
                true, predicted = 1.1 + 0.2 * rng.random(2)
                regions.append([method, f"sub-{subject}", subject, 1, region, group, true, predicted, 50])
            if group == "MS":
                for k in (0.5, 1.0):
                    counts = [method, f"sub-{subject}", subject, 1, k, 40, 20 * k + 10 * rng.random(), 30 * k]
                    scores.append([*counts, np.nan if subject == "03" else 0.6 + place / 20])
                for lesion in (1, 2):
                    means = 1 + 0.2 * rng.random(2)
                    lesions.append(
                        [method, f"sub-{subject}", subject, 1, lesion, 120.0 * lesion, *means, 50, 60]
                    )
        summary += [
            [method, "lesion_mae", np.nan, 0.1 - place / 100, 0.05, 0.12, 3],
            [method, "dice", 1.0, 0.6 + place / 20, 0.5, 0.9, 3],
            [method, "dice", 0.5, 0.1, 0.0, 0.2, 3],
            [method, "trivial_dice", 1.0, 0.7, 0.6, 0.8, 3],
            [method, "mcc", 1.0, np.nan if method == "template" else 0.3, 0.1, 0.5, 3],
        ]
    summary += [["rescan", "dice", 1.0, 0.85, 0.8, 0.9, 3]]
    columns = {
        "regions": "method scan subject fold region group mean_dvr_true mean_dvr_pred n_voxels",
        "demyelination": "method scan subject fold k n_lesion_voxels pct_true pct_pred dice",
        "lesions": "method scan subject fold lesion volume_mm3 mean_dvr_true mean_dvr_pred pct_true pct_pred",
        "summary": "method metric k mean ci_low ci_high n",
    }
    for name, rows in (
        ("regions", regions),
        ("demyelination", scores),
        ("lesions", lesions),
        ("summary", summary),
    ):
        write_table(pd.DataFrame(rows, columns=columns[name].split()), tmp_path / f"{name}.tsv")
    errors = [[f"sub-{s}", m, 0.3, 0.6, 1.2] for s in SUBJECTS for m in ("T1w", "dwi", "MTR")]
    columns = ["scan", "modality", "median_mm", "p95_mm", "max_mm"]
    write_table(pd.DataFrame(errors, columns=columns), tmp_path / "registration_error.tsv")
    for fold in (1, 2):
        for method in ("unet", "sketcher", "refiner"):
            history = {
                "epoch": [1, 2, 3],
                "l1": [3.0, 2.0, 1.0 + fold],
                "adversarial": [0.7, np.nan, 0.6],
            }
            history |= {"learning_rate": [1e-4] * 3, "seconds": [2.0] * 3}
            write_table(pd.DataFrame(history), tmp_path / f"training/fold-{fold}/{method}/history.tsv")
    return tmp_path


def builders(folder):
    """Every figure that needs only tables, as functions without arguments."""
    shown = {"method": "refiner", "simulated": True}
    histories = sorted(folder.glob("training/*/*/history.tsv"))
    percentage = demyelination_figure.build_demyelinated_percentage
    error = folder / "registration_error.tsv"
    return {
        "groups": functools.partial(
            regional_figures.build_groups, folder / "regions.tsv", methods=METHODS, **shown
        ),
        "individuals": functools.partial(regional_figures.build_individuals, folder / "regions.tsv", **shown),
        "percentage": functools.partial(percentage, folder / "demyelination.tsv", k=K, **shown),
        "lesions": functools.partial(lesion_figures.build_lesion_means, folder / "lesions.tsv", **shown),
        "ladder": functools.partial(ladder_figure.build_ladder, folder / "summary.tsv", k=K, simulated=True),
        "training": functools.partial(quality_figures.build_training_curves, *histories, simulated=True),
        "registration": functools.partial(quality_figures.build_registration_error, error, simulated=True),
    }


FIGURES = ["groups", "individuals", "percentage", "lesions", "ladder", "training", "registration"]


@pytest.fixture
def built(tables):
    """Build one figure by name in the house style; all are closed afterwards."""
    with style.figure_style():
        yield lambda name: builders(tables)[name]()
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_cut_and_the_title_says_simulated(built, name):
    figure, data = built(name)
    assert cut_texts(figure) == []
    assert "simulated cohort" in figure.get_suptitle().replace("\n", " ")
    assert len(data) > 0
    assert figure.get_figwidth() in (style.WIDTH, style.COLUMN)


def test_cut_texts_finds_a_text_beyond_the_edge():
    figure, axes = plt.subplots(layout="none")
    axes.text(5, 0.5, "far outside")
    assert cut_texts(figure) == ["far outside"]
    plt.close(figure)


def test_individuals_draws_the_numbers_of_its_table(built):
    figure, data = built("individuals")
    lines = figure.axes[0].get_lines()
    drawn = {(x, y) for line in lines for x, y in zip(*line.get_data(), strict=True)}
    for row in data.itertuples():
        assert {(row.position, row.mean_dvr_true), (row.position, row.mean_dvr_pred)} <= drawn
    solid = [line.get_linestyle() for line in lines[:6]]
    assert solid == ["-", "-", "-", "-", ":", ":"]


def test_percentage_draws_the_numbers_of_its_table(built):
    figure, data = built("percentage")
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [*data.pct_true, *data.pct_pred]
    assert list(data.pct_true) == sorted(data.pct_true, reverse=True)
    assert set(data.k) == {K}


def test_groups_boxes_span_the_range_with_median_and_mean(built):
    figure, data = built("groups")
    values = data[(data.method == "refiner") & (data.roi == "nawm") & (data.source == "true")].mean_dvr
    drawn = [np.unique(line.get_ydata()) for line in figure.axes[0].get_lines()]
    for wanted in (values.min(), values.max(), values.median(), values.mean()):
        assert any(np.isclose(ys, wanted).any() for ys in drawn)
    assert sorted(data.roi.unique()) == ["hcwm", "lesion", "nawm"]
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["HC WM\nn = 2", "NAWM\nn = 3", "Lesions\nn = 3"]


def test_sessions_of_a_participant_are_one_point(tmp_path):
    rows = [
        ["refiner", "sub-01_ses-1", "01", "nawm", "MS", 1.0, 1.2, 9],
        ["refiner", "sub-01_ses-2", "01", "nawm", "MS", 1.2, 1.0, 9],
    ]
    columns = ["method", "scan", "subject", "region", "group", "mean_dvr_true", "mean_dvr_pred", "n_voxels"]
    write_table(pd.DataFrame(rows, columns=columns), tmp_path / "regions.tsv")
    means = regional_figures.roi_means(tmp_path / "regions.tsv")
    assert means[["mean_dvr_true", "mean_dvr_pred"]].to_numpy().tolist() == [[1.1, 1.1]]


def test_ladder_shows_only_its_k_trivial_dice_and_ceilings_last(built):
    figure, data = built("ladder")
    assert set(data.metric) == {"lesion_mae", "dice", "trivial_dice", "mcc"}
    assert set(data.k.dropna()) == {K}
    assert not ((data.method == "template") & (data.metric == "mcc")).any()  # n/a is not drawn as a number
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [style_name for style_name in labels if style_name]
    assert labels[-1] == "Rescan (second PET)"
    assert labels[-2] == "Refiner (Wei 2018)"
    texts = [text.get_text() for text in figure.axes[2].texts]
    assert texts.count("n/a") == 2  # MCC of the template and of rescan


def test_training_curves_leave_out_rates_and_times(built):
    _, data = built("training")
    assert set(data.loss) == {"l1", "adversarial"}
    assert list(dict.fromkeys(data.method)) == ["unet", "sketcher", "refiner"]  # as on the ladder
    assert data.value.notna().all()


def test_training_curves_have_a_line_per_fold(built):
    figure, _ = built("training")
    lines = figure.axes[0].get_lines()
    assert [len(line.get_xdata()) for line in lines] == [3] * 2
    assert len({line.get_color() for line in lines}) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fold 1", "fold 2"]
    assert "one line per fold" in figure.get_suptitle()


def draw_ladder(summary, **options):
    """The ladder drawn and saved; ``options`` as of draw."""
    build = functools.partial(ladder_figure.build_ladder, summary, k=K, simulated=options["simulated"])
    draw(build, title="Prediction ladder", **options)


@pytest.mark.parametrize(("dpi", "width"), [(200, 1417), (900, 1600), (60, 425)])
def test_files_of_a_figure(tables, dpi, width):
    paths = {suffix: tables / f"figures/ladder.{suffix}" for suffix in ("png", "svg", "tsv")}
    draw_ladder(tables / "summary.tsv", simulated=True, dpi=dpi, **paths)
    image = imread(paths["png"])
    assert image.shape[1] == width
    assert image[..., :3].std() > 0.02
    svg = paths["svg"].read_text()
    assert ">Refiner (Wei 2018)<" in svg.replace("</text>", "<")
    assert svg.count("@font-face") == 2  # regular, and bold for the title
    assert not re.search(r"(href|src|url)\W{1,3}https?:", svg)
    data = read_table(paths["tsv"], numeric=True)
    pd.testing.assert_frame_equal(
        data, ladder_figure.ladder_rows(tables / "summary.tsv", k=K), check_dtype=False
    )


def test_same_tables_give_the_same_bytes(tables):
    written = []
    for name in ("a", "b"):
        paths = {suffix: tables / f"{name}.{suffix}" for suffix in ("png", "svg", "tsv")}
        draw_ladder(tables / "summary.tsv", simulated=True, **paths)
        written.append([path.read_bytes() for path in paths.values()])
    assert written[0] == written[1]


def test_missing_table_becomes_a_sentence(tmp_path):
    paths = {suffix: tmp_path / f"ladder.{suffix}" for suffix in ("png", "svg", "tsv")}
    draw_ladder(tmp_path / "summary.tsv", simulated=False, **paths)
    assert "Not drawn: the table summary.tsv was not made in this run." in paths["svg"].read_text()
    assert read_table(paths["tsv"]).not_drawn.tolist() == ["the table summary.tsv was not made in this run."]
    assert "measured cohort" in paths["svg"].read_text()


def test_empty_table_method_without_rows_and_all_missing(tables):
    build = demyelination_figure.build_demyelinated_percentage
    path = tables / "demyelination.tsv"
    with pytest.raises(NothingToDrawError, match=r"no demyelinated percentage of U-Net, L1 at k = 1\."):
        build(path, method="unet", k=K, simulated=True)
    table = read_table(path)
    table["pct_pred"] = "n/a"
    write_table(table, path)
    with pytest.raises(NothingToDrawError, match=r"every demyelinated percentage .* is n/a\."):
        build(path, method="refiner", k=K, simulated=True)
    write_table(table.iloc[:0], path)
    with pytest.raises(NothingToDrawError, match=r"the table demyelination.tsv has no rows\."):
        build(path, method="refiner", k=K, simulated=True)


def test_one_participant_and_one_group(tables):
    path = tables / "regions.tsv"
    table = read_table(path)
    write_table(table[table.subject == "01"], path)
    for build in (regional_figures.build_groups, regional_figures.build_individuals):
        options = {"methods": ["refiner"]} if build is regional_figures.build_groups else {}
        with style.figure_style():
            figure, _ = build(path, method="refiner", simulated=True, **options)
            assert cut_texts(figure) == []
        plt.close(figure)


def test_table_without_a_column_is_an_error_that_names_it(tables):
    path = tables / "lesions.tsv"
    write_table(read_table(path).drop(columns="volume_mm3"), path)
    with pytest.raises(InputError, match="lacks the column volume_mm3; found method, scan"):
        lesion_figures.build_lesion_means(path, method="refiner", simulated=True)


def test_many_participants_keep_readable_ticks():
    for width, second, most in ((style.WIDTH, "004", 60), (style.COLUMN, "008", 28)):
        figure, axes = plt.subplots(figsize=(width, 3), layout="constrained")
        style.participant_ticks(axes, [f"{place:03d}" for place in range(200)])
        labels = [label.get_text() for label in axes.get_xticklabels()]
        assert labels[:2] == ["000", second]
        assert len(labels) <= most
        plt.close(figure)
