"""A BIDS dataset as the cohort: ambiguous files raise a message instead of a silent choice."""

import os
import shutil

import pytest
import yaml
from bids_tree import (
    DEFAULTS,
    MAPS,
    SCHEMA,
    people,
    read,
    refusal,
    row,
    touch,
)

from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.config import config_problems
from myelosketch.errors import InputError

# --- choices


def test_two_candidates_are_a_refusal_with_a_filter_to_copy(here):
    touch("ds/sub-01", "anat/{scan}_run-1_FLAIR.nii.gz", "anat/{scan}_run-2_FLAIR.nii.gz")
    touch("ds/sub-02", "anat/{scan}_desc-preproc_T1w.nii.gz")
    assert refusal() == [
        "  - sub-01: FLAIR may be ds/sub-01/anat/sub-01_run-1_FLAIR.nii.gz or "
        "ds/sub-01/anat/sub-01_run-2_FLAIR.nii.gz: choose with a filter, or leave the scan out "
        "(cohort.exclude).",
        "  - sub-02: T1w may be ds/sub-02/anat/sub-02_T1w.nii.gz or "
        "ds/sub-02/anat/sub-02_desc-preproc_T1w.nii.gz: choose with a filter, or leave the scan out "
        "(cohort.exclude).",
        "For instance:",
        "cohort:",
        "  bids:",
        "    filters:",
        "      FLAIR: {run: 1}  # or {run: 2}",
        "      T1w: {desc: null}  # or {desc: preproc}",
    ]


def test_the_advice_works_as_it_stands(here):
    touch("ds/sub-01", "anat/{scan}_run-01_T1w.nii.gz", "anat/{scan}_run-02_acq-fast_T1w.nii.gz")
    (here / "ds/sub-01/anat/sub-01_T1w.nii.gz").unlink()
    advice = yaml.safe_load("\n".join(refusal()[-4:]))
    assert config_problems(advice, SCHEMA) == []
    assert row(read(**advice["cohort"]["bids"]), "sub-01").T1w.endswith("T1w.nii.gz")


def test_the_folder_chooses_between_files_of_one_name(here):
    touch("maps/sub-02", MAPS[-1])
    assert refusal(derivatives=["maps"])[-1] == "      DVR: {folder: ds}  # or {folder: maps}"
    table = read(derivatives=["maps"], filters={"DVR": {"folder": "maps"}})
    assert row(table, "sub-02").DVR.startswith("maps/sub-02/")


def test_files_that_no_filter_tells_apart(here):
    touch("ds/sub-01", "anat/{scan}_T1w.nii")
    assert (
        refusal()[-1]
        == "      # T1w: no part of the file names distinguishes these files: remove one of them"
    )


def test_a_choice_among_files_that_are_not_needed_is_left_open(here):
    touch("ds/sub-01", "anat/{scan}_run-1_mt-on_MTR.nii.gz", "anat/{scan}_run-2_mt-on_MTR.nii.gz")
    found = row(read(), "sub-01")
    assert found.MTR
    assert found.mt_on is None


def test_scans_that_are_left_out_anyway_ask_for_nothing(here):
    touch("ds/sub-01", "anat/{scan}_desc-preproc_T1w.nii.gz")
    people("sub-01\tpwMS", "sub-02\tHC")
    table = read_bids(DEFAULTS | {"dataset": "ds"}, exclude=["sub-01"]).table
    included, excluded = split_complete(table, exclude=["sub-01"])
    assert included.scan.tolist() == ["sub-02"]
    assert excluded.reason.tolist() == ["named in cohort.exclude"]


def test_many_choices_are_counted(here):
    subjects = [f"{number}" for number in range(100, 115)]
    people("sub-01\tMS", "sub-02\tHC", *(f"sub-{subject}\tHC" for subject in subjects))
    for subject in subjects:
        touch(f"ds/sub-{subject}", "anat/{scan}_run-1_T1w.nii.gz", "anat/{scan}_run-2_T1w.nii.gz")
    lines = refusal()
    assert lines[10] == "  - ... and 5 more of this kind"
    assert len(lines) == 16


