"""Volumes: written values come back, and broken files are named."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_scans import store_as
from scipy.spatial.transform import Rotation

from myelosketch.errors import GeometryError, InputError
from myelosketch.intake.raw import load_series
from myelosketch.io.provenance import read_json
from myelosketch.io.volumes import Volume, check_same_grid, in_order_of, load_volume, save_volume


def test_data_and_affine_come_back(tmp_path, affine):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    save_volume(tmp_path / "a.nii.gz", data, affine, sidecar={"Units": "1"})
    volume = load_volume(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.data, data)
    np.testing.assert_allclose(volume.affine, affine)
    assert volume.voxel_volume == pytest.approx(64)
    assert read_json(tmp_path / "a.json") == {"Units": "1"}


def test_equal_images_are_equal_bytes(tmp_path, affine):
    data = np.random.default_rng(1).normal(size=(5, 5, 5))
    for name in ("a", "b"):
        save_volume(tmp_path / f"{name}.nii.gz", data, affine)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize(
    ("given_type", "stored"), [(bool, np.uint8), (np.int64, np.int32), (float, np.float32)]
)
def test_types_on_disk(tmp_path, affine, given_type, stored):
    save_volume(tmp_path / "a.nii.gz", np.ones((2, 2, 2), given_type), affine)
    assert nib.load(tmp_path / "a.nii.gz").get_data_dtype() == stored


def test_nothing_is_left_beside_the_image(tmp_path, affine):
    save_volume(tmp_path / "a.nii.gz", np.ones((2, 2, 2)), affine)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii.gz"]


def test_absent_file():
    with pytest.raises(
        InputError, match="nowhere.nii.gz does not exist: correct the path, or leave the scan out."
    ):
        load_volume("nowhere.nii.gz")


def test_truncated_file(tmp_path, affine):
    path = tmp_path / "cut.nii.gz"
    save_volume(path, np.random.default_rng(0).normal(size=(20, 20, 20)), affine)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cut.nii.gz is damaged or truncated .*: copy or export it again."):
        load_volume(path)


def test_not_an_image(tmp_path):
    (tmp_path / "text.nii.gz").write_text("not an image")
    with pytest.raises(InputError, match=r"text.nii.gz cannot be read as NIfTI"):
        load_volume(tmp_path / "text.nii.gz")


def test_four_dimensions(tmp_path, affine):
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 5), np.float32), affine), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match=r"has 4 dimensions \(2, 2, 2, 5\); expected a 3D image"):
        load_volume(tmp_path / "a.nii.gz")


def test_complex_voxels(tmp_path, affine):
    nib.save(nib.Nifti1Image(np.ones((2, 2, 2), np.complex64), affine), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="complex or colour voxels"):
        load_volume(tmp_path / "a.nii.gz")


def test_other_shape(affine):
    first, second = Volume(np.zeros((2, 2, 2)), affine, "a"), Volume(np.zeros((2, 2, 3)), affine, "b")
    with pytest.raises(GeometryError, match=r"a has shape \(2, 2, 2\) but b has \(2, 2, 3\)"):
        check_same_grid(first, second)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2),
    st.integers(0, 3),
    st.floats(-2, 2).filter(lambda x: abs(x) > 2e-3 or abs(x) < 5e-4),
)
def test_affines_may_differ_by_a_micrometre_only(row, column, shift):
    moved = np.eye(4)
    moved[row, column] += shift
    first, second = Volume(np.zeros((2, 2, 2)), np.eye(4), "a"), Volume(np.zeros((2, 2, 2)), moved, "b")
    if abs(shift) > 1e-3:
        with pytest.raises(GeometryError, match="a and b have affines that differ"):
            check_same_grid(first, second)
    else:
        check_same_grid(first, second)


@pytest.mark.parametrize("trailing", [1, 2, 4])
def test_trailing_axes_of_one_are_dropped(tmp_path, affine, trailing):
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    for name, form in (("a", nib.Nifti1Image), ("b", nib.Nifti2Image)):
        image = form(data.reshape(data.shape + (1,) * trailing), affine)
        image.header.set_slope_inter(0.5, 1)
        nib.save(image, tmp_path / f"{name}.nii.gz")
        volume = load_volume(tmp_path / f"{name}.nii.gz")
        np.testing.assert_allclose(volume.data, 0.5 * data + 1)
        np.testing.assert_allclose(volume.affine, affine)


def test_a_series_keeps_its_volumes_before_trailing_axes(tmp_path, affine):
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype(np.float32)
    nib.save(nib.Nifti1Image(data[..., None], affine), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(load_series(tmp_path / "a.nii.gz").data, data)
    np.testing.assert_array_equal(load_series(tmp_path / "a.nii.gz", [4, 1]).data, data[..., [4, 1]])


@pytest.mark.parametrize("axes", ["LAS", "PSR", "IRP"])
@pytest.mark.parametrize("angles", [(0, 0, 0), (20, -15, 30)], ids=["straight", "oblique"])
def test_the_order_on_disk_changes_nothing(tmp_path, affine, axes, angles):
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ affine[:3, :3]
    data = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    for name in ("a", "b"):
        save_volume(tmp_path / f"{name}.nii.gz", data, affine)
    store_as(tmp_path / "b.nii.gz", axes)
    first, second = (load_volume(tmp_path / f"{name}.nii.gz") for name in ("a", "b"))
    check_same_grid(first, second)
    np.testing.assert_array_equal(first.data, data)
    np.testing.assert_array_equal(second.data, data)
    stored = nib.load(tmp_path / "b.nii.gz")
    back = in_order_of(second, stored.affine)  # as a series is read, whose gradients follow its axes
    np.testing.assert_allclose(back.affine, stored.affine, atol=1e-5)
    np.testing.assert_array_equal(back.data, np.asarray(stored.dataobj))
