"""Figures of the calibration: they show known data, and no text crosses their edge."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawings import cut_texts

from myelosketch.calibration import figure_lesions, figure_maps, figure_tissue
from myelosketch.calibration.participant import TISSUES, Participant
from myelosketch.io.names import REGION_CODES
from myelosketch.reporting.figures import style
from myelosketch.reporting.source_tables import NothingToDrawError
from myelosketch.simulation import lesion_statistics as measured

SHAPE = (20, 24, 18)


def person(subject, size):
    """A block of white matter and cortex with a lesion of size³ voxels (patients)."""
    rng = np.random.default_rng(size)
    regions = np.zeros(SHAPE, np.uint8)
    regions[2:18, 2:22, 2:16] = REGION_CODES["nawm"]
    tissue = np.where(regions > 0, TISSUES["white"], 0).astype(np.uint8)
    tissue[2:18, 2:5, 2:16] = TISSUES["cortex"]
    if subject.startswith("MS"):
        block = (slice(8, 8 + size),) * 3
        regions[block], tissue[block] = REGION_CODES["lesion"], TISSUES["lesion"]
        tissue[8, 8, 8 : 8 + size] = TISSUES["black_hole"]
    levels = {
        "FA": 0.42,
        "RD": 0.55,
        "AD": 1.15,
        "MTR": 41,
        "DVR": 1.27,
        "noisefree": 1.27,
        "T1w": 900,
        "FLAIR": 400,
    }
    maps = {
        name: np.where(regions > 0, level * rng.normal(1, 0.1, SHAPE), 0).astype(np.float32)
        for name, level in levels.items()
    }
    return Participant(subject, subject[:2], maps, regions, tissue, np.diag([3.0, 3, 3, 1]), np.eye(4))


PEOPLE = [person("MS01", 3), person("MS02", 6), person("MS03", 4), person("HC01", 1), person("HC02", 2)]
SURVEYS = [
    {
        "volumes_mm3": [5.0, 20.0, 300.0 * n],
        "total_ml": 0.325 * n,
        "lesion_voxels": (
            1e4 * np.array(measured.WHITE_MATTER_SHARE) * measured.mean_relative_risk()
        ).tolist(),
        "white_voxels": (1e6 * np.array(measured.WHITE_MATTER_SHARE)).tolist(),
    }
    for n in range(1, 5)
]


@pytest.mark.parametrize(
    "build",
    [
        lambda: figure_tissue.build_histograms(PEOPLE),
        lambda: figure_tissue.build_relation(PEOPLE),
        lambda: figure_lesions.build_lesions(SURVEYS),
        lambda: figure_lesions.build_risk(SURVEYS),
        lambda: figure_maps.build_maps(PEOPLE),
    ],
    ids=["histograms", "relation", "lesions", "risk", "maps"],
)
def test_every_figure_is_drawn_whole_and_says_that_it_is_simulated(build):
    with style.figure_style():
        figure, data = build()
        assert cut_texts(figure) == []
    assert len(data)
    assert "simulated cohort" in " ".join(figure.get_suptitle().split())
    plt.close(figure)


def test_histograms_hold_every_voxel_and_the_literature():
    figure, data = figure_tissue.build_histograms(PEOPLE)
    plt.close(figure)
    dvr = data[data.quantity == "DVR"].groupby("tissue").voxels.sum()
    assert dvr["lesion"] == 3**3 + 6**3 + 4**3
    assert dvr["black_hole"] == 3 + 6 + 4
    assert dvr["hc_white"] == 2 * (16 * 17 * 14)
    band = data[(data.quantity == "DVR") & (data.tissue == "hc_white")].iloc[0]
    assert (band.band_low, band.band_high) == (1.26, 1.29)


def test_bands_of_differences_lie_over_the_cohorts_own_controls():
    low, high = figure_tissue.literature_band(PEOPLE, "nawm", "MTR")
    reference = figure_tissue.tissue_voxels(PEOPLE, "hc_white", "MTR").mean()
    assert (low, high) == pytest.approx((reference - 3, reference - 1))
    assert figure_tissue.literature_band(PEOPLE, "black_hole", "DVR") is None


def test_a_cohort_without_lesions_says_so():
    with pytest.raises(NothingToDrawError, match="fewer than 20 lesion voxels"):
        figure_tissue.build_relation(PEOPLE[3:])


def test_the_median_and_the_highest_load_and_a_control_are_shown():
    assert [p.subject for p in figure_maps.shown_participants(PEOPLE)] == ["MS03", "MS02", "HC01"]


def test_the_risk_that_is_drawn_is_the_measured_one_here():
    figure, data = figure_lesions.build_risk(SURVEYS)
    plt.close(figure)
    ratio = data.simulated / measured.mean_relative_risk()
    assert ratio.to_numpy() == pytest.approx(ratio[0])
    assert (data.low < data.high).all()
