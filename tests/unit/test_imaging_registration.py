"""The registration of a scan: every map and tissue is resampled once onto the PET grid, by reusable transforms."""

import dataclasses
from pathlib import Path

import ants
import numpy as np
import pytest
from known_heads import brain_points, contrast, moved, noisy, template_head
from test_imaging_geometry import rigid

from myelosketch.errors import GeometryError, InputError
from myelosketch.imaging.files import Anatomy, OnPetGrid, RawImages
from myelosketch.imaging.input_maps import load_map, tensor_contrast
from myelosketch.imaging.registration.error import target_error
from myelosketch.imaging.registration.fractions import read_fractions
from myelosketch.imaging.registration.itk import check_centres, to_ants, world_matrix
from myelosketch.imaging.registration.to_petref import (
    linear_settings,
    petref_chain,
    register_scan,
    register_to_t1w,
)
from myelosketch.imaging.registration.whole_head import without_air
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import Volume, load_volume, save_volume

REGISTRATION = {
    "metric": "mattes",
    "sampling": 0.2,
    "finest_mm": 4.0,
    "starts": 2,
    "dwi": "rigid",
    "phase_encoding": "",
    "pet_fwhm_mm": 0.0,
}
# values in CSF, grey and white matter
VALUES = {
    "FA": (0.05, 0.16, 0.45),
    "RD": (3.0, 0.8, 0.55),
    "AD": (3.0, 1.0, 1.15),
    "MTR": (2.0, 31.0, 41.0),
    "DVR": (0.6, 1.0, 1.27),
    "FLAIR": (100.0, 700.0, 600.0),
}
POSES = {
    "t1w": np.eye(4),
    "dwi": rigid((3, -4, 2), (2, 3, -3)),
    "MTR": rigid((-5, 2, 3), (-2, 4, 1)),
    "FLAIR": rigid((2, 3, -3), (-4, 1, 2)),
    "DVR": rigid((6, 5, -7), (5, -4, 3)),
}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Inputs of one scan on disk, registered: dict of all paths."""
    folder = tmp_path_factory.mktemp("scan")
    paths, images = {}, {}
    for name, values in VALUES.items():
        pose = POSES["dwi" if name in ("FA", "RD", "AD") else name]
        image = moved(contrast(*values), pose, 4.0 if name == "DVR" else 3.0)
        images[name] = Volume(
            np.where(image.data > 0.02 * image.data.max(), image.data, 0).astype(np.float32), image.affine
        )
    images["t1w"] = moved(template_head()[0], POSES["t1w"], 3.0)
    images["brain"] = Volume((images["t1w"].data > 0).astype(np.uint8), images["t1w"].affine)
    images["tissue"] = Volume(3 * images["brain"].data, images["t1w"].affine)
    images["lesion"] = Volume(np.zeros(images["t1w"].shape, np.float32), images["t1w"].affine)
    images["early"] = noisy(images["DVR"], 0.05, 1)
    for name, image in images.items():
        paths[name] = str(folder / f"{name}.nii.gz")
        note = {"LesionSource": "none"} if name == "lesion" else None
        save_volume(paths[name], image.data, image.affine, sidecar=note)
    for key in ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w", "xfm_flair_to_t1w", "xfm_t1w_to_petref"):
        paths[key] = str(folder / f"{key}.mat")
    for key in ("fa", "rd", "ad", "mtr", "dvr", "fractions"):
        paths[key] = str(folder / f"out_{key}.nii.gz")
    given, anatomy, on_petref = RawImages.of(paths), Anatomy.of(paths), OnPetGrid.of(paths)
    register_to_t1w(given, load_volume(paths["t1w"]), anatomy, registration=REGISTRATION, seed=1)
    register_scan(given, anatomy, on_petref, registration=REGISTRATION, seed=1)
    return paths


AIR = {"FA": (0, 1), "RD": (0, 9), "AD": (0, 9), "MTR": (-300, 300), "DVR": (-40, 40)}


def test_every_transform_is_found(scan):
    points = brain_points(load_volume(scan["DVR"]))
    for modality, name in (("T1w", "t1w"), ("dwi", "dwi"), ("MTR", "MTR"), ("FLAIR", "FLAIR")):
        found = world_matrix(petref_chain(scan["xfm_t1w_to_petref"], Anatomy.of(scan), modality))
        true = POSES[name] @ np.linalg.inv(POSES["DVR"])
        assert target_error(found, true, points)["median_mm"] < 0.5, modality


def test_every_map_lands_on_petref(scan):
    petref = load_volume(scan["DVR"])
    for key, name in (("fa", "FA"), ("mtr", "MTR")):
        result = load_volume(scan[key])
        np.testing.assert_allclose(result.affine, petref.affine)
        expected = moved(contrast(*VALUES[name]), POSES["DVR"], 4.0)
        inside = expected.data > 0.3 * expected.data.max()
        assert np.corrcoef(result.data[inside], expected.data[inside])[0, 1] > 0.9
    np.testing.assert_array_equal(load_volume(scan["dvr"]).data, petref.data)


def test_maps_that_were_never_masked_land_as_masked_ones_do(scan, tmp_path):
    """Noise fills the air of every map, as a fit without a mask leaves it; the brain reads as without."""
    paths, random = dict(scan), np.random.default_rng(5)
    for name, (low, high) in AIR.items():
        image = load_volume(scan[name])
        pose = POSES["dwi" if name in ("FA", "RD", "AD") else name]
        head = moved(contrast(1, 1, 1), pose, 4.0 if name == "DVR" else 3.0).data > 0
        noise = random.uniform(low, high, image.shape)
        paths[name] = str(tmp_path / f"{name}.nii.gz")
        save_volume(paths[name], np.where(head, image.data, noise), image.affine)
    paths["early"] = None
    for key in ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w", "xfm_flair_to_t1w", "xfm_t1w_to_petref"):
        paths[key] = str(tmp_path / f"{key}.mat")
    for key in ("fa", "rd", "ad", "mtr", "dvr", "fractions"):
        paths[key] = str(tmp_path / f"out_{key}.nii.gz")
    given, anatomy = RawImages.of(paths), Anatomy.of(paths)
    register_to_t1w(given, load_volume(paths["t1w"]), anatomy, registration=REGISTRATION, seed=1)
    register_scan(given, anatomy, OnPetGrid.of(paths), registration=REGISTRATION, seed=1)
    points = brain_points(load_volume(scan["DVR"]))
    for modality, name in (("T1w", "t1w"), ("dwi", "dwi"), ("MTR", "MTR")):
        found = world_matrix(petref_chain(paths["xfm_t1w_to_petref"], anatomy, modality))
        true = POSES[name] @ np.linalg.inv(POSES["DVR"])
        assert target_error(found, true, points)["median_mm"] < 0.7, modality
    brain = read_fractions(scan["fractions"])[0]["brain"]
    for key in ("fa", "rd", "ad", "mtr"):
        masked, whole = load_volume(scan[key]).data, load_volume(paths[key]).data
        assert not whole[brain == 0].any()
        inside = (brain > 0.99) & (masked != 0)
        np.testing.assert_allclose(np.median(whole[inside]), np.median(masked[inside]), rtol=0.01)
        error = np.abs(whole - masked)[inside] / masked[inside].std()
        assert np.percentile(error, 90) < 0.1, key


@pytest.mark.parametrize("name", ["MTR", "DVR"])
def test_the_head_is_found_in_the_noise_of_a_map_that_was_never_masked(scan, name):
    image = load_volume(scan[name])
    assert without_air(image) is image  # masked already
    random = np.random.default_rng(2)
    noise = random.uniform(*AIR[name], image.shape)
    noise[random.random(image.shape) < 0.02] *= 50  # peaks of a division by nearly 0
    found = without_air(Volume(np.where(image.data == 0, noise, image.data), image.affine)).data != 0
    head = image.data != 0
    assert 2 * (found & head).sum() / (found.sum() + head.sum()) > 0.9


def test_tissues_land_on_petref(scan):
    petref = load_volume(scan["DVR"])
    fractions, affine = read_fractions(scan["fractions"])
    np.testing.assert_allclose(affine, petref.affine)
    head = petref.data > 0.5 * petref.data.max()
    assert fractions["white"][head].mean() > 0.95


def test_plain_ants_moves_a_map_as_we_did(scan):
    """FA is resampled to coarser voxels, so it is smoothed first. Without smoothing, the chain alone gives our
    image."""
    petref, fine = load_volume(scan["DVR"]), load_volume(scan["FA"])
    chain = petref_chain(scan["xfm_t1w_to_petref"], Anatomy.of(scan), "dwi")
    for suffix in (".mat", ".txt"):
        plain = ants.apply_transforms(
            to_ants(petref), to_ants(fine), transformlist=[path.replace(".mat", suffix) for path in chain]
        )
        inside = load_volume(scan["fa"]).data > 0.1
        assert np.abs(plain.numpy() - load_volume(scan["fa"]).data)[inside].mean() < 0.02


def test_sidecars_say_what_was_done(scan):
    note = read_json(scan["xfm_mtr_to_t1w"].replace(".mat", ".json"))
    assert note["Sources"] == ["t1w.nii.gz", "MTR.nii.gz"]
    assert (note["Kind"], note["StartsTried"]) == ("Rigid", 2)
    note = read_json(sidecar_path(scan["fa"]))
    assert note["Sources"] == ["FA.nii.gz", "xfm_t1w_to_petref.mat", "xfm_dwi_to_t1w.mat"]


def test_the_early_frames_carry_the_anatomy(scan, tmp_path):
    """T1w is registered to them where they are there, and only to them."""
    outputs = {key: str(tmp_path / f"{key}.nii.gz") for key in ("fa", "rd", "ad", "mtr", "dvr", "fractions")}
    outputs["xfm_t1w_to_petref"] = str(tmp_path / "xfm.mat")
    inputs = scan | {"pet_anatomy": scan["early"]}
    register_scan(
        RawImages.of(inputs), Anatomy.of(inputs), OnPetGrid.of(outputs),
        registration=REGISTRATION | {"pet_fwhm_mm": 9.0}, seed=1,
    )  # fmt: skip
    assert read_json(tmp_path / "xfm.json")["Sources"] == ["t1w.nii.gz", "early.nii.gz"]
    assert (tmp_path / "xfm.mat").read_bytes() != Path(scan["xfm_t1w_to_petref"]).read_bytes()
    sharp, smooth = load_volume(scan["mtr"]).data, load_volume(outputs["mtr"]).data
    both = (sharp > 0) & (smooth > 0)
    assert smooth[both].std() < 0.9 * sharp[both].std()
    assert smooth[both].mean() == pytest.approx(sharp[both].mean(), rel=0.02)


def test_early_frames_on_another_grid(scan, tmp_path):
    other = load_volume(scan["early"])
    path = str(tmp_path / "early.nii.gz")
    save_volume(path, other.data[:-1], other.affine)
    images = RawImages.of(scan | {"pet_anatomy": path})
    with pytest.raises(GeometryError) as error:
        register_scan(images, Anatomy.of(scan), OnPetGrid(), registration=REGISTRATION, seed=1)
    assert str(error.value) == (
        f"{path} (mean of the early PET frames) is not on the grid of {scan['DVR']}: "
        "delete it, so that it is computed again from the PET of the DVR map."
    )


def test_an_affine_for_the_diffusion_maps(scan, tmp_path):
    outputs = {key: str(tmp_path / f"{key}.mat") for key in ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w")}
    head = load_volume(scan["t1w"])
    register_to_t1w(
        RawImages.of(scan), head, Anatomy.of(outputs), registration=REGISTRATION | {"dwi": "affine"}, seed=1
    )
    kinds = [read_json(path.replace(".mat", ".json"))["Kind"] for path in outputs.values()]
    assert kinds == ["Affine", "Rigid"]
    assert not np.isclose(np.linalg.det(world_matrix([outputs["xfm_dwi_to_t1w"]])), 1, atol=1e-6)


def test_a_displacement_needs_an_axis_before_any_work(scan, tmp_path):
    outputs = {"warp_dwi": str(tmp_path / "warp.nii.gz"), "xfm_dwi_to_t1w": str(tmp_path / "a.mat")}
    with pytest.raises(InputError, match="^The diffusion image has no PhaseEncodingDirection"):
        register_to_t1w(
            RawImages.of(scan),
            load_volume(scan["t1w"]),
            Anatomy.of(outputs),
            registration=REGISTRATION | {"dwi": "deformable"},
            seed=1,
        )
    assert not list(tmp_path.iterdir())


def test_the_displacement_is_last_in_the_chain():
    plain = Anatomy(xfm_dwi_to_t1w="b.mat", xfm_mtr_to_t1w="c.mat")
    warped = dataclasses.replace(plain, warp_dwi="w.nii.gz")
    assert petref_chain("a.mat", plain, "T1w") == ["a.mat"]
    assert petref_chain("a.mat", plain, "dwi") == ["a.mat", "b.mat"]
    assert petref_chain("a.mat", warped, "dwi") == ["a.mat", "b.mat", "w.nii.gz"]
    assert petref_chain("a.mat", warped, "MTR") == ["a.mat", "c.mat"]


def test_files_of_a_kind_are_picked_by_name_and_a_blank_one_is_none():
    files = {"FA": "fa.nii.gz", "FLAIR": [], "t1w": "a.nii.gz", "lesion_space": None, "inspection": "x.json"}
    assert RawImages.of(files) == RawImages(FA="fa.nii.gz")
    assert Anatomy.of(files) == Anatomy(t1w="a.nii.gz")


def test_settings_of_a_linear_registration():
    assert linear_settings(REGISTRATION, 7) == {
        "metric": "mattes",
        "sampling": 0.2,
        "finest_mm": 4.0,
        "starts": 2,
        "seed": 7,
    }


def test_heads_that_end_apart_are_refused():
    head = moved(template_head()[0], np.eye(4), 4.0)
    with pytest.raises(
        InputError, match="for out.mat ended with the two heads 78 mm apart: inspect both images"
    ):
        check_centres(head, head, rigid((0, 0, 0), (60, 50, 0)), "out.mat")


def test_maps_of_one_acquisition_on_two_grids(good_maps):
    other = load_volume(good_maps["RD"])
    save_volume(good_maps["RD"], other.data[:-1], other.affine)
    head = load_volume(good_maps["T1w"])
    with pytest.raises(
        GeometryError, match=r"FA.nii.gz has shape \(12, 12, 12\) but .*RD.nii.gz has \(11, 12, 12\)"
    ):
        register_to_t1w(RawImages.of(good_maps), head, Anatomy(), registration=REGISTRATION, seed=1)


def test_values_are_converted_where_a_map_is_read(good_maps):
    plain, thousand = (load_map("RD", good_maps["RD"], unit).data for unit in ("1e-3 mm2/s", "mm2/s"))
    np.testing.assert_allclose(thousand, 1000 * plain, rtol=1e-6)


def test_a_binding_potential_becomes_a_dvr_and_what_is_outside_stays_outside(good_maps):
    dvr = load_volume(good_maps["DVR"])
    bp = np.where(dvr.data == 0, 0, dvr.data - 1).astype(np.float32)
    save_volume(good_maps["DVR"], bp, dvr.affine)
    np.testing.assert_allclose(load_map("DVR", good_maps["DVR"], "BPnd").data, dvr.data, atol=1e-6)
    assert ((dvr.data == 0) == (load_map("DVR", good_maps["DVR"], "BPnd").data == 0)).all()


def test_tensor_contrast_orders_tissue_like_a_t1w():
    fa, rd, ad = (
        np.array(values, np.float32).reshape(2, 2, 1)
        for values in ((0.45, 0.15, 0.05, 0), (0.55, 0.8, 3, 0), (1.15, 1, 3, 0))
    )
    maps = {name: Volume(data, np.eye(4)) for name, data in (("FA", fa), ("RD", rd), ("AD", ad))}
    white, grey, fluid, air = tensor_contrast(maps).data.ravel()
    assert white > grey > fluid > air == 0
