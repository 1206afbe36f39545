"""Predictors without knowledge look useless in the first table that a reader sees."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from myelosketch.evaluation.final_table import final_table
from myelosketch.evaluation.lesion_agreement import lesion_agreement
from myelosketch.evaluation.patient_agreement import patient_agreement
from myelosketch.evaluation.scoring import TABLES, ScanScorer
from myelosketch.evaluation.summary import summarise_tables
from myelosketch.io.volumes import Volume

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (40, 40, 24)
REFERENCE = {"mean": 1.27, "sd": 0.1}
METHODS = ["all_demyelinated", "the_mean", "lesion_contrast", "honest", "perfect"]
OPTIONS = {"draws": 2000, "seed": 1, "alpha": 0.05}


def patient(seed):
    """Labels, measured DVR, the depth of a voxel inside its lesion (0-1) and noise: lesions differ in DVR, and each
    one inside, as no MRI shows."""
    generator = np.random.default_rng(seed)
    labels = np.ones(SHAPE, np.int16)
    labels[3:-3, 3:-3, 3:-3] = 2
    grid = np.indices(SHAPE)
    for centre in ([10, 10, 12], [10, 29, 12], [29, 10, 12], [29, 29, 12]):
        radius = generator.uniform(3, 6)
        labels[((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2] = 3
    lesion = labels == 3
    depth = ndimage.distance_transform_edt(lesion)
    depth /= depth.max()
    numbers, count = ndimage.label(lesion)
    measured = generator.normal(1.27, 0.06, SHAPE)
    inside = ndimage.gaussian_filter(generator.normal(0, 1, SHAPE), 1.5)
    level = np.append(0, generator.normal(1.14, 0.06, count))[numbers]
    measured[lesion] = (level + 0.08 * inside / inside.std())[lesion]
    return labels, measured, depth, generator.normal(0, 0.05, SHAPE)


def predictions(labels, measured, depth, noise):
    lesion = labels == 3
    return {
        "all_demyelinated": np.where(lesion, 0.9, 1.27),
        "the_mean": np.full(SHAPE, 1.2),
        # dark where the MRI of a lesion is dark, in its middle, independent of myelin
        "lesion_contrast": np.where(lesion, 1.2 - 0.14 * depth, 1.27) + 0.3 * noise,
        "honest": measured + noise,
        "perfect": measured,
    }


@pytest.fixture(scope="module")
def tables():
    rows = {name: [] for name in TABLES}
    for seed in range(8):
        labels, measured, depth, noise = patient(seed)
        settings = {"k": 1.0, "ks": [1.0], "dvr_range": (0, 2), "min_lesion_mm3": 100}
        scorer = ScanScorer(Volume(measured, AFFINE), labels, REFERENCE, **settings)
        shared = {"scan": f"sub-{seed}", "subject": str(seed), "group": "MS", "fold": seed % 3 + 1}
        for method, predicted in predictions(labels, measured, depth, noise).items():
            for name, found in scorer.score(predicted, patient=True).items():
                rows[name] += [{"method": method} | shared | row for row in found]
    return {name: pd.DataFrame(found, columns=list(TABLES[name])) for name, found in rows.items()}


@pytest.fixture(scope="module")
def summary(tables):
    return summarise_tables(tables, methods=METHODS, **OPTIONS)


def mean(summary, method, metric):
    return summary[(summary["method"] == method) & (summary["metric"] == metric)]["mean"].item()


def test_calling_every_lesion_voxel_demyelinated_gains_nothing(summary):
    method = "all_demyelinated"
    assert mean(summary, method, "dice") > 0.8  # which looks like a result
    assert mean(summary, method, "dice") == mean(summary, method, "trivial_dice")
    assert mean(summary, method, "dice_minus_trivial") == pytest.approx(0, abs=1e-12)
    assert mean(summary, method, "mcc") == 0
    assert mean(summary, method, "kappa") == pytest.approx(0, abs=1e-12)
    assert mean(summary, method, "auc") == 0.5
    assert mean(summary, method, "dice_not_demyelinated") == 0
    assert np.isnan(mean(summary, method, "lesion_voxel_slope"))
    assert mean(summary, method, "pct_bias") > 10


def test_the_mean_says_nothing_about_any_lesion(summary):
    assert mean(summary, "the_mean", "lesion_mae") < 0.15  # which looks like a result
    assert mean(summary, "the_mean", "mcc") == 0
    assert mean(summary, "the_mean", "auc") == 0.5
    for metric in ("lesion_voxel_slope", "nawm_voxel_slope", "lesion_slope"):
        assert np.isnan(mean(summary, "the_mean", metric))
    assert mean(summary, "the_mean", "dice_minus_trivial") < 0


def test_copying_the_lesions_contrast_is_no_better_than_chance(summary):
    method = "lesion_contrast"
    assert mean(summary, method, "dice") > 0.6  # which looks like a result
    assert mean(summary, method, "dice_minus_trivial") < 0
    assert abs(mean(summary, method, "mcc")) < 0.1
    assert mean(summary, method, "auc") == pytest.approx(0.5, abs=0.06)
    assert abs(mean(summary, method, "lesion_voxel_slope")) < 0.25


def test_an_honest_prediction_stands_out(summary):
    assert mean(summary, "honest", "dice_minus_trivial") > 0
    assert mean(summary, "honest", "mcc") > 0.4
    # noise of the prediction (SD .05) is a spread too far
    variance = [measured[labels == 3].var() for labels, measured, *_ in map(patient, range(8))]
    expected = np.mean([true / (true + 0.05**2) for true in variance])
    assert mean(summary, "honest", "lesion_voxel_slope") == pytest.approx(expected, abs=0.03)
    assert mean(summary, "perfect", "mcc") == pytest.approx(1)
    assert mean(summary, "perfect", "lesion_voxel_slope") == pytest.approx(1)


def test_the_first_table_shows_it(summary):
    lines = {line.split()[0]: line for line in final_table(summary, k=1.0).splitlines() if line.strip()}
    heading = lines["method"]
    assert [heading.index(word) for word in ("trivial Dice", "MCC", "slope")]
    for fraud in ("all_demyelinated", "the_mean"):
        assert "0.00 [0.00, 0.00]" in lines[fraud]  # its MCC
        assert lines[fraud].endswith("n/a")  # its slope
    assert lines["perfect"].endswith("1.00")


def test_lesions_and_patients_do_not_agree_with_a_fraud(tables):
    lesions = lesion_agreement(tables["lesions"], methods=METHODS, borders=[300], **OPTIONS)
    overall = lesions[lesions["stratum"] == "all"].set_index("method")
    for fraud in ("all_demyelinated", "the_mean"):
        assert overall.loc[fraud, "icc"] < 0.05
        assert np.isnan(overall.loc[fraud, "pearson_r"])
        assert overall.loc[fraud, "note"] == "the lesions' means do not vary"
    assert overall.loc["honest", "icc"] > 0.8
    patients = patient_agreement(
        tables["demyelination"], tables["regions"], methods=METHODS, k=1.0, alpha=0.05
    )
    share = patients[patients["measure"] == "pct_demyelinated"].set_index("method")
    assert share.loc["all_demyelinated", "icc"] < 0.1
    assert share.loc["honest", "icc"] > 0.7
