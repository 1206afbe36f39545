"""A BIDS dataset as the cohort: which file serves which input, and the table that results."""

import os
from pathlib import Path

import pandas as pd
import pytest
from bids_tree import (
    LESIONS,
    MAPS,
    SCHEMA,
    hints,
    people,
    read,
    row,
    touch,
)

from myelosketch.cohort.bids_index import index_folder, parse_name
from myelosketch.cohort.bids_names import DEFAULT_FILTERS, NAMES, accepts
from myelosketch.cohort.complete import split_complete
from myelosketch.cohort.found import write_found
from myelosketch.cohort.table import (
    COLUMNS,
    FILE_COLUMNS,
    TRANSFORMS,
    cohort_from_rows,
    read_cohort,
)
from myelosketch.simulation.cohort import (
    describe_cohort,
    participants,
    simulated_images,
    simulated_siblings,
    truth_files,
)

# --- what is found


def test_every_input_by_its_name(here):
    touch(
        "ds/sub-01",
        "anat/{scan}_FLAIR.nii.gz",
        *("anat/{scan}_mt-on_MTR.nii.gz", "anat/{scan}_mt-off_MTR.nii.gz"),
        *("dwi/{scan}_dwi.nii.gz", "dwi/{scan}_dwi.bval", "dwi/{scan}_dwi.bvec", "dwi/{scan}_sbref.nii.gz"),
        *("pet/{scan}_trc-PIB_pet.nii.gz", "pet/{scan}_trc-PIB_pet.json"),
        "pet/{scan}_label-referenceGM_mask.nii.gz",
        "anat/{scan}_label-brain_mask.nii.gz",
    )
    found = row(read(), "sub-01")
    names = {name: Path(found[name]).name for name in FILE_COLUMNS if found[name]}
    assert names == {
        "T1w": "sub-01_T1w.nii.gz",
        "FLAIR": "sub-01_FLAIR.nii.gz",
        "lesion_mask": "sub-01_label-lesion_mask.nii.gz",
        "FA": "sub-01_model-tensor_param-fa_dwimap.nii.gz",
        "RD": "sub-01_model-tensor_param-rd_dwimap.nii.gz",
        "AD": "sub-01_model-tensor_param-ad_dwimap.nii.gz",
        "MTR": "sub-01_MTRmap.nii.gz",
        "DVR": "sub-01_trc-PIB_meas-DVR_mimap.nii.gz",
        "dwi": "sub-01_dwi.nii.gz",
        "mt_on": "sub-01_mt-on_MTR.nii.gz",
        "mt_off": "sub-01_mt-off_MTR.nii.gz",
        "pet": "sub-01_trc-PIB_pet.nii.gz",
        "reference_mask": "sub-01_label-referenceGM_mask.nii.gz",
    }


def test_every_column_of_files_has_names():
    assert set(NAMES) == set(FILE_COLUMNS) == set(DEFAULT_FILTERS)
    assert set(SCHEMA["$defs"]["filters"]["properties"]) == set(NAMES)


def test_older_suffixes_and_uncompressed_images(here):
    for file in Path("ds/sub-02/dwi").iterdir():
        file.unlink()
    touch("ds/sub-02", *(f"dwi/{{scan}}_{name}.nii" for name in ("FA", "RD", "AD")))
    found = row(read(), "sub-02")
    assert [Path(found[name]).name for name in ("FA", "RD", "AD")] == [
        f"sub-02_{name}.nii" for name in ("FA", "RD", "AD")
    ]


def test_suffixes_in_the_other_case(here):
    touch("ds/sub-02", "anat/{scan}_flair.nii.gz")
    assert row(read(), "sub-02").FLAIR == "ds/sub-02/anat/sub-02_flair.nii.gz"


def test_sessions(here):
    for session in ("1", "2"):
        touch(f"ds2/sub-07/ses-{session}", *MAPS, LESIONS)
    people("sub-07\tpatient", path="ds2/participants.tsv", header="participant_id\tgroup")
    table = read(dataset="ds2")
    assert table.scan.tolist() == ["sub-07_ses-1", "sub-07_ses-2"]
    assert table.T1w[1] == "ds2/sub-07/ses-2/anat/sub-07_ses-2_T1w.nii.gz"
    assert table.group.tolist() == ["MS", "MS"]


def test_derivatives_are_read_only_if_named(here):
    (here / f"ds/sub-02/{MAPS[-1].format(scan='sub-02')}").unlink()
    touch("ds/derivatives/kinetics/sub-02", MAPS[-1])
    assert row(read(), "sub-02").DVR is None
    table = read(derivatives=["ds/derivatives/kinetics"])
    assert row(table, "sub-02").DVR.startswith("ds/derivatives/kinetics/sub-02/pet/")


