"""Jobs that Slurm ends early: cancelled, requeued, or over their memory."""

import shutil

import pytest
import yaml
from cluster_run import SMOKE, Run, finished, site_profile
from workflow_run import snakemake

from myelosketch.io.tables import read_table

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
MODEL = "results/training/fold-{}/sketcher"
TARGETS = [f"{MODEL.format(fold)}/model.safetensors" for fold in (1, 2)]
EPOCHS = 60


@pytest.fixture(scope="module")
def trained(slurm, smoke, tmp_path_factory):
    """Two training runs whose jobs were ended halfway, with their records; and the same two, uninterrupted."""
    base = tmp_path_factory.mktemp("killed")
    longer = base / "longer.yaml"
    longer.write_text(yaml.safe_dump({"training": {"sketcher": {"epochs": EPOCHS}}}))
    configs = (SMOKE, longer)
    whole, ended = (untrained_copy(smoke, base / name) for name in ("whole", "ended"))
    snakemake(whole, *TARGETS, "--rerun-triggers", "mtime", configs=configs)
    seen = {"running": [], "ended": {}}
    profile = site_profile(base / "profile")
    with Run(slurm, ended, profile, "--rerun-triggers", "mtime", "--", *TARGETS, configs=configs) as run:
        for how in (("scancel",), ("scontrol", "requeue")):
            run.wait_for(lambda: training_under_way(slurm, ended, seen))
            job, fold = seen["now"]
            seen["ended"][how[-1]] = {"job": job, "fold": fold, **slurm.describe(job)}
            slurm.ask(*how, job)
            run.wait_for(lambda ended_job=job: not is_running(slurm, ended_job))
        while run.process.poll() is None:
            training_under_way(slurm, ended, seen)
        assert run.process.returncode == 0, run.said[-8000:]
    return whole, ended, seen, run


def untrained_copy(smoke, folder):
    shutil.copytree(smoke, folder, symlinks=True)
    for fold in (1, 2):
        shutil.rmtree(folder / MODEL.format(fold))
    return folder


def is_running(slurm, job):
    return any(one["id"] == job for one in slurm.jobs(states="RUNNING,COMPLETING"))


def training_under_way(slurm, folder, seen):
    """Whether a training not yet ended once has a checkpoint; notes who is on the GPU."""
    running = [job for job in slurm.jobs(states="RUNNING") if job["partition"] == "accelerated"]
    seen["running"].append(len(running))
    for job in running:
        fold = next(part for part in job["comment"].split("_") if part.isdigit())
        begun = any((folder / MODEL.format(fold) / "checkpoints").glob("*.ckpt"))
        if begun and fold not in {one["fold"] for one in seen["ended"].values()}:
            seen["now"] = job["id"], fold
            return True
    return False


def test_a_training_shows_its_gpu_to_slurm(trained):
    for one in trained[2]["ended"].values():
        assert one["TresPerJob"] == "gres:gpu:1"
        assert one["GRES"] == "gpu:1(IDX:0)"
        assert one["Partition"] == "accelerated"


def test_two_trainings_never_share_the_one_gpu(trained):
    running = trained[2]["running"]
    assert max(running) == 1
    assert len(running) > 10


def test_a_cancelled_training_is_sent_again_and_goes_on(trained):
    whole, ended, seen, run = trained
    one = seen["ended"]["scancel"]
    assert len(run.submitted) == 3  # two training jobs, and the cancelled one again
    check_went_on(whole, ended, one["fold"])


def test_a_requeued_training_goes_on_as_the_same_job(slurm, trained):
    whole, ended, seen, _ = trained
    one = seen["ended"]["requeue"]
    assert slurm.describe(one["job"])["Restarts"] == "1"
    assert slurm.describe(one["job"])["JobState"] == "COMPLETED"
    check_went_on(whole, ended, one["fold"])


def check_went_on(whole, ended, fold):
    """Training continued from its checkpoint and ended with the model of an uninterrupted run."""
    said = (ended / f"results/logs/train_network/fold-{fold}_sketcher.log").read_text()
    assert "continuing from the last finished epoch" in said
    weights = [(folder / MODEL.format(fold) / "model.safetensors").read_bytes() for folder in (whole, ended)]
    assert weights[0] == weights[1]
    history = read_table(ended / MODEL.format(fold) / "history.tsv", numeric=("epoch",))
    assert history.epoch.tolist() == list(range(1, EPOCHS + 1))


def test_a_job_over_its_memory_is_sent_again_with_more(slurm, tmp_path):
    profile = site_profile(
        tmp_path / "profile", {"    map_places: [2000, 10]\n": "    map_places: [300, 10]\n"}
    )
    target = "results/evaluation/places.nii.gz"
    run = finished(slurm, tmp_path / "run", profile, "--", target)
    asked = [slurm.describe(job) for job in run.submitted]
    states = [one["JobState"] for one in asked]
    assert states[-1] == "COMPLETED"
    assert set(states[:-1]) <= {"OUT_OF_MEMORY", "CANCELLED", "FAILED"}
    memory = [one["TRES"].split("mem=")[1].split(",")[0] for one in asked]
    assert memory == [f"{300 * attempt}M" for attempt in range(1, len(asked) + 1)]
    assert len(asked) > 1
