"""petref: the grid of the PET in canonical order, or a grid around the head for a scan without PET."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_imaging_geometry import rigid

from myelosketch.errors import InputError
from myelosketch.imaging.files import Anatomy, OnPetGrid, RawImages
from myelosketch.imaging.registration.grid import MARGIN_MM, grid_around
from myelosketch.imaging.registration.to_petref import register_scan
from myelosketch.imaging.registration.transforms import world_matrix, write_transform
from myelosketch.io.provenance import read_json
from myelosketch.io.volumes import Volume, canonical, load_volume, save_volume

AXES = ["RAS", "LAS", "PIR", "SAR", "LPI"]
VALUES = {"FA": 0.45, "RD": 0.55, "AD": 1.15, "MTR": 41.0}
REGISTRATION = {
    **{"metric": "mattes", "sampling": 0.2, "finest_mm": 6.0, "starts": 0, "dwi": "rigid"},
    **{"phase_encoding": "", "pet_fwhm_mm": 0.0},
}


def stored(volume, axes):
    """The same image with its voxels in another order."""
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(volume.affine), nib.orientations.axcodes2ornt(axes)
    )
    data = nib.apply_orientation(volume.data, turn)
    return Volume(data, volume.affine @ nib.orientations.inv_ornt_aff(turn, volume.shape))


def head(pose=None, voxel=3.0):
    """An ellipsoid that no mirroring maps onto itself."""
    shape = (40, 50, 44)
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = -voxel * np.array(shape) / 2
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    place = (grid - np.array([19, 26, 20])) / np.array([13, 17, 12])
    inside = ((place**2).sum(-1) < 1) | (
        ((grid - np.array([28, 34, 26])) ** 2 / np.array([9, 16, 25])).sum(-1) < 1
    )
    data = np.where(inside, 100 + 5 * grid[..., 0] + 3 * grid[..., 1] + grid[..., 2], 0)
    affine = affine if pose is None else pose @ affine
    return Volume(data.astype(np.float32), affine)


@pytest.mark.parametrize("axes", AXES)
def test_canonical_changes_the_order_of_voxels_and_no_place(axes):
    image = head(rigid((3, -4, 2), (12, -9, 7)))
    turned = canonical(stored(image, axes))
    assert nib.aff2axcodes(turned.affine) == ("R", "A", "S")
    np.testing.assert_allclose(turned.affine, image.affine, atol=1e-9)
    np.testing.assert_array_equal(turned.data, image.data)


@given(
    st.tuples(*[st.floats(-25, 25)] * 3),
    st.tuples(*[st.floats(-30, 30)] * 3),
    st.tuples(*[st.floats(1.2, 6)] * 3),
    st.sampled_from(AXES),
)
def test_a_grid_around_a_brain_holds_it_and_has_its_axes(angles, shift, voxel_mm, axes):
    brain = stored(head(rigid(angles, shift)), axes)
    grid = grid_around(brain, voxel_mm)
    np.testing.assert_allclose(grid.voxel_size, voxel_mm, rtol=1e-6)
    assert nib.aff2axcodes(grid.affine) == ("R", "A", "S")
    assert np.linalg.det(grid.affine[:3, :3]) > 0
    directions = canonical(brain).affine[:3, :3] / canonical(brain).voxel_size
    np.testing.assert_allclose(grid.affine[:3, :3] / grid.voxel_size, directions, atol=1e-6)
    points = np.argwhere(brain.data > 0) @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    index = (points - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
    slack = (MARGIN_MM - 3.0) / np.array(voxel_mm)  # half a voxel of the brain image on each side
    assert (index > slack - 0.51).all()
    assert (index < np.array(grid.shape) - 1 - slack + 0.51).all()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Return the paths of a scan with all images on one grid, with and without its PET."""
    folder = tmp_path_factory.mktemp("grid")
    image = head()
    paths = {}

    def write(name, data, note=None):
        paths[name] = str(folder / f"{name}.nii.gz")
        save_volume(paths[name], data, image.affine, sidecar=note)

    brain = image.data > 0
    for name, value in VALUES.items():
        write(name, np.where(brain, value + 0.001 * image.data, 0))
    write("t1w", image.data)
    write("brain", brain.astype(np.uint8))
    write("tissue", np.where(brain, 3, 0).astype(np.uint8))
    write("lesion", np.zeros(image.shape, np.float32), {"LesionSource": "none"})
    for key in ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w"):
        paths[key] = str(folder / f"s_from-{key.split('_')[1]}_to-T1w_xfm.mat")
        write_transform(paths[key], np.eye(4))
    dvr = head(voxel=3.0)
    for axes in AXES:
        paths[axes] = str(folder / f"dvr_{axes}.nii.gz")
        turned = stored(dvr, axes)
        save_volume(paths[axes], 0.002 * turned.data, turned.affine)
    return paths


def registered(prepared, folder, **options):
    out = {key: str(folder / f"{key}.nii.gz") for key in ("fa", "rd", "ad", "mtr", "dvr", "fractions")}
    out["xfm_t1w_to_petref"] = str(folder / "s_from-T1w_to-petref_xfm.mat")
    given = RawImages.of(prepared | options.pop("images", {}))
    register_scan(
        given, Anatomy.of(prepared), OnPetGrid.of(out), registration=REGISTRATION, seed=1, **options
    )
    return out


