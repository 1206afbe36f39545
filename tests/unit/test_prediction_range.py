"""Whether a new scan resembles the training scans: known answers, limits, and the message of each mistake."""

import copy
import json
import re

import numpy as np
import pytest
from scipy import stats

from myelosketch.errors import InputError
from myelosketch.prediction.value_range import (
    describe_maps,
    judge_range,
    native_voxels,
    reasons,
    training_range,
    worst_verdict,
)

SHAPE = (22, 24, 20)
RADIUS = np.sqrt(sum((np.indices(SHAPE)[axis] - SHAPE[axis] / 2) ** 2 for axis in range(3)))
BRAIN, WHITE = RADIUS < 9.5, RADIUS < 7
# white matter, rest of the brain, standard deviation
LEVELS = {"MTR": (40.0, 32.0, 1.0), "FA": (0.36, 0.16, 0.03), "RD": (0.6, 0.75, 0.03), "AD": (1.1, 1.0, 0.03)}
MEASURED = ("level", "other", "spread", "noise", "coverage")


def maps_of(number):
    """Maps of one participant: noise, and an individual level."""
    random = np.random.default_rng([3, number])
    maps = {}
    for name, (white, rest, sd) in LEVELS.items():
        own = 1 + 0.02 * random.standard_normal()
        image = own * np.where(WHITE, white, rest) + sd * random.standard_normal(SHAPE)
        maps[name] = np.where(BRAIN, image, 0)
    return maps


def describe(maps, **options):
    return describe_maps(maps, WHITE, (3.0, 3.0, 3.0), **options)


@pytest.fixture(scope="module")
def training():
    groups = ["MS"] * 12 + ["HC"] * 8
    return training_range([describe(maps_of(number)) for number in range(20)], groups)


def expected(training, name, feature, n=20):
    """Mean and limits of a number in the format of a message."""
    known = training["maps"][name][feature]
    floor = {"noise": 0.12, "spread": 0.1}.get(feature, 0.025) * known["mean"]
    reach = stats.t.ppf(1 - 0.05 / 2 / 21, n - 1) * max(known["sd"], floor) * np.sqrt(1 + 1 / n)
    return known["mean"], known["mean"] - reach, known["mean"] + reach


def row_of(rows, name, feature):
    return next(row for row in rows if (row["map"], row["feature"]) == (name, feature))


def test_numbers_of_a_known_image():
    random = np.random.default_rng(0)
    ramp = np.broadcast_to(np.arange(SHAPE[0], dtype=float)[:, None, None], SHAPE)
    image = np.where(WHITE, 100 + 5 * random.standard_normal(SHAPE), 60)
    maps = {"AD": np.where(BRAIN, image, 0), "FA": 1 + ramp}
    found = describe_maps(maps, WHITE, (1.0, 2.0, 4.0), native={"AD": (2.0, 2.0, 2.0)})
    assert found["AD"]["level"] == pytest.approx(100, abs=0.5)
    assert found["AD"]["other"] == 60
    assert found["AD"]["spread"] == pytest.approx(5, rel=0.05)
    assert found["AD"]["noise"] == pytest.approx(5, rel=0.05)
    assert found["AD"]["coverage"] == 1
    assert found["AD"]["voxel_mm"] == pytest.approx(2)
    # a slope is no noise, but it is spread
    assert found["FA"]["noise"] == pytest.approx(0, abs=1e-9)
    assert found["FA"]["spread"] > 2
    assert found["petref"] == {"voxel_mm": pytest.approx(2)}
    assert "voxel_mm" not in found["FA"]


def test_what_a_map_does_not_show_is_coverage_and_nothing_else():
    maps = maps_of(1)
    maps["MTR"] = np.where(np.indices(SHAPE)[0] < SHAPE[0] / 2, 0, maps["MTR"])
    whole, part = describe(maps_of(1))["MTR"], describe(maps)["MTR"]
    assert part["coverage"] == pytest.approx(0.5, abs=0.1)
    assert part["level"] == pytest.approx(whole["level"], rel=0.01)
    assert part["noise"] == pytest.approx(whole["noise"], rel=0.1)
    maps["MTR"] = np.zeros(SHAPE)
    assert describe(maps)["MTR"] == dict.fromkeys(MEASURED, None) | {"coverage": 0.0}


def test_smoothing_lowers_the_noise_and_scaling_scales_everything():
    from scipy.ndimage import gaussian_filter

    maps = maps_of(2)
    right = describe(maps)["MTR"]
    smooth = describe(maps | {"MTR": gaussian_filter(maps["MTR"], 0.9)})["MTR"]
    assert smooth["noise"] < 0.5 * right["noise"]
    scaled = describe(maps | {"MTR": 3 * maps["MTR"]})["MTR"]
    for feature in ("level", "other", "spread", "noise"):
        assert scaled[feature] == pytest.approx(3 * right[feature])


