"""Change between two sessions: known change is found, and chance variation of white matter is not claimed."""

import numpy as np
import pytest
from test_imaging_geometry import rigid

from myelosketch.errors import InputError
from myelosketch.imaging.registration.resampling import resample_sharp
from myelosketch.imaging.registration.transforms import save_matrix
from myelosketch.io.names import REGION_CODES
from myelosketch.io.provenance import read_json, write_json
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import Volume, save_volume
from myelosketch.prediction.change import OF_LESIONS, Lesions, measure_pair, shared_lesions
from myelosketch.prediction.follow_up import TABLES, OnCommonGrid, change_of, gather_change, measure_change
from myelosketch.prediction.scan_rescan import (
    ScanRescan,
    centre_voxel,
    drawn_places,
    fitting_places,
    scan_rescan,
    spread_by_steepness,
    values_at,
    voxels_at,
)

SHAPE = (30, 30, 30)
WHITE_DVR, LESION_DVR, THRESHOLD = 1.28, 1.05, 1.15
SETTINGS = {
    "alpha": 0.05,
    "min_lesion_mm3": 100,
    "lesion_sizes_mm3": [300, 1000],
    "threshold": 0.5,
    "k": 1.0,
    "seed": 1,
}


def head():
    """Lesions of 64, 27 and 4 voxels (of 27 mm3) in a ball of white matter: fraction, white matter, DVR."""
    distance = np.linalg.norm(np.indices(SHAPE) - 14.5, axis=0, ord=None)
    brain = distance < 14
    lesion = np.zeros(SHAPE)
    lesion[8:12, 8:12, 8:12] = 1
    lesion[18:21, 18:21, 12:15] = 1
    lesion[14:16, 14:16, 20] = 1
    dvr = np.where(brain, WHITE_DVR, 0.0)
    dvr[lesion > 0] = LESION_DVR
    return lesion, brain & (lesion == 0), dvr


def pair(rng, noise=0.03, offset=0.0, changes=(0, 0, 0)):
    """Two sessions with noise of their own; the lesions change by the given amounts."""
    lesion, white, dvr = head()
    lesions = shared_lesions([lesion, lesion], 0.5, 27.0)
    step = np.r_[0, changes][lesions.labels] + offset
    before, after = (np.where(dvr > 0, dvr + noise * rng.standard_normal(SHAPE) + s, 0) for s in (0, step))
    return before, after, lesions, white


def measured(before, after, lesions, white, threshold=THRESHOLD, alpha=0.05, min_lesion_mm3=100):
    return measure_pair(
        before,
        after,
        lesions,
        white,
        threshold,
        alpha=alpha,
        min_lesion_mm3=min_lesion_mm3,
        sizes_mm3=[300, 1000],
        seed=1,
        name="sub-01_ses-01 and sub-01_ses-02",
    )


def test_lesions_are_those_of_all_sessions_together():
    first, second = np.zeros(SHAPE), np.zeros(SHAPE)
    first[2:4, 2, 2], second[3:6, 2, 2] = 0.5, 1
    second[20, 20, 20] = 0.49
    found = shared_lesions([first, second], 0.5, 27.0)
    assert found.volumes.tolist() == [4 * 27]
    np.testing.assert_array_equal(np.argwhere(found.labels == 1)[:, 0], [2, 3, 4, 5])


def test_a_changed_lesion_is_claimed_with_its_sign_and_the_others_are_not():
    row, rows = measured(*pair(np.random.default_rng(1), changes=(0, -0.2, 0)))
    assert [lesion["claimed"] for lesion in rows] == ["no", "yes", "no"]
    assert rows[1]["change"] == pytest.approx(-0.2, abs=0.02)
    assert [lesion["size"] for lesion in rows] == [">= 1000 mm3", "300-1000 mm3", "< 300 mm3"]
    assert (row["claimed"], row["n_lesions"], row["n_lesions_claimed"]) == ("yes", 3, 1)
    assert row["change"] == pytest.approx(-0.2 * 27 / 95, abs=0.01)
    assert row["mean_dvr_after"] - row["mean_dvr_before"] == pytest.approx(row["change"] + row["offset"])


