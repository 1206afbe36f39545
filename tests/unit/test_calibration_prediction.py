"""The ladder of the calibration: held-out predictions by the workflow's own functions, with known answers."""

import numpy as np
import pytest

from myelosketch.calibration import criteria, prediction
from myelosketch.calibration.participant import TISSUES, Participant
from myelosketch.errors import InputError
from myelosketch.io.names import REGION_CODES

SHAPE = (14, 14, 14)
SETTINGS = {
    **{"k": 1.0, "ks": [1.0, 2.0], "min_lesion_mm3": 50, "dvr_range": [0, 2], "alphas": [1e-6, 1e-3]},
    **{"splits": 2, "smoothing_mm": 0.0},
}


def person(subject, *, level=0.0):
    """A participant whose DVR is a linear function of its MTR, plus ``level``."""
    rng = np.random.default_rng(int.from_bytes(subject.encode(), "little"))
    regions = np.zeros(SHAPE, np.uint8)
    regions[1:13, 1:13, 1:13] = REGION_CODES["nawm"]
    regions[1:13, 1:13, 1:4] = REGION_CODES["other"]
    if subject.startswith("MS"):
        regions[5:9, 5:9, 6:10] = REGION_CODES["lesion"]
    brain = regions > 0
    maps = {
        "FA": rng.uniform(0.2, 0.6, SHAPE),
        "RD": rng.uniform(0.4, 0.9, SHAPE),
        "AD": rng.uniform(1.0, 1.4, SHAPE),
        "MTR": 38 + 4 * rng.standard_normal(SHAPE) - 6 * (regions == REGION_CODES["lesion"]),
    }
    maps["DVR"] = 0.2 + 0.025 * maps["MTR"] + level
    for name in ("visible", "noisefree"):
        maps[name] = maps["DVR"]
    maps["rescan"] = maps["DVR"] + 0.5 * rng.standard_normal(SHAPE)
    maps = {name: np.where(brain, values, 0).astype(np.float32) for name, values in maps.items()}
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -20
    tissue = np.where(regions == REGION_CODES["nawm"], TISSUES["white"], 0).astype(np.uint8)
    return Participant(subject, subject[:2], maps, regions, tissue, affine, np.eye(4))


@pytest.fixture(scope="module")
def people():
    return [person(f"{group}{number:02d}") for group in ("MS", "HC") for number in range(1, 5)]


FOLDS = {f"{group}{number:02d}": 1 + number % 2 for group in ("MS", "HC") for number in range(1, 5)}


@pytest.fixture(scope="module")
def scored(people):
    return prediction.score_ladder(people, FOLDS, SETTINGS)


def test_every_patient_is_scored_by_every_rung_in_its_own_fold(scored):
    tables, fitted = scored
    rows = tables["demyelination"]
    assert set(rows.method) == set(criteria.ORDER)
    assert len(rows) == len(criteria.ORDER) * 4 * 2
    assert (rows.fold == rows.subject.map(FOLDS)).all()
    assert fitted.fold.tolist() == [1, 2]
    assert {"mean", "sd", "voxelwise_alpha", "means3_alpha"} <= set(fitted)


def test_a_linear_truth_is_found_by_the_linear_models(scored):
    rows = scored[0]["voxelwise"]
    error = rows[rows.region == "lesion"].groupby("method").mae.mean()
    assert error["voxelwise"] < 0.002
    assert error["visible"] == error["noisefree"] == 0
    assert error["template"] > 0.1
    assert error["rescan"] == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=0.15)


def test_perfect_agreement_is_one(scored):
    rows = scored[0]["demyelination"]
    at_k = rows[(rows.k == 1.0) & (rows.method == "visible")]
    assert len(at_k) == 4
    assert at_k.mcc.tolist() == pytest.approx([1.0] * 4)
    summary = prediction.summarise_ladder(scored[0], bootstrap=1000, seed=1, alpha=0.05)
    row = summary[(summary.method == "visible") & (summary.metric == "mcc") & (summary.k == 1.0)].iloc[0]
    assert (row["mean"], row.ci_low, row.ci_high) == pytest.approx((1.0, 1.0, 1.0))
    assert row.n == 4


def test_the_reference_is_that_of_the_training_controls(people):
    training = [one for one in people if FOLDS[one.subject] != 1]
    pooled = np.concatenate(
        [p.maps["DVR"][p.regions == REGION_CODES["nawm"]] for p in training if p.group == "HC"]
    ).astype(float)
    found = prediction.healthy_reference(training, 1)
    assert found == {
        "mean": pytest.approx(pooled.mean()),
        "sd": pytest.approx(pooled.std(ddof=1)),
        "n_voxels": pooled.size,
    }


def test_nothing_of_the_held_out_is_seen(people, scored):
    changed = [person(p.subject, level=0.4) if p.subject == "MS01" else p for p in people]
    other = prediction.score_ladder(changed, FOLDS, SETTINGS)[1].set_index("fold")
    before = scored[1].set_index("fold")
    own = FOLDS["MS01"]
    assert other.loc[own].equals(before.loc[own])
    assert not other.loc[3 - own].equals(before.loc[3 - own])


def test_the_template_comes_back_in_its_own_place(people):
    control = [one for one in people if one.group == "HC"][:1]
    template = prediction.mean_of_controls(control, 0.0)
    placed = prediction.place_template(template, control[0])
    deep = (slice(4, 10),) * 3
    # interpolated twice: smoother than the map, but of the same mean
    assert placed[deep].mean() == pytest.approx(control[0].maps["DVR"][deep].mean(), abs=0.02)


def test_bad_folds_are_refused(people):
    with pytest.raises(InputError, match="The folds lack HC04: give every simulated participant a fold"):
        prediction.score_ladder(
            people, {name: fold for name, fold in FOLDS.items() if name != "HC04"}, SETTINGS
        )
    alone = [one for one in people if one.group == "MS" or FOLDS[one.subject] == 1]
    with pytest.raises(InputError, match="Fold 1 trains on no control: raise simulation.n_controls"):
        prediction.score_ladder(alone, FOLDS, SETTINGS)
