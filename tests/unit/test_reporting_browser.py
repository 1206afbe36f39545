"""The report and a patient's page of a small run, opened in a real browser at the width of a phone and of a desk."""

import browser
import pytest
from report_run import FACTS, PROVENANCE, write_maps, write_run
from test_reporting_report import CAPTIONS, HEADINGS

from myelosketch.io.run_files import RunFolder
from myelosketch.reporting.pages.patient import write_patient_pages
from myelosketch.reporting.pages.report import write_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine"),
]
WIDTHS = (390, 1000, 1280)
METHODS = ["the_mean", "refiner"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("browser") / "results"
    root.mkdir()
    write_run(root)
    write_maps(root, "sub-MS01", 0, METHODS)
    options = {"methods": METHODS, "method": "refiner", "k": 1.0, "colours": "paper", "simulated": True}
    write_patient_pages({"sub-MS01": root / "patients/sub-MS01.html"}, RunFolder(root), **options)
    write_report(root / "report.html", RunFolder(root), captions=CAPTIONS, provenance=PROVENANCE, facts=FACTS)
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
        assert ((folder / page).parent / link.split("#")[0]).is_file()


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