@pytest.mark.parametrize(
    ("filters", "line"),
    [
        (
            {"T1w": {"aqc": "x"}},
            "  - cohort.bids.filters.T1w.aqc: no T1w file has aqc-x; found: none (aqc is absent). "
            "Entities of these files: none.",
        ),
        (
            {"FA": {"model": ["tensor", "dki"]}},
            "  - cohort.bids.filters.FA.model: no FA file has model-dki; found: model-tensor. "
            "Entities of these files: model, param.",
        ),
    ],
)
def test_a_filter_that_nothing_can_pass(here, filters, line):
    assert refusal(filters=filters) == [line]


# --- participants


def test_groups_and_sites(here):
    people("02\tcontrol\tA", "sub-01\t PATIENT\tB", header="participant_id\tgroup\tsite")
    table = read(site_column="site")
    assert table.scan.tolist() == ["sub-02", "sub-01"]  # the order of the table
    assert table.group.tolist() == ["HC", "MS"]
    assert table.site.tolist() == ["A", "B"]


def test_numbers_stand_for_groups(here):
    people("sub-01\t1", "sub-02\t0", header="participant_id\tdiagnosis", path="mine.tsv")
    table = read(participants="mine.tsv", group_column="diagnosis", groups={"MS": [1], "HC": [0]})
    assert table.group.tolist() == ["MS", "HC"]


def test_participants_without_group_or_folder_are_left_out(here):
    people("sub-01\tn/a", "sub-02\tHC", "sub-03\tMS")
    included, excluded = split_complete(read())
    assert included.scan.tolist() == ["sub-02"]
    assert excluded.to_dict("records") == [
        {"scan": "sub-01", "group": None, "reason": "no group"},
        {
            "scan": "sub-03",
            "group": "MS",
            "reason": "no T1w, lesion_mask, FA, RD, AD, MTR, DVR in the table (give one, or a FLAIR and "
            "lesions.without_mask: flair to segment lesions on it)",
        },
    ]


def test_participants_that_cannot_be_placed(here):
    touch("ds/sub-03", *MAPS)
    touch("ds/sub-04", *MAPS)
    people(
        "sub-01\tMS\tA b",
        "sub-02\tHC\tA",
        "sub-02\tHC\tA",
        "sub-03\tpwMS\tA",
        header="participant_id\tgroup\tsite",
    )
    assert refusal(site_column="site") == [
        "  - sub-04: no row in ds/participants.tsv: add one with the group, or with n/a to leave them out.",
        "  - sub-02: two rows in ds/participants.tsv: keep one.",
        "  - sub-03: group 'pwMS' is not in cohort.bids.groups (column group of ds/participants.tsv has "
        "'HC' 2 times, 'MS' 1 times, 'pwMS' 1 times): add the value there, or write n/a to leave them out.",
        "  - sub-01: site 'A b' must be letters and digits only (column site of ds/participants.tsv).",
    ]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"participants": "none.tsv"},
            "none.tsv does not exist: this table says who is a patient; name another one in "
            "cohort.bids.participants.",
        ),
        (
            {"group_column": "diagnosis"},
            "ds/participants.tsv lacks the column diagnosis (cohort.bids.group_column); found: "
            "participant_id, group.",
        ),
        (
            {"groups": {"MS": ["x", "ms"], "HC": ["X"]}},
            "cohort.bids.groups gives 'x' to both MS and HC: keep it in one of them.",
        ),
        (
            {"dataset": ""},
            "cohort.source is bids, but cohort.bids.dataset is blank: name the folder of your dataset there.",
        ),
        (
            {"dataset": "none", "derivatives": ["ds/sub-01", "ds", "ds/"]},
            "The BIDS dataset none has 3 problems:\n"
            "  - cohort.bids.dataset: none is not a folder: correct the path.\n"
            "  - cohort.bids.derivatives.0: ds/sub-01 contains no sub-* folder: name the folder that contains them.\n"
            "  - cohort.bids.derivatives.2: ds/ is the same folder as cohort.bids.derivatives.1: name it once.",
        ),
    ],
)
def test_settings_that_cannot_be_followed(here, settings, sentence):
    with pytest.raises(InputError) as caught:
        read(**settings)
    assert str(caught.value) == sentence


