"""Brain, template and tissue: a known brain is recovered with and without its skull, and others are refused."""

import numpy as np
import pytest
from known_heads import moved, noisy, template_head
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter
from test_imaging_geometry import rigid

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy.brain import brain_mask, correct_bias, prepare_head, rough_brain
from myelosketch.imaging.anatomy.lesions import inverse_of
from myelosketch.imaging.anatomy.template import DEEP_NUCLEI, check_likeness, deep_grey, place_template
from myelosketch.imaging.anatomy.tissue import TISSUE_CODES, atropos, check_tissue, fill_lesions, segment
from myelosketch.imaging.registration.resampling import resample_fraction
from myelosketch.io.volumes import Volume

POSE = rigid((4, 3, -5), (3, -5, 4))
VOXEL, SIDE = 3.0, 220.0
PLACE = {"bend": "affine", "metric": "mattes", "sampling": 0.2, "starts": 0, "seed": 1}
ATROPOS = {"prior_weight": 0.25, "iterations": 2, "smoothing": 0.1, "seed": 1}


def dice(found, true):
    return 2 * (found & true).sum() / (found.sum() + true.sum())


@pytest.fixture(scope="module")
def brain():
    """The template's brain, moved, noisy and without its skull: T1w, its white matter and its whole (Volumes)."""
    head, csf, grey, white = template_head()
    t1w = noisy(moved(head, POSE, VOXEL, SIDE), 0.02, 1)
    is_white = moved(
        Volume(((white > grey) & (white > 0.3)).astype(np.float32), head.affine), POSE, VOXEL, SIDE
    )
    whole = moved(Volume((csf + grey + white > 0.5).astype(np.float32), head.affine), POSE, VOXEL, SIDE)
    return t1w, is_white.data > 0.5, whole.data > 0.5


@pytest.fixture(scope="module")
def placed(brain, tmp_path_factory):
    """The prepared brain, its probabilities and its mask."""
    head = prepare_head(brain[0])
    out = tmp_path_factory.mktemp("place") / "from-T1w_to-MNI152_xfm.mat"
    priors = place_template(head.image, out, **PLACE)
    inside = brain_mask(head.image.data, sum(priors.values()), head.image.voxel_size)
    return head, priors, inside


def with_skull(t1w, whole):
    """The same brain in a head: dark bone, bright scalp, a neck, and the sensitivity of a surface coil."""
    distance = distance_transform_edt(~whole, sampling=t1w.voxel_size)
    data = np.where(whole, t1w.data, 0)
    level = np.median(data[whole])
    data[(distance > 0) & (distance <= 3)] = 0.25 * level  # fluid
    data[(distance > 3) & (distance <= 9)] = 0.1 * level  # bone
    data[(distance > 9) & (distance <= 17)] = 1.8 * level  # scalp
    where = np.argwhere(whole)
    middle = where.mean(axis=0)
    x, y, z = np.indices(whole.shape)
    neck = (np.hypot(x - middle[0], y - middle[1]) < 45 / VOXEL) & (z < where[:, 2].min() - 9 / VOXEL)
    data[neck & (data == 0)] = 0.8 * level
    radius = (
        np.sqrt(sum((axis - centre) ** 2 for axis, centre in zip((x, y, z), middle, strict=True))) * VOXEL
    )
    return Volume((data * (0.7 + 0.4 * (radius / 90) ** 2)).astype(np.float32), t1w.affine)


def test_a_brain_without_skull_is_recognised(brain, placed):
    head, _, inside = placed
    assert head.stripped
    assert dice(inside, brain[2][head.box]) > 0.95


def test_a_brain_is_told_from_its_skull(brain, tmp_path):
    t1w, _, whole = brain
    head = prepare_head(with_skull(t1w, whole))
    assert not head.stripped
    assert dice(head.inside, whole[head.box]) > 0.9
    only = Volume(np.where(head.inside, head.image.data, 0), head.image.affine)
    priors = place_template(only, tmp_path / "xfm.mat", **PLACE)
    inside = brain_mask(head.image.data, sum(priors.values()), head.image.voxel_size, inside=head.inside)
    assert dice(inside, whole[head.box]) > 0.93
    assert check_likeness(head.image, inside, priors) > 0.4


def test_a_known_brain_is_prepared_as_it_is(brain):
    t1w, _, whole = brain
    head = prepare_head(with_skull(t1w, whole), brain=whole)
    np.testing.assert_array_equal(head.inside, whole[head.box])
    assert head.inside.sum() == whole.sum()


