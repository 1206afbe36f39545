"""Check the language of the repository: python tests/prose/check_prose.py [FILE ...], as make lint does.

Markdown, YAML, templates and captions are read whole; of Python and Snakemake files the comments, docstrings and
messages are. words.toml lists phrases to avoid, each with what to write instead. proselint finds faults of style; its
checks are in words.toml too. typos finds misspellings and American spelling; its settings are in typos.toml. Both are
in requirements.txt here, for an environment that make lint creates: the workflow needs none of them.
"""

import io
import itertools
import json
import re
import subprocess
import sys
import tempfile
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLACES = (
    "*.md", "*.yaml", "*.yml", "Makefile", "Snakefile", "pyproject.toml", ".ci/run", "configs", "docs", "envs",
    "profiles", "results/README.md", "rules", "studies", "tests", "workflow_scripts",
)  # fmt: skip
ENDINGS = {".css", ".j2", ".js", ".md", ".py", ".rst", ".sh", ".smk", ".toml", ".yaml", ".yml", ""}
# faults on purpose, code of others, names of packages
EXCLUDED = {"tests/prose", "tests/unit/test_words.py", "docs/javascripts", "docs/licences.md"}
# in place of code: neither a letter nor a space, so that no phrase is found across it
CODE = "·"
# a string of one or two words is a name or a key, not a sentence
FEWEST_WORDS = 3

RULES = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))


class Finding(NamedTuple):
    """A place in a file, what is wrong there, and what to write."""

    path: str
    line: int
    check: str
    found: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.found} -> {self.instead} [{self.check}]"


def files(root: Path = ROOT) -> list[Path]:
    """Files with texts, of PLACES."""
    found = set()
    excluded = [root / name for name in EXCLUDED]
    for place in (path for pattern in PLACES for path in root.glob(pattern)):
        for path in [place] if place.is_file() else place.rglob("*"):
            visible = not any(part.startswith((".", "__pycache__")) for part in path.relative_to(place).parts)
            if visible and path.is_file() and path.suffix in ENDINGS:
                found.add(path)
    return sorted(path for path in found if not any(one in (path, *path.parents) for one in excluded))


def prose(path: Path) -> str:
    """The text of a file that people read, with its lines where they are; code is replaced by CODE."""
    text = path.read_text(encoding="utf-8")
    if path.suffix not in (".py", ".smk") and path.name != "Snakefile":
        return text
    return python_prose(text, messages=ROOT / "tests" not in path.parents)  # tests quote those of the library


def python_prose(source: str, messages: bool = True) -> str:
    """Comments, docstrings and perhaps messages of Python or Snakemake code.

    A message in several parts stays one text.
    """
    starts = list(itertools.accumulate((len(line) for line in source.splitlines(keepends=True)), initial=0))
    shown = list(re.sub(r"\S", CODE, source))
    message: list[tuple[int, str]] = []
    statement = True  # a string that is a whole statement is a docstring
    for kind, first, end in _texts(source, starts):
        text = source[first:end]
        if kind == tokenize.COMMENT:
            shown[first:end] = " " + text[1:]
        elif kind == tokenize.STRING:
            message.append((first, _content(text)))
        elif kind != tokenize.NL:
            sentence = messages and sum(len(part.split()) for _, part in message) >= FEWEST_WORDS
            if sentence or (statement and kind == tokenize.NEWLINE):
                for place, part in message:
                    shown[place : place + len(part)] = part
            message = []
            statement = kind in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return "".join(shown)


def _texts(source: str, starts: list[int]) -> Iterator[tuple[int, int, int]]:
    """Type, first and last character of each token; an f-string is one, as before Python 3.12."""
    opening = {getattr(tokenize, name, None) for name in ("FSTRING_START", "TSTRING_START")} - {None}
    closing = {getattr(tokenize, name, None) for name in ("FSTRING_END", "TSTRING_END")} - {None}
    depth = begin = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        first, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if token.type in opening:
            depth, begin = depth + 1, begin if depth else first
        elif token.type in closing:
            depth -= 1
            if not depth:
                yield tokenize.STRING, begin, end
        elif not depth:
            yield token.type, first, end


def _content(literal: str) -> str:
    """What a string says, as long as its literal: quotes and escapes are spaces, what is filled in is CODE."""
    prefix, quotes = re.match(r"(\w*)(\"{3}|'{3}|.)", literal, flags=re.S).groups()  # type: ignore[union-attr]
    size = len(quotes)
    inside = literal[len(prefix) + size : -size]
    if "f" in prefix.lower():
        inside = re.sub(r"\{[^{}]+\}", lambda part: re.sub(r"\S", CODE, part[0]), inside)
    if "r" in prefix.lower() and size == 1:
        inside = re.sub(r"\S", CODE, inside)  # a regular expression
    inside = re.sub(r"\\[nt\"']", "  ", inside)
    # the parts of a message are read on; a docstring ends
    end = " " if size == 1 else CODE
    return " " * len(prefix) + end * size + inside + end * size


