"""The check of the texts: it finds each phrase to avoid, leaves its innocent neighbour, and ignores code."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/prose"))

import check_prose  # noqa: E402

WORDS = check_prose.RULES["words"]


def found(text):
    return [(one.line, one.found, one.instead) for one in check_prose.find_words("a.md", text)]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word["find"])
def test_a_phrase_is_found_and_its_neighbour_is_not(word):
    assert word["instead"] in [instead for _, _, instead in found(word["example"])]
    assert found(word["leaves"]) == []


def test_a_finding_names_its_line_in_any_case_and_across_line_breaks():
    assert found("One.\nAnew it\n\nIS\n  told.") == [
        (2, "Anew", "again"),
        (4, "IS told", next(word["instead"] for word in WORDS if "told" in word["find"])),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "anew = mend(whoever)\n",
        'table["anew"], name["ours", "lies"]\n',
        'value = f"{anew} of {mend} and {ours}"\n',
        'pattern = r"mended (anew|ours) (\\d+) so many"\n',
        '"""A cohort is\n"""\n"told"\n',
        "x = 1  # what a user is\ntold = 2\n",
    ],
)
def test_code_is_no_text(code):
    assert found(check_prose.python_prose(code)) == []


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("x = 1\n# starts anew\n", 2),
        ("# what a user is\n# told\n", 1),
        ('"""Title.\n\nStarts anew.\n"""\n', 3),
        ('raise Error(\n    f"{path}: the user is "\n    f"told {what}"\n)\n', 2),
        ('rule a:\n    params:\n        # starts anew\n        "one two anew",\n', 3),
        ("def f():\n    '''Start anew.'''\n", 2),
    ],
)
def test_comments_docstrings_and_messages_are_text(code, line):
    text = check_prose.python_prose(code)
    assert found(text)[0][0] == line
    assert text.count("\n") == code.count("\n")


def test_messages_that_tests_quote_are_left_to_the_library():
    code = '"""Start anew."""\nassert said == "one file was mended"\n'
    assert [word for _, word, _ in found(check_prose.python_prose(code, messages=False))] == ["anew"]
    assert [word for _, word, _ in found(check_prose.python_prose(code))] == ["anew", "mended"]


PROSE = ROOT / ".venv/prose/bin/python"


def findings(folder, name, text):
    """Return what the program finds in a file, in the environment that make lint creates."""
    if not PROSE.exists():
        pytest.skip("make lint creates the environment of proselint and typos")
    (folder / name).write_text(text, encoding="utf-8")
    code = "import sys, check_prose as c; from pathlib import Path; folder = Path(sys.argv[1])\n"
    code += "print([(f.line, f.check, f.found) for f in c.check([folder / sys.argv[2]], folder)])"
    done = subprocess.run(
        [PROSE, "-c", code, folder, name],
        cwd=ROOT / "tests/prose",
        capture_output=True,
        text=True,
        check=True,
    )
    return ast.literal_eval(done.stdout)


def test_style_and_spelling_of_sentences(tmp_path):
    text = "# A page\n\nIt waits for for a file.\nThe color of a lesion, in a refrence.\n"
    assert findings(tmp_path, "a.md", text) == [
        (3, "lexical_illusions", "for for"),
        (4, "typos", "color"),
        (4, "typos", "refrence"),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "Write `color`:\n\n```\ncolor color refrence\n```\n"),
        ("a.yaml", "color: red\nfolder:\n  folder: a\n"),
        ("a.py", 'def f(color):\n    """Draw.\n\n    color : color_map\n    """\n    return center\n'),
        ("a.j2", '<p style="color: red">Text.</p>\n{% set color = 1 %}\n.page { color: red; }\n'),
    ],
)
def test_names_and_code_have_their_own_spelling(tmp_path, name, text):
    assert findings(tmp_path, name, text) == []


def test_every_text_of_the_repository_is_read():
    names = {path.relative_to(ROOT).as_posix() for path in check_prose.files()}
    assert {
        ".ci/run", "CHANGELOG.md", "Makefile", "README.md", "Snakefile", "config.yaml", "configs/smoke.yaml",
        "docs/decisions/0004-intake.md", "docs/faq.md", "pyproject.toml", "results/README.md",
        "rules/captions/figures.rst", "rules/common.smk", "rules/schemas/config.schema.yaml",
        "studies/ladder/Snakefile", "tests/conftest.py", "workflow_scripts/myelosketch/errors.py",
        "workflow_scripts/myelosketch/reporting/pages/report.html.j2",
    } <= names  # fmt: skip
    assert not any(name.startswith(("results/logs", ".venv", "site/")) for name in names)


def test_hidden_folders_and_results_are_not_read(tmp_path):
    for name in ("docs/a.md", "docs/.cache/b.md", "tests/.hypothesis/c", "results/d.md", "results/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("Text.\n")
    assert [path.relative_to(tmp_path).as_posix() for path in check_prose.files(tmp_path)] == [
        "docs/a.md",
        "results/README.md",
    ]
