"""Augmentation of crops, and predictions that are means: mirrored, and over draws of the dropout."""

import json

import numpy as np
import pytest
import torch
from test_learning_cohort import cohort, tiny_settings, write_cohort  # noqa: F401

from myelosketch.learning.augmentation import Augmentation, cut_placed
from myelosketch.learning.crops import DVR, MAPS, SUPPORT, WEIGHTS, FoldCrops, cut_around, prepare_scan
from myelosketch.learning.data import fit_normalisation, load_fold
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.predict import predict_scan, sd_path
from myelosketch.learning.training import train_stage
from myelosketch.volumes import load_volume

CHANNELS = {"smooth": [DVR], "masked": (range(MAPS, MAPS + 2), SUPPORT), "weights": WEIGHTS}


def ball(radius=9, side=24):
    """Support, DVR, weights and two maps of a ball whose first map is 5 and whose second rises along x."""
    index = np.indices((side,) * 3).astype(np.float32)
    inside = np.sqrt(((index - side // 2) ** 2).sum(axis=0)) < radius
    weights = inside / inside.sum()
    volume = np.stack([inside, 1 + 0.01 * index[0], weights, 5.0 * inside, index[0] * inside])
    return volume.astype(np.float32)


def crops_of(data, augmentation, **options):
    scans = load_fold(*data)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss="weighted_l1") for scan in scans]
    return FoldCrops(
        scans, prepared, crop=[16, 16, 16], batch=1, steps=8, augmentation=augmentation, **options
    )


def test_a_head_that_is_not_moved_is_cut_as_without_augmentation():
    volume = ball()
    plain = cut_around(torch.from_numpy(volume), (12, 12, 12), (16, 16, 16)).numpy()
    placed = cut_placed(volume, (12, 12, 12), (16, 16, 16), np.eye(3), **CHANNELS)
    assert placed == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_a_moved_head_keeps_its_values_its_edge_and_the_weight_of_its_region(seed):
    volume = ball()
    augmentation = Augmentation(rotation_deg=20, zoom=0.1)
    matrix = augmentation.placement(np.random.default_rng(seed))
    cut = cut_placed(volume, (12, 12, 12), (24, 24, 24), matrix, **CHANNELS)
    inside = cut[SUPPORT] > 0
    assert set(np.unique(cut[SUPPORT])) == {0, 1}
    assert cut[MAPS][inside] == pytest.approx(5, abs=1e-4)  # the edge does not bleed into the background
    assert (cut[MAPS:, ~inside] == 0).all()
    assert cut[WEIGHTS].sum() == pytest.approx(1, abs=0.03)
    assert (cut[WEIGHTS][~inside] == 0).all()
    inner = cut_placed(volume, (12, 12, 12), (6, 6, 6), matrix, **CHANNELS)
    where = np.tensordot(matrix, np.indices((6, 6, 6)) - 3, 1)[0] + 12
    assert inner[MAPS + 1] == pytest.approx(where, abs=1e-3)
    assert inner[DVR] == pytest.approx(1 + 0.01 * where, abs=1e-4)  # maps and target move together


def test_a_turn_is_a_rotation_and_a_zoom_a_change_of_size():
    turned = Augmentation(rotation_deg=30).placement(np.random.default_rng(1))
    assert turned @ turned.T == pytest.approx(np.eye(3), abs=1e-9)
    zoomed = Augmentation(zoom=0.2).placement(np.random.default_rng(1))
    assert zoomed == pytest.approx(zoomed[0, 0] * np.eye(3), abs=1e-9)
    assert zoomed[0, 0] != 1


def test_brightness_changes_each_map_by_one_line_and_nothing_else(cohort):  # noqa: F811
    plain = crops_of(cohort, None)
    bright = crops_of(cohort, Augmentation(intensity_scale=0.2, intensity_shift=0.3))
    lines = set()
    for step in range(4):
        a, b = plain[0, step], bright[0, step]
        for key in ("support", "dvr", "weights"):
            assert (a[key] == b[key]).all()
        inside = a["support"][0, 0] > 0
        for before, after in zip(a["maps"][0], b["maps"][0], strict=True):
            slope, shift = np.polyfit(before[inside].numpy(), after[inside].numpy(), 1)
            assert after[inside].numpy() == pytest.approx(slope * before[inside].numpy() + shift, abs=1e-4)
            assert (after[~inside] == 0).all()
            lines.add((round(slope, 4), round(shift, 4)))
    assert len(lines) == 16


def test_strength_0_is_off_and_a_crop_is_a_function_of_its_place(cohort):  # noqa: F811
    off, none = crops_of(cohort, Augmentation(), flips=True), crops_of(cohort, None, flips=True)
    strong = Augmentation(0.1, 0.1, 10, 0.1)
    first, again = crops_of(cohort, strong, flips=True), crops_of(cohort, strong, flips=True)
    for step in range(4):
        for key in ("maps", "support", "dvr", "weights"):
            assert (off[2, step][key] == none[2, step][key]).all()
            assert (first[2, step][key] == again[2, step][key]).all()
    assert (first[2, 0]["maps"] != off[2, 0]["maps"]).any()


def test_whole_volumes_are_moved_too_and_training_takes_it_all(cohort, tmp_path):  # noqa: F811
    strengths = {"intensity_scale": 0.1, "intensity_shift": 0.1, "rotation_deg": 5.0, "zoom": 0.05}
    settings = tiny_settings(augmentation=strengths, crop=None, batch=1)
    card = train_stage("unet", load_fold(*cohort), tmp_path, settings=settings, seed=1, device="cpu")
    assert card["settings"]["augmentation"] == strengths
    tensors = NetworkModel.load(tmp_path, method="unet").generator.state_dict()
    assert all(np.isfinite(tensor.numpy()).all() for tensor in tensors.values())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fold")
    data = write_cohort(folder / "data")
    train_stage(
        "unet", load_fold(*data), folder / "unet", settings=tiny_settings(), seed=1, device="cpu", fold=1
    )
    return data, folder / "unet"


def test_the_mean_of_mirrored_predictions_does_not_know_left_from_right(trained):
    data, folder = trained
    model, scan = NetworkModel.load(folder, method="unet"), load_fold(*data)[0]
    # sides that need no filling up, which would be at one end only
    maps, support = scan.maps[:, :14, :14, :14], np.ones((14, 14, 14), bool)
    plain, mean = model.predict(maps, support), model.predict(maps, support, flips=True)
    mirrored = model.predict(maps[:, ::-1].copy(), support[::-1].copy(), flips=True)[::-1]
    assert mean == pytest.approx(mirrored, abs=1e-5)
    assert np.abs(mean - plain).max() > 1e-4


def test_draws_of_the_dropout_have_a_mean_and_a_deviation_and_repeat(trained):
    data, folder = trained
    model, scan = NetworkModel.load(folder, method="unet"), load_fold(*data)[0]
    off, no_deviation = model.predict_with_sd(scan.maps, scan.support)
    one, undefined = model.predict_with_sd(scan.maps, scan.support, dropout_draws=1)
    mean, deviation = model.predict_with_sd(scan.maps, scan.support, dropout_draws=5)
    again, _ = model.predict_with_sd(scan.maps, scan.support, dropout_draws=5)
    assert no_deviation is None
    assert undefined is None
    assert (mean == again).all()
    assert (one != off).any()
    assert (deviation[scan.support] > 0).mean() > 0.9
    assert (deviation[~scan.support] == 0).all()
    assert (model.predict(scan.maps, scan.support) == off).all()  # dropout is off again


def test_deviations_are_written_beside_the_predictions_when_asked_for(trained, tmp_path):
    (_, files), folder = trained
    maps = {key: files[key][0] for key in ("mtr", "fa", "rd", "ad")}
    path = tmp_path / "sub-01_trc-PIB_meas-DVR_desc-unet_mimap.nii.gz"
    predict_scan(maps, {"unet": folder}, {"unet": path}, device="cpu")
    beside = tmp_path / "sub-01_trc-PIB_meas-DVR_desc-unet_stat-std_mimap.nii.gz"
    assert sd_path(path) == str(beside)
    assert not beside.exists()
    predict_scan(maps, {"unet": folder}, {"unet": path}, dropout_draws=3, flips=True, device="cpu")
    assert load_volume(beside).data.max() > 0
    sidecar = json.loads((tmp_path / beside.name.replace(".nii.gz", ".json")).read_text())
    assert sidecar["Description"].startswith("SD of that DVR over 3 draws")
