"""The storage order of images changes neither the training data nor a mirrored prediction."""

import numpy as np
import pytest
import torch
from intake_scans import store_as
from scipy.spatial.transform import Rotation
from test_learning_cohort import tiny_settings, write_cohort

from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.learning.data import INPUT_MAPS, TRAINING_FILES, Normalisation, load_maps
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.networks import build_generator
from myelosketch.learning.packs import pack_scans

NORMALISATION = Normalisation((35.0, 0.35, 0.7, 1.2), (4.0, 0.06, 0.1, 0.1), 1.1, 0.2, INPUT_MAPS)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    return write_cohort(folder, count=2, patients=1)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    settings = tiny_settings()
    return NetworkModel(build_generator("unet", settings, NORMALISATION), NORMALISATION, {}, "cpu")


def stored(files, folder, axes, angles):
    """The same images of a head in another pose, in files of another order."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    found = {key: [] for key in files}
    for key, paths in files.items():
        for path in paths:
            image = load_volume(path)
            found[key].append(str(folder / path.rpartition("/")[2]))
            save_volume(found[key][-1], image.data, turn @ image.affine)
            store_as(found[key][-1], axes)
    return found


@pytest.mark.parametrize("angles", [(0, 0, 0), (20, -15, 30)], ids=["straight", "oblique"])
@pytest.mark.parametrize("axes", ["LAS", "PIR", "SAR"])
def test_packs_and_mirrored_predictions_are_the_same(cohort, model, tmp_path, axes, angles):
    scans, files = cohort
    others = stored(files, tmp_path, axes, angles)
    pack_scans(scans, files, tmp_path / "ras.safetensors")
    pack_scans(scans, others, tmp_path / "other.safetensors")
    assert (tmp_path / "ras.safetensors").read_bytes() == (tmp_path / "other.safetensors").read_bytes()
    first, second = (load_maps({key: paths[key][0] for key in TRAINING_FILES}) for paths in (files, others))
    predicted = [model.predict(maps.data, maps.support, flips=True) for maps in (first, second)]
    np.testing.assert_array_equal(*predicted)


def test_a_mirrored_prediction_mirrors_left_and_right(cohort, model):
    """A head and its mirror image have maps that mirror each other, along the first axis and no other."""
    maps = load_maps({key: cohort[1][key][0] for key in TRAINING_FILES})
    whole = np.ones_like(maps.support)
    predicted = model.predict(maps.data, whole, flips=True)
    assert np.abs(predicted - model.predict(maps.data, whole)).max() > 1e-3
    for axis in range(3):
        mirrored = model.predict(np.flip(maps.data, axis + 1).copy(), whole, flips=True)
        same = np.allclose(np.flip(mirrored, axis), predicted, atol=1e-5)
        assert same == (axis == 0)
