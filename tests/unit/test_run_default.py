"""make run goes on by itself once, and only when scans were newly refused."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from myelosketch.cohort.refusals import COLUMNS
from myelosketch.tables import write_table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("run_default", ROOT / "workflow_scripts/run_default.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    return module


def intake(script, scans):
    """What a run of the intake leaves behind: scan to verdict."""
    table = pd.DataFrame({"scan": list(scans), "verdict": list(scans.values())})
    write_table(table, script.INTAKE)
    write_table(table[table.verdict == "refused"].reindex(columns=COLUMNS), script.REFUSED)


@pytest.mark.parametrize(
    ("before", "after", "runs"),
    [
        (None, {"sub-01": "refused", "sub-02": "ok"}, 2),
        ({"sub-01": "ok"}, {"sub-01": "refused"}, 2),
        ({"sub-01": "refused"}, {"sub-01": "refused"}, 1),
        (None, {"sub-01": "refused", "sub-02": "suspicious"}, 1),
        (None, {"sub-01": "suspicious"}, 1),
        (None, {}, 1),
    ],
)
def test_one_more_run_without_the_newly_refused(script, monkeypatch, before, after, runs):
    if before is not None:
        intake(script, before)
    commands = []

    def snakemake(command, check):
        commands.append(command)
        intake(script, after)
        return SimpleNamespace(returncode=1 if len(commands) == 1 else 0)

    monkeypatch.setattr(script.subprocess, "run", snakemake)
    assert script.run(["snakemake", "--cores", "1"]) == (0 if runs == 2 else 1)
    assert commands == [["snakemake", "--cores", "1"]] * runs


def test_a_run_that_ends_well_is_not_repeated(script, monkeypatch):
    commands = []
    monkeypatch.setattr(
        script.subprocess, "run", lambda command, check: commands.append(1) or SimpleNamespace(returncode=0)
    )
    assert script.run(["snakemake"]) == 0
    assert commands == [1]
