"""The provenance record of a real run."""

import pytest
import yaml
from workflow_run import SMOKE

from myelosketch.io.provenance import read_json


@pytest.fixture(scope="module")
def provenance(smoke):
    return read_json(smoke / "results/provenance.json")


def test_the_configuration_in_force_is_kept_and_shown(smoke, provenance):
    smoke_config = yaml.safe_load(SMOKE.read_text())
    assert provenance["config"]["training"]["crop"] == smoke_config["training"]["crop"]
    assert provenance["config"]["evaluation"]["k"] == 1.0  # of config.yaml
    page = (smoke / "results/report.html").read_text(encoding="utf-8")
    assert f"Seed: {provenance['seed']}." in page
    assert "min_lesion_mm3: " in page
