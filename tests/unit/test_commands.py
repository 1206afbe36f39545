"""Every command in the pages exists as printed there: rules, options, targets of make, files of configurations."""

import re
import shlex

import pytest
from docs_commands import NOT_RUN, PAGES, ROOT, Step, commands
from snakemake.cli import get_argument_parser

RULES = {
    name
    for path in (ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk"))
    for name in re.findall(r"^(?:rule|localrule) (\w+):", path.read_text(), re.MULTILINE)
}
TARGETS = set(re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
IN_CONFIG = [
    Step(ROOT / "config.yaml", 0, command)
    for command in re.findall(r"^#.*\((snakemake .*?)\)", (ROOT / "config.yaml").read_text(), re.MULTILINE)
]
FOUND = [*IN_CONFIG, *(step for page in PAGES for step in commands(page))]
# the plugin of this one is not among the project's packages, and without it Snakemake knows none of its options
OF_SNAKEMAKE = [
    step for step in FOUND if step.text.startswith("snakemake ") and "cluster-generic" not in step.text
]
# those of other tools, of sbatch and of a plugin that is not among the packages
OTHER_OPTIONS = ("--mov", "--gpus", "--gres", "--qos", "--cluster-generic")
OPTIONS = {
    option.replace("…", "1")
    for page in PAGES
    if page.name != "recipes.md"
    for option in re.findall(r"`(--[a-z][^`]*)`", page.read_text())
    if not option.startswith(OTHER_OPTIONS)
}
OF_MAKE = [step for step in FOUND if step.text.startswith("make ")]


def named(steps):
    return {"argvalues": steps, "ids": [f"{step.place} {step.text}" for step in steps]}


@pytest.mark.parametrize("step", **named(OF_SNAKEMAKE))
def test_snakemake_reads_a_command_as_printed(step):
    found = get_argument_parser().parse_args(shlex.split(step.text)[1:])
    assert set(found.targets) <= RULES | {"all"}
    if str(found.snakefile).startswith("studies/"):
        assert (ROOT / found.snakefile).is_file()
    for path in found.configfile or ():
        # a target behind the option --configfile is taken for another configuration
        assert path.suffix in (".yaml", ".json")
        # a file of the project, or one that a page tells to write
        pages = (f"`{path}`" in page.read_text() for page in PAGES)
        assert (ROOT / path).is_file() or any(pages) or path.parts[0] == "results"
    runs_here = not (found.unlock or found.report or found.dryrun or found.executor or found.workflow_profile)
    assert not runs_here or found.cores or found.lint, "Snakemake asks for --cores"


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_snakemake_has_an_option_that_the_pages_name(option):
    parser, words = get_argument_parser(), option.split()
    assert f"{words[0]} " in parser.format_help().replace("]", " ")
    if words[1:]:
        parser.parse_args(words)


@pytest.mark.parametrize("step", **named(OF_MAKE))
def test_make_has_the_target(step):
    words = step.text.split()[1:]
    assert {word for word in words if "=" not in word} <= TARGETS


def test_the_pages_show_commands():
    assert {step.page.name for step in OF_SNAKEMAKE} >= {
        "README.md",
        "config.yaml",
        "data.md",
        "faq.md",
        "cluster.md",
    }
    assert {step.page.name for step in OF_MAKE} >= {"README.md", "first-run.md", "CONTRIBUTING.md"}


@pytest.mark.parametrize("start", NOT_RUN)
def test_what_the_tutorial_does_not_run_is_in_the_pages(start):
    assert [step.place for step in FOUND if step.text.startswith(start)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page):
    """Or commands in it would be overlooked."""
    fences = re.findall(r"^ *```(\w*)", page.read_text(), re.MULTILINE)
    assert set(fences[::2]) <= {"sh", "text", "yaml", "python"}
