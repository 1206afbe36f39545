"""Alignments that the user gives: used unchanged, and measured, reported and judged like a registration."""

import json

import numpy as np
import pytest
from known_heads import contrast, moved
from test_imaging_quality import LIMITS, check, rigid, scan, write_transform  # noqa: F401
from test_imaging_registration import REGISTRATION
from test_imaging_registration import scan as registered  # noqa: F401

from myelosketch.imaging.files import IDENTITY, Anatomy, OnPetGrid, RawImages, given_transforms
from myelosketch.imaging.registration import to_petref
from myelosketch.imaging.registration.itk import world_matrix
from myelosketch.imaging.registration.to_petref import register_scan, register_to_t1w
from myelosketch.io.provenance import file_hash, read_json
from myelosketch.io.volumes import Volume, load_volume, save_volume

OUTPUTS = ("fa", "rd", "ad", "mtr", "dvr", "fractions", "warp_dwi")
TRANSFORMS = ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w", "xfm_flair_to_t1w", "xfm_t1w_to_petref")


def outputs_in(folder, *, warp=False):
    paths = {name: str(folder / f"{name}.nii.gz") for name in OUTPUTS if warp or name != "warp_dwi"}
    return paths | {name: str(folder / f"{name}.mat") for name in TRANSFORMS}


def place(inputs, outputs, given, **registration):
    images = RawImages.of(inputs | {"given": given})
    registration = REGISTRATION | registration
    anatomy = Anatomy.of(inputs | outputs)
    register_to_t1w(images, load_volume(inputs["t1w"]), anatomy, registration=registration, seed=1)
    register_scan(images, anatomy, OnPetGrid.of(outputs), registration=registration, seed=1)


@pytest.fixture
def no_registration(monkeypatch):
    def refuse(*images, **how):
        raise AssertionError("an image is registered although its alignment is given")

    monkeypatch.setattr(to_petref, "register", refuse)
    monkeypatch.setattr(to_petref, "find_warp", refuse)


def given_of(registered, folder):  # noqa: F811
    """The transforms of a registered scan in the forms that users have."""
    back = np.linalg.inv(world_matrix([registered["xfm_t1w_to_petref"]]))
    return {
        "dwi": registered["xfm_dwi_to_t1w"],
        "MTR": registered["xfm_mtr_to_t1w"].replace(".mat", ".txt"),
        "FLAIR": registered["xfm_flair_to_t1w"],
        "pet": str(write_transform(folder / "pet_to_t1w.mat", back)),
    }


def test_the_own_transforms_given_back_give_the_same_maps(registered, tmp_path, no_registration):  # noqa: F811
    outputs, given = outputs_in(tmp_path), given_of(registered, tmp_path)
    place(registered, outputs, given)
    for key in ("fa", "rd", "ad", "mtr", "dvr", "fractions"):
        ours, theirs = (load_volume_or_series(files[key]) for files in (outputs, registered))
        np.testing.assert_allclose(ours, theirs, atol=1e-4, err_msg=key)
    note = read_json(outputs["xfm_mtr_to_t1w"].replace(".mat", ".json"))
    assert (note["Kind"], note["Given"]) == ("Given", "xfm_mtr_to_t1w.txt")
    assert note["GivenSHA256"] == file_hash(given["MTR"])
    assert note["Sources"] == ["t1w.nii.gz", "MTR.nii.gz", "xfm_mtr_to_t1w.txt"]


def load_volume_or_series(path):
    import nibabel as nib

    return np.asarray(nib.load(path).dataobj)


def test_a_displacement_is_not_looked_for_where_the_alignment_is_given(registered, tmp_path, no_registration):  # noqa: F811
    outputs = outputs_in(tmp_path, warp=True)
    place(registered, outputs, given_of(registered, tmp_path), dwi="deformable")
    assert not load_volume_or_series(outputs["warp_dwi"]).any()
    np.testing.assert_allclose(load_volume(outputs["fa"]).data, load_volume(registered["fa"]).data, atol=1e-4)


@pytest.fixture
def on_one_grid(registered, tmp_path):  # noqa: F811
    """Every image of a scan on the grid of its PET, whose voxels are no cubes and whose file is stored P, S, R."""
    values = {
        "FA": (0.05, 0.16, 0.45),
        "RD": (3.0, 0.8, 0.55),
        "AD": (3.0, 1.0, 1.15),
        "MTR": (2.0, 31.0, 41.0),
    }
    inputs = dict(registered)
    images = {name: moved(contrast(*three), np.eye(4), (3.0, 3.0, 6.0)) for name, three in values.items()}
    images["t1w"] = images["DVR"] = moved(contrast(0.6, 1.0, 1.27), np.eye(4), (3.0, 3.0, 6.0))
    for name, image in images.items():
        data = np.where(image.data > 0.02 * image.data.max(), image.data, 0).astype(np.float32)
        if name == "DVR":
            turn = np.array([[0, 0, 1, 0], [-1, 0, 0, data.shape[1] - 1], [0, 1, 0, 0], [0, 0, 0, 1]], float)
            images[name] = Volume(np.transpose(data, (1, 2, 0))[::-1], image.affine @ turn)
        else:
            images[name] = Volume(data, image.affine)
        inputs[name] = str(tmp_path / f"one_{name}.nii.gz")
        save_volume(inputs[name], images[name].data, images[name].affine)
    for name in ("brain", "tissue", "lesion"):
        inputs[name] = str(tmp_path / f"one_{name}.nii.gz")
        inside = (images["t1w"].data > 0).astype(np.float32) * {"brain": 1, "tissue": 3, "lesion": 0}[name]
        note = {"LesionSource": "none"} if name == "lesion" else None
        save_volume(inputs[name], inside, images["t1w"].affine, sidecar=note)
    return inputs