def test_two_equal_maps_show_no_change():
    before, _, lesions, white = pair(np.random.default_rng(1))
    row, rows = measured(before, before, lesions, white)
    assert row["offset"] == row["change"] == row["index_demyelination"] == row["index_remyelination"] == 0
    assert {lesion["claimed"] for lesion in rows} | {row["claimed"]} == {"no"}
    assert row["pct_demyelinated_before"] == row["pct_demyelinated_after"] > 90


def test_an_offset_of_the_whole_head_is_stated_and_taken_off():
    row, rows = measured(*pair(np.random.default_rng(1), offset=0.15))
    assert row["offset"] == pytest.approx(0.15, abs=0.002)
    assert abs(row["change"]) < 0.02
    assert row["claimed"] == row["claimed_remyelination"] == "no"
    # with the offset one lesion voxel in a hundred would be below 1.15
    assert row["pct_demyelinated_after"] == pytest.approx(row["pct_demyelinated_before"], abs=12)
    assert row["pct_demyelinated_after"] > 70


def test_a_gain_that_leaves_a_rest_in_lesions_widens_the_limit_by_it():
    before, after, lesions, white = pair(np.random.default_rng(1), noise=0.001)
    plain, _ = measured(before, after, lesions, white)
    row, rows = measured(before, 1.1 * after, lesions, white)
    rest = 0.1 * (WHITE_DVR - LESION_DVR)
    assert row["change"] == pytest.approx(-rest, rel=0.02)
    assert row["limit"] - plain["limit"] == pytest.approx(rest, rel=0.1)
    assert row["claimed"] == "no"


def test_indices_are_shares_of_lesion_voxels_that_crossed_the_threshold():
    lesion, white, dvr = head()
    lesions = shared_lesions([lesion], 0.5, 27.0)
    before, after = dvr.copy(), dvr.copy()
    inside = np.argwhere(lesion > 0)
    before[tuple(inside[:10].T)] = 1.25  # normal, then demyelinated
    after[tuple(inside[20:24].T)] = 1.25  # demyelinated, then normal
    row, _ = measured(before, after, lesions, white)
    assert row["index_demyelination"] == pytest.approx(100 * 10 / 95)
    assert row["index_remyelination"] == pytest.approx(100 * 4 / 95)
    assert row["pct_demyelinated_before"] == pytest.approx(100 * 85 / 95)
    assert row["pct_demyelinated_after"] == pytest.approx(100 * 91 / 95)
    # nothing else in this head changes, so that no voxel crosses by chance
    assert row["limit_index"] < 5
    assert (row["claimed_demyelination"], row["claimed_remyelination"]) == ("yes", "yes")


def test_without_a_threshold_nothing_is_said_of_demyelination():
    row, rows = measured(*pair(np.random.default_rng(1)), threshold=np.nan)
    assert row["index_demyelination"] is row["limit_index"] is row["claimed_remyelination"] is None
    assert rows[0]["pct_demyelinated_before"] is None
    assert row["limit"] > 0


def test_a_participant_without_lesions_has_white_matter_alone():
    before, after, _, white = pair(np.random.default_rng(1), offset=0.05)
    nothing = Lesions(np.zeros(SHAPE, int), np.empty(0))
    row, rows = measured(before, after, nothing, white)
    assert rows == []
    assert row["offset"] == pytest.approx(0.05, abs=0.002)
    assert {row[key] for key in OF_LESIONS} == {None}


def test_a_lesion_outside_the_field_of_view_is_left_out():
    before, after, lesions, white = pair(np.random.default_rng(1))
    before[lesions.labels == 1] = 0
    after[lesions.labels == 3] = np.nan
    row, rows = measured(before, after, lesions, white)
    assert [lesion["lesion"] for lesion in rows] == [2]
    assert row["n_lesion_voxels"] == 27


def test_small_lesions_count_in_the_mean_and_are_not_listed():
    row, rows = measured(*pair(np.random.default_rng(1)), min_lesion_mm3=300)
    assert [lesion["lesion"] for lesion in rows] == [1, 2]
    assert row["n_lesion_voxels"] == 95


