"""Tables of the report as text: rounded, with intervals, or with the reason if there is nothing to show."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.reporting.display import method_name
from myelosketch.reporting.source_tables import NothingToDrawError

P = ParamSpec("P")  # parameters of a function that makes a table
MINUS = "\u2212"


class HtmlTable(NamedTuple):
    """A table ready for a page or for LaTeX: every cell is text; ``missing`` says why there are no rows."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    missing: str = ""
    folded: bool = False  # shown closed, for long tables
    text_columns: int = 1  # number of leading columns with words; the others contain numbers
    links: dict[str, str] | None = None  # text of a first cell -> address it links to


def or_reason(title: str) -> Callable[[Callable[P, HtmlTable]], Callable[P, HtmlTable]]:
    """Decorate a function so that a table that cannot be made becomes its title and the reason in a sentence."""

    def decorate(build: Callable[P, HtmlTable]) -> Callable[P, HtmlTable]:
        @functools.wraps(build)
        def built(*arguments: P.args, **options: P.kwargs) -> HtmlTable:
            try:
                return build(*arguments, **options)
            except (NothingToDrawError, InputError) as reason:
                return HtmlTable(title, [], [], missing=f"Not shown: {reason}")

        return built

    return decorate


def number(value: Any, digits: int = 2) -> str:
    """Return a number with fixed digits and a true minus sign, n/a if it is missing.

    >>> number(-0.1234, 3)
    '−0.123'
    """
    value = pd.to_numeric(value, errors="coerce")
    if pd.isna(value):
        return "n/a"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def interval(mean: Any, low: Any, high: Any, digits: int = 2) -> str:
    """Return a mean with its interval, as in ``0.75 (0.70 to 0.80)``."""
    if number(mean) == "n/a":
        return "n/a"
    ends = [number(end, digits) for end in (low, high)]
    return (
        f"{number(mean, digits)} (" + ("interval n/a" if "n/a" in ends else f"{ends[0]} to {ends[1]}") + ")"
    )


def with_n(cell: str, n: Any) -> str:
    """Return a cell with the number of participants behind its mean: ``0.22 (0.10 to 0.32) n = 16``."""
    return cell if "n/a" in (cell, number(n, 0)) else f"{cell} n\u00a0=\u00a0{number(n, 0)}"


def p_value(value: Any) -> str:
    """Return a p value as journals print it, n/a if it is missing."""
    value = pd.to_numeric(value, errors="coerce")
    if pd.isna(value):
        return "n/a"
    return "<\u00a00.0001" if value < 0.0001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def words(value: Any) -> str:
    """Return a cell of text, n/a if it is missing."""
    return "n/a" if value is None or pd.isna(value) else str(value)


def has_notes(table: pd.DataFrame) -> bool:
    """Return whether a table of the run has a note in any row."""
    return "note" in table and bool(table.note.notna().any())


def why_missing(table: pd.DataFrame, column: str) -> str:
    """Return a sentence with the reason for each method's n/a, from the notes of a table; blank without any.

    Parameters
    ----------
    table : DataFrame with ``method``, ``column`` and, where it has notes, ``note``
    column : the number that is missing
    """
    if not has_notes(table):
        return ""
    missing = table[table[column].isna() & table.note.notna()]
    reasons = dict.fromkeys(f"{method_name(row.method)}: {row.note}" for row in missing.itertuples())
    return f" n/a: {'; '.join(reasons)}." if reasons else ""


def remark(value: Any) -> str:
    """Return a cell of notes; blank if there is none."""
    return "" if words(value) == "n/a" else words(value)
