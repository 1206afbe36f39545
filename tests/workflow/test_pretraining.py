"""The study of pretraining on a tiny cohort, and a run that fits the level of its network."""

import shutil

import pytest
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.io.provenance import read_json
from myelosketch.io.volumes import load_volume

pytestmark = pytest.mark.slow

STUDY = "studies/pretraining/Snakefile"
RANGES = {"mri.mtr_noise": [1.0, 4.0], "physics.mtr_myelin": [8.0, 16.0], "physics.dvr_myelin": [0.2, 0.3]}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Folder of a finished study, and the jobs that it planned."""
    folder = tmp_path_factory.mktemp("pretraining")
    smoke = yaml.safe_load(SMOKE.read_text())
    workflow = {name: smoke[name] for name in ("registration", "tissue", "training")}
    workflow["simulation"] = {
        key: smoke["simulation"][key] for key in ("voxel_size_mm", "lesion_load_min_ml")
    }
    settings = {
        "participants": {"patients": 2, "controls": 2},
        "epochs": 2,
        "ranges": RANGES,
        "workflow": workflow,
    }
    config = folder / "pretraining.yaml"
    config.write_text(yaml.safe_dump({"pretraining": settings}))
    planned = jobs(folder, snakefile=STUDY, configs=(config,))
    snakemake(folder, snakefile=STUDY, configs=(config,))
    return folder, planned


def test_every_participant_is_simulated_in_a_world_of_its_own(studied):
    folder, planned = studied
    assert planned["people_simulate_participant"] == 4
    assert planned["pretrain"] == 1
    sidecars = (folder / "results/pretraining/simulated").glob("sub-*/anat/*_MTRmap.json")
    noises = [read_json(path)["Parameters"]["mtr_noise"] for path in sidecars]
    assert len(set(noises)) == 4
    assert all(1 <= noise <= 4 for noise in noises)


def test_the_card_names_ranges_and_no_participant(studied):
    folder, _ = studied
    card = read_json(folder / "results/pretraining/pretrained/model.json")
    assert card["pretraining"]["participants"] == {"patients": 2, "controls": 2}
    assert set(RANGES) <= set(card["pretraining"]["ranges"])
    assert "sub-" not in (folder / "results/pretraining/pretrained/model.json").read_text()


def test_a_run_fits_its_level_and_predicts_by_it(studied, smoke, tmp_path):
    pretrained = studied[0] / "results/pretraining/pretrained"
    shutil.copytree(smoke, tmp_path / "run")
    config = tmp_path / "transfer.yaml"
    config.write_text(
        yaml.safe_dump(
            {"training": {"methods": ["ridgemeans", "transfer"], "transfer": {"pretrained": str(pretrained)}}}
        )
    )
    map_ = "results/derivatives/sub-MS01/pet/sub-MS01_trc-PIB_meas-DVR_desc-transfer_mimap.nii.gz"
    for path in [
        tmp_path / "run" / map_,
        *(tmp_path / "run/results/training").glob("fold-*/transfer/model.*"),
    ]:
        path.unlink()  # by the network that comes with the software
    snakemake(tmp_path / "run", map_, "--rerun-triggers", "mtime", configs=(SMOKE, config))
    predicted = load_volume(tmp_path / "run" / map_)
    fold = read_json(tmp_path / "run" / map_.replace(".nii.gz", ".json"))["Fold"]
    card = read_json(tmp_path / f"run/results/training/fold-{fold}/transfer/model.json")
    assert card["pretrained_sha256"] == read_json(pretrained / "model.json")["weights_sha256"]
    assert "sub-MS01" not in card["split"]["train"]
    assert predicted.data.max() > 0


def test_without_its_network_the_method_is_refused(tmp_path):
    config = tmp_path / "transfer.yaml"
    missing = {"methods": ["transfer"], "transfer": {"pretrained": "nowhere"}}
    config.write_text(yaml.safe_dump({"training": missing}))
    done = snakemake(tmp_path, "--dry-run", configs=(SMOKE, config), check=False)
    assert done.returncode
    assert (
        "nowhere/model.safetensors does not exist, but training.methods lists transfer"
        in done.stdout + done.stderr
    )
