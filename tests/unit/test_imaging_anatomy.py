"""The head in T1w space from start to end: files, grids, notes, the source of lesions, and refusals."""

import nibabel as nib
import numpy as np
import pytest
from known_heads import moved, noisy, template_head
from scipy.ndimage import binary_dilation, gaussian_filter
from test_imaging_geometry import rigid

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy import head as anatomy
from myelosketch.imaging.anatomy.tissue import TISSUE_CODES
from myelosketch.imaging.files import Anatomy, RawImages
from myelosketch.imaging.registration.transforms import save_matrix, world_matrix
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import Volume, load_volume, save_volume

SETTINGS = {
    "tissue": {"template": "affine", "prior_weight": 0.25, "iterations": 1, "smoothing": 0.1},
    "lesions": {
        "threshold": 0.5,
        "label": None,
        "flair": {"seed_sd": 2.5, "grow_sd": 1.5, "min_mm3": 30, "rim_mm": 2.0},
    },
    "registration": {
        "metric": "mattes",
        "sampling": 0.2,
        "finest_mm": 4.0,
        "starts": 0,
        "dwi": "rigid",
        "phase_encoding": "",
    },
    "seed": 1,
}
POSE = rigid((4, 3, -5), (3, -5, 4))
VOXEL, SIDE = 3.0, 220.0
FLAIR_MOVE = rigid((0, 0, 0), (6, -3, 9))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The first result of ``place_template``; other tests cover the registration."""
    known, real = {}, anatomy.place_template

    def once(t1w, out, **settings):
        if t1w.shape not in known:
            known[t1w.shape] = real(t1w, out, **settings), world_matrix([out])
        priors, matrix = known[t1w.shape]
        save_matrix(out, matrix)
        return priors

    return once


@pytest.fixture
def case(tmp_path, monkeypatch, place):
    """Inputs and outputs of a patient: T1w with a dark lesion, its mask, a FLAIR (elsewhere) where it is bright."""

    def registered(inputs, head, outputs, **_):
        assert (head.data > 0).mean() < 0.6  # only the brain
        save_matrix(outputs.xfm_dwi_to_t1w, np.eye(4))
        save_matrix(outputs.xfm_mtr_to_t1w, np.eye(4))
        if outputs.xfm_flair_to_t1w:
            save_matrix(outputs.xfm_flair_to_t1w, FLAIR_MOVE)

    monkeypatch.setattr(anatomy, "place_template", place)
    monkeypatch.setattr(anatomy, "register_to_t1w", registered)
    head, csf, grey, white = template_head()
    core = gaussian_filter(white, 2)
    x = np.indices(head.shape)[0]
    lesion = (core > 0.93) & (x < head.shape[0] // 2 - 8)
    t1w = noisy(
        moved(Volume(np.where(lesion, 0.6 * head.data, head.data), head.affine), POSE, VOXEL, SIDE), 0.02, 1
    )
    flair = 18 * csf + 126 * grey + 100 * white
    flair = noisy(moved(Volume(np.where(lesion, 190, flair), head.affine), POSE, VOXEL, SIDE), 0.03, 2)
    mask = moved(Volume(lesion.astype(np.float32), head.affine), POSE, VOXEL, SIDE)
    images = {
        "T1w": t1w,
        "lesion_mask": Volume(mask.data > 0.5, mask.affine),
        "FLAIR": Volume(flair.data, FLAIR_MOVE @ flair.affine),
    }
    inputs = {"segmentation": None, "dwi_json": None, "lesion_space": "T1w"}
    for name, volume in images.items():
        inputs[name] = str(tmp_path / f"{name}.nii.gz")
        save_volume(inputs[name], volume.data, volume.affine)
    outputs = {key: str(tmp_path / f"out_{key}.nii.gz") for key in ("t1w", "brain", "tissue", "lesion")}
    for key in ("xfm_t1w_to_mni", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w"):
        outputs[key] = str(tmp_path / f"{key}.mat")
    return inputs, outputs, tmp_path


def run(inputs, outputs, **changes):
    """Run it, and return the four images and their notes."""
    anatomy.prepare_anatomy(RawImages.of(inputs), Anatomy.of(outputs), **{**SETTINGS, **changes})
    names = ("t1w", "brain", "tissue", "lesion")
    return (
        {name: load_volume(outputs[name]) for name in names},
        {name: read_json(sidecar_path(outputs[name])) for name in names},
    )


def test_a_mask_on_the_t1w_image(case):
    inputs, outputs, _ = case
    images, notes = run(inputs, outputs)
    t1w, mask = load_volume(inputs["T1w"]), load_volume(inputs["lesion_mask"]).data > 0
    for image in images.values():
        assert image.shape == t1w.shape
        np.testing.assert_allclose(image.affine, t1w.affine, atol=1e-5)
    np.testing.assert_array_equal(images["lesion"].data, mask)
    tissue = images["tissue"].data
    assert (tissue[mask] == TISSUE_CODES["white matter"]).all()
    np.testing.assert_array_equal(tissue > 0, images["brain"].data > 0)
    assert (notes["lesion"]["LesionSource"], notes["lesion"]["LesionSpace"]) == ("mask", "T1w")
    assert notes["tissue"]["Segmentation"] == "atropos"
    assert notes["tissue"]["SkullStripped"] is True
    assert notes["tissue"]["Labels"] == TISSUE_CODES
    assert notes["brain"]["TemplateLikeness"] > 0.5


def test_a_mask_on_the_flair_comes_to_the_same_place(case):
    inputs, outputs, folder = case
    drawn = load_volume(inputs["lesion_mask"])
    save_volume(folder / "on_flair.nii.gz", drawn.data, FLAIR_MOVE @ drawn.affine)
    inputs |= {"lesion_mask": str(folder / "on_flair.nii.gz"), "lesion_space": "FLAIR"}
    outputs["xfm_flair_to_t1w"] = str(folder / "xfm_flair_to_t1w.mat")
    images, notes = run(inputs, outputs)
    np.testing.assert_allclose(images["lesion"].data, drawn.data > 0, atol=1e-3)
    assert notes["lesion"]["LesionSpace"] == "FLAIR"


def test_lesions_are_found_on_the_flair(case):
    inputs, outputs, folder = case
    mask = load_volume(inputs["lesion_mask"]).data > 0
    outputs["xfm_flair_to_t1w"] = str(folder / "xfm_flair_to_t1w.mat")
    images, notes = run(inputs | {"lesion_mask": None}, outputs)
    found = images["lesion"].data > 0
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.5
    assert set(np.unique(images["lesion"].data)) == {0.0, 1.0}
    assert (images["tissue"].data[found] == TISSUE_CODES["white matter"]).all()
    assert (notes["lesion"]["LesionSource"], notes["lesion"]["LesionSpace"]) == ("flair", "FLAIR")


def test_a_control_has_no_lesions(case):
    inputs, outputs, _ = case
    images, notes = run(inputs | {"lesion_mask": None, "FLAIR": None}, outputs)
    assert images["lesion"].data.dtype == np.float32
    assert not images["lesion"].data.any()
    assert (notes["lesion"]["LesionSource"], notes["lesion"]["LesionSpace"]) == ("none", None)


def test_a_segmentation_of_the_user_is_used_as_it_is(case):
    inputs, outputs, folder = case
    head, csf, grey, white = template_head()
    shares = [moved(Volume(part, head.affine), POSE, VOXEL, SIDE) for part in (csf, grey, white)]
    stack = np.stack([share.data for share in shares])
    labels = np.where(stack.sum(axis=0) > 0.5, np.array([24, 3, 2])[stack.argmax(axis=0)], 0)
    nib.save(nib.MGHImage(labels.astype(np.int32), shares[0].affine), folder / "aseg.mgz")
    images, notes = run(inputs | {"segmentation": str(folder / "aseg.mgz")}, outputs)
    expected = np.select([labels == 24, labels == 3, labels == 2], [1, 2, 3], 0)
    expected[(images["lesion"].data > 0) & (labels > 0)] = TISSUE_CODES["white matter"]
    np.testing.assert_array_equal(images["tissue"].data, expected)
    np.testing.assert_array_equal(images["brain"].data, labels > 0)
    record = notes["tissue"]["Segmentation"]
    assert (record["Kind"], record["white"], record["csf"]) == ("FreeSurfer", [2], [24])
    assert notes["tissue"]["Sources"] == ["aseg.mgz", "lesion_mask.nii.gz"]


def test_two_runs_write_the_same_bytes(case):
    inputs, outputs, folder = case
    keys = ("t1w", "brain", "tissue", "lesion")
    run(inputs, outputs)
    first = [(folder / f"out_{key}.nii.gz").read_bytes() for key in keys]
    run(inputs, outputs)
    assert [(folder / f"out_{key}.nii.gz").read_bytes() for key in keys] == first


def test_lesions_outside_the_brain(case):
    inputs, outputs, folder = case
    t1w = load_volume(inputs["T1w"])
    inside = t1w.data > 0.1 * t1w.data.max()
    around = binary_dilation(inside, iterations=2) & ~inside
    save_volume(folder / "wrong.nii.gz", around, t1w.affine)
    with pytest.raises(
        InputError,
        match=r"wrong.nii.gz: [\d.]+ of its [\d.]+ mL of lesions are in the brain of the T1w image, expected",
    ):
        run(inputs | {"lesion_mask": str(folder / "wrong.nii.gz")}, outputs)
    assert not (folder / "out_tissue.nii.gz").exists()


def test_a_mask_of_the_brain_is_no_mask_of_lesions(case):
    inputs, outputs, folder = case
    t1w = load_volume(inputs["T1w"])
    save_volume(folder / "brain.nii.gz", t1w.data > 0.2 * t1w.data.max(), t1w.affine)
    with pytest.raises(
        InputError,
        match=r"brain.nii.gz: its lesions are \d+ % of the brain, expected at most 30 %, which is less than",
    ):
        run(inputs | {"lesion_mask": str(folder / "brain.nii.gz")}, outputs)


def test_lesions_that_leave_less_white_matter_than_they_take(case):
    inputs, outputs, folder = case
    first, _ = run(inputs | {"lesion_mask": None, "FLAIR": None}, outputs)
    white = first["tissue"].data == TISSUE_CODES["white matter"]
    x = np.indices(white.shape)[0]
    wrong = white & (x > np.quantile(x[white], 0.38))
    save_volume(folder / "wrong.nii.gz", wrong, first["tissue"].affine)
    with pytest.raises(
        InputError,
        match=r"wrong.nii.gz: its lesions \(\d+ mL\) are larger than the remaining white matter",
    ):
        run(inputs | {"lesion_mask": str(folder / "wrong.nii.gz")}, outputs)
