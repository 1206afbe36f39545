"""The commands of the pages, as a reader types them, in a copy of the project with the tiny cohort's settings."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from docs_commands import PAGES, ROOT, commands, reason, steps
from workflow_run import SMOKE, snakemake

from myelosketch.cohort.table import FILE_COLUMNS
from myelosketch.io.tables import read_table, write_table
from myelosketch.simulation.cohort import participants, simulated_files, simulated_siblings

DOCS = ROOT / "docs"
# in the order of use; a page finds what the pages before it have made
TUTORIAL = [
    *(DOCS / f"{name}.md" for name in ("first-run", "new-patients")),
    ROOT / "README.md",
    *(DOCS / f"{name}.md" for name in ("data", "cluster", "faq")),
]
# commands that differ in the number of cores alone are planned once
TO_PLAN = {
    re.sub(r" --cores \w+| -n\b", "", step.text): step
    for page in [*TUTORIAL, *PAGES]
    for step in commands(page)
    if step.text.startswith(("snakemake", "make ")) and not reason(step.text)
}
# of a reader's participants: six patients and four controls, who bring raw images
READERS = {f"{number:02d}": "MS" if number <= 6 else "HC" for number in range(1, 11)}
SIGNALS = {
    "level": "signals",
    "n_patients": 6,
    "n_controls": 4,
    "external": {"n_patients": 0, "n_controls": 0},
    "dwi": {"n_directions": 12, "n_b0": 2},
}
NOT_COPIED = {".git", ".venv", ".snakemake", "results", "site"}


def merged(below, above):
    """A configuration with another on top. The order of the keys is Snakemake's, which compares it between runs."""
    both = {
        key: merged(below[key], value) if isinstance(value, dict) and key in below else value
        for key, value in above.items()
    }
    return both | {key: value for key, value in below.items() if key not in above}


def shell(folder, script):
    """Run lines of a shell that stops at the first failure; its result with output as text."""
    environment = {**os.environ, "PYTHONPATH": "", "COLUMNS": "300"}
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)


