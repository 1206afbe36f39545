"""A tiny cohort with known answers for the tests of the package learning, and tests of its fold data."""

import json

import numpy as np
import pytest
import torch

from myelosketch.errors import GeometryError, InputError
from myelosketch.io.volumes import save_volume
from myelosketch.learning import crops as crops_module
from myelosketch.learning.crops import FoldCrops, cut_around, prepare_scan
from myelosketch.learning.data import (
    TRAINING_FILES,
    check_fold,
    fit_normalisation,
    load_maps,
    load_training_scan,
)
from myelosketch.learning.losses import weighted_l1

SHAPE = (20, 22, 18)
# DVR = INTERCEPT + SLOPES . (MTR, FA, RD, AD): what a linear model must find again
SLOPES, INTERCEPT = np.array([0.012, 0.5, -0.2, 0.1]), 0.6


def make_arrays(number, *, patient=True):
    """Maps (4, x, y, z), DVR and regions of one participant: a ball of brain, white inside, a lesion in
    patients."""
    random = np.random.default_rng([7, number])
    radius = np.sqrt(sum((np.indices(SHAPE)[axis] - SHAPE[axis] / 2) ** 2 for axis in range(3)))
    regions = np.where(radius < 8, 1, 0) + (radius < 5)
    if patient:
        regions[8:11, 9:12, 8:10] = 3
    brain = regions > 0
    means, sds = np.array([35.0, 0.35, 0.7, 1.2]), np.array([4.0, 0.06, 0.1, 0.1])
    maps = means[:, None, None, None] + sds[:, None, None, None] * random.standard_normal((4, *SHAPE))
    maps[0] -= 6 * (regions == 3)
    maps = (maps * brain).astype(np.float32)
    dvr = (np.tensordot(SLOPES, maps, 1) + INTERCEPT) * brain
    return maps, dvr.astype(np.float32), regions.astype(np.uint8)


def load_fold(names, files):
    """Training scans of a fold, from the files of `write_cohort`."""
    of_scans = (dict(zip(files, paths, strict=True)) for paths in zip(*files.values(), strict=True))
    return check_fold([load_training_scan(name, own) for name, own in zip(names, of_scans, strict=True)])


def write_cohort(folder, count=4, patients=3):
    """Files of a tiny cohort: (names, files)."""
    names, files = [], {key: [] for key in TRAINING_FILES}
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    for number in range(1, count + 1):
        names.append(f"sub-{number:02d}")
        maps, dvr, regions = make_arrays(number, patient=number <= patients)
        for key, array in zip(TRAINING_FILES, (*maps, dvr, regions), strict=True):
            path = folder / f"{names[-1]}_{key}.nii.gz"
            save_volume(path, array, affine)
            files[key].append(str(path))
    return names, files


def tiny_settings(**changes):
    """Settings of a training run that takes a second."""
    settings = {
        "precision": "32",
        "crop": [16, 16, 16],
        "batch": 2,
        "steps_per_epoch": 2,
        "flips": True,
        "harmonise": "none",
        "inputs": ["MTR", "FA", "RD", "AD"],
        "schedule": "cosine",
        "ema": 0.0,
        "beta1": 0.5,
        "adversarial": "nonsaturating",
        "generator": {"widths": [4, 8], "dropout": 0.5},
        "discriminator": {"widths": [2, 2, 4, 4], "patch": [16, 16, 16]},
    }
    gan = {"epochs": 2, "learning_rate": 1e-3, "discriminator_learning_rate": 1e-4, "lambda_l1": 100.0}
    regional = {"lesion_crops": 0.25, "reduction": "mean_present", "cap": None}
    settings["sketcher"] = gan
    settings["refiner"] = {**gan, **regional, "residual": True}
    plain = {"epochs": 1, "learning_rate": 1e-3, "lambda_l1": 100.0}
    settings["unet"] = plain
    settings["unetroi"] = {**plain, **regional}
    settings["dnn2"] = {**plain, "widths": [4, 4]}
    return json.loads(json.dumps({**settings, **changes}))


@pytest.fixture
def cohort(tmp_path):
    return write_cohort(tmp_path / "data")


def rewrite(path, change):
    """Save an image again after a change of its voxels."""
    import nibabel as nib

    image = nib.load(path)
    save_volume(path, change(np.asarray(image.dataobj).astype(np.float32)), image.affine)


def test_normalisation_is_the_mean_and_sd_over_all_brain_voxels(cohort):
    scans = load_fold(*cohort)
    found = fit_normalisation(scans)
    brain = np.concatenate(
        [make_arrays(n, patient=n <= 3)[0][:, make_arrays(n)[2] > 0] for n in range(1, 5)], axis=1
    )
    assert found.mean == pytest.approx(brain.mean(axis=1), rel=1e-5)
    assert found.sd == pytest.approx(brain.std(axis=1), rel=1e-5)


def test_scores_are_zero_outside_the_support_of_the_maps(cohort):
    scans = load_fold(*cohort)
    scores = fit_normalisation(scans).standardise(scans[0].maps, scans[0].support)
    assert (scores[:, ~scans[0].support] == 0).all()
    assert (scores[:, scans[0].support] != 0).any()


