"""The method transfer: the level of a pretrained network, fitted to a few scans."""

import json

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS
from myelosketch.learning.baselines import fit_baseline
from myelosketch.learning.checks import PRETRAINED, check_pretrained
from myelosketch.learning.data import Normalisation, TrainingScan
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.models import load_model, save_model
from myelosketch.learning.networks import build_generator
from myelosketch.learning.transfer import choose_form, level

SETTINGS = {"generator": {"widths": [4, 8], "dropout": 0.5}}
NORMALISATION = Normalisation((35.0, 0.4, 0.6, 1.2), (8.0, 0.2, 0.3, 0.3), 1.1, 0.2)


@pytest.fixture
def pretrained(tmp_path):
    """Folder of an untrained U-Net with a card."""
    generator = build_generator("unetroi", SETTINGS, NORMALISATION)
    tensors = {name: value.numpy() for name, value in generator.state_dict().items()}
    card = {"method": "unetroi", "settings": SETTINGS, "normalisation": NORMALISATION.card()}
    save_model(tmp_path / "pretrained", tensors, card)
    return tmp_path / "pretrained"


def scan(name, rng, network, offset=0.0, slope=1.0, noise=0.0):
    """A scan whose PET is the network's own prediction on another level."""
    shape = (8, 10, 8)
    maps = (np.array([35, 0.4, 0.6, 1.2]).reshape(4, 1, 1, 1) * rng.uniform(0.6, 1.4, (4, *shape))).astype(
        np.float32
    )
    support = np.ones(shape, bool)
    regions = rng.integers(1, 4, shape).astype(np.uint8)
    predicted = network.predict(maps, support, flips=True)
    dvr = (offset + slope * predicted + noise * rng.standard_normal(shape)).astype(np.float32)
    return TrainingScan(name, maps, support, dvr, regions)


def fitted(pretrained, folder, **of_scans):
    network = NetworkModel.load(pretrained, method="unetroi")
    rng = np.random.default_rng(1)
    scans = [scan(f"sub-{n:02d}", rng, network, **of_scans) for n in range(8)]
    card = fit_baseline("transfer", scans, folder, pretrained=pretrained, fold=3)
    return scans, card


def test_the_level_of_the_scans_is_found_and_becomes_the_networks_own(pretrained, tmp_path):
    scans, card = fitted(pretrained, tmp_path / "model", offset=-0.1, slope=1.2)
    assert (card["method"], card["fold"], card["level"]["form"]) == ("transfer", 3, "line")
    assert card["level"]["offset"] == pytest.approx(-0.1, abs=1e-4)
    assert card["level"]["slope"] == pytest.approx(1.2, abs=1e-4)
    model = NetworkModel.load(tmp_path / "model", method="transfer")
    found = model.predict(scans[0].maps, scans[0].support, flips=True)
    np.testing.assert_allclose(found, scans[0].dvr, atol=1e-4)


def test_the_level_is_left_alone_where_that_errs_least(pretrained, tmp_path):
    _, card = fitted(pretrained, tmp_path / "model")
    assert card["level"]["form"] == "none"
    assert (card["level"]["offset"], card["level"]["slope"]) == (0, 1)


def test_weights_are_those_of_the_pretrained_network(pretrained, tmp_path):
    _, card = fitted(pretrained, tmp_path / "model", offset=0.2)
    before = json.loads((pretrained / "model.json").read_text())
    assert card["pretrained_sha256"] == before["weights_sha256"]
    first, second = (
        NetworkModel.load(folder, method=method).generator.network.state_dict()
        for folder, method in ((pretrained, "unetroi"), (tmp_path / "model", "transfer"))
    )
    assert all(bool((first[name] == second[name]).all()) for name in first)


def test_the_form_is_judged_by_participants_that_it_was_not_fitted_to():
    """One participant far off the others' level: an offset fitted to the others does not help it, nor them."""
    rng = np.random.default_rng(0)
    x = [rng.normal(1.1, 0.1, 200) for _ in range(4)]
    values = [[(x[n], x[n] + shift)] for n, shift in enumerate((0.0, 0.0, 0.0, 1.0))]
    form, errors = choose_form(values, ["01", "02", "03", "04"])
    assert form == "none"
    assert errors["none"] == pytest.approx(0.25)
    assert errors["offset"] == pytest.approx((3 * 1 / 3 + 1) / 4)


def test_scans_of_one_participant_leave_nobody_to_judge_by():
    assert choose_form([[(np.zeros(3), np.ones(3))]], ["01"]) == ("none", {})


def test_each_region_of_a_scan_weighs_the_same():
    large, small = (np.zeros(1000), np.full(1000, 0.1)), (np.zeros(10), np.full(10, 0.3))
    assert level("offset", [large, small]) == (pytest.approx(0.2), 1.0)


def test_a_network_of_other_maps_is_refused(tmp_path):
    three = Normalisation((0.4, 0.6, 1.2), (0.2, 0.3, 0.3), 1.1, 0.2, INPUT_MAPS[1:])
    generator = build_generator("unetroi", SETTINGS, three)
    card = {
        "method": "unetroi",
        "settings": SETTINGS,
        "normalisation": three.card(),
        "input_maps": list(three.inputs),
    }
    save_model(tmp_path, {name: value.numpy() for name, value in generator.state_dict().items()}, card)
    part = TrainingScan("sub-01", *(np.ones((4, 4, 4, 4)), *[np.ones((4, 4, 4))] * 3))
    with pytest.raises(
        InputError, match="contains a model of unetroi for the maps FA, RD, AD; expected a network for MTR"
    ):
        fit_baseline("transfer", [part], tmp_path / "model", pretrained=tmp_path)


@pytest.mark.parametrize(
    ("inputs", "there", "said"),
    [
        (INPUT_MAPS, False, "model.json does not exist, but training.methods lists transfer: correct"),
        (
            INPUT_MAPS[1:],
            True,
            "training.inputs leaves out MTR, but the network of the method transfer needs MTR, FA",
        ),
    ],
)
def test_what_is_missing_is_said_before_anything_starts(tmp_path, inputs, there, said):
    for name in ("model.safetensors", "model.json")[: 2 if there else 1]:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=said):
        check_pretrained(tmp_path, inputs)


def test_the_network_that_comes_with_the_software_is_whole():
    tensors, card = load_model(PRETRAINED)
    assert check_pretrained(PRETRAINED, INPUT_MAPS) == card["weights_sha256"]
    assert "sub-" not in json.dumps(card)
    model = NetworkModel.of("transfer", tensors, card)
    maps = np.array([35, 0.4, 0.6, 1.2]).reshape(4, 1, 1, 1) * np.ones((4, 8, 8, 8))
    assert 0.8 < model.predict(maps, np.ones((8, 8, 8), bool)).mean() < 1.6
