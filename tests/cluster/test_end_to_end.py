"""The tiny cohort through the Slurm profile, from one patient's images to the report, compared with a local run."""

import shutil

import pandas as pd
import pytest
from cluster_run import finished, site_profile

# a busy machine takes several times as long
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(2400)]
SCAN = "sub-MS02"
MEASURED = ["seconds", "peak_memory_mb"]  # of histories: no two runs have the same
MADE = ("training", "evaluation", "figures", "tables", "patients", "logs", "benchmarks")


@pytest.fixture(scope="module")
def through_slurm(slurm, smoke, tmp_path_factory):
    """A copy of the finished local run; Slurm computed everything that depends on one patient's images."""
    folder = tmp_path_factory.mktemp("end") / "run"
    shutil.copytree(smoke, folder, symlinks=True)
    results = folder / "results"
    for made in (*MADE, f"derivatives/{SCAN}"):
        shutil.rmtree(results / made)
    for made in (*(results / "registration/scans").glob(f"{SCAN}.*"), results / "report.html"):
        made.unlink()
    run = finished(slurm, folder, site_profile(folder / "profile"), seconds=2000)
    return folder, run


def tables(folder):
    """Every table of a run, without measured times and memory."""
    results = folder / "results"
    paths = [path for path in results.rglob("*.tsv") if "benchmarks" not in path.relative_to(results).parts]
    read = {str(path.relative_to(results)): pd.read_csv(path, sep="\t", dtype=str) for path in paths}
    return {name: table.drop(columns=MEASURED, errors="ignore") for name, table in read.items()}


def test_every_table_is_the_local_runs(smoke, through_slurm):
    local, cluster = tables(smoke), tables(through_slurm[0])
    assert set(cluster) == set(local)
    assert [name for name in local if not cluster[name].equals(local[name])] == []
    assert "evaluation/voxelwise.tsv" in local
    assert "registration/qc.tsv" in local


def test_the_report_and_every_figure_are_there(smoke, through_slurm):
    folder, _ = through_slurm
    for kind in ("report.html", "figures/*.png", "patients/*.html", "tables/*.tex"):
        found = {path.name for path in (folder / "results").glob(kind)}
        assert found == {path.name for path in (smoke / "results").glob(kind)}
        assert found


def test_a_scan_costs_one_submission_and_its_share_of_the_common_ones(slurm, through_slurm):
    folder, run = through_slurm
    sent = [slurm.describe(job)["Comment"] for job in run.submitted]
    assert len(sent) == len(run.submitted)
    scored = [comment for comment in sent if comment.startswith("rule_scored")]
    prepared = [comment for comment in sent if comment.startswith("rule_prepared")]
    assert (len(scored), len(prepared)) == (1, 1)
    jobs = sum(1 for line in run.noted.splitlines() if line.startswith("Finished jobid"))
    assert len(sent) < jobs / 2


def test_only_trainings_hold_the_gpu(slurm, through_slurm):
    _, run = through_slurm
    for job in run.submitted:
        asked = slurm.describe(job)
        training = asked["Comment"].startswith("rule_train_")
        assert asked.get("TresPerJob") == ("gres:gpu:1" if training else None)
        assert asked["Partition"] == ("accelerated" if training else "ordinary")
