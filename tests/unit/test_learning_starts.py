"""Networks that start from the ridge, sketches out of fold, and models that see fewer maps."""

import json

import numpy as np
import pytest
from test_learning_cohort import cohort, tiny_settings, write_cohort  # noqa: F401

from myelosketch.errors import InputError
from myelosketch.learning import starts
from myelosketch.learning.checks import check_settings
from myelosketch.learning.data import load_fold
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.ladder import start_of, starts_of
from myelosketch.learning.models import load_model
from myelosketch.learning.predict import predict_scan
from myelosketch.learning.ridge import RidgeModel, fit_ridge
from myelosketch.learning.training import train_stage
from myelosketch.volumes import load_volume

CHAIN = ("ridge", "sketcher", "refiner")


def settings_from_ridge(**changes):
    settings = tiny_settings(**changes)
    for method in ("sketcher", "unet"):
        settings[method] |= {"start": "ridge", "residual": True}
    return settings


def train(method, data, folder, settings, **starting):
    return train_stage(
        method, load_fold(*data), folder, settings=settings, seed=5, device="cpu", fold=1, **starting
    )


def train_chain(folder, data, settings):
    """Ridge, a sketcher that starts from it, and its refiner: dict method -> folder."""
    models = {method: folder / method for method in CHAIN}
    fit_ridge(load_fold(*data), models["ridge"], fold=1, inputs=settings["inputs"])
    train("sketcher", data, models["sketcher"], settings, start_model=models["ridge"])
    train(
        "refiner",
        data,
        models["refiner"],
        settings,
        start_model=models["sketcher"],
        ridge_model=models["ridge"],
    )
    return models


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fold")
    data = write_cohort(folder / "data")
    return data, train_chain(folder, data, settings_from_ridge())


def maps_of(files):
    return {key: files[key][0] for key in ("mtr", "fa", "rd", "ad")}


def test_what_a_network_starts_from_is_the_ladder_or_a_setting():
    assert start_of("refiner", {}) == "sketcher"
    assert start_of("sketcher", {"start": "none"}) is None
    assert start_of("unet", {"start": "ridge"}) == "ridge"
    assert start_of("template", {}) is None
    assert starts_of(settings_from_ridge())["sketcher"] == "ridge"


def test_a_prediction_chains_ridge_sketcher_and_refiner(chain, tmp_path):
    (names, files), models = chain
    outputs = {method: tmp_path / f"{method}.nii.gz" for method in CHAIN}
    predict_scan(maps_of(files), models, outputs, device="cpu")
    scan = load_fold(names, files)[0]
    ridge = RidgeModel.load(models["ridge"]).predict(scan.maps, scan.support)
    sketch = NetworkModel.load(models["sketcher"], method="sketcher").predict(scan.maps, scan.support, ridge)
    found = load_volume(outputs["sketcher"]).data
    assert found[found != 0] == pytest.approx(sketch[scan.support], abs=1e-4)
    predict_scan(maps_of(files), models, {"refiner": tmp_path / "alone.nii.gz"}, device="cpu")
    alone = load_volume(tmp_path / "alone.nii.gz").data
    assert (alone == load_volume(outputs["refiner"]).data).all()
    with pytest.raises(InputError, match="needs the models of ridge: give their folders"):
        predict_scan(maps_of(files), {m: models[m] for m in CHAIN[1:]}, {"refiner": tmp_path / "no.nii.gz"})


def test_a_residual_sketcher_that_learnt_nothing_is_the_ridge(chain):
    (names, files), models = chain
    model = NetworkModel.load(models["sketcher"], method="sketcher")
    model.generator.network.head.weight.zero_()
    model.generator.network.head.bias.zero_()
    scan = load_fold(names, files)[0]
    ridge = RidgeModel.load(models["ridge"]).predict(scan.maps, scan.support)
    assert model.predict(scan.maps, scan.support, ridge) == pytest.approx(ridge, abs=1e-5)


def test_a_ridge_of_other_scans_is_refused(chain, tmp_path):
    data, models = chain
    names, files = data
    fit_ridge(load_fold(names[:3], {key: paths[:3] for key, paths in files.items()}), tmp_path / "ridge")
    with pytest.raises(InputError, match=r"the ridge in .* was trained on other scans than this sketcher"):
        train("sketcher", data, tmp_path, settings_from_ridge(), start_model=tmp_path / "ridge")
    with pytest.raises(InputError, match="unet needs a trained ridge: give its model folder"):
        train("unet", data, tmp_path, settings_from_ridge())


