"""The common space of a participant's sessions: halfway, in any order of sessions, with the voxel size of the PET."""

from pathlib import Path

import numpy as np
import pytest
from known_heads import moved, noisy, template_head
from scipy.linalg import logm
from test_imaging_geometry import rigid
from test_imaging_registration import REGISTRATION

from myelosketch.errors import InputError
from myelosketch.imaging.registration.alignment import apply
from myelosketch.imaging.registration.common import (
    align_sessions,
    common_grid,
    halfway,
    least_overlap,
    mean_pose,
    place_session,
    voxel_side,
)
from myelosketch.imaging.registration.itk import world_matrix
from myelosketch.imaging.registration.resampling import resample_map
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import Volume, load_volume, save_volume

POSES = {
    "sub-01_ses-01": rigid((4, -3, 6), (3, -2, 4)),
    "sub-01_ses-02": rigid((-5, 2, -4), (-4, 3, 1)),
    "sub-01_ses-03": rigid((1, 5, 0), (0, -5, 2)),
}


def steps(first, second):
    """Distance (mm) between where two transforms put points of a brain."""
    points = np.random.default_rng(0).normal(scale=40, size=(200, 3)) + [0, -20, 20]
    return np.linalg.norm(apply(first, points) - apply(second, points), axis=1)


def test_two_sessions_are_each_moved_half_the_way():
    turned = rigid((0, 0, 20), (0, 0, 0))
    first, second = mean_pose([np.eye(4), turned])
    np.testing.assert_allclose(first @ np.linalg.inv(second), np.linalg.inv(turned), atol=1e-12)
    angle = np.degrees(np.arctan2(second[1, 0], second[0, 0]))
    assert angle == pytest.approx(10)
    np.testing.assert_allclose(first @ second, np.eye(4), atol=1e-12)


def test_the_mean_of_many_poses_is_a_mean_and_names_no_session_first():
    absolute = list(POSES.values())
    places = {}
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        relative = [absolute[i] @ np.linalg.inv(absolute[order[0]]) for i in order]
        found = mean_pose(relative)
        np.testing.assert_allclose(sum(logm(pose).real for pose in found), 0, atol=1e-6)
        for i, pose in zip(order, found, strict=True):
            np.testing.assert_allclose(pose, places.setdefault(i, pose), atol=1e-6)
            np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)


def test_halfway_between_two_estimates():
    np.testing.assert_allclose(
        halfway(rigid((0, 0, 0), (1, 0, 0)), rigid((0, 0, 0), (3, 2, 0))),
        rigid((0, 0, 0), (2, 1, 0)),
        atol=1e-12,
    )


def test_the_grid_holds_every_brain_along_the_axes():
    brain = Volume(np.ones((10, 12, 8), np.float32), np.diag([5.0, 5, 5, 1]))
    poses = [np.eye(4), rigid((0, 0, 0), (30, 0, 0))]
    grid = common_grid([brain, brain], poses, 4.0)
    np.testing.assert_allclose(grid.affine[:3, :3], 4 * np.eye(3))
    # from 30 mm to the left of the first brain's corner to its other end, with 10 mm of air
    np.testing.assert_allclose(grid.affine[:3, 3], [-40, -10, -10])
    assert 4 * (grid.shape[0] - 1) >= 45 + 30 + 20 > 4 * (grid.shape[0] - 2)
    assert not grid.data.any()


def test_the_voxel_is_a_cube_as_large_as_that_of_the_pet_grid(tmp_path):
    save_volume(tmp_path / "petref.nii.gz", np.zeros((3, 3, 3)), np.diag([2.0, 2, 16, 1]))
    assert voxel_side(tmp_path / "petref.nii.gz") == 4.0


