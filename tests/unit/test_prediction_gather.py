"""predictions.tsv: one row for every scan, including failed ones."""

import os

import pytest

from myelosketch.io.provenance import read_json, write_json
from myelosketch.io.tables import read_table
from myelosketch.prediction.gather import COLUMNS, said, write_failures, write_predictions


def numbers(scan, **changes):
    interval = {"low": 30.0, "high": 70.0, "level": 0.9, "note": None}
    content = {
        "scan": scan,
        "group": "MS",
        "site": None,
        "verdict": "ok",
        "reasons": [],
        "lesion_source": "mask",
        "n_lesions": 3,
        "n_lesion_voxels": 90,
        "lesion_volume_ml": 0.72,
        "healthy": {"mean": 1.27, "sd": 0.1, "threshold": 1.17, "k": 1.0},
        "pct_demyelinated": {"value": 50.0, **interval},
        "regions": {
            "lesions": {"mean_dvr": 1.1, "volume_ml": 0.72, "low": 1.0, "high": 1.2},
            "white_matter": {"mean_dvr": 1.25, "volume_ml": 400.0, "low": 1.2, "high": 1.3},
        },
        "model": {"sha256": "ab" * 32},
    }
    return content | changes


@pytest.fixture
def results(tmp_path):
    for scan, changes in (
        ("sub-01", {}),
        ("sub-02", {"lesion_source": "none", "n_lesion_voxels": None, "pct_demyelinated": None}),
        ("sub-03_ses-1", {"n_lesion_voxels": 0, "pct_demyelinated": None, "verdict": "unusual"}),
        ("sub-06", {"group": "HC", "n_lesion_voxels": 0, "pct_demyelinated": None}),
    ):
        folder = tmp_path / "prediction/scans" / scan.replace("_", "/")
        write_json(folder / f"{scan}.json", numbers(scan, **changes))
    return tmp_path


def paths(results):
    return sorted((results / "prediction/scans").rglob("*.json"))


def test_a_row_for_each_scan_and_a_reason_for_each_that_is_missing(results):
    excluded = [{"scan": "sub-09", "group": "HC", "reason": "no MTR in the table"}]
    failed = [{"scan": "sub-08", "reason": "T1w is damaged"}]
    write_predictions(paths(results), results / "predictions.tsv", excluded=excluded, failed=failed)
    table = read_table(results / "predictions.tsv").set_index("scan")
    assert list(table.columns) == list(COLUMNS)[1:]
    assert dict(table.verdict) == {
        "sub-01": "ok",
        "sub-02": "ok",
        "sub-03_ses-1": "unusual",
        "sub-06": "ok",
        "sub-08": "failed",
        "sub-09": "left_out",
    }
    assert (table.pct_demyelinated["sub-01"], table.pct_low["sub-01"]) == ("50", "30")
    assert table.lesion_note["sub-02"] == "n/a: no lesion mask"
    assert table.lesion_note["sub-03_ses-1"] == "n/a: no lesion in the lesion mask"
    assert table.lesion_note["sub-06"] == "n/a: hyperintensities of a control count as other tissue"
    assert table.reasons["sub-09"] == "no MTR in the table"
    assert set(read_json(results / "predictions.json")) == set(COLUMNS)


def test_a_failed_run_says_why_and_its_table_is_older_than_every_result(results):
    log = results / "logs/prepare_anatomy/sub-04/sub-04.log"
    log.parent.mkdir(parents=True)
    log.write_text("something\nError: sub-04: T1w (t1.nii.gz) is empty: export it again.\n")
    output = results / "predictions.tsv"
    write_failures(
        output, folder=results, scans=["sub-01", "sub-02", "sub-03_ses-1", "sub-04", "sub-05"], excluded=[]
    )
    table = read_table(output).set_index("scan")
    assert table.reasons["sub-04"] == "sub-04: T1w (t1.nii.gz) is empty: export it again."
    assert table.reasons["sub-05"] == "not reached"
    assert table.verdict["sub-01"] == "ok"
    assert 0 < output.stat().st_mtime < min(path.stat().st_mtime for path in paths(results))


def test_the_last_failure_of_a_scan_counts(tmp_path):
    for rule, text, time in (
        ("fit_tensor", "Error: first", 1),
        ("register_scan", "warm\nError: last:\n  - first finding\n  - second", 3),
        ("x", "fine", 5),
    ):
        log = tmp_path / f"logs/{rule}/sub-01/ses-2/sub-01_ses-2.log"
        log.parent.mkdir(parents=True)
        log.write_text(text + "\n")
        os.utime(log, (time, time))
    assert said(tmp_path, "sub-01_ses-2") == "last: - first finding - second"
    assert said(tmp_path, "sub-02") == ""