def test_no_white_matter_is_a_sentence():
    with pytest.raises(InputError, match="has no voxel of white matter outside lesions"):
        describe_maps(maps_of(1), np.zeros(SHAPE, bool), (3, 3, 3))


def test_the_range_is_the_mean_and_the_sd_of_the_scans():
    descriptions = [{"MTR": {"level": value}, "petref": {"voxel_mm": 3.0}} for value in (38.0, 40.0, 45.0)]
    found = training_range(descriptions, ["MS", "MS", "HC"])
    assert found == {
        "n_patients": 2,
        "n_controls": 1,
        "maps": {
            "MTR": {"level": {"mean": 41.0, "sd": pytest.approx(13**0.5), "n": 3}},
            "petref": {"voxel_mm": {"mean": 3.0, "sd": 0.0, "n": 3}},
        },
    }
    assert json.loads(json.dumps(found)) == found
    message = "2 training scans are too few for a range; expected 3 or more."
    with pytest.raises(InputError, match=re.escape(message)):
        training_range(descriptions[:2], ["MS", "MS"])


def test_limits_are_those_of_one_further_scan_shared_by_all_rows(training):
    rows = judge_range(describe(maps_of(99)), training)
    assert len(rows) == 21
    for name, feature in (("MTR", "level"), ("FA", "noise"), ("AD", "spread")):
        row = row_of(rows, name, feature)
        mean, low, high = expected(training, name, feature)
        assert (row["expected"], row["low"], row["high"]) == pytest.approx((mean, low, high))
    assert worst_verdict(rows) == "ok"
    assert reasons(rows) == []
    assert set(rows[0]) == {
        *("map", "feature", "value", "expected", "low", "high", "z", "verdict", "reason"),
    }  # fmt: skip
    json.dumps(rows)


def test_right_scans_are_rarely_unusual_and_almost_never_refused():
    random = np.random.default_rng(5)
    verdicts = []
    for _ in range(400):
        values = 100 + 20 * random.standard_normal((15, 4, 5))  # far more than the smallest SD of a feature
        scans = [
            {name: dict(zip(MEASURED, scan[index], strict=True)) for index, name in enumerate(LEVELS)}
            for scan in values
        ]
        for scan in scans:  # RD above AD would be a mistake
            scan["RD"]["level"], scan["AD"]["level"] = sorted((scan["RD"]["level"], scan["AD"]["level"]))
        new, known = scans[0], training_range(scans[1:], ["MS"] * 14)
        verdicts.append(worst_verdict(judge_range(new, known)))
    assert 0.02 < np.mean([verdict != "ok" for verdict in verdicts]) < 0.08
    assert verdicts.count("out_of_range") <= 2


def swap(first, second):
    return lambda maps: maps | {first: maps[second], second: maps[first]}


def change(name, function):
    return lambda maps: maps | {name: np.where(BRAIN, function(maps[name]), 0)}


@pytest.mark.parametrize(
    ("mistake", "name", "says"),
    [
        (swap("RD", "AD"), "RD", "RD and AD look swapped"),
        (swap("FA", "MTR"), "FA", "MTR and FA look swapped"),
        (change("MTR", lambda image: 10 * image), "MTR",
         "the values look multiplied by 10; declare units.MTR, or convert the file"),
        (change("MTR", lambda image: image / 100), "MTR", "the values look multiplied by 0.01; declare units.MTR"),
        (change("RD", lambda image: 1000 * image), "RD", "the values look multiplied by 1000; declare units.RD"),
        (change("MTR", lambda image: 100 - image), "MTR", "the image looks like 100 - MTR, the share of the signal"),
        (change("AD", lambda image: image / 2), "AD", "there, which is impossible; "),
    ],
)  # fmt: skip
def test_a_known_mistake_is_called_by_its_name_and_refused(training, mistake, name, says):
    rows = judge_range(describe(mistake(maps_of(50))), training)
    assert row_of(rows, name, "level")["verdict"] == "out_of_range"
    found = row_of(rows, name, "level")["reason"]
    assert says in found
    # one sentence per map, however many of its numbers are off
    assert [row["reason"] for row in rows if row["map"] == name and row["reason"]] == [found]
    assert found in reasons(rows)


