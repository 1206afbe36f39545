"""A BIDS dataset with files that were found but not used: the message, and that its advice works verbatim."""

from pathlib import Path

import pytest
import yaml
from bids_tree import MAPS, SCHEMA, hints, people, read, row, touch

from myelosketch.cohort.config import config_problems

BY_HAND = "no filter can select such a name: enter it in the table that snakemake cohort_table writes"
# of other tools and schemes: input, names of its files, and the filters that the hint proposes
DIALECTS = [
    ("mt_on", ["anat/{scan}_acq-MTon_MTS"], "{suffix: MTS, acq: MTon}"),
    ("mt_off", ["anat/{scan}_acq-MToff_MTS"], "{suffix: MTS, acq: MToff}"),
    ("mt_on", ["anat/{scan}_flip-1_mt-on_MTS"], '{suffix: MTS, mt: "on"}'),
    ("FA", ["dwi/{scan}_mdp-fa_dwimap"], "{param: null, mdp: fa}"),
    ("FA", ["dwi/{scan}_space-ACPC_desc-dtifa_map"], "{suffix: map, space: ACPC, desc: dtifa}"),
    ("dwi", ["dwi/{scan}_space-T1w_desc-preproc_dwi"], "{space: T1w}"),
    ("T1w", ["anat/{scan}_UNIT1"], "{suffix: UNIT1}"),
    ("DVR", ["pet/{scan}_model-MRTM2_meas-BP_mimap"], "{meas: BP}"),
    ("lesion_mask", ["anat/{scan}_desc-WMH_mask"], "{label: null, desc: WMH}"),
    ("reference_mask", ["pet/{scan}_desc-cerebellum_mask"], "{label: null, desc: cerebellum}"),
]


def without(*columns):
    """Remove inputs of sub-01."""
    files = {"T1w": 0, "MTR": 1, "FA": 2, "RD": 3, "AD": 4, "DVR": 5}
    for name in columns:
        path = "anat/{scan}_label-lesion_mask.nii.gz" if name == "lesion_mask" else MAPS[files[name]]
        Path("ds/sub-01", path.format(scan="sub-01")).unlink()


@pytest.mark.parametrize(("name", "files", "proposed"), DIALECTS)
def test_the_nearest_files_are_named_with_the_filter_that_takes_them(here, name, files, proposed):
    raw = {"dwi": ("FA", "RD", "AD"), "mt_on": ("MTR",), "mt_off": ("MTR",), "reference_mask": ("DVR",)}
    without(*raw.get(name, [name]))
    if name == "reference_mask":
        touch("ds/sub-01", "pet/{scan}_pet.nii.gz", "pet/{scan}_pet.json")
    if name == "dwi":  # a scan that has it shows that the others should
        Path("ds/sub-02/dwi/sub-02_model-tensor_param-fa_dwimap.nii.gz").unlink()
        touch("ds/sub-02", *(f"dwi/{{scan}}_dwi.{kind}" for kind in ("nii.gz", "bval", "bvec")))
    touch("ds/sub-01", *(f"{file}.nii.gz" for file in files))
    path = f"ds/sub-01/{files[0]}.nii.gz".format(scan="sub-01")
    filters = f"cohort.bids.filters: {{{name}: {proposed}}}"
    assert (
        f"{name}: not found for sub-01; the most similar files that were not used: {path} ({filters})."
        in hints()
    )
    settings = yaml.safe_load(filters.split(": ", 1)[1])
    assert config_problems({"cohort": {"bids": {"filters": settings}}}, SCHEMA) == []
    assert row(read(filters=settings), "sub-01")[name] == path


def test_names_that_no_filter_takes(here):
    without("FA")
    touch(
        "ds/sub-01",
        "dwi/{scan}_dwi_space-T1w_FA.nii.gz",
        "dwi/{scan}_dwi_space-T1w_RD.nii.gz",
        "dwi/my_FA.nii.gz",
    )
    said = [hint for hint in hints() if hint.startswith("FA: ")]
    assert said == [
        "FA: not found for sub-01; the most similar files that were not used: ds/sub-01/dwi/my_FA.nii.gz "
        f"({BY_HAND})."
    ]


