"""DVR from dynamic PET: known answers of analytic curves, motion, and faulty images."""

import warnings

import numpy as np
import pytest
from intake_scans import store_as
from scipy.signal import lfilter

from myelosketch.errors import InputError
from myelosketch.imaging.maps.kinetics import dvr_map, fit_dvr
from myelosketch.imaging.maps.motion import resample
from myelosketch.imaging.maps.reference_models import integrals, logan_dvr, srtm_dvr
from myelosketch.io.provenance import read_json, sidecar_path, write_json
from myelosketch.io.volumes import load_volume, save_volume

DURATIONS = np.array([0.25] * 4 + [0.5] * 4 + [1] * 4 + [2] * 4 + [5] * 15)  # 90 min
STARTS = np.cumsum(DURATIONS) - DURATIONS
K1_PRIME, K2_PRIME = 0.3, 0.16
STEP = 1 / 240
SETTINGS = {"t_star_min": 35.0, "k2_prime": K2_PRIME, "motion": "none", "seed": 1}


def compartment(plasma, k1, k2):
    """One-tissue compartment driven by a plasma curve, on the fine time axis."""
    decay = np.exp(-k2 * STEP)
    return lfilter([k1 * STEP / 2, k1 * STEP / 2 * decay], [1, -decay], plasma)


def frames(curve):
    """Mean of a fine curve over each frame."""
    area = np.concatenate([[0], np.cumsum((curve[1:] + curve[:-1]) * STEP / 2)])
    time = np.arange(len(curve)) * STEP
    ends = STARTS + DURATIONS
    return (np.interp(ends, time, area) - np.interp(STARTS, time, area)) / DURATIONS


def phantom(dvrs, r1=0.7):
    """Frame means of the reference and of tissues of known DVR (delivery r1 times that of the reference)."""
    time = np.arange(0, 90 + STEP, STEP)
    plasma = time * (60 * np.exp(-2.0 * time) + 3 * np.exp(-0.12 * time) + 0.5 * np.exp(-0.008 * time))
    reference = frames(compartment(plasma, K1_PRIME, K2_PRIME))
    tissue = [frames(compartment(plasma, r1 * K1_PRIME, r1 * K2_PRIME / dvr)) for dvr in dvrs]
    return reference, np.array(tissue)


DVRS = np.array([0.5, 0.8, 1.0, 1.1, 1.28, 1.5, 2.0])
TIMES = {"starts": STARTS, "durations": DURATIONS}


def test_logan_finds_the_known_dvr_within_one_percent():
    reference, tissue = phantom(DVRS)
    found = logan_dvr(tissue, reference, **TIMES, t_star=35, k2_prime=K2_PRIME)
    np.testing.assert_allclose(found, DVRS, rtol=0.01)


def test_srtm_finds_the_known_dvr_within_one_percent():
    reference, tissue = phantom(DVRS)
    np.testing.assert_allclose(srtm_dvr(tissue, reference, **TIMES), DVRS, rtol=0.01)


@pytest.mark.parametrize("r1", [0.7, 1.0, 1.2])
def test_logan_without_k2_prime_is_near_around_white_matter(r1):
    dvrs = np.array([1.0, 1.1, 1.28])
    reference, tissue = phantom(dvrs, r1)
    found = logan_dvr(tissue, reference, **TIMES, t_star=35)
    np.testing.assert_allclose(found, dvrs, rtol=0.05)


def test_the_dvr_does_not_depend_on_the_scale_of_the_activity():
    reference, tissue = phantom(DVRS)
    for model in (lambda *curves: logan_dvr(*curves, **TIMES, t_star=35), lambda *c: srtm_dvr(*c, **TIMES)):
        np.testing.assert_allclose(model(1e4 * tissue, 1e4 * reference), model(tissue, reference), rtol=1e-6)