def test_too_little_white_matter_is_said():
    before, after, lesions, white = pair(np.random.default_rng(1))
    white[10:] = False
    with pytest.raises(InputError) as refusal:
        measured(before, np.where(white, 0, after), lesions, white)
    assert str(refusal.value) == (
        "sub-01_ses-01 and sub-01_ses-02 share 0 voxels of normal-appearing white matter with a DVR; expected at "
        "least 500 to compute the offset and limit of a change: check the regions of both scans."
    )


def test_unchanged_patients_are_claimed_at_most_as_often_as_alpha_says():
    """Of 120 unchanged heads at a level of .4, where not too few are, either; at .05 hardly any."""
    anyone = {0.4: 0, 0.05: 0}
    crossed = dict(anyone)
    for seed in range(120):
        images = pair(np.random.default_rng(seed), noise=0.06)
        for alpha in anyone:
            row, rows = measured(*images, alpha=alpha)
            anyone[alpha] += row["claimed"] == "yes" or row["n_lesions_claimed"] > 0
            crossed[alpha] += "yes" in (row["claimed_demyelination"], row["claimed_remyelination"])
    assert 0.1 < anyone[0.4] / 120 < 0.45
    assert 0.1 < crossed[0.4] / 120 < 0.45
    assert anyone[0.05] / 120 <= 0.08
    assert crossed[0.05] / 120 <= 0.08


def test_the_limit_follows_noise_and_size():
    limits = {}
    for noise in (0.02, 0.06):
        _, rows = measured(*pair(np.random.default_rng(1), noise=noise))
        limits[noise] = np.array([lesion["limit"] for lesion in rows])
    np.testing.assert_allclose(limits[0.06] / limits[0.02], 3, rtol=0.2)
    # independent noise: a mean of n voxels has an SD of sqrt(2 / n) of the noise; three lesions, a factor of 2.7
    expected = 2.7 * 0.02 * np.sqrt(2 / np.array([64, 27, 4]))
    np.testing.assert_allclose(limits[0.02], expected, rtol=0.3)


def test_slow_errors_count_for_the_mean_of_all_lesions_as_for_each():
    """An error as wide as half the head: averaging over lesions near each other does not take it away."""
    lesion, white, dvr = head()
    near = np.zeros(SHAPE)
    for corner in (8, 12, 16):
        near[corner : corner + 3, 12:15, 12:15] = 1
    lesions = shared_lesions([near], 0.5, 27.0)
    slope = 0.02 * (np.indices(SHAPE)[1] - 14.5) / 5
    rng = np.random.default_rng(0)
    before = np.where(dvr > 0, WHITE_DVR + 0.001 * rng.standard_normal(SHAPE), 0)
    row, rows = measured(before, np.where(before > 0, before + slope, 0), lesions, (dvr > 0) & (near == 0))
    assert row["limit"] > 0.7 * np.mean([one["limit"] for one in rows])


def test_shifted_lesions_keep_their_shape_and_lie_in_white_matter():
    lesion, white, _ = head()
    labels = shared_lesions([lesion], 0.5, 27.0).labels
    for number in (1, 2, 3):
        shape = np.argwhere(labels == number)
        places = fitting_places(shape, white, np.random.default_rng(3))
        voxels = voxels_at(shape, places, white)
        assert voxels.shape == (len(places), len(shape))
        assert (voxels >= 0).mean(axis=1).min() >= 0.9
        assert white.ravel()[voxels[voxels >= 0]].all()
        whole = voxels[(voxels >= 0).all(axis=1)]
        assert len(whole) > 100
        for draw in whole[:5]:
            steps = np.array(np.unravel_index(draw, SHAPE)).T - shape
            assert (steps == steps[0]).all()


