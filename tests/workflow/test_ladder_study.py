"""The ladder study on a tiny cohort: one world, two scored patients, two seeds, and nothing computed twice."""

import numpy as np
import pandas as pd
import pytest
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.evaluation.ladder_study import METRICS
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table

pytestmark = pytest.mark.slow

STUDY = "studies/ladder/Snakefile"


def settings():
    """One world of smoke.yaml's size, with a network trained from two seeds."""
    smoke = yaml.safe_load(SMOKE.read_text())
    workflow = {name: smoke[name] for name in ("registration", "tissue", "training")}
    workflow["simulation"] = {
        key: smoke["simulation"][key] for key in ("voxel_size_mm", "lesion_load_min_ml")
    }
    workflow["training"] |= {"unetroi": {"epochs": 2}}
    return {
        "further_seeds": [1],
        "training_participants": {"MS": 2, "HC": 2},
        "scored_patients": 2,
        "min_lesion_voxels": 5,
        "methods": ["template", "ridgemeans", "unetroi"],
        "reference": "unetroi",
        "attainable": {"patients": 1, "controls": 0, "training": {"unetroi": {"epochs": 3}}},
        "worlds": {"clear": {"pet": {"noise_sd": 0.02, "unseen_sd": 0.02}}},
        "run": ["clear"],
        "workflow": workflow,
    }


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Folder of a finished study, its configuration, and the jobs that it planned."""
    folder = tmp_path_factory.mktemp("ladder")
    config = folder / "ladder.yaml"
    config.write_text(yaml.safe_dump({"ladder": settings()}))
    planned = jobs(folder, snakefile=STUDY, configs=(config,))
    snakemake(folder, snakefile=STUDY, configs=(config,))
    return folder, config, planned


def test_participants_are_registered_once_and_networks_trained_from_every_seed(studied):
    _, _, planned = studied
    people = 2 + 2 + 2 + 1
    for rule in ("simulate_participant", "inspect_scan", "prepare_anatomy", "register_scan", "label_scan"):
        assert planned[f"clear_{rule}"] == people
    trained = ("clear_train_network", "clear_train_again", "clear_train_attainable", "clear_fit_template")
    assert [planned[rule] for rule in trained] == [1, 1, 1, 1]
    assert planned["score_ladder"] == 3
    assert not {"clear_predict_scan", "clear_place_scan", "clear_write_report", "clear_all"} & set(planned)


def test_every_method_and_ceiling_has_every_score(studied):
    folder, _, _ = studied
    numeric = ["value", "n_patients", "n_seeds", "difference", "ci_low", "ci_high"]
    table = read_table(folder / "results/ladder/ladder.tsv", numeric=numeric)
    assert list(dict.fromkeys(table.metric)) == list(METRICS)
    methods = list(dict.fromkeys(table.method))
    assert methods[0] == "template"
    assert methods[-5:] == ["unetroi", "rescan", "noisefree", "visible", "attainable"]
    rows = table[table.metric == "lesion_mae_visible"].set_index("method")
    assert (rows.n_patients == 2).all()
    assert rows.n_seeds.to_dict() == {name: 2 if name == "unetroi" else 1 for name in methods}
    assert rows.value["visible"] == 0
    assert np.isnan(rows.difference["unetroi"])
    r2 = table[table.metric == "lesion_r2_visible"].set_index("method").value
    assert r2["visible"] == 1
    assert (r2.drop("visible") < 1).all()
    # in a world of almost no noise the truth is near the PET
    mae = table[table.metric == "lesion_mae"].set_index("method").value
    assert mae["noisefree"] < mae["template"]
    assert (folder / "results/ladder/figure.png").is_file()
    assert "| `attainable` |" in (folder / "results/ladder/ladder.md").read_text()


def test_no_scored_patient_and_none_of_the_ceiling_is_learned_from(studied):
    folder, _, _ = studied
    world = folder / "results/ladder/clear"
    scored = pd.concat([read_table(path) for path in world.glob("scores/*.tsv")])
    assert set(scored.scan) == {"sub-MST01", "sub-MST02"}
    cards = {path: read_json(path) for path in world.rglob("model.json")}
    taught = {"sub-MS01", "sub-MS02", "sub-HC01", "sub-HC02"}
    for path, card in cards.items():
        own = path.relative_to(world).parts[0] == "attainable"
        assert set(card["split"]["train"]) <= ({"sub-MST03"} if own else taught)
    networks = {path: card for path, card in cards.items() if path.parent.name == "unetroi"}
    assert sorted(card["seed"] for card in networks.values()) == [1, 2018, 2018]
    weights = {card["weights_sha256"] for card in networks.values()}
    assert len(weights) == 3


def test_the_same_command_again_does_nothing_and_a_further_world_leaves_the_first(studied):
    folder, config, _ = studied
    assert jobs(folder, snakefile=STUDY, configs=(config,)) == {}
    two = yaml.safe_load(config.read_text())
    two["ladder"] |= {"run": ["clear", "noisy"]}
    two["ladder"]["worlds"]["noisy"] = {"pet": {"noise_sd": 0.2}}
    further = folder / "two.yaml"
    further.write_text(yaml.safe_dump(two))
    planned = jobs(folder, snakefile=STUDY, configs=(further,))
    assert planned["noisy_simulate_participant"] == 7
    assert not [rule for rule in planned if rule.startswith("clear_")]
    assert planned["score_ladder"] == 3


def test_a_world_that_cannot_be_is_refused_in_a_sentence(tmp_path):
    config = tmp_path / "odd.yaml"
    config.write_text(yaml.safe_dump({"ladder": {"run": ["odd"], "worlds": {"odd": {"pet": {"noise": 1}}}}}))
    done = snakemake(tmp_path, "--dry-run", snakefile=STUDY, configs=(config,), check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "World odd of the ladder: The configuration has 1 problem:" in said
    assert "simulation.pet.noise: unknown key; did you mean simulation.pet.noise_sd?" in said
    assert "Traceback" not in said
