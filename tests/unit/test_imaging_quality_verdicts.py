"""From numbers to verdicts: limits, the table, and scans that are refused until excluded or accepted."""

import pytest
import yaml
from test_cohort_refusals import ROOT, SCHEMA

from myelosketch.errors import InputError
from myelosketch.imaging.registration.verdicts import (
    NUMBERS,
    TABLE_COLUMNS,
    admit_registrations,
    gather_quality,
    problems,
    refuse_registrations,
)
from myelosketch.intake.checks import check_accept
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import read_table

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
        ({"repeat_mm": 5.04}, ["is placed 5.0 mm away when registered again (at most 2.5 mm expected)"]),
        (
            {"inverse_mm": 4},
            ["is placed 4.0 mm away when registered in the opposite direction (at most 2.5 mm expected)"],
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


def test_what_is_said_of_an_alignment_that_is_given():
    apart = "cannot be checked, because in its position it does not overlap the brain"
    apart_row = row("dwi", given="dwi.lta", problem="in its position it does not overlap the brain")
    by = "as placed by the given transform (dwi.lta)"
    assert problems(apart_row, LIMITS) == [f"{by} {apart}; does it map dwi to T1w?"]
    two = row("dwi", given="dwi.lta", coverage=0.5, repeat_mm=9, turned_repeat_mm=0.2)
    assert problems(two, LIMITS) == [
        f"{by} shows 50% of the brain (at least 85% expected)",
        "is placed 9.0 mm away when registered again (at most 2.5 mm expected); its inverse fits: give the transform "
        "from dwi to T1w",
    ]
    assert problems(row("dwi", given="dwi.lta"), LIMITS) == []


def test_the_template_has_one_limit_of_its_own():
    assert problems(row("MNI152", repeat_mm=4, overlap=0.7, border_shift_mm=3), LIMITS) == []
    assert problems(row("MNI152", repeat_mm=7), LIMITS) == [
        "is placed 7.0 mm away when registered again (at most 4 mm expected)"
    ]


def test_the_table_has_a_row_per_scan_and_modality(tmp_path):
    paths = write_scans(tmp_path, {"sub-01": [row(), row("dwi", repeat_mm=5)], "sub-02": [row(overlap=None)]})
    gather_quality(paths, tmp_path / "qc.tsv", LIMITS, {"sub-01": ["dwi"]})
    table = read_table(tmp_path / "qc.tsv", numeric=NUMBERS)
    assert table.columns.tolist() == TABLE_COLUMNS
    assert table.verdict.tolist() == ["ok", "accepted", "ok"]
    assert table.lesion_source.tolist() == ["flair"] * 3
    assert table.repeat_mm.tolist() == [0.1, 5, 0.1]
    assert "registered again" in table.reason[1]


def test_a_failed_registration_is_refused_with_the_line_that_settles_it(tmp_path):
    scans = {"sub-01": [row(), row("dwi")], "sub-02": [row(repeat_mm=5), row("dwi", coverage=0.4)]}
    paths = write_scans(tmp_path, scans)
    gather_quality(paths, tmp_path / "qc.tsv", LIMITS, {})
    said = (
        "The quality control of the registration failed (sub-02: pet is placed 5.0 mm away when "
        "registered again (at most 2.5 mm expected); sub-02: dwi shows 40% of the brain (at least 85% "
        "expected)): look at the pictures in "
        "registration/scans in the results folder. Leave the scans out with this line in the configuration: cohort: "
        "{exclude: "
        "[sub-02]}; or accept what is correct with registration: {accept: {sub-02: [pet, dwi]}}. Then "
        "run the same command again: it continues."
    )
    for refuse in (
        lambda: admit_registrations(tmp_path / "qc.tsv", tmp_path / "admitted.tsv"),
        lambda: refuse_registrations(paths, LIMITS, {"sub-02": ["pet"]} | {"sub-01": ["dwi"]}),
    ):
        with pytest.raises(InputError) as caught:
            refuse()
        assert "sub-02: dwi shows 40%" in str(caught.value)
        assert "sub-01" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        refuse_registrations(paths, LIMITS, {})
    assert str(caught.value) == said
    assert not (tmp_path / "admitted.tsv").exists()
    refuse_registrations(paths[:1], LIMITS, {})


def test_what_is_accepted_is_admitted(tmp_path):
    paths = write_scans(tmp_path, {"sub-01": [row()], "sub-02": [row(repeat_mm=5)]})
    accept = {"sub-02": ["pet"]}
    refuse_registrations(paths, LIMITS, accept)
    refuse_registrations(paths, LIMITS | {"repeat_mm": 6}, {})
    gather_quality(paths, tmp_path / "qc.tsv", LIMITS, accept)
    admit_registrations(tmp_path / "qc.tsv", tmp_path / "admitted.tsv")
    assert read_table(tmp_path / "admitted.tsv").verdict.tolist() == ["ok", "accepted"]


def test_accepting_a_stranger():
    check_accept({"sub-01": ["pet"]}, ["sub-01"], key="registration.accept", also=())
    with pytest.raises(
        InputError,
        match="registration.accept names sub-09, which the cohort does not have: use names such as sub-01.",
    ):
        check_accept({"sub-09": ["pet"]}, ["sub-01"], key="registration.accept", also=())


def test_the_schema_has_the_defaults_of_the_configuration():
    schema = SCHEMA["registration"]["properties"]["quality"]["properties"]
    assert {name: part["default"] for name, part in schema.items()} == LIMITS
