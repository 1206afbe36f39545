"""DVR of series as scanners write them: not decay-corrected, with a gap, or started after the injection."""

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.imaging.maps.early_frames import average_early_frames
from myelosketch.imaging.maps.kinetics import fit_dvr
from myelosketch.io.provenance import read_json, sidecar_path, write_json
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.simulation.kinetics import DELIVERY, HALF_LIFE_MIN, REFERENCE_K2, frame_curves, frame_times

DURATIONS = np.array([15.0] * 4 + [30] * 4 + [60] * 3 + [120] * 2 + [300] * 16)  # s, 90 min
STARTS = frame_times(DURATIONS)
DVR = 1.24
LATE_START = 1200
RATE = np.log(2) / HALF_LIFE_MIN / 60
# remaining share of the activity at each frame
LEFT = -np.expm1(-RATE * DURATIONS) / (RATE * DURATIONS) * np.exp(-RATE * STARTS)
SETTINGS = {"t_star_min": 35.0, "motion": "none", "seed": 1}
TISSUE = np.zeros((10, 10, 10))
TISSUE[1:9, 1:9, 1:9] = 1.0
TISSUE[4:6, 4:6, 4:6] = DVR


@pytest.fixture
def series():
    """Frames of a head of reference tissue with a block of white matter in it, (x, y, z, n)."""
    data = np.zeros((*TISSUE.shape, len(DURATIONS)), np.float32)
    data[TISSUE == 1] = frame_curves(DURATIONS, 1.0, DELIVERY["cortex"])[:, 0]
    data[TISSUE == DVR] = frame_curves(DURATIONS, DVR, DELIVERY["white"])[:, 0]
    return data


def stated(kept=slice(None), **changes):
    times = {"FrameTimesStart": STARTS[kept], "FrameDuration": DURATIONS[kept], "InjectionStart": 0}
    return times | {"ImageDecayCorrected": True, "TracerRadionuclide": "C11"} | changes


def write(folder, data, content):
    inputs = {name: str(folder / file) for name, file in (("pet", "pet.nii.gz"), ("json", "pet.json"))}
    inputs["reference_mask"] = str(folder / "mask.nii.gz")
    save_volume(inputs["pet"], data, np.diag([4.0, 4, 4, 1]))
    save_volume(inputs["reference_mask"], (TISSUE == 1).astype(np.uint8), np.diag([4.0, 4, 4, 1]))
    write_json(inputs["json"], content)
    return inputs


def fitted(folder, data, content, model="logan"):
    """DVR of the block and the map's sidecar."""
    out = folder / "dvr.nii.gz"
    inputs = write(folder, data, content)
    fit_dvr(inputs, out, model=model, reference="mask", k2_prime=REFERENCE_K2, **SETTINGS)
    return float(load_volume(out).data[TISSUE == DVR].mean()), read_json(sidecar_path(out))


@pytest.mark.parametrize("model", ["logan", "srtm"])
@pytest.mark.parametrize(
    "said", [{"ImageDecayCorrected": False}, {"DecayCorrection": "NONE", "ImageDecayCorrected": ""}]
)
def test_decay_is_corrected_where_the_json_says_that_it_is_not(tmp_path, series, model, said):
    found, sidecar = fitted(tmp_path, series * LEFT, stated(**said), model)
    assert found == pytest.approx(DVR, rel=0.01)
    assert sidecar["DecayCorrectedHere"] is True
    # the frames give a plausible value without it
    assert fitted(tmp_path, series * LEFT, stated(), model)[0] == pytest.approx(1.04, abs=0.02)


def test_the_early_mean_is_corrected_for_decay_too(tmp_path, series):
    means = []
    for data, content in ((series, stated()), (series * LEFT, stated(ImageDecayCorrected=False))):
        inputs = write(tmp_path, data, content)
        average_early_frames(inputs, tmp_path / "early.nii.gz", window_min=(1, 6), **SETTINGS)
        means.append(load_volume(tmp_path / "early.nii.gz").data)
    np.testing.assert_allclose(means[1], means[0], rtol=1e-3)


def test_a_series_that_begins_long_after_the_injection(tmp_path, series):
    kept = STARTS >= LATE_START
    content = stated(kept, FrameTimesStart=STARTS[kept] - LATE_START)
    # counted from the first frame it gives 1.50; the JSON says when the injection was, and is believed
    assert fitted(tmp_path, series[..., kept], content)[0] == pytest.approx(1.50, abs=0.02)
    with pytest.raises(InputError, match="pet.nii.gz starts 1200 s after the injection"):
        fitted(tmp_path, series[..., kept], content | {"InjectionStart": -LATE_START})


@pytest.mark.parametrize("model", ["logan", "srtm"])
def test_a_series_that_begins_before_the_injection(tmp_path, series, model):
    # a minute without activity, then a frame in whose middle the injection begins
    first = np.stack([np.zeros(TISSUE.shape), series[..., 0] / 2], axis=-1)
    content = stated(InjectionStart=75)
    content["FrameTimesStart"] = np.concatenate([[0, 60], STARTS[1:] + 75])
    content["FrameDuration"] = np.concatenate([[60, 30], DURATIONS[1:]])
    found, sidecar = fitted(tmp_path, np.concatenate([first, series[..., 1:]], axis=-1), content, model)
    assert found == pytest.approx(DVR, rel=0.01)
    assert (sidecar["NumberOfFrames"], sidecar["FramesBeforeInjection"]) == (len(STARTS) + 1, 1)


def around(begin, end):
    """Return which frames are outside a break, given in minutes."""
    return (60 * begin >= STARTS + DURATIONS) | (60 * end <= STARTS)


@pytest.mark.parametrize(("begin", "end"), [(30, 50), (30, 60), (40, 75), (20, 30), (2, 3)])
def test_a_break_changes_the_dvr_by_less_than_two_percent(tmp_path, series, begin, end):
    kept = around(begin, end)
    found, sidecar = fitted(tmp_path, series[..., kept], stated(kept))
    assert found == pytest.approx(DVR, rel=0.02)
    assert sidecar["Breaks"] == [{"StartMin": begin, "EndMin": end, "Activity": "interpolated linearly"}]


def test_what_a_break_would_cost_without_its_area(tmp_path, series):
    kept = around(30, 50)
    closed = np.concatenate([[0], np.cumsum(DURATIONS[kept])[:-1]])
    assert fitted(tmp_path, series[..., kept], stated(kept, FrameTimesStart=closed))[0] < 0.97 * DVR


def test_srtm_refuses_a_break_and_the_early_mean_is_made_all_the_same(tmp_path, series):
    kept = around(30, 50)
    with pytest.raises(InputError, match="has a break from 30 to 50 min, and SRTM needs the reference curve"):
        fitted(tmp_path, series[..., kept], stated(kept), "srtm")
    inputs = write(tmp_path, series[..., kept], stated(kept))
    average_early_frames(inputs, tmp_path / "early.nii.gz", window_min=(1, 6), **SETTINGS)
    assert load_volume(tmp_path / "early.nii.gz").data[TISSUE > 0].min() > 0


def test_what_was_assumed_stands_in_the_sidecar(tmp_path, series):
    _, sidecar = fitted(tmp_path, series, stated(InjectionStart=None, ImageDecayCorrected=None))
    assert sidecar["Assumed"] == {"InjectionStart": 0, "ImageDecayCorrected": True}
