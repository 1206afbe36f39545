"""MkDocs: pages of the site that lie outside docs/, and a page of each package of the library.

The README is the first page; results/README.md and others keep their place in the repository.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
# page of the site: file of the repository
OUTSIDE = {
    "index.md": "README.md",
    "outputs.md": "results/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "citation.md": "CITATION.cff",
    "licence.md": "LICENSE",
    **{
        f"studies/{name}.md": f"studies/{name}/README.md"
        for name in ("ablations", "calibration", "ladder", "pretraining")
    },
}
DECISIONS = "docs/decisions"
# weight of a page in the search: what helps a user first; how things came about, and functions, are not searched
WEIGHTS = {"faq.md": 8, "first-run.md": 3, "reading.md": 4, "glossary.md": 4}
UNSEARCHED = ("decisions/", "api/", "studies/", "simulation-measured.md", "changelog.md", "licence.md")


def on_files(files, config):
    """Add the pages from outside docs/, the list of decisions and the pages of the library."""
    pages = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in OUTSIDE.items()}
    pages["citation.md"] = f"# How to cite\n\n```yaml\n{pages['citation.md']}```\n"
    pages["licence.md"] = f"# Licence\n\n```text\n{pages['licence.md']}```\n"
    pages["decisions/index.md"] = _decisions()
    pages |= _library()
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, **_):
    """Weigh the page in the search, and turn links between files of the repository into links between pages."""
    here = page.file.src_uri
    search = {"exclude": True} if here.startswith(UNSEARCHED) else {"boost": WEIGHTS.get(here, 1)}
    page.meta.setdefault("search", search)
    source = OUTSIDE.get(here, f"docs/{here}")
    pages = {file: uri for uri, file in OUTSIDE.items()} | {DECISIONS: "decisions/index.md"}

    def link(found):
        target, anchor = found[1], found[2] or ""
        if "://" in target or not target:
            return found[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        uri = pages.get(file, file.removeprefix("docs/"))
        return f"]({posixpath.relpath(uri, posixpath.dirname(here) or '.')}{anchor})"

    return re.sub(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", link, _with_blank_lines(markdown))


def _with_blank_lines(markdown):
    """Lists and tables that follow a line of text at once, as GitHub reads them; MkDocs wants a blank line before."""
    lines, in_code = [], False
    for line in markdown.splitlines():
        in_code ^= line.startswith("```")
        before = lines[-1] if lines else ""
        text = before.strip() and not before.startswith((" ", "- ", "|", "#", "```", "<!--"))
        if not in_code and text and re.match(r"- |\d+\. |\|", line) and not re.match(r"\d+\. ", before):
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _decisions():
    lines = ["# Decisions", "", "Why the project is as it is, one page for each choice.", ""]
    for path in sorted((ROOT / DECISIONS).glob("*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}](docs/decisions/{path.name})".replace("docs/decisions/", ""))
    return "\n".join(lines) + "\n"


def _library():
    library = ROOT / "workflow_scripts/myelosketch"
    packages = sorted(path.parent for path in library.glob("*/__init__.py"))
    lines = [
        "# The library",
        "",
        "The workflow's rules call the Python package `myelosketch`, which you can use by itself: "
        "`pip install .` in the folder of the project.",
        "",
    ]
    pages = {}
    for package in packages:
        modules = sorted(path for path in package.rglob("*.py"))
        names = [
            ".".join(path.relative_to(library.parent).with_suffix("").parts).removesuffix(".__init__")
            for path in modules
        ]
        lines.append(f"- [`myelosketch.{package.name}`]({package.name}.md)")
        body = "\n".join(f"::: {name}\n" for name in names)
        pages[f"api/{package.name}.md"] = f"# myelosketch.{package.name}\n\n{body}"
    return pages | {"api/index.md": "\n".join(lines) + "\n"}
