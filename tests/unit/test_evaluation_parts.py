"""Scans scored together give the rows that each gives alone, and a record of their masks."""

import pandas as pd
import pytest
from scored_scan import SETTINGS, Scan

from myelosketch.cohort.parts import files_gone
from myelosketch.errors import InputError
from myelosketch.evaluation.parts import score_scans
from myelosketch.evaluation.scoring import TABLES
from myelosketch.evaluation.summary import read_scores
from myelosketch.tables import read_table


def scan_of(folder, number):
    """A scan on disk with one prediction."""
    (folder / f"{number}").mkdir()
    scan = Scan(folder / f"{number}", seed=number)
    scan.add("ridge", scan.measured + 0.02 * number)
    return scan


def entry(scan, number):
    """What `score_scans` is told of it."""
    return {
        "scan": f"sub-{number}",
        "subject": f"{number}",
        "group": "MS",
        "fold": 1,
        "files": scan.files(),
        "predictions": scan.predictions,
        "masks": scan.masks | {"pet": scan.folder / "pet_mask.nii.gz"},
    }


def test_together_as_alone(tmp_path):
    scans = {number: scan_of(tmp_path, number) for number in (1, 2)}
    outputs = {name: tmp_path / f"{name}.tsv" for name in TABLES}
    record = tmp_path / "masks.tsv"
    entries = [entry(scan, number) for number, scan in scans.items()]
    score_scans(entries, outputs, settings=SETTINGS, record=record)
    for name, path in outputs.items():
        alone = [scan.score(scan=f"sub-{number}")[name] for number, scan in scans.items()]
        pd.testing.assert_frame_equal(
            read_scores(path), pd.concat(alone, ignore_index=True), check_dtype=False
        )
    listed = read_table(record)
    assert listed[["scan", "method"]].values.tolist() == [
        [f"sub-{number}", method] for number in (1, 2) for method in ("ridge", "pet")
    ]
    assert files_gone(record) == []


def test_every_scan_that_cannot_be_scored_is_told_and_no_table_is_left(tmp_path):
    scans = {number: scan_of(tmp_path, number) for number in (1, 2, 3)}
    for number in (1, 3):
        scans[number].threshold.write_text('{"fold": 2, "mean": 1.2, "sd": 0.1, "note": null}')
    outputs = {"voxelwise": tmp_path / "voxelwise.tsv"}
    with pytest.raises(InputError) as caught:
        score_scans([entry(scan, number) for number, scan in scans.items()], outputs, settings=SETTINGS)
    said = str(caught.value).splitlines()
    assert [("sub-1" in line, "sub-3" in line) for line in said] == [(True, False), (False, True)]
    assert not outputs["voxelwise"].exists()
