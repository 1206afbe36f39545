"""Further columns of a cohort: they are kept and typed, and a misspelt column is not taken for one."""

import pandas as pd
import pytest
from test_cohort_table import CONTROL, HEADER, PATIENT, problems, table

from myelosketch.cohort.column_names import misspelt
from myelosketch.cohort.columns import (
    CATEGORY,
    DATE,
    NUMBER,
    column_hints,
    covariates,
    describe_columns,
    further_columns,
    kind_of,
)
from myelosketch.cohort.found import write_found
from myelosketch.cohort.table import COLUMNS, cohort_from_rows, read_cohort


def cohort(**columns):
    """A cohort table of one scan per value."""
    count = len(next(iter(columns.values())))
    rows = [{"subject": f"{place:02d}", "group": "MS"} for place in range(1, count + 1)]
    return cohort_from_rows(pd.DataFrame(rows).assign(**columns).to_dict("records"))


# --- names


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *[(name, "lesion_mask") for name in ("lesion_maks", "lesionmask", "lesion-mask", "Lesion_Mask")],
        *[("t1w", "T1w"), ("T1W", "T1w"), ("Flair", "FLAIR"), ("FLIAR", "FLAIR"), ("PET", "pet"), ("mt-on", "mt_on")],
        *[("Subject", "subject"), ("sesion", "session"), ("gruop", "group"), ("sites", "site"), ("stie", "site")],
        *[("segmentaion", "segmentation"), ("refrence_mask", "reference_mask"), ("lesion_spcae", "lesion_space")],
    ],
)  # fmt: skip
def test_a_misspelt_column(name, known):
    assert misspelt(["x", name], COLUMNS) == {name: known}


FURTHER = (
    "age sex EDSS phenotype scanner date acq_time diagnosis size side stage state time dose education "
    "centre vendor field_strength rater comment relapse lesion_count lesion_volume lesion_load subtype "
    "subgroup age_group Gruppe T2w PDw T2star MD MK MTV MTsat ADC DTI DKI NODDI SUVR BP visit months "
    "disease_duration participant_id session_date session_id FLAIR_date DVR_mean T1w_qc segmentation_qc "
    "reference_mask_rater lesion_mask_rater pet_dose dwi_2 height weight race id Einwilligung größe "
)


@pytest.mark.parametrize("name", FURTHER.split())
def test_a_further_column_is_no_misspelling(name):
    assert misspelt([name], COLUMNS) == {}


def test_a_name_beside_the_one_it_resembles_is_a_further_column():
    assert misspelt(["FLAIR", "FLAIR2", "Group", "group"], COLUMNS) == {}


def test_the_table_keeps_further_columns_and_refuses_misspelt_ones(tmp_path):
    text = HEADER.replace("DVR", "DVR\tage\tEDSS") + PATIENT.replace("d.nii", 'd.nii\t41\t"3.5') + (
        CONTROL.replace("d.nii", "d.nii\tn/a\t")
    )  # fmt: skip
    found = read_cohort(table(tmp_path, text))
    assert list(found.columns) == ["scan", *COLUMNS, "age", "EDSS"]
    assert found.age.tolist() == ["41", None]
    assert found.EDSS.tolist() == ['"3.5', None]
    assert problems(table(tmp_path, text.replace("lesion_mask", "lesion_maks"))) == [
        "  - column 'lesion_maks' is unknown: did you mean lesion_mask?",
        "  - column 'lesion_mask' is missing",
    ]


def test_lines_of_messages_are_those_of_the_file(tmp_path):
    bad = HEADER + "\n" + PATIENT.replace("01\t", "0_1\t") + "\t" * 8 + "\n" + CONTROL + CONTROL
    assert problems(table(tmp_path, bad)) == [
        "  - line 3: subject '0_1' must be letters and digits only",
        "  - lines 5 and 6: sub-02 appears twice",
    ]


def test_what_was_found_or_used_is_a_table_again(tmp_path):
    text = HEADER.replace("DVR", 'DVR\tname, "first"') + PATIENT.replace("d.nii", 'd.nii\tsays "x"')
    first = read_cohort(table(tmp_path, text))
    write_found(first.to_dict("records"), tmp_path / "found.tsv")
    pd.testing.assert_frame_equal(read_cohort(tmp_path / "found.tsv"), first)
    first.to_csv(
        tmp_path / "cohort2.tsv", sep="\t", index=False, quoting=3, na_rep="n/a"
    )  # with its column scan
    pd.testing.assert_frame_equal(read_cohort(tmp_path / "cohort2.tsv"), first)
    wrong = (tmp_path / "cohort2.tsv").read_text().replace("sub-01", "sub-07")
    assert problems(table(tmp_path, wrong)) == [
        "  - line 2: scan 'sub-07' must be sub-01, from its subject and session"
    ]


