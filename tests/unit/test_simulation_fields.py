"""Random fields, warps, poses and the scanner's geometry, against known answers."""

import numpy as np
import pytest

from myelosketch.simulation import fields, scanner

GRID_AFFINE = np.array([[2.0, 0, 0, -79], [0, 2, 0, -99], [0, 0, 2, -71], [0, 0, 0, 1]])


@pytest.mark.parametrize(("voxel", "fwhm"), [(3.0, 4.0), (2.0, 0.0), (2.0, 12.0)])
def test_smooth_field_has_unit_variance(voxel, fwhm):
    rng = np.random.default_rng(1)
    field = fields.smooth_field((60, 60, 60), voxel, fwhm, rng)
    assert field.mean() == pytest.approx(0, abs=0.1)
    assert field.std() == pytest.approx(1, abs=0.1)


def test_streams_depend_on_seed_participant_and_purpose():
    draws = {
        fields.stream(*key).integers(2**62)
        for key in [(1, "01", "PET"), (2, "01", "PET"), (1, "02", "PET"), (1, "01", "T1w")]
    }
    assert len(draws) == 4
    assert fields.stream(1, "01", "PET").integers(2**62) in draws


def test_exponential_of_a_constant_velocity_is_a_shift():
    velocity = np.zeros((3, 12, 12, 12))
    velocity[0] = 1.5
    np.testing.assert_allclose(fields.exponential(velocity)[0], 1.5, rtol=1e-5)


def test_exponential_of_a_linear_velocity_scales_by_the_exponential():
    position = np.indices((31, 31, 31)) - 15.0
    displacement = fields.exponential(0.1 * position, steps=8)
    middle = (slice(None), *[slice(8, 23)] * 3)
    np.testing.assert_allclose(displacement[middle], (np.exp(0.1) - 1) * position[middle], atol=0.02)
    determinant = fields.jacobian_determinant(displacement)[8:23, 8:23, 8:23]
    np.testing.assert_allclose(determinant, np.exp(0.3), rtol=0.01)


def test_jacobian_finds_a_fold():
    displacement = np.zeros((3, 9, 9, 9))
    displacement[0] = -2 * np.arange(9).reshape(-1, 1, 1)  # x -> -x
    assert fields.jacobian_determinant(displacement).max() < 0


def test_jacobian_of_a_linear_map_is_its_matrix():
    matrix = np.array([[0.1, 0.2, 0], [0, -0.1, 0.3], [0.05, 0, 0.2]])
    displacement = np.einsum("ij,jxyz->ixyz", matrix, np.indices((6, 7, 8)))
    found = fields.jacobian(displacement)
    assert found.shape == (6, 7, 8, 3, 3)
    np.testing.assert_allclose(found, np.broadcast_to(matrix + np.eye(3), found.shape), atol=1e-6)


def test_pose_is_rigid_and_within_the_limits():
    settings = {"rotation_deg": 10.0, "translation_mm": 8.0}
    for seed in range(20):
        pose = scanner.random_pose(settings, np.random.default_rng(seed))
        rotation = pose[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        shift = (pose @ [*scanner.HEAD_CENTRE, 1])[:3] - scanner.HEAD_CENTRE
        assert np.abs(shift).max() <= 8


def test_pose_maps_anatomy_to_the_modality():
    """A ball at a known place of the anatomy is found where the pose says, to a fraction of a voxel."""
    centre = np.array([21.0, -33.0, 17.0])
    index = np.stack(np.meshgrid(*(np.arange(n) for n in (80, 90, 80)), indexing="ij"), -1)
    world = index * 2 + GRID_AFFINE[:3, 3]
    ball = (((world - centre) ** 2).sum(-1) < 9**2).astype(np.float32)
    pose = scanner.random_pose({"rotation_deg": 10.0, "translation_mm": 8.0}, np.random.default_rng(5))
    grid = scanner.modality_grid(3.0, pose)
    seen = scanner.acquire(ball, GRID_AFFINE, grid, psf_fwhm=3.0)
    weights = seen / seen.sum()
    found = np.einsum("xyz,ixyz->i", weights, np.indices(grid.shape))
    found = grid.affine[:3, :3] @ found + grid.affine[:3, 3]
    np.testing.assert_allclose(found, (pose @ [*centre, 1])[:3], atol=0.3)
    # the total is preserved: coarser voxels and blur move signal, but do not create it
    assert seen.sum() * 27 == pytest.approx(ball.sum() * 8, rel=0.02)


def test_coarse_voxel_is_an_average_not_a_sample():
    """A pattern finer than the voxel is averaged away instead of aliased."""
    stripes = np.zeros((80, 90, 80), np.float32)
    stripes[::2] = 1
    seen = scanner.acquire(stripes, GRID_AFFINE, scanner.modality_grid(6.0, np.eye(4)))
    middle = seen[12:20, 12:20, 12:20]
    np.testing.assert_allclose(middle, 0.5, atol=0.06)


def test_bias_field_reaches_its_amplitude():
    field = scanner.bias_field(scanner.modality_grid(6.0, np.eye(4)), 0.05, np.random.default_rng(0))
    assert np.abs(field - 1).max() == pytest.approx(0.05, rel=1e-4)
