"""A part of make faults: a few kills, the fastest faults and the intervals, with the functions of tests/faults."""

import importlib
import random
import sys
import time

import pytest
from workflow_run import ROOT, SMOKE

pytestmark = pytest.mark.slow
CHEAP = (
    "disk full in simulation",
    "read-only results",
    "input vanishes",
    "input grows",
    "worker process dies",
    "second run in one folder",
    "clock goes back by a day",
)


@pytest.fixture
def faults(monkeypatch):
    """The modules of tests/faults, on the run that all tests share."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "tests/faults"), *sys.path])
    runs, inject = (importlib.import_module(name) for name in ("runs", "inject"))
    monkeypatch.setattr(runs, "CONFIGS", (SMOKE,))
    return runs, inject


@pytest.mark.parametrize("name", CHEAP)
def test_a_fault_ends_in_its_sentence_and_the_same_command_goes_on(faults, smoke, tmp_path, name):
    row = faults[1].inject(name, faults[1].FAULTS[name], smoke, tmp_path / "struck")
    if row["result"].startswith("skipped"):
        pytest.skip(row["result"])
    assert row["result"] == "ok", row


def test_intervals_of_held_out_participants_do_not_depend_on_their_own_measured_values(
    faults, smoke, tmp_path
):
    leakage = importlib.import_module("leakage")
    leakage.prove_intervals(tmp_path, smoke, 1)
    found = {}
    for row in leakage.rows(tmp_path):
        found.setdefault(row["changed"], set()).add(row["same"])
    assert found == {"held-out values": {"yes"}, "control: values of the other folds": {"no"}}


def test_a_run_killed_several_times_ends_as_one_that_was_not(faults, smoke, tmp_path):
    runs, inject = faults
    folder = runs.copy_of(smoke, tmp_path / "killed")
    targets = [inject.STAGES[stage] for stage in ("simulation", "preparation", "registration", "figures")]
    for target in targets:
        (folder / target).unlink()
    generator, kills = random.Random(0), 0
    for _ in range(5):
        process = runs.start(folder, *inject.KEEP, *targets)
        time.sleep(generator.uniform(1, 6))
        kills += runs.kill(process)
        runs.run(folder, "--unlock")
    assert kills
    status, said = runs.run(folder, *inject.KEEP, *targets)
    assert status == 0, said
    assert runs.differences(smoke / "results", folder / "results") == []
    assert runs.orphans(folder / "results", smoke / "results") == []