# --- kinds


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", "-3", "+.5", "1e-3", "4."], NUMBER),
        (["1", "35y"], CATEGORY),
        (["1", "1,5"], CATEGORY),
        (["1", "nan"], CATEGORY),
        (["1", "inf"], CATEGORY),
        (["1", "1e999"], CATEGORY),
        (["1", "1_0"], CATEGORY),
        (["2020-01-31", "1925-06-15T13:45:30.5", "2021-02-03T10:00:00+02:00", "2021-02-03 10:00Z"], DATE),
        (["2020-01-31", "31.01.2020"], CATEGORY),
        (["2020-02-30"], CATEGORY),
        (["20200131"], NUMBER),
        (["F", "M"], CATEGORY),
        ([], CATEGORY),
    ],
)
def test_kinds(values, kind):
    assert kind_of(values) == kind


def test_covariates_are_typed():
    scans = cohort(
        age=["41", None, "33.5"],
        sex=["M", "F", None],
        date=["2020-01-31", None, "2020-01-31T01:00:00+02:00"],
        site=["1", "1", "2"],
        empty=[None] * 3,
    )
    assert further_columns(scans) == ["age", "sex", "date", "empty"]
    found = covariates(scans)
    assert found.index.tolist() == ["sub-01", "sub-02", "sub-03"]
    assert list(found.columns) == ["site", "age", "sex", "date", "empty"]
    assert found.age.sum() == 74.5
    assert found.sex.cat.categories.tolist() == ["F", "M"]
    assert found.site.cat.categories.tolist() == ["1", "2"]  # a name, never a number
    assert found.date["sub-03"] == pd.Timestamp("2020-01-30T23:00:00")
    assert found["empty"].isna().all()
    assert covariates(cohort(subject=["01"])).shape == (1, 0)


def test_the_data_dictionary():
    many = [f"id{place}" for place in range(8)]
    scans = cohort(
        age=["41", "33.5", *[None] * 6], sex=["F", "M"] * 4, mri=many, date=["2020-01-31", *[None] * 7]
    )
    assert describe_columns(scans) == {
        "age": {"Type": "number", "Missing": 6, "Range": [33.5, 41.0]},
        "sex": {"Type": "category", "Missing": 0, "Levels": {"F": 4, "M": 4}},
        "mri": {"Type": "category", "Missing": 0, "LevelCount": 8},  # identifiers are not listed
        "date": {"Type": "date", "Missing": 7, "Range": ["2020-01-31T00:00:00", "2020-01-31T00:00:00"]},
    }


# --- messages


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["41", "35y", "50"], "'35y' of sub-02 is not a number"),
        (["41", "1,5", "1,6"], "'1,5' of sub-02 and 1 more is not a number"),
        (["41", "NaN", "50", "unknown", "7"], "'NaN' of sub-02 and 1 more is not a number"),
        (["2020-01-31", "2020-02-01", "1.3.2020"], "'1.3.2020' of sub-03 is not a date of ISO 8601"),
        (["3T", "1.5T", "3T"], None),
        (["RRMS", "SPMS", "1"], None),
        (["1", "2", None], None),
        ([None, None], None),
    ],
)
def test_one_value_that_spoils_a_column(values, said):
    sentence = (
        f"The column x of the cohort table is treated as a category, because {said}: correct it, or write n/a for "
        "what is missing."
    )
    assert column_hints(cohort(x=values)) == ([sentence] if said else [])


@pytest.mark.parametrize("column", ["acq_time", "Date"])
def test_sessions_out_of_the_order_of_time(column):
    people = {"subject": ["01", "01", "02", "02", "03"], "session": ["a", "b", "a", "b", "a"]}
    times = ["2020-05-01", "2020-01-01", "2020-01-01", "2020-05-01", None]
    assert column_hints(cohort(**people, **{column: times})) == [
        f"sub-01: its sessions are in the order a, b, which is not that of {column}; change over time is measured "
        "in the order of the table (cohort.source: table), so put its rows in the order of time."
    ]
