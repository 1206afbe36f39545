"""From numbers to verdicts: limits, the table, the run that stops once, and who is back in when."""

import pandas as pd
import pytest
import yaml
from test_cohort_refusals import ROOT, SCHEMA

from myelosketch.cohort.refusals import check_accept, leave_out_refused
from myelosketch.cohort.table import cohort_from_rows
from myelosketch.cohort.units import default_units
from myelosketch.errors import InputError
from myelosketch.imaging.quality_verdicts import (
    NUMBERS,
    TABLE_COLUMNS,
    admit_registrations,
    gather_quality,
    goes_on,
    problems,
)
from myelosketch.provenance import write_json
from myelosketch.tables import read_table

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())["registration"]
LIMITS = CONFIG["quality"]
GOOD = {
    "coverage": 0.98, "overlap": 0.97, "nmi": 1.15, "border_contrast": 0.8, "border_shift_mm": 0.2,
    "inverse_mm": 0.1, "repeat_mm": 0.1, "repeat_max_mm": 0.3, "stretch_mm": 0.4, "problem": None, "missing": {},
}  # fmt: skip


def row(modality="pet", **numbers):
    return {"modality": modality, **GOOD, **numbers}


def write_scans(folder, scans):
    """JSON files of scans: dict of name to rows."""
    paths = []
    for name, rows in scans.items():
        paths.append(folder / f"{name}.json")
        write_json(paths[-1], {"scan": name, "group": "MS", "lesion_source": "flair", "rows": rows})
    return paths


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({}, []),
        ({"coverage": 0.5}, ["shows 50% of the brain (at least 85% expected)"]),
        ({"repeat_mm": 5.04}, ["lands 5.0 mm away when registered anew (at most 2.5 mm expected)"]),
        (
            {"inverse_mm": 4},
            ["lands 4.0 mm away when registered the other way round (at most 2.5 mm expected)"],
        ),
        (
            {"stretch_mm": 2},
            [
                "fits better by 2.0 mm when its size and shape are free (at most 0.8 mm expected), "
                "as an image of another participant would"
            ],
        ),
        ({"stretch_mm": 1.5, "overlap": None}, []),  # a whole head
        ({"stretch_mm": float("nan")}, None),
        ({"border_shift_mm": None, "stretch_mm": None, "overlap": None}, []),
        ({"problem": "it is empty or has one value only"}, None),
    ],
)
def test_what_is_wrong(numbers, said):
    found = problems(row(**numbers), LIMITS)
    assert found == said if said is not None else len(found) == 1


def test_the_template_has_one_limit_of_its_own():
    assert problems(row("MNI152", repeat_mm=4, overlap=0.7, border_shift_mm=3), LIMITS) == []
    assert problems(row("MNI152", repeat_mm=7), LIMITS) == [
        "lands 7.0 mm away when registered anew (at most 4 mm expected)"
    ]


def test_the_table_has_a_row_per_scan_and_modality(tmp_path):
    paths = write_scans(tmp_path, {"sub-01": [row(), row("dwi", repeat_mm=5)], "sub-02": [row(overlap=None)]})
    gather_quality(paths, tmp_path / "qc.tsv", LIMITS, {"sub-01": ["dwi"]})
    table = read_table(tmp_path / "qc.tsv", numeric=NUMBERS)
    assert table.columns.tolist() == TABLE_COLUMNS
    assert table.verdict.tolist() == ["ok", "accepted", "ok"]
    assert table.lesion_source.tolist() == ["flair"] * 3
    assert table.repeat_mm.tolist() == [0.1, 5, 0.1]
    assert "registered anew" in table.reason[1]


