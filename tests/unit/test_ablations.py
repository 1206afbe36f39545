"""Ablations: a variant changes only its own keys, is compared by subject, and is drawn as compared."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import pyplot as plt

from myelosketch.cohort.finished_run import FinishedRun
from myelosketch.cohort.plan import Cohort
from myelosketch.errors import InputError
from myelosketch.evaluation.ablations import COLUMNS, compare_variants, write_ablations
from myelosketch.evaluation.scoring import TABLES
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import read_table, write_table
from myelosketch.learning.variants import plan_ablations, variant_training
from myelosketch.reporting.figures.ablations import build_ablations
from myelosketch.reporting.pages.captions import render_caption
from myelosketch.reporting.source_tables import NothingToDrawError

ROOT = Path(__file__).parents[2]
TRAINING = {"batch": 4, "refiner": {"lambda_l1": 100.0, "epochs": 4}, "crop": [32, 32, 32]}
OPTIONS = {"k": 1.0, "draws": 2000, "seed": 3, "alpha": 0.05}


def scores(error, *, subjects=range(8), methods=("sketcher", "refiner")):
    """Tables in which lesion MAE is ``error`` plus a part of the subject's own, and MCC follows it."""
    voxelwise, demyelination = [], []
    for subject in subjects:
        own = 0.01 * subject
        shared = {"subject": f"{subject:02d}", "scan": f"sub-{subject:02d}", "fold": 1}
        for method in methods:
            row = shared | {"method": method}
            voxelwise.append(row | {"region": "lesion", "mae": error + own, "n_voxels": 9})
            found = {"k": 1.0, "mcc": 1 - error - own, "dice": 0.7, "trivial_dice": 0.6}
            demyelination.append(row | found | {"pct_true": 50.0, "pct_pred": 50 + 100 * error})
    found = {"voxelwise": voxelwise, "demyelination": demyelination}
    return {name: pd.DataFrame(rows, columns=list(TABLES[name])) for name, rows in found.items()}


def seeds(*errors, **options):
    """Scores from the seeds 3, 4, ..., one error each."""
    return {number: scores(error, **options) for number, error in enumerate(errors, 3)}


