"""Starting points of a registration: small images stay in place, starts spread out, and the truth matches best."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from test_imaging_geometry import oblique, rigid

from myelosketch.imaging.registration.starts import (
    TURN_DEG,
    Similarity,
    axes,
    centre_of_mass,
    confirmed,
    shrink,
    start_poses,
)
from myelosketch.io.volumes import Volume


def blob(seed=0, shape=(24, 28, 26)):
    """Smooth texture inside an ellipsoid."""
    generator = np.random.default_rng(seed)
    grid = np.indices(shape) - np.reshape([(side - 1) / 2 for side in shape], (3, 1, 1, 1))
    inside = (grid**2 / np.reshape([(side / 2.6) ** 2 for side in shape], (3, 1, 1, 1))).sum(axis=0) < 1
    texture = gaussian_filter(generator.normal(size=shape), 2)
    return (inside * (3 + texture / texture.std())).clip(0).astype(np.float32)


@settings(deadline=None, max_examples=40)
@given(oblique, st.floats(2, 20))
def test_a_shrunk_voxel_is_the_mean_at_its_place(affine, voxel_mm):
    """A ramp in the world stays that ramp on any axes, but for the last voxels, where blocks may not fill."""
    slope = np.array([1.0, -2.0, 0.5])

    def ramp(shape, affine):
        points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
        return points @ slope

    volume = Volume(ramp((23, 25, 21), affine), affine)
    small = shrink(volume, voxel_mm)
    assert (small.voxel_size <= np.maximum(volume.voxel_size, voxel_mm) + 0.01).all()
    assert (small.voxel_size > np.minimum(voxel_mm / 2, 23 * volume.voxel_size) - 0.01).all()
    filled = tuple(slice(0, max(1, side - 1)) for side in small.shape)
    if min(small.shape) > 1:
        np.testing.assert_allclose(small.data[filled], ramp(small.shape, small.affine)[filled], atol=1e-2)


def test_an_image_that_is_coarse_already_is_left_alone():
    volume = Volume(blob(), np.diag([5.0, 5, 5, 1]))
    assert shrink(volume, 9.0) is volume


def test_thick_slices_are_shrunk_only_within_the_slice():
    small = shrink(Volume(blob(), np.diag([1.0, 1, 5, 1])), 3.0)
    np.testing.assert_allclose(small.voxel_size, [3, 3, 5])


@pytest.mark.parametrize("count", [0, 1, 2, 8, 50])
def test_axes_spread_over_the_sphere(count):
    found = axes(count)
    assert found.shape == (count, 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    if count >= 8:
        assert np.abs(found.mean(axis=0)).max() < 0.1
        assert (found @ found.T - 2 * np.eye(count)).max() < np.cos(np.radians(160 / np.sqrt(count)))


def test_starts_bring_the_centres_together():
    fixed = Volume(blob(), rigid((0, 0, 0), (10, -20, 5)) @ np.diag([3.0, 3, 3, 1]))
    moving = Volume(blob(1), rigid((30, 0, 10), (400, 0, 0)) @ np.diag([-2.0, 2, 2, 1]))
    poses = start_poses(fixed, moving, 8)
    assert len(poses) == 10
    np.testing.assert_array_equal(poses.pop("scanner coordinates"), np.eye(4))
    here, there = centre_of_mass(fixed), centre_of_mass(moving)
    for name, pose in poses.items():
        np.testing.assert_allclose(pose[:3, :3] @ here + pose[:3, 3], there, atol=1e-6)
        angle = np.degrees(np.arccos(np.clip((np.trace(pose[:3, :3]) - 1) / 2, -1, 1)))
        assert angle == pytest.approx(TURN_DEG if "turned" in name else 0, abs=1e-4)


def test_a_place_is_confirmed_by_a_start_that_was_turned_differently():
    centre, place = np.array([5.0, -10, 20]), rigid((3, -4, 5), (8, 2, -6))
    poses = {"a": np.eye(4), "b": rigid((0, 0, 0), (9, 0, 0)), "c": rigid((30, 0, 0), (0, 0, 0))}
    near, far = rigid((1, 0, 0), (0, 0, 0)) @ place, rigid((1, 0, 0), (0, 12, 0)) @ place
    assert confirmed("a", {"a": place, "c": near}, poses, centre)
    assert confirmed("c", {"a": place, "b": far, "c": near}, poses, centre)
    assert not confirmed("a", {"a": place}, poses, centre)
    assert not confirmed("a", {"a": place, "b": near}, poses, centre)  # the same way round
    assert not confirmed("a", {"a": place, "c": far}, poses, centre)


def test_images_are_most_alike_at_the_truth_whatever_their_contrast():
    fixed = Volume(blob(), np.diag([5.0, 5, 5, 1]))
    other = np.where(fixed.data > 0, 8 - fixed.data, 0)  # dark where the first is bright
    true = rigid((10, -5, 8), (12, 4, -6))
    similarity = Similarity(fixed, Volume(other, true @ fixed.affine))
    assert similarity(true) == max(
        similarity(rigid(turn, shift) @ true)
        for turn, shift in [
            ((0, 0, 0), (0, 0, 0)),
            ((5, 0, 0), (0, 0, 0)),
            ((0, 5, 0), (0, 0, 0)),
            ((0, 0, 0), (4, 0, 0)),
            ((0, 0, 0), (0, 0, -4)),
        ]
    )
    assert Similarity(fixed, fixed)(np.eye(4)) == pytest.approx(2)
    assert Similarity(fixed, fixed)(rigid((0, 0, 0), (1000, 0, 0))) == pytest.approx(1)
