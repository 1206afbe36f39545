"""Lesions of simulated patients against measurements of 30 real ones, and the rules of their generation."""

import numpy as np
import pytest
from scipy import ndimage, stats

from myelosketch.errors import InputError
from myelosketch.simulation import lesion_statistics as measured
from myelosketch.simulation.anatomy import build_anatomy
from myelosketch.simulation.fields import stream
from myelosketch.simulation.lesion_shapes import foci
from myelosketch.simulation.lesions import (
    KINDS,
    expert_mask,
    lesion_load,
    lesion_volumes,
    place_lesions,
    simulate_lesions,
)
from myelosketch.simulation.participant import simulate_body
from myelosketch.simulation.settings import complete_settings

TOUCHING = np.ones((3, 3, 3))
SETTINGS = complete_settings(
    {"voxel_size_mm": {"anatomy": 2.0}, "lesion_load": "clinical", "lesion_load_min_ml": 1.0}
)


@pytest.fixture(scope="module")
def anatomy():
    return build_anatomy("MS", SETTINGS, stream(7, "01", "anatomy"))


@pytest.fixture(scope="module")
def patient(anatomy):
    return place_lesions(anatomy, 20.0, np.random.default_rng(4))


@pytest.fixture(scope="module")
def cohort():
    """Volumes of the lesions of 150 patients with the measured load."""
    patients = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        patients.append(lesion_volumes(1000 * lesion_load(SETTINGS, rng), rng))
    return patients


def test_volumes_follow_the_measured_percentiles(cohort):
    pooled = np.log(np.concatenate(cohort))
    percentiles, volumes = np.array(list(measured.VOLUME_MM3)), np.log(list(measured.VOLUME_MM3.values()))
    distance = stats.kstest(pooled, lambda x: np.interp(x, volumes, percentiles / 100)).statistic
    assert distance < 0.1
    assert np.exp(pooled.min()) >= 0.9 * measured.SMALLEST_MM3


def test_counts_go_with_the_load_as_measured(cohort):
    count, load = (np.log([f(patient) for patient in cohort]) for f in (len, np.sum))
    assert count.mean() == pytest.approx(measured.LOG_COUNT_MEAN, abs=0.3)
    assert count.std() == pytest.approx(measured.LOG_COUNT_SD, abs=0.25)
    correlation = np.corrcoef(count, load)[0, 1]
    assert correlation == pytest.approx(measured.LOG_COUNT_LOAD_CORRELATION, abs=0.12)
    large = [np.sum(patient >= 100) for patient in cohort]
    assert np.median(large) == pytest.approx(measured.COUNT_100_MM3[50], abs=4)


def test_few_large_lesions_hold_most_of_the_volume(cohort):
    volumes = np.concatenate(cohort)
    assert (volumes >= 1000).mean() < 0.05
    assert volumes[volumes >= 1000].sum() / volumes.sum() == pytest.approx(0.71, abs=0.15)


@pytest.mark.parametrize("load_ml", [0.1, 1.0, 40.0])
def test_volumes_sum_to_the_load(load_ml):
    volumes = lesion_volumes(1000 * load_ml, np.random.default_rng(1))
    assert volumes.sum() == pytest.approx(1000 * load_ml)
    assert (np.diff(volumes) <= 0).all()


@pytest.mark.parametrize(("load_name", "median"), [("early", 5.5), ("clinical", 9.5)])
def test_lesion_load_is_usable_and_has_its_median(load_name, median):
    settings = complete_settings({"lesion_load": load_name, "lesion_load_min_ml": 1.0})
    loads = [lesion_load(settings, np.random.default_rng(seed)) for seed in range(400)]
    assert min(loads) >= settings["lesion_load_min_ml"]
    assert np.median(loads) == pytest.approx(median, rel=0.25)


def test_lesions_keep_their_total_and_stay_in_white_matter(anatomy, patient):
    voxel_ml = anatomy.voxel**3 / 1000
    assert patient.member.sum(dtype=float) * voxel_ml == pytest.approx(20, abs=2 * voxel_ml)
    assert sum(row["volume_mm3"] for row in patient.table) == pytest.approx(20000, abs=2000 * voxel_ml)
    inside = patient.labels > 0
    np.testing.assert_array_equal(inside, patient.member > 0)
    assert anatomy.fractions["white"][inside].min() > 0.5
    assert patient.severity[~inside].max() == 0
    assert sorted(np.unique(patient.labels[inside])) == list(range(1, len(patient.table) + 1))


