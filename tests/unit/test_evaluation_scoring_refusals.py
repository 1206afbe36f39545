"""Scoring refuses other grids, holes, models trained on the participant, and invalid settings."""

import json

import numpy as np
import pytest
from evaluation_files import write_tissues
from scored_scan import AFFINE, Scan

from myelosketch.errors import GeometryError, InputError
from myelosketch.io.provenance import write_json


@pytest.fixture
def scan(tmp_path):
    return Scan(tmp_path)


def test_a_prediction_on_another_grid_is_an_error(scan):
    scan.add("refiner", scan.measured[:-1])
    with pytest.raises(GeometryError) as error:
        scan.score()
    assert str(error.value).startswith(
        f"{scan.dvr} has shape (14, 14, 14) but {scan.predictions['refiner']} has (13, 14, 14): "
    )


def test_a_hole_in_a_prediction_is_an_error(scan):
    holed = scan.measured.copy()
    holed[5, 5, 5:7] = np.nan
    scan.add("refiner", holed)
    with pytest.raises(InputError) as error:
        scan.score()
    assert str(error.value) == (
        f"{scan.predictions['refiner']} has 2 brain voxels without a finite DVR; expected a value in every "
        "one: run the prediction of refiner again, and its training if that does not help."
    )


@pytest.mark.parametrize("sidecar", [{"Fold": 2}, {"Parameters": {"fold": 2}}])
def test_a_prediction_by_a_model_that_saw_the_participant_is_an_error(scan, sidecar):
    scan.add("refiner", scan.measured)
    write_json(scan.folder / "refiner.json", sidecar)
    with pytest.raises(InputError) as error:
        scan.score()
    assert str(error.value) == (
        "refiner.nii.gz was made by the model of fold 2, which trained on sub-01 (held out of fold 1): "
        "delete it and run its prediction again."
    )
    write_json(scan.folder / "refiner.json", json.loads(json.dumps(sidecar).replace("2", "1")))
    scan.score()


def test_the_threshold_of_another_fold_is_an_error(scan):
    scan.add("refiner", scan.measured)
    with pytest.raises(InputError, match="belongs to fold 1, but sub-01 is held out of fold 2"):
        scan.score(fold=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dvr_range": (2, 0)},
            "evaluation.dvr_range is [2, 0]; expected a lower DVR, then a higher one.",
        ),
        (
            {"lesion_sizes_mm3": [300, 100]},
            "evaluation.lesion_sizes_mm3 is [300, 100]; expected increasing volumes in mm3.",
        ),
        (
            {"reference": "local"},
            "evaluation.reference is 'local'; expected one of pooled, voxelwise.",
        ),
    ],
)
def test_settings_that_are_none_are_errors(scan, changes, message):
    with pytest.raises(InputError) as error:
        scan.score(**changes)
    assert str(error.value) == message


def test_fractions_on_another_grid_are_an_error(scan):
    write_tissues(scan.folder / "fractions.nii.gz", 2 * AFFINE, brain=scan.labels > 0)
    scan.add("refiner", scan.measured)
    with pytest.raises(GeometryError, match="they must share one grid"):
        scan.score()
