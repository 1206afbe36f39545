"""The ladder study: its plan, its comparison of methods, its page and its figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from drawings import cut_texts

from myelosketch.errors import InputError
from myelosketch.evaluation.ladder_plan import plan_ladder, training_of
from myelosketch.evaluation.ladder_study import METRICS, SCAN_COLUMNS, compare_methods, write_ladder
from myelosketch.io import names
from myelosketch.io.tables import write_table
from myelosketch.learning.ladder import NETWORK_METHODS
from myelosketch.reporting.figures.ladder_study import build_ladder_study
from myelosketch.reporting.figures.style import figure_style
from myelosketch.reporting.pages.ladder_study import BEGIN, END, ladder_page, with_study

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "rules/schemas/config.schema.yaml"
FACTS = {
    "training_participants": {
        "pessimistic": {"MS": 12, "HC": 7},
        "as_published": {"MS": 3, "HC": 2},
    },
    "attainable": {"patients": 100, "controls": 20},
    "min_voxels": 30,
    "k": 1.0,
}


def planned(**changes):
    own = yaml.safe_load((ROOT / "studies/ladder/config.yaml").read_text())["ladder"]
    own["run"] = []
    own["worlds"] = {"noisy": {"pet": {"noise_sd": 0.2}}, "usual": {}}
    return plan_ladder(own | changes, "results/ladder", SCHEMA)


def scores(errors, *, patients=12, further=()):
    """Part of a world's scores: lesion errors of each method by seed, plus a part of the patient's own."""
    rows = []
    for method, by_seed in errors.items():
        for seed, error in by_seed.items():
            for patient in range(patients):
                own = 0.01 * patient
                row = {"scan": f"sub-MST{patient:02d}", "method": method, "seed": seed}
                row |= dict.fromkeys(SCAN_COLUMNS[3:], error + own) | {"n_lesion_voxels": 50.0}
                row |= {"mean_visible": 1 + own, "var_visible": 0.1, "mse_visible": error}
                rows.append(row)
    return pd.DataFrame([*rows, *further], columns=list(SCAN_COLUMNS))


ERRORS = {"template": {np.nan: 0.3}, "sketcher": {1: 0.1, 2: 0.12}, "refiner": {1: 0.09, 2: 0.09}}


def test_a_world_is_a_configuration_of_the_workflow():
    plan = planned(scored_patients=4, attainable={"patients": 3, "controls": 2, "training": {}})
    noisy = plan.worlds["noisy"]
    assert noisy["simulation"]["pet"] == {"noise_sd": 0.2}
    assert (noisy["simulation"]["n_patients"], noisy["simulation"]["n_controls"]) == (12, 7)
    assert noisy["simulation"]["external"] == {"site": "T", "n_patients": 7, "n_controls": 2}
    assert plan.scored == [f"sub-MST{n:02d}" for n in (1, 2, 3, 4)]
    assert plan.attainable == [*(f"sub-MST{n:02d}" for n in (5, 6, 7)), "sub-HCT01", "sub-HCT02"]
    assert "pet" not in plan.worlds["usual"]["simulation"]
    assert planned(methods=[]).methods == list(names.METHODS)


def test_a_world_may_have_a_scanner_and_a_physics_of_its_own():
    own = {"world": "as_published", "physics": {"mtr_myelin": 9}, "mri": {"mtr_noise": 4}}
    simulated = planned(worlds={"else": own}).worlds["else"]["simulation"]
    assert {key: simulated[key] for key in own} == own
    with pytest.raises(InputError, match="simulation.physics.mtr_mielin: unknown key"):
        planned(worlds={"else": {"physics": {"mtr_mielin": 9}}})


def test_a_world_may_have_fewer_participants_to_learn_from():
    few = {"world": "as_published", "training_participants": {"MS": 3, "HC": 2}}
    simulated = planned(worlds={"few": few, "usual": {}}).worlds
    counts = {
        world: [simulated[world]["simulation"][f"n_{group}"] for group in ("patients", "controls")]
        for world in simulated
    }
    assert counts == {"few": [3, 2], "usual": [12, 7]}


def test_every_network_is_trained_from_every_seed_and_all_else_once():
    plan = planned(methods=["template", "sketcher", "refiner"], further_seeds=[1])
    assert plan.sources == ["seed-2018", "seed-1", "once"]
    assert plan.scored_methods("seed-1") == ["sketcher", "refiner"]
    assert plan.scored_methods("once") == ["template"]
    world = "results/ladder/noisy"
    assert plan.model_folder("noisy", "refiner", 1) == f"{world}/seeds/seed-1/fold-0/refiner"
    assert plan.model_folder("noisy", "refiner", 2018) == f"{world}/training/fold-0/refiner"
    assert plan.model_folder("noisy", "template", 1) == f"{world}/training/fold-0/template"
    # a refiner starts from the sketcher of the same seed
    assert (
        plan.sketcher("noisy", "refiner", "1")[0] == f"{world}/seeds/seed-1/fold-0/sketcher/model.safetensors"
    )
    assert plan.sketcher("noisy", "sketcher", "1") == []
    attainable = f"{world}/attainable/fold-0/unetroi/model.safetensors"
    assert attainable in plan.models_of("noisy", "once")
    assert set(plan.seeded) <= set(NETWORK_METHODS)


def test_without_further_patients_there_is_no_attainable_row():
    plan = planned(attainable={"patients": 0, "controls": 20, "training": {}})
    assert plan.attainable == []
    assert plan.ceilings == list(names.CEILINGS)
    assert plan.worlds["usual"]["simulation"]["external"]["n_controls"] == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"run": ["nosiy"]},
            "ladder.run names nosiy, which is not a key of ladder.worlds: add the world there.",
        ),
        ({"worlds": {}}, "ladder.run finds no world in ladder.worlds: add the world there."),
        (
            {"methods": ["template"]},
            "ladder.reference is 'refiner'; expected one of the methods template.",
        ),
        (
            {"workflow": {"simulation": {"n_patients": 3}}},
            "ladder.workflow sets simulation.n_patients, which the study sets itself: leave it out, and use the keys "
            "of ladder.",
        ),
        (
            {"worlds": {"small": {"n_controls": 3}}},
            "ladder.worlds.small sets simulation.n_controls, which the study sets itself: leave it out, and use the "
            "keys of ladder.",
        ),
    ],
)
def test_what_cannot_be_planned_is_said_in_a_sentence(changes, sentence):
    with pytest.raises(InputError) as refusal:
        planned(**changes)
    assert str(refusal.value) == sentence


def test_a_world_that_the_workflow_refuses_is_named():
    with pytest.raises(InputError, match="World odd of the ladder: The configuration has 1 problem"):
        planned(worlds={"odd": {"pet": {"noise": 3}}})
    with pytest.raises(
        InputError, match=f"ladder.methods names magic; expected some of {names.METHODS[0]}, "
    ):
        planned(methods=["magic", "refiner"])


def test_the_ceiling_trains_as_configured_but_for_what_it_says():
    config = {"training": {"crop": [8, 8, 8], "unetroi": {"epochs": 5, "cap": None}}}
    assert training_of(config, {"unetroi": {"epochs": 30}}) == {
        "crop": [8, 8, 8],
        "unetroi": {"epochs": 30, "cap": None},
    }
    assert config["training"]["unetroi"]["epochs"] == 5


def test_methods_are_compared_over_the_same_patients_and_seeds():
    # a patient who is missing for one method is left out for all
    lacking = [{"scan": "sub-MST99", "method": name, "seed": 1, "lesion_mae": 9.0} for name in ("sketcher",)]
    lacking += [{"scan": "sub-MST99", "method": "refiner", "seed": 1}]
    table = compare_methods(scores(ERRORS, further=lacking), list(ERRORS), reference="refiner", alpha=0.05)
    rows = table[table.metric == "lesion_mae"].set_index("method")
    assert rows.n_patients.tolist() == [12, 12, 12]
    assert rows.n_seeds.tolist() == [1, 2, 2]
    assert rows.value["sketcher"] == pytest.approx(0.11 + 0.055)
    assert rows.difference["sketcher"] == pytest.approx(0.02)
    assert rows.difference["template"] == pytest.approx(0.21)
    # the patient effect cancels: the template's difference is constant, the sketcher's varies only with the seed
    assert rows.diff_ci_low["template"] == pytest.approx(0.21)
    assert rows.diff_ci_low["sketcher"] < 0.01 < rows.diff_ci_high["sketcher"]
    assert rows.sd_seeds["sketcher"] == pytest.approx(np.std([0.1, 0.12], ddof=1))
    assert np.isnan(rows.difference["refiner"])
    r2 = table[table.metric == "lesion_r2_visible"].set_index("method").value
    spread = 0.1 + np.var(0.01 * np.arange(12))
    assert r2["refiner"] == pytest.approx(1 - 0.09 / spread)
    assert r2["template"] == pytest.approx(1 - 0.3 / spread)


def test_a_metric_that_nobody_has_is_missing_and_stops_nothing():
    table = compare_methods(scores(ERRORS).assign(auc=np.nan), list(ERRORS), reference="refiner", alpha=0.05)
    rows = table[table.metric == "auc"]
    assert rows.value.isna().all()
    assert (rows.n_patients == 0).all()


@pytest.fixture
def written(tmp_path):
    """The study's table of two worlds, and its path."""
    parts = {}
    for world, more in (("pessimistic", 0.0), ("as_published", 0.02)):
        moved = {method: {seed: value + more for seed, value in of.items()} for method, of in ERRORS.items()}
        of_world = scores({**moved, "visible": {np.nan: 0.01}, "attainable": {np.nan: 0.05}})
        parts[world] = [tmp_path / f"{world}-{part}.tsv" for part in ("seeds", "once")]
        write_table(of_world[of_world.seed.notna()], parts[world][0])
        write_table(of_world[of_world.seed.isna()], parts[world][1])
    order = [*ERRORS, "visible", "attainable"]
    path = tmp_path / "ladder.tsv"
    return write_ladder(parts, path, order=order, reference="refiner", alpha=0.05), path