def test_noise_leaves_the_mean_within_a_few_percent():
    reference, tissue = phantom(np.full(400, 1.28))
    noisy = tissue * (1 + 0.03 * np.random.default_rng(0).standard_normal(tissue.shape))
    assert abs(np.mean(logan_dvr(noisy, reference, **TIMES, t_star=35, k2_prime=K2_PRIME)) - 1.28) < 0.02
    assert abs(np.mean(srtm_dvr(noisy, reference, **TIMES)) - 1.28) < 0.02


def test_integrals_run_to_the_middle_of_a_frame():
    curve, starts, durations = np.array([[2.0, 4.0], [0.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(integrals(curve, starts, durations), [1.0, 8.0])


def test_integrals_over_a_break_follow_a_straight_line():
    curve, starts, durations = np.array([[2.0, 4.0], [0.0, 3.0], [1.0, 3.0]])
    np.testing.assert_allclose(integrals(curve, starts, durations), [1.0, 2.0 + 2 * 3.0 + 6.0])


def test_voxels_without_activity_have_no_dvr_and_no_warning():
    reference, tissue = phantom([1.2, 1.2, 1.2])
    tissue[1] = 0
    tissue[2, -1] = -5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logan = logan_dvr(tissue, reference, **TIMES, t_star=35)
        srtm = srtm_dvr(tissue, reference, **TIMES)
    assert np.isfinite(logan).tolist() == [True, False, False]
    assert np.isfinite(srtm).tolist() == [True, False, True]


def test_failed_voxels_are_0_and_impossible_ones_limited():
    head = np.zeros((2, 2, 2), bool)
    head[0] = True
    dvr, counts = dvr_map(np.array([np.nan, -1.0, 1.3, 99.0]), head)
    np.testing.assert_allclose(dvr[0].ravel(), [0, 0.01, 1.3, 6.0])
    assert not dvr[1].any()
    assert counts == {"Inside": 4, "Failed": 1, "Limited": 2}


def head_phantom():
    """A ball of DVR 1.0 (reference) with an off-centre block of 1.3 in it: (dvr, frames, affine)."""
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    places = np.stack(np.meshgrid(*[np.arange(24)] * 3, indexing="ij"), -1)
    ball = ((places - 11.5) ** 2).sum(-1) < 9**2
    dvr = np.where(ball, 1.0, 0.0)
    dvr[8:15, 5:11, 9:16] = 1.3
    reference, tissue = phantom([1.0, 1.3])
    data = np.zeros((*dvr.shape, len(DURATIONS)), np.float32)
    data[dvr == 1.0], data[dvr == 1.3] = tissue
    return dvr, data, affine


@pytest.fixture
def scan(tmp_path):
    """Files of one dynamic PET whose reference mask is its tissue of DVR 1, and the truth."""
    dvr, data, affine = head_phantom()
    paths = {name: str(tmp_path / name) for name in ("pet.nii.gz", "pet.json", "mask.nii.gz")}
    save_volume(paths["pet.nii.gz"], data, affine)
    write_json(paths["pet.json"], {"FrameTimesStart": STARTS * 60, "FrameDuration": DURATIONS * 60})
    # delivery of the phantom's tissues is 0.7 of the reference's, so the region of DVR 1 is not an exact reference
    save_volume(paths["mask.nii.gz"], (dvr == 1.0).astype(np.uint8), affine)
    inputs = {
        "pet": paths["pet.nii.gz"],
        "json": paths["pet.json"],
        "reference_mask": paths["mask.nii.gz"],
    }
    return inputs, dvr, tmp_path / "dvr.nii.gz"


@pytest.mark.parametrize("model", ["logan", "srtm"])
def test_a_map_and_its_sidecar(scan, model):
    inputs, dvr, out = scan
    fit_dvr(inputs, out, model=model, reference="mask", **SETTINGS | {"k2_prime": 0.7 * K2_PRIME})
    found = load_volume(out).data
    np.testing.assert_allclose(found[dvr > 0], dvr[dvr > 0], rtol=0.01)
    assert not found[dvr == 0].any()
    sidecar = read_json(sidecar_path(out))
    assert sidecar["ReferenceVoxels"] == (dvr == 1.0).sum()
    assert sidecar["NumberOfFramesUsed"] == (11 if model == "logan" else 31)
    assert sidecar["Sources"] == ["pet.nii.gz", "pet.json", "mask.nii.gz"]


@pytest.mark.parametrize(("pet", "mask"), [("RAS", "PSR"), ("LAS", "RAS"), ("SPL", "LAS")])
def test_the_orders_in_which_pet_and_reference_mask_are_stored_change_nothing(scan, pet, mask):
    inputs, _, out = scan
    settings = {"model": "logan", "reference": "mask", **SETTINGS}
    fit_dvr(inputs, out, **settings)
    expected = load_volume(out)
    store_as(inputs["pet"], pet)
    store_as(inputs["reference_mask"], mask)
    fit_dvr(inputs, out, **settings)
    found = load_volume(out)
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-5)
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-5)


def test_nan_is_counted_and_never_written(scan):
    inputs, dvr, out = scan
    pet = load_pet(inputs)
    pet[0][12, 12, 12, :] = np.nan
    save_volume(inputs["pet"], *pet)
    fit_dvr(inputs, out, model="logan", reference="mask", **SETTINGS)
    found = load_volume(out).data
    assert np.isfinite(found).all()
    assert found[12, 12, 12] == 0
    assert read_json(sidecar_path(out))["VoxelCounts"]["NotFinite"] == len(DURATIONS)


def load_pet(inputs):
    from myelosketch.intake.raw import load_series

    series = load_series(inputs["pet"])
    return series.data, series.affine


def moved(affine, shift_mm):
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix


def test_motion_is_measured_and_corrected(scan):
    inputs, dvr, out = scan
    data, affine = load_pet(inputs)
    data[..., -3:] = np.stack(
        [resample(data[..., k], affine, moved(affine, [0, 0, 4.0])) for k in (-3, -2, -1)], -1
    )
    save_volume(inputs["pet"], data, affine)
    errors = {}
    for motion in ("check", "correct"):
        fit_dvr(inputs, out, model="logan", reference="mask", **SETTINGS | {"motion": motion})
        sidecar = read_json(sidecar_path(out))
        shifts = np.array(sidecar["Motion"]["MeanDisplacementMm"])
        assert sidecar["Motion"]["Frames"] == list(range(20, 31))
        # relative to the mean of the late frames, which is between both positions
        np.testing.assert_allclose(shifts[-3:].mean() + shifts[:-3].mean(), 4.0, atol=0.8)
        inner = dvr > 0
        errors[motion] = np.abs(load_volume(out).data - dvr)[inner].mean()
    assert errors["correct"] < 0.6 * errors["check"]


def test_a_reference_without_activity(scan):
    inputs, dvr, out = scan
    save_volume(inputs["reference_mask"], (dvr == 0).astype(np.uint8), load_pet(inputs)[1])
    with pytest.raises(InputError, match="has no activity: is it in grey matter"):
        fit_dvr(inputs, out, model="logan", reference="mask", **SETTINGS)
    assert not out.exists()


def test_a_reference_of_a_few_voxels(scan):
    inputs, dvr, out = scan
    mask = np.zeros(dvr.shape, np.uint8)
    mask[12, 12, 12] = 1
    save_volume(inputs["reference_mask"], mask, load_pet(inputs)[1])
    with pytest.raises(InputError, match="has 1 voxels; expected at least 10"):
        fit_dvr(inputs, out, model="logan", reference="mask", **SETTINGS)


def test_a_series_that_ends_before_t_star(scan):
    inputs, _, out = scan
    data, affine = load_pet(inputs)
    save_volume(inputs["pet"], data[..., :22], affine)
    write_json(inputs["json"], {"FrameTimesStart": STARTS[:22] * 60, "FrameDuration": DURATIONS[:22] * 60})
    with pytest.raises(InputError, match="has 2 frames that start at 35 min or later; expected at least 3"):
        fit_dvr(inputs, out, model="logan", reference="mask", **SETTINGS)