def test_the_support_is_where_the_axial_diffusivity_is_above_zero(cohort):
    names, files = cohort
    rewrite(files["ad"][0], lambda data: np.where(np.indices(data.shape)[0] < 10, 0, data))
    maps = load_maps({key: paths[0] for key, paths in files.items()})
    assert not maps.support[:10].any()
    assert maps.support[12, 11, 9]
    assert (maps.data[:, ~maps.support] == 0).all()


def test_a_map_that_is_not_finite_is_a_sentence(cohort):
    names, files = cohort
    rewrite(files["fa"][1], lambda data: np.where(np.indices(data.shape).sum(0) == 29, np.nan, data))
    with pytest.raises(
        InputError, match=r"sub-02_fa.nii.gz has \d+ voxels inside the brain that are not finite"
    ):
        load_fold(names, files)


@pytest.mark.parametrize("nothing", [0, np.nan], ids=str)
def test_voxels_without_a_measured_dvr_are_in_no_region_loss_or_mean(cohort, nothing):
    names, files = cohort
    whole = load_fold(*cohort)
    rewrite(files["dvr"][0], lambda data: np.where(np.indices(data.shape)[2] > 8, nothing, data))
    scan = load_fold(names, files)[0]
    seen = whole[0].brain & (np.indices(scan.dvr.shape)[2] < seen_slices(whole[0]))
    np.testing.assert_array_equal(scan.brain, seen)
    np.testing.assert_array_equal(scan.dvr, np.where(seen, whole[0].dvr, 0))
    np.testing.assert_array_equal(scan.maps, whole[0].maps)  # the head is still predicted from whole
    assert fit_normalisation([scan]).dvr_mean == pytest.approx(whole[0].dvr[seen].mean(), rel=1e-5)
    for loss in ("l1", "weighted_l1"):
        support, dvr, weights = prepare_scan(scan, fit_normalisation([scan]), loss=loss)[:3]
        assert weights.sum() == pytest.approx(1, rel=1e-5)
        assert not weights[~seen].any()
        # a prediction that is wrong by .1 everywhere has this loss, whatever its values outside the measured voxels
        predicted = torch.from_numpy(np.where(seen, dvr + 0.1, 7).astype(np.float32))[None, None]
        target, weight = (torch.from_numpy(array)[None, None] for array in (dvr, weights))
        assert weighted_l1(predicted, target, weight).item() == pytest.approx(0.1, rel=1e-4)


def test_voxels_without_mri_maps_are_in_no_region_loss_or_mean(cohort):
    names, files = cohort
    rewrite(files["ad"][0], lambda data: np.where(np.indices(data.shape)[2] > 8, 0, data))
    scan = load_fold(names, files)[0]
    assert scan.brain.any()
    assert not (scan.brain & ~scan.support).any()
    inside = [scan.maps[0][scan.brain].mean(), scan.dvr[scan.brain].mean()]
    assert (scan.maps[0][scan.brain] > 0).all()
    found = fit_normalisation([scan])
    assert [found.mean[0], found.dvr_mean] == pytest.approx(inside, rel=1e-5)


def seen_slices(scan):
    """Slices of a cut scan below the ninth of the whole image."""
    return 9 - np.flatnonzero(make_arrays(1)[2].any(axis=(0, 1)))[0]


def test_a_map_on_another_grid_is_an_error_naming_both_files(cohort):
    names, files = cohort
    save_volume(files["rd"][0], np.ones(SHAPE, np.float32), np.diag([2.0, 3, 3, 1]))
    with pytest.raises(GeometryError, match="sub-01_mtr.*sub-01_rd"):
        load_fold(names, files)


def test_a_fold_without_a_lesion_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="none of the 2 training scans .* has a lesion voxel"):
        load_fold(*write_cohort(tmp_path, count=2, patients=0))


class Planned:
    """Replaces a random stream: whether the crop is centred on a lesion, and the number of its voxel."""

    def __init__(self, at_lesion, number):
        self.at_lesion, self.number = at_lesion, number

    def random(self):
        return 0.0 if self.at_lesion else 1.0

    def integers(self, _):
        return self.number