def test_the_sentence_of_another_pulse(training):
    description = describe(maps_of(50))
    level, other = (description["MTR"][key] for key in ("level", "other"))
    description["MTR"] |= {"level": level - 16, "other": other - 16}
    rows = judge_range(description, training)
    mean, low, high = expected(training, "MTR", "level")
    assert row_of(rows, "MTR", "level")["reason"] == (
        f"MTR in white matter is {level - 16:.3g} percent ({low:.3g} to {high:.3g} expected from 20 training "
        f"scans): the image may have another unit or pulse; a shift of {mean - level + 16:+.3g} percent would bring "
        "it to the training scans."
    )
    assert row_of(rows, "MTR", "other")["verdict"] != "ok"
    assert row_of(rows, "MTR", "other")["reason"] == ""
    assert worst_verdict(rows) == "out_of_range"


def test_a_shift_that_does_not_suffice_says_what_it_leaves(training):
    description = describe(maps_of(50))
    description["FA"]["level"] += 0.2
    description["FA"]["noise"] *= 3
    assert row_of(judge_range(description, training), "FA", "level")["reason"].endswith(
        "would bring it to the training scans, but not the rest of the brain and its noise."
    )
    description["FA"]["spread"] *= 4
    assert "a factor of " in row_of(judge_range(description, training), "FA", "level")["reason"]


def test_an_inverted_image_of_the_right_level_is_seen_by_the_rest_of_the_brain(training):
    """As harmonisation leaves an image that was inverted at the whole site."""
    description = describe(maps_of(50))
    description["MTR"]["other"] = 48.0
    rows = judge_range(description, training)
    mean, low, high = expected(training, "MTR", "other")
    assert reasons(rows) == [
        f"MTR in the rest of the brain is 48 percent ({low:.3g} to {high:.3g} expected from 20 training scans): "
        "white matter and the rest of the brain are swapped, as in an inverted image."
    ]


def test_what_all_maps_have_in_common_is_said_once(training):
    description = describe(maps_of(50))
    for name in LEVELS:
        description[name]["noise"] *= 3
    rows = judge_range(description, training)
    mean, low, high = expected(training, "MTR", "noise")
    assert reasons(rows) == [
        f"MTR differs from voxel to voxel of white matter by {description['MTR']['noise']:.3g} percent ({low:.3g} to "
        f"{high:.3g} expected from 20 training scans): the image may be noisier than theirs; so do FA, RD and AD."
    ]
    assert [row["verdict"] for row in rows if row["feature"] == "noise"] == ["out_of_range"] * 4


def test_part_of_a_head_and_a_map_that_is_missing(training):
    description = describe(maps_of(50))
    description["FA"]["coverage"] = 0.52
    del description["MTR"]
    rows = judge_range(description, training)
    reach = stats.t.ppf(1 - 0.05 / 2 / 21, 19) * 0.02 * np.sqrt(1 + 1 / 20)
    assert reasons(rows) == [
        "MTR has no value in white matter: give the whole map.",
        f"FA covers 52% of the white matter ({1 - reach:.0%} or more expected from 20 training scans): part of the "
        "head is missing.",
    ]
    assert worst_verdict(rows) == "out_of_range"


def test_voxels_of_another_size(training):
    native = dict.fromkeys(LEVELS, (2.0, 2.0, 2.0))
    known = training_range([describe(maps_of(n), native=native) for n in range(20)], ["MS"] * 20)
    coarse = describe_maps(
        maps_of(50), WHITE, (1.2, 1.2, 1.2), native=native | dict.fromkeys(("RD", "AD"), (2.0, 2.0, 8.0))
    )
    found = reasons(judge_range(coarse, known))
    assert [sentence.split(" (")[0] for sentence in found] == [
        "RD has voxels of 3.17 mm",
        "petref, the grid of the PET, has voxels of 1.2 mm",
    ]
    assert found[0].endswith("the image is coarser than theirs; so does AD.")
    assert found[1].endswith("the image is finer than theirs, or was interpolated.")


def test_few_training_scans_have_wide_limits():
    few = training_range([describe(maps_of(number)) for number in range(4)], ["MS"] * 4)
    description = describe(maps_of(50))
    moved = copy.deepcopy(description)
    moved["MTR"]["level"] -= 8
    assert worst_verdict(judge_range(moved, few)) == "ok"
    moved["MTR"]["level"] = 10 * description["MTR"]["level"]
    assert worst_verdict(judge_range(moved, few)) == "out_of_range"


def test_the_voxels_of_a_map_are_those_of_its_file_or_of_the_raw_images():
    files = [
        {"input": "T1w", "voxel_mm": [1, 1, 1]},
        {"input": "dwi", "voxel_mm": [2, 2, 2]},
        {"input": "bval of dwi"},
        {"input": "MTR", "voxel_mm": [1.5, 1.5, 3]},
    ]
    of_raw = dict.fromkeys(("FA", "RD", "AD"), [2, 2, 2])
    assert native_voxels({"files": files}) == {"MTR": [1.5, 1.5, 3], **of_raw}
    assert native_voxels({"files": files[:1]}) == {}