def test_sessions_of_two_people_are_refused():
    brain, other = np.zeros((10, 10, 10)), np.zeros((10, 10, 10))
    brain[2:8, 2:8, 2:8], other[2:8, 2:8, 4:10] = 1, 1
    assert least_overlap([brain, brain, brain], ["a", "b", "c"]) == 1
    with pytest.raises(InputError) as refusal:
        least_overlap([brain, brain, other], ["sub-01_ses-01", "sub-01_ses-02", "sub-01_ses-03"])
    assert str(refusal.value) == (
        "The brains of sub-01_ses-01 and sub-01_ses-03 overlap by 0.67 (Dice); expected at least 0.85: "
        "are both complete, and of one participant? Leave one out (cohort.exclude)."
    )


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """Two sessions of the template's head on disk, aligned in both orders: {order: {scan: pose}, files}."""
    folder = tmp_path_factory.mktemp("sessions")
    files = {}
    for number, scan in enumerate(list(POSES)[:2]):
        t1w = noisy(moved(template_head()[0], POSES[scan], 3.0), 0.03, number)
        brain = (moved(template_head()[0], POSES[scan], 3.0).data > 0).astype(np.uint8)
        files[scan] = {name: str(folder / f"{scan}_{name}.nii.gz") for name in ("t1w", "brain", "petref")}
        # the second scan is twice as bright: T1w has no unit
        save_volume(files[scan]["t1w"], (1 + number) * t1w.data, t1w.affine)
        save_volume(files[scan]["brain"], brain, t1w.affine)
        save_volume(files[scan]["petref"], np.zeros((4, 4, 4)), np.diag([4.0 + number, 4, 4, 1]))
    common = {}
    for order in (list(files), list(files)[::-1]):
        output = folder / f"{order[0]}_first.nii.gz"
        lists = {name: [files[scan][name] for scan in order] for name in ("t1w", "brain", "petref")}
        align_sessions(lists, order, output, registration=REGISTRATION, seed=1)
        common[order[0]] = output
    return files, common


def poses_of(path):
    return {scan: np.array(pose) for scan, pose in read_json(sidecar_path(path))["Poses"].items()}


def test_a_known_pose_is_recovered(sessions):
    first, second = poses_of(sessions[1]["sub-01_ses-01"]).values()
    true = POSES["sub-01_ses-02"] @ np.linalg.inv(POSES["sub-01_ses-01"])
    assert np.median(steps(second @ np.linalg.inv(first), true)) < 0.3


def test_the_order_of_the_sessions_changes_nothing(sessions):
    one, other = (poses_of(path) for path in sessions[1].values())
    for scan in one:
        assert steps(one[scan], other[scan]).max() < 0.1
    images = [load_volume(path) for path in sessions[1].values()]
    assert np.abs(images[0].affine - images[1].affine).max() < 0.2


def test_no_session_is_moved_farther_than_the_other(sessions):
    first, second = poses_of(sessions[1]["sub-01_ses-01"]).values()
    np.testing.assert_allclose(first @ second, np.eye(4), atol=1e-6)


def test_the_image_is_the_mean_of_both_at_the_larger_voxel(sessions):
    files, common = sessions
    image = load_volume(common["sub-01_ses-01"])
    np.testing.assert_allclose(image.affine[:3, :3], 4.309 * np.eye(3))  # 5 x 4 x 4 mm
    sidecar = read_json(sidecar_path(common["sub-01_ses-01"]))
    assert sidecar["BrainOverlap"] > 0.95
    assert "sub-01_ses-02_t1w.nii.gz" in sidecar["Sources"]
    assert np.median(image.data[image.data > 0.2]) == pytest.approx(1, abs=0.1)


def test_a_session_gets_its_transform_in_all_forms(sessions, tmp_path):
    files, common = sessions
    placed = {}
    for scan in files:
        xfm = tmp_path / f"{scan}_from-T1w_to-common_mode-image_xfm.mat"
        place_session(common["sub-01_ses-01"], scan, files[scan]["t1w"], xfm)
        np.testing.assert_allclose(world_matrix([xfm]), poses_of(common["sub-01_ses-01"])[scan], atol=1e-6)
        record = read_json(Path(xfm).with_suffix(".json"))
        assert (record["From"], record["To"], record["Kind"]) == ("T1w", "common", "Rigid")
        assert xfm.with_suffix(".txt").is_file()
        placed[scan] = resample_map(
            load_volume(files[scan]["t1w"]), load_volume(common["sub-01_ses-01"]), [xfm]
        ).data
    one, two = placed.values()
    inside = (one > 0) & (two > 0)
    assert np.corrcoef(one[inside], two[inside])[0, 1] > 0.95
