"""Harmonisation: known white matter, maps of another scanner corrected, no leakage, and each refusal."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_learning_cohort import load_fold, tiny_settings, write_cohort

from myelosketch.cohort.plan import Cohort
from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.learning.baselines import fit_baseline
from myelosketch.learning.checks import check_controls_of_sites
from myelosketch.learning.data import TrainingScan, data_hash, load_maps
from myelosketch.learning.harmonisation import (
    as_the_model_knows,
    few_controls_sentence,
    harmonise,
    harmonise_training,
    model_white_matter,
    site_statistics_of_files,
    white_matter_statistics,
)
from myelosketch.learning.ladder import network_settings
from myelosketch.learning.packs import pack_scans, read_packs
from myelosketch.learning.predict import predict_scan
from myelosketch.learning.training import configuration_hash, train_stage

# gain and offset of another scanner for MTR, FA, RD and AD
SLOPE, OFFSET = np.array([0.9, 1.1, 1.2, 1.05]), np.array([-3.0, 0.02, 0.05, 0.1])
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
SITES = {f"sub-{n:02d}": "A" if n <= 4 else "B" for n in range(1, 9)}
CONTROLS = ["sub-03", "sub-04", "sub-07", "sub-08"]


def measured_there(maps, support):
    """Maps (4, x, y, z) as the other scanner gives them."""
    there = SLOPE[:, None, None, None] * maps + OFFSET[:, None, None, None]
    return np.where(support, there, 0).astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight scans, (names, files): sub-05 to sub-08 are sub-01 to sub-04 as site B sees them; two patients each."""
    folder = tmp_path_factory.mktemp("data")
    names, files = write_cohort(folder, count=4, patients=2)
    files = {key: list(paths) for key, paths in files.items()}
    for number in range(4):
        maps = load_maps({key: files[key][number] for key in ("mtr", "fa", "rd", "ad")})
        there = measured_there(maps.data, maps.support)
        for key, image in zip(("mtr", "fa", "rd", "ad"), there, strict=True):
            path = folder / f"sub-{number + 5:02d}_{key}.nii.gz"
            save_volume(path, image, AFFINE)
            files[key].append(str(path))
        for key in ("dvr", "regions"):
            files[key].append(files[key][number])
    return [*names, *(f"sub-{number:02d}" for number in range(5, 9))], files


@pytest.fixture(scope="module")
def scans(data):
    return load_fold(*data)


def maps_of(files, number):
    return {key: files[key][number - 1] for key in ("mtr", "fa", "rd", "ad")}


def scan_of(values, name="sub-01"):
    """A control whose white matter has these values of each map, (4, n)."""
    maps = np.asarray(values, np.float32)[:, :, None, None]
    regions = np.full(maps.shape[1:], 2, np.uint8)
    return TrainingScan(name, maps, regions > 0, np.ones(regions.shape, np.float32), regions)


def test_statistics_are_means_over_controls_of_median_and_mad():
    first = scan_of([[38, 40, 42, 44, 900]] * 4)  # median 42, deviations 4 2 0 2 858: MAD 2
    second = scan_of([[48, 50, 52, 0, 100]] * 4)  # median 50, deviations 2 0 2 50 50: MAD 2
    found = white_matter_statistics([first, second])
    assert found == {
        name: {"mean": 46.0, "sd": pytest.approx(1.4826 * 2), "n_controls": 2} for name in INPUT_MAPS
    }


def test_statistics_see_white_matter_alone(scans):
    control = scans[2]
    found = white_matter_statistics([control])
    changed = replace(control, maps=np.where(control.regions == 2, control.maps, 7))
    assert white_matter_statistics([changed]) == found
    assert found["MTR"]["mean"] == pytest.approx(np.median(control.maps[0][control.regions == 2]))


def test_statistics_of_files_are_those_of_the_scans(data, scans):
    names, files = data
    controls = {
        names[number]: {key: files[key][number] for key in (*("mtr", "fa", "rd", "ad"), "regions")}
        for number in (2, 3)
    }
    assert site_statistics_of_files(controls) == white_matter_statistics(scans[2:4])


def test_the_harmonised_white_matter_is_that_of_the_model(scans):
    model, site = white_matter_statistics(scans[2:4]), white_matter_statistics(scans[6:8])
    assert abs(model["MTR"]["mean"] - site["MTR"]["mean"]) > 5
    moved = [replace(scan, maps=harmonise(scan.maps, scan.support, site, model)) for scan in scans[6:8]]
    found = white_matter_statistics(moved)
    for name in INPUT_MAPS:
        assert found[name] == pytest.approx(model[name], rel=1e-5)
    # the scanner's gain and offset are undone, in lesions of patients too
    patient = harmonise(scans[4].maps, scans[4].support, site, model)
    assert patient == pytest.approx(scans[0].maps, rel=1e-4, abs=1e-4)
    assert (patient[:, ~scans[4].support] == 0).all()


