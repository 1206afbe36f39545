"""Regions that the user gives: labels keep place and number on any grid, and a wrong image raises one message."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.datasets import load_mni152_brain_mask
from test_imaging_geometry import rigid

from myelosketch.cohort.atlases import mapped_atlases, plan_atlases
from myelosketch.errors import InputError
from myelosketch.evaluation.masks import region_masks
from myelosketch.evaluation.own_regions import label_scan, score_scan
from myelosketch.evaluation.own_regions_summary import gather, summarise, with_empty
from myelosketch.evaluation.regions import score_regions
from myelosketch.evaluation.standard_space import MNI_SHAPE
from myelosketch.imaging.own_regions import inverse_of_bend, labels_on_grid, load_labels, read_names
from myelosketch.imaging.registration.transforms import write_transform, write_warp
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import Volume, load_volume, save_volume
from myelosketch.reporting.tables.own_regions import own_region_tables

# points of petref to points of T1w, oblique; points of MNI152 to points of T1w
POSE, TO_MNI = rigid((8, -5, 12), (4, -6, 3)), rigid((-6, 3, -4), (2, 8, -5))
SHAPE = (60, 70, 60)
PETREF = np.diag([3.0, 3, 3, 1])
PETREF[:3, 3] = [-90, -105, -80]
# numbers like those of FreeSurfer, not in spatial order
LATE, EARLY, LEFT = 12175, 2, 1035
# of the template at its origin, mm
BEND = np.array([9.0, -5, 4])


@pytest.fixture(scope="module")
def brain():
    """Brain of the template, Volume, 1 mm."""
    image = load_mni152_brain_mask(resolution=1)
    return Volume(np.asarray(image.dataobj, np.uint8), np.asarray(image.affine, float))


@pytest.fixture
def head(tmp_path, brain):
    """Files of a scan whose T1w shows the template's head in another pose: dict of paths."""
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in ("petref", "brain", "warp_mni")}
    save_volume(paths["petref"], np.zeros(SHAPE, np.float32), PETREF)
    save_volume(paths["brain"], brain.data, TO_MNI @ brain.affine)
    for key, name, matrix in (
        ("xfm_t1w_to_petref", "s_from-T1w_to-petref_xfm.mat", POSE),
        ("xfm_t1w_to_mni", "s_from-T1w_to-MNI152_xfm.mat", TO_MNI),
    ):
        paths[key] = str(tmp_path / name)
        write_transform(paths[key], matrix)
    # no bend, until a test writes one
    return paths | {"warp_mni": ""}


def cut(tmp_path, files, image, *, space="T1w", names="", threshold=0.5):
    """Label map of a scan on its PET grid, Volume, and its table."""
    outputs = {"own_regions": tmp_path / "map.nii.gz", "own_regions_table": tmp_path / "map.tsv"}
    label_scan(files | {"image": str(image), "names": names}, outputs, space=space, threshold=threshold)
    return load_volume(outputs["own_regions"], dtype=np.int32), read_table(
        outputs["own_regions_table"], numeric=True
    )


def halves(brain):
    """Left and right half of the template's brain, as MNI152 has them: LEFT where x is negative, LATE elsewhere."""
    x = brain.affine[0, 0] * np.arange(brain.data.shape[0]) + brain.affine[0, 3]
    return np.where(brain.data > 0, np.where(x < 0, LEFT, LATE)[:, None, None], 0)


def mean_place(labels, number):
    """Centre of a label in the world of T1w, mm, of a map on petref."""
    voxels = np.argwhere(labels.data == number).mean(axis=0)
    return (POSE @ labels.affine @ np.append(voxels, 1))[:3]


