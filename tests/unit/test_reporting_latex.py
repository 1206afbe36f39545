"""Tables for a paper: booktabs, everything escaped, numbers with their intervals, and they compile."""

import re
import shutil
import subprocess

import pytest
from report_run import FACTS, write_run

from myelosketch.io.run_files import RunFolder
from myelosketch.reporting.tables.latex import (
    ONE_PAGE,
    cohort_note,
    escape,
    latex_table,
    write_latex_tables,
)
from myelosketch.reporting.tables.text import HtmlTable

NAMES = ["ladder", "claims", "demyelination", "lesion_agreement", "statistics"]
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}\usepackage{array}\usepackage{booktabs}\usepackage{longtable}
\begin{document}
%s
\end{document}
"""
PDFLATEX = shutil.which("pdflatex")


def view(rows, **options):
    return HtmlTable("A title", ["Method", "Dice", "p"], rows, **options)


def paths_in(folder):
    return {name: folder / f"{name}.tex" for name in NAMES}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = tmp_path_factory.mktemp("latex") / "results"
    root.mkdir()
    write_run(root)
    write_latex_tables(paths_in(root / "tables"), RunFolder(root), facts=FACTS)
    return root / "tables"


def balanced(text):
    """Environments and braces open and close in order."""
    opened = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if word == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    plain = re.sub(r"\\[{}]", "", text)
    return not opened and plain.count("{") == plain.count("}")


def test_every_table_is_written_and_whole(tables):
    assert sorted(path.name for path in tables.iterdir()) == sorted(f"{name}.tex" for name in NAMES)
    for name in NAMES:
        text = (tables / f"{name}.tex").read_text(encoding="utf-8")
        assert balanced(text)
        assert text.isascii()
        if "not made" not in text:
            assert r"\toprule" in text
            assert r"\bottomrule" in text
            assert rf"\label{{tab:{name}}}" in text
            assert "4 patients and 2 controls" in text
            assert "Simulated results are not clinical results." in text


def test_numbers_stand_with_their_intervals(tables):
    text = (tables / "lesion_agreement.tex").read_text(encoding="utf-8")
    assert r"Control-mean template & 12 & 6 & 0.40 [0.10,\,0.60] & 0.35 [0.10,\,0.60]" in text
    assert r"0.30 [$-$0.10,\,0.60]" in text
    rows = [
        line.count("&") for line in text.splitlines() if re.search(r"\\\\(\[2pt\])?$", line) and "&" in line
    ]
    assert set(rows) == {7}


def test_special_characters_are_escaped():
    assert escape("50 % of a_b & {c} #1 $x$ ~ ^ \\") == (
        r"50 \% of a\_b \& \{c\} \#1 \$x\$ \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape("p < 0.05, \u00b10.05, \u22120.1, mm\u00b3") == r"p $<$ 0.05, $\pm$0.05, $-$0.1, mm$^3$"
    assert escape("a\u2028b \U0001f9e0") == "a?b ?"
    assert escape("two\n lines") == "two lines"


def test_a_missing_table_is_a_sentence():
    text = latex_table(view([], missing="Not shown: 50 % is n/a."), label="x", note="")
    assert text.startswith("% Not shown: 50")
    assert r"Not shown: 50 \% is n/a." in text.splitlines()[1]
    assert "tabular" not in text


def test_a_long_table_breaks_over_pages():
    rows = [[f"m{place}", "0.5 (0.1 to 0.9)", "<\u00a00.0001"] for place in range(ONE_PAGE + 1)]
    text = latex_table(view(rows), label="x", note="n = 3")
    assert r"\begin{longtable}" in text
    assert text.count(r"0.5 [0.1,\,0.9] & $<$~0.0001 \\[2pt]") == ONE_PAGE + 1
    assert balanced(text)
    assert r"\begin{tabular}" in latex_table(view(rows[:ONE_PAGE]), label="x", note="")


def test_columns_fill_the_line_and_no_more():
    text = latex_table(view([["a" * 80, "0.5 (0.1 to 0.9)", "0.05"]]), label="x", note="")
    shares = [float(share) for share in re.findall(r"p\{([0-9.]+)\\linewidth\}", text)]
    assert len(shares) == 3
    assert 0.9 < sum(shares) < 1


def test_note_states_the_kind_of_cohort():
    assert cohort_note(FACTS).startswith(
        "Simulated cohort (world: as published): 4 patients and 2 controls, 2-fold"
    )
    measured = cohort_note(FACTS | {"simulated": False})
    assert measured.startswith("Measured cohort:")
    assert "imulated" not in measured


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex on this machine")
def test_the_tables_compile(tables, tmp_path):
    parts = "\n".join((tables / f"{name}.tex").read_text(encoding="utf-8") for name in NAMES)
    (tmp_path / "all.tex").write_text(DOCUMENT % parts)
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 5000


def test_tables_of_a_run_without_anything(tmp_path):
    write_latex_tables(paths_in(tmp_path / "tables"), RunFolder(tmp_path), facts=FACTS)
    for name in NAMES:
        assert "was not made in this run" in (tmp_path / f"tables/{name}.tex").read_text(encoding="utf-8")


def test_methods_of_the_shown_strata(tables):
    text = (tables / "lesion_agreement.tex").read_text(encoding="utf-8")
    assert r"Refiner (Wei 2018), size $<$ 300 mm$^3$" in text
    assert "Ridge, 3³ means, size" not in text