def test_a_map_without_a_value_gets_none(scans):
    # the field of view of the MTR ends within that of the diffusion; as a value, 0 would hide that
    maps, support = scans[6].maps.copy(), scans[6].support
    maps[0, :, :, :8] = 0
    assert (support[:, :, :8]).any()
    moved = harmonise(maps, support, white_matter_statistics(scans[6:8]), white_matter_statistics(scans[2:4]))
    assert ((moved != 0) == (maps != 0)).all()


def test_a_site_that_is_the_model_keeps_its_maps_to_the_bit(scans):
    own = white_matter_statistics(scans[2:4])
    assert (harmonise(scans[0].maps, scans[0].support, own, own) == scans[0].maps).all()


def test_training_scans_of_two_sites_become_alike(scans):
    there, entries = harmonise_training(scans, CONTROLS, SITES, setting="controls", fold=1)
    known = entries["harmonisation"]
    a, b = known["sites"]["A"], known["sites"]["B"]
    for name in INPUT_MAPS:
        for key in ("mean", "sd"):
            assert known["reference"][name][key] == pytest.approx((a[name][key] + b[name][key]) / 2)
            assert entries["white_matter"][name][key] == pytest.approx(
                known["reference"][name][key], rel=1e-5
            )
    assert entries["white_matter"]["MTR"]["n_controls"] == 4
    for number in range(4):
        assert there[number].maps == pytest.approx(there[number + 4].maps, rel=1e-4, abs=1e-4)
        assert (there[number].dvr == scans[number].dvr).all()


def test_without_the_setting_nothing_changes_and_the_card_tells_the_white_matter(scans):
    same, entries = harmonise_training(scans[:4], CONTROLS, {}, setting="none")
    assert data_hash(same) == data_hash(scans[:4])
    assert entries == {"harmonisation": None, "white_matter": white_matter_statistics(scans[2:4])}
    assert harmonise_training(scans[:2], [], {}, setting="none")[1]["white_matter"] is None


def test_no_scan_that_a_fold_holds_out_has_a_part_in_it(data, tmp_path):
    names, files = data

    def entries_of(files, folder):
        packs = [tmp_path / folder / f"{fold}.safetensors" for fold in (1, 2)]
        for pack, fold in zip(packs, (names[::2], names[1::2]), strict=True):
            numbers = [names.index(name) for name in fold]
            pack_scans(fold, {key: [paths[n] for n in numbers] for key, paths in files.items()}, pack)
        trained = read_packs(names[:7], packs)  # all but the control sub-08, which the packs hold
        return harmonise_training(trained, CONTROLS, SITES, setting="controls")[1]

    other = {key: list(paths) for key, paths in files.items()}
    changed = load_volume(files["mtr"][7])
    other["mtr"][7] = str(tmp_path / "other.nii.gz")
    save_volume(other["mtr"][7], changed.data * 2, changed.affine)
    assert entries_of(files, "right") == entries_of(other, "other")
    other["mtr"][6] = other["mtr"][7]  # that of a training control does count
    assert entries_of(files, "right") != entries_of(other, "trained")


@pytest.mark.parametrize("method", ["ridgemeans", "trees", "sketcher"])
def test_a_held_out_scan_is_predicted_alike_from_either_scanner(data, scans, tmp_path, capsys, method):
    names, files = data
    trained = [scan for scan in scans if scan.name not in ("sub-01", "sub-05")]
    if method != "sketcher":
        options = {"harmonise": "controls", "controls": CONTROLS, "sites": SITES, "fold": 1}
        card = fit_baseline(method, trained, tmp_path, seed=5, **options)
    else:
        settings = tiny_settings(harmonise="controls")
        options = {"settings": settings, "seed": 5, "device": "cpu", "controls": CONTROLS, "sites": SITES}
        card = train_stage(method, trained, tmp_path, **options)
    assert set(card["harmonisation"]["sites"]) == {"A", "B"}
    predicted = {}
    for number, site in ((1, "A"), (5, "B"), (5, "C"), (5, None)):
        output = tmp_path / f"{number}{site}.nii.gz"
        predict_scan(maps_of(files, number), {method: tmp_path}, {method: output}, device="cpu", site=site)
        predicted[number, site] = load_volume(output).data
    # a value that rounding moves over a threshold of a tree makes a step
    of_all = np.mean if method == "trees" else np.max
    known, unknown = (of_all(np.abs(predicted[5, site] - predicted[1, "A"])) for site in "BC")
    assert known < 2e-4
    assert known < 0.1 * unknown
    said = [line for line in capsys.readouterr().out.splitlines() if "not harmonised" in line]
    assert said == [
        "Site C has no healthy control in the model, so the maps are not harmonised: all predictions may be too "
        "high or too low.",
        "The site without a name has no healthy control in the model, so the maps are not harmonised: "
        "all predictions may be too high or too low.",
    ]


