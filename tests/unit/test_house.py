"""Structure of the project: packages import downward only, rules have one shape, pins agree."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow_scripts/myelosketch"
# from below; packages of one layer may import each other
FLOORS = [
    {"io"}, {"intake", "cohort"}, {"simulation"}, {"imaging"}, {"learning"}, {"evaluation"}, {"prediction"},
    {"reporting"}, {"calibration"},
]  # fmt: skip
MODULES = sorted(LIBRARY.rglob("*.py"))
RULES = sorted((ROOT / "rules").glob("*.smk"))
STUDIES = sorted((ROOT / "studies").glob("*/Snakefile"))
ENTRIES = [
    path
    for folder in (ROOT / "workflow_scripts", *(ROOT / "studies").glob("*/scripts"))
    for path in sorted(folder.glob("*.py"))
    if "job(snakemake)" in path.read_text()
]
# rules that share the script of another one
SHARED_SCRIPTS = {"train_ablation": "train_network"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def floor(parts):
    return next((height for height, rooms in enumerate(FLOORS, 1) if parts and parts[0] in rooms), 0)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_go_downward_only(path):
    here = floor(path.relative_to(LIBRARY).parts)
    for name in imported(path):
        assert not name.startswith("snakemake")
        if name.startswith("myelosketch."):
            assert floor(name.split(".")[1:]) <= here, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES + RULES + STUDIES, ids=lambda path: path.name)
def test_rooms_stay_small(path):
    assert len(path.read_text().splitlines()) <= 320


def rules():
    for path in RULES + STUDIES:
        for block in re.split(r"\n(?=rule )", path.read_text())[1:]:
            yield path, block.split("\n\n\n")[0]


@pytest.mark.parametrize(("file", "block"), list(rules()), ids=lambda part: str(part).split(":")[0])
def test_rules_have_one_shape(file, block):
    name = re.match(r"rule (\w+):", block)[1]
    if "script:" not in block:
        return  # a named target
    wanted = ["output", "log", "conda", "threads", "resources", "params", "script"]
    found = re.findall(r"^    (\w+):", block, flags=re.M)
    order = [part for part in found if part in wanted]
    assert order == [part for part in wanted if part in order]
    assert {"output", "log", "conda", "threads", "resources", "script"} <= set(found)
    # as an input of every job it would make planning a large cohort slower than all images together
    assert "library(" not in block.split("    output:")[0]
    assert re.search(rf"(<results>|{{RESULTS}})/logs/{name}\b", block)
    script = (file.parent / re.search(r'script:\n        "(.+)"', block)[1]).resolve()
    assert script.is_file()
    assert script.stem == SHARED_SCRIPTS.get(name, name)
    assert script.parent in (ROOT / "workflow_scripts", file.parent / "scripts")


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.stem)
def test_an_entry_takes_every_path_from_snakemake(path):
    text = path.read_text()
    assert not re.search(r"""["'](results|derivatives|evaluation)\b""", text)
    assert len(text.splitlines()) <= 40


def test_the_workflow_reads_no_study():
    assert STUDIES
    for path in [ROOT / "Snakefile", *RULES]:
        assert "studies/" not in path.read_text()


def pins(text, separator):
    return dict(re.findall(rf"^\s*-?\s*([A-Za-z0-9_.-]+)\s*{separator}\s*([0-9][^\s;]*)$", text, flags=re.M))


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_conda_environments_pin_what_was_tested(path):
    tested = {
        name.lower(): version for name, version in pins((ROOT / "requirements.txt").read_text(), "==").items()
    }
    found = pins(path.read_text(), "={1,2}")
    del found["python"]
    assert found
    assert {name: tested.get(name.lower()) for name in found} == found


def test_every_requirement_is_pinned():
    lines = (ROOT / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[^=]+", line) for line in lines)


def test_the_oldest_snakemake_is_the_same_everywhere():
    allowed = re.search(r'"snakemake>=([\d.]+),', (ROOT / "pyproject.toml").read_text())[1]
    for path in [ROOT / "Snakefile", *STUDIES]:
        assert f'min_version("{allowed}")' in path.read_text(), path


def test_the_library_can_be_installed_with_its_templates(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(LIBRARY, tmp_path / "workflow_scripts/myelosketch", ignore=ignored)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--target", str(tmp_path / "there"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    there = tmp_path / "there/myelosketch"
    installed = {path.relative_to(there) for path in there.rglob("*.*")}
    wanted = {path.relative_to(LIBRARY) for kind in ("*.py", "*.j2") for path in LIBRARY.rglob(kind)}
    assert wanted <= installed
