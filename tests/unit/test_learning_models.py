"""A model that does not match its card is refused, each time with its message."""

import json
import pickle
import re

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.io.provenance import file_hash, read_json
from myelosketch.learning.models import load_model, save_model

RANGES = {"MTR": [12.0, 55.0], "FA": [0.0, 0.9], "RD": [0.1, 3.1], "AD": [0.3, 3.4], "DVR": [0.2, 2.1]}


@pytest.fixture
def model(tmp_path):
    """Folder of a model whose card is in order."""
    card = {"method": "ridgemeans", "value_ranges": RANGES, "config_sha256": "a" * 64}
    save_model(tmp_path, {"coefficients": np.ones(5)}, card)
    load_model(tmp_path, method="ridgemeans", config_sha256="a" * 64)
    return tmp_path


def change(folder, **entries):
    path = folder / "model.json"
    path.write_text(json.dumps({**read_json(path), **entries}))


def refused(folder, sentence, **expected):
    with pytest.raises(InputError, match=re.escape(sentence.format(card=folder / "model.json"))):
        load_model(folder, **expected)


def test_a_card_of_another_format(model):
    change(model, format=4, software={"myelosketch": "9.1"})
    refused(
        model,
        "{card} has the format 4; this version reads format 3: use the version that wrote it "
        "(myelosketch 9.1), or train again.",
    )


def test_a_card_from_before_formats_had_numbers_is_of_format_1(model):
    card = read_json(model / "model.json")
    del card["format"]
    (model / "model.json").write_text(json.dumps(card))
    refused(model, "{card} has the format 1; this version reads format 3: use the version that wrote it")


def test_weights_that_changed_by_one_byte(model):
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    told = read_json(model / "model.json")["weights_sha256"][:12]
    found = file_hash(model / "model.safetensors")[:12]
    refused(
        model,
        f"{{card}} describes weights with SHA-256 {told}, but model.safetensors has {found}, so card and weights "
        "belong to different models: copy both again or train again.",
    )


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("MTR", [0.1, 0.55], "MTR up to 0.55, which is impossible in 'percent' (expected 5 to 2000)"),
        (
            "AD",
            [0.0003, 0.0034],
            "AD up to 0.0034, which is impossible in '1e-3 mm2/s' (expected 0.4 to 120)",
        ),
        ("FA", [0.0, 90.0], "FA up to 90, which is impossible in '1' (expected 0.2 to 20)"),
    ],
)
def test_values_that_the_units_cannot_give(model, name, values, sentence):
    change(model, value_ranges={**RANGES, name: values})
    refused(
        model,
        f"{{card}} was trained on {sentence}, so the maps had another unit: declare units.{name} and train again.",
    )


def test_units_that_are_not_ours(model):
    change(model, units={"MTR": "1"})
    refused(model, "{card} has the units {{'MTR': '1'}}; expected {{'MTR': 'percent'")


def test_a_model_of_another_configuration(model):
    refused(
        model,
        "{card} was trained with the settings aaaaaaaaaaaa, but the configuration in use is bbbbbbbbbbbb: "
        "use the configuration of the model, or train again.",
        config_sha256="b" * 64,
    )


def test_nothing_is_unpickled(model):
    """Even with its correct hash in the card, a pickle is not read, because it would run its content."""

    class Trap:
        def __reduce__(self):
            return pytest.fail, ("a pickle was opened",)

    (model / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    change(model, weights_sha256=file_hash(model / "model.safetensors"))
    with pytest.raises(
        InputError, match=r"model.safetensors is not a safetensors file \(.*\), the only format accepted"
    ):
        load_model(model)
