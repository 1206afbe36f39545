"""The cohort table: who is complete, who is left out and why."""

import pandas as pd
import pytest

from myelosketch.cohort.table import COLUMNS, cohort_from_rows, read_cohort, split_complete
from myelosketch.errors import InputError

HEADER = "subject\tgroup\tT1w\tlesion_mask\tFA\tRD\tAD\tMTR\tDVR\n"
PATIENT = "01\tMS\tt.nii\tl.nii\tf.nii\tr.nii\ta.nii\tm.nii\td.nii\n"
CONTROL = "02\tHC\tt.nii\tn/a\tf.nii\tr.nii\ta.nii\tm.nii\td.nii\n"


def table(tmp_path, text):
    path = tmp_path / "cohort.tsv"
    path.write_text(text)
    return path


def problems(path):
    with pytest.raises(InputError) as caught:
        read_cohort(path)
    return str(caught.value).splitlines()[1:]


def test_paths_are_relative_to_the_table(tmp_path):
    cohort = read_cohort(table(tmp_path, HEADER + PATIENT + CONTROL))
    assert cohort.scan.tolist() == ["sub-01", "sub-02"]
    assert cohort["T1w"][0] == str(tmp_path / "t.nii")
    assert cohort["lesion_mask"][1] is None
    assert list(cohort.columns) == ["scan", *COLUMNS]


def test_an_absolute_path_stays(tmp_path):
    cohort = read_cohort(table(tmp_path, HEADER + PATIENT.replace("t.nii", "/data/t.nii")))
    assert cohort["T1w"][0] == "/data/t.nii"


def test_sessions_are_part_of_the_name(tmp_path):
    text = HEADER.replace("subject", "subject\tsession") + PATIENT.replace("01\t", "01\t2\t")
    assert read_cohort(table(tmp_path, text)).scan.tolist() == ["sub-01_ses-2"]


def test_same_participant_twice(tmp_path):
    assert problems(table(tmp_path, HEADER + PATIENT + PATIENT)) == [
        "  - lines 2 and 3: sub-01 appears twice"
    ]


def test_every_problem_is_listed(tmp_path):
    bad = HEADER + PATIENT.replace("01\t", "0_1\t") + CONTROL.replace("HC", "control")
    assert problems(table(tmp_path, bad)) == [
        "  - line 2: subject '0_1' must be letters and digits only",
        "  - line 3: group 'control' must be one of MS, HC",
    ]


def test_same_participant_in_two_groups(tmp_path):
    header = HEADER.replace("subject", "subject\tsession")
    rows = PATIENT.replace("01\t", "01\t1\t") + CONTROL.replace("02\t", "01\t2\t")
    assert problems(table(tmp_path, header + rows)) == ["  - subject 01 is in two groups: HC and MS"]


def test_unknown_and_missing_columns(tmp_path):
    found = problems(table(tmp_path, (HEADER + PATIENT).replace("MTR", "mtr")))
    assert found == [
        f"  - column 'mtr' is unknown (valid: {', '.join(COLUMNS)})",
        "  - column 'MTR' is missing",
    ]


def test_incomplete_scans_are_left_out_with_their_reason(tmp_path):
    for name in "tlframd":
        (tmp_path / f"{name}.nii").touch()
    text = HEADER + PATIENT + CONTROL
    text += CONTROL.replace("02\t", "03\t").replace("m.nii", "n/a")
    text += CONTROL.replace("02\t", "04\t").replace("d.nii", "gone.nii")
    text += PATIENT.replace("01\t", "05\t").replace("l.nii", "")
    text += CONTROL.replace("02\t", "06\t")
    included, excluded = split_complete(read_cohort(table(tmp_path, text)), exclude=["sub-06"])
    assert included.scan.tolist() == ["sub-01", "sub-02"]
    assert excluded.to_dict("records") == [
        {"scan": "sub-03", "group": "HC", "reason": "no MTR in the table"},
        {"scan": "sub-04", "group": "HC", "reason": f"file does not exist: DVR ({tmp_path}/gone.nii)"},
        {"scan": "sub-05", "group": "MS", "reason": "no lesion_mask in the table"},
        {"scan": "sub-06", "group": "HC", "reason": "named in cohort.exclude"},
    ]


def test_excluding_a_stranger():
    cohort = cohort_from_rows([{"subject": "01", "group": "HC"}])
    with pytest.raises(
        InputError, match="cohort.exclude names sub-99, not in the cohort: use names such as sub-01."
    ):
        split_complete(cohort, exclude=["sub-99"])


def test_missing_entries_are_none():
    cohort = cohort_from_rows([{"subject": "01", "group": "HC", "T1w": "t.nii"}])
    assert cohort["FA"][0] is None
    assert not pd.isna(cohort["T1w"][0])


def test_no_table_named():
    with pytest.raises(InputError, match="cohort.source is table, but cohort.table is blank"):
        read_cohort("")
