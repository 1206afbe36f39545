"""The threshold of a fold, and what is demyelinated by it."""

import json

import numpy as np
import pytest

from myelosketch.errors import GeometryError, InputError
from myelosketch.evaluation.demyelination import (
    demyelinated_mask,
    fit_threshold,
    read_threshold,
    score_demyelination,
    threshold_dvr,
)
from myelosketch.volumes import save_volume

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


@pytest.fixture
def cohort(tmp_path):
    """Three scans: (DVR path, region path), white matter in half of the voxels."""
    files = []
    for number in range(3):
        generator = np.random.default_rng(number)
        dvr = generator.normal(1.27, 0.05, (6, 6, 6)).astype(np.float32)
        regions = np.ones((6, 6, 6), np.uint8)
        regions[:3] = 2
        paths = tmp_path / f"{number}_dvr.nii.gz", tmp_path / f"{number}_regions.nii.gz"
        save_volume(paths[0], dvr, AFFINE)
        save_volume(paths[1], regions, AFFINE)
        files.append((paths, dvr, regions))
    return files


def fit(cohort, output, indices):
    paths = [cohort[i][0] for i in indices]
    names = [f"sub-{i}" for i in indices]
    return fit_threshold([p[0] for p in paths], [p[1] for p in paths], names, output, fold=1)


def test_threshold_pools_the_white_matter_voxels_of_the_controls(cohort, tmp_path):
    content = fit(cohort, tmp_path / "t.json", (0, 1))
    pooled = np.concatenate([dvr[regions == 2] for _, dvr, regions in cohort[:2]]).astype(float)
    assert content["mean"] == pytest.approx(pooled.mean())
    assert content["sd"] == pytest.approx(pooled.std(ddof=1))
    assert content["n_voxels"] == 216
    written = json.loads((tmp_path / "t.json").read_text())
    assert written["controls"] == ["sub-0", "sub-1"]
    assert written["fold"] == 1
    assert threshold_dvr(read_threshold(tmp_path / "t.json"), 2) == pytest.approx(
        pooled.mean() - 2 * pooled.std(ddof=1)
    )


def test_a_held_out_participant_touches_no_threshold(cohort, tmp_path):
    before = fit(cohort, tmp_path / "before.json", (0, 1))
    save_volume(
        cohort[2][0][0],
        np.random.default_rng(9).permutation(cohort[2][1].ravel()).reshape(6, 6, 6) * 3,
        AFFINE,
    )
    after = fit(cohort, tmp_path / "after.json", (0, 1))
    assert before == after
    assert (tmp_path / "before.json").read_bytes() == (tmp_path / "after.json").read_bytes()
    assert fit(cohort, tmp_path / "other.json", (0, 2))["mean"] != before["mean"]  # the test can fail


def test_voxels_without_a_dvr_are_left_out(cohort, tmp_path):
    paths, dvr, _ = cohort[0]
    dvr = dvr.copy()
    dvr[0] = np.nan
    save_volume(paths[0], dvr, AFFINE)
    assert fit(cohort, tmp_path / "t.json", (0,))["n_voxels"] == 72


def test_a_fold_without_controls_has_a_reason_instead_of_a_threshold(tmp_path):
    content = fit_threshold([], [], [], tmp_path / "t.json", fold=2)
    assert content["note"] == "no control among the training scans of this fold"
    reference = read_threshold(tmp_path / "t.json")
    assert np.isnan(reference["mean"])
    rows = score_demyelination(np.array([1.0]), np.array([1.0]), reference, [1.0])
    assert rows[0]["n_lesion_voxels"] == 1
    assert np.isnan(rows[0]["dice"])
    assert np.isnan(rows[0]["tp"])


def test_controls_on_another_grid_are_an_error(cohort, tmp_path):
    moved = AFFINE.copy()
    moved[0, 3] = 1.0
    save_volume(cohort[0][0][1], cohort[0][2], moved)
    with pytest.raises(GeometryError, match="affines that differ by 1 mm"):
        fit(cohort, tmp_path / "t.json", (0,))


def test_bad_settings_and_files_are_named(cohort, tmp_path):
    with pytest.raises(InputError) as error:
        fit_threshold([], [], [], tmp_path / "t.json", fold=1, reference="voxelwise")
    assert str(error.value) == "evaluation.reference is 'voxelwise'; expected one of pooled."
    save_volume(cohort[0][0][1], np.zeros((6, 6, 6), np.uint8), AFFINE)
    with pytest.raises(InputError) as error:
        fit(cohort, tmp_path / "t.json", (0,))
    assert str(error.value) == (
        "The training controls of fold 1 (sub-0) have 0 white-matter voxels with a DVR; expected at least 2: "
        "look at their region maps."
    )
    save_volume(cohort[0][0][1], np.full((6, 6, 6), 7, np.uint8), AFFINE)
    with pytest.raises(InputError, match="holds the value 7; expected only 0"):
        fit(cohort, tmp_path / "t.json", (0,))
    with pytest.raises(InputError) as error:
        read_threshold(tmp_path / "absent.json")
    assert str(error.value) == f"{tmp_path / 'absent.json'} does not exist: run the rule fit_threshold first."
    (tmp_path / "bad.json").write_text('{"mean": 1}')
    with pytest.raises(InputError, match="is not a threshold file"):
        read_threshold(tmp_path / "bad.json")


def test_mask_marks_lesion_voxels_below_the_threshold_only():
    dvr = np.array([0.9, 1.0, 1.1, 0.5])
    lesion = np.array([True, True, True, False])
    assert demyelinated_mask(dvr, lesion, 1.0).tolist() == [True, False, False, False]
    assert not demyelinated_mask(dvr, lesion, np.nan).any()


def test_one_threshold_for_truth_and_prediction_and_every_k():
    reference = {"mean": 1.3, "sd": 0.1}
    measured = np.array([1.0, 1.15, 1.25, 1.35])
    rows = score_demyelination(measured, measured, reference, [0.5, 1.0, 2.0, 4.0])
    assert [row["pct_true"] for row in rows] == [50, 50, 25, 0]
    assert [row["dice"] for row in rows[:3]] == [1, 1, 1]
    assert np.isnan(rows[3]["dice"])
    lower = score_demyelination(measured - 0.1, measured, reference, [1.0])[0]
    assert (lower["pct_true"], lower["pct_pred"]) == (50, 75)


def test_share_never_grows_with_k():
    generator = np.random.default_rng(1)
    rows = score_demyelination(
        generator.normal(1.1, 0.1, 500),
        generator.normal(1.1, 0.1, 500),
        {"mean": 1.27, "sd": 0.1},
        [0, 0.5, 1, 2, 3],
    )
    assert (np.diff([row["pct_true"] for row in rows]) <= 0).all()
    assert (np.diff([row["pct_pred"] for row in rows]) <= 0).all()


def test_a_voxel_at_the_threshold_is_not_demyelinated_in_either_map():
    values = np.array([0.9999, 1.0, 1.0001])
    row = score_demyelination(values, values, {"mean": 1.25, "sd": 0.25}, [1.0])[0]
    assert (row["tp"], row["fp"], row["fn"], row["tn"]) == (1, 0, 0, 2)
