"""The report: one file, every section, no network, nothing unescaped, a sentence for each missing part."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from report_run import FACTS, PROVENANCE, write_run

from myelosketch.errors import InputError
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.reporting.figures.catalogue import FIGURES, SECTIONS
from myelosketch.reporting.pages import report
from myelosketch.reporting.pages.captions import render_caption
from myelosketch.reporting.pages.rendering import cell

ROOT = Path(__file__).parents[2]
CAPTIONS, GLOSSARY = ROOT / "rules/captions/figures.rst", ROOT / "docs/glossary.md"
HEADINGS = [
    "Read this first", "At a glance", "Cohort and exclusions", "Examples", "Agreement of the DVR", "Demyelination",
    "Lesions", "Comparisons of methods", "Claims and groups", "Sensitivity", "Quality of registration and training",
    "Methods and versions", "Limits", "Glossary",
]  # fmt: skip
METHODS_TEXT = "# Methods\n\nFA & MTR below <b> [@wei2018].\n"
VOID = {"meta", "img", "br", "hr", "link"}


class Page(HTMLParser):
    """Headings, images, links and balance of the tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.headings, self.addresses, self.images, self.ids = [], [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.addresses += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag == "img":
            self.images.append(attributes)
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.headings and self.open and self.open[-1] == self.headings[-1][0]:
            tag, text = self.headings.pop()
            self.headings.append((tag, text + data))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run") / "results"
    root.mkdir()
    write_run(root)
    (root / "patients").mkdir()
    (root / "patients/sub-MS01.html").write_text("<!DOCTYPE html><title>a patient</title>")
    for name in ("methods.md", "references.bib"):
        (root / name).write_text("written by a rule of its own")
    return root


@pytest.fixture(scope="module")
def page(run):
    config = {"seed": 2018, "cohort": {"source": "simulate", "table": "</pre><b>"}}
    return write(run, provenance=PROVENANCE | {"config": config}, name="report.html")


def write(root, facts=FACTS, provenance=PROVENANCE, name="r.html"):
    """Write a report, and return its text without the links to the glossary."""
    stated = {"captions": CAPTIONS, "glossary": GLOSSARY, "provenance": provenance, "facts": facts}
    report.write_report(root / name, RunFolder(root), methods=METHODS_TEXT, **stated)
    return re.sub(r'<a class="term"[^>]*>([^<]*)</a>', r"\1", (root / name).read_text(encoding="utf-8"))


def test_every_section_in_the_order_of_a_reader(page):
    parsed = Page(page)
    assert [text for tag, text in parsed.headings if tag == "h2"] == HEADINGS
    assert parsed.open == []
    assert [text for tag, text in parsed.headings if tag == "h1"] == [
        "Myelin predicted from MRI: report of a run on a simulated cohort (world: as published)"
    ]


def test_contents_link_to_every_section(page):
    ids = re.findall(r'<div class="content" id="(\w+)">', page)
    contents = page[page.index("<nav") : page.index("</nav>")]
    assert re.findall(r'href="#(\w+)"', contents) == ids


def test_one_file_without_network_or_scripts(page, run):
    page = (run / "report.html").read_text(encoding="utf-8")
    parsed = Page(page)
    beside = [
        address for address in parsed.addresses if not address.startswith(("#", "data:image/png;base64,"))
    ]
    assert beside
    assert all((run / address.split("#")[0]).is_file() for address in beside)  # relative, and there
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert {address[1:] for address in parsed.addresses if address.startswith("#")} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert all(image["alt"] and image["width"] and image["height"] for image in parsed.images)
    assert len(parsed.images) == 1


def test_links_to_patients_intake_and_registrations(page):
    assert '<a href="patients/sub-MS01.html">sub-MS01</a>' in page
    assert 'href="patients/sub-MS02.html"' not in page  # no such page was made
    assert 'href="cohort/intake.html"' in page
    assert 'href="registration/qc.html"' in page


def test_values_are_escaped(page):
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; no MTR" in page
    assert "&lt;/pre&gt;&lt;b&gt;" in page


def test_says_simulated_first_and_what_must_not_be_concluded(page):
    assert page.index("Simulated cohort (world: as published).") < page.index("Read this first</h2>")
    assert "not clinical results" in page
    assert "Do not compare a score here with the paper" in page
    assert "For research only." in page
    assert "Seed: 2018" in page
    assert "<li>numpy 2.3.5</li>" in page


def test_the_first_table_is_the_one_that_shows_frauds(page):
    first = page[page.index("<table") : page.index("</table>")]
    columns = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', first)
    assert columns[:3] == ["Method", "Better than trivial", "n"]
    for fraud in ("all_demyelinated", "the_mean", "copied_contrast"):
        row = re.search(rf'<th scope="row">{fraud}</th>(.*?)</tr>', first)[1]
        shown = dict(
            zip(columns[1:], (cell.strip() for cell in re.findall(r"<span>([^<]*)", row)), strict=True)
        )
        assert shown["Better than trivial"] == "no"
        assert float(shown["Dice"]) <= float(shown["Trivial Dice"].split()[0])
        if fraud != "copied_contrast":  # one value for every lesion
            assert (shown["MCC"], shown["Slope of true on predicted lesion means"]) == ("0.00", "n/a")
    assert "1 of 4 methods finds demyelinated lesion voxels better than chance" in page


def test_lesions_from_flair_are_marked(run, tmp_path):
    table = pd.read_csv(run / "registration/qc.tsv", sep="\t", dtype=str, keep_default_na=False)
    table.loc[table.scan == "sub-MS02", "lesion_source"] = "flair"
    for path in run.glob("evaluation/*.tsv"):
        (tmp_path / "evaluation").mkdir(exist_ok=True)
        (tmp_path / "evaluation" / path.name).write_bytes(path.read_bytes())
    write_table(table, tmp_path / "registration/qc.tsv")
    text = write(tmp_path)
    assert "Lesions of 1 scan were found on the FLAIR by a classical method" in text
    assert "sub-MS02 (lesions from FLAIR)" in text
    assert "by a classical method, not drawn by a reader. What the method missed" in text


def test_what_matters_is_open_and_the_rest_is_folded(page):
    states = {
        words: bool(state) for state, words in re.findall(r'"section"( open)?>\s*<summary><h2>([^<]*)', page)
    }
    assert list(states) == HEADINGS
    assert [words for words, state in states.items() if state] == [*HEADINGS[:6], "Limits"]


def test_five_sentences_come_first(page):
    first = page[page.index('id="first"') : page.index("At a glance</h2>")]
    assert len(re.findall(r"<li>[^\n]+\.</li>", first)) == 5


def test_a_figure_has_its_finding_as_title_and_its_name_above(page):
    heading = re.search(r'<h3 id="figure-ladder">(.*?)</h3>', page)[1]
    assert heading.startswith('<span class="label">All methods, from simple to complex</span>')
    assert heading.endswith(
        " has the lowest lesion error of 4 methods; the mean Dice of 1 is above the trivial Dice"
    )


def test_every_linked_term_is_explained_in_the_page(page, run):
    page = (run / "report.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'href="#(term-[\w-]+)"', page))
    explained = set(re.findall(r'<dt id="(term-[\w-]+)">', page))
    assert {"term-mcc", "term-dice"} <= linked <= explained
    for section in page.split('<details class="section"')[1:]:
        terms = re.findall(r'href="#(term-[\w-]+)"', section)
        assert len(terms) == len(set(terms))


def test_lesions_drawn_by_a_reader_are_not_marked(page):
    assert "FLAIR" not in re.sub(r"(?s)<table.*?</table>", "", page)


def test_what_is_missing_is_a_sentence(page):
    assert "Not shown: the table registration_error.tsv was not made in this run." in page
    assert "Not shown: this figure is not part of this run; it needs an external site." in page
    assert page.count("Not shown: this figure is not part of this run") == len(FIGURES) - 1


def test_empty_run_of_a_measured_cohort(tmp_path):
    text = write(tmp_path, FACTS | {"simulated": False})
    assert [words for tag, words in Page(text).headings if tag == "h2"] == HEADINGS
    assert "simulated" not in re.sub(r"(?s)<style>.*?</style>", "", text)
    assert "it needs known poses of the images" in text


def test_a_damaged_table_is_a_sentence_too(tmp_path):
    table = pd.DataFrame({"method": ["ridgemeans"], "metric": ["dice"]})
    write_table(table, tmp_path / "evaluation/summary.tsv")
    assert "lacks the columns k, mean, ci_low, ci_high, n" in write(tmp_path)


def test_one_order_of_figures_in_catalogue_and_report(page):
    sections = [figure.section for figure in FIGURES.values()]
    assert list(dict.fromkeys(sections)) == list(SECTIONS)
    assert sections == sorted(sections, key=list(SECTIONS).index)
    assert re.findall(r'<h3 id="figure-(\w+)">', page) == list(FIGURES)
    headings = [words for tag, words in Page(page).headings if tag == "h2"]
    assert [words for words in headings if words in SECTIONS.values()] == list(SECTIONS.values())


def test_intervals_stay_in_one_piece():
    assert cell("0.5 (0.1 to 0.9)") == '0.5 <span class="interval">(0.1 to 0.9)</span>'
    assert cell("<b> (by MCC)") == "&lt;b&gt; (by MCC)"


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_has_a_caption_that_states_the_cohort(figure):
    text = render_caption(CAPTIONS, figure=figure, facts=FACTS)
    assert "The cohort is simulated (world: as published)." in text
    assert "system-message" not in text
    measured = render_caption(CAPTIONS, figure=figure, facts=FACTS | {"simulated": False})
    assert "The cohort is simulated" not in measured
    if figure.startswith("fig"):  # of the paper
        assert re.search(r"n = [24]", text)


def test_caption_of_the_report_itself():
    text = render_caption(CAPTIONS.with_name("report.rst"), figure="", facts=FACTS)
    assert "4 patients and\n2 controls" in text
    assert "The cohort is simulated (world: as published)." in text


def test_caption_with_an_unknown_value_names_the_caption(tmp_path):
    (tmp_path / "bad.rst").write_text("{{ snakemake.params.facts.nothing }}")
    with pytest.raises(InputError, match=r"The caption of roc in bad\.rst cannot be rendered"):
        render_caption(tmp_path / "bad.rst", figure="roc", facts={})


def test_values_in_a_caption_are_escaped(tmp_path):
    (tmp_path / "a.rst").write_text("{{ snakemake.params.facts.name }}")
    html = render_caption(tmp_path / "a.rst", figure="roc", facts={"name": "<b>x</b>"})
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_an_interval_is_kept_in_one_piece_and_a_sentence_is_left_alone():
    assert str(cell("0.75 (0.70 to 0.80)")) == '0.75 <span class="interval">(0.70 to 0.80)</span>'
    assert (
        str(cell("MTR is 24 (39 to 43 expected): another unit."))
        == "MTR is 24 (39 to 43 expected): another unit."
    )


def test_methods_section_is_shown_as_it_is_written(page):
    assert "FA &amp; MTR below &lt;b&gt; [@wei2018]." in page