def test_each_drawn_lesion_is_one_component_and_large_ones_are_confluent(anatomy, patient):
    _, count = ndimage.label(patient.labels > 0, TOUCHING)
    components, number = ndimage.label(patient.labels > 0)
    assert number == count  # none touches another only by an edge or a corner
    sizes = np.bincount(components.ravel())[1:] * anatomy.voxel**3
    largest = components == 1 + sizes.argmax()
    assert sizes.max() > 3000
    assert len(np.unique(patient.labels[largest])) > 1
    assert {row["kind"] for row in patient.table} <= set(KINDS)


def test_lesions_gather_where_the_measured_risk_is_high(anatomy):
    """Share of lesion voxels over share of white matter, within both alignments widened by half."""
    edges = np.array(measured.DISTANCE_EDGES_MM)
    white = np.histogram(anatomy.ventricle_distance[anatomy.fractions["white"] > 0.5], edges)[0]
    lesion = sum(
        np.histogram(
            anatomy.ventricle_distance[place_lesions(anatomy, 15.0, np.random.default_rng(seed)).labels > 0],
            edges,
        )[0]
        for seed in range(4)
    )
    risk = lesion / lesion.sum() / (white / white.sum())
    low, high = (
        np.min(list(measured.RELATIVE_RISK.values()), 0),
        np.max(list(measured.RELATIVE_RISK.values()), 0),
    )
    assert (risk[1:-1] > 0.5 * low[1:-1]).all()  # at 2 mm the first band is half a voxel
    assert (risk[:-1] < 1.5 * high[:-1]).all()
    assert risk[1:3].min() > 2 * risk[5:].max()


def test_lesions_reach_the_cortex_and_the_brain_below_it(anatomy):
    lesions = place_lesions(anatomy, 30.0, np.random.default_rng(8))
    inside = lesions.labels > 0
    near = ndimage.minimum(anatomy.cortex_distance, lesions.labels, range(1, len(lesions.table) + 1))
    assert 0.5 < np.mean(np.array(near) <= 3) < 0.98
    height = anatomy.affine[2, 3] + anatomy.voxel * np.nonzero(inside)[2]
    assert 0 < (height < -20).mean() < 0.2


def test_lesions_alone_are_those_of_the_participant():
    settings = complete_settings({"voxel_size_mm": {"anatomy": 4.0}})
    labels, anatomy = simulate_lesions("MS01", settings, 3)
    body = simulate_body("MS01", "MS", settings, 3)
    np.testing.assert_array_equal(labels, body["lesions"].labels)
    np.testing.assert_array_equal(anatomy.tract, body["anatomy"].tract)


def test_severity_falls_from_core_to_rim_and_small_lesions_are_all_core():
    ball = np.nonzero(
        sum(((np.arange(21) - 10.0) ** 2).reshape(np.roll([-1, 1, 1], i)) for i in range(3)) < 64
    )
    ((where, radius),) = foci(ball, 1000.0, 1.0, np.random.default_rng(0))
    from_centre = np.linalg.norm(np.stack(where) - 10.0, axis=0)
    assert np.corrcoef(from_centre, radius)[0, 1] > 0.85
    assert radius[from_centre > 7].min() > 0.5
    assert radius[from_centre < 2].max() < 0.1
    small = tuple(np.array([[1, 1, 1], [1, 1, 1], [1, 2, 3]]))
    ((_, radius),) = foci(small, 3.0, 1.0, np.random.default_rng(0))
    assert radius.max() == 0


def test_more_lesion_than_white_matter_holds_is_refused(anatomy):
    with pytest.raises(InputError, match=r"simulation\.lesion_load gives 900 mL of lesions in \d+ mL"):
        place_lesions(anatomy, 900.0, np.random.default_rng(0))


def test_coarse_voxels_leave_room_for_the_whole_load():
    """At 6 mm the gaps between lesions do not fit: they touch, and the load is kept."""
    settings = complete_settings({"voxel_size_mm": {"anatomy": 6.0}})
    anatomy = build_anatomy("MS", settings, stream(7, "01", "anatomy"))
    lesions = place_lesions(anatomy, 40.0, np.random.default_rng(2))
    assert lesions.member.sum(dtype=float) * 0.216 == pytest.approx(40, abs=0.5)


def test_expert_mask_has_the_volume_of_the_lesions_and_is_never_empty():
    member = np.zeros((8, 8, 8))
    member[2:5, 2:5, 2:5] = 0.9
    member[5, 3, 3] = 0.4
    assert expert_mask(member, np.ones_like(member, bool)).sum() == 27
    faint = np.zeros((8, 8, 8))
    faint[1, 1, 1] = 0.1
    assert expert_mask(faint, np.ones_like(faint, bool)).sum() == 1
