"""Lesions found on FLAIR: known ones in a simple head, no false ones, and images that cannot be judged."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from test_house import ROOT

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy.flair import find_lesions, remove_bias

VOXEL = np.array([2.0, 2.0, 2.0])
SHAPE = (60, 60, 60)
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())["lesions"]["flair"]
DISTANCE = np.linalg.norm(2.0 * (np.indices(SHAPE) - 29.5)[:, :, :, :].reshape(3, -1), axis=0).reshape(SHAPE)
BRAIN, CORTEX_MM, VENTRICLE_MM = DISTANCE <= 56, 50, 14
LEVELS = {1: 30.0, 2: 125.0, 3: 100.0}
NOISE = 5.0


def place(x, y, z, radius):
    """A ball, voxels from the centre and mm."""
    offset = 2.0 * (np.indices(SHAPE) - 29.5 - np.array([x, y, z])[:, None, None, None])
    return np.linalg.norm(offset, axis=0) <= radius


def head(lesions=(), value=170.0, *, bias=0.0, called=None, noise=NOISE):
    """A head of CSF in the middle, white matter and a cortex: FLAIR, tissue and priors."""
    tissue = np.where(BRAIN, 3, 0).astype(np.uint8)
    tissue[BRAIN & (DISTANCE > CORTEX_MM)] = 2
    tissue[DISTANCE < VENTRICLE_MM] = 1
    names = {"csf": 1, "grey": 2, "white": 3}
    priors = {name: gaussian_filter((tissue == code).astype(np.float32), 0.7) for name, code in names.items()}
    flair = np.select([tissue == code for code in LEVELS], LEVELS.values(), 0.0)
    for mask in lesions:
        flair[mask] = value
        if called is not None:
            tissue[mask] = called
    flair = gaussian_filter(flair, 0.4) + noise * np.random.default_rng(1).standard_normal(SHAPE)
    ramp = 1 + bias * (np.indices(SHAPE)[0] / 59 - 0.5)
    return np.where(BRAIN, flair * ramp, 0), tissue, priors


def found(scene, **changed):
    return find_lesions(*scene, VOXEL, **CONFIG | changed)


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


LESIONS = [place(0, 14, 0, 7), place(-12, -8, 4, 5), place(10, 2, -12, 6)]
TRUTH = np.any(LESIONS, axis=0)


@pytest.mark.parametrize("called", [None, 1, 2, 3], ids=["white", "CSF", "grey", "said-white"])
def test_lesions_are_found_whatever_tissue_t1w_calls_them(called):
    assert dice(found(head(LESIONS, called=called)), TRUTH) > 0.85


def test_nothing_is_found_in_a_healthy_head():
    assert not found(head()).any()


def test_a_bias_field_hides_nothing_and_adds_nothing():
    assert dice(found(head(LESIONS, bias=0.5)), TRUTH) > 0.85
    assert not found(head(bias=0.5)).any()


@settings(max_examples=6, deadline=None)
@given(gain=st.floats(1e-3, 1e4))
def test_the_unit_of_the_image_does_not_matter(gain):
    flair, tissue, priors = head(LESIONS)
    expected = found((flair, tissue, priors))
    assert dice(found((flair * gain, tissue, priors)), expected) > 0.999


def test_a_thin_rim_of_the_ventricles_is_no_lesion_but_a_lesion_on_it_is():
    rim = (DISTANCE >= VENTRICLE_MM) & (DISTANCE < VENTRICLE_MM + 2)
    assert not found(head([rim])).any()
    assert found(head([rim]), rim_mm=0.0).any()
    lesion = place(0, 10, 0, 7) & (DISTANCE >= VENTRICLE_MM)
    result = found(head([lesion, rim]))
    assert dice(result, lesion) > 0.7
    assert not result[:, :28].any()  # the rim on the other side


def test_bright_cortex_is_no_lesion():
    assert not found(head([place(0, 26, 0, 6) & (DISTANCE > CORTEX_MM)])).any()


def test_growth_stays_with_its_seed():
    dim = place(-12, -8, 4, 5)
    flair, tissue, priors = head([LESIONS[0]], 170.0, noise=0.0)
    grey = flair[tissue == 2]
    spread = 1.4826 * np.median(np.abs(grey - np.median(grey)))
    scene = np.where(dim, np.median(grey) + 2 * spread, flair), tissue, priors  # between both thresholds
    result = found(scene)
    assert result[LESIONS[0]].mean() > 0.8
    assert not result[dim].any()
    assert found(scene, seed_sd=1.9)[dim].mean() > 0.6


def test_the_smallest_lesion():
    scene = head([place(0, 16, 0, 3.4)])
    volume = 8 * found(scene).sum()
    assert volume > 0
    assert found(scene, min_mm3=volume).any()
    assert not found(scene, min_mm3=volume + 1).any()


def test_the_bias_field_is_taken_from_white_matter():
    flair, tissue, _ = head(bias=0.5, noise=0.0)
    white = (tissue == 3) & (DISTANCE > 20) & (DISTANCE < 44)
    before, after = (
        np.std(image[white]) / np.mean(image[white])
        for image in (flair, remove_bias(flair, tissue == 3, VOXEL))
    )
    assert before > 0.05
    assert after < 0.5 * before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (np.zeros_like, "The FLAIR has no signal in the white matter of the T1w image: does it show the "
            "same whole head?"),
        (lambda flair: np.where(flair > 0, 7.0, 0), "The FLAIR shows no contrast within the grey matter: "
            "is it a FLAIR of the same whole head?"),
    ],
)  # fmt: skip
def test_a_flair_that_shows_nothing(change, sentence):
    flair, tissue, priors = head()
    with pytest.raises(InputError) as caught:
        found((change(flair), tissue, priors))
    assert str(caught.value) == sentence


def test_thresholds_in_the_wrong_order():
    with pytest.raises(InputError) as caught:
        found(head(), seed_sd=2.0, grow_sd=3.0)
    assert str(caught.value) == (
        "lesions.flair.grow_sd is 3, expected at most seed_sd (2): lower it, or raise seed_sd."
    )
