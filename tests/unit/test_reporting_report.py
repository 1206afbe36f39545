"""The report: one file, every section, no network, nothing unescaped, a sentence for what is missing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from myelosketch.errors import InputError
from myelosketch.provenance import write_json
from myelosketch.reporting import ladder_figure, report, report_tables
from myelosketch.reporting.captions import render_caption
from myelosketch.reporting.catalogue import FIGURES
from myelosketch.reporting.findings import findings
from myelosketch.reporting.html_tables import interval, number, p_value
from myelosketch.tables import write_table

CAPTIONS = Path(__file__).parents[2] / "rules/captions"
FACTS = {
    "simulated": True, "n_patients": 18, "n_controls": 10, "n_folds": 3, "method": "refiner",
    "method_name": "Refiner (Wei 2018)", "k": 1.0, "alpha": 0.05, "example_patient": "",
    "agreement_colours": "paper", "min_lesion_mm3": 100,
}  # fmt: skip
SECTIONS = [
    "At a glance", "Cohort and exclusions", "Registration and regions", "Prediction ladder",
    "The paper's figures", "Claims", "Lesions", "Training", "Methods and versions", "Limits",
]  # fmt: skip
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


@pytest.fixture
def run(tmp_path):
    """Results of a small run, with one figure and a participant whose reason holds HTML."""
    root = tmp_path / "results"
    summary = []
    for method, mae, gain in (("ridge", 0.08, 0.02), ("refiner", 0.09, -0.001), ("rescan", 0.05, 0.1)):
        summary += [
            [method, "lesion_mae", np.nan, mae, mae - 0.01, mae + 0.01, 18, mae - 0.09, -0.02, -0.001],
            [method, "dice", 1.0, 0.78 + gain, 0.7, 0.85, 18, np.nan, np.nan, np.nan],
            [method, "trivial_dice", 1.0, 0.78, 0.7, 0.85, 18, np.nan, np.nan, np.nan],
            [method, "dice_minus_trivial", 1.0, gain, gain - 0.01, gain + 0.01, 18, 0, 0, 0],
            [method, "mcc", 1.0, np.nan, np.nan, np.nan, 0, np.nan, np.nan, np.nan],
        ]
    columns = [
        "method",
        "metric",
        "k",
        "mean",
        "ci_low",
        "ci_high",
        "n",
        "diff_to_refiner",
        "diff_ci_low",
        "diff_ci_high",
    ]
    write_table(pd.DataFrame(summary, columns=columns), root / "evaluation/summary.tsv")
    people = [[f"{place:02d}", "MS" if place < 4 else "HC", place % 2 + 1] for place in range(6)]
    write_table(pd.DataFrame(people, columns=["subject", "group", "fold"]), root / "cohort/folds.tsv")
    excluded = pd.DataFrame([["sub-09", "<script>alert(1)</script> & no MTR"]], columns=["scan", "reason"])
    write_table(excluded, root / "cohort/excluded.tsv")
    claims = [["C1", "NAWM does not differ", source, "holds", "p = 0.4"] for source in ("pet", "refiner")]
    columns = ["claim", "statement", "source", "verdict", "evidence"]
    write_table(pd.DataFrame(claims, columns=columns), root / "evaluation/claims.tsv")
    card = {"fold": 1, "mean": 1.27, "sd": 0.08, "n_voxels": 5000, "controls": ["19", "20"]}
    write_json(root / "training/fold-1/threshold.json", card)
    paths = {suffix: root / f"figures/ladder.{suffix}" for suffix in ("png", "svg", "tsv")}
    ladder_figure.draw_ladder(root / "evaluation/summary.tsv", k=1.0, simulated=True, dpi=60, **paths)
    return root


@pytest.fixture
def page(run):
    config = {"seed": 2018, "cohort": {"source": "simulate", "table": "</pre><b>"}}
    report.write_report(run / "report.html", root=run, captions=CAPTIONS, config=config, facts=FACTS)
    return (run / "report.html").read_text(encoding="utf-8")


def test_every_section_in_the_order_of_a_reader(page):
    parsed = Page(page)
    assert [text for tag, text in parsed.headings if tag == "h2"] == SECTIONS
    assert parsed.open == []
    assert [text for tag, text in parsed.headings if tag == "h1"] == [
        "Myelin predicted from MRI: report of a run on a simulated cohort"
    ]


def test_one_file_without_network_or_scripts(page):
    parsed = Page(page)
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in parsed.addresses)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert {address[1:] for address in parsed.addresses if address.startswith("#")} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert all(image["alt"] and image["width"] and image["height"] for image in parsed.images)
    assert len(parsed.images) == 1


def test_values_are_escaped(page):
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; no MTR" in page
    assert "&lt;/pre&gt;&lt;b&gt;" in page


def test_says_simulated_first_and_what_must_not_be_concluded(page):
    assert page.index("Simulated cohort.") < page.index("At a glance</h2>")
    assert "not clinical results" in page
    assert "must not be set beside the paper" in page
    assert "For research only." in page
    assert "Seed: 2018" in page


def test_first_table_shows_dice_beside_trivial_dice_and_ceilings_last(run):
    view = report_tables.glance_table(run, k=1.0)
    assert view.header == [
        "Method", "Kind", "Lesion MAE (DVR)", "Dice", "Trivial Dice", "Dice \u2212 trivial", "MCC",
    ]  # fmt: skip
    assert [row[:2] for row in view.rows] == [
        ["Ridge (linear)", "method"], ["Refiner (Wei 2018)", "method"], ["Rescan (second PET)", "ceiling"],
    ]  # fmt: skip
    assert view.rows[0][2:] == [
        "0.080 (0.070 to 0.090)", "0.80 (0.70 to 0.85)", "0.78", "0.02 (0.01 to 0.03)", "n/a",
    ]  # fmt: skip


def test_findings_do_not_hide_that_the_refiner_loses(run):
    said = findings(run, method="refiner", k=1.0)
    assert said == [
        "Ridge (linear) has the lowest lesion MAE of 2 methods (0.080); Refiner (Wei 2018) is not the best "
        "by this score (0.090); difference \u22120.010 (\u22120.020 to \u22120.001).",
        "The Dice of Refiner (Wei 2018) is not distinguishable from the trivial Dice: difference "
        "0.00 (\u22120.01 to 0.01).",
    ]


def test_what_is_missing_is_a_sentence(page):
    assert "Not shown: the table registration_error.tsv was not made in this run." in page
    assert "Not shown: the table demyelination.tsv was not made in this run." in page
    assert "Not shown: the rules were not benchmarked in this run." in page
    assert page.count("Not shown: this figure is not part of this run.") == len(FIGURES) - 1


def test_empty_run_of_a_measured_cohort(tmp_path):
    facts = FACTS | {"simulated": False}
    report.write_report(tmp_path / "r.html", root=tmp_path, captions=CAPTIONS, config={}, facts=facts)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert [words for tag, words in Page(text).headings if tag == "h2"] == SECTIONS
    assert "simulated" not in re.sub(r"(?s)<style>.*?</style>", "", text)
    assert "because the true pose of measured images is not known" in text


def test_nobody_left_out_and_benchmarks(run):
    write_table(pd.DataFrame(columns=["scan", "reason"]), run / "cohort/excluded.tsv")
    assert report_tables.excluded_table(run).missing == "No scan was left out."
    for job, seconds in (("sub-01", 2.0), ("sub-02", 3.0)):
        table = pd.DataFrame({"s": [seconds], "max_rss": [100 * seconds]})
        write_table(table, run / f"benchmarks/register_scan/{job}.tsv")
    assert report_tables.time_table(run).rows == [["register_scan", "2", "5.0", "3.0", "300"]]


def test_folds_claims_and_thresholds(run):
    assert report_tables.fold_table(run).rows == [
        ["Fold 1", "2", "1", "3"], ["Fold 2", "2", "1", "3"], ["All", "4", "2", "6"],
    ]  # fmt: skip
    claims = report_tables.claims_table(run)
    assert claims.header == ["Claim", "True PET", "Refiner (Wei 2018)"]
    assert claims.rows == [["C1: NAWM does not differ", "holds", "holds"]]
    assert report_tables.threshold_table(run, k=1.0).rows == [["Fold 1", "1.270", "0.080", "1.190", "2"]]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_has_a_caption_that_states_the_cohort(figure):
    text = render_caption(CAPTIONS / f"{figure.name}.rst", config={}, params=FACTS)
    assert "The cohort is simulated." in text
    assert "system-message" not in text
    measured = render_caption(CAPTIONS / f"{figure.name}.rst", config={}, params=FACTS | {"simulated": False})
    assert "The cohort is simulated." not in measured
    if figure.section == "paper":
        assert re.search(r"n = 1[08]", text)


def test_caption_with_an_unknown_value_names_the_caption(tmp_path):
    (tmp_path / "bad.rst").write_text("{{ snakemake.params.nothing }}")
    with pytest.raises(InputError, match=r"The caption bad\.rst cannot be rendered"):
        render_caption(tmp_path / "bad.rst", config={}, params={})


def test_values_in_a_caption_are_escaped(tmp_path):
    (tmp_path / "a.rst").write_text("{{ snakemake.params.name }}")
    html = render_caption(tmp_path / "a.rst", config={}, params={"name": "<b>x</b>"})
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_numbers_as_text():
    assert number(-0.1234, 3) == "\u22120.123"
    assert number(-0.0001) == "0.00"
    assert number(None) == number(np.nan) == "n/a"
    assert interval(0.5, np.nan, 0.7) == "0.50 (interval n/a)"
    assert interval(np.nan, 0.1, 0.2) == "n/a"
    assert p_value(0.00001) == "< 0.0001"
    assert p_value(0.0312) == "0.031"
    assert p_value(0.412) == "0.41"
    assert p_value("n/a") == "n/a"


def test_commit_outside_a_repository_is_none(tmp_path):
    assert report.git_commit(tmp_path) is None
