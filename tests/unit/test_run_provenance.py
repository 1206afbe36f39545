"""The provenance record of a run."""

from myelosketch.io.provenance import read_json
from myelosketch.modules import hash_of_all
from myelosketch.reporting import run_provenance

CONFIG = {"seed": 7, "evaluation": {"k": 1.0, "methods": ["ridgemeans", "refiner"]}}


def test_settings_seed_and_versions_are_kept(tmp_path):
    run_provenance.write_provenance(tmp_path / "provenance.json", config=CONFIG)
    found = read_json(tmp_path / "provenance.json")
    assert found["config"] == CONFIG
    assert found["seed"] == 7
    assert {"python", "snakemake", "myelosketch", "numpy"} <= set(found["software"])
    assert found["config_sha256"] == run_provenance.config_hash(CONFIG)
    assert found["library"] == hash_of_all()


def test_a_redone_copy_keeps_what_the_run_was_made_with(tmp_path):
    run = {"seed": 7, "commit": "abc", "software": {"python": "3.11.0"}}
    run_provenance.write_provenance(tmp_path / "redone.json", config=CONFIG, run=run)
    found = read_json(tmp_path / "redone.json")
    assert (found["commit"], found["software"]) == ("abc", {"python": "3.11.0"})
    assert found["redone_with"]["software"] == run_provenance.software()
    assert found["config"] == CONFIG


def test_the_hash_depends_on_the_settings_alone():
    same = {"evaluation": {"methods": ["ridgemeans", "refiner"], "k": 1.0}, "seed": 7}
    assert run_provenance.config_hash(same) == run_provenance.config_hash(CONFIG)
    assert run_provenance.config_hash(CONFIG | {"seed": 8}) != run_provenance.config_hash(CONFIG)


def test_commit_outside_a_repository_is_none(tmp_path):
    assert run_provenance.git_commit(tmp_path) is None
