"""Registration and tissue on the MNI152 template: known moves are found, known tissue comes back."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter
from test_imaging_geometry import rigid, write_transform

from myelosketch.errors import GeometryError, InputError
from myelosketch.imaging.itk import check_centres, from_ants, register, to_ants, world_matrix
from myelosketch.imaging.registration import register_scan, tensor_contrast
from myelosketch.imaging.registration_error import target_error
from myelosketch.imaging.tissue import (
    TISSUE_CODES,
    atropos,
    brain_mask,
    correct_bias,
    fill_lesions,
    load_template,
    segment_tissue,
)
from myelosketch.volumes import Volume, load_volume, save_volume

SETTINGS = {"kind": "Rigid", "metric": "mattes", "sampling": 0.2, "finest_mm": 4.0, "seed": 1}


@pytest.fixture(scope="module")
def template():
    head, priors = load_template()
    csf, grey, white = (from_ants(prior).data for prior in priors)
    return from_ants(head), csf, grey, white


def moved(volume, pose, voxel, side=180.0):
    """``volume`` as seen by a head that ``pose`` (world to world) has moved, on a new grid around it."""
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = np.array([-side / 2, -side / 2 - 20, -side / 2 + 15])
    shape = (int(side / voxel), int(side * 1.2 / voxel), int(side / voxel))
    mapping = np.linalg.inv(volume.affine) @ np.linalg.inv(pose) @ affine
    blurred = gaussian_filter(volume.data, voxel / volume.voxel_size / 2.5)
    return Volume(affine_transform(blurred, mapping[:3, :3], mapping[:3, 3], shape, order=1), affine)


def brain_points(volume):
    return np.argwhere(volume.data > 0)[::50] @ volume.affine[:3, :3].T + volume.affine[:3, 3]


@pytest.mark.parametrize(
    ("angles", "shift"), [((9, -6, 8), (7, -8, 5)), ((-10, 10, -4), (-6, 3, -8))], ids=["one", "two"]
)
def test_a_known_move_to_pet_contrast_is_found_and_repeats(tmp_path, template, angles, shift):
    head, _, grey, white = template
    pose = rigid(angles, shift)
    noise = np.random.default_rng(3)
    pet = moved(Volume(1.0 * grey + 1.27 * white, head.affine), pose, 4.0)
    pet = Volume(pet.data + (pet.data > 0.3) * noise.normal(0, 0.06, pet.shape), pet.affine)
    t1w = moved(head, np.eye(4), 3.0)
    for name in ("a", "b"):
        register(to_ants(pet), to_ants(t1w), tmp_path / f"{name}.mat", **SETTINGS)
    error = target_error(world_matrix([tmp_path / "a.mat"]), np.linalg.inv(pose), brain_points(pet))
    assert error["median_mm"] < 1.0
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()


def test_every_map_lands_on_petref(tmp_path, template):
    head, csf, grey, white = template
    poses = {"t1w": np.eye(4), "dwi": rigid((3, -4, 2), (2, 3, -3)), "MTR": rigid((-5, 2, 3), (-2, 4, 1))}
    poses["DVR"] = rigid((6, 5, -7), (5, -4, 3))
    flat = {
        "FA": 0.45 * white + 0.16 * grey + 0.05 * csf,
        "RD": 0.55 * white + 0.8 * grey + 3 * csf,
        "AD": 1.15 * white + 1.0 * grey + 3 * csf,
        "MTR": 41 * white + 31 * grey + 2 * csf,
        "DVR": 1.27 * white + 1.0 * grey + 0.6 * csf,
        "t1w": head.data,
    }
    inputs = {}
    for name, data in flat.items():
        pose = poses["dwi" if name in ("FA", "RD", "AD") else name]
        volume = moved(Volume(data, head.affine), pose, 4.0 if name == "DVR" else 3.0)
        inputs[name] = str(tmp_path / f"{name}.nii.gz")
        save_volume(
            inputs[name], np.where(volume.data > 0.02 * volume.data.max(), volume.data, 0), volume.affine
        )
    brain = load_volume(inputs["t1w"])
    inputs["brain"] = str(tmp_path / "brain.nii.gz")
    save_volume(inputs["brain"], brain.data > 0, brain.affine)
    keys = ("xfm_t1w_to_petref", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w", "fa", "rd", "ad", "mtr", "dvr")
    outputs = {key: str(tmp_path / f"out_{key}{'.mat' if 'xfm' in key else '.nii.gz'}") for key in keys}
    register_scan(
        inputs, outputs, **{key: SETTINGS[key] for key in ("metric", "sampling", "finest_mm", "seed")}
    )
    petref = load_volume(inputs["DVR"])
    points = brain_points(petref)
    for name, chain in (("dwi", "xfm_dwi_to_t1w"), ("MTR", "xfm_mtr_to_t1w")):
        found = world_matrix([outputs["xfm_t1w_to_petref"], outputs[chain]])
        error = target_error(found, poses[name] @ np.linalg.inv(poses["DVR"]), points)
        assert error["median_mm"] < 1.0
    for key, name in (("fa", "FA"), ("mtr", "MTR")):
        result = load_volume(outputs[key])
        np.testing.assert_allclose(result.affine, petref.affine)
        expected = moved(Volume(flat[name], head.affine), poses["DVR"], 4.0)
        inside = expected.data > 0.3 * expected.data.max()
        assert np.corrcoef(result.data[inside], expected.data[inside])[0, 1] > 0.9
    np.testing.assert_array_equal(load_volume(outputs["dvr"]).data, petref.data)


def test_heads_that_end_apart_are_refused(tmp_path, template):
    head = moved(template[0], np.eye(4), 4.0)
    path = write_transform(tmp_path / "wrong.mat", rigid((0, 0, 0), (60, 50, 0)))
    with pytest.raises(
        InputError, match="for out.mat ended with the two heads 78 mm apart: look at both images"
    ):
        check_centres(to_ants(head), to_ants(head), path, "out.mat")


def test_bias_correction_and_tissue_repeat_to_the_bit(template):
    """Also after other work has passed through the same memory, and on sides that N4 does not divide."""
    head, csf, grey, white = template
    part = tuple(slice(9, side - 8) for side in head.shape)
    head = Volume(np.ascontiguousarray(head.data[part]), head.affine)
    brain = (csf + grey + white)[part] > 0.5
    priors = [prior[part] for prior in (csf, grey, white)]
    found = []
    for _ in range(2):
        corrected = correct_bias(head)
        labels = atropos(corrected, brain, priors, weight=0.25, iterations=1, smoothing=0.1)
        found.append((corrected.numpy(), labels))
        for count in (10**4, 10**6, 10**7):
            np.full(count, 1e6, np.float32)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_maps_of_one_acquisition_on_two_grids(tmp_path, good_maps):
    other = load_volume(good_maps["RD"])
    save_volume(good_maps["RD"], other.data[:-1], other.affine)
    inputs = {**good_maps, "t1w": good_maps["T1w"], "brain": good_maps["lesion_mask"]}
    with pytest.raises(
        GeometryError, match=r"FA.nii.gz has shape \(12, 12, 12\) but .*RD.nii.gz has \(11, 12, 12\)"
    ):
        register_scan(inputs, {}, metric="mattes", sampling=0.2, finest_mm=4.0, seed=1)


def test_tensor_contrast_orders_tissue_like_a_t1w():
    fa, rd, ad = (
        np.array(values, np.float32).reshape(2, 2, 1)
        for values in ((0.45, 0.15, 0.05, 0), (0.55, 0.8, 3, 0), (1.15, 1, 3, 0))
    )
    maps = {name: Volume(data, np.eye(4)) for name, data in (("FA", fa), ("RD", rd), ("AD", ad))}
    white, grey, fluid, air = tensor_contrast(maps).data.ravel()
    assert white > grey > fluid > air == 0


@pytest.mark.parametrize("with_lesion", [True, False])
def test_tissue_of_the_template_comes_back(tmp_path, template, with_lesion):
    head, _, grey, white = template
    pose = rigid((4, 3, -5), (3, -5, 4))
    truth = moved(Volume((white > grey).astype(np.float32) * (white > 0.3), head.affine), pose, 2.5)
    t1w = moved(head, pose, 2.5)
    lesion = np.zeros(t1w.shape, bool)
    if with_lesion:
        core = gaussian_filter(truth.data, 3)
        lesion = core > np.percentile(core, 99.9)
        t1w.data[lesion] *= 0.6
        save_volume(tmp_path / "lesion.nii.gz", lesion, t1w.affine)
    save_volume(tmp_path / "t1w.nii.gz", t1w.data * 3.7, t1w.affine)
    outputs = {key: str(tmp_path / f"{key}.nii.gz") for key in ("t1w", "brain", "tissue")}
    outputs["xfm_t1w_to_mni"] = str(tmp_path / "xfm.mat")
    segment_tissue(
        str(tmp_path / "t1w.nii.gz"),
        str(tmp_path / "lesion.nii.gz") if with_lesion else None,
        outputs,
        prior_weight=0.25,
        iterations=2,
        smoothing=0.1,
        sampling=0.2,
        seed=1,
    )
    found = load_volume(outputs["tissue"]).data
    is_white, expected = found == TISSUE_CODES["white matter"], truth.data > 0.5
    dice = 2 * (is_white & expected).sum() / (is_white.sum() + expected.sum())
    assert dice > 0.85
    assert is_white[lesion].all()
    assert not found[load_volume(outputs["brain"]).data == 0].any()


def test_lesions_take_the_white_matter_around_them():
    generator = np.random.default_rng(0)
    intensities = generator.normal(700, 5, (20, 20, 20)).astype(np.float32)
    lesion = np.zeros(intensities.shape, bool)
    lesion[8:12, 8:12, 8:12] = True
    intensities[lesion] = 300
    everywhere = np.ones(intensities.shape)
    filled = fill_lesions(intensities, lesion, everywhere, everywhere > 0, np.array([2.0, 2, 2]))
    assert filled[lesion].mean() == pytest.approx(700, abs=3)
    np.testing.assert_array_equal(filled[~lesion], intensities[~lesion])


def test_no_brain_in_the_image():
    with pytest.raises(InputError, match="does not meet the T1w image"):
        brain_mask(np.ones((9, 9, 9)), np.zeros((9, 9, 9)), np.array([2.0, 2, 2]))