def test_a_run_s_own_region_map_comes_back_voxel_by_voxel_and_gives_its_numbers(tmp_path, head):
    rng = np.random.default_rng(0)
    regions = np.zeros(SHAPE, np.uint8)
    regions[8:32, 8:36, 8:32] = rng.integers(1, 4, (24, 28, 24))
    dvr, predicted = (rng.normal(1.2, 0.1, SHAPE).astype(np.float32) for _ in range(2))
    dvr[10, 10:20, 10] = 0  # the PET has no value there
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in ("regions", "dvr", "refiner", "image")}
    for name, data in (("regions", regions), ("dvr", dvr), ("refiner", predicted)):
        save_volume(paths[name], data, PETREF)
    # stored as float, in another order of the axes, in the world of the T1w
    save_volume(paths["image"], regions[::-1].astype(np.float32) * 1000, POSE @ PETREF @ flip(SHAPE[0]))
    own, _ = cut(tmp_path, head, paths["image"])
    np.testing.assert_array_equal(own.data, regions.astype(int) * 1000)
    maps = {"own_regions": [tmp_path / "map.nii.gz"], "own_regions_table": [tmp_path / "map.tsv"]}
    options = {
        "atlases": ["own"], "methods": ["refiner"],
        "facts": {"scan": "sub-01", "subject": "01", "fold": 1, "group": "MS"},
    }  # fmt: skip
    scored = score_scan(paths | maps, tmp_path / "scores.tsv", **options)
    known = {row["region"]: row for row in score_regions(predicted, dvr, np.where(dvr != 0, regions, 0))}
    for number, name in ((1000, "other"), (2000, "nawm"), (3000, "lesion")):
        (row,) = scored[scored["index"] == number].to_dict("records")
        for column in ("mean_dvr_true", "mean_dvr_pred", "n_voxels"):
            assert row[column] == pytest.approx(known[name][column], rel=1e-12)
        assert row["coverage"] == row["n_voxels"] / region_masks(regions)[name].sum()
    # a new scan without PET
    alone = score_scan(paths | maps | {"dvr": []}, tmp_path / "alone.tsv", **options)
    assert alone["mean_dvr_true"].isna().all()
    assert (alone["coverage"] == 1).all()


