"""Terms of docs/glossary.md in a page: the first use in each section links to the text at the end of the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape

from myelosketch.errors import InputError

_ANCHOR = re.compile(r'^<a id="[\w-]+"></a>\n')
_ENTRY = re.compile(r"\*\*(?P<name>.+?)\*\*[^\u2013\u2014:]*[\u2013\u2014:]\s*(?P<text>.+)", re.DOTALL)
_TAG = re.compile(r"(<[^>]+>)")
# text within these is left as it is
_CLOSED = (
    "a",
    "code",
    "dl",
    "h1",
    "h2",
    "h3",
    "h4",
    "nav",
    "pre",
    "script",
    "style",
    "summary",
    "svg",
    "table",
)


class Term(NamedTuple):
    """An entry of the glossary."""

    slug: str  # the anchor in a page is ``term-<slug>``
    name: str
    text: Markup
    pattern: re.Pattern[str]  # finds each of its names in running text


def read_glossary(path: str | Path) -> list[Term]:
    """Read the entries of the glossary.

    An entry is a paragraph ``**Name** – text``, after its anchor if it has one.
    Its names are those in bold and those in quotation marks.

    Parameters
    ----------
    path : docs/glossary.md

    Returns
    -------
    list of Term, in the order of the file

    Raises
    ------
    InputError : the file has no entry
    """
    terms = []
    for paragraph in re.split(r"\n\s*\n", Path(path).read_text(encoding="utf-8")):
        found = _ENTRY.fullmatch(_ANCHOR.sub("", paragraph.strip()))
        if found:
            plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", " ".join(found["text"].split()))
            words = [
                *found["name"].split(", "),
                *re.findall(r"\*\*(.+?)\*\*", plain),
                *re.findall(r'"(.+?)"', plain),
            ]
            slug = re.sub(r"\W+", "-", found["name"].lower()).strip("-")
            terms.append(Term(slug, found["name"], _html(plain), _pattern(words)))
    if not terms:
        raise InputError(
            f"The glossary {path} has no entry of the form **Name** \u2013 text: take the file from the repository."
        )
    return terms


def link_terms(html: str, terms: Iterable[Term]) -> Markup:
    """Link the first use of each term in a part of a page to the glossary of the page.

    Headings, tables, links and code stay as they are.

    Parameters
    ----------
    html : part of a page
    terms : list of Term

    Returns
    -------
    Markup
    """
    waiting = list(terms)
    pieces = _TAG.split(html)
    closed: list[str] = []
    for place, piece in enumerate(pieces):
        tag = re.match(r"<(/?)(\w+)", piece)
        if tag:
            if tag[2] in _CLOSED and not piece.endswith("/>"):
                closed = [name for name in closed if name != tag[2]] if tag[1] else [*closed, tag[2]]
        elif not closed and piece.strip():
            pieces[place], waiting = _linked(piece, waiting)
    return Markup("".join(pieces))


def used_terms(html: str, terms: Iterable[Term]) -> list[Term]:
    """Return the terms that a page links to, and those to which their texts refer with "see"."""
    terms = list(terms)
    linked = [term for term in terms if f'href="#term-{term.slug}"' in html]
    named = " ".join(term.text for term in linked if term.text.startswith("see "))
    return [term for term in terms if term in linked or term.pattern.search(named)]


def _linked(text: str, waiting: list[Term]) -> tuple[str, list[Term]]:
    """Text with the first use of each term linked, the longest name first; and the terms that are not in it."""
    found: list[tuple[int, int, Term]] = []
    matches = [(match, term) for term in waiting if (match := term.pattern.search(text))]
    for match, term in sorted(matches, key=lambda pair: pair[0].start() - pair[0].end()):
        if all(match.end() <= start or match.start() >= end for start, end, _ in found):
            found.append((*match.span(), term))
    for start, end, term in sorted(found, key=lambda span: -span[0]):
        text = f'{text[:start]}<a class="term" href="#term-{term.slug}">{text[start:end]}</a>{text[end:]}'
    linked = {term.slug for _, _, term in found}
    return text, [term for term in waiting if term.slug not in linked]


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Whole words in any case and number, but an abbreviation as it is written, and k only where it has a value."""
    alternatives = []
    for word in sorted({word.strip() for word in words}, key=len, reverse=True):
        text = r"\s+".join(map(re.escape, word.split()))
        if word == "k":
            alternatives.append(r"k(?=\s*=)")
        elif any(letter.isupper() for part in word.split() for letter in part[1:]):
            alternatives.append(text)
        else:
            alternatives.append(f"(?i:{text}s?)")
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(alternatives)})(?![\w-])")


def _html(text: str) -> Markup:
    """Markdown of an entry as HTML: bold and code, all else escaped."""
    marked = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", str(escape(text)))
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", marked))
