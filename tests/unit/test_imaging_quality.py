"""Quality of the registration: known answers for each number, and scans in which some files are wrong."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.spatial.transform import Rotation

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy.template import load_template
from myelosketch.imaging.files import Anatomy, RawImages
from myelosketch.imaging.registration import alignment, itk, overlay
from myelosketch.imaging.registration.itk import from_ants
from myelosketch.imaging.registration.quality import (
    Head,
    as_placed,
    check_registration,
    load_maps,
    transforms_of,
)
from myelosketch.imaging.registration.repeats import Answers, distances_to, register_again
from myelosketch.imaging.registration.transforms import save_matrix, write_warp
from myelosketch.imaging.registration.verdicts import NUMBERS, problems
from myelosketch.io.names import UNITS
from myelosketch.io.volumes import Volume, load_volume, save_volume

LIMITS = {
    "starts": 1, "coverage": 0.85, "overlap": 0.85, "border_shift_mm": 1.5, "inverse_mm": 2.5, "repeat_mm": 2.5,
    "stretch_mm": 0.8, "template_mm": 4.0,
}  # fmt: skip
REGISTRATION = {"metric": "mattes", "sampling": 0.2, "dwi": "rigid", "quality": LIMITS}
MAPS = ("FA", "RD", "AD", "MTR", "DVR")


def rigid(angles, shift):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def write_transform(path, matrix):
    save_matrix(path, matrix)
    return path


def ball(voxel=2.0, radius=36.0):
    """Distance from the centre of a cube of 88 mm, and its affine."""
    size = int(88 / voxel)
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = -voxel * (size - 1) / 2
    places = np.indices((size,) * 3).transpose(1, 2, 3, 0) @ affine[:3, :3] + affine[:3, 3]
    return np.linalg.norm(places, axis=-1), affine


@pytest.fixture(scope="module")
def sphere():
    """A ball of white matter in a shell of grey matter: its tissue, and the border that is found."""
    distance, affine = ball()
    tissue = Volume(np.where(distance < 26, 3, np.where(distance < 36, 2, 0)).astype(np.uint8), affine)
    return tissue, alignment.white_grey_border(tissue, np.zeros(tissue.shape, bool))


def seen(shift, *, gain=1.0, bent=0.0):
    """Return a map of the ball, moved and optionally stretched along x by a share of its size."""
    _, affine = ball()
    places = np.indices((44,) * 3).transpose(1, 2, 3, 0) @ affine[:3, :3] + affine[:3, 3] - shift
    places = places / [1 + bent, 1, 1]
    distance = np.linalg.norm(places, axis=-1)
    return Volume(gain * gaussian_filter(np.where(distance < 26, 1.3, 1.0), 1.0).astype(np.float32), affine)


def test_the_border_lies_between_white_and_grey_and_its_normals_face_grey(sphere):
    _, border = sphere
    radius = np.linalg.norm(border.points, axis=1)
    assert len(border.points) > 1000
    assert abs(np.median(radius) - 26) < 0.6
    assert np.median((border.normals * border.points).sum(axis=1) / radius) > 0.98


def test_no_border_near_lesions(sphere):
    tissue, _ = sphere
    half = np.zeros(tissue.shape, bool)
    half[22:] = True
    border = alignment.white_grey_border(tissue, half)
    assert border.points[:, 0].max() < -2
    assert not len(alignment.white_grey_border(tissue, half | True).points)


@pytest.mark.parametrize(
    ("shift", "bent", "low", "high"),
    [((0, 0, 0), 0, 0, 0.15), ((5, 0, 0), 0, 1.8, 3.2), ((0, -3, 4), 0, 1.8, 3.2), ((0, 0, 0), 0.4, 0.5, 5)],
    ids=["right", "along x", "oblique", "another shape"],
)
def test_the_border_is_off_where_the_map_is(sphere, shift, bent, low, high):
    profiles = alignment.border_profiles(seen(np.array(shift, float), bent=bent), sphere[1])
    assert low <= alignment.border_shift(profiles, sphere[1]) <= high


def test_numbers_do_not_depend_on_the_units_of_the_map(sphere):
    """Nor, for the place of the border, on which tissue is the brighter one."""
    found = []
    for gain in (1.0, 250.0, -1.0):
        image = seen(np.array([2.0, 1, 0]), gain=gain)
        profiles = alignment.border_profiles(image, sphere[1])
        found.append(
            (
                alignment.border_shift(profiles, sphere[1]),
                alignment.border_contrast(profiles, image.data.std()),
            )
        )
    assert found[1] == pytest.approx(found[0], rel=1e-3)
    assert found[2] == pytest.approx((found[0][0], -found[0][1]), rel=1e-3)


def test_contrast_falls_with_the_distance(sphere):
    contrast = [
        alignment.border_contrast(alignment.border_profiles(seen(np.array([x, 0.0, 0])), sphere[1]), 0.1)
        for x in (0, 3, 6)
    ]
    assert contrast[0] > 1.1 * contrast[1] > 1.2 * contrast[2] > 0


def test_a_map_without_values_at_the_border_has_no_border(sphere):
    empty = Volume(np.zeros((44, 44, 44), np.float32), ball()[1])
    profiles = alignment.border_profiles(empty, sphere[1])
    assert alignment.border_shift(profiles, sphere[1]) is None
    assert alignment.border_contrast(profiles, 1.0) is None


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_mutual_information_of_an_image_with_itself_and_with_noise(seed, gain, offset):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=20000)
    assert alignment.normalised_mutual_information(values, gain * values + offset) == pytest.approx(
        2, abs=0.02
    )
    assert alignment.normalised_mutual_information(values, generator.normal(size=20000)) < 1.02
    assert alignment.normalised_mutual_information(values, 0 * values) is None


def test_overlap_of_masks():
    first, second = np.zeros((2, 10), bool)
    assert alignment.dice(first, second) is None
    first[:4], second[2:6] = True, True
    assert alignment.dice(first, second) == 0.5


def test_distances_from_answers_are_those_of_a_shift():
    points = np.random.default_rng(0).normal(0, 40, (500, 3))
    stretched = np.diag([1.05, 1, 1, 1.0])
    answers = Answers([rigid((0, 0, 0), (3, 4, 0)), np.eye(4)], rigid((0, 0, 0), (0, 0, 2)), stretched)
    found = distances_to(np.eye(4), answers, points)
    assert found["inverse_mm"] == pytest.approx(2)
    assert (found["repeat_mm"], found["repeat_max_mm"]) == pytest.approx((2.5, 5))
    assert found["stretch_mm"] == pytest.approx(np.median(np.abs(0.05 * points[:, 0])))


def test_an_empty_image_is_not_registered():
    data = np.zeros((9, 9, 9), np.float32)
    settings_ = {"kind": "Rigid", "metric": "mattes", "sampling": 0.2, "seed": 1}
    with pytest.raises(InputError):
        register_again(
            Volume(data + 1, np.eye(4)),
            Volume(data, np.eye(4)),
            starts=1,
            with_stretch=False,
            settings=settings_,
        )


def moved(data, source, pose, voxel):
    """Data in the world of ``source`` as seen by a head that ``pose`` has moved, on a different grid."""
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = [-96, -136, -90]
    shape = tuple(int(side / voxel) for side in (192, 232, 190))
    mapping = np.linalg.inv(source) @ np.linalg.inv(pose) @ affine
    return Volume(affine_transform(data, mapping[:3, :3], mapping[:3, 3], shape, order=1), affine)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Files of one scan from the template, all of them correct."""
    folder = tmp_path_factory.mktemp("scan")
    head, priors = load_template()
    head = from_ants(head)
    csf, grey, white = (from_ants(prior).data for prior in priors)
    poses = {"t1w": np.eye(4), "dwi": rigid((3, -4, 2), (2, 3, -3)), "MTR": rigid((-5, 2, 3), (-2, 4, 1))}
    poses["DVR"] = rigid((6, 5, -7), (5, -4, 3))
    flat = {
        "FA": 0.45 * white + 0.16 * grey + 0.05 * csf, "RD": 0.55 * white + 0.8 * grey + 3 * csf,
        "AD": 1.15 * white + 1.0 * grey + 3 * csf, "MTR": 41 * white + 31 * grey + 2 * csf,
        "DVR": 1.27 * white + 1.0 * grey + 0.6 * csf, "t1w": head.data * (csf + grey + white > 0.5),
    }  # fmt: skip
    inputs = {"lesion": None, "pet_anatomy": None, "warp_dwi": None, "FLAIR": None, "xfm_flair_to_t1w": None}
    noise = np.random.default_rng(1)
    for name, data in flat.items():
        image = moved(data, head.affine, poses["dwi" if name in ("FA", "RD", "AD") else name], 3.0)
        voxels = image.data * (1 + 0.03 * noise.standard_normal(image.shape))
        inputs[name] = str(folder / f"{name}.nii.gz")
        save_volume(inputs[name], np.where(image.data > 0.1 * image.data.max(), voxels, 0), image.affine)
    shares = np.stack([moved(part, head.affine, np.eye(4), 3.0).data for part in (csf, grey, white)])
    tissue = np.where(shares.sum(axis=0) > 0.5, 1 + shares.argmax(axis=0), 0).astype(np.uint8)
    affine = load_volume(inputs["t1w"]).affine
    for name, data in (("tissue", tissue), ("brain", tissue > 0)):
        inputs[name] = str(folder / f"{name}.nii.gz")
        save_volume(inputs[name], data, affine)
    for name, matrix in (
        ("xfm_t1w_to_petref", np.linalg.inv(poses["DVR"])),
        ("xfm_dwi_to_t1w", poses["dwi"]),
        ("xfm_mtr_to_t1w", poses["MTR"]),
        ("xfm_t1w_to_mni", np.eye(4)),
    ):
        inputs[name] = str(write_transform(folder / f"{name}.mat", matrix))
    return inputs