def test_a_lesion_that_fits_nowhere_is_put_where_most_of_it_fits():
    labels = np.zeros(SHAPE, int)
    labels[2:28, 2:28, 14] = 1  # wider than the ball of white matter is at most places
    white = head()[1] & (labels == 0)
    shape = np.argwhere(labels)
    places = fitting_places(shape, white, np.random.default_rng(3))
    voxels = voxels_at(shape, places, white)
    assert 200 <= len(places) < 220  # as many as the last of them fits
    share = (voxels >= 0).mean(axis=1)
    assert 0.3 < share.min() < 0.9
    values = values_at(np.arange(white.size).reshape(SHAPE), voxels, np.random.default_rng(1))
    assert white.ravel()[values].all(), "a voxel that fell outside takes the value of one that did not"
    np.testing.assert_array_equal(values[voxels >= 0], voxels[voxels >= 0])


def test_all_lesions_of_a_draw_are_shifted_by_about_the_same_way():
    lesion, white, _ = head()
    labels = shared_lesions([lesion], 0.5, 27.0).labels
    shapes = [np.argwhere(labels == number) for number in (1, 2, 3, 4)]  # the last is empty
    rng = np.random.default_rng(3)
    places = [fitting_places(shape, white, rng) for shape in shapes]
    drawn = drawn_places(shapes, places, 300, rng)
    ways = [
        held[which] - centre_voxel(shape)
        for shape, held, which in zip(shapes[:3], places, drawn, strict=False)
    ]
    apart = np.linalg.norm(ways[0] - ways[1], axis=1)
    others = np.linalg.norm(ways[0] - np.random.default_rng(1).permutation(ways[1]), axis=1)
    assert np.median(apart) < 0.5 * np.median(others)
    assert len(np.unique(ways[0], axis=0)) > 50


def test_steep_places_change_more_and_count_so():
    rng = np.random.default_rng(0)
    average = np.zeros(SHAPE)
    average[15:] = 1.0  # steep at the 14th and 15th slice alone
    steep = np.zeros(SHAPE, bool)
    steep[14:16] = True
    change = np.where(steep, 0.3, 0.05) * rng.standard_normal(SHAPE)
    spread = spread_by_steepness(change, average, np.ones(SHAPE, bool))
    assert spread[14].mean() == pytest.approx(0.3, rel=0.15)
    assert spread[3].mean() == pytest.approx(0.05, rel=0.05)


def test_the_limit_of_a_lesion_at_a_border_is_wider():
    rng = np.random.default_rng(1)
    _, _, dvr = head()
    lesion = np.zeros(SHAPE)
    lesion[13:16, 13:16, 13:16] = 1
    lesion[6:9, 13:16, 13:16] = 1
    average = np.where(dvr > 0, WHITE_DVR, 0.0)
    average[:6] = np.where(dvr[:6] > 0, 0.5, 0)  # fluid along one side
    unsteady = np.zeros(SHAPE)
    unsteady[4:8] = 1
    change = np.where(dvr > 0, (0.02 + 0.1 * unsteady) * rng.standard_normal(SHAPE), 0)
    labels = shared_lesions([lesion], 0.5, 27.0).labels
    white = (dvr > 0) & (labels == 0) & (np.indices(SHAPE)[0] > 10)
    found = scan_rescan(change, average, labels, 2, white, dvr > 0, offset=0.0, seed=1)
    at_border, inside = (part.std() for part in found.changes)
    assert at_border > 1.5 * inside


def test_few_places_for_many_lesions_widen_a_limit():
    rng = np.random.default_rng(0)
    changes, averages = [rng.standard_normal((1000, 20))], [np.full(20, 1.0)]
    many, few = (ScanRescan(changes, averages, np.full(1, 0.2), np.zeros(1), n, 1) for n in (1000.0, 6.0))
    assert many.mean_limit(0.05) == pytest.approx(1.96 / np.sqrt(20), rel=0.1)
    assert few.mean_limit(0.05) / many.mean_limit(0.05) == pytest.approx(2.571 / 1.96, rel=0.01)


def on_grid(scan, images):
    lesion, white, _ = head()
    return OnCommonGrid(scan, lesion, white.astype(float), images)


