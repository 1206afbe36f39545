"""Lesions counted, placed and compared: known volumes, distances, quantiles and risks."""

import numpy as np
import pytest

from myelosketch.calibration import lesion_survey, lesion_targets
from myelosketch.errors import InputError
from myelosketch.simulation import lesion_statistics as measured


def measured_volumes(n):
    """Volumes whose distribution is the measured one."""
    share = (np.arange(n) + 0.5) / n
    return np.exp(
        np.interp(100 * share, list(measured.VOLUME_MM3), np.log(list(measured.VOLUME_MM3.values())))
    )


def survey(volumes, *, risk=None, touching=0.07):
    """A survey as measure_lesions returns it, with a chosen risk per band."""
    white = 1e6 * np.array(measured.WHITE_MATTER_SHARE)
    risk = measured.mean_relative_risk() if risk is None else np.asarray(risk)
    return {
        "volumes_mm3": list(volumes),
        "axis_ratios": [2.6, 2.7],
        "touching": touching * len(volumes),
        "total_ml": float(np.sum(volumes)) / 1000,
        "lesion_voxels": (0.02 * white * risk).tolist(),
        "white_voxels": white.tolist(),
    }


def patients(n=30):
    """Surveys whose counts and loads vary as measured."""
    rng = np.random.default_rng(1)
    pool = measured_volumes(3000)
    return [survey(rng.permutation(pool)[: max(5, int(np.exp(rng.normal(4.15, 0.92))))]) for _ in range(n)]


def test_components_volumes_and_bands_by_hand():
    mask = np.zeros((30, 20, 20), bool)
    mask[2:4, 2:4, 2:4] = True  # 8 mm3
    mask[4, 4, 4] = True  # touches it by a corner: 9 mm3
    mask[10, 10, 10] = True  # 1 mm3: too small to count
    mask[20:26, 5:8, 5:7] = True  # 36 mm3, long
    distance = np.broadcast_to(np.arange(30.0).reshape(-1, 1, 1), mask.shape)
    found = lesion_survey.measure_lesions(mask, np.ones_like(mask), distance, 1.0)
    assert found["volumes_mm3"] == [36.0, 9.0]
    assert found["total_ml"] == pytest.approx(0.046)
    assert found["touching"] == 1  # the first comes to 2 mm
    assert found["lesion_voxels"] == [0, 9, 0, 1, 0, 36, 0, 0]
    assert found["white_voxels"][:3] == [2 * 400, 3 * 400, 5 * 400]
    ratio = np.sqrt(np.var(np.arange(6)) / np.var(np.arange(2)))
    assert found["axis_ratios"] == [pytest.approx(ratio)]


def test_a_flat_lesion_has_no_ratio():
    points = np.argwhere(np.ones((5, 4, 1)))
    assert lesion_survey.axis_ratio(points) == np.inf


def test_relative_risk_by_hand():
    risk = lesion_survey.relative_risk([[10, 0], [20, 10]], [[50, 50], [50, 50]])
    # 30 of 100 and 10 of 100, against 40 of 200
    assert risk.tolist() == pytest.approx([1.5, 0.5])
    assert np.isnan(lesion_survey.relative_risk([1, 0], [10, 0])[1])


def test_the_measured_distribution_has_no_distance_to_itself():
    assert lesion_targets.ks_distance(measured_volumes(5000)) < 0.001
    assert lesion_targets.reference_cdf([21.62, 294.96, 1e6]).tolist() == pytest.approx([0.5, 0.95, 1.0])


def test_the_distance_is_that_of_the_shift():
    # all lesions at the median, so half of the distribution is on either side
    assert lesion_targets.ks_distance(np.full(100, 21.62)) == pytest.approx(0.5, abs=1e-6)
    assert lesion_targets.ks_distance(2 * measured_volumes(5000)) > lesion_targets.LARGEST_KS
    assert np.isnan(lesion_targets.ks_distance([]))


def test_lesions_as_measured_are_inside_every_band():
    table = lesion_targets.compare_lesions(patients()).set_index("statistic")
    judged = table[table.verdict != ""]
    assert len(judged) == 20
    # counts and loads of thirty draws are random; what follows from the volumes and the risk is not
    steady = ["KS", "log volume", "relative risk", "long over", "share of lesions"]
    chosen = judged[[any(word in name for word in steady) for name in judged.index]]
    assert len(chosen) == 13
    assert set(chosen.verdict) == {"inside"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"touching": 0.3}, "share of lesions within 2 mm of ventricles"),
        ({"risk": [1] * 8}, "relative risk > 40 mm"),
    ],
)
def test_what_is_not_as_measured_is_outside(change, name):
    pool = measured_volumes(2000)
    table = lesion_targets.compare_lesions([survey(pool, **change) for _ in range(5)]).set_index("statistic")
    assert table.loc[name, "verdict"] == "outside"
    missed = [row for row in lesion_targets.lesion_criteria(table.reset_index()) if row["met"] == "no"]
    assert f"lesions: {name}" in [row["criterion"] for row in missed]


def test_larger_lesions_are_outside():
    table = lesion_targets.compare_lesions([survey(3 * measured_volumes(500)) for _ in range(5)])
    verdict = table.set_index("statistic").verdict
    assert verdict["KS distance of log volume"] == verdict["log volume (mm³), mean"] == "outside"


def test_bands_of_the_risk_are_both_alignments_widened():
    low, high = lesion_targets.risk_bands()
    assert low[0] == pytest.approx(0.7 * 1.38)
    assert high[0] == pytest.approx(1.3 * 5.34)
    assert len(lesion_targets.band_names()) == len(low) == 8


def test_bands_of_samples_narrow_with_their_size():
    low, high = lesion_targets.mean_band(4.15, 0.92, 30)
    assert (high + low) / 2 == pytest.approx(4.15)
    assert high - 4.15 == pytest.approx(1.96 * 0.92 * np.sqrt(2 / 30), rel=1e-3)
    assert lesion_targets.mean_band(4.15, 0.92, 300)[1] < high
    low, high = lesion_targets.spread_band(0.92, 30)
    assert low < 0.92 < high
    low, high = lesion_targets.r_band(0.74, 30)
    assert 0.3 < low < 0.74 < high < 1


def test_the_survey_asks_for_the_clinical_load_at_1_mm():
    settings = lesion_survey.clinical_settings(
        {"anatomy": {"warp_sd_mm": 2.0}, "voxel_size_mm": {"pet": 4.0}}
    )
    assert settings["lesion_load"] == "clinical"
    assert settings["voxel_size_mm"] == {"pet": 4.0, "anatomy": 1.0}
    assert settings["anatomy"] == {"warp_sd_mm": 2.0}


def test_a_wrong_setting_is_named(tmp_path):
    with pytest.raises(InputError, match="simulation.anatomy.warp_sd_mm"):
        lesion_survey.survey_patient(tmp_path / "x.json", "L01", {"anatomy": {"warp_sd_mm": 99}}, 1)