def test_the_bias_field_goes(brain):
    t1w, is_white, _ = brain
    slope = np.linspace(0.6, 1.4, t1w.shape[1], dtype=np.float32)[None, :, None]
    corrected = correct_bias(Volume(t1w.data * slope, t1w.affine))
    spread = [
        np.std(image[is_white]) / np.mean(image[is_white]) for image in (t1w.data * slope, corrected.data)
    ]
    assert spread[1] < 0.4 * spread[0]
    assert np.percentile(corrected.data[corrected.data > 0], 99) == pytest.approx(1000, rel=0.25)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda shape: np.zeros(shape), "has no value above 0: export the T1w image again"),
        (
            lambda shape: np.random.default_rng(0).uniform(50, 150, shape),
            r"shows no brain: the largest connected soft tissue in it has \d+ mL, expected 300 to 1900; is it",
        ),
    ],
    ids=["empty", "noise"],
)
def test_an_image_without_a_brain(brain, make, message):
    t1w = brain[0]
    with pytest.raises(InputError, match=message):
        prepare_head(Volume(make(t1w.shape).astype(np.float32), t1w.affine))


def test_a_face_is_no_brain(brain):
    t1w, _, whole = brain
    head = with_skull(t1w, whole)
    front = np.argwhere(whole)[:, 1].max() - int(20 / VOXEL)
    face = Volume(np.ascontiguousarray(head.data[:, front:]), head.affine)
    with pytest.raises(InputError, match="T1w image shows no brain: the largest connected soft tissue"):
        rough_brain(face)


def test_a_template_where_the_brain_is_not(brain, placed):
    head, priors, inside = placed
    elsewhere = {name: np.roll(prior, 12, axis=2) for name, prior in priors.items()}
    assert check_likeness(head.image, inside, priors) > 0.5
    with pytest.raises(
        InputError, match=r"does not look like the template .* expected at least 0.22\); does it"
    ):
        check_likeness(head.image, inside, elsewhere)
    with pytest.raises(InputError, match="does not look like the template"):
        check_likeness(Volume(1000 - head.image.data, head.image.affine), inside, priors)


def test_no_brain_where_the_template_is():
    with pytest.raises(InputError, match="does not overlap the T1w image"):
        brain_mask(np.ones((9, 9, 9)), np.zeros((9, 9, 9)), np.array([2.0, 2, 2]))


def test_a_head_of_no_human_shape_is_refused(brain, tmp_path):
    flat = brain[0].affine.copy()
    flat[2] *= 0.5
    with pytest.raises(
        InputError, match=r"scaled by [\d.]+ to [\d.]+ to fit it, expected 0.65 to 1.5; does it show a whole"
    ):
        place_template(Volume(brain[0].data, flat), tmp_path / "xfm.mat", **PLACE)


def test_deep_grey_lies_on_both_sides():
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [-80, -60, -40]
    prior = deep_grey((81, 61, 41), affine)
    np.testing.assert_allclose(prior, prior[::-1], atol=1e-6)
    for centre, _ in DEEP_NUCLEI.values():
        for side in (1, -1):
            voxel = np.round((np.array([side * centre[0], *centre[1:]]) - affine[:3, 3]) / 2).astype(int)
            assert prior[tuple(voxel)] == 1
    assert prior[40, 30, 20] == 0  # between the thalami's fronts
    assert 40e3 < (prior > 0.5).sum() * 8 < 60e3  # mm3; the atlas has 43 mL


def test_bending_follows_a_brain_of_another_shape(tmp_path):
    """A brain squeezed in waves: bent probabilities of white matter fit better than placed ones, and repeat."""
    head, _, grey, white = template_head()
    x, y, z = np.indices(head.shape)
    middle = head.shape[0] / 2
    source = (middle + (x - middle) * (1 + 0.25 * np.cos((x - middle) / 14))).round().astype(int)
    source = source.clip(0, head.shape[0] - 1)
    shapes = [array[source, y, z].astype(np.float32) for array in (head.data, (white > grey) & (white > 0.5))]
    t1w, is_white = (moved(Volume(data, head.affine), np.eye(4), 4.0, SIDE) for data in shapes)
    first, second = (
        place_template(
            t1w,
            tmp_path / f"{name}.mat",
            warp=tmp_path / f"{name}_warp.nii.gz",
            **PLACE | {"bend": "syn"},
        )["white"]
        for name in "ab"
    )
    placed = Volume(np.asarray(white, np.float32), head.affine)
    placed = resample_fraction(placed, t1w, [inverse_of(tmp_path / "a.mat", tmp_path / "back.mat")]).data
    fit = [np.corrcoef(prior.ravel(), is_white.data.ravel())[0, 1] for prior in (placed, first)]
    assert fit[1] > fit[0] + 0.02
    np.testing.assert_array_equal(first, second)
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()
    # and through the warp that is kept, the brain's own white matter meets the template's
    template = Volume(np.asarray(white, np.float32), head.affine)
    chains = ([tmp_path / "a.mat"], [tmp_path / "a_warp.nii.gz", tmp_path / "a.mat"])
    there = [resample_fraction(is_white, template, [str(path) for path in chain]).data for chain in chains]
    fit = [np.corrcoef(data.ravel(), template.data.ravel())[0, 1] for data in there]
    assert fit[1] > fit[0] + 0.02
    warps = [(tmp_path / f"{name}_warp.nii.gz").read_bytes() for name in "ab"]
    assert warps[0] == warps[1]