def test_a_model_of_one_scanner_says_nothing_of_sites(data, capsys):
    _, files = data
    maps = load_maps(maps_of(files, 1))
    assert as_the_model_knows(maps, {"harmonisation": None}, "Z") is maps
    assert as_the_model_knows(maps, {}, None) is maps
    assert capsys.readouterr().out == ""


def test_the_setting_trains_a_network_again():
    none, controls = tiny_settings(), tiny_settings(harmonise="controls")
    assert configuration_hash("sketcher", none, 5) != configuration_hash("sketcher", controls, 5)
    every = dict.fromkeys(("precision", "validation")) | controls
    assert network_settings(every, "sketcher")["harmonise"] == "controls"


def test_white_matter_of_a_run_is_the_mean_over_its_folds(scans):
    cards = [{"white_matter": white_matter_statistics(scans[part])} for part in (slice(2, 3), slice(2, 4))]
    found = model_white_matter(cards)
    for name in INPUT_MAPS:
        means = [card["white_matter"][name]["mean"] for card in cards]
        assert found[name]["mean"] == pytest.approx(np.mean(means))
        assert found[name]["n_controls"] == 1
    message = (
        "a model card has no entry white_matter, so no site can be harmonised to it: train it again with healthy "
        "controls, or set prediction.harmonise: none."
    )
    for lacking in ([], [{"white_matter": None}], [{}, *cards]):
        with pytest.raises(InputError, match=re.escape(message)):
            model_white_matter(lacking)


@pytest.mark.parametrize(
    ("controls", "which"),
    [
        (["sub-01"], "the site B"),
        ([], "the sites A, B"),
        (["sub-05", "sub-99"], "the site A"),
    ],
)
def test_a_site_without_a_control_is_refused(scans, controls, which):
    message = (
        f"training.harmonise is controls, but no training scan of fold 2 is a healthy control of {which}: add "
        "controls, list the site in cohort.external_sites, or set training.harmonise: none."
    )
    with pytest.raises(InputError, match=re.escape(message)):
        harmonise_training(scans, controls, SITES, setting="controls", fold=2)
    with pytest.raises(InputError, match=re.escape(message)):
        check_controls_of_sites(SITES, controls, SITES, fold=2)


def test_a_table_without_sites_is_one_site():
    rows = pd.DataFrame(
        [
            {"scan": f"sub-{name}", "subject": name, "group": group, "site": None}
            for name, group in (("1", "MS"), ("2", "HC"), ("3", "HC"))
        ]
    )
    rows = rows.astype(object).where(rows.notna(), None)
    folds = pd.DataFrame({"subject": ["1", "2", "3"], "fold": [1, 1, 2]})
    cohort = Cohort(rows, rows, rows[:0], folds)
    assert cohort.train_sites(2, "controls") == {"sub-1": "", "sub-2": ""}
    assert cohort.train_sites(2, "none") == {}
    message = "is a healthy control of the site without a name: add controls"
    with pytest.raises(InputError, match=re.escape(message)):
        check_controls_of_sites(["sub-1"], ["sub-2"], cohort.site, fold=1)


def test_few_controls_are_said(scans, capsys):
    assert few_controls_sentence("B", 3) is None
    assert few_controls_sentence("B", 2) == (
        "Site B has 2 healthy controls; with fewer than 3 the error of its white matter is as large as the "
        "difference between scanners: add controls, or do not harmonise."
    )
    assert few_controls_sentence("", 1).startswith("The site without a name has 1 healthy control; with")
    harmonise_training(scans, CONTROLS, SITES, setting="controls")
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" has ")[0] for line in said] == ["Site A", "Site B"]


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        (scan_of([[1, 1, 1, 1, 5]] + [[1, 2, 3, 4, 5]] * 3, "sub-07"),
         "MTR of sub-07 has one value in most of the white matter: check the map."),
        (replace(scan_of([[1, 2, 3]] * 4, "sub-07"), regions=np.ones((3, 1, 1), np.uint8)),
         "sub-07 has no voxel of white matter, so it cannot be used to harmonise its site: exclude it."),
    ],
)  # fmt: skip
def test_a_control_that_says_nothing(scan, message):
    with pytest.raises(InputError, match=re.escape(message)):
        white_matter_statistics([scan])


def test_no_control_at_all():
    message = "there is no healthy control with measurable white matter: add controls."
    with pytest.raises(InputError, match=re.escape(message)):
        site_statistics_of_files({})
