"""The mean of early PET frames: its frames, motion to the DVR, and how well a T1w image registers to it."""

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.imaging.maps.early_frames import average_early_frames, early_frames
from myelosketch.imaging.maps.motion import resample
from myelosketch.imaging.registration.error import target_error
from myelosketch.imaging.registration.itk import register, to_ants, world_matrix
from myelosketch.io.provenance import read_json, sidecar_path, write_json
from myelosketch.io.volumes import Volume, load_volume, save_volume
from myelosketch.simulation.kinetics import frame_times
from myelosketch.simulation.participant import simulate_body, simulate_scans
from myelosketch.simulation.settings import complete_settings

COARSE = {
    "voxel_size_mm": {"anatomy": 3.0, "T1w": 3.0, "dwi": 8.0, "MTR": 8.0, "pet": 4.0},
    "level": "signals",
    "dwi": {"n_directions": 6, "n_b0": 1},
}
SETTINGS = {"window_min": (1, 6), "t_star_min": 35.0, "motion": "none", "seed": 1}
# their middles: .125, .375, .625, .875, 1.5, 2.5, 3.5, 4.5, 7.5, 12.5, ... min
DURATIONS = np.array([15.0] * 4 + [60.0] * 4 + [300.0] * 11)
STARTS = np.cumsum(DURATIONS) - DURATIONS


@pytest.fixture(scope="module")
def simulated():
    """A patient's simulated scans: dynamic PET and T1w in different poses."""
    settings = complete_settings(COARSE)
    images = simulate_scans("MS01", simulate_body("MS01", "MS", settings, 11), settings, 11)
    return images, np.array(settings["frames"])


@pytest.fixture
def files(tmp_path):
    """A ramp over frames in a block: the value of a frame is its number."""
    data = np.zeros((8, 8, 8, len(DURATIONS)), np.float32)
    data[2:6, 2:6, 2:6] = 1 + np.arange(len(DURATIONS))
    return write_files(tmp_path, data, np.diag([4.0, 4, 4, 1]), DURATIONS)


def write_files(folder, data, affine, durations):
    inputs = {"pet": str(folder / "pet.nii.gz"), "json": str(folder / "pet.json")}
    save_volume(inputs["pet"], data, affine)
    times = {"FrameTimesStart": frame_times(durations), "FrameDuration": durations}
    write_json(inputs["json"], times | {"Units": "kBq/mL"})
    return inputs


def test_the_mean_is_weighted_by_duration_and_says_its_frames(files, tmp_path):
    out = tmp_path / "early.nii.gz"
    average_early_frames(files, out, **SETTINGS | {"window_min": (0.8, 8)})
    # the last frame of 15 s (value 4), four of 60 s (5-8) and the first of 300 s (9), whose middle is 7.5 min
    expected = (15 * 4 + 60 * (5 + 6 + 7 + 8) + 300 * 9) / (15 + 240 + 300)
    found = load_volume(out)
    assert found.data[3, 3, 3] == pytest.approx(expected, rel=1e-6)
    assert found.data[0, 0, 0] == 0
    np.testing.assert_allclose(found.affine, np.diag([4.0, 4, 4, 1]))
    sidecar = read_json(sidecar_path(out))
    assert sidecar["Frames"] == [3, 4, 5, 6, 7, 8]
    assert sidecar["FrameDuration"] == [15, 60, 60, 60, 60, 300]
    assert sidecar["Units"] == "kBq/mL"
    assert sidecar["Motion"] == {}
    assert sidecar["Sources"] == ["pet.nii.gz", "pet.json"]


def test_nan_counts_as_no_activity(files, tmp_path):
    data = np.ones((8, 8, 8, len(DURATIONS)), np.float32)
    data[4, 4, 4] = np.nan
    save_volume(files["pet"], data, np.diag([4.0, 4, 4, 1]))
    average_early_frames(files, tmp_path / "early.nii.gz", **SETTINGS)
    assert load_volume(tmp_path / "early.nii.gz").data[4, 4, 4] == 0