# --- names, folders and links


def test_identifiers(here):
    touch("ds/sub-03_a", "anat/{scan}_T1w.nii.gz")
    assert refusal() == [
        "  - ds/sub-03_a: '03_a' must be letters and digits only: rename the folder and its files."
    ]


def test_a_file_in_the_folder_of_another(here):
    (here / "ds/sub-01/anat/sub-02_FLAIR.nii.gz").touch()
    assert refusal() == [
        "  - ds/sub-01/anat/sub-02_FLAIR.nii.gz is in the folder of sub-01 but is named sub-02: move or rename it."
    ]


def test_sessions_for_some_only(here):
    touch("ds/sub-03/ses-1", *MAPS)
    people("sub-01\tMS", "sub-02\tHC", "sub-03\tHC")
    assert refusal() == [
        "  - sub-01, sub-02 has files outside ses-* folders, sub-03 inside: give every scan a session, or none."
    ]


def test_a_folder_without_inputs_is_no_scan_outside_the_sessions(here):
    """MEG datasets have the noise of the empty room as sub-emptyroom/ses-<date>."""
    touch("ds/sub-emptyroom/ses-20090409", "meg/{scan}_task-noise_meg.nii")
    assert len(split_complete(read())[0]) == 2


def test_a_long_choice_is_cut(here):
    touch("ds/sub-01", *(f"anat/{{scan}}_run-{run}_T1w.nii.gz" for run in range(1, 7)))
    assert "_run-3_T1w.nii.gz or 3 more: choose with a filter" in refusal()[0]


def test_links_that_leave_the_dataset(here):
    (here / "private").mkdir()
    (here / "private/scan.nii.gz").touch()
    os.symlink("../../../private/scan.nii.gz", "ds/sub-01/anat/sub-01_FLAIR.nii.gz")
    os.symlink(here / "private", "ds/sub-02/perf")
    os.symlink(here / "private", "ds/sub-03")
    outside = "copy it there, or name the folder that contains it under cohort.bids.derivatives."
    assert refusal() == [
        f"  - ds/sub-02/perf is a link to {here}/private, outside ds: {outside}",
        f"  - ds/sub-03 is a link to {here}/private, outside ds: {outside}",
        "  - ds/sub-01/anat/sub-01_FLAIR.nii.gz is a link to "
        f"{here}/private/scan.nii.gz, outside ds: {outside}",
    ]


@pytest.mark.parametrize("repository", ["ds", "."])
def test_git_annex(here, repository):
    """Links into .git/annex of the dataset, or of the repository around it, are its files; some are not there."""
    objects = here / repository / ".git/annex/objects"
    objects.mkdir(parents=True)
    (objects / "there").touch()
    for subject, key in (("01", "there"), ("02", "gone")):
        path = here / f"ds/sub-{subject}/anat/sub-{subject}_T1w.nii.gz"
        path.unlink()
        path.symlink_to(os.path.relpath(objects / key, path.parent))
    included, excluded = split_complete(read())
    assert included.scan.tolist() == ["sub-01"]
    assert excluded.reason.tolist() == ["not downloaded: T1w (datalad get ds/sub-02/anat/sub-02_T1w.nii.gz)"]


