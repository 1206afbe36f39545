"""Every rule run for real on a tiny cohort: its outputs, and the jobs that run again after a change."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.evaluation.standard_space import MNI2_SHAPE
from myelosketch.io import names
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import check_same_grid, load_volume, save_volume
from myelosketch.reporting.figures.catalogue import FIGURES

PATIENTS = [f"sub-MS0{number}" for number in range(1, 5)]
SCANS = PATIENTS + [f"sub-HC0{number}" for number in range(1, 5)]
EXTERNAL = ["sub-MSB01", "sub-HCB01"]
METHODS = (
    *("template", "ridgevoxel", "ridgevoxelrecal", "ridgemeans", "trees", "sketcher", "refiner"),
    "transfer",
)
COLUMNS = {
    "voxelwise": "method scan region mae mse bias psnr ssim pearson_r slope intercept n_voxels fold",
    "demyelination": "method scan k n_lesion_voxels pct_true pct_pred dice trivial_dice dice_not_demyelinated mcc "
    "kappa auc fold",
    "lesions": "method scan lesion volume_mm3 place size kind mean_dvr_true mean_dvr_pred pct_true pct_pred fold",
    "regions": "method scan region group mean_dvr_true mean_dvr_pred n_voxels fold",
    "summary": "method metric mean ci_low ci_high n diff_to_refiner diff_ci_low diff_ci_high",
    "coverage": "quantity level method calibrated_on observed ci_low ci_high mean_width n_participants n_rows note",
    "statistics": "name source method estimate ci_low ci_high statistic p p_adjusted effect_size n",
    "registration_error": "scan modality median_mm p95_mm",
    "region_volumes": "scan group region n_voxels volume_ml lesion_source",
}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copy_of(smoke, tmp_path):
    shutil.copytree(smoke, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


@pytest.mark.parametrize("table", COLUMNS)
def test_each_table_has_its_columns(smoke, table):
    found = read_table(smoke / f"results/evaluation/{table}.tsv")
    assert set(COLUMNS[table].split()) <= set(found.columns)
    assert len(found)


def test_every_scan_is_scored_by_every_method_and_ceiling(smoke):
    scores = read_table(smoke / "results/evaluation/voxelwise.tsv")
    assert set(scores.method) == {*METHODS, *names.CEILINGS}
    assert set(scores.scan) == set(SCANS)


def test_an_external_site_is_scored_apart_by_models_that_never_saw_it(smoke):
    apart = read_table(smoke / "results/evaluation/external/voxelwise.tsv")
    assert set(apart.scan) == set(EXTERNAL)
    assert set(apart.method) == {*METHODS, *names.CEILINGS}
    analyses = ("external/summary", "external/coverage")
    for table in ("voxelwise", "demyelination", "lesions", "regions", *analyses):
        assert len(read_table(smoke / f"results/evaluation/{table}.tsv"))
        if "/" not in table:
            assert not set(EXTERNAL) & set(read_table(smoke / f"results/evaluation/{table}.tsv").scan)
    cards = sorted((smoke / "results/training").glob("fold-*/*/model.json"))
    assert len(cards) == 3 * len(METHODS)
    assert not [card for card in cards if any(scan in card.read_text() for scan in EXTERNAL)]
    trained_on_all = (smoke / "results/training/fold-0/refiner/model.json").read_text()
    assert all(scan in trained_on_all for scan in SCANS)
    path = names.path(smoke / "results", "predicted", scan=EXTERNAL[0], method="refiner")
    assert read_json(path.replace(".nii.gz", ".json"))["Fold"] == 0


def test_every_scan_lies_on_the_template_and_the_cohort_has_its_means(smoke):
    for scan in SCANS + EXTERNAL:
        for key, entities in (
            ("dvr_mni2", {}),
            ("lesion_mni2", {}),
            ("predicted_mni2", {"method": "refiner"}),
            ("demyelinated_mni2", {"method": "pet"}),
        ):
            path = names.path(smoke / "results", key, scan=scan, **entities)
            assert load_volume(path).shape == MNI2_SHAPE
            note = read_json(sidecar_path(path))
            assert note["Parameters"]["Transform"] == "affine and nonlinear warp of the template"
    for key, path in names.GROUP_FILES.items():
        assert load_volume(smoke / "results" / path).data.max() > 0, key
        note = read_json(sidecar_path(smoke / "results" / path))
        assert not {names.subject_of(scan) for scan in EXTERNAL} & set(note["Participants"])


def test_every_prediction_comes_from_the_fold_that_held_the_scan_out(smoke):
    folds = read_table(smoke / "results/cohort/folds.tsv", numeric=("fold",)).set_index("subject").fold
    for scan in SCANS:
        fold = folds[names.subject_of(scan)]
        for method in METHODS:
            path = names.path(smoke / "results", "predicted", scan=scan, method=method)
            assert read_json(path.replace(".nii.gz", ".json"))["Fold"] == fold
        card = read_json(smoke / f"results/training/fold-{fold}/refiner/model.json")
        assert scan not in str(card["split"])


def test_everything_of_a_scan_lies_on_its_pet_grid(smoke):
    for scan in SCANS + EXTERNAL:
        petref = load_volume(names.path(smoke / "results", "dvr", scan=scan))
        for key in ("mtr", "fa", "rd", "ad", "regions"):
            check_same_grid(petref, load_volume(names.path(smoke / "results", key, scan=scan)))
        for method in METHODS:
            predicted = load_volume(names.path(smoke / "results", "predicted", scan=scan, method=method))
            check_same_grid(petref, predicted)
            assert np.isfinite(predicted.data).all()


def test_the_regions_are_regions(smoke):
    for scan in SCANS:
        labels = load_volume(names.path(smoke / "results", "regions", scan=scan)).data
        assert set(np.unique(labels)) == ({0, 1, 2, 3} if scan in PATIENTS else {0, 1, 2})


def test_registration_is_within_a_third_of_a_pet_voxel(smoke):
    error = read_table(smoke / "results/evaluation/registration_error.tsv", numeric=("median_mm",))
    assert error.median_mm.max() < 5.0 / 3


def test_figures_and_report_are_there(smoke):
    for suffix in ("png", "svg", "tsv"):
        drawn = {path.stem for path in (smoke / "results/figures").glob(f"*.{suffix}")}
        # everybody was scanned once
        assert drawn == {
            name
            for name, figure in FIGURES.items()
            if figure.needs not in ("a follow-up", "a column to adjust for")
        }
    assert "simulated" in (smoke / "results/report.html").read_text().lower()


def test_every_job_left_a_log_and_no_half_written_file(smoke):
    logged = {
        path.relative_to(smoke / "results/logs").parts[0].removesuffix(".log")
        for path in (smoke / "results/logs").rglob("*.log")
    }
    assert {
        "prepare_anatomy",
        "register_scan",
        "label_scan",
        "pack_fold",
        "train_network",
        "predict_scan",
        "score_scan",
        "write_report",
    } <= logged
    assert [path for path in (smoke / "results").rglob(".*") if path.name != ".bidsignore"] == []


def test_a_second_run_does_nothing(smoke):
    done = snakemake(smoke)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_map_is_asked_for_by_its_path_and_a_deleted_one_is_made_again(smoke, tmp_path):
    copy = copy_of(smoke, tmp_path)
    predicted = Path(names.path("results", "predicted", scan="sub-MS01", method="refiner"))
    whole = digest(copy / predicted)
    (copy / predicted).unlink()
    assert jobs(copy, str(predicted)) == {"predict_scan": 1}
    t1w = names.path("results", "t1w", scan="sub-HC01")
    (copy / t1w).unlink()
    assert jobs(copy, t1w) == {"prepare_anatomy": 1}
    snakemake(copy, str(predicted))
    assert digest(copy / predicted) == whole


def test_all_output_can_be_deleted_and_touched(smoke, tmp_path):
    """Logs and benchmarks stay: Snakemake does not count them as output."""
    copy = copy_of(smoke, tmp_path)
    snakemake(copy, "--touch")
    assert jobs(copy) == {}
    snakemake(copy, "--delete-all-output")
    left = {
        path.relative_to(copy / "results").parts[0]
        for path in (copy / "results").rglob("*")
        if path.is_file()
    }
    assert left == {"logs", "benchmarks"}


def test_deleted_figures_are_drawn_again_and_nothing_is_trained(smoke, tmp_path):
    copy = copy_of(smoke, tmp_path)
    shutil.rmtree(copy / "results/figures")
    planned = jobs(copy, "figures")
    assert planned
    assert all(name in ("draw_figure", "figures") for name in planned), planned


@pytest.mark.parametrize(
    ("change", "reruns", "untouched"),
    [
        ({"regions": {"perilesional_mm": 0}}, "label_scan", "register_scan"),
        ({"training": {"refiner": {"epochs": 3}}}, "train_network", "fit_baseline"),
    ],
    ids=["shell", "refiner"],
)
def test_a_changed_setting_reruns_what_it_concerns(smoke, tmp_path, change, reruns, untouched):
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    planned = jobs(smoke, configs=(SMOKE, tmp_path / "change.yaml"))
    assert reruns in planned
    assert untouched not in planned


@pytest.mark.slow
def test_a_test_participants_pet_reaches_no_model_and_no_threshold_of_its_fold(smoke, tmp_path):
    """Voxels of one scan's PET are shuffled; all that its fold learns comes out the same to the byte."""
    copy = copy_of(smoke, tmp_path)
    folds = read_table(copy / "results/cohort/folds.tsv", numeric=("fold",))
    scan = f"sub-{folds.subject[folds.fold == 1].iloc[-1]}"
    path = names.path(copy / "results", "dvr", scan=scan)
    dvr = load_volume(path)
    inside = dvr.data > 0
    dvr.data[inside] = np.random.default_rng(0).permutation(dvr.data[inside])
    save_volume(path, dvr.data, dvr.affine)
    learned = [f"results/training/fold-1/{method}/model.safetensors" for method in METHODS]
    learned += [
        f"results/training/fold-1/{name}"
        for name in ("threshold.json", "white-matter_mean.nii.gz", "white-matter_sd.nii.gz")
    ]
    before = [digest(copy / path) for path in learned]
    rules = (
        "pack_fold",
        "fit_template",
        "fit_baseline",
        "fit_recalibration",
        "train_network",
        "fit_threshold",
    )
    snakemake(copy, *learned, "--forcerun", *rules, "--rerun-triggers", "params")
    assert [digest(copy / path) for path in learned] == before


def differing(first, second, patterns, *, at_least):
    """Files of the given patterns that differ between two results folders."""
    paths = [path.relative_to(first) for pattern in patterns for path in sorted(first.glob(pattern))]
    assert len(paths) >= at_least
    return [path for path in paths if digest(first / path) != digest(second / path)]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_cohort(smoke, tmp_path):
    snakemake(tmp_path, "cohort")
    first, second = smoke / "results", tmp_path / "results"
    assert differing(first, second, ("simulated/**/*.nii.gz", "cohort/[!i]*.tsv"), at_least=100) == []
    assert digest(first / "cohort/intake.tsv") == digest(second / "cohort/intake.tsv")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_models_and_tables(smoke, tmp_path):
    """From registered maps on; that maps come out the same each time is tested with a user's own table."""
    copy = copy_of(smoke, tmp_path)
    for made in ("training", "evaluation"):
        shutil.rmtree(copy / "results" / made)
    for path in copy.glob("results/derivatives/**/*_desc-*_mimap.nii.gz"):
        path.unlink()
    snakemake(copy, "evaluation")
    first, second = smoke / "results", copy / "results"
    patterns = ("training/*/*/model.safetensors", "evaluation/*.tsv")
    assert differing(first, second, patterns, at_least=20) == []