def test_another_ridge_of_the_same_scans_is_refused(chain, tmp_path):
    data, models = chain
    fit_ridge(load_fold(*data), tmp_path / "ridge", alphas=[10.0])
    other = {**models, "ridge": tmp_path / "ridge"}
    with pytest.raises(InputError, match="the sketcher was trained on the maps of another ridge"):
        predict_scan(maps_of(data[1]), other, {"sketcher": tmp_path / "out.nii.gz"}, device="cpu")
    with pytest.raises(InputError, match="the sketcher was trained on the maps of another ridge"):
        train(
            "refiner",
            data,
            tmp_path / "refiner",
            settings_from_ridge(),
            start_model=models["sketcher"],
            ridge_model=tmp_path / "ridge",
        )


def test_a_correction_of_nothing_is_a_sentence():
    settings = tiny_settings()
    settings["unet"]["residual"] = True
    with pytest.raises(InputError, match="training.unet.start to ridge, or residual to false"):
        check_settings("unet", settings)
    check_settings("unet", settings_from_ridge())


@pytest.mark.parametrize("make", [tiny_settings, settings_from_ridge])
def test_sketches_out_of_fold_come_from_sketchers_that_have_not_seen_the_scan(
    chain, tmp_path, monkeypatch, make
):
    data, models = chain
    settings = make()
    settings["refiner"]["sketches"] = "out_of_fold"
    sketcher = models["sketcher"]
    if make is tiny_settings:
        sketcher = tmp_path / "sketcher"
        train("sketcher", data, sketcher, settings)
    seen = []
    real = NetworkModel.predict

    def watch(self, maps, support, *before, **options):
        if self.card["method"] == "sketcher":
            seen.append((tuple(self.card["split"]["train"]), maps))
        return real(self, maps, support, *before, **options)

    monkeypatch.setattr(NetworkModel, "predict", watch)
    starting = {"start_model": sketcher, "ridge_model": models["ridge"]}
    card = train("refiner", data, tmp_path / "refiner", settings, **starting)
    scans = load_fold(*data)
    unseen = [scan for trained_on, maps in seen for scan in scans if scan.name not in trained_on]
    sketched = {scan.name for scan in unseen if any(np.array_equal(maps, scan.maps) for _, maps in seen)}
    assert sketched == {scan.name for scan in scans}
    assert {len(trained_on) for trained_on, _ in seen} == {2, 4}
    assert card["settings"]["sketches"] == "out_of_fold"
    assert card["start"]["weights_sha256"] == load_model(sketcher)[1]["weights_sha256"]


def test_a_ridge_fitted_again_keeps_its_choice(chain):
    (names, files), models = chain
    scans = load_fold(names, files)
    ridge = RidgeModel.load(models["ridge"])
    assert ridge.fit_again(scans).coefficients == pytest.approx(ridge.coefficients, rel=1e-6)
    fewer = ridge.fit_again(scans[:2])
    assert fewer.card["choice"] == ridge.card["choice"]
    assert fewer.card["split"]["train"] == names[:2]
    assert fewer.normalisation != ridge.normalisation


def test_parts_keep_participants_whole_and_all_have_patients(tmp_path):
    scans = load_fold(*write_cohort(tmp_path, count=6, patients=4))
    part = starts.deal_participants(scans, 2)
    assert part == [0, 1, 0, 1, 0, 1]
    with pytest.raises(
        InputError, match="sketch_parts is 5, but this fold trains on 4 participants with lesions"
    ):
        starts.deal_participants(scans, 5)


def test_a_map_that_is_left_out_is_no_channel_of_anything(tmp_path):
    data = write_cohort(tmp_path / "data")
    settings = settings_from_ridge(inputs=["MTR", "RD"])
    models = train_chain(tmp_path, data, settings)
    for method in CHAIN:
        card = json.loads((models[method] / "model.json").read_text())
        assert card["input_maps"] == ["MTR", "RD"]
        assert list(card["normalisation"]["maps"]) == ["MTR", "RD"]
    assert (
        load_model(models["sketcher"])[0]["network.encoder.0.0.conv.weight"].shape[1] == 3
    )  # maps and ridge
    scan = load_fold(*data)[0]
    outputs = {method: tmp_path / f"{method}.nii.gz" for method in CHAIN}
    predict_scan(maps_of(data[1]), models, outputs, device="cpu")
    changed = scan.maps.copy()
    changed[1] = np.random.default_rng(0).permutation(changed[1].ravel()).reshape(changed[1].shape)
    ridge = RidgeModel.load(models["ridge"])
    before = ridge.predict(scan.maps, scan.support)
    assert (ridge.predict(changed, scan.support) == before).all()
    sketcher = NetworkModel.load(models["sketcher"], method="sketcher")
    assert (
        sketcher.predict(changed, scan.support, before) == sketcher.predict(scan.maps, scan.support, before)
    ).all()
    changed[2] = changed[1]
    assert (ridge.predict(changed, scan.support) != before).any()
