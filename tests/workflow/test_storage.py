"""Features of Snakemake: temporary outputs, a storage plugin, another results folder, use as a module."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_run import ROOT, SMOKE, jobs, snakemake

from myelosketch.io import names

SCAN = "sub-HC01"
# rules for the regions of one simulated scan
RULES = {"simulate_participant", "inspect_scan", "prepare_anatomy", "register_scan", "label_scan"}
MODULE = f"""
configfile: "{SMOKE}"
module myelosketch:
    snakefile: "{ROOT}/Snakefile"
    config: config
    pathvars:
        results="myelin"
use rule * from myelosketch as myelo_*
"""


def regions(folder):
    return names.path(folder, "regions", scan=SCAN)


def files_in(folder):
    return {path for path in Path(folder).rglob("*") if path.is_file() and ".snakemake" not in path.parts}


@pytest.mark.slow
def test_temporary_outputs_go_when_they_are_used(tmp_path):
    """Return everything except the requested files."""
    snakemake(tmp_path, regions("results"), "--all-temp")
    made = [path for path in files_in(tmp_path) if not {"logs", "benchmarks"} & set(path.parts)]
    images = [path for path in made if path.name.endswith((".nii.gz", ".mat"))]
    assert images == [tmp_path / regions("results")]


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("rsync"), reason="the storage plugin fs copies with rsync, which is not here"
)
def test_a_storage_plugin_holds_every_file(tmp_path):
    work, store = tmp_path / "work", tmp_path / "store"
    work.mkdir()
    options = ("--default-storage-provider", "fs", "--default-storage-prefix", str(store))
    snakemake(work, regions("results"), *options)
    assert (store / regions("results")).is_file()
    assert not Path(work, regions("results")).exists()


@pytest.mark.slow
def test_another_results_folder(smoke, tmp_path):
    other = ("--config", "pathvars={results: elsewhere}")
    assert jobs(tmp_path, *other) == jobs(tmp_path)
    snakemake(tmp_path, regions("elsewhere"), *other)
    tops = {path.relative_to(tmp_path).parts[0] for path in files_in(tmp_path)}
    assert tops == {"elsewhere"}
    assert Path(tmp_path, regions("elsewhere")).read_bytes() == Path(smoke, regions("results")).read_bytes()


@pytest.mark.slow
def test_used_as_a_module_it_plans_the_same_jobs(tmp_path):
    (tmp_path / "Snakefile").write_text(MODULE)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", regions("myelin")]
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert Path(tmp_path, regions("myelin")).is_file()
    logged = {path.parts[-2] for path in (tmp_path / "myelin/logs").rglob("*.log")}
    assert len(list((tmp_path / "myelin/logs").rglob("*.log"))) == len(RULES), logged


def test_a_results_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no folder")
    done = snakemake(tmp_path, "--config", "pathvars={results: file/results}", check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "pathvars.results is file/results, which cannot be written" in said
    assert "Traceback" not in said


def test_an_unknown_figure(smoke):
    done = snakemake(smoke, "results/figures/fig9.png", check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "There is no figure fig9; the figures of this run are fig3_qualitative, " in said
