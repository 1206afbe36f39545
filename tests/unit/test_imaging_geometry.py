"""Grids, transforms and resampling with known answers."""

import ants
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from myelosketch.errors import GeometryError
from myelosketch.imaging.itk import from_ants, pyramid, to_ants, world_matrix
from myelosketch.imaging.registration_error import target_error
from myelosketch.imaging.resampling import anti_alias, content_box, crop, resample_fraction, resample_map
from myelosketch.volumes import Volume


def rigid(angles, shift):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def write_transform(path, world_ras):
    """ITK file of a RAS world matrix that maps fixed points to moving points."""
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    lps = flip @ world_ras @ flip
    transform = ants.create_ants_transform(
        transform_type="AffineTransform",
        precision="double",
        dimension=3,
        matrix=lps[:3, :3],
        offset=lps[:3, 3],
    )
    ants.write_transform(transform, str(path))
    return path


oblique = st.builds(
    lambda angles, sides, flips, origin: (
        rigid(angles, origin)
        @ np.diag([*(side * flip for side, flip in zip(sides, flips, strict=True)), 1.0])
    ),
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(0.7, 5)] * 3),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
    st.tuples(*[st.floats(-200, 200)] * 3),
)


@settings(deadline=None, max_examples=40)
@given(oblique)
def test_a_volume_keeps_its_place_through_ants(affine):
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    back = from_ants(to_ants(Volume(data, affine)))
    np.testing.assert_array_equal(back.data, data)
    np.testing.assert_allclose(back.affine, affine, atol=1e-4)


def test_a_sheared_affine_is_refused():
    sheared = np.eye(4)
    sheared[0, 1] = 0.2
    with pytest.raises(
        GeometryError, match="skewed.nii has a sheared affine: resample it to a grid with right angles."
    ):
        to_ants(Volume(np.zeros((2, 2, 2)), sheared, "skewed.nii"))


def test_matrices_of_transforms_are_read_inverted_and_composed(tmp_path):
    first, second = rigid((5, -8, 3), (4, -2, 7)), rigid((-2, 6, 10), (-3, 5, 1))
    paths = [write_transform(tmp_path / "a.mat", first), write_transform(tmp_path / "b.mat", second)]
    np.testing.assert_allclose(world_matrix(paths), second @ first, atol=1e-6)
    np.testing.assert_allclose(
        world_matrix(paths, inverted=[False, True]), np.linalg.inv(second) @ first, atol=1e-6
    )


def test_the_matrix_says_where_ants_takes_voxels_from(tmp_path):
    """The resampled image at a point is the moving image at the matrix times that point, for a chain of two."""
    x, y, z = np.meshgrid(*[np.arange(24.0)] * 3, indexing="ij")
    moving = Volume((x + 30 * y + 900 * z).astype(np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
    fixed = Volume(
        np.zeros((4, 4, 4), np.float32),
        np.array([[1, 0, 0, 20.0], [0, 1, 0, 22], [0, 0, 1, 18], [0, 0, 0, 1]]),
    )
    chain = [
        write_transform(tmp_path / "a.mat", rigid((4, 0, 2), (1, 2, -1))),
        write_transform(tmp_path / "b.mat", rigid((0, 3, -5), (-2, 1, 2))),
    ]
    found = resample_fraction(moving, fixed, chain)
    points = np.argwhere(np.ones(fixed.shape)) + fixed.affine[:3, 3]
    matrix = world_matrix(chain)
    voxels = (points @ matrix[:3, :3].T + matrix[:3, 3]) / 2
    expected = voxels @ [1, 30, 900]
    np.testing.assert_allclose(found.data.ravel(), expected, rtol=1e-3)


def sphere(side, voxel):
    centre = (side - 1) / 2
    grid = np.indices((side, side, side)) - centre
    return (np.sqrt((grid**2).sum(axis=0)) * voxel < 20).astype(np.float32)


def test_a_constant_map_stays_constant_up_to_its_edge():
    """The background does not bleed into a coarser map."""
    fine = Volume(sphere(50, 1.0) * 40, np.eye(4))
    coarse = Volume(np.zeros((17, 17, 17)), np.diag([3.0, 3.0, 3.0, 1.0]))
    moved = resample_map(fine, coarse, []).data
    assert (moved > 0).any()
    np.testing.assert_allclose(moved[moved > 0], 40, rtol=1e-4)


def test_the_volume_of_a_mask_survives_resampling():
    fine = Volume(sphere(50, 1.0), np.eye(4))
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = 0.4
    moved = resample_fraction(fine, Volume(np.zeros((17, 17, 17)), affine), [])
    assert moved.data.sum() * 27 == pytest.approx(fine.data.sum(), rel=0.02)
    assert moved.data.max() <= 1 + 1e-5


def test_the_same_grid_changes_nothing():
    data = np.random.default_rng(0).uniform(1, 2, (8, 9, 10)).astype(np.float32)
    volume = Volume(data, np.diag([2.0, 2.0, 2.0, 1.0]))
    np.testing.assert_allclose(resample_map(volume, volume, []).data, data, rtol=1e-5)


def test_only_coarser_grids_are_anti_aliased():
    data = np.random.default_rng(0).normal(size=(12, 12, 12)).astype(np.float32)
    np.testing.assert_array_equal(anti_alias(data, (2, 2, 2), (1, 1, 1)), data)
    assert anti_alias(data, (1, 1, 1), (3, 3, 3)).std() < 0.5 * data.std()


def test_the_pyramid_ends_at_the_finest_level_asked_for():
    assert pyramid((1.5, 1.5, 1.5), 3.0)["aff_shrink_factors"] == (12, 8, 4, 2)
    assert pyramid((3.0, 3.0, 3.0), 3.0)["aff_shrink_factors"] == (6, 4, 2, 1)
    assert pyramid((3.0, 3.0, 3.0), 3.0)["aff_smoothing_sigmas"] == (9, 6, 3, 0)
    assert pyramid((4.0, 4.0, 4.0), 5.0)["aff_shrink_factors"] == (4, 3, 2, 1)


def test_target_error_of_a_known_move():
    points = np.random.default_rng(0).normal(size=(100, 3)) * 50
    shifted = target_error(rigid((0, 0, 0), (3, 4, 0)), np.eye(4), points)
    assert shifted["median_mm"] == pytest.approx(5)
    assert shifted["translation_mm"] == pytest.approx(5)
    assert shifted["rotation_deg"] == pytest.approx(0, abs=1e-6)
    turned = target_error(rigid((0, 0, 7), (0, 0, 0)), np.eye(4), points)
    assert turned["rotation_deg"] == pytest.approx(7)
    on_axis = target_error(rigid((0, 0, 7), (0, 0, 0)), np.eye(4), np.array([[0, 0, 30.0]]))
    assert on_axis["max_mm"] == pytest.approx(0, abs=1e-9)


def test_a_cropped_image_keeps_its_head_and_its_place():
    affine = rigid((10, 20, 30), (5, 6, 7)) @ np.diag([2.0, 2.0, 2.0, 1.0])
    data = np.zeros((60, 60, 60), np.float32)
    data[20:30, 25:40, 5:50] = 3
    volume = Volume(data, affine)
    small = crop(volume, content_box(volume, margin_mm=4))
    assert small.shape == (14, 19, 49)
    assert small.data.sum() == data.sum()
    corner = small.affine @ [2, 2, 2, 1]  # the first voxel of the head
    np.testing.assert_allclose(corner, affine @ [20, 25, 5, 1])
    empty = Volume(np.zeros((3, 3, 3)), affine)
    assert crop(empty, content_box(empty)).shape == (3, 3, 3)
