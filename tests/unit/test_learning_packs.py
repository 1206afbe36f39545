"""Packs: training on a fold reads the same values as from the images, and nothing of other scans."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from test_learning_cohort import load_fold, write_cohort

from myelosketch.errors import InputError
from myelosketch.io import names
from myelosketch.learning.data import TRAINING_FILES, data_hash
from myelosketch.learning.packs import pack_scans, read_packs


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with the derivatives of four scans, and the values that training reads from them."""
    root = tmp_path_factory.mktemp("results")
    scans, files = write_cohort(root / "data", count=4, patients=2)
    for number, scan in enumerate(scans):
        for key in TRAINING_FILES:
            path = names.path(root, key, scan=scan)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(files[key][number], path)
    return root, scans, load_fold(scans, files)


def files_of(root, scans):
    """Inputs of a pack, one list per kind."""
    return {key: [names.path(root, key, scan=scan) for scan in scans] for key in TRAINING_FILES}


@pytest.fixture(scope="module")
def packs(results):
    root, scans, _ = results
    paths = [root / f"{fold}.safetensors" for fold in (1, 2)]
    for path, fold in zip(paths, (scans[::2], scans[1::2]), strict=True):
        pack_scans(fold, files_of(root, fold), path)
    return paths


def test_a_pack_gives_the_scans_as_the_images_do(results, packs):
    _, scans, read = results
    packed = read_packs(scans, packs)
    assert data_hash(packed) == data_hash(read)  # names, order and every voxel
    for ours, theirs in zip(packed, read, strict=True):
        assert ours.support.dtype == bool
        assert ours.maps.dtype == theirs.maps.dtype == np.float32
        np.testing.assert_array_equal(ours.support, theirs.support)


def test_only_the_scans_asked_for_are_read(results, packs):
    _, scans, read = results
    assert [scan.name for scan in read_packs(scans[1:3], packs)] == scans[1:3]
    assert data_hash(read_packs(scans[:1], packs[:1])) == data_hash(read[:1])


def test_a_scan_that_no_pack_holds(results, packs):
    _, scans, _ = results
    with pytest.raises(
        InputError,
        match=f"no pack of training scans contains {scans[1]}, {scans[3]}: delete results/training",
    ):
        read_packs(scans, packs[:1])


def test_a_fold_without_lesions(results, packs):
    _, scans, read = results
    healthy = [scan.name for scan in read if not (scan.regions == 3).any()]
    with pytest.raises(InputError, match="has a lesion voxel"):
        read_packs(healthy, packs)


def test_every_scan_that_cannot_be_trained_on_is_named_at_once(results, tmp_path):
    root, scans, _ = results
    copy = tmp_path / "results"
    shutil.copytree(root / "derivatives", copy / "derivatives")
    for scan in scans[:2]:
        path = names.path(copy, "dvr", scan=scan)
        image = nib.load(path)
        data = np.where(image.get_fdata() > 0, np.nan, 0).astype(np.float32)
        nib.save(nib.Nifti1Image(data, image.affine), path)
    with pytest.raises(InputError) as caught:
        pack_scans(scans, files_of(copy, scans), tmp_path / "pack.safetensors")
    shared = [
        line.count("have no brain voxel with a DVR in common") for line in str(caught.value).splitlines()
    ]
    assert shared == [1, 1]
    assert not (tmp_path / "pack.safetensors").exists()
