"""The report of the tiny cohort and the pages that it links, opened in a real browser; and Snakemake's own report."""

import json
import re

import browser
import pytest
from workflow_run import snakemake

from myelosketch.io.tables import read_table

LATEX = ("ladder", "claims", "demyelination", "lesion_agreement", "statistics")
MEGABYTE = 1e6


def in_browser(test):
    """Mark of a test that opens pages; skipped by name where there is no Chromium."""
    missing = pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine")
    return pytest.mark.browser(missing(test))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_report(smoke):
    """Snakemake's own report of the finished run, as text."""
    snakemake(smoke, "--report", "snakemake_report.html")
    return (smoke / "snakemake_report.html").read_text(encoding="utf-8")


def patients(smoke):
    """Scans of patients, those of the external site among them."""
    cohort = read_table(smoke / "results/cohort/cohort.tsv")
    return cohort.scan[cohort.group == "MS"].tolist()


@in_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_in_a_browser(smoke, chromium, width):
    seen = chromium.look(smoke / "results/report.html", width=width)
    assert seen["width"] == width
    assert seen["overflow"] <= 0
    for nothing in ("wide", "broken", "dead", "console", "requests"):
        assert seen[nothing] == []
    drawn = {path.stem for path in (smoke / "results/figures").glob("*.png")}
    assert seen["images"] == len(drawn)
    for link in seen["links"]:
        assert (smoke / "results" / link.split("#")[0]).is_file()
    assert {f"patients/{scan}.html" for scan in patients(smoke)} <= set(seen["links"])


@in_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_every_patients_page_in_a_browser(smoke, chromium, width):
    scans = patients(smoke)
    assert scans
    for scan in scans:
        page = smoke / f"results/patients/{scan}.html"
        seen = chromium.look(page, width=width)
        assert seen["overflow"] <= 0
        for nothing in ("wide", "broken", "dead", "console", "requests"):
            assert seen[nothing] == [], scan
        assert seen["images"] > 8
        assert all((page.parent / link.split("#")[0]).is_file() for link in seen["links"])


@in_browser
def test_report_and_patients_link_to_each_other(smoke, chromium):
    chromium.look(smoke / "results/report.html", width=1280)
    scan = patients(smoke)[0]
    address = chromium.run(f"document.querySelector('a[href=\"patients/{scan}.html\"]').href")
    assert address == (smoke / f"results/patients/{scan}.html").resolve().as_uri()
    chromium.look(smoke / f"results/patients/{scan}.html", width=1280)
    back = chromium.run("document.querySelector('nav a').href")
    assert back == (smoke / "results/report.html").resolve().as_uri() + "#patients"


def test_the_report_needs_no_network_and_is_small(smoke):
    page = (smoke / "results/report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert len(page) < 8 * MEGABYTE
    assert re.findall(r"the table (?!qc)\w+\.tsv was not made", page) == []  # a whole run makes every table


def test_tables_for_a_paper_are_there(smoke):
    for name in LATEX:
        text = (smoke / f"results/tables/{name}.tex").read_text(encoding="utf-8")
        assert r"\toprule" in text
        assert "Simulated cohort" in text


def test_snakemakes_own_report_holds_every_figure_and_our_report(smoke, own_report):
    results = json.loads(re.search(r"var results = (\{.*?\});?\n", own_report)[1])
    drawn = {f"results/figures/{path.name}" for path in (smoke / "results/figures").glob("*.png")}
    assert set(results) == drawn | {"results/report.html"}
    for result in results.values():
        assert "The cohort is simulated (world: as published)" in result["caption"]
    categories = json.loads(re.search(r"var categories = (\{.*?\});?\n", own_report)[1])
    assert {"Examples", "Demyelination", "Report"} <= set(categories)


@in_browser
def test_snakemakes_own_report_works_without_a_network(smoke, own_report, chromium):
    seen = chromium.look(smoke / "snakemake_report.html", width=1280)
    assert seen["requests"] == []
    assert not any("Failed to load" in words for words in seen["console"])
