"""The forward model against numbers worked out by hand from its equations (docs/simulation.md)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myelosketch.simulation import physics

SHARE = st.floats(0, 1)


def maps_of(myelin, axons, water, coherence=1.0):
    axial, radial = physics.diffusivities(myelin, axons, water, coherence)
    return {
        "FA": physics.fractional_anisotropy(axial, radial),
        "AD": axial,
        "RD": radial,
        "MTR": physics.magnetisation_transfer_ratio(myelin, axons, water),
        "DVR": physics.distribution_volume_ratio(myelin, water),
    }


def test_healthy_white_matter_by_hand():
    """m = a = c = 1, w = 0: AD 1.15, RD .52, FA .63 / sqrt(1.8633), MTR 23 + 12 + 6.8, DVR 1.03 + .26."""
    expected = {"FA": 0.63 / 1.8633**0.5, "AD": 1.15, "RD": 0.52, "MTR": 41.8, "DVR": 1.29}
    assert maps_of(1.0, 1.0, 0.0) == pytest.approx(expected, abs=1e-6)


def test_demyelinated_voxel_by_hand():
    """m = .2, a = .8, w = .1, c = .5: tensor 1.23 / .688, mean .868667, pulled half-way to it, then water."""
    expected = {
        "AD": -np.log(0.9 * np.exp(-1.0493333) + 0.1 * np.exp(-3)),
        "RD": -np.log(0.9 * np.exp(-0.7783333) + 0.1 * np.exp(-3)),
        "MTR": 0.9 * (23 + 2.4 + 5.44),
        "DVR": 0.95 * 1.082,
    }
    result = maps_of(0.2, 0.8, 0.1, 0.5)
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, abs=1e-6), name


def test_free_water_only_and_no_water():
    assert physics.apparent_diffusivity(0.7, 0.0) == pytest.approx(0.7)
    assert physics.apparent_diffusivity(0.7, 1.0) == pytest.approx(3.0)


def test_no_coherence_is_isotropic_and_more_coherence_more_anisotropic():
    fa = [maps_of(1.0, 1.0, 0.0, c)["FA"] for c in (0.0, 0.5, 1.0, 1.5, 2.0)]
    assert fa[0] == pytest.approx(0)
    assert fa == sorted(fa)
    assert fa[1] < 0.27
    assert fa[4] > 0.75


def test_oedema_and_demyelination_coincide_on_fa_and_rd_but_not_on_mtr_and_ad():
    """Oedema alone and demyelination with intact axons, which FA and RD of one voxel cannot distinguish."""
    maps = physics.lookalikes()
    oedema, demyelinated = maps["oedema"], maps["demyelination"]
    assert oedema == pytest.approx(maps_of(0.9, 1.0, 0.22))
    assert demyelinated == pytest.approx(maps_of(0.2, 1.0, 0.08))
    assert abs(oedema["FA"] - demyelinated["FA"]) < 0.03
    assert abs(oedema["RD"] - demyelinated["RD"]) < 0.06
    assert abs(oedema["AD"] - demyelinated["AD"]) > 0.08
    assert abs(oedema["DVR"] - demyelinated["DVR"]) > 0.05
    noise_of_mtr = 1.0
    assert abs(oedema["MTR"] - demyelinated["MTR"]) > noise_of_mtr


@given(SHARE, SHARE, st.floats(0, 0.7), st.floats(0.3, 2.0))
def test_maps_stay_in_their_physical_range(myelin, axons, water, coherence):
    maps = maps_of(myelin, axons, water, coherence)
    assert 0 <= maps["FA"] < 1
    assert 0 < maps["RD"] <= maps["AD"] < 3
    assert 0 < maps["MTR"] < 45
    assert 0.6 < maps["DVR"] <= 1.29 + 1e-9


@given(SHARE, st.floats(0.01, 0.5))
def test_less_myelin_lowers_dvr_and_mtr_and_raises_rd(axons, water):
    less, more = maps_of(0.3, axons, water), maps_of(0.8, axons, water)
    assert less["DVR"] < more["DVR"]
    assert less["MTR"] < more["MTR"]
    assert less["RD"] > more["RD"]


def test_tissues_mix_by_share_and_diffusion_as_signal():
    """Half white matter, half CSF: MTR and DVR are means, diffusivity is that of the mean signal."""
    fractions = {"white": 0.5, "cortex": 0.0, "deep": 0.0, "csf": 0.5}
    shape = (2, 2, 2)
    fractions = {name: np.full(shape, value, np.float32) for name, value in fractions.items()}
    healthy = {"myelin": 1.0, "axons": 1.0, "water": 0.0, "coherence": 1.0}
    latents = {name: np.full(shape, v, np.float32) for name, v in healthy.items()}
    maps = physics.tissue_maps(fractions, latents, np.full(shape, 50.0))
    np.testing.assert_allclose(maps["DVR_white"], 1.29 / 2, rtol=1e-5)
    np.testing.assert_allclose(maps["FLAIR"], (100 + physics.TISSUES["csf"]["FLAIR"]) / 2, rtol=1e-5)
    csf = physics.TISSUES["csf"]
    np.testing.assert_allclose(maps["MTR"], (41.8 + csf["MTR"]) / 2, rtol=1e-5)
    np.testing.assert_allclose(maps["DVR"], (1.29 + csf["DVR"]) / 2, rtol=1e-5)
    radial = physics.diffusivity_from_signal(maps["signal_RD"], np.ones(shape))
    np.testing.assert_allclose(radial, -np.log((np.exp(-0.52) + np.exp(-3)) / 2), rtol=1e-5)


def test_diffusivity_is_zero_where_there_is_no_brain():
    assert physics.diffusivity_from_signal(np.zeros(3), np.zeros(3)).tolist() == [0, 0, 0]
