"""The report's table of thresholds per fold, for the configured reference."""

import numpy as np
import pytest

from myelosketch.evaluation.reference import GRID_AFFINE, GRID_SHAPE
from myelosketch.io.provenance import write_json
from myelosketch.io.run_files import RunFolder
from myelosketch.io.volumes import save_volume
from myelosketch.reporting.tables.thresholds import threshold_table

MEAN, SD = 1.27, 0.08


@pytest.fixture
def run(tmp_path):
    """One fold: 100 places of the template with means of 1.00 to 1.99 and an SD of 0.10, the others unknown."""
    folder = tmp_path / "training/fold-1"
    card = {"fold": 1, "mean": MEAN, "sd": SD, "n_voxels": 5000, "controls": ["19", "20"], "note": None}
    write_json(folder / "threshold.json", card)
    maps = {"mean": np.full(GRID_SHAPE, MEAN), "sd": np.full(GRID_SHAPE, SD)}
    maps["mean"].flat[:100] = 1 + np.arange(100) / 100 + 1e-4
    maps["sd"].flat[:100] = 0.1
    for name, data in maps.items():
        save_volume(folder / f"white-matter_{name}.nii.gz", data, GRID_AFFINE)
    return RunFolder(tmp_path)


def test_one_threshold_for_the_whole_brain(run):
    view = threshold_table(run, k=1.0, reference="pooled")
    assert view.header == ["Fold", "Mean DVR", "SD", "Threshold (mean \u2212 1 SD)", "Training controls"]
    assert view.rows == [["Fold 1", "1.270", "0.080", "1.190", "2"]]
    assert "pooled" in view.note


def test_a_threshold_for_each_place(run):
    view = threshold_table(run, k=2.0, reference="voxelwise")
    assert view.header[:2] == ["Fold", "Reference"]
    assert view.rows == [
        ["Fold 1", "whole brain", "1.270", "0.080", "1.110", "2"],
        [
            *("Fold 1", "by place"),
            *("1.495 (1.050 to 1.941)", "0.100 (0.100 to 0.100)", "1.295 (0.850 to 1.741)"),
            "2",
        ],
    ]
    assert "By place (in force)" in view.note


def test_a_fold_without_controls_says_so(run):
    folder = run.path("training/fold-1")
    note = "no control among the training scans of this fold"
    write_json(folder / "threshold.json", {"fold": 1, "mean": None, "sd": None, "controls": [], "note": note})
    for name in ("mean", "sd"):
        save_volume(folder / f"white-matter_{name}.nii.gz", np.zeros(GRID_SHAPE), GRID_AFFINE)
    view = threshold_table(run, k=1.0, reference="voxelwise")
    assert view.rows == [["Fold 1", name, "n/a", "n/a", "n/a", "0"] for name in ("whole brain", "by place")]
    assert view.note.endswith(f"Fold 1: {note}.")


def test_without_a_threshold_or_a_map_there_is_a_sentence(run, tmp_path):
    run.path("training/fold-1/white-matter_sd.nii.gz").unlink()
    view = threshold_table(run, k=1.0, reference="voxelwise")
    assert view.missing.startswith("Not shown: ")
    assert "white-matter_sd.nii.gz" in view.missing
    assert threshold_table(RunFolder(tmp_path / "none"), k=1.0, reference="pooled").missing == (
        "Not shown: no threshold.json was made in this run."
    )