def test_a_voxel_without_a_prediction_does_not_count_as_dvr_0(tmp_path):
    regions = np.full(SHAPE, 2, np.uint8)
    own = np.full(SHAPE, LEFT, np.int32)
    predicted = np.full(SHAPE, 1.2, np.float32)
    predicted[:, :, : SHAPE[2] // 4] = 0  # below the field of view of the MRI
    files = {name: tmp_path / f"{name}.nii.gz" for name in ("regions", "own_regions", "refiner")}
    for name, data in (("regions", regions), ("own_regions", own), ("refiner", predicted)):
        save_volume(files[name], data, PETREF)
    listed = pd.DataFrame([{"index": LEFT, "name": "left", "n_voxels": own.size, "n_beyond": 0}])
    write_table(listed, tmp_path / "own.tsv")
    (row,) = score_scan(
        files | {"own_regions": [files["own_regions"]], "own_regions_table": [tmp_path / "own.tsv"]},
        tmp_path / "scores.tsv",
        atlases=["own"],
        methods=["refiner"],
        facts={"scan": "sub-01", "subject": "01", "fold": 0, "group": "MS"},
    ).to_dict("records")
    assert row["mean_dvr_pred"] == pytest.approx(1.2)
    assert row["coverage"] == (predicted != 0).mean()


def flip(side):
    """Voxels in reverse along the first axis."""
    matrix = np.diag([-1.0, 1, 1, 1])
    matrix[0, 3] = side - 1
    return matrix


@pytest.mark.parametrize("space", ["T1w", "MNI152"])
def test_left_stays_left_in_both_spaces(tmp_path, head, brain, space):
    image = tmp_path / "halves.nii.gz"
    save_volume(image, halves(brain), TO_MNI @ brain.affine if space == "T1w" else brain.affine)
    own, table = cut(tmp_path, head, image, space=space)
    assert set(np.unique(own.data)) == {0, LEFT, LATE}
    # seen from MNI152 space
    left, right = ((np.linalg.inv(TO_MNI) @ np.append(mean_place(own, n), 1))[0] for n in (LEFT, LATE))
    assert left == pytest.approx(-right, abs=1)  # the plane x = 0 is LATE
    assert left < -25
    volume = (halves(brain) == LEFT).sum() / 1000
    (row,) = table[table["index"] == LEFT].to_dict("records")
    assert row["volume_ml"] + row["n_beyond"] * 0.027 == pytest.approx(volume, rel=0.01)


def test_a_bend_of_the_template_is_undone(tmp_path, head, brain):
    """A cube of the template is moved by the nonlinear warp, not only by the affine."""
    grid = np.diag([4.0, 4, 4, 1])
    grid[:3, 3] = [-98, -134, -72]
    points = np.moveaxis(np.indices((50, 59, 48)), 0, -1) @ grid[:3, :3].T + grid[:3, 3]
    # near the middle to the right, backward and upward, less and less away from it
    shift = np.exp(-(points**2).sum(axis=-1) / (2 * 40**2))[..., None] * BEND
    head["warp_mni"] = str(tmp_path / "s_from-T1w_to-MNI152_desc-warp_xfm.nii.gz")
    write_warp(head["warp_mni"], shift, grid)
    cube = np.zeros(MNI_SHAPE, np.int16)
    cube[88:108, 124:144, 62:82] = 7
    save_volume(tmp_path / "cube.nii.gz", cube, brain.affine)
    centre = np.argwhere(cube).mean(axis=0) @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    own, _ = cut(tmp_path, head, tmp_path / "cube.nii.gz", space="MNI152")
    moved = centre + np.exp(-(centre**2).sum() / (2 * 40**2)) * BEND
    found = (np.linalg.inv(TO_MNI) @ np.append(mean_place(own, 7), 1))[:3]
    np.testing.assert_allclose(found, moved, atol=0.7)
    unbend = inverse_of_bend(shift, grid)
    back = unbend(points[20:30, 20:30, 20:30].reshape(-1, 3).T)
    there = back.T + np.exp(-(back**2).sum(axis=0) / (2 * 40**2))[:, None] * BEND
    np.testing.assert_allclose(there, points[20:30, 20:30, 20:30].reshape(-1, 3), atol=0.1)


@pytest.mark.parametrize(
    ("threshold", "owner"),
    [(0.5, [EARLY, EARLY, LATE, LATE]), (0.75, [EARLY, EARLY, 0, LATE]), (1.0, [EARLY, 0, 0, LATE])],
)
def test_a_voxel_belongs_to_the_label_that_fills_most_of_it(threshold, owner):
    # four voxels of 4 mm over labels of 1 mm: wholly EARLY, 3 of 4, 1 of 4 (2 of 4 LATE), LATE
    row = [EARLY] * 7 + [LATE, EARLY, LATE, LATE, 0] + [LATE] * 4
    labels = Volume(np.broadcast_to(np.array(row, np.int32)[:, None, None], (16, 4, 4)), np.eye(4))
    grid = np.diag([4.0, 4, 4, 1])
    grid[:3, 3] = 1.5
    found = labels_on_grid(labels, (4, 1, 1), grid, np.eye(4), threshold=threshold)
    assert found.data[:, 0, 0].tolist() == owner


def test_voxels_beyond_the_field_of_view_are_counted():
    labels = Volume(np.full((8, 2, 2), EARLY, np.int32), np.eye(4))
    found = labels_on_grid(labels, (3, 2, 2), np.eye(4), np.eye(4), threshold=0.5)
    assert (found.data == EARLY).all()
    assert found.beyond == {EARLY: 5 * 4}
    apart = np.eye(4)
    apart[0, 3] = 100
    found = labels_on_grid(labels, (3, 2, 2), apart, np.eye(4), threshold=0.5)
    assert not found.data.any()
    assert found.beyond == {EARLY: 8 * 4}


def test_an_image_of_freesurfer_is_read_with_its_table_of_colours(tmp_path):
    data = np.zeros((6, 6, 6), np.int32)
    data[2:4], data[4] = LATE, EARLY
    nib.save(nib.MGHImage(data, np.diag([-1.0, 1, 1, 1])), tmp_path / "aparc+aseg.mgz")
    labels = load_labels(tmp_path / "aparc+aseg.mgz")
    assert set(np.unique(labels.data)) == {0, EARLY, LATE}
    (tmp_path / "LUT.txt").write_text(
        "#$Id$\n#No. Label Name:   R   G   B   A\n0   Unknown  0 0 0 0\n12175  wm_lh_S  25 60 25 0\n"
        "2   Left-Cerebral-White-Matter              245 245 245 0\n"
    )
    names = read_names(tmp_path / "LUT.txt")
    assert names[LATE] == "wm_lh_S"
    assert names[EARLY] == "Left-Cerebral-White-Matter"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data + 0.3 * (data > 0), "has values that are not whole"),
        (lambda data: np.where(data > 0, np.nan, 0), "has voxels that are not numbers"),
        (
            lambda data: np.where(data > 0, -data, 0),
            "has values from -1035 to 0; expected labels, whole numbers from 0",
        ),
        (lambda data: 0 * data, "is 0 everywhere; expected at least one label"),
        (lambda data: np.arange(data.size).reshape(data.shape), "different numbers, expected at most 2000"),
    ],
)
def test_an_image_that_holds_no_labels_is_refused(tmp_path, change, sentence):
    data = np.zeros((20, 20, 20))
    data[5:10, 5:10, 5:10] = LEFT
    save_volume(tmp_path / "labels.nii.gz", change(data), np.eye(4))
    with pytest.raises(InputError, match=sentence):
        load_labels(tmp_path / "labels.nii.gz")


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (
            "T1w",
            r"is not aligned with the T1w image of this scan \(brain.nii.gz\): \d+ % of its labelled voxels",
        ),
        (
            "MNI152",
            r"is not aligned with the MNI152 template: \d+ % of its labelled voxels are in that brain",
        ),
    ],
)
def test_labels_that_lie_elsewhere_are_refused(tmp_path, head, brain, space, sentence):
    # its world begins at the first voxel, as of an image whose affine was lost
    save_volume(tmp_path / "lost.nii.gz", halves(brain), np.eye(4))
    with pytest.raises(InputError, match=sentence):
        cut(tmp_path, head, tmp_path / "lost.nii.gz", space=space)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.tsv", "number\tname\n1\tleft\n", "lacks the column index (found number, name)"),
        ("a.tsv", "index\tname\n1a\tleft\n", "has the index '1a'; expected a whole number from 0"),
        ("a.tsv", "index\tname\n1\tleft\n1\tright\n", "names the label 1 twice (left and right)"),
        ("a.txt", "left 1\n", "has no line with a number, a name and a colour"),
    ],
)
def test_a_table_of_names_with_a_fault_is_refused(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_names(tmp_path / name)
    assert sentence in str(caught.value)


# which file each scan has


def test_files_come_from_a_column_or_are_one_for_all(tmp_path):
    for name in ("fs/1.mgz", "fs/1.tsv", "fs/2.nii.gz", "jhu.nii.gz", "lut.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    rows = {
        "sub-01": {"aparc": "fs/1.mgz", "segmentation": None},
        "sub-02": {"aparc": "fs/2.nii.gz", "segmentation": str(tmp_path / "fs/2.nii.gz")},
        "sub-03": {"aparc": None, "segmentation": None},
    }
    jhu = str(tmp_path / "jhu.nii.gz")
    atlases = {
        "aparc": {"image": "aparc"},
        "jhu": {"image": jhu, "labels": str(tmp_path / "lut.txt")},
        "seg": {"image": "segmentation"},
    }
    planned = plan_atlases(atlases, rows, folder=tmp_path)
    fs = tmp_path / "fs"
    assert planned["aparc"] == {
        "sub-01": (str(fs / "1.mgz"), "T1w", str(fs / "1.tsv")),
        "sub-02": (str(fs / "2.nii.gz"), "T1w", ""),
    }
    assert planned["jhu"] == dict.fromkeys(rows, (jhu, "MNI152", str(tmp_path / "lut.txt")))
    assert planned["seg"] == {"sub-02": (str(fs / "2.nii.gz"), "T1w", "")}


@pytest.mark.parametrize(
    ("atlas", "sentence"),
    [
        (
            {"jhu": {"image": "jhu.nii.gz"}},
            "evaluation.atlases.jhu.image: jhu.nii.gz cannot be used (file does not exist)",
        ),
        ({"a": {"image": "aparcc"}}, "nor a column of the cohort's table: did you mean aparc?"),
        (
            {"a": {"image": "empty"}},
            "is the column empty of the cohort's table, which is blank for every scan",
        ),
        ({"a": {"image": "aparc"}}, "Column aparc of sub-01 (evaluation.atlases.a): "),
        (
            {"regions": {"image": "aparc"}},
            "the run has its own label map with that name; choose another name",
        ),
        ({"a": {"image": "aparc", "labels": "no.tsv"}}, "evaluation.atlases.a.labels: no.tsv cannot be used"),
    ],
)
def test_a_setting_with_a_fault_is_one_sentence(tmp_path, atlas, sentence):
    rows = {"sub-01": {"aparc": "gone.nii.gz", "empty": None}}
    with pytest.raises(InputError) as caught:
        plan_atlases(atlas, rows, folder=tmp_path)
    assert sentence in str(caught.value)


# over all scans


def scan_rows(scan, group="MS", offset=0.0, **regions):
    """Rows of a scan for one method: region -> measured DVR, None without a voxel."""
    return [
        {
            **{"atlas": "own", "index": place, "region": name, "method": "refiner", "scan": scan},
            **{"subject": scan[4:8], "fold": 1, "group": group, "mean_dvr_true": value},
            "mean_dvr_pred": None if value is None else value + offset,
            "n_voxels": 0 if value is None else 10,
            "coverage": 0.0 if value is None else 1.0,
        }
        for place, (name, value) in enumerate(regions.items(), start=1)
    ]


def test_a_copy_without_images_takes_the_label_maps_that_came_with_it(tmp_path):
    (tmp_path / "lobes_sub-1").touch()

    def path(atlas: str, scan: str) -> str:
        return str(tmp_path / f"{atlas}_{scan}")

    assert list(mapped_atlases(["lobes"], ["sub-1", "sub-2"], path=path)["lobes"]) == ["sub-1"]
    with pytest.raises(InputError) as caught:
        mapped_atlases(["tracts"], ["sub-1"], path=path)
    assert str(caught.value) == (
        "evaluation.atlases.tracts: this copy of results has none of its label maps, such as "
        f"{path('tracts', 'sub-1')}: "
        "copy the whole results folder of the finished run."
    )


def test_a_region_that_a_scan_lacks_is_n_a_and_in_no_mean(tmp_path):
    tables = []
    for number, rows in enumerate(
        (
            scan_rows("sub-MS01", offset=0.1, left=1.0, right=1.2),
            scan_rows("sub-MS02", offset=0.2, left=1.1, right=None),
            scan_rows("sub-MS03", offset=0.3, left=1.2),  # its image has no such label
        )
    ):
        tables.append(tmp_path / f"{number}.tsv")
        write_table(pd.DataFrame(rows), tables[-1])
    options = {"methods": ["refiner"], "draws": 1000, "seed": 1, "alpha": 0.05}
    gather(tables, tmp_path / "all.tsv", tmp_path / "summary.tsv", **options)
    table = read_table(tmp_path / "all.tsv")
    assert table[table["region"] == "right"]["mean_dvr_pred"].isna().tolist() == [False, True, True]
    assert table[table["region"] == "right"]["n_voxels"].tolist() == ["10", "0", "0"]
    left, right = read_table(tmp_path / "summary.tsv", numeric=True).to_dict("records")
    assert (left["n"], right["n"]) == (3, 1)
    assert left["mean_dvr_true"] == pytest.approx(1.1)
    assert left["error"] == pytest.approx(0.2)
    assert left["error_ci_low"] < 0.2 < left["error_ci_high"]
    assert right["error"] == pytest.approx(0.1)
    assert pd.isna(right["error_ci_low"])


def test_a_participant_with_two_sessions_counts_once():
    rows = scan_rows("sub-MS01_ses-01", left=1.0) + scan_rows("sub-MS01_ses-02", left=1.4)
    rows += scan_rows("sub-MS02_ses-01", left=0.8) + scan_rows("sub-MS03_ses-01", left=0.8)
    options = {"methods": ["refiner"], "draws": 1000, "seed": 1, "alpha": 0.05}
    (row,) = summarise(with_empty(pd.DataFrame(rows), ["refiner"]), **options).to_dict("records")
    assert row["n"] == 3
    assert row["mean_dvr_true"] == pytest.approx((1.2 + 0.8 + 0.8) / 3)


def test_without_a_pet_there_is_a_prediction_alone(tmp_path):
    rows = [row | {"mean_dvr_true": np.nan} for row in scan_rows("sub-MS01", group=None, left=1.0)]
    options = {"methods": ["refiner"], "draws": 1000, "seed": 1, "alpha": 0.05}
    (row,) = summarise(with_empty(pd.DataFrame(rows), ["refiner"]), **options).to_dict("records")
    assert (row["n"], row["mean_dvr_pred"]) == (1, 1.0)
    assert np.isnan([row["mean_dvr_true"], row["error"], row["icc"], row["mean_dvr_pred_ci_low"]]).all()


def test_a_label_with_two_names_is_refused(tmp_path):
    for number, name in enumerate(("left", "right")):
        write_table(pd.DataFrame(scan_rows(f"sub-MS0{number}", **{name: 1.0})), tmp_path / f"{number}.tsv")
    with pytest.raises(
        InputError, match="Label 1 of evaluation.atlases.own is called left and right in diff"
    ):
        gather(
            [tmp_path / "0.tsv", tmp_path / "1.tsv"], tmp_path / "a.tsv", tmp_path / "b.tsv",
            methods=["refiner"], draws=1000, seed=1, alpha=0.05,
        )  # fmt: skip


def test_the_report_shows_the_regions_of_the_method_shown(tmp_path):
    assert own_region_tables(RunFolder(tmp_path), method="refiner") == []
    rows = [row for n in range(1, 5) for row in scan_rows(f"sub-MS0{n}", offset=0.01 * n, left=1 + n / 10)]
    options = {"methods": ["refiner"], "draws": 1000, "seed": 1, "alpha": 0.05}
    write_table(
        summarise(with_empty(pd.DataFrame(rows), ["refiner"]), **options),
        tmp_path / "evaluation/own_regions_summary.tsv",
    )
    (table,) = own_region_tables(RunFolder(tmp_path), method="refiner")
    (shown,) = table.rows
    assert shown[:3] == ["own", "left", "MS"]
    assert shown[5].startswith("0.025 (")
    assert shown[-2:] == ["100", "4"]