def planned(**settings):
    """The study of the default run with two folds and some different settings."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    own = yaml.safe_load((ROOT / "studies/ablations/config.yaml").read_text())["ablations"]
    people = pd.DataFrame({"subject": ["MS01", "MS02", "MSB01"], "group": "MS"})
    scans = people.assign(scan="sub-" + people.subject)
    run = FinishedRun("results", config, Cohort(scans, scans, scans[:0], people.assign(fold=[1, 2, 0])))
    return plan_ablations(own | settings, run, ROOT / "rules/schemas/config.schema.yaml")


def test_every_variant_is_trained_from_every_seed_in_every_fold():
    plan = planned()
    assert (plan.seeds, plan.folds) == ([2018, 1, 2], [1, 2])
    variants = list(
        yaml.safe_load((ROOT / "studies/ablations/config.yaml").read_text())["ablations"]["variants"]
    )
    assert plan.trained[: len(variants)] == [(variant, 2018) for variant in variants]
    assert plan.trained[len(variants) :][0] == ("configured", 1)
    assert len(plan.trained) == 3 * len(variants) + 2
    tables = plan.files(lambda variant: ["voxelwise.tsv"])
    assert len(tables) == len(set(tables)) == 2 * len(plan.trained)


def test_a_variant_shares_what_it_leaves_with_the_configured_training():
    plan = planned(variants={"l1": {"refiner": {"cap": 1.0}}, "no_flips": {"flips": False}})
    assert plan.changed == {
        "configured": ["sketcher", "refiner"],
        "l1": ["refiner"],
        "no_flips": ["sketcher", "refiner"],
    }
    sketcher = {seed: plan.sketcher("refiner", "l1", seed, 1)[0] for seed in ("2018", "1")}
    assert sketcher == {
        "2018": "results/training/fold-1/sketcher/model.safetensors",
        "1": "results/ablations/configured/seed-1/fold-1/sketcher/model.safetensors",
    }
    assert plan.sketcher("refiner", "no_flips", "1", 1) == [
        f"results/ablations/no_flips/seed-1/fold-1/sketcher/model.{kind}" for kind in ("safetensors", "json")
    ]
    assert plan.sketcher("sketcher", "no_flips", "1", 1) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"run": ["lamda_10"]}, "ablations.run names lamda_10, which is not a key of ablations.variants."),
        ({"folds": [9]}, "ablations.folds is [9], but the folds are [1, 2]."),
        ({"variants": {"bad": {"lambda": 1}}}, "ablations.variants.bad.lambda is not a key of training"),
        (
            {"variants": {"none": {"batch": 4}}},
            "none does not change the configured sketcher or refiner",
        ),
        (
            {"variants": {"configured": {"batch": 2}}},
            "ablations.variants.configured has the reserved name of the configured training",
        ),
        ({"variants": {"text": {"batch": "many"}}}, "Ablation text: The configuration has 1 problem"),
        ({"variants": {"odd": {"crop": [30, 30, 30]}}}, "Ablation odd: training.crop is [30, 30, 30]"),
    ],
)
def test_a_variant_that_cannot_be_says_why(settings, sentence):
    with pytest.raises(InputError) as error:
        planned(**settings)
    assert sentence in str(error.value)


def test_a_variant_changes_only_what_it_says():
    changed = variant_training(TRAINING, {"refiner": {"lambda_l1": 10.0}}, name="weak")
    assert changed == TRAINING | {"refiner": {"lambda_l1": 10.0, "epochs": 4}}
    assert TRAINING["refiner"]["lambda_l1"] == 100.0


def test_a_key_that_training_lacks_is_named():
    with pytest.raises(
        InputError, match=r"^ablations\.variants\.weak\.refiner\.lambda is not a key of training; "
    ):
        variant_training(TRAINING, {"refiner": {"lambda": 10.0}}, name="weak")


def test_variants_are_compared_within_subjects():
    variants = {"worse": seeds(0.2), "same": seeds(0.1), "few": seeds(0.2, subjects=range(4))}
    seconds = {("worse", "refiner"): 60.0}
    table = compare_variants({"configured": seeds(0.1)} | variants, seconds, **OPTIONS)
    assert list(table.columns) == list(COLUMNS)
    assert set(table.variant) == set(variants)  # of one seed, the configured training has no row
    row = table.set_index(["variant", "method", "metric"])
    mae = row.loc[("worse", "refiner", "lesion_mae")]
    # each subject's own part cancels: the interval of the difference has no width, although that of the mean is wide
    assert mae.difference == pytest.approx(0.1)
    assert (mae.diff_ci_low, mae.diff_ci_high) == pytest.approx((0.1, 0.1))
    assert mae.ci_high - mae.ci_low > 0.02
    assert (mae.n, mae.n_seeds, mae.seconds) == (8, 1, 60.0)
    assert row.loc[("worse", "refiner", "mcc")].difference == pytest.approx(-0.1)
    assert row.loc[("worse", "refiner", "pct_bias")].difference == pytest.approx(10)
    assert row.loc[("same", "refiner", "lesion_mae")].difference == pytest.approx(0)
    few = row.loc[("few", "refiner", "lesion_mae")]
    assert few.n == 4
    assert few.configured == pytest.approx(np.mean([0.1, 0.11, 0.12, 0.13]))
    family = table[(table.method == "refiner") & (table.metric == "lesion_mae")]
    assert (family.p_adjusted.dropna() >= family.p_wilcoxon.dropna()).all()


def test_a_score_is_the_mean_over_seeds_and_each_seed_is_compared_with_itself():
    configured = {3: scores(0.1, subjects=range(12))} | {4: scores(0.2), 5: scores(0.3)}
    table = compare_variants({"configured": configured, "v": seeds(0.1, 0.3, 0.2)}, {}, **OPTIONS)
    row = table[table.metric == "lesion_mae"].set_index(["variant", "method"])
    variant, own = row.loc[("v", "refiner")], row.loc[("configured", "refiner")]
    assert variant.difference == pytest.approx(0.0)
    assert (variant.seed_low, variant.seed_high) == pytest.approx((-0.1, 0.1))
    assert (variant.n, variant.n_seeds, own.n) == (8, 3, 8)  # subjects that all seeds scored
    assert own["mean"] == pytest.approx(0.2 + 0.035)
    assert (own.difference, own.seed_low, own.seed_high) == pytest.approx((0.0, -0.1, 0.1))
    assert np.isnan(own.p_wilcoxon)


def test_scores_are_read_seed_by_seed_and_only_compared_folds_count(tmp_path):
    configured = {}
    for name, table in scores(0.1, subjects=range(10)).items():
        configured[name] = tmp_path / f"{name}.tsv"
        write_table(table, configured[name])
    tables, cards = [], []
    for variant, of_seed, error in (("v", 3, 0.2), ("configured", 4, 0.2), ("v", 4, 0.4)):
        folder = tmp_path / f"ablations/{variant}/seed-{of_seed}/fold-1"
        for name, table in scores(error).items():
            tables.append(folder / f"{name}.tsv")
            tables[-1].parent.mkdir(parents=True, exist_ok=True)
            write_table(table, tables[-1])
        for method in ("sketcher", "refiner"):
            cards.append(folder / method / "model.json")
            write_json(cards[-1], {"seconds": 30.0})
    options = {"k": 1.0, "bootstrap": 2000, "seed": 3, "alpha": 0.05}
    write_ablations(tables, cards, configured, tmp_path / "ablations.tsv", **options)
    table = read_table(tmp_path / "ablations.tsv", numeric=("difference", "seconds", "n"))
    row = table.set_index(["variant", "method", "metric"]).loc[("v", "refiner", "lesion_mae")]
    assert row.difference == pytest.approx(0.15)
    assert (row.n, row.seconds) == (8, 60.0)
    assert list(dict.fromkeys(table.variant)) == ["configured", "v"]


def test_a_method_that_was_not_run_is_named():
    given = {"configured": seeds(0.1, methods=("sketcher",)), "v": seeds(0.1)}
    with pytest.raises(InputError, match=r"scores refiner, which the configured run does not: add it to"):
        compare_variants(given, {}, **OPTIONS)


def test_the_figure_shows_what_was_compared(tmp_path):
    given = {"configured": seeds(0.1, 0.12), "no_mtr": seeds(0.2, 0.22), "lambda_10": seeds(0.1, 0.14)}
    write_table(compare_variants(given, {}, **OPTIONS), tmp_path / "ablations.tsv")
    figure, drawn = build_ablations(tmp_path / "ablations.tsv", k=1.0, simulated=True)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["as configured", "no mtr", "lambda 10"]
    shown = drawn.set_index(["variant", "method", "metric"])
    assert shown.difference["no_mtr", "refiner", "lesion_mae"] == pytest.approx(0.1)
    assert "lowest and highest of 2 seeds" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "2 seeds" in " ".join(figure.get_suptitle().split())
    plt.close(figure)


def test_a_figure_of_nothing_says_so(tmp_path):
    write_table(pd.DataFrame(columns=list(COLUMNS)), tmp_path / "ablations.tsv")
    with pytest.raises(NothingToDrawError):
        build_ablations(tmp_path / "ablations.tsv", k=1.0, simulated=True)


def test_the_caption_says_what_is_drawn_and_whether_the_cohort_is_simulated():
    caption, facts = ROOT / "studies/ablations/caption.rst", {"k": 1.5, "alpha": 0.1}
    text = render_caption(caption, figure="ablations", facts=facts | {"simulated": True})
    assert "90 %" in text
    assert "k = 1.5" in text
    assert "The cohort is simulated." in text
    assert "The cohort is simulated." not in render_caption(
        caption, figure="ablations", facts=facts | {"simulated": False}
    )
