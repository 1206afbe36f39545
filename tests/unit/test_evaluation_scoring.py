"""One scan scored on disk: tables, masks, fraud, leakage and bad input."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from evaluation_files import write_tissues, write_transform
from scipy import ndimage

from myelosketch import names
from myelosketch.errors import GeometryError, InputError
from myelosketch.evaluation.gather import gather_all, gather_tables
from myelosketch.evaluation.scoring import TABLES, score_scan
from myelosketch.evaluation.summary import read_scores
from myelosketch.provenance import read_json, write_json
from myelosketch.tables import read_table, write_table
from myelosketch.volumes import load_volume, save_volume

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
SHAPE = (14, 14, 14)
MEAN, SD = 1.27, 0.1
SETTINGS = {
    "k": 1.0,
    "ks": [0.5, 2.0],
    "dvr_range": (0, 2),
    "min_lesion_mm3": 0,
    "reference": "pooled",
    "lesion_sizes_mm3": [100],
    "periventricular_mm": 3.0,
    "juxtacortical_mm": 1.5,
    "sensitivity": {"perilesional_mm": [0.0, 3.0], "min_lesion_mm3": [50]},
    "regions": {"threshold": 0.5, "white_erosion_mm": 0.0},
}


class Scan:
    """A scan on disk with two lesions, a measured DVR and predictions by name."""

    def __init__(self, folder, seed=0):
        self.folder = folder
        generator = np.random.default_rng(seed)
        self.labels = np.zeros(SHAPE, np.uint8)
        self.labels[1:-1, 1:-1, 1:-1] = 1
        self.labels[3:11, 3:11, 3:11] = 2
        self.labels[4:7, 4:7, 4:7] = 3
        self.labels[9, 9, 9] = 3
        self.lesion = self.labels == 3
        self.measured = generator.normal(1.27, 0.05, SHAPE)
        self.measured[self.lesion] = generator.normal(1.12, 0.1, self.lesion.sum())
        self.predictions = {}
        self.dvr = self.write("dvr", self.measured)
        self.regions = self.write("regions", self.labels)
        self.threshold = folder / "threshold.json"
        write_json(self.threshold, {"fold": 1, "mean": MEAN, "sd": SD, "note": None})
        self.truth = {}
        self.write_anatomy()
        self.tables = {name: folder / f"{name}.tsv" for name in TABLES}
        self.masks = {}

    def write_anatomy(self):
        """Fractions, a template without places, transforms, and a voxelwise reference like the pooled one."""
        white = np.isin(self.labels, (2, 3))
        tissues = {"brain": self.labels > 0, "white": white, "lesion": self.lesion, "grey": self.labels == 1}
        write_tissues(self.folder / "fractions.nii.gz", AFFINE, **tissues)
        self.write("places", np.zeros(SHAPE, np.uint8))
        write_transform(self.folder / "xfm.mat")
        self.write("reference_mean", np.full(SHAPE, MEAN))
        self.write("reference_sd", np.full(SHAPE, SD))

    def files(self):
        names_ = ("fractions", "places", "reference_mean", "reference_sd")
        files = {name: self.folder / f"{name}.nii.gz" for name in names_}
        files |= dict.fromkeys(("xfm_t1w_to_petref", "xfm_t1w_to_mni"), self.folder / "xfm.mat")
        return files | {"dvr": self.dvr, "regions": self.regions, "threshold": self.threshold} | self.truth

    def write(self, name, data, affine=AFFINE):
        save_volume(self.folder / f"{name}.nii.gz", data, affine)
        return str(self.folder / f"{name}.nii.gz")

    def add(self, method, data, affine=AFFINE):
        self.predictions[method] = self.write(method, data, affine)
        self.masks[method] = self.folder / f"{method}_mask.nii.gz"

    def score(self, *, group="MS", fold=1, **changes):
        masks = {"pet": self.folder / "pet_mask.nii.gz"} | self.masks
        people = {"scan": "sub-01", "subject": "01", "group": group, "fold": fold}
        settings = SETTINGS | changes
        score_scan(self.files(), self.predictions, self.tables, masks, settings=settings, **people)
        return {name: read_scores(path) for name, path in self.tables.items()}


@pytest.fixture
def scan(tmp_path):
    return Scan(tmp_path)


def test_tables_have_the_agreed_columns_and_rows(scan):
    scan.add("ridge", scan.measured + 0.05)
    scan.add("refiner", scan.measured)
    tables = scan.score()
    assert list(tables["voxelwise"].columns) == [
        *("method", "scan", "subject", "group", "fold", "region"),
        *("mae", "mse", "bias", "psnr", "ssim", "pearson_r", "slope", "intercept", "n_voxels"),
    ]
    assert tables["lesions"]["size"].tolist() == [">= 100 mm3", "< 100 mm3"] * 2
    assert tables["lesions"]["kind"].isna().all()
    assert tables["roc"].groupby("method").size().tolist() == [51, 51]
    assert set(tables["calibration"]["region"]) == {"brain", "lesion", "nawm", "other"}
    assert len(tables["voxelwise"]) == len(tables["regions"]) == 8
    assert tables["demyelination"]["k"].tolist() == [0.5, 1.0, 2.0] * 2
    assert tables["lesions"]["volume_mm3"].tolist() == [27 * 27, 27] * 2
    ridge = tables["voxelwise"].query("method == 'ridge' and region == 'lesion'").iloc[0]
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


def test_frauds_look_bad_beside_an_honest_prediction(scan):
    truth = scan.measured
    scan.add("template", np.where(scan.lesion, 0.9, 1.27))  # every lesion voxel called demyelinated
    scan.add("ridge", np.full(SHAPE, truth[scan.lesion].mean()))  # the mean everywhere
    scan.add("sketcher", truth + np.random.default_rng(3).normal(0, 0.05, SHAPE))  # honest, noisy
    table = scan.score()["demyelination"].query("k == 1").set_index("method")
    assert table.loc["template", "dice"] == table.loc["template", "trivial_dice"]
    assert table.loc["template", "mcc"] == 0
    assert table.loc["template", "auc"] == 0.5
    assert table.loc["ridge", "mcc"] == 0
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


def test_voxels_without_a_measurement_are_not_scored(scan):
    measured = scan.measured.copy()
    measured[5, 5, 5] = np.nan
    scan.dvr = scan.write("dvr", measured)
    scan.add("refiner", scan.measured)
    tables = scan.score()
    assert tables["demyelination"]["n_lesion_voxels"].unique().tolist() == [27]
    assert tables["lesions"]["volume_mm3"].tolist() == [26 * 27, 27]
    assert tables["voxelwise"].query("region == 'lesion'")["mae"].item() == pytest.approx(0, abs=1e-6)


def test_predictions_are_scored_independently_of_each_other(scan):
    scan.add("ridge", scan.measured + 0.1)
    alone = scan.score()["voxelwise"]
    scan.add("refiner", scan.measured * 2)
    both = scan.score()["voxelwise"]
    assert alone.equals(both[both["method"] == "ridge"].reset_index(drop=True))


def test_a_prediction_on_another_grid_is_an_error(scan):
    scan.add("refiner", scan.measured[:-1])
    with pytest.raises(GeometryError) as error:
        scan.score()
    assert str(error.value).startswith(
        f"{scan.dvr} has shape (14, 14, 14) but {scan.predictions['refiner']} has (13, 14, 14): "
    )


def test_a_hole_in_a_prediction_is_an_error(scan):
    holed = scan.measured.copy()
    holed[5, 5, 5:7] = np.nan
    scan.add("refiner", holed)
    with pytest.raises(InputError) as error:
        scan.score()
    assert str(error.value) == (
        f"{scan.predictions['refiner']} has 2 brain voxels without a finite DVR; expected a value in every "
        "one: run the prediction of refiner again, and its training if that does not help."
    )


@pytest.mark.parametrize("sidecar", [{"Fold": 2}, {"Parameters": {"fold": 2}}])
def test_a_prediction_by_a_model_that_saw_the_participant_is_an_error(scan, sidecar):
    scan.add("refiner", scan.measured)
    write_json(scan.folder / "refiner.json", sidecar)
    with pytest.raises(InputError) as error:
        scan.score()
    assert str(error.value) == (
        "refiner.nii.gz was made by the model of fold 2, which trained on sub-01 (held out of fold 1): "
        "delete it and run its prediction again."
    )
    write_json(scan.folder / "refiner.json", json.loads(json.dumps(sidecar).replace("2", "1")))
    scan.score()


def test_the_threshold_of_another_fold_is_an_error(scan):
    scan.add("refiner", scan.measured)
    with pytest.raises(InputError, match="belongs to fold 1 but sub-01 is held out of fold 2"):
        scan.score(fold=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dvr_range": (2, 0)},
            "evaluation.dvr_range is [2, 0]; expected a lower and then a higher DVR.",
        ),
        (
            {"lesion_sizes_mm3": [300, 100]},
            "evaluation.lesion_sizes_mm3 is [300, 100]; expected rising volumes in mm3.",
        ),
        (
            {"reference": "local"},
            "evaluation.reference is 'local'; expected one of pooled, voxelwise.",
        ),
    ],
)
def test_settings_that_are_none_are_errors(scan, changes, message):
    with pytest.raises(InputError) as error:
        scan.score(**changes)
    assert str(error.value) == message


def test_fractions_on_another_grid_are_an_error(scan):
    write_tissues(scan.folder / "fractions.nii.gz", 2 * AFFINE, brain=scan.labels > 0)
    scan.add("refiner", scan.measured)
    with pytest.raises(GeometryError, match="they must share one grid"):
        scan.score()


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
    local[:, :, 5:] = 9.0  # here every voxel lies below its healthy mean
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


def test_gathering_keeps_digits_and_refuses_other_columns(tmp_path):
    first, second, other = (tmp_path / f"{name}.tsv" for name in ("first", "second", "other"))
    first.write_text("scan\tmae\nsub-01\t0.100\n")
    second.write_text("scan\tmae\n")
    other.write_text("scan\tmse\nsub-03\t1\n")
    gather_tables([first, second], tmp_path / "all.tsv")
    assert (tmp_path / "all.tsv").read_text() == "scan\tmae\nsub-01\t0.100\n"
    with pytest.raises(InputError) as error:
        gather_tables([first, other], tmp_path / "all.tsv")
    assert str(error.value) == (
        f"{other} has the columns scan, mse; expected those of {first}, scan, mae: delete it and run again."
    )
    with pytest.raises(InputError, match="There is no scan to gather"):
        gather_tables([], tmp_path / "all.tsv")


def test_tables_survive_being_written_and_read(scan, tmp_path):
    scan.add("refiner", scan.measured)
    scan.score()
    table = read_table(scan.tables["regions"])
    write_table(table, tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_text() == scan.tables["regions"].read_text()


def test_scans_are_gathered_table_by_table(tmp_path):
    paths = []
    for scan in ("a", "b"):
        for table in ("mae", "roc"):
            paths.append(tmp_path / f"{scan}_{table}.tsv")
            paths[-1].write_text(f"scan\t{table}\n{scan}\t1\n")
    gather_all(paths, [tmp_path / "mae.tsv", tmp_path / "roc.tsv"])
    assert (tmp_path / "roc.tsv").read_text() == "scan\troc\na\t1\nb\t1\n"
    assert (tmp_path / "mae.tsv").read_text() == "scan\tmae\na\t1\nb\t1\n"


def test_scoring_imports_neither_torch_nor_ants():
    code = (
        "import sys; from myelosketch.evaluation import comparisons, final_table, scoring, sensitivity, statistics; "
        "heavy = ('torch', 'ants', 'monai', 'nilearn', 'safetensors', 'snakemake'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    environment = {"PYTHONPATH": str(names.__file__).removesuffix("/myelosketch/names.py")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"
