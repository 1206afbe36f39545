"""Recalibrated methods: known lines, which scans fit which model, and the inputs that a prediction refuses."""

import re
from dataclasses import replace

import numpy as np
import pytest
from test_learning_cohort import cohort, load_fold, tiny_settings  # noqa: F401

from myelosketch.errors import GeometryError, InputError
from myelosketch.io.names import subject_of
from myelosketch.io.volumes import Volume, load_volume, save_volume
from myelosketch.learning.baselines import fit_baseline
from myelosketch.learning.ladder import fit_settings
from myelosketch.learning.models import WEIGHTS
from myelosketch.learning.predict import predict_scan
from myelosketch.learning.recalibration import (
    Recalibration,
    fit_recalibration,
    fitter,
    held_out_values,
    line,
)

TRAINING = {"inputs": ["MTR", "FA", "RD", "AD"], "ridge": {"alphas": [1e-6], "splits": 2}}


class Level:
    """Predict a known linear function of the DVR per region, which the recalibration must invert."""

    def __init__(self, scans):
        self.of = {scan.maps.tobytes(): scan for scan in scans}

    def predict(self, maps, support):
        scan = self.of[maps.tobytes()]
        offset = np.array([0, 0.1, -0.05, 0.2])[scan.regions]
        slope = np.array([1, 1.0, 0.8, 0.5])[scan.regions]
        return (scan.dvr - offset) / slope


def test_a_known_offset_and_slope_of_each_region_is_found(cohort, tmp_path):  # noqa: F811
    scans = load_fold(*cohort)
    fit_baseline("ridgemeans", scans, tmp_path / "base")
    folder = tmp_path / "recal"
    everyone = Level(scans)
    card = fit_recalibration(
        "ridgemeans",
        scans,
        folder,
        base=tmp_path / "base",
        fit=lambda inside: everyone,
        inputs=TRAINING["inputs"],
    )
    model = Recalibration.load(folder, method="ridgemeansrecal")
    assert model.offsets == pytest.approx([0.1, -0.05, 0.2], abs=1e-5)
    assert model.slopes == pytest.approx([1.0, 0.8, 0.5], abs=1e-5)
    assert card["n_scans"] == {"other": 4, "nawm": 4, "lesion": 3}
    scan = scans[0]
    corrected = model.apply(everyone.predict(scan.maps, scan.support), scan.support, scan.regions)
    assert np.abs(corrected - scan.dvr)[scan.brain].max() < 1e-4
    assert (corrected[~scan.support] == 0).all()


def test_voxels_without_a_label_are_corrected_as_other_tissue():
    model = Recalibration(np.array([0.1, 0.2, 0.3]), np.ones(3), {})
    corrected = model.apply(np.ones((2, 2, 1)), np.ones((2, 2, 1), bool), np.array([[[0], [1]], [[2], [3]]]))
    assert corrected.ravel() == pytest.approx([1.1, 1.1, 1.2, 1.3])


def test_each_scan_weighs_the_same_in_a_line():
    few, many = np.array([0.0, 1.0]), np.linspace(0, 1, 1000)
    offset, slope = line([(few, few + 0.2), (many, many)])
    assert (offset, slope) == pytest.approx((0.1, 1.0), abs=0.02)


def test_a_line_that_nothing_decides_keeps_its_slope():
    assert line([]) == (0.0, 1.0)
    assert line([(np.ones(5), np.full(5, 1.3))]) == pytest.approx((0.3, 1.0))
    x = np.arange(5.0)
    assert line([(x, -x)]) == pytest.approx((-4.0, 1.0))  # never turns the order of the voxels


def test_no_scan_is_predicted_by_a_model_that_saw_its_participant(cohort):  # noqa: F811
    scans = load_fold(*cohort)
    scans = [*scans, replace(scans[0], name="sub-01_ses-02")]
    seen = []

    class Watched:
        def __init__(self, inside):
            self.subjects = {subject_of(scan.name) for scan in inside}

        def predict(self, maps, support):
            seen.append((self.subjects, next(s.name for s in scans if s.maps is maps)))
            return np.zeros(support.shape)

    held_out_values(scans, Watched, parts=3)
    assert len(seen) == 5
    for subjects, name in seen:
        assert subject_of(name) not in subjects
        assert subjects