def test_tissue_of_the_template_comes_back(brain, placed):
    head, priors, inside = placed
    lesion = np.zeros(inside.shape, bool)
    found = segment(head.image, inside, priors, lesion, **ATROPOS)
    elsewhere = priors["deep"] < 0.1  # the template itself calls part of the deep nuclei white
    assert dice((found == TISSUE_CODES["white matter"]) & elsewhere, brain[1][head.box] & elsewhere) > 0.8
    assert ((found > 0) == inside).all()


def test_lesions_are_white_matter_and_do_not_change_the_rest(brain, placed):
    head, priors, inside = placed
    is_white = brain[1][head.box]
    core = gaussian_filter(is_white.astype(np.float32), 3)
    lesion = is_white & (core > np.percentile(core, 99.7))
    dark = head.image.data.copy()
    dark[lesion] *= 0.5
    found = segment(Volume(dark, head.image.affine), inside, priors, lesion, **ATROPOS)
    without = segment(head.image, inside, priors, np.zeros_like(lesion), **ATROPOS)
    assert (found[lesion] == TISSUE_CODES["white matter"]).all()
    away = inside & ~binary_dilation(lesion, iterations=2)
    assert (found == without)[away].mean() > 0.99


def test_bright_deep_grey_matter_is_not_called_white(brain, placed):
    """Pallidum and thalamus as bright as white matter: their place decides."""
    head, priors, inside = placed
    data = head.image.data.copy()
    nuclei = priors["deep"] > 0.8
    data[nuclei] = np.median(data[brain[1][head.box]])
    found = segment(Volume(data, head.image.affine), inside, priors, np.zeros(inside.shape, bool), **ATROPOS)
    assert (found[nuclei] == TISSUE_CODES["grey matter"]).mean() > 0.95


def test_bias_correction_and_tissue_repeat_to_the_bit(brain, placed):
    """Also after other work has passed through the same memory, and on sides that N4 does not divide."""
    _, priors, inside = placed
    found = []
    for _ in range(2):
        head = prepare_head(brain[0])
        codes = segment(
            head.image, inside, priors, np.zeros(inside.shape, bool), **ATROPOS | {"iterations": 1}
        )
        found.append((head.image.data, codes))
        for count in (10**4, 10**6, 10**7):
            np.full(count, 1e6, np.float32)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_an_oblique_image_is_segmented_like_a_straight_one(placed):
    """The position of an oblique image is rounded in files; this must not stop the run."""
    head, priors, inside = placed
    turned = rigid((13.123456, -7.654321, 21.111111), (33.333333, -11.111111, 7.777777)) @ head.image.affine
    settings = {"weight": 0.25, "iterations": 1, "smoothing": 0.1, "seed": 1}
    total = sum(priors.values()) + 1e-6
    images = [prior / total for prior in priors.values()]
    straight = atropos(Volume(head.image.data, head.image.affine), inside, images, **settings)
    oblique = atropos(Volume(head.image.data, turned), inside, images, **settings)
    assert (straight == oblique)[inside].mean() > 0.999


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


def test_a_missing_tissue_and_a_wrong_contrast():
    codes = np.repeat(np.array([1, 2, 3], np.uint8), 9).reshape(3, 3, 3)
    rising = Volume(codes.astype(np.float32), np.eye(4), "t1w.nii.gz")
    check_tissue(codes, rising)
    with pytest.raises(
        InputError,
        match=r"t1w.nii.gz: CSF is 0.0 % of the brain, expected at least 2 %; is this a T1-weighted",
    ):
        check_tissue(np.where(codes == 1, 2, codes), rising)
    with pytest.raises(
        InputError,
        match="CSF, grey and white matter are -1, -2 and -3, expected increasing values; is this a T1-weighted",
    ):
        check_tissue(codes, Volume(-rising.data, np.eye(4)))
