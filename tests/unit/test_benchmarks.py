"""The benchmarks can be imported, and the one that compares tables finds differences."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = sorted(path.stem for path in (Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.fixture(autouse=True)
def path_of_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_can_be_imported(name):
    """Every part of the library that it uses still exists."""
    assert importlib.import_module(name).__doc__


def test_tables_are_compared_by_the_column_that_differs_most():
    compare = importlib.import_module("instruction_sets").differences
    table = pd.DataFrame({"scan": ["a", "b"], "mae": [0.1, 0.2], "n": [1, 2]})
    assert compare({"t": table}, {"t": table}) == []
    other = table.assign(mae=[0.1, 0.25], n=[1, 2.1])
    assert compare({"t": other}, {"t": table}) == [
        {"table": "t", "column": "mae", "difference": pytest.approx(0.05), "largest": 0.2}
    ]
    assert compare({"t": table.assign(mae=[0.1, np.nan])}, {"t": table})[0]["difference"] == np.inf
    assert compare({"t": table[:1]}, {"t": table})[0]["column"] == "number of rows"