@pytest.mark.parametrize("method", ["ridgevoxel", "ridgemeans", "trees", "refiner"])
def test_every_kind_of_method_is_recalibrated_and_repeats(cohort, tmp_path, method):  # noqa: F811
    training = TRAINING if method != "refiner" else tiny_settings(validation={"participants_share": 0})
    if method == "trees":
        training = {**TRAINING, "ridge": {}}
    settings = fit_settings({**dict.fromkeys(("validation",)), **training}, method)
    scans = load_fold(*cohort)
    fit_baseline("ridgemeans", scans, tmp_path / "base")
    for name in "ab":
        (tmp_path / f"work{name}").mkdir()
        fit = fitter(method, settings, seed=3, work=tmp_path / f"work{name}", device="cpu")
        card = fit_recalibration(
            method, scans, tmp_path / name, base=tmp_path / "base", fit=fit, inputs=TRAINING["inputs"]
        )
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()
    assert (card["method"], card["base"]) == (f"{method}recal", method)
    assert card["inner_parts"] == (2 if method == "refiner" else 4)


@pytest.fixture
def recalibrated(cohort, tmp_path):  # noqa: F811
    """Files of a scan, models of ridgevoxel and its recalibration, both fitted without the scan."""
    names, files = cohort
    scans = load_fold(names, files)[1:]
    fit_baseline("ridgevoxel", scans, tmp_path / "ridgevoxel")
    fit = fitter("ridgevoxel", TRAINING, seed=1, work=tmp_path)
    fit_recalibration(
        "ridgevoxel",
        scans,
        tmp_path / "ridgevoxelrecal",
        base=tmp_path / "ridgevoxel",
        fit=fit,
        inputs=TRAINING["inputs"],
    )
    models = {name: tmp_path / name for name in ("ridgevoxel", "ridgevoxelrecal")}
    return {key: files[key][0] for key in ("mtr", "fa", "rd", "ad", "regions")}, models


def test_a_recalibrated_map_is_the_line_of_its_own_methods_map(recalibrated, tmp_path):
    files, models = recalibrated
    outputs = {name: tmp_path / f"{name}.nii.gz" for name in models}
    predict_scan(files, models, outputs)
    plain, corrected = (load_volume(outputs[name]).data for name in models)
    regions = load_volume(files["regions"], dtype=np.uint8).data
    model = Recalibration.load(models["ridgevoxelrecal"], method="ridgevoxelrecal")
    for code in (1, 2, 3):
        inside = regions == code
        wanted = model.offsets[code - 1] + model.slopes[code - 1] * plain[inside]
        assert corrected[inside] == pytest.approx(wanted, abs=1e-5)
    alone = tmp_path / "alone.nii.gz"
    predict_scan(files, models, {"ridgevoxelrecal": alone})
    assert (load_volume(alone).data == corrected).all()


def test_a_correction_of_another_model_is_refused(cohort, recalibrated, tmp_path):  # noqa: F811
    files, models = recalibrated
    fit_baseline("ridgevoxel", load_fold(*cohort)[:2], tmp_path / "other")
    sentence = (
        "ridgevoxelrecal corrects another model of ridgevoxel than the one given: use both from the same fold "
        "and run."
    )
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
        predict_scan(
            files, {**models, "ridgevoxel": tmp_path / "other"}, {"ridgevoxelrecal": tmp_path / "out.nii.gz"}
        )


def test_regions_on_another_grid_are_refused(recalibrated, tmp_path):
    files, models = recalibrated
    regions: Volume = load_volume(files["regions"], dtype=np.uint8)
    save_volume(tmp_path / "small.nii.gz", regions.data[:-1], regions.affine)
    with pytest.raises(GeometryError):
        predict_scan(
            {**files, "regions": tmp_path / "small.nii.gz"},
            models,
            {"ridgevoxelrecal": tmp_path / "out.nii.gz"},
        )
