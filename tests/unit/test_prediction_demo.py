"""The demonstration: its model is small, complete, marked as simulated, and fits the settings of its run."""

import pytest
import yaml
from workflow_run import ROOT

from myelosketch.errors import InputError
from myelosketch.prediction.bundle import read_bundle
from myelosketch.prediction.model_check import check_model, check_settings

DEMO = yaml.safe_load((ROOT / "configs/demo.yaml").read_text())
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture(scope="module")
def bundle():
    return read_bundle(ROOT / DEMO["prediction"]["model"])


def test_its_model_is_small_and_simulated(bundle):
    assert (ROOT / DEMO["prediction"]["model"]).stat().st_size <= 3e6
    assert bundle.manifest["simulated"]
    assert bundle.manifest["models"] == ["transfer"]
    assert "Trained on simulated participants" in bundle.readme
    assert "pretrained on simulated participants" in " ".join(bundle.readme.split())


def test_its_patients_are_none_of_those_that_the_model_was_trained_on():
    training = yaml.safe_load((ROOT / "configs/demo-training.yaml").read_text())
    assert "seed" not in training
    assert DEMO["seed"] != DEFAULTS["seed"]
    assert DEMO["simulation"]["with_pet"] is False


def settings(**changes):
    return {
        section: DEFAULTS[section] | DEMO.get(section, {}) | changes.get(section, {})
        for section in DEFAULTS
        if section in SECTIONS
    }


SECTIONS = ("registration", "regions", "evaluation", "prediction", "reporting")


def test_its_settings_are_those_of_the_demonstration(bundle):
    check_settings(bundle.manifest, settings())


def test_other_settings_are_named_with_the_lines_to_write(bundle, tmp_path):
    other = settings(registration={"pet_fwhm_mm": 4.0}, evaluation={"k": 2.0})
    with pytest.raises(InputError) as caught:
        check_model(
            ROOT / DEMO["prediction"]["model"],
            tmp_path / "facts.json",
            tmp_path / "readme.md",
            settings=other,
        )
    assert str(caught.value) == (
        "The model was trained with other settings than those of this configuration; set those of the training: "
        "registration: {pet_fwhm_mm: 0.0} (now 4.0); evaluation: {k: 1.0} (now 2.0)."
    )
    assert not list(tmp_path.iterdir())