def test_pairs_of_sessions_that_follow_each_other_and_sources_that_both_have():
    before, after, _, _ = pair(np.random.default_rng(1), changes=(0.2, 0, 0))
    sessions = [
        on_grid("sub-01_ses-a", {"predicted": before, "measured": before, "visible": before}),
        on_grid("sub-01_ses-b", {"predicted": after, "measured": after, "visible": after}),
        on_grid("sub-01_ses-c", {"predicted": after}),
    ]
    found = change_of(sessions, 27.0, THRESHOLD, SETTINGS)
    assert [(row["session_before"], row["session_after"], row["source"]) for row in found["changes"]] == [
        ("a", "b", "predicted"),
        ("a", "b", "measured"),
        ("b", "c", "predicted"),
    ]
    assert found["changes"][0]["lesion_volume_ml"] == pytest.approx(95 * 0.027)
    assert found["lesions"][0]["change_true"] == pytest.approx(0.2, abs=0.02)
    assert found["changes"][2]["change_true"] is None
    assert set(found["changes"][0]) == set(TABLES["changes"]) - {"subject", "group", "method"}
    assert set(found["lesions"][0]) == set(TABLES["lesions"]) - {"subject", "group", "method"}


def test_the_true_change_is_that_of_the_voxels_that_were_measured():
    before, after, _, _ = pair(np.random.default_rng(1), changes=(0.2, 0, 0))
    lesion, *_ = head()
    largest = shared_lesions([lesion], SETTINGS["threshold"], 27.0).labels == 1
    beyond = largest & (np.indices(largest.shape)[2] > np.argwhere(largest)[:, 2].mean())
    truth = np.where(beyond, before, after)  # nothing changes where no map has a value
    sessions = [
        on_grid("sub-01_ses-a", {"predicted": np.where(beyond, 0, before), "visible": before}),
        on_grid("sub-01_ses-b", {"predicted": np.where(beyond, 0, after), "visible": truth}),
    ]
    found = change_of(sessions, 27.0, THRESHOLD, SETTINGS)["lesions"][0]
    assert beyond.any()
    assert found["change_true"] == pytest.approx(0.2, abs=0.02)
    assert found["change"] == pytest.approx(found["change_true"], abs=0.05)


@pytest.fixture(scope="module")
def participant(tmp_path_factory):
    """A participant with two sessions on disk, each with a different PET grid. The first lesion regains .25."""
    folder = tmp_path_factory.mktemp("participant")
    affine = np.diag([3.0, 3, 3, 1])
    lesion, white, dvr = head()
    raised = dvr.copy()
    raised[8:12, 8:12, 8:12] += 0.25
    regions = np.select([lesion > 0, white], [REGION_CODES["lesion"], REGION_CODES["nawm"]], 0).astype(
        np.int16
    )
    save_volume(folder / "common.nii.gz", np.zeros(SHAPE), affine)
    names = ("xfm_t1w_to_common", "xfm_t1w_to_petref", "lesion", "regions", "predicted", "visible", "poses")
    files = {"common": str(folder / "common.nii.gz"), "measured": []} | {name: [] for name in names}
    for number, truth in enumerate((dvr, raised)):
        noise = np.where(dvr > 0, 0.01 * np.random.default_rng(number).standard_normal(SHAPE), 0)
        move = rigid(
            (0, 0, 0), (3.0 * number, 0, 0)
        )  # by a whole voxel: the PET and its grid are both shifted
        to_petref = {
            "lesion": affine,
            "regions": move @ affine,
            "predicted": move @ affine,
            "visible": move @ affine,
        }
        images = {"lesion": lesion, "regions": regions, "predicted": truth + noise, "visible": truth}
        for name, image in images.items():
            files[name].append(str(folder / f"{name}{number}.nii.gz"))
            save_volume(files[name][-1], image, to_petref[name])
        for name, matrix in (("xfm_t1w_to_common", np.eye(4)), ("xfm_t1w_to_petref", np.linalg.inv(move))):
            files[name].append(str(folder / f"{name}{number}.mat"))
            save_matrix(files[name][-1], matrix)
        files["poses"].append(str(folder / f"poses{number}.json"))
        write_json(files["poses"][-1], {"T1w": np.eye(4), "pet": move})
    return files, folder


