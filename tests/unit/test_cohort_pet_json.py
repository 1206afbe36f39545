"""Times and decay in the JSON of a dynamic PET: used, requested, or refused with a message."""
# ruff: noqa: E501 - sentences are not split

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.intake.decay import course_finding, decay_factors, unstated_finding
from myelosketch.intake.frames import frame_problems, read_frames, said_of_frames
from myelosketch.io.provenance import write_json

DURATIONS = [60] * 10 + [300] * 16
STARTS = [0, *np.cumsum(DURATIONS)[:-1].tolist()]
BIDS = {
    "TimeZero": "10:33:47", "ScanStart": 0, "InjectionStart": 0, "FrameTimesStart": STARTS, "FrameDuration": DURATIONS,
    "ImageDecayCorrected": True, "ImageDecayCorrectionTime": 0, "TracerRadionuclide": "C11", "Units": "Bq/mL",
}  # fmt: skip
DECAY = decay_factors(np.array(STARTS), np.array(DURATIONS), 1221.8)


def read(folder, without=(), **changes):
    stated = {key: value for key, value in BIDS.items() if key not in without}
    write_json(folder / "pet.json", stated | changes)
    return read_frames(folder / "pet.nii.gz")


def problems(frames, model="logan"):
    return frame_problems(frames, len(frames.starts), t_star_min=35, model=model)


def test_the_json_of_bids_is_believed(tmp_path):
    frames = read(tmp_path, DecayCorrectionFactor=DECAY * 1.01)
    np.testing.assert_array_equal(frames.starts, STARTS)
    assert (frames.decay, dict(frames.unstated), frames.breaks, problems(frames)) == (None, {}, [], [])
    assert said_of_frames(frames) == "26 frames to 90 min"


@pytest.mark.parametrize("mode", ["bolus", "infusion", "bolus-infusion"])
@pytest.mark.parametrize("unit", ["Bq/mL", "kBq/mL", "SUV", "g/ml", "propcounts", "unitless"])
def test_a_ratio_needs_no_unit_of_activity(tmp_path, unit, mode):
    assert problems(read(tmp_path, Units=unit, ModeOfAdministration=mode)) == []


def test_times_count_from_the_injection(tmp_path):
    later = [start + 90 for start in STARTS]
    # time zero is the start of the scan, 90 s before the injection; or the clock, with both after it
    np.testing.assert_array_equal(read(tmp_path, InjectionStart=90).starts, np.array(STARTS) - 90)
    frames = read(tmp_path, FrameTimesStart=later, ScanStart=90, InjectionStart=90)
    np.testing.assert_array_equal(frames.starts, STARTS)
    assert problems(read(tmp_path, InjectionStart=90)) == []


def test_an_injection_long_before_the_first_frame_is_refused(tmp_path):
    assert problems(read(tmp_path, InjectionStart=-1200)) == [
        "starts 1200 s after the injection, with which the integrals of both curves begin: give the series from its "
        "start, or a DVR map."
    ]


@pytest.mark.parametrize("text", ["true", "True"])
def test_the_text_true_of_converters_of_ecat_files_is_taken(tmp_path, text):
    assert read(tmp_path, ImageDecayCorrected=text).decay is None


@pytest.mark.parametrize(
    ("stated", "radionuclide", "half_life"),
    [
        ({"ImageDecayCorrected": False}, {"TracerRadionuclide": "C11"}, 1221.8),
        ({"ImageDecayCorrected": False}, {"TracerRadionuclide": "F-18"}, 6586.2),
        ({"DecayCorrection": "NONE"}, {"TracerRadionuclide": "11C"}, 1221.8),
        ({"DecayCorrection": "NONE"}, {"RadionuclideHalfLife": 1223.4}, 1223.4),
    ],
)
def test_what_is_not_corrected_gets_its_factors(tmp_path, stated, radionuclide, half_life):
    frames = read(tmp_path, ["ImageDecayCorrected", "TracerRadionuclide"], **stated, **radionuclide)
    middle = np.array(STARTS) + np.array(DURATIONS) / 2
    np.testing.assert_allclose(frames.decay, 2 ** (middle / half_life), rtol=2e-3)
    assert said_of_frames(frames) == "26 frames to 90 min; decay corrected here"


