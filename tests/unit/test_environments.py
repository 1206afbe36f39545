"""The conda environment of each rule contains every package that its script imports, also through the library."""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow_scripts"
# packages whose import has another name
IMPORTED_AS = {"antspyx": "ants", "pyyaml": "yaml", "pillow": "PIL", "fonttools": "fontTools"}
# packages that are dependencies of others in the environment, at the version pinned in requirements.txt
BROUGHT = {
    "nilearn": ("sklearn", "joblib"),
    "matplotlib": ("PIL",),
    "antspyx": ("PIL", "matplotlib"),
    "jinja2": ("markupsafe",),
}
# packages of the workflow's own Python, in which no script of a rule runs
OF_SNAKEMAKE = {"snakemake"}
ENVIRONMENT = re.compile(r'envs/(\w+)\.yaml"[\s\S]*?script:\s*"(.+?)"')
# entry script -> environment of its rule
RULES = {
    (path.parent / script).resolve(): environment
    for path in [*sorted((ROOT / "rules").glob("*.smk")), *sorted((ROOT / "studies").glob("*/Snakefile"))]
    for block in re.split(r"\n(?=rule )", path.read_text())[1:]
    for environment, script in ENVIRONMENT.findall(block)
}
# modules that an entry script imports by a name from its parameters
NAMED = {"draw_figure": (SCRIPTS / "myelosketch/reporting/figures").glob("*.py")}


def packages(environment):
    """Names that can be imported in an environment."""
    listed = yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())["dependencies"]
    lines = [line for entry in listed for line in (entry["pip"] if isinstance(entry, dict) else [entry])]
    names = [re.split("[=<>]", line)[0].lower() for line in lines]
    brought = [name for package in names for name in BROUGHT.get(package, ())]
    return {IMPORTED_AS.get(name, name) for name in names} | set(brought)


def imports(path):
    """Modules that a file imports; for a ``from`` import also the names that may be modules."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def foreign(script):
    """Third-party packages behind an entry script, each with the module that imports it."""
    pending, seen, found = [script, *NAMED.get(script.stem, ())], set(), {}
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imports(path):
            top = name.split(".")[0]
            if top == "myelosketch":
                module = SCRIPTS.joinpath(*name.split("."))
                pending += [p for p in (module.with_suffix(".py"), module / "__init__.py") if p.is_file()]
            elif top not in sys.stdlib_module_names:
                found.setdefault(top, path.name)
    return found


def test_every_script_has_an_environment():
    entries = {path for path in SCRIPTS.glob("*.py") if "job(snakemake)" in path.read_text()}
    assert entries <= set(RULES)


@pytest.mark.parametrize("script", sorted(RULES), ids=lambda path: path.stem)
def test_the_environment_of_a_rule_holds_what_its_script_imports(script):
    known = packages(RULES[script]) | OF_SNAKEMAKE
    assert {name: module for name, module in foreign(script).items() if name not in known} == {}
