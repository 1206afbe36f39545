"""Ablations: a variant changes what it says alone, is compared by subject, and is drawn as it was compared."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from myelosketch.errors import InputError
from myelosketch.evaluation.ablations import COLUMNS, compare_variants
from myelosketch.evaluation.scoring import TABLES
from myelosketch.learning.variants import variant_training
from myelosketch.reporting.ablation_figure import build_ablations
from myelosketch.reporting.source_tables import NothingToDrawError
from myelosketch.tables import write_table

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


def test_a_variant_changes_only_what_it_says():
    changed, seed = variant_training(TRAINING, 2018, {"refiner": {"lambda_l1": 10.0}}, name="weak")
    assert changed == TRAINING | {"refiner": {"lambda_l1": 10.0, "epochs": 4}}
    assert seed == 2018
    assert TRAINING["refiner"]["lambda_l1"] == 100.0
    same, seed = variant_training(TRAINING, 2018, {"seed": 7}, name="seed")
    assert (same, seed) == (TRAINING, 7)


def test_a_key_that_training_lacks_is_named():
    with pytest.raises(
        InputError, match=r"^ablations\.variants\.weak\.refiner\.lambda is no key of training; "
    ):
        variant_training(TRAINING, 1, {"refiner": {"lambda": 10.0}}, name="weak")


def test_variants_are_compared_within_subjects():
    variants = {"worse": scores(0.2), "same": scores(0.1), "few": scores(0.2, subjects=range(4))}
    seconds = {("worse", "refiner"): 60.0}
    table = compare_variants(variants, scores(0.1), seconds, **OPTIONS)
    assert list(table.columns) == list(COLUMNS)
    row = table.set_index(["variant", "method", "metric"])
    mae = row.loc[("worse", "refiner", "lesion_mae")]
    # the subjects' own part cancels: no interval is left of the difference, though the mean has a wide one
    assert mae.difference == pytest.approx(0.1)
    assert (mae.diff_ci_low, mae.diff_ci_high) == pytest.approx((0.1, 0.1))
    assert mae.ci_high - mae.ci_low > 0.02
    assert (mae.n, mae.seconds) == (8, 60.0)
    assert row.loc[("worse", "refiner", "mcc")].difference == pytest.approx(-0.1)
    assert row.loc[("worse", "refiner", "pct_bias")].difference == pytest.approx(10)
    assert row.loc[("same", "refiner", "lesion_mae")].difference == pytest.approx(0)
    few = row.loc[("few", "refiner", "lesion_mae")]
    assert few.n == 4
    assert few.configured == pytest.approx(np.mean([0.1, 0.11, 0.12, 0.13]))
    family = table[(table.method == "refiner") & (table.metric == "lesion_mae")]
    assert (family.p_adjusted.dropna() >= family.p_wilcoxon.dropna()).all()


def test_a_method_that_was_not_run_is_named():
    with pytest.raises(InputError, match=r"scores refiner, which the configured run does not: add it to"):
        compare_variants({"v": scores(0.1)}, scores(0.1, methods=("sketcher",)), {}, **OPTIONS)


def test_the_figure_shows_what_was_compared(tmp_path):
    table = compare_variants({"no_mtr": scores(0.2), "seed_7": scores(0.1)}, scores(0.1), {}, **OPTIONS)
    write_table(table, tmp_path / "ablations.tsv")
    figure, drawn = build_ablations(tmp_path / "ablations.tsv", k=1.0, simulated=True)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["no mtr", "seed 7"]
    shown = drawn.set_index(["variant", "method", "metric"]).difference
    assert shown["no_mtr", "refiner", "lesion_mae"] == pytest.approx(0.1)
    plt.close(figure)


def test_a_figure_of_nothing_says_so(tmp_path):
    write_table(pd.DataFrame(columns=list(COLUMNS)), tmp_path / "ablations.tsv")
    with pytest.raises(NothingToDrawError):
        build_ablations(tmp_path / "ablations.tsv", k=1.0, simulated=True)