def copy_of_the_project(folder):
    """A copy with the tiny cohort's settings in config.yaml, and an environment that make takes as finished."""
    shutil.copytree(
        ROOT,
        folder,
        ignore=lambda path, names: {
            name
            for name in names
            if name.startswith("__pycache__") or (path == str(ROOT) and name in NOT_COPIED)
        },
    )
    config, smoke = (yaml.safe_load(path.read_text()) for path in (ROOT / "config.yaml", SMOKE))
    (folder / "config.yaml").write_text(yaml.safe_dump(merged(config, smoke), sort_keys=False))
    # the links keep make from writing into the environment of the tests
    (folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name != ".installed":
            (folder / ".venv" / path.name).symlink_to(path)
    (folder / ".venv/.installed").write_text(str(folder / ".venv"))
    return folder


def readers_table(folder):
    """The table of docs/first-run.md for ten participants, each row like the one of its group there; the table."""
    text = next(
        block for block in re.findall(r"```text\n(.*?)```", (DOCS / "first-run.md").read_text(), re.DOTALL)
        if block.startswith("subject")
    )  # fmt: skip
    header, *examples = (re.split(r" {2,}", line) for line in text.splitlines())
    by_group = {example[header.index("group")]: example for example in examples}
    table = pd.DataFrame(
        [
            [cell.replace(by_group[group][0], number) for cell in by_group[group]]
            for number, group in READERS.items()
        ],
        columns=header,
    ).replace("n/a", None)
    (folder / "mydata").mkdir(exist_ok=True)
    write_table(table, folder / "mydata/cohort.tsv")
    return table


def readers_files(table, simulated=None):
    """Each file of the reader's table or beside one of it, with the simulated file to copy, or None."""
    people = participants(6, 4).to_dict("records")
    for row, person in zip(table.to_dict("records"), people, strict=True):
        own = {name: row[name] for name in FILE_COLUMNS if row.get(name)}
        for key, column in (
            ("dwi_bval", "dwi"),
            ("dwi_bvec", "dwi"),
            ("dwi_json", "dwi"),
            ("pet_json", "pet"),
        ):
            own[key] = row[column].replace("nii.gz", key.rpartition("_")[2])
        found = {}
        if simulated:
            found = simulated_files(simulated, person["subject"], person["group"], "signals")
            found |= simulated_siblings(simulated, person["subject"], "signals")
        for name, path in own.items():
            yield f"mydata/{path}", found.get(name)


def bids_files():
    """Files of the dataset that docs/data.md shows, of two patients and two controls: what two folds need."""
    tree = re.search(r"```text\n(data/\n.*?)```", (DOCS / "data.md").read_text(), re.DOTALL)[1]
    shown = {line.split()[0] for line in tree.splitlines() if "sub-01" in line}
    for name in shown:
        path = f"data/{'' if name.startswith('sub-') else 'derivatives/'}{name}"
        for subject in ("01", "03") if "lesion" in name else ("01", "02", "03", "04"):
            for tensor in ("fa", "rd", "ad"):
                yield path.replace("param-fa", f"param-{tensor}").replace("sub-01", f"sub-{subject}")


def configuration(step):
    """Text of a configuration that a page shows, with the line that docs/first-run.md tells to paste.

    Diffusion images of 4 mm are registered less exactly than the limits of the quality control expect.
    """
    accepted = ", ".join(f"sub-{number}: [dwi]" for number in READERS)
    own = step.page.name == "first-run.md"
    return f"{step.text}\n{f'registration: {{accept: {{{accepted}}}}}' if own else ''}\n"


def write_configurations(folder):
    """Write the configurations that the first two pages show."""
    for page in TUTORIAL[:2]:
        for step in steps(page):
            if step.name:
                (folder / step.name).write_text(configuration(step))


@pytest.fixture(scope="module")
def project(smoke, tmp_path_factory):
    """Copy of the project with the finished tiny run, a demonstration by its models, and a reader's tables."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("reader") / "myelosketch")
    for name in ("results", ".snakemake"):
        shutil.copytree(smoke / name, folder / name, symlinks=True, dirs_exist_ok=True)
    done = shell(folder, ". .venv/bin/activate; snakemake bundle --cores 2; cp results/model.zip .")
    assert done.returncode == 0, done.stderr
    shutil.copy(folder / "model.zip", folder / "configs/demo-model.zip")
    demo = yaml.safe_load((folder / "configs/demo.yaml").read_text())
    # the bundle of the tiny run holds its refiner
    few = {
        "simulation": {"n_patients": 1, "external": {"n_patients": 0, "n_controls": 0}},
        "reporting": {"method": "refiner"},
    }
    (folder / "configs/demo.yaml").write_text(yaml.safe_dump(merged(demo, few)))
    new = simulated_files("results/simulated", "MSB01", "MS")
    row = {"subject": "01", **{name: new[name] for name in ("T1w", "FA", "RD", "AD", "MTR", "lesion_mask")}}
    write_table(pd.DataFrame([row]), folder / "new-patients.tsv")
    write_configurations(folder)
    for path in [*bids_files(), *(path for path, _ in readers_files(readers_table(folder)))]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    (folder / "data/participants.tsv").write_text(
        "participant_id\tgroup\nsub-01\tpatient\nsub-02\tcontrol\nsub-03\tpatient\nsub-04\tcontrol\n"
    )
    return folder


@pytest.mark.parametrize("text", TO_PLAN)
def test_a_command_of_the_pages_is_planned(project, text):
    """On the tiny cohort, its finished run, and the tables and configurations that the pages show."""
    program, *rest = text.split(maxsplit=1)
    done = shell(project, f". .venv/bin/activate; {program} -n {' '.join(rest)}")
    assert done.returncode == 0, (
        f"{TO_PLAN[text].place}: {text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )


def test_every_command_is_planned_run_or_listed():
    found = [step for page in PAGES if page not in TUTORIAL for step in commands(page)]
    programs = ("snakemake", "make ")
    assert [
        step.place for step in found if not reason(step.text) and not step.text.startswith(programs)
    ] == []


def script_of(page):
    """A page's commands and files as lines of a shell; each command is printed before it runs."""
    lines = [] if ". .venv/bin/activate" in page.read_text() else [". .venv/bin/activate"]
    for step in steps(page):
        if step.name:
            lines.append(f"cat > {step.name} <<'END'\n{configuration(step)}END")
        elif not reason(step.text):
            lines += [f"echo {shlex.quote(f'>>> {step.place}: {step.text}')}", step.text]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def reader(project):
    """The copy of the project with images of the ten participants in the places that docs/first-run.md names."""
    shutil.rmtree(project / "mydata")
    made = project.parent / "scanner"
    made.mkdir()
    (made / "signals.yaml").write_text(yaml.safe_dump({"simulation": SIGNALS}))
    snakemake(made, "simulated_cohort", configs=(SMOKE, made / "signals.yaml"))
    for path, found in readers_files(readers_table(project), made / "results/simulated"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made / found, project / path)
    return project


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIAL, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(reader, page):
    # another page may have shown another mine.yaml
    write_configurations(reader)
    # a reader of the README makes the folder first
    done = shell(reader.parent if page.name == "README.md" else reader, script_of(page))
    assert done.returncode == 0, f"{done.stdout.rpartition('>>> ')[2]}\n{done.stderr[-6000:]}"
    # what the page tells to open is there
    folders = yaml.safe_load((reader / "mine.yaml").read_text()).get("pathvars", {}).values()
    spans = re.findall(r"`([\w-]+/[^`*<>]+)`", page.read_text())
    assert [path for path in spans if path.split("/")[0] in folders and not (reader / path).exists()] == []


@pytest.mark.slow
def test_what_the_reader_has_at_the_end(reader):
    done = read_table(reader / "results-mine/cohort/cohort.tsv")
    assert dict(zip(done.subject, done.group, strict=True)) == READERS
    # the banner of a simulated cohort
    assert "No patient was measured" not in (reader / "results-mine/report.html").read_text()
    assert len(list((reader / "results-mine/patients").glob("*.html"))) == 6
    assert read_table(reader / "results/cohort/found.tsv").subject.tolist() == ["01", "02", "03", "04"]
    assert read_table(reader / "results-new/predictions.tsv").scan.tolist() == ["sub-01"]
    # the run that the reader has finished before is as it was
    assert "MS01" in read_table(reader / "results/cohort/cohort.tsv").subject.tolist()