@pytest.mark.parametrize("stated", ["START", "ADMIN", "start"])
def test_decay_correction_of_dicom_is_believed(tmp_path, stated):
    frames = read(tmp_path, ["ImageDecayCorrected"], DecayCorrection=stated, DecayFactor=DECAY.tolist())
    assert (frames.decay, dict(frames.unstated)) == (None, {})


@pytest.mark.parametrize("absent", [None, ""])
def test_what_is_absent_or_left_blank_is_asked_for(tmp_path, absent):
    frames = read(tmp_path, InjectionStart=absent, ImageDecayCorrected=absent)
    finding = unstated_finding("pet", frames.unstated)
    assert (finding.verdict, finding.check) == ("suspicious", "pet_unstated")
    assert finding.reason == "has a JSON without InjectionStart and ImageDecayCorrected"
    assert finding.way_out == (
        'if this is correct, add "InjectionStart": 0, "ImageDecayCorrected": true to the JSON or accept it; '
        "otherwise write the correct values"
    )


FLAT = [1.0] * len(STARTS)
SPELL = "in its JSON, expected true or false: write it without quotation marks"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ImageDecayCorrected": "false"}, f"has ImageDecayCorrected: 'false' {SPELL}"),
        ({"ImageDecayCorrected": 0}, f"has ImageDecayCorrected: 0 {SPELL}"),
        ({"ImageDecayCorrected": 1}, f"has ImageDecayCorrected: 1 {SPELL}"),
        ({"ImageDecayCorrected": "yes"}, f"has ImageDecayCorrected: 'yes' {SPELL}"),
        (
            {"DecayCorrection": "PARTIAL"},
            "has DecayCorrection: 'PARTIAL' in its JSON, expected NONE, START or ADMIN: correct it there.",
        ),
        (
            {"DecayCorrection": "NONE"},
            "has ImageDecayCorrected: true but DecayCorrection: NONE in its JSON: correct the one that is wrong.",
        ),
        (
            {"ImageDecayCorrected": False, "TracerRadionuclide": "Ga68"},
            "is not corrected for decay, according to its JSON, which names no known radionuclide (C11, F18): give "
            "TracerRadionuclide, or correct the images.",
        ),
        (
            {"FrameTimesStart": [str(start) for start in STARTS]},
            "has a FrameTimesStart in its JSON that is not a list of numbers: write it like [0, 15, 30], in s.",
        ),
        ({"FrameDuration": 300}, "has a FrameDuration in its JSON that is not a list of numbers"),
        ({"FrameDuration": []}, "has no FrameDuration in its JSON: give the start and duration of each frame, s."),
        (
            {"FrameDuration": DURATIONS[1:]},
            "has 26 FrameTimesStart but 25 FrameDuration in its JSON: give one of each for every frame.",
        ),
        (
            {"InjectionStart": "10:33:47"},
            "has InjectionStart: '10:33:47' in its JSON, expected a number: write s from TimeZero, like 0.",
        ),
        ({"ScanStart": True}, "has ScanStart: True in its JSON, expected a number"),
        (
            {"ScanStart": 2400},
            "has a first frame at 0 s, before its ScanStart of 2400 s: count FrameTimesStart, ScanStart and InjectionStart "
            "of its JSON from the same TimeZero.",
        ),
        (
            {"Units": "SUVR"},
            "contains SUVR, according to its JSON: each frame is divided by its reference, so the time "
            "course is lost: give the activity.",
        ),
        # an ECAT file whose factors are all 1 is not corrected, whatever its converter writes
        (
            {"ImageDecayCorrected": "true", "DecayCorrectionFactor": FLAT},
            "has a DecayCorrectionFactor that grows by 1 from the first frame to the last, expected 19.3 "
            "from its times and radionuclide: either it is not corrected for decay, or its JSON has "
            "wrong times.",
        ),
        # a reconstruction of the last minutes whose frames count from 0 again
        (
            {"DecayFactor": (DECAY * 2).tolist(), "DecayCorrection": "START"},
            "has a DecayFactor of 2.03 in its first frame, so it is corrected for decay to -1222 s from TimeZero, but "
            "ImageDecayCorrectionTime says 0 s: count FrameTimesStart, ScanStart and InjectionStart of its JSON from one "
            "TimeZero.",
        ),
        (
            {"DecayFactor": (DECAY * 2).tolist(), "DecayCorrection": "ADMIN", "ImageDecayCorrectionTime": ""},
            "but InjectionStart says 0 s",
        ),
    ],
)  # fmt: skip
def test_a_json_that_means_something_else_has_its_sentence(tmp_path, changes, sentence):
    with pytest.raises(InputError) as error:
        read(tmp_path, **changes)
    assert sentence in str(error.value)