@pytest.fixture
def cohort(tmp_path):
    """Two scans with a file each."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.nii.gz").write_bytes(b"1")
    return cohort_from_rows(
        [
            {"subject": f"0{number}", "group": "MS", "T1w": str(tmp_path / f"{name}.nii.gz")}
            for number, name in ((1, "a"), (2, "b"))
        ]
    )


def settings_of(accept=None, **quality):
    return {**CONFIG, "quality": {**LIMITS, **quality}, "accept": accept or {}}


def run(cohort, folder, scans, settings):
    """One run of the gate on what is not refused; the message that stopped it, or an empty string."""
    judged = {"units": default_units(), "maps": {}, "settings": settings}
    nobody = pd.DataFrame(columns=["scan", "group", "reason"])
    inside, out, _ = leave_out_refused(cohort, nobody, folder / "refused.tsv", **judged)
    paths = write_scans(folder, {scan: scans[scan] for scan in inside.scan})
    gather_quality(paths, folder / "qc.tsv", settings["quality"], settings["accept"])
    try:
        admit_registrations(
            folder / "qc.tsv", "results/registration/qc.html", folder / "admitted.tsv", folder / "refused.tsv",
            rows=inside.to_dict("records"), **judged,
        )  # fmt: skip
    except InputError as error:
        return str(error)
    return f"without {out.reason.tolist()}" if len(out) else ""


def test_the_run_stops_once_and_goes_on_without_the_scan(cohort, tmp_path):
    scans = {"sub-01": [row(), row("dwi")], "sub-02": [row(repeat_mm=5), row("dwi", coverage=0.4)]}
    assert not goes_on(tmp_path / "refused.tsv", None)
    assert run(cohort, tmp_path, scans, settings_of()) == (
        "The quality control of the registration stopped the run (sub-02: pet lands 5.0 mm away when registered anew "
        "(at most 2.5 mm expected); sub-02: dwi shows 40% of the brain (at least 85% expected)): look at "
        "results/registration/qc.html; the same command again goes on without sub-02, or accept what is right by "
        "registration: {accept: {sub-02: [pet, dwi]}}."
    )
    assert goes_on(tmp_path / "refused.tsv", None)
    without = [
        "refused: pet lands 5.0 mm away when registered anew (at most 2.5 mm expected)",
    ]
    for _ in range(3):  # and stays out, although the table of the quality control no longer holds it
        assert run(cohort, tmp_path, scans, settings_of()) == f"without {without}"
    admitted = read_table(tmp_path / "admitted.tsv")
    assert (admitted.scan.tolist(), admitted.verdict.tolist()) == (["sub-01"], ["ok"])


def test_a_changed_file_limit_or_acceptance_gives_a_new_chance(cohort, tmp_path):
    scans = {"sub-01": [row()], "sub-02": [row(repeat_mm=5)]}
    assert run(cohort, tmp_path, scans, settings_of())
    assert run(cohort, tmp_path, scans, settings_of(repeat_mm=6)) == ""
    assert run(cohort, tmp_path, scans, settings_of())
    assert run(cohort, tmp_path, scans, settings_of({"sub-01": ["pet"]})).startswith("without")
    assert run(cohort, tmp_path, scans, settings_of({"sub-02": ["pet"]})) == ""
    assert read_table(tmp_path / "admitted.tsv").verdict.tolist() == ["ok", "accepted"]
    assert run(cohort, tmp_path, scans, settings_of()).startswith("The quality control")
    (tmp_path / "b.nii.gz").write_bytes(b"another")
    assert run(cohort, tmp_path, {**scans, "sub-02": [row()]}, settings_of()) == ""


def test_accepting_a_stranger():
    check_accept({"sub-01": ["pet"]}, ["sub-01"], key="registration.accept", also=())
    with pytest.raises(
        InputError, match="registration.accept names sub-09, not in the cohort: use names such as sub-01."
    ):
        check_accept({"sub-09": ["pet"]}, ["sub-01"], key="registration.accept", also=())


def test_the_schema_has_the_defaults_of_the_configuration():
    schema = SCHEMA["registration"]["properties"]["quality"]["properties"]
    assert {name: part["default"] for name, part in schema.items()} == LIMITS