def test_what_lies_on_the_grid_of_the_pet_is_not_interpolated(on_one_grid, tmp_path, no_registration):
    outputs = outputs_in(tmp_path)
    place(on_one_grid, outputs, dict.fromkeys(("dwi", "MTR", "FLAIR", "pet"), IDENTITY))
    for key, name in (("fa", "FA"), ("rd", "RD"), ("ad", "AD"), ("mtr", "MTR"), ("dvr", "t1w")):
        found, given = load_volume(outputs[key]), load_volume(on_one_grid[name])
        np.testing.assert_allclose(found.affine, given.affine, atol=1e-6)
        np.testing.assert_array_equal(found.data, given.data, err_msg=key)
    white = load_volume_or_series(outputs["fractions"])[..., 3]
    np.testing.assert_array_equal(white > 0, load_volume(on_one_grid["brain"]).data > 0)
    note = read_json(outputs["xfm_t1w_to_petref"].replace(".mat", ".json"))
    assert (note["Kind"], note["Given"], "GivenSHA256" in note) == ("Given", "identity", False)


def test_a_file_of_the_table_comes_before_the_configuration():
    files = {"xfm_dwi": "a.lta", "xfm_MTR": [], "FA": "fa.nii.gz"}
    assert given_transforms(files, ["MTR"]) == {"dwi": "a.lta", "MTR": "identity"}


# --- the quality control


def judged(inputs, given, folder):
    """What is wrong with each image, and the rows, of a scan whose transforms are (said to be) given."""
    content, wrong = check(inputs | {"given": given}, folder)
    return wrong, {row["modality"]: row for row in content["rows"]}


def test_a_right_one_is_measured_and_passes(scan, tmp_path):  # noqa: F811
    wrong, rows = judged(scan, {"dwi": scan["xfm_dwi_to_t1w"], "pet": "elsewhere/pet.lta"}, tmp_path)
    assert wrong == {"pet": [], "dwi": [], "MTR": [], "MNI152": []}
    assert [rows[name].get("given") for name in ("pet", "dwi", "MTR")] == [
        "pet.lta",
        "xfm_dwi_to_t1w.mat",
        None,
    ]
    assert rows["dwi"]["repeat_mm"] < 1 < LIMITS["repeat_mm"] < rows["dwi"]["turned_repeat_mm"]
    assert rows["dwi"]["inverse_mm"] is not None
    sources = json.loads((tmp_path / "qc.json").read_text())["Sources"]
    assert {"xfm_dwi_to_t1w.mat", "pet.lta"} <= set(sources)


def test_wrong_ones_are_refused_by_what_they_are(scan, tmp_path):  # noqa: F811
    """10 mm off; inverted; declared to be on the T1w, but is not."""
    off = rigid((0, 0, 0), (0, 10, 0)) @ world_matrix([scan["xfm_dwi_to_t1w"]])
    back = np.linalg.inv(world_matrix([scan["xfm_mtr_to_t1w"]]))
    inputs = scan | {
        "xfm_dwi_to_t1w": str(write_transform(tmp_path / "off.mat", off)),
        "xfm_mtr_to_t1w": str(write_transform(tmp_path / "back.mat", back)),
        "xfm_t1w_to_petref": str(write_transform(tmp_path / "same.mat", np.eye(4))),
    }
    given = {"dwi": inputs["xfm_dwi_to_t1w"], "MTR": inputs["xfm_mtr_to_t1w"], "pet": IDENTITY}
    wrong, rows = judged(inputs, given, tmp_path)
    assert rows["dwi"]["repeat_mm"] == pytest.approx(10, abs=0.5)
    said = {name: " and ".join(sentences) for name, sentences in wrong.items()}
    assert said["dwi"].startswith("as placed by the given transform (off.mat) ")
    assert "placed 10." in said["dwi"] or "placed 9." in said["dwi"]
    assert said["dwi"].endswith("; does it map dwi to T1w?")
    assert said["MTR"].startswith("as placed by the given transform (back.mat) ")
    assert said["MTR"].endswith("; its inverse fits: give the transform from MTR to T1w")
    assert said["pet"].startswith("in its own position (registration.given) ")
    assert said["pet"].endswith("; is it in the space of the T1w?")


def test_a_given_affine_of_the_diffusion_maps_is_compared_with_affine_registrations(scan, tmp_path):  # noqa: F811
    """As with registration.dwi: affine; any other image keeps its size."""
    larger = np.diag([1.03, 1.03, 1.03, 1]) @ world_matrix([scan["xfm_dwi_to_t1w"]])
    inputs = scan | {"xfm_dwi_to_t1w": str(write_transform(tmp_path / "affine.mat", larger))}
    wrong, rows = judged(inputs, {"dwi": inputs["xfm_dwi_to_t1w"], "MTR": "rigid.mat"}, tmp_path)
    assert rows["dwi"]["missing"]["stretch_mm"] == "not computed: a free shape is not informative here"
    assert rows["dwi"]["repeat_mm"] > 1 > rows["MTR"]["repeat_mm"]
    assert rows["MTR"]["stretch_mm"] is not None