def test_the_first_sentence_names_the_image_whose_json_it_is(tmp_path):
    with pytest.raises(InputError, match=rf"^{tmp_path}/pet.nii.gz has no FrameTimesStart in its JSON"):
        read(tmp_path, ["FrameTimesStart"])


@pytest.mark.parametrize("decay", [{"ImageDecayCorrected": False}, {"DecayCorrectionFactor": DECAY.tolist()}])
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"FrameTimesStart": [1000 * s for s in STARTS], "FrameDuration": [1000 * d for d in DURATIONS]},
            "ends 5.4e+06 s after the injection; expected 1200 to 21600: FrameTimesStart and FrameDuration are in seconds."),
        ({"FrameDuration": [0] * 26},
            "has frame times that do not increase, or durations that are not above 0, in its .json file."),
    ],
    ids=["milliseconds", "no duration"],
)  # fmt: skip
def test_impossible_times_have_their_sentence_before_decay(tmp_path, changes, sentence, decay):
    assert problems(read(tmp_path, **changes, **decay)) == [sentence]


def broken(begin, end):
    """Frames without those between two minutes."""
    kept = [(s, d) for s, d in zip(STARTS, DURATIONS, strict=True) if s + d <= 60 * begin or s >= 60 * end]
    return {"FrameTimesStart": [s for s, _ in kept], "FrameDuration": [d for _, d in kept]}


def test_a_break_is_found_and_said(tmp_path):
    frames = read(tmp_path, **broken(30, 50))
    assert frames.breaks == [(1800, 3000)]
    assert problems(frames) == []
    assert said_of_frames(frames) == "22 frames to 90 min; break from 30 to 50 min"


@pytest.mark.parametrize(("begin", "end", "longest"), [(10, 40, 5), (20, 40, 10), (30, 65, 30), (5, 15, 2.5)])
def test_a_break_that_biases_logan_is_refused(tmp_path, begin, end, longest):
    assert problems(read(tmp_path, **broken(begin, end))) == [
        f"has a break from {begin} to {end} min, expected at most {longest:g} min there: Logan's plot needs the integrals "
        "from the injection, and over a longer break the DVR may be off by more than 2 %; give a DVR map of a model of your own."
    ]


def test_srtm_takes_no_break(tmp_path):
    assert problems(read(tmp_path, **broken(30, 50)), model="srtm") == [
        "has a break from 30 to 50 min, and SRTM needs the reference curve without one, which it convolves with "
        "exponentials: set maps.dvr_model: logan."
    ]


LATE = np.array(STARTS) >= 2100
WASHED = np.exp(-0.012 * np.array(STARTS) / 60)


def test_a_late_course_that_contradicts_the_json_is_suspicious():
    starts = np.array(STARTS, float)
    assert course_finding("pet", WASHED, starts, LATE, None) is None
    assert course_finding("pet", WASHED / DECAY, starts, LATE, DECAY) is None
    falling = course_finding("pet", WASHED / DECAY, starts, LATE, None)
    assert falling.reason == "falls in its late frames at 1.4 times the rate of carbon-11's decay"
    rising = course_finding("pet", WASHED, starts, LATE, DECAY)
    assert rising.reason == (
        "rises in its late frames, by 0.65 times the rate of carbon-11's decay, once it is corrected as its JSON asks"
    )
    assert {falling.check, rising.check} == {"pet_decay"}
