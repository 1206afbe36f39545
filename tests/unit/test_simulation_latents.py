"""State of the white matter: variation between and within participants, diffuse and focal change."""

import numpy as np
import pytest

from myelosketch.simulation.latents import LATENTS, add_lesions, healthy_latents, lesion_table
from myelosketch.simulation.lesions import Lesions

TRACT = np.ones((20, 20, 20), np.float32)


def latents_of(group, seed):
    return healthy_latents(TRACT, 4.0, group, np.random.default_rng(seed))


@pytest.fixture
def lesions():
    """A cube of 4 x 4 x 4 voxels, demyelinated, all core but for its first layer."""
    labels = np.zeros(TRACT.shape, np.int16)
    labels[8:12, 8:12, 8:12] = 1
    severity = (labels > 0).astype(np.float32)
    severity[8][labels[8] > 0] = 0.3
    core = {"myelin": 0.1, "axons": 0.5, "water": 0.2, "coherence": 0.8}
    row = {"kind": "demyelinated", "volume_mm3": 4096.0, "ventricle_distance_mm": 3.0, "core": core}
    return Lesions(
        labels, (labels > 0).astype(np.float32), severity, [row | {"x_mm": 0, "y_mm": 0, "z_mm": 0}]
    )


def test_every_latent_varies_smoothly_within_and_between_participants():
    people = [latents_of("HC", seed) for seed in range(12)]
    for name in LATENTS:
        assert np.std([person[name].mean() for person in people]) > 0
        inner = people[0][name]
        assert inner.std() > 0
        step = np.diff(inner, axis=0).std()
        assert step < 0.75 * inner.std(), name


def test_nawm_of_patients_has_less_myelin_and_axons_and_more_water():
    mean = {
        group: {name: np.mean([latents_of(group, seed)[name] for seed in range(30)]) for name in LATENTS}
        for group in ("MS", "HC")
    }
    assert mean["MS"]["myelin"] < mean["HC"]["myelin"]
    assert mean["MS"]["axons"] < mean["HC"]["axons"]
    assert mean["MS"]["water"] > mean["HC"]["water"]
    assert mean["MS"]["coherence"] == pytest.approx(mean["HC"]["coherence"], abs=0.02)


def test_lesions_change_only_their_voxels_and_more_in_the_core(lesions):
    before = latents_of("MS", 1)
    after = add_lesions(before, lesions, 4.0, np.random.default_rng(3))
    outside = lesions.labels == 0
    for name in LATENTS:
        np.testing.assert_array_equal(after[name][outside], before[name][outside])
    change = (before["myelin"] - after["myelin"])[8:12, 8:12, 8:12]
    assert change[1:].mean() > change[0].mean() > 0
    assert after["myelin"][9:12, 8:12, 8:12].std() > 0.02
    assert after["water"][lesions.labels > 0].mean() > before["water"][lesions.labels > 0].mean()


def test_latents_stay_possible(lesions):
    lesions.table[0]["core"] |= {"myelin": -1.0, "water": 0.9}
    after = add_lesions(latents_of("MS", 2), lesions, 4.0, np.random.default_rng(3))
    assert after["myelin"].min() >= 0
    assert after["water"].max() <= 0.8


def test_lesion_table_holds_the_means(lesions):
    latents = latents_of("MS", 1)
    (row,) = lesion_table(lesions, latents)
    assert row["mean_myelin"] == pytest.approx(latents["myelin"][lesions.labels == 1].mean(), rel=1e-5)
    assert (row["lesion"], row["kind"]) == (1, "demyelinated")
