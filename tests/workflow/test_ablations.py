"""The study of ablations: it reads a finished run, and trains only what a variant changes."""

import json
import shutil

import pytest
import yaml
from workflow_run import jobs, snakemake

from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table

pytestmark = pytest.mark.slow

STUDY = "studies/ablations/Snakefile"
VARIANTS = {
    "l1_refiner": {"refiner": {"cap": 1.0}},
    "without_MTR": {"inputs": ["FA", "RD", "AD"]},
}


@pytest.fixture(scope="module")
def ablated(smoke, tmp_path_factory):
    """A finished run with ablations of fold 1, and the jobs that were planned for them."""
    copy = tmp_path_factory.mktemp("ablations") / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    config = copy / "ablations.yaml"
    config.write_text(
        yaml.safe_dump(
            {"ablations": {"folds": [1], "seeds": [7], "run": list(VARIANTS), "variants": VARIANTS}}
        )
    )
    planned = jobs(copy, snakefile=STUDY, configs=(config,))
    snakemake(copy, snakefile=STUDY, configs=(config,))
    return copy, planned


def test_no_job_of_the_run_is_planned(ablated):
    # per seed the two networks of without_MTR and the refiner of l1_refiner; the configured two from the other seed
    _, planned = ablated
    assert planned == {
        "train_ablation": 8,
        "score_ablation": 5,
        **dict.fromkeys(("compare_ablations", "draw_ablations", "ablations"), 1),
    }


def test_every_variant_stands_beside_the_configured_training(ablated):
    copy, _ = ablated
    table = read_table(copy / "results/ablations/ablations.tsv", numeric=["n", "mean", "configured"])
    pairs = {
        ("configured", "sketcher"),
        ("configured", "refiner"),
        ("l1_refiner", "refiner"),
        ("without_MTR", "sketcher"),
        ("without_MTR", "refiner"),
    }
    assert set(zip(table.variant, table.method, strict=True)) == pairs
    held_out = read_table(copy / "results/cohort/folds.tsv")
    patients = held_out[(held_out.fold == "1") & held_out.subject.str.startswith("MS")]
    assert (table[table.metric == "lesion_mae"].n == len(patients)).all()
    # the configured mean is that of the same patients in the run's own table, and of the other seed's
    means = []
    for folder in ("evaluation", "ablations/configured/seed-7/fold-1"):
        scores = read_table(copy / f"results/{folder}/voxelwise.tsv", numeric=["mae"])
        lesions = scores[(scores.method == "refiner") & (scores.region == "lesion")]
        means.append(lesions.mae[lesions.subject.isin(patients.subject)].mean())
    rows = table[(table.metric == "lesion_mae") & (table.method == "refiner")]
    assert rows.configured.to_numpy() == pytest.approx(sum(means) / 2, rel=1e-4)
    assert means[0] != means[1]
    assert (copy / "results/ablations/figure.png").is_file()


def test_what_a_variant_leaves_is_not_trained_again(ablated):
    copy, _ = ablated
    results = copy / "results"
    # of the configured seed and of another one
    shared = {2018: "training/fold-1", 7: "ablations/configured/seed-7/fold-1"}
    for seed, models in shared.items():
        folder = results / f"ablations/l1_refiner/seed-{seed}/fold-1"
        assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["refiner"]
        card = json.loads((folder / "refiner/model.json").read_text())
        sketcher = json.loads((results / models / "sketcher/model.json").read_text())
        assert card["sketcher_sha256"] == sketcher["weights_sha256"]
        assert card["seed"] == sketcher["seed"] == seed
    assert not list(results.glob("ablations/l1_refiner/*/fold-2"))


def test_a_left_out_map_reaches_no_model_of_the_variant(ablated):
    copy, _ = ablated
    for path in (copy / "results/ablations/without_MTR").glob("*/fold-1/*/model.json"):
        assert json.loads(path.read_text())["input_maps"] == ["FA", "RD", "AD"]


def test_a_setting_that_changes_no_score_scores_nothing_again(ablated):
    copy, _ = ablated
    path = copy / "results/cohort/config.json"
    content = read_json(path)
    content["evaluation"]["relate_to"] = []
    path.write_text(json.dumps(content))
    assert not jobs(copy, snakefile=STUDY, configs=(copy / "ablations.yaml",))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"ablations": {"run": ["lamda_10"]}},
            "ablations.run names lamda_10, which is not a key of ablations.variants.",
        ),
        ({"ablations": {"seed": [1]}}, "ablations.seed: unknown key; did you mean ablations.seeds?"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(smoke, tmp_path, settings, sentence):
    config = tmp_path / "ablations.yaml"
    config.write_text(yaml.safe_dump(settings))
    done = snakemake(smoke, "--dry-run", snakefile=STUDY, configs=(config,), check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert sentence in said
    assert "Traceback" not in said
