"""The report and the pages of patients of a small run, opened in a real browser, as on a phone and on a desk."""

import json

import browser
import new_scan
import pandas as pd
import pytest
from report_run import FACTS, PROVENANCE, write_maps, write_run
from test_reporting_report import CAPTIONS, GLOSSARY, HEADINGS

from myelosketch.io import names
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.reporting.pages.new_patient import write_new_patient_page
from myelosketch.reporting.pages.patient import write_patient_pages
from myelosketch.reporting.pages.predictions import write_predictions_page
from myelosketch.reporting.pages.report import write_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine"),
]
WIDTHS = (390, 1000, 1280)
STATED = {
    "captions": CAPTIONS, "glossary": GLOSSARY, "provenance": PROVENANCE, "facts": FACTS, "methods": "# Methods",
}  # fmt: skip
METHODS = ["the_mean", "refiner"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("browser") / "results"
    root.mkdir()
    write_run(root)
    write_maps(root, "sub-MS01", 0, METHODS)
    options = {"methods": METHODS, "method": "refiner", "k": 1.0, "colours": "paper", "simulated": True}
    write_patient_pages({"sub-MS01": root / "patients/sub-MS01.html"}, RunFolder(root), **options)
    write_report(root / "report.html", RunFolder(root), **STATED)
    for name in ("methods.md", "references.bib"):
        (root / name).write_text("written by a rule of its own")
    return root


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """Pages of new patients: one that says little, one that says much, one withheld; and their overview."""
    root = tmp_path_factory.mktemp("new")
    maps = new_scan.head()
    reasons = [
        "The level of a map in white matter is unlike that of the training scans: another unit or pulse."
    ] * 5
    simulated = new_scan.model(simulated=True)
    numbers = {
        "short": new_scan.numbers_of(maps),
        "long": new_scan.numbers_of(
            maps, scan="sub-02", verdict="unusual", reasons=reasons, lesion_source="flair", model=simulated
        ),
        "withheld": new_scan.withheld(new_scan.numbers_of(maps, scan="sub-03")),
    }
    files = {}
    for name, content in numbers.items():
        (root / f"maps-{name}").mkdir()
        files[name] = new_scan.write_new_scan(root / f"maps-{name}", maps, content)
        page = root / f"{name}.html"
        write_new_patient_page(page, files[name], method="refiner", colours="paper")
    write_predictions_page(
        root / "predictions.html",
        [paths["numbers"] for paths in files.values()],
        pages={content["scan"]: root / f"{name}.html" for name, content in numbers.items()},
        failed=[{"scan": "sub-04", "reason": "no T1w in the table."}],
    )
    return root


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["report.html", "patients/sub-MS01.html"])
def test_a_page_as_its_reader_sees_it(chromium, folder, page, width):
    seen = chromium.look(folder / page, width=width)
    assert seen["width"] == width
    assert seen["overflow"] <= 0
    for nothing in ("wide", "broken", "dead", "console", "requests"):
        assert seen[nothing] == []
    assert seen["images"] >= 1
    for link in seen["links"]:
        target, _, anchor = link.partition("#")
        assert ((folder / page).parent / target).is_file()
        if target.startswith("patients/") and anchor:
            assert f'id="{anchor}"' in ((folder / page).parent / target).read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [390, 1280])
def test_intervals_of_the_first_table_stay_on_one_line(chromium, tmp_path, width):
    """With fourteen rows, as wide as numbers get."""
    methods = names.METHODS[:11]
    columns = ["method", "metric", "k", "mean", "ci_low", "ci_high", "n"]
    metrics = ("lesion_mae", "lesion_mae_visible", "lesion_r_visible", "lesion_bias", "lesion_slope")
    rows = [
        [method, metric, k, -0.123, -0.234, -0.012, 18 - (metric == "mcc")]
        for method in (*methods, "rescan", "noisefree", "visible")
        for metric, k in (*((name, None) for name in metrics), ("mcc", 1), ("dice", 1), ("trivial_dice", 1))
    ]
    write_table(pd.DataFrame(rows, columns=columns), tmp_path / "evaluation/summary.tsv")
    write_report(tmp_path / "report.html", RunFolder(tmp_path), **STATED)
    seen = chromium.look(tmp_path / "report.html", width=width)
    assert seen["overflow"] <= 0
    assert seen["wide"] == []
    lines = chromium.run(
        "JSON.stringify([...document.querySelector('table').querySelectorAll('.interval')].map(part => "
        "part.offsetHeight / parseFloat(getComputedStyle(part).lineHeight)))"
    )
    heights = json.loads(lines)
    assert len(heights) == 14 * 7
    assert max(heights) < 1.5


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["short.html", "long.html", "withheld.html", "predictions.html"])
def test_pages_of_new_patients_as_their_reader_sees_them(chromium, predicted, page, width):
    seen = chromium.look(predicted / page, width=width)
    assert seen["overflow"] <= 0
    for nothing in ("wide", "broken", "dead", "console", "requests"):
        assert seen[nothing] == []
    for link in seen["links"]:
        assert (predicted / link).is_file()


@pytest.mark.parametrize("page", ["short", "long", "withheld"])
def test_a_new_patient_fits_one_printed_sheet(chromium, predicted, page):
    assert chromium.printed_pages(predicted / f"{page}.html") == 1


def test_a_report_fills_more_than_one_sheet(chromium, folder):
    assert chromium.printed_pages(folder / "report.html") > 1


def test_a_folded_section_is_printed_and_its_anchors_open_it(chromium, folder, tmp_path):
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert '<details class="section">' in text
    opened = tmp_path / "opened.html"
    opened.write_text(text.replace('<details class="section">', '<details class="section" open>'))
    assert chromium.printed_pages(folder / "report.html") == chromium.printed_pages(opened)
    state = "document.getElementById('term-mcc').closest('details').open"
    chromium.look(folder / "report.html", width=1280)
    chromium.run("document.querySelectorAll('details').forEach(part => part.open = false)")
    wait = "new Promise(done => setTimeout(done, 300))"
    assert chromium.run(f"location.hash = '#term-mcc'; {wait}.then(() => {state})")


def test_headings_and_pictures_of_the_report(chromium, folder):
    seen = chromium.look(folder / "report.html", width=1280)
    assert seen["headings"] == HEADINGS
    assert seen["images"] == 1


def test_the_look_finds_what_is_wrong(chromium, tmp_path):
    """The tests above can fail: a page with every fault shows every fault."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><title>x</title><div style='width: 3000px'>wide</div><img src='none.png' alt='gone'>"
        "<a href='#nowhere'>a</a><script>console.error('oh')</script>"
    )
    seen = chromium.look(page, width=390)
    assert seen["overflow"] > 0
    assert seen["wide"]
    assert seen["broken"] == ["gone"]
    assert seen["dead"] == ["#nowhere"]
    assert any("oh" in words for words in seen["console"])
    assert any(address.endswith("none.png") for address in seen["requests"])


def test_no_script_and_no_foreign_image_can_be_smuggled_in(chromium, folder, tmp_path):
    """The page forbids itself the network: what is written into it later is not fetched."""
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = tmp_path / "report.html"
    page.write_text(text.replace("</main>", "<img src='https://example.org/a.png' alt='spy'></main>"))
    seen = chromium.look(page, width=1280)
    assert seen["broken"] == ["spy"]
    assert any("Content Security Policy" in words for words in seen["console"])
