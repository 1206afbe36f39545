"""New patients: a table, and a page for each, from MRI and the models of a finished run."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from workflow_run import ROOT, SMOKE, jobs, snakemake

from myelosketch.io import names
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import check_same_grid, load_volume, save_volume
from myelosketch.learning.data import load_maps
from myelosketch.prediction.bundle import read_bundle
from myelosketch.prediction.new_scan import predict_by_bundle
from myelosketch.simulation.cohort import simulated_files

MRI = ("T1w", "FA", "RD", "AD", "MTR")


@pytest.fixture(scope="module")
def trained(smoke, tmp_path_factory):
    """Folder of a copy of the finished tiny run, with its bundle."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    shutil.copytree(smoke, folder, symlinks=True)
    assert jobs(folder, "bundle") == {"bundle": 1, "write_bundle": 1}
    snakemake(folder, "bundle")
    return folder


def test_the_registration_of_new_scans_can_be_asked_for(tmp_path):
    (tmp_path / "model.yaml").write_text(
        yaml.safe_dump({"prediction": {"model": str(ROOT / "configs/demo-model.zip")}})
    )
    planned = jobs(tmp_path, "registration", configs=(ROOT / "configs/demo.yaml", tmp_path / "model.yaml"))
    assert (planned["register_scan_without_pet"], planned["gather_quality"]) == (3, 1)


def new_table(folder, trained, **scans):
    """A table of new scans: name to (simulated participant, columns), or to a row that is taken as it is."""
    rows = []
    for name, row in scans.items():
        if isinstance(row, tuple):
            subject, columns = row
            files = simulated_files(trained / "results/simulated", subject, "MS")
            row = {column: files[column] for column in columns}
        rows.append({"subject": name, **row})
    pd.DataFrame(rows).to_csv(folder / "new.tsv", sep="\t", index=False, na_rep="n/a")


def write_config(folder, trained, **sections):
    content = {
        "cohort": {"source": "table", "table": "new.tsv"},
        "prediction": {"model": str(trained / "results")},
    }
    for name, section in sections.items():
        content[name] = content.get(name, {}) | section
    (folder / "new.yaml").write_text(yaml.safe_dump(content))
    return (SMOKE, folder / "new.yaml")


@pytest.fixture(scope="module")
def predicted(trained, tmp_path_factory):
    """Folder of a finished prediction: a scan with a mask, one without, and one that has a PET too."""
    folder = tmp_path_factory.mktemp("predicted")
    new_table(
        folder,
        trained,
        masked=("MSB01", (*MRI, "lesion_mask")),
        unmasked=("MS01", MRI),
        # the same image under two names would be refused
        measured=("MS02", (*MRI, "lesion_mask", "DVR")),
    )
    empty_mask(folder, trained)
    snakemake(
        folder, "predict", configs=write_config(folder, trained, prediction={"accept": {"all": ["MTR"]}})
    )
    return folder


def empty_mask(folder, trained):
    """Give the scan of MS03 a lesion mask without a lesion."""
    files = simulated_files(trained / "results/simulated", "MS03", "MS")
    mask = load_volume(files["lesion_mask"])
    save_volume(folder / "empty.nii.gz", np.zeros(mask.shape, np.uint8), mask.affine)
    table = pd.read_csv(folder / "new.tsv", sep="\t", dtype=str)
    table.loc[len(table)] = {"subject": "healthy", **{name: files[name] for name in MRI}} | {
        "lesion_mask": "empty.nii.gz"
    }
    table.to_csv(folder / "new.tsv", sep="\t", index=False, na_rep="n/a")


def path(folder, key, scan, **entities):
    return names.path(folder / "results", key, scan=scan, **entities)


def test_every_scan_has_its_row_its_page_and_its_maps(predicted):
    table = read_table(predicted / "results/predictions.tsv").set_index("scan")
    assert set(table.index) == {"sub-masked", "sub-unmasked", "sub-measured", "sub-healthy"}
    assert table.lesion_note["sub-unmasked"] == "n/a: no lesion mask"
    assert table.lesion_note["sub-healthy"] == "n/a: no lesion in the lesion mask"
    for scan in table.index:
        page = (predicted / f"results/patients/{scan}.html").read_text()
        assert scan in page
        assert "Research use only" in page
        for key in ("predicted", "demyelinated", "expected_error", "predicted_t1w", "predicted_mni"):
            assert np.isfinite(load_volume(path(predicted, key, scan, method="refiner")).data).all() or (
                key == "expected_error"
            )
        numbers = read_json(predicted / f"results/prediction/scans/{scan}/{scan}.json")
        assert numbers["verdict"] == table.verdict[scan]
    assert (predicted / "results/predictions.html").is_file()
    assert jobs(predicted, "predict", configs=(SMOKE, predicted / "new.yaml")) == {}


