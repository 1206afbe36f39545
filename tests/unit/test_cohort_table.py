"""The cohort table: which scans are complete, and why others are left out."""

import pandas as pd
import pytest

from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.table import (
    COLUMNS,
    FILE_COLUMNS,
    already_aligned,
    cohort_from_rows,
    companions,
    lesion_source,
    lesion_space,
    needs_flair,
    read_cohort,
    used_files,
    used_inputs,
)
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
        "  - column 'mtr' is unknown: did you mean MTR?",
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
        {
            "scan": "sub-05",
            "group": "MS",
            "reason": "no lesion_mask in the table (give one, or a FLAIR and lesions.without_mask: flair "
            "to segment lesions on it)",
        },
        {"scan": "sub-06", "group": "HC", "reason": "named in cohort.exclude"},
    ]


def test_excluding_a_stranger():
    cohort = cohort_from_rows([{"subject": "01", "group": "HC"}])
    with pytest.raises(
        InputError,
        match="cohort.exclude names sub-99, which the cohort does not have: use names such as sub-01.",
    ):
        split_complete(cohort, exclude=["sub-99"])


def test_missing_entries_are_none():
    cohort = cohort_from_rows([{"subject": "01", "group": "HC", "T1w": "t.nii"}])
    assert cohort["FA"][0] is None
    assert not pd.isna(cohort["T1w"][0])


def test_no_table_named():
    with pytest.raises(InputError, match="cohort.source is table, but cohort.table is blank"):
        read_cohort("")


RAW_HEADER = "subject\tgroup\tT1w\tlesion_mask\tdwi\tmt_on\tmt_off\tpet\treference_mask\n"
RAW_ROW = "01\tHC\tt.nii\tn/a\tdwi.nii.gz\ton.nii\toff.nii\tpet.nii.gz\tref.nii\n"
RAW_FILES = (
    "t.nii",
    "dwi.nii.gz",
    "dwi.bval",
    "dwi.bvec",
    "on.nii",
    "off.nii",
    "pet.nii.gz",
    "pet.json",
    "ref.nii",
)


@pytest.fixture
def raw_table(tmp_path):
    """A control with raw images only, all files there: path of its table."""
    for name in RAW_FILES:
        (tmp_path / name).touch()
    return table(tmp_path, RAW_HEADER + RAW_ROW)


def reasons(path, **settings):
    return split_complete(read_cohort(path), **settings)[1].reason.tolist()


def test_raw_images_do_instead_of_maps(raw_table, tmp_path):
    cohort = read_cohort(raw_table)
    included, excluded = split_complete(cohort)
    assert included.scan.tolist() == ["sub-01"]
    assert excluded.empty
    row = cohort.to_dict("records")[0]
    assert used_inputs(row) == ["T1w", "dwi", "mt_on", "mt_off", "pet", "reference_mask"]
    assert sorted(used_files(row).values()) == sorted(str(tmp_path / name) for name in RAW_FILES)


def test_companions_have_the_name_of_their_series():
    assert companions("dwi", "a/sub-01_dwi.nii.gz") == {
        "bval": "a/sub-01_dwi.bval",
        "bvec": "a/sub-01_dwi.bvec",
    }
    assert companions("pet", "a/x.1.nii") == {"json": "a/x.1.json"}
    assert companions("mt_on", "a.nii") == {}


@pytest.mark.parametrize("name", ["dwi.bval", "dwi.bvec", "pet.json", "ref.nii", "on.nii"])
def test_a_missing_companion_leaves_the_scan_out(raw_table, tmp_path, name):
    (tmp_path / name).unlink()
    stem, suffix = name.split(".")
    of = f"{suffix} of {stem}" if suffix != "nii" else {"ref": "reference_mask", "on": "mt_on"}[stem]
    assert reasons(raw_table) == [f"file does not exist: {of} ({tmp_path / name})"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("dwi.nii.gz", "n/a", "no FA, RD, AD in the table"),
        ("on.nii", "n/a", "no mt_on in the table"),
        ("pet.nii.gz", "", "no DVR in the table"),
        ("ref.nii", "n/a", "no reference_mask in the table"),
    ],
)
def test_what_a_scan_with_raw_images_lacks(tmp_path, old, new, reason):
    assert reasons(table(tmp_path, RAW_HEADER + RAW_ROW.replace(old, new)), check_files=False) == [reason]


