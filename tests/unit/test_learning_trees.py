"""Boosted trees: our arrays predict as scikit-learn does; region weights, and repeatability."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from test_learning_cohort import cohort, load_fold, make_arrays  # noqa: F401
from threadpoolctl import threadpool_limits

from myelosketch.errors import InputError
from myelosketch.io.names import REGION_CODES
from myelosketch.learning import trees
from myelosketch.learning.baselines import fit_baseline
from myelosketch.learning.data import fit_normalisation
from myelosketch.learning.models import WEIGHTS
from myelosketch.learning.trees import TreesModel, as_arrays, predict_arrays, sample_of_scan


@pytest.mark.parametrize("missing", [False, True])
def test_our_prediction_is_that_of_scikit_learn(missing):
    random = np.random.default_rng(3)
    x = random.standard_normal((4000, 6))
    y = np.sin(3 * x[:, 0]) + x[:, 1] * (x[:, 2] > 0.3) + 1.2
    if missing:
        x[random.random(x.shape) < 0.1] = np.nan
    model = HistGradientBoostingRegressor(max_iter=40, max_leaf_nodes=15, early_stopping=False).fit(x, y)
    arrays = as_arrays(model)
    assert all(array.dtype.names is None for array in arrays.values())  # plain, as safetensors needs
    seen = np.concatenate([x, 5 * random.standard_normal((2000, 6))])
    assert np.abs(predict_arrays(arrays, seen) - model.predict(seen)).max() < 1e-6


def test_trees_find_what_no_line_can(cohort, tmp_path):  # noqa: F811
    scans = [
        replace(scan, dvr=np.where(scan.maps[0] > 35, 1.3, 0.9).astype(np.float32))
        for scan in load_fold(*cohort)
    ]
    card = fit_baseline("trees", scans, tmp_path, seed=1, fold=2)
    maps, _, regions = make_arrays(9)
    predicted = TreesModel.load(tmp_path).predict(maps, maps[3] > 0)
    clear = (regions > 0) & (np.abs(maps[0] - 35) > 1)
    assert np.abs(predicted - np.where(maps[0] > 35, 1.3, 0.9))[clear].max() < 0.05
    assert (predicted[maps[3] <= 0] == 0).all()
    assert (card["method"], card["fold"], card["seed"]) == ("trees", 2, 1)
    assert card["settings"]["max_leaf_nodes"] == 15


def test_each_region_of_a_scan_weighs_the_same_whatever_is_drawn_of_it(cohort, monkeypatch):  # noqa: F811
    monkeypatch.setattr(trees, "LARGEST_REGION", 50)
    scan = load_fold(*cohort)[0]
    rows, dvr, weights = sample_of_scan(scan, fit_normalisation([scan]), seed=1)
    drawn = scan.brain & scan.support
    sizes = [min(50, int((scan.regions[drawn] == code).sum())) for code in REGION_CODES.values()]
    assert len(rows) == len(dvr) == sum(sizes)
    of_regions = np.split(weights, np.cumsum(sizes)[:-1])
    assert [part.sum() for part in of_regions] == pytest.approx([1 / 3] * 3)
    again = sample_of_scan(scan, fit_normalisation([scan]), seed=1)
    assert (again[0] == rows).all()
    assert (sample_of_scan(scan, fit_normalisation([scan]), seed=2)[0] != rows).any()


def test_the_means_are_of_the_neighbours_inside_the_brain():
    support = np.zeros((7, 7, 7), bool)
    support[2:5, 2:5, 2:5] = True
    rows = trees.features(np.full((2, 7, 7, 7), 3.0), support)
    assert rows.shape == (27, 6)
    assert np.allclose(rows, 3)


def test_the_same_seed_gives_the_same_bytes_on_one_thread_and_on_two(cohort, tmp_path):  # noqa: F811
    scans = load_fold(*cohort)
    for name, threads in (("one", 1), ("two", 2)):
        with threadpool_limits(threads):
            fit_baseline("trees", scans, tmp_path / name, seed=4)
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "two" / WEIGHTS).read_bytes()


def test_a_folder_of_another_method_is_refused(cohort, tmp_path):  # noqa: F811
    fit_baseline("ridgemeans", load_fold(*cohort), tmp_path)
    with pytest.raises(InputError, match="belongs to the method ridgemeans; expected trees"):
        TreesModel.load(tmp_path)
