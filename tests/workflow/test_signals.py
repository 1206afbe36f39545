"""A cohort simulated as scanners' signals: the workflow derives the maps and runs as it does on given maps."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.imaging.registration.error import target_error
from myelosketch.imaging.registration.itk import world_matrix
from myelosketch.io import names
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import check_same_grid, load_volume
from myelosketch.simulation.cohort import truth_file

pytestmark = pytest.mark.slow

SETTINGS = {
    "simulation": {
        "level": "signals",
        "n_patients": 2,
        "n_controls": 2,
        "external": {"n_patients": 0, "n_controls": 0},
        "dwi": {"n_directions": 12, "n_b0": 2},
    },
    "maps": {"motion": "none"},
}


@pytest.fixture(scope="module")
def derived(tmp_path_factory):
    """Folder of a run up to the registered maps."""
    folder = tmp_path_factory.mktemp("signals")
    (folder / "signals.yaml").write_text(yaml.safe_dump(SETTINGS))
    snakemake(folder, "registration", configs=(SMOKE, folder / "signals.yaml"))
    return folder


def read(folder, key, scan="sub-MS01"):
    return load_volume(names.path(folder / "results", key, scan=scan))


def test_all_maps_are_derived_and_say_how(derived):
    for key in ("raw_fa", "raw_rd", "raw_ad", "raw_mtr", "raw_dvr"):
        sidecar = read_json(names.path(derived / "results", key, scan="sub-HC02").replace(".nii.gz", ".json"))
        assert sidecar["Units"]
        assert sidecar["Sources"]


def test_the_derived_dvr_is_that_of_the_truth(derived):
    found = read(derived, "raw_dvr")
    truth = load_volume(truth_file(derived / "results/simulated", "MS01", "noisefree"))
    check_same_grid(found, truth)
    tissue = (truth.data > 0.9) & (found.data > 0)
    difference = (found.data - truth.data)[tissue]
    assert tissue.sum() > 1000
    assert abs(np.median(difference)) < 0.05
    assert difference.std() < 0.15


def test_the_t1w_image_is_registered_to_the_mean_of_early_frames(derived):
    early = read(derived, "pet_early")
    check_same_grid(early, read(derived, "raw_dvr"))
    sidecar = read_json(sidecar_path(early.path))
    starts, durations = (np.array(sidecar[key]) for key in ("FrameTimesStart", "FrameDuration"))
    assert ((starts + durations / 2 >= 60) & (starts + durations / 2 <= 360)).all()
    assert sidecar["Motion"]["MeanDisplacementMm"] < 1.0  # the simulated head does not move
    poses = read_json(truth_file(derived / "results/simulated", "MS01", "poses"))
    true = np.array(poses["T1w"]) @ np.linalg.inv(poses["pet"])
    transform = Path(names.path(derived / "results", "xfm_t1w_to_petref", scan="sub-MS01"))
    found = world_matrix([transform])
    points = np.argwhere(early.data > 0) @ early.affine[:3, :3].T + early.affine[:3, 3]
    assert target_error(found, true, points)["median_mm"] < 1.0
    assert Path(early.path).name in transform.with_suffix(".json").read_text()


def test_registered_maps_have_the_values_of_tissue(derived):
    maps = {key: read(derived, key).data for key in ("fa", "rd", "ad", "mtr", "dvr")}
    high = (maps["fa"] > 0.3) & (maps["dvr"] > 1.1)  # white matter, without asking for any mask
    assert high.sum() > 200
    assert 0.45 < np.median(maps["rd"][high]) < 0.75
    assert 0.9 < np.median(maps["ad"][high]) < 1.4
    assert 33 < np.median(maps["mtr"][high]) < 45


def test_a_level_of_maps_plans_no_derivation(tmp_path):
    planned = jobs(tmp_path, "registration")
    assert not {"fit_tensor", "compute_mtr", "fit_dvr", "average_pet"} & set(planned)
