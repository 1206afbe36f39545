"""Which voxels of a mask count, in the usual forms of masks, and which images are refused as masks."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from myelosketch.errors import InputError
from myelosketch.intake.masks import UnclearMaskError, load_mask, read_mask

DRAWN = np.zeros((6, 6, 6), np.float32)
DRAWN[1:3, 1:4, 1:5] = 1
LEFT = np.broadcast_to(np.arange(6)[:, None, None] < 2, DRAWN.shape)  # the part of it at x = 1
SMOOTH = DRAWN * np.linspace(0.2, 0.9, 6, dtype=np.float32)
# FreeSurfer's numbers of both halves' white matter and cortex, and of white-matter hypointensities
SEGMENTATION = np.where(LEFT, 2, 41) + np.arange(6)[None, None, :] % 2


@pytest.mark.parametrize(
    ("data", "settings", "inside", "values"),
    [
        (DRAWN, {}, DRAWN > 0, "0 and 1"),
        (255 * DRAWN, {}, DRAWN > 0, "0 and 255"),
        (0.9999 * DRAWN, {}, DRAWN > 0, "0 and 1"),  # resampled
        (DRAWN * (1 + LEFT), {}, DRAWN > 0, "labels, every number above 0"),
        (0 * DRAWN, {}, DRAWN > 1, "0 everywhere"),
        (SMOOTH, {}, SMOOTH >= 0.5, "probability, threshold 0.5"),
        (SMOOTH, {"threshold": 0.2}, SMOOTH >= 0.2, "probability, threshold 0.2"),
        (0.3 * DRAWN, {"threshold": 0.3}, DRAWN > 0, "probability, threshold 0.3"),
        (0.3 * DRAWN, {}, DRAWN > 1, "probability, threshold 0.5"),
        (1.004 * SMOOTH / 0.9 - 0.004, {}, SMOOTH / 0.9 > 0.502, "probability, threshold 0.5"),  # a spline's
        (DRAWN, {"threshold": 0.9}, DRAWN > 0, "0 and 1"),
        (np.where(DRAWN > 0, 99, SEGMENTATION), {"label": 99}, DRAWN > 0, "labels, 99 alone"),
        (SEGMENTATION, {"label": 99}, DRAWN > 1, "labels, 99 alone"),  # of somebody without lesions
        (99 * DRAWN, {"label": 99}, DRAWN > 0, "labels, 99 alone"),
        (0 * DRAWN, {"label": 99}, DRAWN > 1, "0 everywhere"),
    ],
)  # fmt: skip
def test_how_a_mask_is_read(data, settings, inside, values):
    mask = read_mask(data, **settings)
    assert mask.values == values
    np.testing.assert_array_equal(mask.inside, inside)


@pytest.mark.parametrize(
    ("data", "settings", "sentence"),
    [
        (DRAWN - 1, {}, "has values below 0 (from -1 to -1): write 0 outside the mask"),
        (100 * SMOOTH + 0.5 * (SMOOTH > 0), {}, "has values from 34.5 to 76.5, neither probabilities (0 to 1) nor "
         "whole numbers: divide a probability map by its highest possible value, or resample labels by nearest "
         "neighbour"),
        (np.round(100 * np.linspace(0, 1, 216)).reshape(6, 6, 6), {}, "has whole numbers up to 100 that differ "
         "from voxel to voxel, unlike labels: if it is a probability, divide it by its highest possible value "
         "(100 or 255)"),
        (SMOOTH, {"label": 99}, "has probabilities, but lesions.label is 99: give the label image, or set "
         "lesions.label: null"),
        (DRAWN, {"label": 99}, "has only the number 1, but lesions.label is 99: give the label image, or set "
         "lesions.label: null"),
    ],
)  # fmt: skip
def test_what_no_mask_can_be(tmp_path, data, settings, sentence):
    with pytest.raises(UnclearMaskError) as caught:
        read_mask(data, **settings)
    assert str(caught.value) == sentence
    path = tmp_path / "mask.nii.gz"
    nib.save(nib.Nifti1Image(data.astype(np.float32), np.eye(4)), path)
    with pytest.raises(InputError) as caught:
        load_mask(path, **settings)
    assert str(caught.value) == f"{path} {sentence}."


@settings(max_examples=50, deadline=None)
@given(
    arrays(bool, (4, 5, 3)),
    st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
    st.integers(1, 120),
)
def test_the_number_and_its_type_do_not_matter(drawn, kind, number):
    np.testing.assert_array_equal(read_mask(drawn.astype(kind) * kind(number)).inside, drawn)
