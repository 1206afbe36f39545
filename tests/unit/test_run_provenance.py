"""What a run says it was made with."""

from myelosketch.io.provenance import read_json
from myelosketch.reporting import run_provenance

CONFIG = {"seed": 7, "evaluation": {"k": 1.0, "methods": ["ridgemeans", "refiner"]}}


def test_settings_seed_and_versions_are_kept(tmp_path):
    run_provenance.write_provenance(tmp_path / "provenance.json", config=CONFIG)
    found = read_json(tmp_path / "provenance.json")
    assert found["config"] == CONFIG
    assert found["seed"] == 7
    assert {"python", "snakemake", "myelosketch", "numpy"} <= set(found["software"])
    assert found["config_sha256"] == run_provenance.config_hash(CONFIG)


def test_the_hash_depends_on_the_settings_alone():
    same = {"evaluation": {"methods": ["ridgemeans", "refiner"], "k": 1.0}, "seed": 7}
    assert run_provenance.config_hash(same) == run_provenance.config_hash(CONFIG)
    assert run_provenance.config_hash(CONFIG | {"seed": 8}) != run_provenance.config_hash(CONFIG)


def test_commit_outside_a_repository_is_none(tmp_path):
    assert run_provenance.git_commit(tmp_path) is None
