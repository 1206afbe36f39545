"""Known moves of a known head are recovered, for every scanner: error over the brain, mm."""

import numpy as np
import pytest
from known_heads import brain_points, contrast, moved, noisy, template_head
from scipy.ndimage import gaussian_filter
from test_imaging_geometry import rigid

from myelosketch.errors import InputError
from myelosketch.imaging.registration.error import target_error
from myelosketch.imaging.registration.itk import register, to_ants, world_matrix
from myelosketch.imaging.registration.resampling import content_box, crop
from myelosketch.io.volumes import Volume

SETTINGS = {"kind": "Rigid", "metric": "mattes", "sampling": 0.2, "finest_mm": 4.0, "seed": 1}
TISSUES_OF_PET = (0.6, 1.0, 1.27)
STRONG = rigid((14, -13, 12), (18, -17, 15))


def error_of(fixed, moving, pose, folder, **settings):
    """Error of the registration, where ``pose`` took the moving head from the fixed one."""
    images = [to_ants(crop(image, content_box(image))) for image in (fixed, moving)]
    register(*images, folder / "found.mat", **SETTINGS | settings)
    return target_error(world_matrix([folder / "found.mat"]), pose, brain_points(fixed))["median_mm"]


def plain(pose, voxel=3.0, **grid):
    """T1w and a PET-like map with noise of the same head, the second moved."""
    t1w = moved(template_head()[0], np.eye(4), 3.0)
    return t1w, noisy(moved(contrast(*TISSUES_OF_PET), pose, voxel, **grid), 0.05, 1)


def biased(volume):
    """With a field of +-30 % across the head."""
    ramp = np.linspace(0.7, 1.3, volume.shape[1])[None, :, None]
    return Volume((volume.data * ramp).astype(np.float32), volume.affine)


def with_lesions(volume, seed=3):
    """With dark spots in a twentieth of the head."""
    spots = gaussian_filter(np.random.default_rng(seed).normal(size=volume.shape), 2)
    return Volume(np.where(spots > np.percentile(spots, 95), 0.5 * volume.data, volume.data), volume.affine)


def blurred(volume):
    return Volume(gaussian_filter(volume.data, 1.5), volume.affine)


@pytest.mark.parametrize(
    ("name", "spoil", "limit"),
    [
        ("plain", lambda volume: volume, 0.2),
        ("noise", lambda volume: noisy(volume, 0.3, 2), 0.3),
        ("blur", blurred, 0.4),
        ("bias field", biased, 0.8),
        ("lesions", with_lesions, 0.3),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_strong_move_is_found(tmp_path, name, spoil, limit):
    t1w, pet = plain(STRONG)
    assert error_of(t1w, spoil(pet), STRONG, tmp_path) < limit


@pytest.mark.parametrize(
    ("voxel", "turn", "limit"),
    [
        (5.0, None, 0.4),
        ((1.5, 1.5, 5.0), None, 0.3),
        (3.0, rigid((25, -40, 15), (0, 0, 0)), 0.3),
        (3.0, np.diag([-1.0, 1, 1, 1]), 0.3),
        (3.0, np.diag([-1.0, -1, 1, 1]), 0.3),
    ],
    ids=["5 mm voxels", "5 mm slices", "oblique", "one axis flipped", "two axes flipped"],
)
def test_the_grid_of_the_scanner_does_not_matter(tmp_path, voxel, turn, limit):
    t1w, pet = plain(STRONG, voxel, side=220.0, turn=turn)
    assert error_of(t1w, pet, STRONG, tmp_path) < limit
    assert error_of(pet, t1w, np.linalg.inv(STRONG), tmp_path) < limit


def test_two_fields_of_view_that_do_not_meet(tmp_path):
    pose = rigid((5, 8, -6), (400, -300, 250))
    t1w, pet = plain(np.eye(4))
    far = Volume(pet.data, pose @ pet.affine)
    assert error_of(t1w, far, pose, tmp_path) < 0.5


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_of_a_brain_finds_its_place_or_is_refused(tmp_path, axis):
    pose = rigid((8, -6, 5), (6, -9, 7))
    t1w, pet = plain(pose)
    box = content_box(pet)
    part = list(box)
    part[axis] = slice(box[axis].start, (box[axis].start + box[axis].stop) // 2)
    try:
        error = error_of(t1w, crop(pet, tuple(part)), pose, tmp_path)
    except InputError as refusal:
        assert "two heads" in str(refusal)  # noqa: PT017
    else:
        assert error < 0.5


@pytest.mark.parametrize("metric", ["mattes", "GC"])
def test_both_metrics_find_it_and_repeat_to_the_bit(tmp_path, metric):
    t1w, pet = plain(STRONG)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert error_of(t1w, pet, STRONG, tmp_path / name, metric=metric) < 0.7
    for suffix in (".mat", ".txt", ".json"):
        assert (tmp_path / f"a/found{suffix}").read_bytes() == (tmp_path / f"b/found{suffix}").read_bytes()


def test_an_affine_finds_a_head_of_another_size(tmp_path):
    larger = rigid((6, -4, 5), (3, 8, -6)) @ np.diag([1.08, 0.95, 1.1, 1])
    t1w, pet = plain(larger, side=220.0)
    assert error_of(t1w, pet, larger, tmp_path, kind="Affine") < 0.8


def test_more_starts_find_what_two_miss(tmp_path):
    """A head turned by 75 degrees: beyond what the centres of mass and the scanner's coordinates lead back from."""
    pose = rigid((0, 75, 0), (0, 0, 0))
    t1w, pet = plain(np.eye(4))
    turned = Volume(pet.data, pose @ pet.affine)
    errors = {starts: error_of(t1w, turned, pose, tmp_path, starts=starts) for starts in (0, 8)}
    assert errors[8] < 0.2 < 10 < errors[0]


def test_the_metric_can_be_held_to_a_mask(tmp_path):
    t1w, pet = plain(STRONG)
    inside = Volume((t1w.data > 0.2 * t1w.data.max()).astype(np.float32), t1w.affine)
    register(to_ants(t1w), to_ants(pet), tmp_path / "found.mat", mask=to_ants(inside), **SETTINGS)
    found = world_matrix([tmp_path / "found.mat"])
    assert target_error(found, STRONG, brain_points(t1w))["median_mm"] < 1.5


def test_an_empty_image(tmp_path):
    t1w, pet = plain(np.eye(4))
    with pytest.raises(
        InputError,
        match="^The registration for found.mat cannot start, because one of its two images has no value "
        "above 0: inspect both, and export the empty one again.$",
    ):
        error_of(t1w, Volume(0 * pet.data, pet.affine), np.eye(4), tmp_path)


def test_two_images_that_share_nothing(tmp_path):
    t1w, pet = plain(np.eye(4))
    noise = np.random.default_rng(0).uniform(size=pet.shape).astype(np.float32)
    with pytest.raises(
        InputError,
        match="^The registration for found.mat found nothing in common between the two images: inspect both; do they "
        "show the same head, and its brain\\?$",
    ):
        error_of(t1w, Volume(noise, pet.affine), np.eye(4), tmp_path)