def test_git_annex_unlocked(here):
    """A line of text replaces an unlocked file with its content elsewhere. A JSON file may be one too."""
    (here / "ds/sub-02/anat/sub-02_T1w.nii.gz").write_text("/annex/objects/MD5E-s9--0.nii.gz\n")
    (here / "ds/sub-01/anat/sub-01_T1w.json").write_text("/annex/objects/MD5E-s9--0.json\n")
    included, excluded = split_complete(read())
    assert included.empty
    assert excluded.reason.tolist() == [
        "not downloaded: json of T1w (datalad get ds/sub-01/anat/sub-01_T1w.json)",
        "not downloaded: T1w (datalad get ds/sub-02/anat/sub-02_T1w.nii.gz)",
    ]


@pytest.mark.parametrize("place", ["ds/sub-01/anat", "ds/sub-01", "ds/sub-03/ses-1", "ds/sub-03/ses-2/dwi"])
def test_a_folder_that_is_closed_leaves_out_its_scan(here, monkeypatch, place):
    """A folder that only root can read; root may run the tests."""
    people("sub-01\tMS", "sub-02\tHC", "sub-03\tHC")
    scandir = os.scandir

    def closed(path):
        if str(path) == place:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    root = "ds"
    if "sub-03" in place:
        touch("other/sub-02/ses-1", *MAPS)
        for session in ("1", "2"):
            touch(f"ds/sub-03/ses-{session}", *MAPS)
        os.rename("ds/sub-03", "other/sub-03")
        os.rename("ds/participants.tsv", "other/participants.tsv")
        root, place = "other", place.replace("ds", "other")
    check_left_out(root, place, "may not be read")


def check_left_out(root, place, reason):
    found = read_bids(DEFAULTS | {"dataset": root})
    included, excluded = split_complete(found.table, closed=found.closed)
    scan = "_".join(part for part in place.split("/") if part.startswith(("sub-", "ses-")))
    said = excluded.set_index("scan").reason
    assert said[scan] == f"{place} {reason}"
    assert included.scan.str.startswith("sub-02").any()
    assert not included.scan.str.startswith(scan).any()


@pytest.mark.parametrize("place", ["ds/sub-01/anat", "ds/sub-03"])
def test_a_folder_that_is_a_link_to_itself_leaves_out_its_scan(here, place):
    people("sub-01\tMS", "sub-02\tHC", "sub-03\tHC")
    shutil.rmtree(place, ignore_errors=True)
    os.symlink(os.path.basename(place), place)
    check_left_out("ds", place, "is a link to itself")


def test_a_file_that_is_a_link_to_itself(here):
    path = "ds/sub-01/anat/sub-01_T1w.nii.gz"
    os.remove(path)
    os.symlink(os.path.basename(path), path)
    included, excluded = split_complete(read())
    assert included.scan.tolist() == ["sub-02"]
    assert excluded.reason.tolist() == [f"a symbolic link that leads to itself: T1w ({path})"]


def test_a_closed_dataset(here, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", closed)
    assert refusal() == ["  - cohort.bids.dataset: ds may not be read: correct its permissions."]


def test_metadata_that_contradict_leave_out_the_scan(here):
    touch("ds/sub-01", "anat/{scan}_acq-x_run-1_FLAIR.nii.gz")
    for name in ("acq-x_FLAIR.json", "run-1_FLAIR.json"):
        (here / "ds" / name).touch()
    included, excluded = split_complete(read())
    assert included.scan.tolist() == ["sub-02"]
    assert excluded.reason[0].startswith(
        "ds/acq-x_FLAIR.json and ds/run-1_FLAIR.json both apply to ds/sub-01/anat/"
    )


def test_a_lesion_mask_in_a_space_that_is_not_known(here):
    touch("ds/sub-01", "anat/{scan}_space-ACPC_label-lesion_mask.nii.gz")
    assert refusal(filters={"lesion_mask": {"space": "ACPC"}}) == [
        "  - ds/sub-01/anat/sub-01_space-ACPC_label-lesion_mask.nii.gz is in the space ACPC, which is "
        "unknown for lesion masks (T1w, FLAIR, dwi, MTR, MNI152, or that of the T1w): choose another one "
        "with cohort.bids.filters.lesion_mask."
    ]
