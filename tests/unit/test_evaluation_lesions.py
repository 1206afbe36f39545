"""Lesions one by one, and means of regions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from myelosketch.evaluation.lesions import CONNECTIVITY, label_lesions, score_lesions
from myelosketch.evaluation.masks import REGIONS, region_masks, scorable_labels
from myelosketch.evaluation.regions import score_regions


def test_voxels_that_touch_by_a_corner_are_one_lesion():
    mask = np.zeros((5, 5, 5), bool)
    mask[1, 1, 1] = mask[2, 2, 2] = True
    assert CONNECTIVITY == 26
    labels, volumes = label_lesions(mask, voxel_volume=27.0)
    assert labels.max() == 1
    assert volumes.tolist() == [54.0]


def test_lesions_are_numbered_by_size_and_small_ones_left_out():
    mask = np.zeros((9, 9, 9), bool)
    mask[0, 0, 0] = True  # 8 mm³
    mask[2, 2, 2:4] = True  # 16 mm³
    mask[6:8, 6:8, 6] = True  # 32 mm³
    labels, volumes = label_lesions(mask, voxel_volume=8.0, min_volume_mm3=16.0)
    assert volumes.tolist() == [32.0, 16.0]
    assert labels[6, 6, 6] == 1
    assert labels[2, 2, 2] == 2
    assert labels[0, 0, 0] == 0


def test_a_lesion_of_exactly_the_minimum_is_kept():
    mask = np.zeros((4, 4, 4), bool)
    mask[1, 1, :3] = True
    _, volumes = label_lesions(mask, voxel_volume=1.22**3, min_volume_mm3=3 * 1.22**3)
    assert len(volumes) == 1


@settings(max_examples=40, deadline=None)
@given(arrays(bool, (6, 6, 6), elements=st.booleans()))
def test_lesion_volumes_add_up_to_the_mask(mask):
    labels, volumes = label_lesions(mask, voxel_volume=2.0)
    assert volumes.sum() == pytest.approx(2.0 * mask.sum())
    assert ((labels > 0) == mask).all()
    assert (np.diff(volumes) <= 0).all()


def test_lesion_means_and_shares_by_hand():
    labels = np.zeros((3, 3, 3), int)
    labels[0, 0, :2] = 1
    labels[2, 2, 2] = 2
    measured = np.full((3, 3, 3), 1.3)
    measured[0, 0, 0], measured[0, 0, 1], measured[2, 2, 2] = 1.0, 1.2, 1.1
    predicted = np.full((3, 3, 3), 1.05)
    rows = score_lesions(predicted, measured, labels, np.array([2.0, 1.0]), threshold=1.15)
    assert rows[0] == pytest.approx(
        {
            "lesion": 1,
            "volume_mm3": 2,
            "n_voxels": 2,
            "mean_dvr_true": 1.1,
            "mean_dvr_pred": 1.05,
            "pct_true": 50,
            "pct_pred": 100,
        }
    )
    assert rows[1]["pct_true"] == 100
    without = score_lesions(predicted, measured, labels, np.array([2.0, 1.0]), threshold=np.nan)
    assert np.isnan(without[0]["pct_true"])
    assert without[0]["mean_dvr_true"] == pytest.approx(1.1)


def test_no_lesion_gives_no_row():
    labels, volumes = label_lesions(np.zeros((3, 3, 3), bool), voxel_volume=1.0)
    assert score_lesions(np.ones((3, 3, 3)), np.ones((3, 3, 3)), labels, volumes, 1.0) == []


def test_regions_partition_the_brain_and_their_means():
    labels = np.array([[[0, 1, 2, 3, 3]]])
    masks = region_masks(labels)
    assert tuple(masks) == REGIONS
    assert masks["brain"].sum() == sum(masks[name].sum() for name in REGIONS[1:]) == 4
    measured = np.array([[[9.0, 1.0, 1.3, 1.0, 1.2]]])
    rows = {row["region"]: row for row in score_regions(measured + 0.1, measured, labels)}
    assert rows["lesion"]["mean_dvr_true"] == pytest.approx(1.1)
    assert rows["lesion"]["mean_dvr_pred"] == pytest.approx(1.2)
    assert rows["brain"]["mean_dvr_true"] == pytest.approx(4.5 / 4)


def test_an_empty_region_has_no_mean():
    rows = {
        row["region"]: row
        for row in score_regions(np.ones((1, 1, 2)), np.ones((1, 1, 2)), np.array([[[1, 2]]]))
    }
    assert rows["lesion"]["n_voxels"] == 0
    assert np.isnan(rows["lesion"]["mean_dvr_true"])


def test_voxels_without_a_measurement_leave_every_region():
    labels = scorable_labels(np.array([1, 2, 3]), np.array([np.nan, 1.0, np.inf]))
    assert labels.tolist() == [0, 2, 0]