def test_no_mask_is_needed_if_grey_matter_is_the_reference(tmp_path):
    path = table(tmp_path, RAW_HEADER + RAW_ROW.replace("ref.nii", "n/a"))
    assert reasons(path, check_files=False, reference="grey_matter") == []
    row = read_cohort(table(tmp_path, RAW_HEADER + RAW_ROW)).to_dict("records")[0]
    assert "reference_mask" not in used_inputs(row, reference="grey_matter")


def test_a_given_map_wins_and_its_raw_images_are_not_opened():
    maps = {name: f"{name}.nii" for name in ("T1w", "FA", "RD", "AD", "MTR", "DVR")}
    raw = {name: f"{name}.nii" for name in ("dwi", "mt_on", "mt_off", "pet", "reference_mask")}
    row = cohort_from_rows([{"subject": "01", "group": "HC", **maps, **raw}]).to_dict("records")[0]
    assert used_inputs(row) == list(maps)


def test_some_of_the_tensor_maps_are_not_mixed_with_a_fit():
    maps = {"T1w": "t", "FA": "f", "MTR": "m", "DVR": "d", "dwi": "w.nii.gz"}
    cohort = cohort_from_rows([{"subject": "01", "group": "HC", **maps}])
    assert split_complete(cohort, check_files=False)[1].reason.tolist() == ["no RD, AD in the table"]


def test_flair_is_never_needed_but_must_exist_if_named(raw_table, tmp_path):
    text = RAW_HEADER.replace("T1w", "T1w\tFLAIR") + RAW_ROW.replace("\tt.nii", "\tt.nii\tgone.nii")
    assert reasons(table(tmp_path, text)) == [f"file does not exist: FLAIR ({tmp_path}/gone.nii)"]
    assert reasons(table(tmp_path, text.replace("gone.nii", "n/a"))) == []


def test_a_table_needs_columns_for_maps_or_raw_images(tmp_path):
    found = problems(table(tmp_path, (RAW_HEADER + RAW_ROW).replace("\tpet\t", "\tPET\t")))
    assert found == [
        "  - column 'PET' is unknown: did you mean pet?",
        "  - column 'DVR' is missing",
    ]


MAPS = {name: f"{name}.nii" for name in ("T1w", "FA", "RD", "AD", "MTR", "DVR")}


def scan(**entries):
    return cohort_from_rows([{"subject": "01", "group": "MS", **MAPS, **entries}])


@pytest.mark.parametrize(
    ("entries", "without_mask", "reason"),
    [
        ({}, "leave_out", "no lesion_mask in the table (give one, or a FLAIR and lesions.without_mask: "
            "flair to segment lesions on it)"),
        ({}, "flair", "no lesion_mask in the table (give one, or a FLAIR and lesions.without_mask: flair "
            "to segment lesions on it)"),
        ({"FLAIR": "f.nii"}, "leave_out", "no lesion_mask in the table (to segment lesions on its FLAIR, "
            "set lesions.without_mask: flair)"),
        ({"FLAIR": "f.nii"}, "flair", None),
        ({"lesion_mask": "l.nii"}, "leave_out", None),
        ({"FLAIR": "f.nii", "T1w": None}, "flair", "no T1w in the table"),
        ({"lesion_mask": "l.nii", "lesion_space": "FLAIR"}, "flair",
         "lesion_space is FLAIR, but there is no FLAIR in the table"),
        ({"lesion_mask": "l.nii", "lesion_space": "FLAIR", "FLAIR": "f.nii"}, "leave_out", None),
        ({"lesion_mask": "l.nii", "lesion_space": "dwi", "FA": None}, "flair", "no FA in the table"),
        ({"group": "HC", "lesion_space": "FLAIR"}, "flair", None),
    ],
)  # fmt: skip
def test_patients_by_what_is_known_of_their_lesions(entries, without_mask, reason):
    excluded = split_complete(scan(**entries), check_files=False, without_mask=without_mask)[1]
    assert excluded.reason.tolist() == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("entries", "source", "space", "flair"),
    [
        ({"lesion_mask": "l.nii"}, "mask", "T1w", False),
        ({"lesion_mask": "l.nii", "FLAIR": "f.nii"}, "mask", "T1w", False),
        ({"lesion_mask": "l.nii", "FLAIR": "f.nii", "lesion_space": "FLAIR"}, "mask", "FLAIR", True),
        ({"lesion_mask": "l.nii", "FLAIR": "f.nii", "lesion_space": "MNI152"}, "mask", "MNI152", False),
        ({"FLAIR": "f.nii"}, "flair", "T1w", True),
        ({"FLAIR": "f.nii", "group": "HC"}, "none", "T1w", False),
    ],
)
def test_where_lesions_come_from(entries, source, space, flair):
    row = scan(**entries).to_dict("records")[0]
    assert (lesion_source(row), lesion_space(row), needs_flair(row)) == (source, space, flair)


