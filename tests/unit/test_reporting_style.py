"""Common style of figures: no colour defined elsewhere, distinct in grey, no text cut, a caption for every figure."""

import importlib
import inspect
import itertools
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawings import cut_texts, luma
from PIL import Image

from myelosketch.io import names
from myelosketch.learning.ladder import base_of
from myelosketch.reporting.figures import panels, style
from myelosketch.reporting.figures.catalogue import FIGURES
from myelosketch.reporting.pages.captions import render_caption
from myelosketch.reporting.source_tables import NothingToDrawError

ROOT = Path(__file__).parents[2]
REPORTING = ROOT / "workflow_scripts/myelosketch/reporting"
DRAWING = sorted(
    path for path in REPORTING.rglob("*.py") if "matplotlib" in path.read_text() and path.name != "style.py"
)
CAPTIONS = ROOT / "rules/captions/figures.rst"
FACTS = {
    "simulated": True, "world": "as_published",
    "n_patients": 18, "n_controls": 10, "method": "refiner", "method_name": "Refiner",
    "k": 1.0, "alpha": 0.05, "example_patient": "", "agreement_colours": "paper", "min_lesion_mm3": 100,
    "in_force": {"k": 1.0, "reference": "pooled", "perilesional_mm": 3.0, "min_lesion_mm3": 100},
}  # fmt: skip


@pytest.mark.parametrize("path", DRAWING, ids=lambda path: path.name)
def test_no_colour_is_written_outside_the_style_file(path):
    found = re.findall(r"[\"'](#[0-9a-fA-F]{3,8})[\"']", path.read_text())
    assert set(found) <= {"#000000", "#ffffff"}


def test_luma_is_what_an_image_viewer_makes_of_a_colour():
    for colour in ("#ff8c1a", "#2f6db3", "white"):
        red, green, blue = (round(255 * part) for part in plt.matplotlib.colors.to_rgb(colour))
        grey = Image.new("RGB", (1, 1), (red, green, blue)).convert("L").getpixel((0, 0))
        assert 255 * luma(colour) == pytest.approx(grey, abs=1.5)


@pytest.mark.parametrize("colours", [
    (style.GROUPS_TRUE, style.GROUPS_PREDICTED),
    (style.INDIVIDUALS_TRUE, style.INDIVIDUALS_PREDICTED),
    (style.PERCENTAGE_TRUE, style.PERCENTAGE_PREDICTED),
    (style.METHOD_COLOUR, style.EXTERNAL_COLOUR),
    style.REGION_COLOURS,
    tuple(style.AGREEMENT_COLOURS["paper"].values()),
    tuple(style.AGREEMENT_COLOURS["colourblind"].values()),
], ids=["4A", "4B", "5A", "sites", "regions", "5B paper", "5B colour-blind"])  # fmt: skip
def test_colours_of_one_panel_are_told_apart_in_grey(colours):
    for one, other in itertools.combinations(colours, 2):
        assert abs(luma(one) - luma(other)) > 0.12, (one, other)


@pytest.mark.parametrize("members", [names.METHODS, names.CEILINGS], ids=["methods", "ceilings"])
def test_methods_differ_in_grey_in_dashes_and_in_marker(members):
    for one, other in itertools.combinations(members, 2):
        (colour, dashes, marker), (colour_2, dashes_2, marker_2) = map(style.method_look, (one, other))
        if not base_of(one) and not base_of(
            other
        ):  # a recalibrated method has the colour of the method it corrects
            assert abs(luma(colour) - luma(colour_2)) >= 0.05, (one, other)
        assert dashes != dashes_2
        assert marker != marker_2
        assert luma(colour) < 0.72  # stands out from white paper


def test_levels_differ_in_grey_or_form():
    for one, other in itertools.combinations(style.LEVEL_LOOKS, 2):
        assert abs(luma(one[0]) - luma(other[0])) >= 0.05
        assert one[1] != other[1]
        assert one[2] != other[2]
    assert style.level_look(7) == style.level_look(1)


def test_unknown_method_has_a_look():
    colour, dashes, marker = style.method_look("mine")
    assert len(dashes) % 2 == 0
    assert marker not in {look[2] for look in style.METHOD_LOOKS.values()}
    assert luma(colour) < 0.5