def test_a_scan_without_pet_lies_on_a_grid_around_its_t1w(prepared, tmp_path):
    out = registered(prepared, tmp_path, voxel_mm=[4.0, 4.0, 5.0])
    grid = load_volume(out["mtr"])
    np.testing.assert_allclose(grid.voxel_size, [4, 4, 5], atol=1e-6)
    np.testing.assert_array_equal(world_matrix([out["xfm_t1w_to_petref"]]), np.eye(4))
    assert read_json(out["xfm_t1w_to_petref"].replace(".mat", ".json"))["Note"].startswith("no PET")
    # the map keeps its place in the world: its centre of mass stays
    given = load_volume(prepared["MTR"])

    def middle(volume):
        weight = volume.data / volume.data.sum()
        return [np.tensordot(weight, axis, 3) for axis in places(volume)]

    def places(volume):
        index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"))
        return np.tensordot(volume.affine[:3, :3], index, 1) + volume.affine[:3, 3, None, None, None]

    np.testing.assert_allclose(middle(grid), middle(given), atol=0.5)
    assert not Path(out["dvr"]).exists()


def test_without_a_model_there_is_no_grid_for_a_scan_without_pet(prepared, tmp_path):
    with pytest.raises(
        InputError, match="belongs to a scan without PET, whose voxel size is that of a model"
    ):
        registered(prepared, tmp_path)


def test_nan_of_a_dvr_map_is_0_on_petref_and_counted(prepared, tmp_path):
    dvr = load_volume(prepared["RAS"])
    data = dvr.data.copy()
    data[:, :, 30:] = np.nan
    save_volume(tmp_path / "given.nii.gz", data, dvr.affine)
    out = registered(prepared, tmp_path, images={"DVR": str(tmp_path / "given.nii.gz")})
    found = load_volume(out["dvr"]).data
    np.testing.assert_array_equal(found, np.nan_to_num(data))
    counts = read_json(out["dvr"].replace(".nii.gz", ".json"))["VoxelCounts"]
    assert counts == {"NaN": int(np.isnan(data).sum()), "WithoutValue": int((found == 0).sum())}


IMAGES = ("FA", "RD", "AD", "MTR", "t1w", "brain", "tissue", "lesion")


def moved(prepared, folder, axes, pose):
    """The images of a scan with its head in another pose, all stored in another order: dict of paths."""
    paths = dict(prepared)
    for key in (*IMAGES, "RAS"):
        image = load_volume(prepared[key])
        turned = stored(Volume(image.data, pose @ image.affine), axes)
        paths[key] = str(folder / f"{key}.nii.gz")
        whole = key in ("brain", "tissue")
        save_volume(paths[key], turned.data.astype(np.uint8) if whole else turned.data, turned.affine)
        note = Path(prepared[key].replace(".nii.gz", ".json"))
        if note.is_file():
            Path(paths[key].replace(".nii.gz", ".json")).write_text(note.read_text())
    return paths


@pytest.fixture(scope="module")
def as_ras(prepared, tmp_path_factory):
    """Outputs of the registration for the scan whose images are stored as RAS."""
    out = registered(prepared, tmp_path_factory.mktemp("ras"), images={"DVR": prepared["RAS"]})
    return {key: load_volume(out[key]) for key in ("dvr", "mtr")}


@pytest.mark.parametrize("axes", ["LAS", "PIR", "SAR"])
def test_the_order_in_which_a_pet_is_stored_changes_nothing(prepared, as_ras, tmp_path, axes):
    """Networks mirror left to right along the first axis; a PET stored as PIR would be mirrored front to back."""
    out = registered(prepared, tmp_path, images={"DVR": prepared[axes]})
    check_same_numbers(out, as_ras, np.eye(4))


@pytest.mark.parametrize("axes", ["RAS", "SAR"])
def test_an_oblique_scan_in_any_order_gives_the_same_numbers(prepared, as_ras, tmp_path, axes):
    pose = rigid((8, -14, 17), (12, -9, 7))
    paths = moved(prepared, tmp_path, axes, pose)
    (tmp_path / "out").mkdir()
    out = registered(paths, tmp_path / "out", images={"DVR": paths["RAS"]})
    check_same_numbers(out, as_ras, pose)


def check_same_numbers(out, expected, pose):
    """DVR is identical to the last bit, maps except for the registration; files are canonical with a true header."""
    for key, wanted in expected.items():
        found = load_volume(out[key])
        np.testing.assert_allclose(found.affine, pose @ wanted.affine, atol=1e-4)
        header = nib.load(out[key])
        assert nib.aff2axcodes(header.affine) == ("R", "A", "S")
        np.testing.assert_allclose(header.get_sform(), pose @ wanted.affine, atol=1e-4)
        assert header.header["sform_code"] > 0
        # readers that prefer the qform must find none, or the same place
        if header.header["qform_code"]:
            np.testing.assert_allclose(header.get_qform(), header.affine, atol=1e-3)
    found = {key: load_volume(out[key]).data for key in expected}
    np.testing.assert_array_equal(found["dvr"], expected["dvr"].data)
    difference = np.abs(found["mtr"] - expected["mtr"].data)
    assert np.median(difference[expected["mtr"].data > 0]) < 0.02
