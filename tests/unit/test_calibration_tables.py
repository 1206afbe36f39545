"""Calibration: means, targets, correlations and criteria with known answers, and verdicts that can fail."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.calibration import cohort_lesions, cost, criteria, relations, targets, tissue_table
from myelosketch.calibration.participant import TISSUES, Participant, load_participant, save_participant
from myelosketch.errors import InputError
from myelosketch.io.names import REGION_CODES
from myelosketch.io.tables import write_table

SHAPE = (12, 12, 12)
MAPS = ("FA", "RD", "AD", "MTR", "DVR", "rescan", "noisefree", "visible")


def person(subject="MS01", *, white=1.25, lesion=1.05, mtr=40.0, noise=0.0, seed=0):
    """A cube of white matter with a lesion of 4x4x4 voxels; values in each are constant except for noise."""
    rng = np.random.default_rng(seed)
    regions = np.full(SHAPE, REGION_CODES["nawm"], np.uint8)
    tissue = np.full(SHAPE, TISSUES["white"], np.uint8)
    values = np.full(SHAPE, white)
    if subject.startswith("MS"):
        regions[4:8, 4:8, 4:8] = REGION_CODES["lesion"]
        tissue[4:8, 4:8, 4:8] = TISSUES["lesion"]
        tissue[4:8, 4:8, 4] = TISSUES["black_hole"]
        values[4:8, 4:8, 4:8] = lesion
    maps = {name: (values + noise * rng.standard_normal(SHAPE)).astype(np.float32) for name in MAPS}
    maps["MTR"] = np.full(SHAPE, mtr, np.float32)
    return Participant(subject, subject[:2], maps, regions, tissue, np.diag([3.0, 3, 3, 1]), np.eye(4))


def means_of(people):
    return pd.DataFrame([row for one in people for row in tissue_table.participant_means(one)])


def test_a_participant_comes_back_from_disk_as_it_was(tmp_path):
    first = person(noise=0.1)
    save_participant(first, tmp_path / "p.npz")
    second = load_participant(tmp_path / "p.npz")
    assert (second.subject, second.group, second.voxel_volume) == ("MS01", "MS", 27.0)
    assert set(second.maps) == set(MAPS)
    np.testing.assert_array_equal(second.maps["DVR"], first.maps["DVR"])
    np.testing.assert_array_equal(second.tissue, first.tissue)
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]


def test_a_damaged_participant_is_named(tmp_path):
    (tmp_path / "p.npz").write_text("no archive")
    with pytest.raises(
        InputError, match="p.npz cannot be read as a measured participant: delete it and run again"
    ):
        load_participant(tmp_path / "p.npz")
    with pytest.raises(InputError, match="q.npz does not exist: run snakemake .*calibration/Snakefile"):
        load_participant(tmp_path / "q.npz")


def test_lesion_means_hold_black_holes_and_small_tissues_are_left_out():
    one = person()
    one.maps["DVR"][4:8, 4:8, 4] = 0.85
    rows = pd.DataFrame(tissue_table.participant_means(one))
    dvr = rows[rows.quantity == "DVR"].set_index("tissue")
    assert set(dvr.index) == {"nawm", "lesion", "black_hole"}  # no cortex, no CSF, and no control
    assert dvr.loc["lesion", "mean"] == pytest.approx((3 * 1.05 + 0.85) / 4)
    assert dvr.loc["black_hole", "mean"] == pytest.approx(0.85)
    assert dvr.loc["lesion", "n_voxels"] == 64


def test_the_cohort_is_held_against_its_targets():
    people = [person("HC01", white=1.20), person("HC02", white=1.36)]
    people += [person("MS01", white=1.248, lesion=1.04832), person("MS02", white=1.248, lesion=1.04832)]
    table = tissue_table.cohort_table(means_of(people)).set_index(["tissue", "quantity", "kind"])
    control = table.loc[("hc_white", "DVR", "absolute")]
    assert control["mean"] == pytest.approx(1.28)
    assert (control.n, control.verdict) == (2, targets.INSIDE)
    spread = table.loc[("hc_white", "DVR", "sd")]
    assert spread["mean"] == pytest.approx(np.std([1.20, 1.36], ddof=1))
    assert spread.verdict == targets.OUTSIDE
    assert table.loc[("nawm", "DVR", "percent")]["mean"] == pytest.approx(-2.5, abs=1e-4)
    assert table.loc[("lesion", "DVR", "percent")]["mean"] == pytest.approx(-16, abs=1e-4)
    assert table.loc[("nawm", "MTR", "points")]["mean"] == pytest.approx(0)
    assert table.loc[("nawm", "MTR", "points")].verdict == targets.OUTSIDE
    assert table.loc[("cortex", "FA", "absolute")].verdict == targets.OUTSIDE  # nothing was measured


def test_a_lesion_is_compared_with_its_own_patient():
    people = [person("HC01"), person("MS01", white=1.0, lesion=0.9), person("MS02", white=1.5, lesion=1.2)]
    table = tissue_table.cohort_table(means_of(people))
    row = table[(table.tissue == "lesion") & (table.kind == "percent")].iloc[0]
    assert row["mean"] == pytest.approx(-15, abs=1e-4)
    assert row["sd"] == pytest.approx(np.std([-10, -20], ddof=1), abs=1e-3)


def test_ends_of_a_band_are_inside_and_nothing_is_outside():
    target = targets.Target("cortex", "FA", 0.1, 0.2, "x")
    assert [target.verdict(value) for value in (0.1, 0.2, 0.2001, np.nan)] == [
        "inside",
        "inside",
        "outside",
        "outside",
    ]


def test_every_target_names_a_source_and_a_range():
    assert len({(t.tissue, t.quantity, t.kind) for t in targets.TARGETS}) == len(targets.TARGETS)
    assert all(t.low < t.high and t.source for t in targets.TARGETS)


def test_rank_correlations_of_known_sign():
    rng = np.random.default_rng(3)
    one = person()
    one.maps["RD"] = -one.maps["DVR"] + rng.normal(0, 1e-6, SHAPE).astype(np.float32)
    lesion = one.regions == REGION_CODES["lesion"]
    one.maps["DVR"][lesion] = rng.permutation(64) / 64
    one.maps["RD"][lesion] = -one.maps["DVR"][lesion]
    one.maps["FA"][lesion] = one.maps["DVR"][lesion] ** 3
    table = relations.correlations([one, person("HC01")]).set_index(["where", "map"])
    assert table.loc[("lesion", "RD"), "mean"] == pytest.approx(-1)
    assert table.loc[("lesion", "FA"), "pooled"] == pytest.approx(1)
    assert np.isnan(table.loc[("lesion", "MTR"), "pooled"])  # constant
    assert table.loc[("lesion", "RD"), "n_participants"] == 1
    assert table.loc[("brain", "RD"), "n_participants"] == 2


def ladder(**mcc):
    values = {
        "template": 0.1,
        "voxelwise": 0.2,
        "means3": 0.25,
        "visible": 0.4,
        "rescan": 0.5,
        "noisefree": 0.6,
    } | mcc
    rows = [
        {"method": name, "metric": "mcc", "k": k, "mean": v} for name, v in values.items() for k in (1.0, 2.0)
    ]
    return pd.DataFrame(rows)


def test_an_ordered_ladder_with_room_is_met():
    found = criteria.ladder_criteria(ladder(), 1.0)
    assert len(found) == 6
    assert [row["met"] for row in found] == ["yes"] * 6
    assert criteria.room_above_linear(
        {"visible": 0.4, "template": 0.1, "voxelwise": 0.2, "means3": 0.25}
    ) == (pytest.approx(0.5))


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"voxelwise": 0.05}, "MCC of template below voxelwise"),
        ({"means3": 0.2}, "MCC of voxelwise below means3"),
        ({"rescan": 0.39}, "MCC of visible below rescan"),
        ({"noisefree": np.nan}, "MCC of rescan below noisefree"),
        ({"means3": 0.39}, "room above the better linear model"),
    ],
)
def test_each_broken_step_is_named(change, failed):
    found = criteria.ladder_criteria(ladder(**change), 1.0)
    assert [row["criterion"] for row in found if row["met"] == "no"] == [failed]


def test_no_room_without_anything_visible():
    flat = {"visible": 0.1, "template": 0.1, "voxelwise": 0.1, "means3": 0.1}
    assert np.isnan(criteria.room_above_linear(flat))
    found = criteria.ladder_criteria(ladder(visible=0.1), 1.0)
    assert found[-1]["met"] == "no"


def test_share_and_correlation_criteria():
    shares = pd.DataFrame(
        {"subject": ["a", "a", "b", "b"], "method": ["x", "y"] * 2, "k": 1.0, "pct_true": [70, 70, 90, 90]}
    )
    assert criteria.share_criteria(shares, 1.0)[0]["met"] == "no"
    assert criteria.share_criteria(shares.assign(pct_true=[60, 60, 90, 90]), 1.0)[0]["met"] == "yes"
    for value, met in ((-0.3, "yes"), (0.3, "yes"), (-0.1, "no"), (-0.9, "no"), (np.nan, "no")):
        table = pd.DataFrame([{"where": "lesion", "map": "RD", "mean": value, "pooled": value}])
        assert criteria.relation_criteria(table)[0]["met"] == met


def test_criteria_that_are_not_met_come_first():
    rows = [
        {"criterion": n, "found": "", "wanted": "", "met": m}
        for n, m in (("a", "yes"), ("b", "no"), ("c", "no"))
    ]
    assert criteria.criteria_table(rows[:1], rows[1:]).criterion.tolist() == ["b", "c", "a"]


def test_loads_and_kinds_by_hand(tmp_path):
    columns = [
        "lesion",
        "kind",
        "volume_mm3",
        "mean_myelin",
        "mean_axons",
        "mean_water",
        "ventricle_distance_mm",
    ]
    first = [[1, "active", 900, 0.8, 0.9, 0.2, 3], [2, "black_hole", 100, 0.0, 0.1, 0.3, 9]]
    second = [[1, "active", 3000, 0.4, 0.5, 0.1, 3]]
    for name, rows in (("MS01", first), ("MS02", second)):
        write_table(pd.DataFrame(rows, columns=columns), tmp_path / f"{name}.tsv")
    lesions = cohort_lesions.read_lesion_tables({n: tmp_path / f"{n}.tsv" for n in ("MS01", "MS02")})
    loads = cohort_lesions.load_table(lesions).set_index("subject")
    assert loads.load_ml.tolist() == [1.0, 3.0]
    assert loads.n_lesions.tolist() == [2, 1]
    kinds = cohort_lesions.kind_table(lesions).set_index("kind")
    assert kinds.index.tolist() == ["active", "black_hole"]
    assert kinds.loc["active", "mean_myelin"] == pytest.approx((900 * 0.8 + 3000 * 0.4) / 3900)
    assert kinds.loc["black_hole", "share_of_load"] == pytest.approx(100 / 4000)


def test_costs_are_read_where_there_are_any(tmp_path):
    assert cost.cost_table(tmp_path).empty
    folder = tmp_path / "simulate_control"
    for number, seconds in enumerate((4.0, 6.0, 20.0)):
        write_table(pd.DataFrame([{"s": seconds, "max_rss": 100.0 * number}]), folder / f"HC0{number}.tsv")
    row = cost.cost_table(tmp_path).iloc[0]
    assert (row["rule"], row.n, row.seconds_median, row.seconds_max, row.memory_mb_max) == (
        *("simulate_control", 3, 6.0, 20.0, 200.0),
    )