@pytest.mark.parametrize(("loss", "share"), [("l1", 0.0), ("weighted_l1", 0.0), ("weighted_l1", 0.7)])
@pytest.mark.parametrize("crop", [[8, 12, 8], [16, 24, 16]], ids=str)  # the second is larger than a side
def test_the_expected_loss_of_a_crop_is_that_of_the_whole_volume(cohort, loss, share, crop):
    """Exactly: every centre's crop is cut once, with its probability; in each voxel, so for any error."""
    scans = load_fold(*cohort)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss=loss) for scan in scans]
    crops = FoldCrops(scans, prepared, crop=crop, batch=1, steps=1, lesion_crops=share)
    for number, (scan, whole) in enumerate(zip(scans, prepared, strict=True)):
        lesions = len(crops.lesion[number])
        at_lesion = share if lesions else 0.0
        brain = int(scan.brain.sum())
        likely = [(False, voxel, (1 - at_lesion) / brain) for voxel in range(brain)]
        likely += [(True, voxel, at_lesion / lesions) for voxel in range(lesions) if at_lesion]
        place = torch.arange(scan.brain.size).reshape(1, *scan.brain.shape) + 1
        expected = torch.zeros(scan.brain.size + 1, dtype=torch.float64)  # the first: outside the image
        for in_lesion, voxel, probability in likely:
            cut = crops._cut(number, Planned(in_lesion, voxel))[crops_module.WEIGHTS].double()
            centre = (crops.lesion if in_lesion else crops.brain)[number][voxel]
            expected.index_add_(0, cut_around(place, centre, crop).flatten(), cut.flatten() * probability)
        assert not expected[0]
        assert expected[1:].numpy() == pytest.approx(whole[crops_module.WEIGHTS].ravel(), rel=1e-4, abs=1e-12)


def test_the_crops_that_are_drawn_have_that_expectation(cohort):
    """As they come, by seed: the mean of the summed weights over many steps is what the whole volumes sum to."""
    scans = load_fold(*cohort)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss="weighted_l1") for scan in scans]
    crops = FoldCrops(scans, prepared, crop=[8, 8, 8], batch=4, steps=400, lesion_crops=0.5, seed=3)
    drawn = [float(crops[0, step]["weights"].sum()) / 4 for step in range(400)]
    assert np.mean(drawn) == pytest.approx(1, abs=3 * np.std(drawn) / 20)  # mean over the regions present: 1


def test_a_whole_volume_keeps_the_weights_and_is_filled_up_to_the_stride(cohort):
    scans = load_fold(*cohort)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss="l1") for scan in scans]
    batch = FoldCrops(scans, prepared, crop=None, batch=1, steps=1, multiple=4)[0, 0]
    assert batch["weights"].sum() == pytest.approx(1, abs=1e-5)
    assert all(side % 4 == 0 for side in batch["maps"].shape[2:])


def test_batches_depend_on_seed_epoch_and_step_alone(cohort):
    scans = load_fold(*cohort)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss="l1") for scan in scans]
    make = lambda seed: FoldCrops(scans, prepared, crop=[8, 8, 8], batch=2, steps=5, flips=True, seed=seed)  # noqa: E731
    first, second = make(1), make(1)
    _ = [first[0, step] for step in range(5)]
    assert (first[3, 2]["maps"] == second[3, 2]["maps"]).all()
    assert not (first[3, 2]["maps"] == first[3, 3]["maps"]).all()
    assert not (first[3, 2]["maps"] == make(2)[3, 2]["maps"]).all()


def test_every_scan_is_seen_equally_often(cohort):
    scans = load_fold(*cohort)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss="l1") for scan in scans]
    crops = FoldCrops(scans, prepared, crop=[8, 8, 8], batch=2, steps=6)
    seen = [number for epoch in range(2) for step in range(6) for number in crops._turn(epoch, step)]
    assert sorted(seen) == sorted(list(range(4)) * 6)


def test_a_flip_moves_maps_target_and_weights_together(cohort):
    scans = load_fold(*cohort)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss="l1") for scan in scans]
    still = FoldCrops(scans, prepared, crop=[16, 16, 16], batch=1, steps=8)
    moved = FoldCrops(scans, prepared, crop=[16, 16, 16], batch=1, steps=8, flips=True)
    flipped = 0
    for step in range(8):
        a, b = still[0, step], moved[0, step]
        mirror = not (a["maps"] == b["maps"]).all()
        flipped += mirror
        for key in a:
            assert (b[key] == (a[key].flip(2) if mirror else a[key])).all(), key
    assert 0 < flipped < 8


@pytest.mark.parametrize("share_of_need", [0.9, 1.1])
def test_scans_are_held_and_cut_on_a_device_that_has_room_for_them(cohort, monkeypatch, share_of_need):
    """A meta tensor replaces that of a GPU: an operation that mixed it with one in memory would fail."""
    scans = load_fold(*cohort)
    prepared = [prepare_scan(scan, fit_normalisation(scans), loss="l1") for scan in scans]
    need = sum(volume.nbytes for volume in prepared) / crops_module.FREE_SHARE
    monkeypatch.setattr(crops_module, "free_memory", lambda _: need * share_of_need)
    options = {"crop": [8, 8, 8], "batch": 2, "steps": 4, "flips": True}
    crops = FoldCrops(scans, prepared, **options)
    crops.hold_on(torch.device("meta"))
    batch = crops[0, 0]
    assert {tensor.device.type for tensor in batch.values()} == {"meta" if share_of_need > 1 else "cpu"}
    assert batch["maps"].shape == (2, 4, 8, 8, 8)


def test_a_crop_larger_than_the_image_is_filled_with_zeros():
    volume = torch.ones(7, 5, 6, 7)
    cut = cut_around(volume, (2, 2, 2), (8, 4, 8))
    assert cut.shape == (7, 8, 4, 8)
    assert cut[0].sum() == 5 * 4 * 7
