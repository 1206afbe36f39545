"""From sketcher to refiner: the chain of models in a prediction, and models with fewer input maps."""

import json

import numpy as np
import pytest
from test_learning_cohort import load_fold, tiny_settings, write_cohort
from test_learning_training import train

from myelosketch.io.volumes import load_volume
from myelosketch.learning import training
from myelosketch.learning.baselines import fit_baseline
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.ladder import NETWORK_SETTINGS, needed_models
from myelosketch.learning.models import load_model
from myelosketch.learning.predict import predict_scan
from myelosketch.learning.ridge import RidgeModel
from myelosketch.learning.variants import changed_models

METHODS = ("ridgevoxel", "sketcher", "refiner")


def train_all(folder, data, settings):
    """Ridge, sketcher and its refiner: dict method -> folder."""
    models = {method: folder / method for method in METHODS}
    fit_baseline("ridgevoxel", load_fold(*data), models["ridgevoxel"], settings=settings)
    train("sketcher", data, models["sketcher"], settings=settings)
    train("refiner", data, models["refiner"], settings=settings, sketcher=models["sketcher"])
    return models


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fold")
    data = write_cohort(folder / "data")
    return data, train_all(folder, data, tiny_settings())


def maps_of(files):
    return {key: files[key][0] for key in ("mtr", "fa", "rd", "ad")}


def test_a_refiner_is_read_after_its_sketcher():
    assert needed_models(["template", "refiner", "sketcher"]) == ["template", "sketcher", "refiner"]
    assert needed_models(["refiner"]) == ["sketcher", "refiner"]
    assert needed_models(["unet", "trees"]) == ["unet", "trees"]


def test_a_recalibrated_method_is_read_after_its_own():
    assert needed_models(["treesrecal"]) == ["trees", "treesrecal"]
    assert needed_models(["refinerrecal", "sketcher"]) == ["sketcher", "refiner", "refinerrecal"]


def test_a_variant_trains_what_its_settings_change_and_the_refiner_of_a_changed_sketcher():
    methods, settings = ("sketcher", "refiner"), dict.fromkeys(NETWORK_SETTINGS) | tiny_settings()
    for changes, expected in (
        ({}, []),
        ({"refiner": {**settings["refiner"], "epochs": 9}}, ["refiner"]),
        ({"sketcher": {**settings["sketcher"], "epochs": 9}}, ["sketcher", "refiner"]),
        ({"batch": 9}, ["sketcher", "refiner"]),
        ({"unet": {**settings["unet"], "epochs": 9}}, []),
    ):
        assert changed_models(methods, settings, settings | changes) == expected
    changed = settings | {"sketcher": {**settings["sketcher"], "epochs": 9}}
    assert changed_models(["refiner"], settings, changed) == ["sketcher", "refiner"]


def test_a_prediction_by_the_refiner_starts_from_the_sketch(trained, tmp_path):
    (names, files), models = trained
    outputs = {method: tmp_path / f"{method}.nii.gz" for method in METHODS}
    predict_scan(maps_of(files), models, outputs, device="cpu")
    scan = load_fold(names, files)[0]
    sketcher = NetworkModel.load(models["sketcher"], method="sketcher")
    sketch = sketcher.predict(scan.maps, scan.support, flips=True)  # as training.flips was
    refined = NetworkModel.load(models["refiner"], method="refiner").predict(scan.maps, scan.support, sketch)
    plain = sketcher.predict(scan.maps, scan.support)
    for method, expected in (("sketcher", plain), ("refiner", refined)):
        found = load_volume(outputs[method]).data
        assert found[found != 0] == pytest.approx(expected[scan.support], abs=1e-4)
    predict_scan(maps_of(files), models, {"refiner": tmp_path / "alone.nii.gz"}, device="cpu")
    alone = load_volume(tmp_path / "alone.nii.gz").data
    assert (alone == load_volume(outputs["refiner"]).data).all()


@pytest.mark.parametrize("trained_on_flips", [True, False])
@pytest.mark.parametrize("flips", [True, False])
def test_a_refiner_sees_the_same_sketch_in_training_and_at_prediction(
    tmp_path, monkeypatch, trained_on_flips, flips
):
    """Identical to the bit, with and without mirroring in the prediction."""
    (names, files) = data = write_cohort(tmp_path / "data")
    settings = tiny_settings(flips=trained_on_flips)
    models = {"sketcher": tmp_path / "sketcher", "refiner": tmp_path / "refiner"}
    train("sketcher", data, models["sketcher"], settings=settings)
    in_training, at_prediction = [], []
    build = training.build

    def noting(method, scans, normalisation, sketches, *rest):
        in_training.extend(sketches)
        return build(method, scans, normalisation, sketches, *rest)

    monkeypatch.setattr(training, "build", noting)
    train("refiner", data, models["refiner"], settings=settings, sketcher=models["sketcher"])
    predict = NetworkModel.predict

    def listening(model, maps, support, sketch=None, **options):
        at_prediction.append(sketch)
        return predict(model, maps, support, sketch, **options)

    monkeypatch.setattr(NetworkModel, "predict", listening)
    predict_scan(maps_of(files), models, {"refiner": tmp_path / "refined.nii.gz"}, flips=flips, device="cpu")
    seen = at_prediction[-1]
    scan = load_fold(names, files)[0]
    corner = [np.flatnonzero((seen != 0).any(axis=axes)).min() for axes in ((1, 2), (0, 2), (0, 1))]
    box = tuple(slice(first, first + side) for first, side in zip(corner, scan.support.shape, strict=True))
    assert np.array_equal(seen[box], in_training[0])


def test_a_residual_refiner_that_learnt_nothing_is_the_sketch(trained):
    (names, files), models = trained
    model = NetworkModel.load(models["refiner"], method="refiner")
    model.generator.network.head.weight.zero_()
    model.generator.network.head.bias.zero_()
    scan = load_fold(names, files)[0]
    sketch = np.where(scan.support, scan.dvr, 0)
    assert model.predict(scan.maps, scan.support, sketch) == pytest.approx(sketch, abs=1e-5)


def test_a_map_that_is_left_out_is_no_channel_of_anything(tmp_path):
    data = write_cohort(tmp_path / "data")
    models = train_all(tmp_path, data, tiny_settings(inputs=["MTR", "RD"]))
    for method in METHODS:
        card = json.loads((models[method] / "model.json").read_text())
        assert card["input_maps"] == ["MTR", "RD"]
        assert list(card["normalisation"]["maps"]) == ["MTR", "RD"]
    for method, channels in (("sketcher", 2), ("refiner", 3)):  # maps, and the sketch
        assert load_model(models[method])[0]["network.encoder.0.0.conv.weight"].shape[1] == channels
    scan = load_fold(*data)[0]
    changed = scan.maps.copy()
    changed[1] = np.random.default_rng(0).permutation(changed[1].ravel()).reshape(changed[1].shape)
    ridge = RidgeModel.load(models["ridgevoxel"])
    sketcher = NetworkModel.load(models["sketcher"], method="sketcher")
    for model in (ridge, sketcher):
        assert (model.predict(changed, scan.support) == model.predict(scan.maps, scan.support)).all()
    changed[2] = changed[1]
    assert (ridge.predict(changed, scan.support) != ridge.predict(scan.maps, scan.support)).any()
