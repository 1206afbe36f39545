"""Participants with random scanner and physics: repeatable, one stream per key, impossible ranges refused."""

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.simulation.fields import stream
from myelosketch.simulation.participant import simulate_body, simulate_scans
from myelosketch.simulation.randomised import random_settings
from myelosketch.simulation.settings import complete_settings

COARSE = {"voxel_size_mm": {"anatomy": 3.0, "T1w": 4.0, "dwi": 5.0, "MTR": 5.0, "pet": 4.0}}
RANGES = {"mri.mtr_noise": [1.0, 4.0], "physics.mtr_myelin": [8, 16], "voxel_size_mm.pet": [2.0, 3.0]}


def drawn(ranges, subject="MS01", seed=5, settings=COARSE):
    return random_settings(settings, ranges, seed=seed, subject=subject)


def test_a_range_without_width_is_its_value_and_all_else_stays():
    expected = complete_settings({**COARSE, "physics": {"mtr_myelin": 9.0}, "lesion_load_min_ml": 2.0})
    assert drawn({"physics.mtr_myelin": [9, 9], "lesion_load_min_ml": [2, 2]}) == expected
    assert drawn({}) == complete_settings(COARSE)


def test_each_key_has_a_stream_of_its_own():
    every = drawn(RANGES)
    assert every["mri"]["mtr_noise"] == stream(5, "MS01", "world mri.mtr_noise").uniform(1, 4)
    for key, limits in RANGES.items():
        section, name = key.split(".")
        assert drawn({key: limits})[section][name] == every[section][name]
    assert drawn(dict(reversed(RANGES.items()))) == every
    assert drawn(RANGES, subject="MS02") != every
    assert drawn(RANGES, seed=6) != every


def test_draws_fill_their_range_evenly():
    values = np.array([drawn(RANGES, subject=f"MS{n:02d}")["mri"]["mtr_noise"] for n in range(200)])
    assert 1 <= values.min() < 1.1
    assert 3.9 < values.max() <= 4
    assert values.mean() == pytest.approx(2.5, abs=0.2)
    assert values.std() == pytest.approx(3 / 12**0.5, abs=0.1)


@pytest.mark.parametrize(
    ("key", "limits", "sentence"),
    [
        (
            "mri.mtr_noize",
            [1, 2],
            "The range of simulation.mri.mtr_noize reaches 1: simulation.mri.mtr_noize is not a setting of the "
            "simulation: did you mean mri.mtr_noise?",
        ),
        (
            "mri.mtr_noise",
            [1],
            "The range of simulation.mri.mtr_noise is [1]; expected two numbers: correct it.",
        ),
        ("mri.mtr_noise", 3, "The range of simulation.mri.mtr_noise is 3; expected two numbers: correct it."),
        (
            "mri.mtr_noise",
            [1, True],
            "The range of simulation.mri.mtr_noise is [1, True]; expected two numbers: correct it.",
        ),
        (
            "mri.mtr_noise",
            [4, 1],
            "The range of simulation.mri.mtr_noise is 4 to 1; expected the smaller number first: swap them.",
        ),
        (
            "physics.mtr_myelin",
            [8, 40],
            "The range of simulation.physics.mtr_myelin reaches 40: simulation.physics.mtr_myelin is 40.0; expected "
            "a number from 3.6 to 36.0: correct this key.",
        ),
        (
            "world",
            [0, 1],
            "The range of simulation.world reaches 0: simulation.world is 0.0; expected pessimistic or as_published: "
            "correct this key.",
        ),
    ],
)
def test_an_impossible_range_is_refused(key, limits, sentence):
    with pytest.raises(InputError) as refusal:
        drawn({key: limits})
    assert str(refusal.value) == sentence


def test_a_participant_of_its_own_physics_repeats_to_the_bit_and_differs_from_the_next():
    bodies = {}
    for subject in ("HC01", "HC02"):
        settings = drawn({"physics.mtr_myelin": [8, 16], "physics.dvr_water": [0.3, 0.8]}, subject=subject)
        bodies[subject] = simulate_body(subject, "HC", settings, 5)
    assert bodies["HC01"]["physics"] != bodies["HC02"]["physics"]
    settings = drawn(RANGES, subject="HC01")
    first, second = (
        simulate_scans("HC01", simulate_body("HC01", "HC", settings, 5), settings, 5) for _ in range(2)
    )
    for name in ("MTR", "FA", "DVR", "visible"):
        np.testing.assert_array_equal(first[name], second[name])
    usual = complete_settings({**COARSE, "voxel_size_mm": settings["voxel_size_mm"]})
    other = simulate_scans("HC01", simulate_body("HC01", "HC", usual, 5), usual, 5)
    assert (first["MTR"] != other["MTR"]).mean() > 0.05