def test_another_space_is_taken_only_if_asked_for(here):
    touch("ds/sub-01", "anat/{scan}_space-MNI152_T1w.nii.gz", "anat/{scan}_space-MNI152_FLAIR.nii.gz")
    assert row(read(), "sub-01").T1w.endswith("anat/sub-01_T1w.nii.gz")
    assert row(read(), "sub-01").FLAIR is None
    table = read(filters={"T1w": {"space": "mni*"}})
    assert row(table, "sub-01").T1w.endswith("anat/sub-01_space-MNI152_T1w.nii.gz")
    assert row(table, "sub-02").T1w is None
    assert hints() == [
        "FLAIR: none of 1 files was used, because their names have space-MNI152; if one is right, set "
        "cohort.bids.filters: {FLAIR: {space: MNI152}}."
    ]
    assert hints(filters={"FLAIR": {"space": "MNI152"}}) == []


def test_a_filter_replaces_what_a_name_must_have(here):
    (here / "ds/sub-01/anat/sub-01_label-lesion_mask.nii.gz").unlink()
    touch("ds/sub-01", "anat/{scan}_label-L_desc-T1lesion_mask.nii.gz")
    assert row(read(), "sub-01").lesion_mask is None
    found = row(read(filters={"lesion_mask": {"label": "L"}}), "sub-01").lesion_mask
    assert found.endswith("label-L_desc-T1lesion_mask.nii.gz")


def space_of_mask(scan="sub-01", **settings):
    found = row(read(**settings), scan)
    return found.lesion_space, Path(found.lesion_mask).name


@pytest.mark.parametrize(
    ("entity", "space"),
    [
        ("space-T1w_", None),
        ("space-orig_", None),
        ("space-FLAIR_", "FLAIR"),
        ("space-flair_", "FLAIR"),
        ("space-dwi_", "dwi"),
        ("space-MTR_", "MTR"),
        ("space-MNI152NLin2009cAsym_", "MNI152"),
    ],
)
def test_the_space_of_a_lesion_mask_is_in_its_name(here, entity, space):
    (here / "ds/sub-01/anat/sub-01_label-lesion_mask.nii.gz").unlink()
    touch("ds/sub-01", f"anat/{{scan}}_{entity}label-lesion_mask.nii.gz")
    assert space_of_mask() == (space, f"sub-01_{entity}label-lesion_mask.nii.gz")


def test_of_the_same_lesions_in_several_spaces_the_one_nearest_to_t1w_is_taken(here):
    names = [
        f"anat/{{scan}}_space-{space}_label-lesion_mask.nii.gz" for space in ("MNI152NLin6Asym", "FLAIR")
    ]
    touch("ds/sub-01", *names)
    assert space_of_mask() == (None, "sub-01_label-lesion_mask.nii.gz")
    (here / "ds/sub-01/anat/sub-01_label-lesion_mask.nii.gz").unlink()
    assert space_of_mask() == ("FLAIR", "sub-01_space-FLAIR_label-lesion_mask.nii.gz")
    mni = {"lesion_mask": {"space": "MNI*"}}
    assert space_of_mask(filters=mni) == ("MNI152", "sub-01_space-MNI152NLin6Asym_label-lesion_mask.nii.gz")


def test_a_mask_in_the_space_that_the_t1w_names_too(here):
    (here / "ds/sub-01/anat/sub-01_T1w.nii.gz").unlink()
    touch("ds/sub-01", "anat/{scan}_space-ACPC_T1w.nii.gz", "anat/{scan}_space-ACPC_label-lesion_mask.nii.gz")
    filters = {"T1w": {"space": ["ACPC", None]}, "lesion_mask": {"space": "ACPC"}}
    assert space_of_mask(filters=filters) == (None, "sub-01_space-ACPC_label-lesion_mask.nii.gz")


def test_a_segmentation_is_taken_only_if_a_filter_names_it(here):
    touch("ds/sub-01", "anat/{scan}_dseg.nii.gz", "anat/{scan}_desc-aseg_dseg.nii.gz")
    assert row(read(), "sub-01").segmentation is None
    assert hints() == []
    found = row(read(filters={"segmentation": {"desc": "aseg"}}), "sub-01").segmentation
    assert found.endswith("sub-01_desc-aseg_dseg.nii.gz")


def test_the_space_called_orig_is_the_images_own(here):
    touch("ds/sub-02", "anat/{scan}_space-orig_FLAIR.nii.gz")
    assert row(read(), "sub-02").FLAIR.endswith("space-orig_FLAIR.nii.gz")


def test_another_tracer_is_taken_only_if_asked_for(here):
    touch("ds/sub-01", "pet/{scan}_trc-FDG_pet.nii.gz", "pet/{scan}_trc-FDG_pet.json")
    assert row(read(), "sub-01").pet is None
    assert row(read(filters={"pet": {"trc": "FDG"}}), "sub-01").pet.endswith("trc-FDG_pet.nii.gz")


def test_a_mean_of_b0_images_is_no_diffusion_series(here):
    touch(
        "ds/sub-01",
        "dwi/{scan}_desc-b0_dwi.nii.gz",
        *(f"dwi/{{scan}}_dwi.{kind}" for kind in ("nii.gz", "bval", "bvec")),
    )
    (here / "ds/sub-01/dwi/sub-01_model-tensor_param-fa_dwimap.nii.gz").unlink()
    assert row(read(), "sub-01").dwi.endswith("/sub-01_dwi.nii.gz")