def test_titles_break_into_lines_of_like_length():
    words = "Patient MS04, axial slice 29 through the largest lesion, lesion load 2.5 mL, simulated cohort"
    lines = style.balanced(words, 92).split("\n")
    assert " ".join(lines) == words
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) < 12
    assert style.balanced("short", 92) == "short"


def test_an_empty_panel_says_why_inside_its_own_axes():
    with style.figure_style():
        figure, axes = plt.subplots(1, 4, figsize=(style.WIDTH, 2.5))
        reason = "the table patient_agreement.tsv was not made in this run."
        with panels.panel_or_reason(axes[1]):
            axes[1].plot([1, 2])
            raise NothingToDrawError(reason)
        assert cut_texts(figure) == []
        (text,) = axes[1].texts
        assert text.get_text().replace("\n", " ") == f"Not drawn: {reason}"
        assert not axes[1].lines
        extent = text.get_window_extent()
        room = axes[1].get_window_extent()
        assert room.x0 - 15 < extent.x0
        assert extent.x1 < room.x1 + 15
    plt.close(figure)


def test_intervals_in_words():
    assert panels.with_interval(0.45, -0.1, 0.7) == "0.45 [\u22120.10, 0.70]"
    assert panels.with_interval(0.45, np.nan, 0.7) == "0.45"
    assert panels.with_interval(np.nan, 0.1, 0.7) == "n/a"
    assert panels.with_interval(1.5, 0.5, 2.5, 1, sign=True) == "+1.5 [+0.5, +2.5]"
    assert panels.signed(-0.0261) == "\u22120.026"


def test_every_figure_has_what_draws_it():
    for figure in FIGURES.values():
        module, function = figure.build.split(".")
        taken = inspect.signature(
            getattr(importlib.import_module(f"myelosketch.reporting.figures.{module}"), function)
        )
        keywords = {name for name, item in taken.parameters.items() if item.kind is item.KEYWORD_ONLY}
        wanted = {"simulated", *figure.settings, *(["maps"] if figure.maps else [])}
        assert wanted <= keywords, figure.build
        required = {name for name, item in taken.parameters.items() if item.default is item.empty}
        assert required & keywords <= wanted, figure.build


@pytest.mark.parametrize("figure", FIGURES)
def test_captions_say_units_n_and_that_the_cohort_is_simulated(figure):
    html = render_caption(CAPTIONS, figure=figure, facts=FACTS)
    assert "The cohort is simulated (world: as published)." in html
    assert "The cohort is simulated" not in render_caption(
        CAPTIONS, figure=figure, facts=FACTS | {"simulated": False}
    )
    assert not re.search(r"snakemake|\{\{|%\}", html)
    text = re.sub(r"<[^>]+>", "", html)
    assert re.search(r"unitless|mm|percentage|unit of the score|k = 1|MCC", text)


@pytest.mark.parametrize(("figure", "words"), [
    ("sensitivity_k", "k = 1 (grey band)"),
    ("sensitivity_reference", "pooled (grey band)"),
    ("sensitivity_perilesional", "3 mm (grey band)"),
    ("sensitivity_lesion_size", "100 mm3 (grey band)"),
    ("bland_altman", "95 %"),
    ("roc", "k = 1"),
])  # fmt: skip
def test_captions_state_the_settings_in_force(figure, words):
    html = render_caption(CAPTIONS, figure=figure, facts=FACTS)
    assert words in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_no_page_and_no_caption_says_that_left_is_on_the_left():
    """Brains are shown in radiological convention everywhere."""
    root = Path(__file__).parents[2]
    texts = [
        *(root / "workflow_scripts/myelosketch/reporting/pages").glob("*.j2"),
        *(root / "rules/captions").glob("*.rst"),
        *(root / "docs").glob("*.md"),
    ]
    for path in texts:
        text = " ".join(path.read_text(encoding="utf-8").lower().split())
        assert not re.search(r"left of the image is (the )?left|left is on the left", text), path.name
    slices = [
        path
        for path in texts
        if "axial slices" in path.read_text(encoding="utf-8").lower() and path.suffix == ".j2"
    ]
    assert {path.name for path in slices} == {"patient.html.j2", "new_patient.html.j2"}
    for path in slices:
        assert "Radiological convention" in path.read_text(encoding="utf-8")