def test_the_page_has_a_table_of_scores_and_one_of_differences_per_world(written):
    page = ladder_page(written[0], alpha=0.05, facts=FACTS)
    assert page.count("**World `") == 4
    assert "methods learn from 3 patients and 2 controls; 12 patients scored, 2 seeds" in page
    # scores without a sign, differences with one
    assert "| `refiner` | .145 (" in page
    assert "| `template` | +.210 (+.210 to +.210) |" in page
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(lines) == 2 * (5 + 4)
    assert {line.count("|") for line in lines} == {len(METRICS) + 2}
    assert "`attainable` is a U-Net" in page
    assert "`attainable` is" not in ladder_page(written[0], alpha=0.05, facts=FACTS | {"attainable": None})


def test_the_page_stands_between_its_marks_in_the_documentation():
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nmore\n"
    shown = with_study(page, "new\n")
    assert shown == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nmore\n"
    assert with_study(shown, "new\n") == shown
    with pytest.raises(ValueError, match="the page needs the lines <!-- ladder study: begin -->"):
        with_study("# Title\n", "new\n")
    assert (ROOT / "docs/ladder.md").read_text().count(BEGIN) == 1
    assert with_study((ROOT / "docs/ladder.md").read_text(), "new\n")


def test_the_figure_draws_every_method_of_every_world(written):
    with figure_style():
        figure, drawn = build_ladder_study(written[1], k=1.0)
        assert set(drawn.world) == {"pessimistic", "as_published"}
        assert len(drawn) == 2 * 4 * 5
        assert len(figure.axes) == 8
        assert cut_texts(figure) == []
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[-1] == "Attainable"
