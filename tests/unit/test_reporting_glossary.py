"""The first use of a term in a section links to the glossary's text in the page."""

import re
from pathlib import Path

import pytest

from myelosketch.errors import InputError
from myelosketch.reporting.pages.glossary import link_terms, read_glossary, used_terms

GLOSSARY = Path(__file__).parents[2] / "docs/glossary.md"
TEXT = """# Glossary

**AD, RD** \u2013 diffusivity <b>, see [data](data.md#x).

**cGAN** \u2013 a network.

**Dice** \u2013 overlap. **Trivial Dice**: that of `all`.

**Discriminator** \u2013 see cGAN.

**k** \u2013 number of SD.

**Visible** \u2013 ceiling, "noise-free tissue" in tables.
"""


@pytest.fixture
def terms(tmp_path):
    (tmp_path / "glossary.md").write_text(TEXT, encoding="utf-8")
    return read_glossary(tmp_path / "glossary.md")


def linked(html, terms):
    return re.findall(r'<a class="term" href="#term-([\w-]+)">([^<]*)</a>', link_terms(html, terms))


def test_entries_are_html_without_links_to_other_files(terms):
    found = {term.slug: term.text for term in terms}
    assert found["ad-rd"] == "diffusivity &lt;b&gt;, see data."
    assert found["dice"] == "overlap. <strong>Trivial Dice</strong>: that of <code>all</code>."


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Dice and dice and Dice</p>", [("dice", "Dice")]),
        ("<p>A trivial\nDice</p>", [("dice", "trivial\nDice")]),
        ("<p>RD, then AD</p>", [("ad-rd", "RD")]),
        ("<p>an ad, BAD, AD-x</p>", []),
        ("<p>k is a letter; k = 1</p>", [("k", "k")]),
        ("<p>Noise-free tissue</p>", [("visible", "Noise-free tissue")]),
        ("<p>Discriminators</p>", [("discriminator", "Discriminators")]),
        ('<h3>Dice</h3><table><tr><td>Dice</td></tr></table><a href="#x">Dice</a><pre>Dice</pre>', []),
        ('<table><tr><td>Dice</td></tr></table><img alt="Dice"><p>Dice</p>', [("dice", "Dice")]),
        ("<p>a <strong>Dice</strong> &amp; RD</p>", [("dice", "Dice"), ("ad-rd", "RD")]),
    ],
)
def test_the_first_use_in_running_text_is_linked(terms, html, expected):
    assert linked(html, terms) == expected
    assert re.sub(r'<a class="term"[^>]*>([^<]*)</a>', r"\1", link_terms(html, terms)) == html


def test_used_terms_are_those_linked_and_those_they_refer_to(terms):
    used = used_terms(link_terms("<p>A discriminator, k = 2</p>", terms), terms)
    assert [term.slug for term in used] == ["cgan", "discriminator", "k"]


def test_a_term_within_the_name_of_a_setting_is_no_term():
    found = read_glossary(GLOSSARY)
    assert linked("<p>where tissue.template is syn</p>", found) == []
    assert linked("<p>the template is syn</p>", found)


def test_the_glossary_of_the_documentation_is_read_whole():
    paragraphs = [
        part
        for part in GLOSSARY.read_text(encoding="utf-8").split("\n\n")
        if part.startswith(("**", "<a id"))
    ]
    found = read_glossary(GLOSSARY)
    assert len(found) == len(paragraphs)
    assert len({term.slug for term in found}) == len(found)
    for name in ("MCC", "trivial Dice", "NAWM", "noise-free tissue"):
        assert linked(f"<p>{name}</p>", found), name


def test_a_glossary_without_entries_is_refused(tmp_path):
    (tmp_path / "g.md").write_text("# Glossary\n")
    with pytest.raises(InputError, match=r"g\.md has no entry of the form \*\*Name\*\*"):
        read_glossary(tmp_path / "g.md")