@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        ((6, 1), r"maps.early_window_min is \[6, 1\]; the first minute must come before the last one"),
        (
            (70, 80),
            r"pet ends after 60 min, before the early frames begin .70 min.: lower maps.early_window_min",
        ),
        ((11, 12), "pet has no frame with its midpoint between 11 and 12 min: widen maps.early_window_min"),
    ],
)
def test_windows_without_frames(window, sentence):
    with pytest.raises(InputError, match=sentence):
        early_frames(STARTS, DURATIONS, window, "pet")


def test_a_series_with_too_few_frame_times(files, tmp_path):
    write_json(files["json"], {"FrameTimesStart": [0, 60], "FrameDuration": [60, 60]})
    with pytest.raises(InputError, match="pet.nii.gz has 19 frames, but 2 entries in FrameTimesStart"):
        average_early_frames(files, tmp_path / "early.nii.gz", **SETTINGS)


def test_early_frames_without_a_head(files, tmp_path):
    data = np.ones((8, 8, 8, len(DURATIONS)), np.float32)
    data[..., :9] = 0
    save_volume(files["pet"], data, np.eye(4))
    with pytest.raises(
        InputError, match="shows no head in its early or late frames: is it the dynamic series"
    ):
        average_early_frames(files, tmp_path / "early.nii.gz", **SETTINGS)
    assert not (tmp_path / "early.nii.gz").exists()


def moved_by(shift):
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    return matrix


def average_moved(folder, simulated, shift, motion):
    """The early mean, and its sidecar, of a scan whose head lay elsewhere in the first ten minutes."""
    images, durations = simulated
    affine, data = images["grids"]["pet"].affine, images["pet"].copy()
    if any(shift):
        matrix = np.eye(4)
        matrix[:3, 3] = shift
        for frame in np.flatnonzero(frame_times(durations) < 600):
            data[..., frame] = resample(data[..., frame], affine, matrix)
    out = folder / "early.nii.gz"
    average_early_frames(write_files(folder, data, affine, durations), out, **SETTINGS | {"motion": motion})
    return load_volume(out).data, read_json(sidecar_path(out))["Motion"]


def test_motion_between_early_and_late_frames_is_measured_and_undone(simulated, tmp_path):
    still, motion = average_moved(tmp_path, simulated, (0, 0, 0), "check")
    assert motion["MeanDisplacementMm"] < 0.4
    left = {}
    for setting in ("check", "correct"):
        found, motion = average_moved(tmp_path, simulated, (1, -2, 1), setting)
        assert motion["MeanDisplacementMm"] == pytest.approx(np.sqrt(6), abs=0.4)
        assert motion["RotationDegrees"] < 0.5
        left[setting] = np.abs(found - still).mean()
    assert left["correct"] < 0.6 * left["check"]  # what remains is the blur of two interpolations


def test_a_head_that_has_moved_far_is_no_anatomy_of_the_dvr(simulated, tmp_path):
    with pytest.raises(
        InputError, match="head moved by 5.* mm between the early and the late frames .*pet_motion to correct"
    ):
        average_moved(tmp_path, simulated, (3, -4, 2), "check")
    _, motion = average_moved(tmp_path, simulated, (3, -4, 2), "correct")
    assert motion["MeanDisplacementMm"] == pytest.approx(np.sqrt(29), abs=0.4)


def test_a_t1w_image_finds_its_place_in_the_early_mean(simulated, tmp_path):
    images, durations = simulated
    grids = images["grids"]
    inputs = write_files(tmp_path, images["pet"], grids["pet"].affine, durations)
    average_early_frames(inputs, tmp_path / "early.nii.gz", **SETTINGS)
    early = load_volume(tmp_path / "early.nii.gz")
    t1w = Volume(images["T1w"].astype(np.float32), grids["T1w"].affine)
    settings = {"kind": "Rigid", "metric": "mattes", "sampling": 0.4, "finest_mm": 4.0, "seed": 1}
    register(to_ants(early), to_ants(t1w), tmp_path / "to_pet.mat", **settings)
    points = np.argwhere(early.data > 0)[::5] @ early.affine[:3, :3].T + early.affine[:3, 3]
    true = grids["T1w"].pose @ np.linalg.inv(grids["pet"].pose)
    error = target_error(world_matrix([tmp_path / "to_pet.mat"]), true, points)
    assert error["median_mm"] < 0.5
    assert error["p95_mm"] < 1.0