def test_without_pet_the_maps_lie_on_a_grid_around_the_t1w(predicted, trained):
    voxel_mm = read_bundle(trained / "results").manifest["voxel_mm"]
    grid = load_volume(path(predicted, "predicted", "sub-masked", method="refiner"))
    np.testing.assert_allclose(grid.voxel_size, voxel_mm, rtol=1e-5)
    for key in ("mtr", "regions"):
        check_same_grid(grid, load_volume(path(predicted, key, "sub-masked")))
    t1w = load_volume(path(predicted, "t1w", "sub-masked"))
    check_same_grid(t1w, load_volume(path(predicted, "predicted_t1w", "sub-masked", method="refiner")))


def test_with_a_pet_the_prediction_is_scored_by_the_threshold_of_the_model(predicted, trained):
    apart = read_table(predicted / "results/evaluation/external/demyelination.tsv")
    assert set(apart.scan) == {"sub-measured"}
    assert set(apart.method) == {"refiner"}
    healthy = read_bundle(trained / "results").manifest["healthy"]
    note = read_json(
        path(predicted, "demyelinated", "sub-measured", method="pet").replace(".nii.gz", ".json")
    )
    assert note["ThresholdDVR"] == pytest.approx(healthy["mean"] - healthy["sd"])
    assert len(read_table(predicted / "results/evaluation/external/summary.tsv"))


def test_a_held_out_scan_predicted_from_the_bundle_is_the_map_of_the_run(trained):
    bundle = read_bundle(trained / "results/model.zip")
    folds = read_table(trained / "results/cohort/folds.tsv", numeric=("fold",)).set_index("subject").fold
    for subject in ("MS01", "HC02"):
        scan = f"sub-{subject}"
        maps = load_maps({key: path(trained, key, scan) for key in ("mtr", "fa", "rd", "ad")})
        again = predict_by_bundle(bundle, maps, folds=[int(folds[subject])])
        own = load_volume(path(trained, "predicted", scan, method="refiner"))
        assert np.abs(again - own.data).max() < 1e-5


def test_a_scan_that_fails_ends_alone_and_the_table_says_why(predicted, trained, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no image")
    row = simulated_files(trained / "results/simulated", "MS03", "MS")
    new_table(
        tmp_path,
        trained,
        good=("MSB01", (*MRI, "lesion_mask")),
        bad={column: row[column] for column in MRI} | {"T1w": str(broken)},
    )
    configs = write_config(tmp_path, trained, prediction={"accept": {"all": ["MTR"]}})
    done = snakemake(tmp_path, "predict", configs=configs, check=False)
    assert done.returncode
    table = read_table(tmp_path / "results/predictions.tsv").set_index("scan")
    assert table.verdict["sub-good"] in ("ok", "unusual")
    assert table.verdict["sub-bad"] == "failed"
    assert "broken.nii.gz) is not compressed, which contradicts its name" in table.reasons["sub-bad"]
    assert (tmp_path / "results/patients/sub-good.html").is_file()
    # excluded by the line that the message proposes; the other scans are finished and are not computed again
    configs = write_config(
        tmp_path,
        trained,
        prediction={"accept": {"all": ["MTR"]}},
        cohort={"exclude": ["sub-bad"]},
    )
    left = jobs(tmp_path, "predict", configs=configs)
    assert not {"prepare_anatomy", "register_scan_without_pet", "predict_new_scan", "place_scan"} & set(left)
    snakemake(tmp_path, "predict", configs=configs)
    assert read_table(tmp_path / "results/predictions.tsv").set_index("scan").verdict["sub-bad"] == "left_out"


def test_other_settings_than_those_of_the_training_are_refused_before_anything_heavy(trained, tmp_path):
    new_table(tmp_path, trained, one=("MSB01", MRI))
    configs = write_config(tmp_path, trained, regions={"threshold": 0.7})
    done = snakemake(tmp_path, "predict", configs=configs, check=False)
    assert done.returncode
    assert "set those of the training: regions: {threshold: 0.5} (now 0.7)." in done.stdout + done.stderr
    assert not list(tmp_path.glob("results/derivatives/**/*.nii.gz"))


def test_an_altered_model_is_refused(trained, tmp_path):
    altered = bytearray((trained / "results/model.zip").read_bytes())
    altered[len(altered) // 2] ^= 1
    (tmp_path / "model.zip").write_bytes(altered)
    new_table(tmp_path, trained, one=("MSB01", MRI))
    configs = write_config(tmp_path, trained, prediction={"model": "model.zip"})
    done = snakemake(tmp_path, "predict", configs=configs, check=False)
    assert done.returncode
    assert "Error: model.zip" in done.stdout + done.stderr


def test_predict_without_a_model_says_what_is_missing(tmp_path):
    done = snakemake(tmp_path, "predict", "--dry-run", check=False)
    assert (
        "snakemake predict needs a trained model: name one in your configuration" in done.stdout + done.stderr
    )
    configs = write_config(tmp_path, tmp_path)
    (tmp_path / "results").mkdir()
    done = snakemake(tmp_path, "predict", "--dry-run", configs=configs, check=False)
    assert "model.zip does not exist: correct the path, or run snakemake bundle" in done.stdout + done.stderr
