"""The pages of the documentation: links lead to files, messages are those of the code, the site shows every page."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# messages in docs/faq.md that Snakemake, Python or the system writes
OTHERS = {
    "Config file is not valid JSON or YAML",
    "Config file must be given as JSON or YAML with keys at top level",
    "'utf-8' codec can't decode byte …",
    "FileNotFoundError: … 'registration'",
    "Error: Directory cannot be locked",
    "cannot read or write: … Permission denied",
    "Error in group …",
    "Nothing to be done",
}
PAGES = [ROOT / "README.md", ROOT / "results/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_pictures_are_small_shown_and_described():
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs/pictures").iterdir()}
    assert max(pictures.values()) < 150_000
    assert sum(pictures.values()) < 600_000
    shown = [
        found
        for page in PAGES
        for found in re.findall(r"!\[([^\]]*)\]\((\S+)\)", page.read_text(encoding="utf-8"))
    ]
    assert {path.rpartition("pictures/")[2] for _, path in shown if "pictures/" in path} == set(pictures)
    assert [path for text, path in shown if not text.strip()] == []


def test_the_site_shows_every_page():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]

    def leaves(part):
        if isinstance(part, str):
            return {part}
        return {name for item in (part.values() if isinstance(part, dict) else part) for name in leaves(item)}

    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= leaves(nav)


def test_nothing_of_the_site_is_among_the_packages_of_the_workflow():
    names = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "pyproject.toml")]
    assert not any("mkdocs" in text for text in names)


def sentences():
    """Every text of the workflow's code, with an ellipsis for what an f-string fills in."""
    for path in (*(ROOT / "workflow_scripts").rglob("*.py"), *(ROOT / "envs").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_the_messages_that_the_questions_explain_are_those_of_the_code():
    page = " ".join((ROOT / "docs/faq.md").read_text(encoding="utf-8").split())
    quoted = set(re.findall(r"\*\*`(.+?)`\*\*", page))
    assert len(quoted) > 40
    assert quoted >= OTHERS
    code = "\n".join(sentences())
    parts = {part.strip(" :()") for message in quoted - OTHERS for part in message.split("…")}
    assert sorted(part for part in parts if part not in code) == []