def test_an_unknown_space(tmp_path):
    text = HEADER.replace("DVR", "DVR\tlesion_space") + PATIENT.replace("d.nii", "d.nii\tflair")
    assert problems(table(tmp_path, text)) == [
        "  - line 2: lesion_space 'flair' must be one of T1w, FLAIR, dwi, MTR, MNI152, or blank for T1w"
    ]
    assert read_cohort(table(tmp_path, text.replace("\tflair", "\tFLAIR")))["lesion_space"].tolist() == [
        "FLAIR"
    ]
    assert read_cohort(table(tmp_path, text.replace("\tflair", "\t")))["lesion_space"].tolist() == [None]


def test_a_segmentation_that_is_named_must_exist(tmp_path):
    for name in "tlframd":
        (tmp_path / f"{name}.nii").touch()
    text = HEADER.replace("DVR", "DVR\tsegmentation") + PATIENT.replace("d.nii", "d.nii\taseg.mgz")
    assert reasons(table(tmp_path, text)) == [f"file does not exist: segmentation ({tmp_path}/aseg.mgz)"]
    row = read_cohort(table(tmp_path, text)).to_dict("records")[0]
    assert used_inputs(row)[:3] == ["T1w", "lesion_mask", "segmentation"]


def test_transforms_of_a_users_own(tmp_path):
    header = HEADER.rstrip("\n") + "\txfm_dwi\txfm_pet\txfm_FLAIR\n"
    row = PATIENT.rstrip("\n") + "\tx/dwi.lta\tn/a\tx/flair.mat\n"
    found = read_cohort(table(tmp_path, header + row)).to_dict("records")[0]
    assert (found["xfm_dwi"], found["xfm_pet"]) == (f"{tmp_path}/x/dwi.lta", None)
    # without a FLAIR its transform is not opened
    assert [name for name in used_inputs(found) if name.startswith("xfm_")] == ["xfm_dwi"]
    row = {name: entry for name, entry in found.items() if name != "scan"}
    images = [name for name in FILE_COLUMNS if row[name] and name != "xfm_dwi"]
    for name in images:
        (tmp_path / name).touch()
    row |= {name: str(tmp_path / name) for name in images}
    assert split_complete(cohort_from_rows([row]))[1].reason.tolist() == [
        f"file does not exist: xfm_dwi ({tmp_path}/x/dwi.lta)"
    ]


def test_images_that_lie_on_their_t1w_by_scan_and_for_all():
    row = {"scan": "sub-01", "xfm_MTR": None, "xfm_dwi": "dwi.mat"}
    given = {"all": ["MTR", "dwi"], "sub-01": ["pet"], "sub-02": ["FLAIR"]}
    assert already_aligned(row, given) == ["MTR", "pet"]
    assert already_aligned(row, {}) == []