@pytest.mark.parametrize(
    ("wanted", "value", "taken"),
    [
        (1, "01", True),
        ("1", "2", False),
        ("Lesion*", "lesionT2", True),
        (None, None, True),
        (None, "x", False),
        ("*", None, False),
        (["a", None], None, True),
        ([1, 2], "02", True),
        (True, "on", True),
        (False, "on", False),
        (False, "off", True),
    ],
)
def test_filters(wanted, value, taken):
    assert accepts(wanted, value) is taken


@pytest.mark.parametrize(
    "name", ["T1w.nii.gz", "sub-01_acq_T1w.nii", "sub-01_run-_T1w.nii", "sub-01_run-1_run-2_T1w.nii"]
)
def test_names_that_are_not_bids(name):
    assert parse_name(name) is None


# --- the table of what was found, and the simulated dataset


def same(one, other):
    """Two cohort tables, path by path as absolute paths."""
    for table in (one, other):
        for name in FILE_COLUMNS:
            table[name] = [os.path.abspath(path) if path else None for path in table[name]]
    pd.testing.assert_frame_equal(one, other)


def test_the_table_found_gives_the_same_cohort_again(here):
    touch("ds/sub-03", *MAPS[:2])
    people("sub-01\tMS", "sub-02\tHC", "sub-03\tn/a", "sub-04\tMS")
    table = read()
    write_found(table.to_dict("records"), "results/cohort/found.tsv")
    again = read_cohort("results/cohort/found.tsv")
    assert again.scan.tolist() == ["sub-01", "sub-02", "sub-03"]
    ours, theirs = split_complete(table), split_complete(again)
    assert ours[0].scan.tolist() == ["sub-01", "sub-02"]
    same(ours[0], theirs[0])
    assert theirs[1].reason.tolist() == ["no group"]


def test_the_table_found_keeps_to_sessions_if_there_are_any(here):
    rows = [
        {"subject": "01", "session": "1", "group": "MS", "T1w": "t.nii.gz"},
        {"subject": "01", "group": "MS", "FA": "f.nii.gz"},
    ]
    write_found(cohort_from_rows(rows).to_dict("records"), "found.tsv")
    assert read_cohort("found.tsv").scan.tolist() == ["sub-01_ses-1"]


@pytest.mark.parametrize(
    ("level", "folders"), [("maps", ("maps", "lesions")), ("signals", ("lesions", "reference"))]
)
def test_the_simulated_dataset_is_read_as_it_was_written(here, level, folders):
    root = "results/simulated"
    cohort = participants(3, 2).to_dict("records")
    describe_cohort(root, participants(3, 2).assign(site="A"), {"level": level}, 1)
    rows = []
    for person in cohort:
        files = simulated_images(root, person["subject"], level)
        rows.append({**person, **files})
        siblings = simulated_siblings(root, person["subject"], level)
        for path in [*files.values(), *siblings.values(), *truth_files(root, person["subject"]).values()]:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).touch()
    table = read(dataset=root, derivatives=[f"{root}/derivatives/{folder}" for folder in folders])
    expected = cohort_from_rows(rows)
    pd.testing.assert_frame_equal(table[["scan", *COLUMNS]], expected)
    assert len(split_complete(table)[0]) == 5
    assert not table.astype(str).apply(lambda column: column.str.contains("truth")).to_numpy().any()


def test_one_listing_per_folder(here, monkeypatch):
    """1,000 scans are indexed in a second only if no folder is listed again and again."""
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    assert len(index_folder("ds").files) == 2 * len(MAPS) + 1
    assert len(listed) == len(set(listed)) == 1 + 2 * 4  # the dataset; a participant, its anat, dwi and pet


def test_transforms_are_taken_only_where_a_filter_asks_for_them(here):
    names = [f"dwi/{{scan}}_from-dwi_to-T1w_mode-image_xfm.{end}" for end in ("mat", "txt", "json")]
    touch(
        "ds/sub-01", *names, "dwi/{scan}_from-T1w_to-dwi_mode-image_xfm.mat", "anat/{scan}_from-x_to-y_xfm.h5"
    )
    touch("ds/sub-01", "pet/{scan}_from-petref_to-T1w_mode-image_desc-coreg_xfm.lta")
    plain = row(read(), "sub-01")
    assert not any(plain[name] for name in TRANSFORMS)
    found = row(read(filters={"xfm_dwi": {"from": "dwi"}, "xfm_pet": {"from": "pet*"}}), "sub-01")
    assert found["xfm_dwi"].endswith("_from-dwi_to-T1w_mode-image_xfm.txt")
    assert found["xfm_pet"].endswith("_from-petref_to-T1w_mode-image_desc-coreg_xfm.lta")
    assert found["xfm_MTR"] is None