def measure(files, output, scans=("sub-01_ses-01", "sub-01_ses-02"), **others):
    measure_change(
        files,
        list(scans),
        output,
        **{"subject": "01", "group": "MS", "method": "refiner", "with_pet": []} | others,
        healthy={"mean": WHITE_DVR, "sd": WHITE_DVR - THRESHOLD},
        settings=SETTINGS,
    )
    return read_json(output)


def test_a_participant_from_files(participant):
    files, folder = participant
    found = measure(files, folder / "sub-01.json")
    assert (found["subject"], found["sessions"], found["voxel_mm"]) == ("01", ["01", "02"], [3, 3, 3])
    assert found["healthy"]["threshold"] == pytest.approx(THRESHOLD)
    assert "predicted1.nii.gz" in found["Sources"]
    (row,) = found["changes"]
    assert (row["source"], row["method"], row["claimed"]) == ("predicted", "refiner", "yes")
    assert row["change"] == pytest.approx(0.25 * 64 / 95, abs=0.01)
    assert row["index_remyelination"] == pytest.approx(100 * 64 / 95, abs=2)
    assert row["claimed_remyelination"] == "yes"
    assert [lesion["claimed"] for lesion in found["lesions"]] == ["yes", "no", "no"]
    assert found["lesions"][0]["change_true"] == pytest.approx(0.25, abs=0.005)


def test_measured_dvr_of_both_sessions_is_a_row_of_its_own(participant):
    files, folder = participant
    with_pet = ["sub-01_ses-01", "sub-01_ses-02"]
    found = measure(files | {"measured": files["predicted"]}, folder / "pet.json", with_pet=with_pet)
    assert [(row["source"], row["method"]) for row in found["changes"]] == [
        ("predicted", "refiner"),
        ("measured", "pet"),
    ]
    one = measure(files | {"measured": files["predicted"][:1]}, folder / "one.json", with_pet=with_pet[:1])
    assert [row["source"] for row in one["changes"]] == ["predicted"]


def test_participants_are_gathered_into_two_tables(participant):
    files, folder = participant
    measure(files, folder / "a.json")
    unknown = {name: paths for name, paths in files.items() if name not in ("visible", "poses")}
    measure(unknown, folder / "b.json", subject="02", group="HC")
    outputs = {name: folder / f"{name}.tsv" for name in TABLES}
    gather_change([folder / "a.json", folder / "b.json"], outputs)
    tables = {name: read_table(path, numeric=True) for name, path in outputs.items()}
    assert {name: tuple(table.columns) for name, table in tables.items()} == TABLES
    assert tables["changes"].subject.astype(int).tolist() == [1, 2]
    assert tables["changes"].change_true.isna().tolist() == [False, True]
    # the hyperintensities of the control are no lesions
    assert tables["lesions"].subject.astype(int).tolist() == [1, 1, 1]
    assert tables["changes"].n_lesion_voxels.tolist() == [95, 0]


def test_a_sharp_interpolation_keeps_a_map_and_does_not_ring_at_its_edge(tmp_path):
    _, _, dvr = head()
    image = Volume(dvr.astype(np.float32), np.diag([3.0, 3, 3, 1]))
    save_matrix(tmp_path / "half.mat", rigid((0, 0, 0), (1.5, 0, 0)))
    half = resample_sharp(image, image, [tmp_path / "half.mat"]).data
    brain = half > 0
    # a voxel that is half inside counts
    np.testing.assert_array_equal(brain[:-1], (dvr[:-1] > 0) | (dvr[1:] > 0))
    # white matter of one value stays at it, to the last voxel before the edge
    edge = brain & ~(np.roll(dvr, 2, 0) > 0)
    np.testing.assert_allclose(half[edge], WHITE_DVR, atol=0.01)
    assert half[brain].max() < WHITE_DVR + 0.04
    there = resample_sharp(Volume(half, image.affine), image, [tmp_path / "half.mat"], inverted=[True]).data
    inside = (there > 0) & (dvr > 0)
    assert np.abs(there - dvr)[inside].std() < 0.02
    assert not resample_sharp(Volume(0 * half, image.affine), image, [tmp_path / "half.mat"]).data.any()
