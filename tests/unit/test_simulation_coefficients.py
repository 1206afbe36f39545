"""simulation.physics: coefficients of the forward model that differ from the usual ones, at both levels."""

import dataclasses

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.simulation import physics
from myelosketch.simulation.grey import GREY, MAPS, WITHIN, tissue_values
from myelosketch.simulation.participant import simulate_body, simulate_scans
from myelosketch.simulation.physics import PHYSICS, TISSUES, Physics
from myelosketch.simulation.settings import BOUNDS, complete_settings

COARSE = {
    "voxel_size_mm": {"anatomy": 3.0, "T1w": 4.0, "dwi": 5.0, "MTR": 5.0, "pet": 4.0},
    "frames": [60] * 5 + [600] * 6,
    "dwi": {"n_directions": 6, "n_b0": 1},
}
OTHER = {"axial": 1.3, "mtr_myelin": 9.0, "mtr_scale": 0.9, "dvr_water": 0.8}


def scans(level, coefficients):
    settings = complete_settings({**COARSE, "level": level, "physics": coefficients})
    return simulate_scans("MS01", simulate_body("MS01", "MS", settings, 11), settings, 11)


def test_usual_coefficients_give_the_literal_formulae_to_the_bit():
    """In the order of operations of docs/simulation.md: a cohort that was simulated before stays as it was."""
    rng = np.random.default_rng(0)
    m, a, w = rng.random((3, 1000), dtype=np.float32)
    axial, radial = physics.tissue_diffusivities(m, a, np.float32(1))
    old = 1.15 + 0.20 * (1 - a) + 0.05 * (1 - m), 0.52 + 0.18 * (1 - m) + 0.12 * (1 - a)
    mean = (old[0] + 2 * old[1]) / 3
    np.testing.assert_array_equal(axial, mean + np.float32(1) * (old[0] - mean))
    np.testing.assert_array_equal(radial, mean + np.float32(1) * (old[1] - mean))
    mtr = physics.magnetisation_transfer_ratio(m, a, w)
    np.testing.assert_array_equal(mtr, (1 - w) * (23 + 12 * m + 6.8 * a))
    dvr = physics.distribution_volume_ratio(m, w, 0.02)
    np.testing.assert_array_equal(dvr, (1 - 0.5 * w) * (1.03 + (0.26 + 0.02) * m))
    grey = {"levels": {tissue: dict.fromkeys(MAPS, 0.013) for tissue in GREY}, "myelin": m}
    for tissue in GREY:
        for name in MAPS:
            literal = np.float32(TISSUES[tissue][name] + 0.013) + np.float32(WITHIN[name]) * m
            np.testing.assert_array_equal(tissue_values(grey)[tissue][name], literal)
    assert tissue_values() == TISSUES


def test_other_coefficients_by_hand():
    other = Physics(
        mtr_myelin=9, mtr_scale=0.9, dvr_base=1.0, dvr_water=0.8, radial=0.6, radial_axon_loss=0.2
    )
    mtr = physics.magnetisation_transfer_ratio(0.5, 0.5, 0.1, other)
    assert mtr == pytest.approx(0.9 * 0.9 * (23 + 4.5 + 3.4))
    dvr = physics.distribution_volume_ratio(0.5, 0.1, physics=other)
    assert dvr == pytest.approx(0.92 * (1.0 + 0.13))
    assert physics.diffusivities(1.0, 0.5, 0.0, 1.0, other) == pytest.approx((1.25, 0.7))


def test_other_tissues_follow_white_matter():
    """Cortex has (32.5 - 23) / 18.8 of what myelin and axons add to MTR; water has the pulse alone."""
    other = tissue_values(
        physics=Physics(mtr_base=20, mtr_myelin=9, mtr_scale=0.9, dvr_myelin=0.39, axial=1.369)
    )
    assert other["cortex"]["MTR"] == pytest.approx(0.9 * (20 + 9.5 / 18.8 * 15.8))
    assert other["csf"]["MTR"] == pytest.approx(0.9)
    assert other["cortex"]["RD"] == pytest.approx(1.1 * TISSUES["cortex"]["RD"])  # mean 0.73 becomes 0.803
    assert other["csf"]["RD"] == TISSUES["csf"]["RD"]
    assert (other["cortex"]["DVR"], other["deep"]["DVR"]) == pytest.approx((1.0, 1.12))


@pytest.mark.parametrize(
    ("level", "changed"),
    [("maps", ("FA", "RD", "AD", "MTR", "DVR")), ("signals", ("dwi", "mt_on", "pet"))],
)
def test_both_levels_obey_and_what_has_no_coefficient_stays(level, changed):
    usual, other = scans(level, {}), scans(level, OTHER)
    for name in ("T1w", "FLAIR", "lesion_mask", *(["mt_off"] if level == "signals" else [])):
        np.testing.assert_array_equal(usual[name], other[name])
    for name in (*changed, "visible"):
        pair = [images[name]["data"] if name == "dwi" else images[name] for images in (usual, other)]
        assert (pair[0] != pair[1]).mean() > 0.05, name


def test_both_levels_have_the_same_mtr():
    """Without noise, whatever the coefficients."""
    quiet = {"mri": {"mtr_noise": 0.0, "mtr_gain_sd": 0.0, "b1_range": 0.0}}
    settings = complete_settings({**COARSE, **quiet, "physics": OTHER})
    body = simulate_body("HC01", "HC", settings, 3)
    maps = simulate_scans("HC01", body, settings, 3)
    signals = simulate_scans("HC01", body, settings | {"level": "signals"}, 3)
    off, on = (signals[name].astype(float) for name in ("mt_off", "mt_on"))
    white = maps["MTR"] > 33  # white matter nearly alone: elsewhere signals mix by proton density
    ratio = 100 * (1 - on[white] / off[white])
    assert np.median(np.abs(ratio - maps["MTR"][white])) < 0.3


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"mtr_mielin": 9},
            "simulation.physics.mtr_mielin is not a setting of the simulation: did you mean physics.mtr_myelin?",
        ),
        (
            {"mtr_myelin": 40},
            "simulation.physics.mtr_myelin is 40; expected a number from 3.6 to 36.0: correct this key.",
        ),
        (
            {"dvr_water": None},
            "simulation.physics.dvr_water is None; expected a number from 0.15 to 1.25: correct this key.",
        ),
        (
            {"radial": 1.2},
            "simulation.physics.radial is 1.2 and physics.axial 1.15; expected the radial diffusivity of healthy "
            "white matter below the axial one: correct these keys.",
        ),
        (
            {"mtr_base": 60},
            "simulation.physics.mtr_* give healthy white matter an MTR of 79 percent; expected at most 70: lower one "
            "of mtr_base, mtr_myelin, mtr_axons and mtr_scale.",
        ),
    ],
)
def test_impossible_coefficients_are_refused(given, sentence):
    with pytest.raises(InputError) as refusal:
        complete_settings({"physics": given})
    assert str(refusal.value) == sentence


def test_no_section_is_refused_and_only_what_differs_is_kept():
    with pytest.raises(InputError, match=r"^simulation.physics is 3; expected some of the keys axial, "):
        complete_settings({"physics": 3})
    assert complete_settings({"physics": {"mtr_myelin": 9}})["physics"] == {"mtr_myelin": 9.0}


def test_every_coefficient_has_a_range_around_its_usual_value():
    for name, usual in dataclasses.asdict(PHYSICS).items():
        low, high = BOUNDS[f"physics.{name}"]
        assert low < usual < high
