"""A lesion mask from any space, as a fraction on the T1w grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy.lesions import inverse_of, place_lesions
from myelosketch.imaging.registration.transforms import save_matrix, write_warp
from myelosketch.intake.masks import load_mask
from myelosketch.io.volumes import Volume, save_volume

T1W_AFFINE = np.diag([1.5, 1.5, 1.5, 1.0])
T1W_AFFINE[:3, 3] = -36
T1W = Volume(np.ones((48, 48, 48), np.float32), T1W_AFFINE)
CENTRE, RADIUS_MM = np.array([3.0, -4.0, 5.0]), 9.0


def rigid(angles_deg, shifts_mm):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shifts_mm
    return matrix


def points(shape, affine):
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


def ball(shape, affine, centre=CENTRE):
    """Mask of the ball of 9 mm around a place of the world."""
    return (np.linalg.norm(points(shape, affine) - centre, axis=-1) <= RADIUS_MM).astype(np.uint8)


def moved_grid(matrix, voxel=2.0, side=50):
    """A grid of another image of the head, after the head has moved by ``matrix`` (T1w world to its world)."""
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = (matrix @ [0, 0, 0, 1])[:3] - voxel * side / 2
    return (side,) * 3, affine


def error_mm(placed, centre=CENTRE):
    where = (placed.data[..., None] * points(placed.shape, placed.affine)).sum((0, 1, 2)) / placed.data.sum()
    return np.linalg.norm(where - centre)


def placed_from(path, *where):
    return place_lesions(load_mask(path)[0], *where)


@pytest.fixture
def saved(tmp_path):
    def save(data, affine):
        save_volume(tmp_path / "mask.nii.gz", data, affine)
        return tmp_path / "mask.nii.gz"

    return save


def test_on_the_t1w_grid_nothing_is_interpolated_and_numbers_do_not_matter(saved):
    mask = ball(T1W.shape, T1W.affine)
    numbered = mask.copy()
    numbered[mask > 0] = np.arange(mask.sum()) // 40 + 1
    placed = placed_from(saved(numbered, T1W.affine), "T1w", T1W, {"T1w": []})
    assert placed.data.dtype == np.float32
    np.testing.assert_array_equal(placed.data, mask)


def test_a_probability_is_cut_where_it_was_drawn_before_it_is_interpolated(saved):
    shape, affine = moved_grid(np.eye(4), voxel=1.2, side=60)
    distance = np.linalg.norm(points(shape, affine) - CENTRE, axis=-1)
    probability = np.clip(1 - (distance - RADIUS_MM) / 6, 0, 1).astype(
        np.float32
    )  # 0.5 at 3 mm from the ball
    for threshold, radius in ((0.5, RADIUS_MM + 3), (1.0, RADIUS_MM)):
        drawn, values = load_mask(saved(probability, affine), threshold=threshold)
        placed = place_lesions(drawn, "T1w", T1W, {"T1w": []})
        assert values == f"probability, threshold {threshold:g}"
        assert placed.data.sum() * 1.5**3 == pytest.approx((distance <= radius).sum() * 1.2**3, rel=0.01)


def test_another_grid_of_the_same_world_goes_by_its_header(saved):
    shape, affine = moved_grid(np.eye(4), voxel=1.2, side=60)
    mask = ball(shape, affine)
    placed = placed_from(saved(mask, affine), "T1w", T1W, {"T1w": []})
    assert placed.shape == T1W.shape
    assert 0 <= placed.data.min() < placed.data.max() <= 1
    assert placed.data.sum() * 1.5**3 == pytest.approx(mask.sum() * 1.2**3, rel=0.01)
    assert error_mm(placed) < 0.2  # of the ball as voxels of 2 mm show it


@settings(max_examples=6, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-15, 15)] * 3),
    shifts=st.tuples(*[st.floats(-20, 20)] * 3),
    space=st.sampled_from(["FLAIR", "dwi", "MTR"]),
)
def test_from_the_space_of_another_image(tmp_path_factory, angles, shifts, space):
    folder = tmp_path_factory.mktemp("place")
    matrix = rigid(angles, shifts)
    save_matrix(folder / "xfm.mat", matrix)
    shape, affine = moved_grid(matrix)
    mask = ball(shape, affine, (matrix @ [*CENTRE, 1])[:3])
    save_volume(folder / "mask.nii.gz", mask, affine)
    placed = placed_from(folder / "mask.nii.gz", space, T1W, {"T1w": [], space: [str(folder / "xfm.mat")]})
    # of the mask; its centre is up to .2 mm and more off the ball's, because its voxels are 2 mm and rotated
    drawn = np.linalg.inv(matrix) @ affine @ [*np.argwhere(mask).mean(axis=0), 1]
    assert error_mm(placed, drawn[:3]) < 0.06
    assert placed.data.sum() * 1.5**3 == pytest.approx(mask.sum() * 8, rel=0.02)
    np.testing.assert_array_equal(placed.affine, T1W.affine)


def test_through_a_warp_the_matrix_before_it_is_not_inverted(saved, tmp_path):
    matrix = rigid((5, -4, 3), (6, -5, 4))
    save_matrix(tmp_path / "xfm.mat", matrix)
    shape, affine = moved_grid(matrix)
    write_warp(tmp_path / "warp.nii.gz", np.full((*shape, 3), [0.0, 7.0, 0.0]), affine)
    mask = ball(shape, affine, (matrix @ [*CENTRE, 1])[:3] + [0, 7, 0])
    chain = [str(tmp_path / "xfm.mat"), str(tmp_path / "warp.nii.gz")]
    placed = placed_from(saved(mask, affine), "dwi", T1W, {"dwi": chain})
    assert error_mm(placed) < 0.2  # of the ball as voxels of 2 mm show it


def test_from_the_template_by_the_inverse_of_its_place(saved, tmp_path):
    head_to_template = rigid((4, 3, -2), (2, 8, -5)) @ np.diag([1.1, 1.05, 0.95, 1.0])
    save_matrix(tmp_path / "t1w_to_mni.mat", np.linalg.inv(head_to_template))
    shape, affine = moved_grid(head_to_template)
    mask = ball(shape, affine, (head_to_template @ [*CENTRE, 1])[:3])
    inverse = inverse_of(tmp_path / "t1w_to_mni.mat", tmp_path / "inverse.mat")
    placed = placed_from(saved(mask, affine), "MNI152", T1W, {"T1w": [], "MNI152": [inverse]})
    assert error_mm(placed) < 0.2  # of the ball as voxels of 2 mm show it


@pytest.mark.parametrize(
    ("mask", "space", "sentence"),
    [
        (np.ones(T1W.shape, np.uint8), "FLAIR", "was drawn on FLAIR (lesion_space), but there is no registration of "
         "FLAIR to T1w; expected one of T1w: correct lesion_space, or supply that image."),
        (np.full(T1W.shape, np.nan), "T1w", "has voxels that are not numbers: write 0 outside the mask."),
    ],
)  # fmt: skip
def test_masks_that_cannot_be_placed(saved, mask, space, sentence):
    path = saved(mask, T1W.affine)
    with pytest.raises(InputError) as caught:
        placed_from(path, space, T1W, {"T1w": []})
    assert str(caught.value) == f"{path} {sentence}"


def test_an_empty_mask_is_no_lesion_on_whatever_grid_it_was_saved(saved):
    for shape, affine in ((T1W.shape, T1W.affine), moved_grid(np.eye(4))):
        placed = placed_from(saved(np.zeros(shape, np.uint8), affine), "T1w", T1W, {"T1w": []})
        assert (placed.shape, placed.data.any()) == (T1W.shape, False)


def test_a_mask_that_ends_outside_the_t1w(saved):
    shape, affine = moved_grid(np.eye(4))
    mask = ball(shape, affine, np.zeros(3))
    affine[0, 3] += 45
    path = saved(mask, affine)
    with pytest.raises(InputError) as caught:
        placed_from(path, "T1w", T1W, {"T1w": []})
    assert str(caught.value) == (
        f"{path} has 3.1 mL of lesions, but 0.0 mL of them are in the T1w image after registration from "
        "T1w: is lesion_space correct, and is it the mask of this participant?"
    )