def check(inputs, folder):
    """Rows of the JSON by modality, and what is wrong with each."""
    outputs = {name: str(folder / f"qc.{name}") for name in ("json", "png")}
    check_registration(
        RawImages.of(inputs), Anatomy.of(inputs), inputs["xfm_t1w_to_petref"],
        numbers=outputs["json"], picture=outputs["png"], scan="sub-01", group="MS", registration=REGISTRATION, seed=1,
    )  # fmt: skip
    content = json.loads((folder / "qc.json").read_text())
    for row in content["rows"]:
        for name in NUMBERS:
            assert row[name] is not None or row["missing"][name], "a number that is missing has its reason"
    return content, {row["modality"]: problems(row, LIMITS) for row in content["rows"]}


def test_a_scan_whose_files_are_right(scan, tmp_path):
    content, wrong = check(scan, tmp_path)
    assert wrong == {"pet": [], "dwi": [], "MTR": [], "MNI152": []}
    assert (content["scan"], content["group"], content["lesion_source"]) == ("sub-01", "MS", "none")
    picture = Image.open(tmp_path / "qc.png")
    assert picture.width <= 1600
    assert (tmp_path / "qc.png").stat().st_size < 300_000
    colours = {colour for _, colour in picture.convert("RGB").getcolors(100_000)}
    assert {(240, 228, 66), (86, 180, 233)} <= colours


