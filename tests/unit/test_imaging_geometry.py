"""Grids, transforms and resampling with known answers."""

import ants
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from myelosketch.errors import GeometryError
from myelosketch.imaging.registration.error import target_error
from myelosketch.imaging.registration.itk import from_ants, shrink_factors, to_ants, world_matrix
from myelosketch.imaging.registration.resampling import (
    anti_alias,
    content_box,
    crop,
    lattice_step,
    resample_fraction,
    resample_map,
)
from myelosketch.imaging.registration.transforms import write_transform as write_all_forms
from myelosketch.imaging.registration.transforms import write_warp
from myelosketch.io.provenance import read_json
from myelosketch.io.volumes import Volume


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


def test_voxels_that_meet_are_taken_as_they_are(tmp_path):
    """Of a crop, of another order of axes, and through a transform; not of a grid that drifts off by parts of one."""
    data = np.random.default_rng(0).uniform(1, 2, (8, 9, 10)).astype(np.float32)
    whole = Volume(data, rigid((10, 20, 30), (5, 6, 7)) @ np.diag([2.0, 2.0, 5.0, 1.0]))
    part = crop(whole, (slice(1, 5), slice(2, 8), slice(0, 9)))
    np.testing.assert_array_equal(resample_map(whole, part, []).data, part.data)
    expected = np.zeros_like(data)
    expected[1:5, 2:8, 0:9] = part.data
    np.testing.assert_array_equal(resample_map(part, whole, []).data, expected)
    turned = Volume(
        data.transpose(2, 0, 1)[::-1], whole.affine @ np.eye(4)[:, [2, 0, 1, 3]] @ np.diag([-1, 1, 1, 1.0])
    )
    turned.affine[:3, 3] = (whole.affine @ [0, 0, 9, 1])[:3]
    np.testing.assert_array_equal(resample_map(turned, whole, []).data, data)
    shift = rigid((0, 0, 0), whole.affine[:3, 0])
    found = resample_map(whole, whole, [write_transform(tmp_path / "shift.mat", shift)]).data
    np.testing.assert_array_equal(found[:-1], data[1:])
    drifting = Volume(data, whole.affine @ np.diag([1.004, 1, 1, 1]))
    assert lattice_step(whole, whole, []) is not None
    assert lattice_step(drifting, whole, []) is None
    smooth = resample_map(whole, whole, [], fwhm_mm=8.0).data
    assert smooth.std() < 0.5 * data.std()


def test_only_coarser_grids_are_anti_aliased():
    data = np.random.default_rng(0).normal(size=(12, 12, 12)).astype(np.float32)
    np.testing.assert_array_equal(anti_alias(data, (2, 2, 2), (1, 1, 1)), data)
    assert anti_alias(data, (1, 1, 1), (3, 3, 3)).std() < 0.5 * data.std()


def test_levels_follow_the_smallest_voxel_side():
    assert shrink_factors((3.0, 3.0, 3.0), (12.0, 6.0, 3.0)) == (4, 2, 1)
    assert shrink_factors((4.0, 4.0, 5.0), (12.0, 6.0, 5.0)) == (3, 2, 1)
    assert shrink_factors((9.0, 9.0, 9.0), (3.0,)) == (1,)


def test_a_transform_lies_on_disk_in_three_forms_that_agree(tmp_path):
    matrix = rigid((12, -7, 20), (8, -30, 5))
    out = tmp_path / "sub-01_from-MTR_to-T1w_mode-image_xfm.mat"
    write_all_forms(out, matrix, record={"Kind": "Rigid"}, sources=["/a/folder/sub-01_MTRmap.nii.gz"])
    np.testing.assert_allclose(world_matrix([out]), matrix, atol=1e-6)
    np.testing.assert_array_equal(world_matrix([out.with_suffix(".txt")]), world_matrix([out]))
    assert out.with_suffix(".txt").read_text().startswith("#Insight Transform File V1.0")
    note = read_json(out.with_suffix(".json"))
    assert (note["From"], note["To"], note["Kind"]) == ("MTR", "T1w", "Rigid")
    assert note["Sources"] == ["sub-01_MTRmap.nii.gz"]
    np.testing.assert_allclose(note["Matrix"], matrix)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".mat", ".txt"]


