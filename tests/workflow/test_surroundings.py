"""The surroundings of a run: characters in paths, environment variables, clocks, configuration files."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from workflow_run import ROOT, snakemake

from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import save_volume

IMAGES = ("T1w", "lesion_mask", "FA", "RD", "AD", "MTR", "DVR")
# every character that a path may contain, and the refused ones with the part that the message names
SIGNS = "a b'\"$HOME;&(x)*?[y]:,#%20ü!`\\~=@|^"
REFUSED = {"{v1}": "{", "a}": "}", "<results>": "<results>"}
INSPECTION = "cohort/intake/sub-00.json"


def own_cohort(folder, data="data", results="results", participants=6):
    """Participants whose files are no images, in a table; path of the configuration."""
    (folder / data).mkdir(parents=True)
    lines = ["\t".join(("subject", "group", *IMAGES))]
    for number in range(participants):
        group = "MS" if number % 2 else "HC"
        cells = [f"{number:02d}_{name}.nii.gz" for name in IMAGES]
        for cell in cells:
            (folder / data / cell).write_text("x")
        lines.append("\t".join((f"{number:02d}", group, *cells)))
    (folder / data / "cohort.tsv").write_text("\n".join(lines))
    config = {"cohort": {"source": "table", "table": f"{data}/cohort.tsv"}, "pathvars": {"results": results}}
    (folder / "mine.json").write_text(json.dumps(config))
    return folder / "mine.json"


def clone(folder):
    """A copy of the project's files that a run needs, in a folder."""
    for name in ("rules", "workflow_scripts", "profiles", "envs", "models"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def refusal(folder, *arguments, **options):
    """The message of the workflow when Snakemake cannot parse it, without a traceback."""
    done = snakemake(folder, "cohort", "--dry-run", *arguments, check=False, **options)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "Traceback" not in said
    return said


def test_signs_in_the_paths_of_clone_environment_data_results_and_start(tmp_path):
    project = clone(tmp_path / SIGNS)
    (project / ".venv").symlink_to(sys.prefix)
    start = tmp_path / f"{SIGNS} start"
    config = own_cohort(start, data=SIGNS, results=f"{SIGNS} results")
    results = start / f"{SIGNS} results"
    snakemake(
        start,
        "cohort_table",
        str((results / INSPECTION).relative_to(start)),
        configs=(config,),
        project=project,
        python=project / ".venv/bin/python",
    )
    assert len(read_table(results / "cohort/found.tsv")) == 6
    found = {finding["check"] for finding in read_json(results / INSPECTION)["findings"]}
    assert found == {"not_gzip"}


@pytest.mark.parametrize("place", ["clone", "data", "results"])
@pytest.mark.parametrize("sign", REFUSED)
def test_signs_that_snakemake_fills_in_are_refused(tmp_path, sign, place):
    if (sign, place) == ("<results>", "results"):
        pytest.skip("Snakemake says that it refers to itself")
    config = own_cohort(tmp_path, **({place: sign} if place != "clone" else {}))
    project = clone(tmp_path / sign) if place == "clone" else ROOT
    said = refusal(tmp_path, configs=(config,), project=project)
    assert f"contains {REFUSED[sign]!r}, which Snakemake reads as a placeholder: " in said


def test_variables_of_a_notebook_of_a_cluster_or_of_another_python(tmp_path):
    other = tmp_path / "other/myelosketch"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise SystemExit('another version')")
    variables = {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": str(other.parent),
        "PYTHONSTARTUP": "/nowhere/startup.py",
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
        "TMPDIR": "/nowhere",
        "OMP_NUM_THREADS": "many",
        "SLURM_JOB_ID": "1",
        "SLURM_CPUS_PER_TASK": "1",
        "CONDA_PREFIX": "/nowhere",
        "CUDA_VISIBLE_DEVICES": "",
    }
    config = own_cohort(tmp_path)
    snakemake(tmp_path, "cohort_table", f"results/{INSPECTION}", configs=(config,), variables=variables)
    assert (tmp_path / "results/cohort/found.tsv").is_file()
    assert read_json(tmp_path / "results" / INSPECTION)["findings"]


def test_inputs_of_the_future_stop_the_run_at_its_start(tmp_path):
    config = own_cohort(tmp_path)
    os.utime(tmp_path / "data/00_FA.nii.gz", (time.time() + 4 * 3600,) * 2)
    said = refusal(tmp_path, configs=(config,))
    assert "data/00_FA.nii.gz is dated up to 4 hours in the future" in said
    assert " with: find -L data -newermt now -exec touch " in said


def test_a_section_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("cohort:\n  source: table\nfolds: {n: 3}\ncohort:\n  exclude: []\n")
    said = refusal(tmp_path, configs=(tmp_path / "mine.yaml",))
    assert (
        "mine.yaml has the key cohort twice, in lines 1 and 4, and only the second would take effect" in said
    )


def test_make_run_ends_in_a_sentence_where_config_yaml_cannot_be_parsed(tmp_path):
    (clone(tmp_path) / "config.yaml").write_text("cohort:\n\tsource: table\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "workflow_scripts/run_default.py", "--cores", "1"],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode
    assert "make sure to not mix whitespace and tab indentation" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def ordinary(tmp_path):
    """A Python without root's right to read every file."""
    if os.geteuid():
        return sys.executable
    if not shutil.which("setpriv"):
        pytest.skip("root cannot give up its rights without setpriv")
    rights = "-dac_override,-dac_read_search"
    wrapper = tmp_path / "python"
    command = f"setpriv --bounding-set {rights} --inh-caps {rights} {sys.executable}"
    wrapper.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def test_scans_with_files_that_cannot_be_read_are_left_out_and_the_rest_is_planned(tmp_path, ordinary):
    config = own_cohort(tmp_path, participants=14)
    data = tmp_path / "data"
    (data / "00_FA.nii.gz").chmod(0)
    for name in ("01_MTR.nii.gz", "02_AD.nii.gz", "03_T1w.nii.gz", "04_DVR.nii.gz"):
        (data / name).unlink()
    (data / "01_MTR.nii.gz").symlink_to("01_MTR.nii.gz")
    (data / "02_AD.nii.gz").mkdir()
    os.mkfifo(data / "03_T1w.nii.gz")
    (data / "closed").mkdir()
    (data / "closed/x.nii.gz").touch()
    (data / "closed").chmod(0)
    (data / "04_DVR.nii.gz").symlink_to("closed/x.nii.gz")
    done = snakemake(tmp_path, "cohort", "--dry-run", configs=(config,), python=ordinary)
    (data / "closed").chmod(0o755)
    said = done.stdout + done.stderr
    assert [line for line in said.splitlines() if line.startswith("Left out: ")] == [
        "Left out: sub-00 (may not be read by you: FA (data/00_FA.nii.gz))",
        "Left out: sub-01 (a symbolic link that leads to itself: MTR (data/01_MTR.nii.gz))",
        "Left out: sub-02 (a folder, not a file: AD (data/02_AD.nii.gz))",
        "Left out: sub-03 (not a regular file (a pipe, socket or device): T1w (data/03_T1w.nii.gz))",
        "Left out: sub-04 (in a folder that you may not enter: DVR (data/04_DVR.nii.gz))",
    ]
    assert re.search(r"inspect_scan +9\n", said)


def test_a_scan_whose_json_is_closed_is_refused_by_the_intake(tmp_path, ordinary):
    config = own_cohort(tmp_path)
    save_volume(tmp_path / "data/00_FA.nii.gz", np.ones((4, 4, 4)), np.eye(4))
    (tmp_path / "data/00_FA.json").write_text("{}")
    (tmp_path / "data/00_FA.json").chmod(0)
    snakemake(tmp_path, f"results/{INSPECTION}", configs=(config,), python=ordinary)
    findings = read_json(tmp_path / "results" / INSPECTION)["findings"]
    assert "has a JSON beside it that cannot be read (00_FA.json: may not be read by you)" in [
        finding["reason"] for finding in findings
    ]


def test_a_table_that_is_closed_is_named(tmp_path, ordinary):
    config = own_cohort(tmp_path)
    (tmp_path / "data/cohort.tsv").chmod(0)
    said = refusal(tmp_path, configs=(config,), python=ordinary)
    assert "The table data/cohort.tsv cannot be read (Permission denied): correct its permissions." in said
