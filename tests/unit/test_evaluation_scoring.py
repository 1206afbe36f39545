"""One scan scored on disk: the content of its tables and masks."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scored_scan import MEAN, SD, SHAPE, Scan

from myelosketch.io import names
from myelosketch.io.provenance import read_json, write_json
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import load_volume


@pytest.fixture
def scan(tmp_path):
    return Scan(tmp_path)


def test_tables_have_the_agreed_columns_and_rows(scan):
    scan.add("ridgemeans", scan.measured + 0.05)
    scan.add("refiner", scan.measured)
    tables = scan.score()
    assert list(tables["voxelwise"].columns) == [
        *("method", "scan", "subject", "group", "fold", "region"),
        *("mae", "mse", "bias", "psnr", "ssim", "pearson_r", "slope", "intercept"),
        *("mae_visible", "r_visible", "n_voxels"),
    ]
    assert tables["lesions"]["size"].tolist() == [">= 100 mm3", "< 100 mm3"] * 2
    assert tables["lesions"]["kind"].isna().all()
    assert tables["roc"].groupby("method").size().tolist() == [51, 51]
    assert set(tables["calibration"]["region"]) == {"brain", "lesion", "nawm", "other"}
    assert len(tables["voxelwise"]) == len(tables["regions"]) == 8
    assert tables["demyelination"]["k"].tolist() == [0.5, 1.0, 2.0] * 2
    assert tables["lesions"]["volume_mm3"].tolist() == [27 * 27, 27] * 2
    ridge = tables["voxelwise"].query("method == 'ridgemeans' and region == 'lesion'").iloc[0]
    assert ridge["bias"] == pytest.approx(0.05, abs=1e-5)
    assert ridge["subject"] == "01"


def test_masks_hold_the_demyelinated_lesion_voxels(scan):
    scan.add("refiner", np.full(SHAPE, 1.0))
    scan.score()
    pet = load_volume(scan.folder / "pet_mask.nii.gz", dtype=np.uint8).data
    assert np.array_equal(pet == 1, scan.lesion & (scan.measured.astype(np.float32) < MEAN - SD))
    predicted = load_volume(scan.masks["refiner"], dtype=np.uint8).data
    assert np.array_equal(predicted == 1, scan.lesion)
    sidecar = read_json(scan.folder / "refiner_mask.json")
    assert sidecar["ThresholdDVR"] == pytest.approx(MEAN - SD)
    assert sidecar["Sources"] == ["refiner.nii.gz", "regions.nii.gz", "threshold.json"]
    assert sidecar["LesionConnectivity"] == 26
    assert sidecar["Parameters"]["reference"] == "pooled"


def test_voxels_without_mri_maps_are_not_scored(scan):
    seen = np.indices(SHAPE)[2] >= 6  # the field of view of the MRI ends within the larger lesion
    scan.write("ad", seen.astype(float))
    scan.add("refiner", np.where(seen, scan.measured + 0.05, 0))
    scan.add("visible", scan.measured + 0.05)  # a ceiling has a value everywhere
    tables = scan.score()
    found = tables["voxelwise"].set_index(["method", "region"])
    for method in ("refiner", "visible"):
        for region, inside in (("brain", scan.labels > 0), ("lesion", scan.lesion)):
            assert found.loc[(method, region), "n_voxels"] == (inside & seen).sum()
            assert found.loc[(method, region), "mae"] == pytest.approx(0.05, abs=1e-5)
    # the cut lesion keeps its volume
    assert tables["lesions"].query("method == 'refiner'")["volume_mm3"].tolist() == [27 * 27, 27]


def test_frauds_look_bad_beside_an_honest_prediction(scan):
    truth = scan.measured
    scan.add("template", np.where(scan.lesion, 0.9, 1.27))  # every lesion voxel called demyelinated
    scan.add("ridgemeans", np.full(SHAPE, truth[scan.lesion].mean()))  # the mean everywhere
    scan.add("sketcher", truth + np.random.default_rng(3).normal(0, 0.05, SHAPE))  # honest, noisy
    table = scan.score()["demyelination"].query("k == 1").set_index("method")
    assert table.loc["template", "dice"] == table.loc["template", "trivial_dice"]
    assert table.loc["template", "mcc"] == 0
    assert table.loc["template", "auc"] == 0.5
    assert table.loc["ridgemeans", "mcc"] == 0
    assert table.loc["sketcher", "mcc"] > 0.4


def test_a_control_has_no_lesion_rows(scan):
    scan.regions = scan.write("regions", np.where(scan.lesion, 2, scan.labels).astype(np.uint8))
    scan.add("refiner", scan.measured)
    tables = scan.score(group="HC")
    for name in ("demyelination", "lesions", "roc", "all_lesions"):
        assert tables[name].empty
    assert set(tables["variants"]["axis"]) == {"perilesional_mm"}
    lesion = tables["regions"].query("region == 'lesion'").iloc[0]
    assert lesion["n_voxels"] == 0
    assert np.isnan(lesion["mean_dvr_true"])
    assert load_volume(scan.masks["refiner"]).data.max() == 0


def test_without_a_training_control_everything_thresholded_is_missing(scan):
    write_json(scan.threshold, {"fold": 1, "mean": None, "sd": None, "note": "no control"})
    scan.add("refiner", scan.measured)
    tables = scan.score()
    assert tables["demyelination"][["tp", "dice", "mcc", "pct_true"]].isna().all(axis=None)
    assert tables["lesions"]["pct_true"].isna().all()
    assert tables["roc"]["tpr"].isna().all()
    assert tables["variants"].query("axis == 'reference'")["score"].isna().all()
    assert tables["voxelwise"]["mae"].notna().all()
    assert (
        read_json(scan.folder / "pet_mask.json")["Note"] == "no threshold, so nothing is marked: no control"
    )


@pytest.mark.parametrize("nothing", [0, np.nan], ids=str)
def test_voxels_without_a_measurement_are_in_no_table(scan, nothing):
    """The field of view ends below the top of the brain: predictions beyond it change no score."""
    beyond = np.zeros(SHAPE, bool)
    beyond[:, :, 6:] = True
    scan.dvr = scan.write("dvr", np.where(beyond, nothing, scan.measured))
    scan.add("ridgemeans", np.where(beyond, 0, scan.measured))
    scan.add("refiner", np.where(beyond, 1.9, scan.measured))
    tables = scan.score()
    for name, table in tables.items():
        ridge, refiner = (table[table["method"] == method] for method in ("ridgemeans", "refiner"))
        pd.testing.assert_frame_equal(
            ridge.drop(columns="method").reset_index(drop=True),
            refiner.drop(columns="method").reset_index(drop=True),
            obj=name,
        )
    seen = ~beyond & (scan.labels > 0)
    brain = tables["regions"].query("method == 'ridgemeans' and region == 'brain'").iloc[0]
    assert brain["n_voxels"] == seen.sum()
    assert brain["mean_dvr_true"] == pytest.approx(scan.measured[seen].mean(), abs=1e-5)
    assert tables["demyelination"]["n_lesion_voxels"].unique().tolist() == [18]
    assert not load_volume(scan.masks["refiner"]).data[beyond].any()


def test_a_lesion_that_the_pet_shows_in_part_keeps_number_and_volume(scan):
    scan.dvr = scan.write("dvr", np.where(np.indices(SHAPE)[2] < 6, scan.measured, 0))
    scan.add("refiner", scan.measured)
    lesions = scan.score()["lesions"]
    assert lesions["lesion"].tolist() == [1]  # the other is outside
    assert lesions["volume_mm3"].tolist() == [27 * 27]
    assert lesions["n_voxels"].tolist() == [18]
    assert lesions["mean_dvr_true"].item() == pytest.approx(scan.measured[4:7, 4:7, 4:6].mean(), abs=1e-5)


def test_predictions_are_scored_independently_of_each_other(scan):
    scan.add("ridgemeans", scan.measured + 0.1)
    alone = scan.score()["voxelwise"]
    scan.add("refiner", scan.measured * 2)
    both = scan.score()["voxelwise"]
    again = both[both["method"] == "ridgemeans"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, again, check_dtype=False, check_exact=True)


def test_lesions_below_the_minimum_are_kept_for_the_sensitivity_alone(scan):
    scan.add("refiner", scan.measured)
    tables = scan.score(min_lesion_mm3=100, sensitivity={"perilesional_mm": [3.0], "min_lesion_mm3": [20]})
    assert tables["lesions"]["lesion"].tolist() == [1]
    assert tables["all_lesions"]["lesion"].tolist() == [1, 2]
    assert tables["lesions"]["mean_dvr_true"].item() == tables["all_lesions"]["mean_dvr_true"].iloc[0]


def test_the_kind_of_a_simulated_lesion_comes_from_the_truth(scan):
    numbers = np.where(scan.lesion, 1, 0).astype(np.int16)
    numbers[9, 9, 9] = 2
    scan.truth = {"lesions": scan.write("lesions", numbers), "poses": scan.folder / "poses.json"}
    scan.truth["lesion_table"] = scan.folder / "kinds.tsv"
    kinds = pd.DataFrame({"lesion": [1, 2], "kind": ["black_hole", "active"]})
    write_table(kinds, scan.truth["lesion_table"])
    write_json(scan.truth["poses"], {"pet": np.eye(4).tolist()})
    scan.add("refiner", scan.measured)
    assert scan.score()["lesions"]["kind"].tolist() == ["black_hole", "active"]


def test_the_voxelwise_reference_judges_true_and_predicted_map_alike(scan):
    local = np.full(SHAPE, MEAN)
    local[:, :, 5:] = 9.0  # here every voxel is below its healthy mean
    scan.write("reference_mean", local)
    scan.add("refiner", np.full(SHAPE, 1.2))
    pooled = scan.score()["demyelination"].query("k == 1")
    tables = scan.score(reference="voxelwise")
    found = tables["demyelination"].query("k == 1")
    below = scan.lesion & (scan.measured.astype(np.float32) < local - SD)
    assert found["pct_true"].item() == pytest.approx(100 * below[scan.lesion].mean(), rel=1e-4)
    assert found["pct_true"].item() > pooled["pct_true"].item()
    assert found["pct_pred"].item() == pytest.approx(100 * (local - SD > 1.2)[scan.lesion].mean(), rel=1e-4)
    mask = load_volume(scan.folder / "pet_mask.nii.gz", dtype=np.uint8).data
    assert np.array_equal(mask == 1, below)
    sidecar = read_json(scan.folder / "pet_mask.json")
    assert sidecar["ThresholdDVR"] is None
    assert sidecar["Parameters"]["reference"] == "voxelwise"
    # both references are always among the variants
    shares = tables["variants"].query("metric == 'pct_true'").set_index("value")["score"]
    assert shares["voxelwise"] == pytest.approx(found["pct_true"].item())
    assert shares["pooled"] == pytest.approx(pooled["pct_true"].item())


def test_the_perilesional_shell_moves_white_matter_by_its_width(scan):
    scan.add("refiner", scan.measured + 0.1)
    scores = scan.score()["variants"].query("metric == 'nawm_mean_true'").set_index("value")["score"]
    distance = ndimage.distance_transform_edt(~scan.lesion, sampling=3.0)
    for width in (0, 3):
        white = (scan.labels == 2) & (distance > width)
        assert scores[str(width)] == pytest.approx(scan.measured[white].mean(), rel=1e-5)


def test_scoring_imports_neither_torch_nor_ants():
    code = (
        "import sys; from myelosketch.evaluation import comparisons, final_table, scoring, sensitivity, statistics; "
        "heavy = ('torch', 'ants', 'monai', 'nilearn', 'safetensors', 'snakemake'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    environment = {"PYTHONPATH": str(names.__file__).removesuffix("/myelosketch/io/names.py")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"


def test_tables_survive_being_written_and_read(scan, tmp_path):
    scan.add("refiner", scan.measured)
    scan.score()
    table = read_table(scan.tables["regions"])
    write_table(table, tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_text() == scan.tables["regions"].read_text()
