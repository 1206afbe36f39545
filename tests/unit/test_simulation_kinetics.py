"""Tracer kinetics of the dynamic PET: curves, the Logan plot they give, the scale of the noise."""

import numpy as np
import pytest

from myelosketch.simulation import kinetics, pet_signal
from myelosketch.simulation.settings import DEFAULTS

FRAMES = DEFAULTS["frames"]
REFERENCE = kinetics.frame_curves(FRAMES, 1.0, 1.0)[:, 0]


def white(dvr):
    return kinetics.frame_curves(FRAMES, dvr, kinetics.DELIVERY["white"])[:, 0]


def test_frames_of_the_default_scan():
    assert sum(FRAMES) == 70 * 60
    starts = kinetics.frame_times(FRAMES)
    assert starts[:5].tolist() == [0, 15, 30, 45, 60]
    assert starts[-1] + FRAMES[-1] == 70 * 60
    assert kinetics.mid_times([60, 120]).tolist() == [0.5, 2.0]


def test_reference_curve_is_the_convolution_of_plasma_and_washout():
    step = 1 / 600
    t = np.arange(0, 20, step)
    (a1, l1), ((a2, l2), (a3, l3)) = kinetics.PLASMA_RISE, kinetics.PLASMA_FALL
    plasma = (a1 * t - a2 - a3) * np.exp(-l1 * t) + a2 * np.exp(-l2 * t) + a3 * np.exp(-l3 * t)
    washout = kinetics.REFERENCE_K1 * np.exp(-kinetics.REFERENCE_K2 * t)
    numeric = np.convolve(plasma, washout)[: len(t)] * step
    np.testing.assert_allclose(kinetics.reference_curve(t), numeric, atol=0.05)
    assert plasma.min() >= -1e-6
    assert numeric.max() > 10


def test_reference_curve_looks_like_pib_in_cerebellum():
    """A peak within minutes, less than a fifth of it after an hour."""
    t = np.arange(0, 70, 0.05)
    curve = kinetics.reference_curve(t)
    assert 2 < t[curve.argmax()] < 8
    assert curve[t > 60].max() < curve.max() / 5


def test_a_tissue_like_the_reference_has_its_curve():
    np.testing.assert_allclose(kinetics.frame_curves(FRAMES, 1.0, 1.0)[:, 0], REFERENCE)
    fine = kinetics.reference_curve(np.arange(0, 70, 1 / 60))
    np.testing.assert_array_equal(kinetics.target_curve(fine, 1.0, 1.0, 1 / 60), fine)


@pytest.mark.parametrize("delivery", sorted(kinetics.DELIVERY.values()))
@pytest.mark.parametrize("dvr", [0.45, 0.9, 1.1, 1.28, 1.6])
def test_the_logan_plot_gives_back_the_dvr(dvr, delivery):
    target = kinetics.frame_curves(FRAMES, dvr, delivery)[:, 0]
    assert kinetics.logan_slope(FRAMES, target, REFERENCE) == pytest.approx(dvr, abs=0.002)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_dvr_of_a_mixture_is_the_mean_by_share(share):
    mixture = share * white(1.28) + (1 - share) * REFERENCE
    expected = share * 1.28 + (1 - share)
    assert kinetics.logan_slope(FRAMES, mixture, REFERENCE) == pytest.approx(expected, abs=0.005)
    # white matter of unequal myelin too
    unequal = share * white(0.9) + (1 - share) * white(1.4)
    expected = share * 0.9 + (1 - share) * 1.4
    assert kinetics.logan_slope(FRAMES, unequal, REFERENCE) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("frames", [FRAMES, [60] * 90, [30] * 10 + [120] * 5 + [600] * 8])
def test_noise_is_scaled_to_the_wanted_sd_whatever_the_frames(frames):
    """To first order: the wanted SD is small here. At the default .065 the plot itself shrinks it to .05."""
    wanted = 0.004
    reference = kinetics.frame_curves(frames, 1.0, 1.0)[:, 0]
    target = kinetics.frame_curves(frames, kinetics.TYPICAL_DVR, kinetics.DELIVERY["white"])[:, 0]
    sd = kinetics.noise_scale(frames, wanted) * kinetics.relative_noise(target, frames)
    rng = np.random.default_rng(3)
    slopes = [
        kinetics.logan_slope(frames, target + sd * rng.standard_normal(len(sd)), reference)
        for _ in range(1500)
    ]
    assert np.std(slopes) == pytest.approx(wanted, rel=0.08)
    assert np.mean(slopes) == pytest.approx(kinetics.TYPICAL_DVR, abs=0.003)


def test_counting_noise_grows_with_decay_and_falls_with_duration():
    one = kinetics.relative_noise(np.ones(2), [60, 240])
    later = kinetics.mid_times([60, 240])
    expected = np.sqrt(np.exp(np.log(2) / 20.36 * later) / [60, 240])
    np.testing.assert_allclose(one, expected)
    assert kinetics.relative_noise(4 * np.ones(2), [60, 240])[0] == pytest.approx(2 * one[0])


def test_noise_of_a_frame_keeps_the_mean_has_its_sd_and_stays_above_zero():
    rng = np.random.default_rng(0)
    activity = np.full((60, 60, 60), 4.0, np.float32)
    noisy = pet_signal.with_noise(activity, 0.6, rng.standard_normal(activity.shape, dtype=np.float32))
    assert noisy.mean() == pytest.approx(4.0, rel=0.005)
    assert noisy.std() == pytest.approx(0.6 * 2, rel=0.02)  # 0.6 sqrt(4)
    assert noisy.min() > 0
    np.testing.assert_allclose(pet_signal.with_noise(activity, 0.0, noisy), activity, rtol=1e-6)