@pytest.mark.parametrize("nothing", [0, np.nan], ids=str)
def test_coverage_is_that_of_the_dvr_whatever_the_registered_image_shows(scan, tmp_path, nothing):
    """The mean of the early frames is whole; the DVR has no value above a slice, or none in every third voxel."""
    pet = load_volume(scan["DVR"])
    place = np.indices(pet.shape)
    inputs = dict(scan, DVR=str(tmp_path / "dvr.nii.gz"), pet_anatomy=scan["DVR"])
    for unknown in (place[2] > 40, place.sum(axis=0) % 3 == 0):
        save_volume(inputs["DVR"], np.where(unknown, nothing, pet.data), pet.affine)
        content, wrong = check(inputs, tmp_path)
        share = content["rows"][0]["coverage"]
        inside = pet.data > 0
        assert share == pytest.approx((inside & ~unknown).sum() / inside.sum(), abs=0.03)
        assert wrong["pet"] == [f"shows {share:.0%} of the brain (at least 85% expected)"]


def test_a_scan_of_whose_files_each_is_wrong_in_another_way(scan, tmp_path):
    pet = load_volume(scan["DVR"])
    half = pet.data.copy()
    half[: half.shape[0] // 2] = 0
    inputs = dict(scan, DVR=str(tmp_path / "half.nii.gz"))
    save_volume(inputs["DVR"], half, pet.affine)
    for name in ("FA", "RD", "AD"):
        inputs[name] = str(tmp_path / f"{name}.nii.gz")
        volume = load_volume(scan[name])
        save_volume(inputs[name], 0 * volume.data, volume.affine)
    off = rigid((-5, 2, 3), (-2, 4, 1)) @ rigid((0, 0, 0), (3, -4, 0))
    inputs["xfm_mtr_to_t1w"] = str(write_transform(tmp_path / "off.mat", off))
    inputs["xfm_t1w_to_mni"] = str(write_transform(tmp_path / "mni.mat", rigid((0, 0, 0), (9, -12, 0))))
    _, wrong = check(inputs, tmp_path)
    assert re.match(r"shows [45]\d% of the brain \(at least 85% expected\)", wrong["pet"][0])
    assert wrong["dwi"] == ["cannot be checked, because it is empty or has one value only"]
    said = " and ".join(wrong["MTR"])
    assert re.search(r"is placed (4\.[89]|5\.[0-3]) mm away when registered again", said)
    assert "has its white-grey border" in said
    assert re.search(r"is placed 1[456]\.\d mm away when registered again", " and ".join(wrong["MNI152"]))
    assert (tmp_path / "qc.png").is_file()


def test_a_displacement_counts_as_part_of_the_place(scan, tmp_path):
    """The matrix of the diffusion maps is 6 mm off, and the field behind it brings them back."""
    head, dwi = Head(Anatomy.of(scan)), load_maps(RawImages.of(scan), Anatomy.of(scan), UNITS)["dwi"]
    off = rigid((0, 0, 0), (0, 6, 0)) @ rigid((3, -4, 2), (2, 3, -3))
    inputs = dict(scan, xfm_dwi_to_t1w=str(write_transform(tmp_path / "off.mat", off)))
    field = np.zeros((*dwi.shape, 3))
    field[..., 1] = -6
    write_warp(tmp_path / "warp.nii.gz", field, dwi.affine)
    for warp, low, high in ((None, 2.0, 5.0), (str(tmp_path / "warp.nii.gz"), 0.0, 0.5)):
        row = as_placed(head, dwi, *transforms_of("", Anatomy.of(inputs | {"warp_dwi": warp}), "dwi"))
        assert low <= row["border_shift_mm"] <= high


def test_a_registration_anew_follows_one_start_and_the_free_shape_none(scan, monkeypatch):
    """The cost of the quality control: one coarse search per start, and none for size and shape."""
    calls, run = [], itk._run
    monkeypatch.setattr(itk, "_run", lambda *images, **how: calls.append(how) or run(*images, **how))
    settings_ = {"kind": "Rigid", "metric": "mattes", "sampling": 0.2, "seed": 1}
    answers = register_again(
        Head(Anatomy.of(scan)).masked,
        load_volume(scan["MTR"]),
        starts=2,
        with_stretch=True,
        settings=settings_,
    )
    assert [how["kind"] for how in calls] == ["Rigid"] * 6 + ["Affine"]
    assert [how["levels"] for how in calls] == [(18.0,), (12.0, 6.0)] * 3 + [(12.0, 6.0)]
    found = distances_to(rigid((-5, 2, 3), (-2, 4, 1)), answers, Head(Anatomy.of(scan)).points)
    assert max(found.values()) < 0.6


def test_the_slices_go_through_the_largest_lesions():
    brain = np.random.default_rng(0).uniform(-60, 60, (4000, 3))
    grid = alignment.world_grid(brain, 1.5)
    few, many = np.array([[20, 30, 40.0]]), np.tile([[-10, -25, 15.0]], (9, 1))
    plain, through = (overlay._slices(grid, brain, lesion) for lesion in (few[:0], np.vstack([few, many])))
    middle = np.array(grid.shape) / 2
    assert np.abs(np.array(plain[:2]) - middle[:2] - [overlay.SAGITTAL_MM / 1.5, 0]).max() <= 2
    assert through[0] == plain[0]
    place = (np.linalg.inv(grid.affine) @ [-10, -25, 15, 1])[:3]
    np.testing.assert_allclose(through[1:], place[1:], atol=0.51)


def test_an_image_that_does_not_meet_the_head(scan, tmp_path):
    far = write_transform(tmp_path / "far.mat", rigid((0, 0, 0), (400, 0, 0)))
    row = as_placed(Head(Anatomy.of(scan)), load_volume(scan["DVR"]), [far], [True])
    assert problems({"modality": "pet", **row}, LIMITS) == [
        "cannot be checked, because in its position it does not overlap the brain"
    ]


def test_a_plane_shows_what_ants_places_there(scan):
    head, image = Head(Anatomy.of(scan)), load_volume(scan["MTR"])
    corner = head.grid.affine.copy()
    corner[:3, 3] += [0, 0, 80]
    plane = Volume(np.zeros((*head.grid.shape[:2], 1), np.float32), corner)
    chain = [scan["xfm_t1w_to_petref"], scan["xfm_mtr_to_t1w"]]
    ours, theirs = overlay._on_plane(image, plane, chain), alignment.values_on(image, plane, chain)
    assert theirs.std() > 5
    assert np.abs(ours - theirs)[theirs > 0].max() < 0.05
