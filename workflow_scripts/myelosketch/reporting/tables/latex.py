"""The main tables for a paper, in LaTeX with booktabs and with the same text as in the report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.io.provenance import write_text
from myelosketch.reporting.display import cohort_words
from myelosketch.reporting.tables.claims import claims_table, tests_table
from myelosketch.reporting.tables.lesions import lesion_agreement_table
from myelosketch.reporting.tables.methods import demyelination_table, glance_table

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder
    from myelosketch.reporting.tables.text import HtmlTable

# a table with more rows than this may break over pages
ONE_PAGE = 25
PREAMBLE = "% needs \\usepackage{array}, \\usepackage{booktabs} and \\usepackage{longtable}\n"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "\u2212": "$-$",
    "\u00b1": r"$\pm$",
    "\u2265": r"$\geq$",
    "\u2264": r"$\leq$",
    "\u00b2": "$^2$",
    "\u00b3": "$^3$",
    "\u00d7": r"$\times$",
    "\u2013": "--",
    "\u2014": "---",
    "\u2019": "'",
    "\u03ba": r"$\kappa$",
    "\u03c7": r"$\chi$",
    "\u03c1": r"$\rho$",
    "\u03bb": r"$\lambda$",
    "\u00a0": "~",
    "\u2063": r"\,",  # stands for a gap at which no line breaks
}
_INTERVAL = re.compile(r"\(([^()]+) to ([^()]+)\)")
# characters besides ASCII that pdflatex supports without a package
_KNOWN = set("äöüÄÖÜßéèêëáàâãåçñíìîïóòôõøúùûæœÉÀÇØÅ")


def write_latex_tables(tables: Mapping[str, str | Path], run: RunFolder, *, facts: Mapping[str, Any]) -> None:
    """Write the main tables of a paper as LaTeX.

    Parameters
    ----------
    tables : dict, ``ladder``, ``claims``, ``demyelination``, ``lesion_agreement`` and ``statistics`` -> path to write
    run : RunFiles or RunFolder
    facts : dict with simulated (bool), world (str), n_patients, n_controls, n_folds (int), k (float), method (shown)

    A table that was not made in this run becomes a comment and a sentence with the reason.
    """
    views = {
        "ladder": glance_table(run, k=facts["k"]),
        "claims": claims_table(run),
        "demyelination": demyelination_table(run, k=facts["k"]),
        "lesion_agreement": lesion_agreement_table(run, method=facts["method"]),
        "statistics": tests_table(run),
    }
    for name, path in tables.items():
        view = views[name]
        write_text(path, latex_table(view, label=name, note=cohort_note(facts)))


def cohort_note(facts: Mapping[str, Any]) -> str:
    """Return the sentence about the cohort that every table contains."""
    words = cohort_words(facts["simulated"], facts["world"]).capitalize()
    note = (
        f"{words}: {facts['n_patients']} patients and {facts['n_controls']} controls, {facts['n_folds']}-fold "
        "cross-validation by participant."
    )
    return f"{note} Simulated results are not clinical results." if facts["simulated"] else note


def latex_table(view: HtmlTable, *, label: str, note: str) -> str:
    """Return a table of the report as LaTeX.

    Parameters
    ----------
    view : HtmlTable
    label : of the table, ``tab:<label>``
    note : sentence that follows the table's own note

    Returns
    -------
    str : a ``table``, or a ``longtable`` if there are many rows
    """
    if view.missing:
        return f"% {escape(view.missing)}\n\\par\\emph{{{escape(view.title)}. {escape(view.missing)}}}\n"
    caption = f"\\caption{{{escape(view.title)}.}}\\label{{tab:{label}}}"
    notes = escape(" ".join(part for part in (view.note, note) if part))
    head = " & ".join(escape(name) for name in view.header) + r" \\"
    rows = [[unbroken(text) for text in row] for row in view.rows]
    body = [" & ".join(escape(text) for text in row) + r" \\[2pt]" for row in rows]
    columns = "@{}" + "".join(_columns(view.header, rows, view.text_columns)) + "@{}"
    size = r"\scriptsize\setlength{\tabcolsep}{3pt}"
    if len(view.rows) <= ONE_PAGE:
        lines = [
            r"\begin{table}",
            r"\centering",
            caption,
            size,
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
        ]
        lines += [head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
        lines += [rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {notes}}}", r"\end{table}"]
    else:
        span = rf"\multicolumn{{{len(view.header)}}}{{@{{}}p{{\linewidth}}@{{}}}}"
        lines = [f"{{{size}", f"\\begin{{longtable}}{{{columns}}}", rf"{caption}\\"]
        lines += [
            r"\toprule",
            head,
            r"\midrule",
            r"\endfirsthead",
            r"\toprule",
            head,
            r"\midrule",
            r"\endhead",
        ]
        lines += [r"\bottomrule", r"\endfoot", r"\bottomrule", rf"{span}{{\footnotesize {notes}}}\\"]
        lines += [r"\endlastfoot", *body, r"\end{longtable}}"]
    return PREAMBLE + "\n".join(lines) + "\n"


def unbroken(text: str) -> str:
    """Return text with intervals in brackets, as journals print them, without a line break inside."""
    return _INTERVAL.sub("[\\1,\u2063\\2]", text)


def escape(text: str) -> str:
    """Escape text for LaTeX. Mathematical signs are in math mode, unknown characters become a question mark."""
    return "".join(
        _SPECIAL.get(character, character if character.isascii() or character in _KNOWN else "?")
        for character in re.sub(r"[ \t\n]+", " ", str(text)).strip()
    )


def _columns(header: list[str], rows: list[list[str]], text_columns: int) -> Iterator[str]:
    """Return ragged columns that share the line width, by their longest unbreakable piece or their text."""
    wanted = []
    for place, name in enumerate(header):
        cells = [row[place] for row in rows]
        piece = max(len(piece) for text in [name, *cells] for piece in text.split(" "))
        longest = max(map(len, cells), default=0)
        wanted.append(max(piece + 2, 4, min(longest, 24) if place < text_columns or longest < 10 else 0))
    usable = 1 - 0.013 * len(wanted)  # the rest is gaps between columns
    for place, width in enumerate(wanted):
        side = "raggedright" if place < text_columns else "raggedleft"
        yield f">{{\\{side}\\arraybackslash}}p{{{usable * width / sum(wanted):.3f}\\linewidth}}"
