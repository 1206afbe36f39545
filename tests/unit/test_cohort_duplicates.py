"""FA against AD and RD: bounds that hold for every tensor, and signs of maps that do not belong together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myelosketch.intake.duplicates import eigenvalues_apart, fa_bounds, share_outside, tensor_findings
from myelosketch.io.volumes import Volume

POSITIVE = st.floats(0.01, 4)


def fa_of(eigenvalues):
    """FA by its definition, eigenvalues (..., 3)."""
    spread = eigenvalues - eigenvalues.mean(axis=-1, keepdims=True)
    return np.sqrt(1.5 * (spread**2).sum(axis=-1) / (eigenvalues**2).sum(axis=-1))


def tensors(seed=0, n=5000):
    """Eigenvalues of white and grey matter, sorted, after noise: (n, 3), 1e-3 mm2/s."""
    generator = np.random.default_rng(seed)
    anisotropy = generator.uniform(0, 1, (n, 1))
    eigenvalues = 0.75 + anisotropy * [0.7, -0.2, -0.4] + generator.normal(0, 0.05, (n, 3))
    return -np.sort(-np.clip(eigenvalues, 0.02, None), axis=1)


def maps_of(eigenvalues):
    return fa_of(eigenvalues), eigenvalues[:, 0], eigenvalues[:, 1:].mean(axis=1)


def volumes_of(fa, ad, rd):
    maps = {"FA": fa, "AD": ad, "RD": rd}
    return {name: Volume(data.reshape(20, 20, -1), np.eye(4)) for name, data in maps.items()}


@given(st.tuples(POSITIVE, POSITIVE, POSITIVE))
def test_the_bounds_hold_for_every_tensor(eigenvalues):
    largest, middle, least = sorted(eigenvalues, reverse=True)
    low, high = fa_bounds(np.array(largest), np.array((middle + least) / 2))
    assert low - 1e-6 <= fa_of(np.array([largest, middle, least])) <= high + 1e-6


@given(POSITIVE, st.floats(0, 1))
def test_the_bounds_are_reached(largest, share):
    smaller = share * largest
    apart = min(smaller, largest - smaller)
    low, high = fa_bounds(np.array(largest), np.array(smaller))
    assert low == pytest.approx(fa_of(np.array([largest, smaller, smaller])), abs=1e-6)
    assert high == pytest.approx(fa_of(np.array([largest, smaller + apart, smaller - apart])), abs=1e-6)


def test_right_maps_and_every_mistake():
    fa, ad, rd = maps_of(tensors())
    md = (ad + 2 * rd) / 3
    assert share_outside(fa, ad, rd) == 0
    assert eigenvalues_apart(fa, ad, rd) < 0.45
    assert share_outside(fa, md, rd) > 0.7
    assert eigenvalues_apart(fa, ad, md) > 0.64
    assert share_outside(fa[::-1], ad, rd) > 0.4
    assert share_outside(fa, 1.5 * ad, rd) > 0.9


@pytest.mark.parametrize("mistake", [None, "AD", "RD"])
def test_the_guess_names_the_map_that_holds_md(mistake):
    fa, ad, rd = maps_of(tensors(n=8000))
    md = (ad + 2 * rd) / 3
    volumes = volumes_of(fa, md if mistake == "AD" else ad, md if mistake == "RD" else rd)
    found = [finding.way_out.split(":")[0] for finding in tensor_findings(volumes)]
    assert found == ([f"{mistake} looks like MD, the mean of all three"] if mistake else [])


def test_air_full_of_noise_refuses_no_right_maps():
    """Outside the head the fit follows noise, and eigenvalues below 0 are common."""
    inside = tensors(n=3000)
    generator = np.random.default_rng(1)
    air = -np.sort(-generator.normal(0, 0.5, (9000, 3)), axis=1)
    assert list(tensor_findings(volumes_of(*maps_of(np.concatenate([inside, air]))))) == []