def test_phase_images_and_masks_are_never_proposed_and_the_plainest_filter_comes_first(here):
    without("T1w")
    touch("ds/sub-01", *(f"anat/{{scan}}_{name}.nii.gz" for name in (
        "inv-1_part-mag_MP2RAGE", "inv-1_part-phase_MP2RAGE", "inv-2_part-mag_MP2RAGE", "mod-T1w_defacemask",
        "acq-T1w_flip-2_MPM", "UNIT1",
    )))  # fmt: skip
    anat = "ds/sub-01/anat/sub-01"
    assert hints() == [
        f"T1w: not found for sub-01; the most similar files that were not used: {anat}_UNIT1.nii.gz "
        "(cohort.bids.filters: "
        f"{{T1w: {{suffix: UNIT1}}}}); {anat}_inv-1_part-mag_MP2RAGE.nii.gz (cohort.bids.filters: {{T1w: {{suffix: "
        f"MP2RAGE}}}}); {anat}_acq-T1w_flip-2_MPM.nii.gz (cohort.bids.filters: {{T1w: {{suffix: MPM, acq: T1w}}}})."
    ]


def test_a_complete_dataset_and_optional_inputs_give_no_hint(here):
    touch("ds/sub-02", "anat/{scan}_desc-WMH_mask.nii.gz", "pet/{scan}_space-T1w_FDG.nii.gz")
    assert hints() == []


def test_of_many_scans_one_example_is_shown(here):
    rows = [f"sub-{number}\tHC" for number in range(10, 25)]
    people("sub-01\tMS", "sub-02\tHC", *rows)
    for line in rows:
        touch(f"ds/{line.split()[0]}", *MAPS[1:], "anat/{scan}_UNIT1.nii.gz")
    (hint,) = hints()
    assert hint.startswith("T1w: not found for sub-10, sub-11, ")
    assert (
        ", sub-19 and 5 more; the most similar files that were not used: ds/sub-10/anat/sub-10_UNIT1.nii.gz ("
        in hint
    )


def test_a_named_folder_that_gives_nothing(here):
    touch("lst/sub-01", *(f"anat/{{scan}}_{name}.nii.gz" for name in ("a_x", "b_x", "c_x", "d_x")))
    touch("empty/sub-01", "log_run.txt")
    remedy = "select its files with cohort.bids.filters, or remove the folder."
    paths = ", ".join(f"lst/sub-01/anat/sub-01_{name}_x.nii.gz" for name in "abc")
    assert hints(derivatives=["lst", "empty"]) == [
        f"cohort.bids.derivatives.0: nothing is used from lst: it contains {paths} and 1 more; {remedy}",
        f"cohort.bids.derivatives.1: nothing is used from empty: its sub-* folders contain no image; {remedy}",
    ]


def test_a_filter_that_takes_nothing(here):
    touch("ds/sub-01", "anat/{scan}_acq-a_run-1_FLAIR.nii.gz", "anat/{scan}_acq-b_run-2_FLAIR.nii.gz")
    assert hints(filters={"FLAIR": {"acq": "a", "run": 2}, "mt_on": {"acq": "MTon"}}) == [
        "cohort.bids.filters.FLAIR selects nothing: no file matches all of it, e.g. "
        "ds/sub-01/anat/sub-01_acq-a_run-1_FLAIR.nii.gz.",
        "cohort.bids.filters.mt_on ({acq: MTon}) selects nothing: no file has the name of this input (_mt-on_MTR).",
    ]


def test_files_that_bidsignore_names_come_last(here):
    Path("ds/.bidsignore").write_bytes("\ufeff# extras\r\n**/extra/\r\n*_MTRmap.*\r\nsub-03/\r\n".encode())
    touch("ds/sub-01", "extra/{scan}_run-2_T1w.nii.gz")
    touch("ds/sub-03", *MAPS)
    table = read()
    assert table.scan.tolist() == ["sub-01", "sub-02"]
    assert row(table, "sub-01").T1w == "ds/sub-01/anat/sub-01_T1w.nii.gz"
    assert row(table, "sub-01").MTR == "ds/sub-01/anat/sub-01_MTRmap.nii.gz"
    assert hints() == [
        ".bidsignore names files of T1w, MTR: they are used only where a scan has no other for the input."
    ]
