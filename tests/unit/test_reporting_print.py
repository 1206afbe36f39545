"""Every figure of the catalogue in print: as wide as a column or a page, legible, in grey, nothing cut or covered."""

import importlib
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawings import cut_texts, drawn_texts, luma
from figure_tables import CONTROLS, PATIENTS, TOGETHER, K, write_tables
from report_run import write_maps

from myelosketch.io import names
from myelosketch.io.names import GROUP_FILES
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.learning.ladder import base_of
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.catalogue import FIGURES

SCANS = [f"sub-{patient}" for patient in PATIENTS]
PICTURED = ["the_mean", "refiner"]  # methods of the stored maps
LIMITS = {"repeat_mm": 2.0, "overlap": 0.9, "template_mm": 6.0, "starts": 3}
SETTINGS = {
    "method": "refiner", "methods": PICTURED, "k": K, "alpha": 0.05, "scans": SCANS, "limits": LIMITS,
    "example_patient": "", "agreement_colours": "paper",
    "in_force": {"k": K, "reference": "pooled", "perilesional_mm": 3.0, "min_lesion_mm3": 100},
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with every method of the ladder and all that any figure is drawn from."""
    root = tmp_path_factory.mktemp("print") / "results"
    write_tables(root / "evaluation", methods=list(TOGETHER), ceilings=tuple(names.CEILINGS))
    (root / "registration").mkdir()
    (root / "evaluation/qc.tsv").rename(root / "registration/qc.tsv")
    (root / "evaluation/change_lesions.tsv").rename(root / "change_lesions.tsv")
    rng = np.random.default_rng(2)
    for seed, scan in enumerate(SCANS):
        write_maps(root, scan, seed, PICTURED)
    volumes = [[scan, "MS", "lesion", 2.0 + place] for place, scan in enumerate(SCANS)]
    write_table(
        pd.DataFrame(volumes, columns=["scan", "group", "region", "volume_ml"]),
        root / "evaluation/region_volumes.tsv",
    )
    modalities = ("T1w", "dwi", "MTR", "dwi-to-T1w", "MTR-to-T1w")
    errors = [[scan, name, 0.3, 0.6, 1.2] for scan in SCANS for name in modalities]
    columns = ["scan", "modality", "median_mm", "p95_mm", "max_mm"]
    write_table(pd.DataFrame(errors, columns=columns), root / "evaluation/registration_error.tsv")
    for fold in (1, 2):
        history = {"epoch": [1, 2, 3], "l1": [3.0, 2.0, 1.0 + fold], "adversarial": [0.7, 0.5, 0.6]}
        write_table(pd.DataFrame(history), root / f"training/fold-{fold}/refiner/history.tsv")
    write_table(residuals(rng), root / "evaluation/contrast_residuals.tsv")
    head = np.zeros((91, 109, 91), np.float32)
    head[10:80, 10:100, 5:85] = 1.1 + 0.1 * rng.random((70, 90, 80))
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-90, -126, -72)
    for name, path in GROUP_FILES.items():
        share = "lesion" in name or "demyelinated" in name
        save_volume(root / path, np.where(head > 1.19, 0.3, 0.0) if share else head, affine)
    return root


def residuals(rng):
    """Residuals of two contrasts in the measured PET and one method."""
    people = [f"sub-{name}" for name in (*PATIENTS, *CONTROLS)]
    rows = [
        [contrast, source, "age, sex, site", scan, scan[4:], 1.2, 0.05 * value, value, value]
        for contrast in ("lesions minus healthy white matter", "demyelinated share (%) on duration")
        for source in ("pet", "refiner")
        for scan, value in zip(people, rng.standard_normal(len(people)), strict=True)
    ]
    columns = "contrast source adjusted_for scan subject fitted residual studentised normal_quantile"
    return pd.DataFrame(rows, columns=columns.split())


@pytest.fixture
def built(run):
    """Build a figure of the catalogue as the workflow does."""

    def build(name):
        figure = FIGURES[name]
        tables = [
            path
            for table in figure.tables
            for path in (sorted(run.glob(table.format(fold="*", method="*"))) or [run / table])
        ]
        settings = {key: SETTINGS[key] for key in figure.settings}
        if figure.maps:
            settings["maps"] = RunFolder(run)
        module, function = figure.build.split(".")
        found = getattr(importlib.import_module(f"myelosketch.reporting.figures.{module}"), function)
        return found(*tables, simulated=True, **settings)[0]

    with style.figure_style():
        yield build
    plt.close("all")


def covered(figure):
    """Pairs of horizontal texts that overlap."""
    figure.canvas.draw()
    texts = [text for text in drawn_texts(figure) if text.get_visible() and text.get_text().strip()]
    level = [(text, text.get_window_extent()) for text in texts if text.get_rotation() % 90 == 0]
    return [
        (first.get_text(), second.get_text())
        for (first, a), (second, b) in itertools.combinations(level, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 2 and min(a.y1, b.y1) - max(a.y0, b.y0) > 2
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_fits_the_columns_that_the_catalogue_states_and_is_legible_there(built, name):
    figure = built(name)
    width_mm = {1: 85, 2: 180}[FIGURES[name].columns]
    assert figure.get_figwidth() * 25.4 == pytest.approx(width_mm)
    assert figure.get_figheight() * 25.4 <= 240  # a page, with space for its caption
    smallest = min(text.get_fontsize() for text in drawn_texts(figure) if text.get_text().strip())
    assert smallest >= style.SMALLEST_FONT
    assert cut_texts(figure) == []
    assert covered(figure) == []
    assert all(axes.has_data() for axes in figure.axes if axes.axison)


def test_covered_finds_a_text_on_another(built):
    figure, axes = plt.subplots()
    axes.text(0.5, 0.5, "one")
    axes.text(0.5, 0.5, "two")
    assert ("one", "two") in covered(figure)


def test_a_recalibrated_method_has_the_colour_of_its_own_and_another_marker_and_dashes():
    bases = [name for name in names.METHODS if not base_of(name)]
    looks = [style.method_look(name) for name in bases]
    recalibrated = [style.method_look(name) for name in names.METHODS if base_of(name)]
    assert {look[0] for look in recalibrated} <= {look[0] for look in looks}
    assert not {look[1] for look in recalibrated} & {look[1] for look in looks}
    assert not {look[2] for look in recalibrated} & {look[2] for look in looks}


def test_groups_differ_in_grey():
    for first, second in (
        (style.GROUPS_TRUE, style.GROUPS_PREDICTED),
        (style.PERCENTAGE_TRUE, style.PERCENTAGE_PREDICTED),
        (style.METHOD_COLOUR, style.PERCENTAGE_PREDICTED),
    ):
        assert abs(luma(first) - luma(second)) > 0.25