def test_plain_ants_gives_the_same_image_from_either_form(tmp_path):
    generator = np.random.default_rng(0)
    moving = Volume(generator.uniform(1, 2, (20, 24, 22)).astype(np.float32), rigid((5, 9, -4), (3, -8, 2)))
    fixed = Volume(np.zeros((18, 17, 16), np.float32), rigid((-3, 2, 8), (6, -2, 5)))
    matrices = {"a": rigid((4, -6, 3), (1, 2, -3)), "b": rigid((-2, 5, 1), (-1, 0, 2))}
    for name, matrix in matrices.items():
        write_all_forms(tmp_path / f"{name}.mat", matrix)
    ours = resample_fraction(moving, fixed, [tmp_path / "a.mat", tmp_path / "b.mat"]).data
    assert (ours > 0).any()
    for suffix in (".mat", ".txt"):
        plain = ants.apply_transforms(
            to_ants(fixed),
            to_ants(moving),
            transformlist=[str(tmp_path / f"{name}{suffix}") for name in "ab"],
        )
        np.testing.assert_allclose(plain.numpy(), ours, atol=1e-5)


@pytest.mark.parametrize("affine", [np.eye(4), rigid((20, -35, 130), (4, 5, 6)) @ np.diag([-2.0, 2, 2, 1])])
def test_a_displacement_moves_points_of_the_world(tmp_path, affine):
    """The image at a point is the moving image at that point plus the displacement (RAS, mm), on any axes."""
    shape = (16, 16, 16)
    voxels = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3)
    slope = np.array([1.0, 10.0, 100.0])

    def ramp(points):
        return (points @ slope).reshape(shape).astype(np.float32)

    points = voxels @ affine[:3, :3].T + affine[:3, 3]
    shift = np.array([1.5, -2.0, 0.5])
    write_warp(tmp_path / "warp.nii.gz", np.broadcast_to(shift, (*shape, 3)), affine)
    moving = Volume(ramp(points), affine)
    found = resample_fraction(moving, Volume(np.zeros(shape), affine), [tmp_path / "warp.nii.gz"]).data
    inside = (slice(5, 11),) * 3
    np.testing.assert_allclose(found[inside], ramp(points + shift)[inside], rtol=1e-3, atol=0.5)


@pytest.mark.parametrize(("fwhm", "expected"), [(0.0, 3.0), (2.0, 3.0), (6.0, 6.0)])
def test_a_map_reaches_the_resolution_asked_for(fwhm, expected):
    """A point of one voxel, 1 mm wide: how wide it comes out."""
    fine = np.zeros((41, 41, 41), np.float32)
    fine[20, 20, 20] = 1
    smooth = anti_alias(fine, (1, 1, 1), np.maximum((3, 3, 3), fwhm))
    profile = smooth.sum(axis=(1, 2))
    width = np.sqrt((profile * (np.arange(41) - 20) ** 2).sum() / profile.sum()) * np.sqrt(8 * np.log(2))
    assert np.hypot(width, 1) == pytest.approx(expected, rel=0.02)


def test_smoothing_to_the_pet_keeps_the_level_of_a_map_up_to_its_edge():
    fine = Volume(sphere(50, 1.0) * 40, np.eye(4))
    coarse = Volume(np.zeros((17, 17, 17)), np.diag([3.0, 3.0, 3.0, 1.0]))
    moved = resample_map(fine, coarse, [], fwhm_mm=8.0).data
    np.testing.assert_allclose(moved[moved > 0], 40, rtol=1e-4)
    step = Volume(np.where(np.arange(50)[:, None, None] < 25, 20, 40) * sphere(50, 1.0), np.eye(4))
    sharp, blurred = (resample_map(step, coarse, [], fwhm_mm=fwhm).data[:, 8, 8] for fwhm in (0.0, 8.0))
    assert np.abs(np.diff(blurred[4:12])).max() < 0.7 * np.abs(np.diff(sharp[4:12])).max()


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
