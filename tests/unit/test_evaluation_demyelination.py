"""The threshold of a fold, and the voxels that count as demyelinated under it."""

import json

import numpy as np
import pytest
from evaluation_files import write_transform

from myelosketch.errors import GeometryError, InputError
from myelosketch.evaluation.demyelination import (
    demyelinated_mask,
    fit_threshold,
    read_threshold,
    score_demyelination,
    threshold_dvr,
)
from myelosketch.evaluation.reference import place_reference
from myelosketch.io.volumes import load_volume, save_volume

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
OUTPUTS = {"threshold": "threshold.json", "reference_mean": "mean.nii.gz", "reference_sd": "sd.nii.gz"}


@pytest.fixture
def cohort(tmp_path):
    """Three scans: (paths by key), DVR, regions; white matter in half of the voxels, all at one place of MNI152."""
    write_transform(tmp_path / "identity.mat")
    files = []
    for number in range(3):
        generator = np.random.default_rng(number)
        dvr = generator.normal(1.27, 0.05, (6, 6, 6)).astype(np.float32)
        regions = np.ones((6, 6, 6), np.uint8)
        regions[:3] = 2
        paths = {"dvr": tmp_path / f"{number}_dvr.nii.gz", "regions": tmp_path / f"{number}_regions.nii.gz"}
        save_volume(paths["dvr"], dvr, AFFINE)
        save_volume(paths["regions"], regions, AFFINE)
        paths |= dict.fromkeys(("xfm_t1w_to_petref", "xfm_t1w_to_mni"), tmp_path / "identity.mat")
        files.append((paths, dvr, regions))
    return files


def fit(cohort, folder, indices, fwhm_mm=10.0):
    """Content of the threshold file; outputs go to a folder of their own."""
    files = {key: [str(cohort[i][0][key]) for i in indices] for key in cohort[0][0]}
    outputs = {key: folder / name for key, name in OUTPUTS.items()}
    return fit_threshold(files, [f"sub-{i}" for i in indices], outputs, fold=1, fwhm_mm=fwhm_mm)


def test_threshold_pools_the_white_matter_voxels_of_the_controls(cohort, tmp_path):
    content = fit(cohort, tmp_path, (0, 1))
    pooled = np.concatenate([dvr[regions == 2] for _, dvr, regions in cohort[:2]]).astype(float)
    assert content["mean"] == pytest.approx(pooled.mean())
    assert content["sd"] == pytest.approx(pooled.std(ddof=1))
    assert content["n_voxels"] == 216
    written = json.loads((tmp_path / "threshold.json").read_text())
    assert written["controls"] == ["sub-0", "sub-1"]
    assert written["fold"] == 1
    reference = read_threshold(tmp_path / "threshold.json")
    assert threshold_dvr(reference, 2) == pytest.approx(pooled.mean() - 2 * pooled.std(ddof=1))


def test_a_held_out_participant_touches_neither_reference(cohort, tmp_path):
    before = fit(cohort, tmp_path / "before", (0, 1))
    shuffled = np.random.default_rng(9).permutation(cohort[2][1].ravel()).reshape(6, 6, 6) * 3
    save_volume(cohort[2][0]["dvr"], shuffled, AFFINE)
    assert fit(cohort, tmp_path / "after", (0, 1)) == before
    other = fit(cohort, tmp_path / "other", (0, 2))
    for name in OUTPUTS.values():
        first, second, third = ((tmp_path / run / name).read_bytes() for run in ("before", "after", "other"))
        assert first == second
        assert first != third  # the test can fail
    assert other["mean"] != before["mean"]


@pytest.mark.parametrize("nothing", [0, np.nan], ids=str)
def test_voxels_without_a_dvr_are_left_out(cohort, tmp_path, nothing):
    paths, dvr, _ = cohort[0]
    dvr = dvr.copy()
    dvr[0] = nothing
    dvr[1, 0, 0] = -0.02  # noise, but a value
    save_volume(paths["dvr"], dvr, AFFINE)
    found = fit(cohort, tmp_path, (0,))
    assert found["n_voxels"] == 72
    assert found["mean"] == pytest.approx(dvr[1:3].mean(dtype=float))
    mean = load_volume(tmp_path / "mean.nii.gz").data
    np.testing.assert_allclose(mean[mean != np.float32(found["mean"])], found["mean"], atol=0.05)


def test_a_fold_without_controls_has_a_reason_instead_of_a_threshold(tmp_path, cohort):
    content = fit(cohort, tmp_path, ())
    assert content["note"] == "no control among the training scans of this fold"
    reference = read_threshold(tmp_path / "threshold.json")
    assert np.isnan(reference["mean"])
    rows = score_demyelination(np.array([1.0]), np.array([1.0]), reference, [1.0])
    assert rows[0]["n_lesion_voxels"] == 1
    assert np.isnan(rows[0]["dice"])
    assert np.isnan(rows[0]["tp"])
    like = load_volume(cohort[0][0]["dvr"])
    placed = place_reference(tmp_path / "mean.nii.gz", tmp_path / "sd.nii.gz", reference, like, cohort[0][0])
    assert np.isnan(placed["mean"])  # and not the 0 of the empty map


def test_controls_on_another_grid_are_an_error(cohort, tmp_path):
    moved = AFFINE.copy()
    moved[0, 3] = 1.0
    save_volume(cohort[0][0]["regions"], cohort[0][2], moved)
    with pytest.raises(GeometryError, match="affines that differ by 1 mm"):
        fit(cohort, tmp_path, (0,))


def test_bad_files_are_named(cohort, tmp_path):
    save_volume(cohort[0][0]["regions"], np.zeros((6, 6, 6), np.uint8), AFFINE)
    with pytest.raises(InputError) as error:
        fit(cohort, tmp_path, (0,))
    assert str(error.value) == (
        "The training controls of fold 1 (sub-0) have 0 white-matter voxels with a DVR; expected at least 2: "
        "check their region maps."
    )
    save_volume(cohort[0][0]["regions"], np.full((6, 6, 6), 7, np.uint8), AFFINE)
    with pytest.raises(InputError, match="holds the value 7; expected only 0"):
        fit(cohort, tmp_path, (0,))
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


def test_each_voxel_has_its_own_threshold_if_the_reference_is_voxelwise():
    reference = {"mean": np.array([1.3, 1.1, 1.3]), "sd": np.array([0.1, 0.1, 0.3])}
    measured = np.array([1.15, 1.05, 1.15])
    row = score_demyelination(measured, measured, reference, [1.0])[0]
    assert row["pct_true"] == pytest.approx(100 / 3)
    # ranked by SDs below the healthy mean of each voxel, which separates the classes
    assert row["auc"] == 1