def running_text(path: Path, text: str) -> str:
    """A text without what is no sentence: code, keys, names in backticks, links, tags, numbers."""
    marks = [r"``[^`]+``", r"`[^`\n]+`", r"https?://[^\s)>\"']+", r"\w*[\d_][\w.,]*", r"\bn/a\b"]
    if path.suffix in (".md", ".j2"):
        blocks = [r"^ *(```|~~~).*?^ *\1", r"<(style|script)\b.*?</\1>", r"^[^<\n]*\{ [^\n]*;? \}$"]
        marks = [*blocks, *marks, r"\{[{%#].*?[#%}]\}", r"<[^>\n]*>", r"\]\([^)\n]*\)"]
    elif path.suffix in (".yaml", ".yml"):
        marks = [r"^ *(- )?[\w.$-]+:", *marks]
    elif path.suffix == ".py":
        marks = [r"^ *[\w*]+(, [\w*]+)* :", *marks]  # a parameter in a docstring
    elif path.suffix not in (".smk", ".rst") and path.name != "Snakefile":
        marks = [r"^[^#\n]+", *marks]
    for mark in marks:
        text = re.sub(mark, lambda part: re.sub(r"\S", CODE, part[0]), text, flags=re.S | re.M)
    text = re.sub(rf"{CODE}[{CODE} ]*", CODE, text)
    return re.sub(r"^ *$", CODE, text, flags=re.M)  # a paragraph ends


def find_words(path: str, text: str) -> list[Finding]:
    """Phrases of words.toml in a text."""
    return [
        Finding(path, line_of(text, match.start()), "words", " ".join(match[0].split()), word["instead"])
        for word in RULES["words"]
        for match in re.finditer(rf"(?<![\w-]){word['find']}(?![\w-])".replace(" ", r"\s+"), text, flags=re.I)
    ]


def find_style(path: str, text: str) -> list[Finding]:
    """What proselint finds in a text."""
    # only here: the search for words needs no package
    from proselint.checks import __register__
    from proselint.config import DEFAULT, Config
    from proselint.registry import CheckRegistry
    from proselint.tools import LintFile

    if not CheckRegistry().checks:
        CheckRegistry().register_many(__register__)
    # the longest name of a check counts; files in the home folder do not
    checks = sorted((DEFAULT["checks"] | RULES["proselint"]).items(), key=lambda item: -item[0].count("."))
    config = Config(max_errors=1000, checks=dict(checks))
    found = []
    for result in LintFile(path, text).lint(config):
        check, (first, end) = result.check_result, result.check_result.span
        words = f"\n{text}\n"[first:end]  # as proselint counts
        line = line_of(text, first - 1 + len(words) - len(words.lstrip()))
        found.append(Finding(path, line, check.check_path, " ".join(words.split()), check.message))
    return found


def line_of(text: str, place: int) -> int:
    """Number of the line of a character."""
    return text.count("\n", 0, place) + 1


def find_spelling(texts: dict[str, str]) -> list[Finding]:
    """What typos finds in texts by path."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in texts.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_text(text, encoding="utf-8")
        program, config = str(Path(sys.executable).with_name("typos")), str(HERE / "typos.toml")
        options = ["--isolated", "--format", "json", "--hidden", "--no-ignore"]
        done = subprocess.run(
            [program, "--config", config, *options, "."], cwd=folder, capture_output=True, text=True
        )
    if done.returncode not in (0, 2):  # 2: there are findings
        raise RuntimeError(f"typos failed: {done.stderr}")
    found = []
    for one in map(json.loads, done.stdout.splitlines()):
        if one["type"] == "typo":
            path, instead = one["path"].removeprefix("./"), " or ".join(one["corrections"])
            found.append(Finding(path, one["line_num"], "typos", one["typo"], instead))
    return found


def check(paths: list[Path], root: Path = ROOT) -> list[Finding]:
    """All findings in files below a folder, by path and line."""
    found: list[Finding] = []
    running = {}
    for path in paths:
        name, text = path.relative_to(root).as_posix(), prose(path)
        running[name] = running_text(path, text)
        found += find_words(name, running[name]) + find_style(name, running[name])
    return sorted(found + find_spelling(running))


if __name__ == "__main__":
    findings = check([Path(name).resolve() for name in sys.argv[1:]] or files())
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))
