"""Every snakemake command in the documentation is one that Snakemake understands as printed."""

import re
import shlex
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "results/README.md", "config.yaml")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "studies").glob("*/README.md")),
]
RULES = {
    name
    for path in (ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk"))
    for name in re.findall(r"^(?:rule|localrule) (\w+):", path.read_text(), re.MULTILINE)
}


def commands(page):
    """Commands in code spans and code blocks; comments and continued lines as a shell reads them."""
    text = page.read_text().replace("\\\n", " ")
    spans = re.findall(r"`(snakemake\b[^`\n]*)`", text)
    lines = re.findall(r"^(?:# )?(snakemake +[^\s#].*?)(?:: .*)?$", text, re.MULTILINE)
    # the plugin of this one is not among the project's packages, and without it Snakemake knows none of its options
    found = {command for command in {*spans, *lines} if " " in command and "cluster-generic" not in command}
    return [shlex.split(command, comments=True)[1:] for command in sorted(found)]


FOUND = [(page, command) for page in PAGES for command in commands(page)]


@pytest.mark.parametrize(
    ("page", "command"), FOUND, ids=[f"{page.name} {' '.join(command)}" for page, command in FOUND]
)
def test_a_command_works_as_printed(page, command):
    found = get_argument_parser().parse_args(command)
    assert set(found.targets) <= RULES | {"all"}
    if str(found.snakefile).startswith("studies/"):
        assert (ROOT / found.snakefile).is_file()
    # a target behind the option --configfile is taken for another configuration
    assert all(path.suffix in (".yaml", ".json") for path in found.configfile or ())
    runs_here = not (found.unlock or found.report or found.dryrun or found.executor or found.workflow_profile)
    assert not runs_here or found.cores or found.lint, "Snakemake asks for --cores"


def test_the_pages_show_commands():
    assert {page.name for page, _ in FOUND} >= {"README.md", "data.md", "faq.md", "cluster.md"}
