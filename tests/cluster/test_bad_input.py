"""Messages for a wrong site, profile or disk, and continuation at the next start."""

import os
import shutil
import signal
import subprocess

import pytest
import yaml
from cluster_run import SMOKE, Run, finished, site_profile

from myelosketch.io.tables import read_table

pytestmark = pytest.mark.slurm
COHORT = "results/cohort/cohort.tsv"
PARTICIPANT = "results/simulated/sub-MS01/anat/sub-MS01_T1w.nii.gz"
NOWHERE = {"  partition: compute\n": "  partition: nowhere\n"}
GPULESS = {
    "  gpu_request: {slurm_partition: gpu, gpu: 1}\n": "  gpu_request: {slurm_partition: gpuless, gpu: 1}\n"
}


def refused(slurm, folder, profile, *arguments, **options):
    """Output of a run that must fail, without retries."""
    with Run(slurm, folder, profile, "--retries", "0", *arguments, **options) as run:
        assert run.wait() != 0, run.said[-6000:]
    return run


def test_an_unknown_partition_is_named_for_a_job_that_goes_alone(slurm, tmp_path):
    run = refused(slurm, tmp_path / "run", site_profile(tmp_path / "profile", NOWHERE), "--", COHORT)
    assert "sbatch: error: invalid partition specified: nowhere" in run.said
    assert run.submitted == []


@pytest.mark.slow
def test_a_gpu_where_there_is_none_is_refused_and_another_partition_goes_on(slurm, smoke, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(smoke, copy, symlinks=True)
    shutil.rmtree(copy / "results/training/fold-1/sketcher")
    target = ("--rerun-triggers", "mtime", "--", "results/training/fold-1/sketcher/model.safetensors")
    run = refused(slurm, copy, site_profile(tmp_path / "gpuless", GPULESS), *target)
    assert "Requested node configuration is not available" in run.said
    assert "--gpus=1" in run.said
    finished(slurm, copy, site_profile(tmp_path / "profile"), *target)


@pytest.mark.slow
def test_where_slurm_does_not_answer_the_next_start_goes_on(slurm, tmp_path):
    """Slurm's executor forgets jobs that it cannot query and waits forever, until the user starts again."""
    profile = site_profile(tmp_path / "profile")
    with Run(slurm, tmp_path / "run", profile, "--", COHORT) as run:
        run.wait_for(lambda: slurm.jobs(states="RUNNING"))
        slurm.stop("slurmctld")
        try:
            run.wait_for(lambda: "Falling back to 'sacct' for status queries" in run.said)
        finally:
            slurm.start_controller()
        run.process.send_signal(signal.SIGINT)
        assert run.wait() != 0
    finished(slurm, tmp_path / "run", profile, "--", COHORT)


@pytest.mark.slow
def test_a_refusal_is_not_sent_again(slurm, smoke, tmp_path):
    """A second attempt would give the same answer."""
    copy = tmp_path / "run"
    shutil.copytree(smoke, copy, symlinks=True)
    table = read_table(copy / "results/registration/qc.tsv", numeric=("repeat_mm",))
    worst = table[table.modality != "MNI152"].groupby("scan").repeat_mm.max().sort_values()
    limit = float(worst.iloc[-2:].mean())  # one scan is beyond it
    config = tmp_path / "limit.yaml"
    config.write_text(yaml.safe_dump({"registration": {"quality": {"repeat_mm": limit}}}))
    arguments = ("--rerun-triggers", "mtime", "params", "--", "results/registration/admitted.tsv")
    with Run(slurm, copy, site_profile(tmp_path / "profile"), *arguments, configs=(SMOKE, config)) as run:
        assert run.wait() != 0
    assert f"The quality control of the registration failed ({worst.index[-1]}: " in run.said
    assert len(run.submitted) == 2  # table and page, then the gate
    assert not (copy / "results/registration/admitted.tsv").exists()


@pytest.fixture
def small_disk(tmp_path):
    """Folder of a run with results on a disk of 1 MB, and a function that enlarges the disk."""
    results = tmp_path / "run/results"
    results.mkdir(parents=True)

    def mount(*options):
        return subprocess.run(["mount", *options, str(results)], capture_output=True, check=False).returncode

    if os.geteuid() or mount("-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        pytest.skip("no right to mount a small disk here")
    yield results.parent, lambda: mount("-o", "remount,size=64m")
    subprocess.run(["umount", str(results)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_next_start_goes_on(slurm, tmp_path, small_disk):
    folder, enlarge = small_disk
    profile = site_profile(tmp_path / "profile")
    run = refused(slurm, folder, profile, "--", PARTICIPANT)
    assert "Error: simulate_participant cannot write: [Errno 28] No space left on device" in run.said
    assert not (folder / PARTICIPANT).exists()
    enlarge()
    finished(slurm, folder, profile, "--", PARTICIPANT)
    assert (folder / PARTICIPANT).stat().st_size > 0
