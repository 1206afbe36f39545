"""The file for the Snakemake workflow catalog: it parses, and the files that it names exist."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / ".snakemake-workflow-catalog.yml"
WAYS = {"conda", "apptainer", "apptainer+conda", "report"}


@pytest.fixture(scope="module")
def usage():
    """The one section of the file for the workflow catalog."""
    content = yaml.safe_load(CATALOG.read_text())
    assert set(content) == {"usage"}
    return content["usage"]


def test_it_says_what_the_catalog_asks(usage):
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert set(usage["software-stack-deployment"]) == WAYS
    assert all(isinstance(value, bool) for value in usage["software-stack-deployment"].values())


def test_what_it_names_exists(usage):
    said = CATALOG.read_text() + usage["mandatory-flags"]["desc"]
    named = re.findall(r"\b(?:docs|profiles|envs)/[\w./]*\w|requirements\.txt", said)
    assert {"docs/cluster.md", "profiles/slurm", "requirements.txt"} <= set(named)
    assert not [name for name in named if not (ROOT / name).exists()]


def test_a_container_is_promised_only_where_rules_have_one(usage):
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules += (ROOT / "Snakefile").read_text()
    has_container = bool(re.search(r"^\s*container(ized)?:", rules, flags=re.M))
    ways = usage["software-stack-deployment"]
    assert (ways["apptainer"] or ways["apptainer+conda"]) <= has_container


def test_the_catalog_finds_the_workflow():
    """Conditions of the workflow catalog: a README that names Snakemake and workflow, a Snakefile, and .smk files."""
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "Snakefile").is_file()
    assert list((ROOT / "rules").glob("*.smk"))
