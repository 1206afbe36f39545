"""Every recipe of docs/recipes.md, read from the page: which of the tool's files its configuration selects."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from bids_tree import DEFAULTS, ROOT, SCHEMA, people, row

from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.config import config_problems
from myelosketch.cohort.table import FILE_COLUMNS, read_cohort

PAGE = (ROOT / "docs/recipes.md").read_text()
RECIPES = {
    title: (files[1], settings[1])
    for title, body in re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    if (files := re.search(r"```text\n(.*?)```", body, re.DOTALL))
    and (settings := re.search(r"```yaml\n(.*?)```", body, re.DOTALL))
}
OWN = (
    *("anat/sub-01_T1w.nii.gz", "anat/sub-01_FLAIR.nii.gz"),
    *("pet/sub-01_trc-PIB_pet.nii.gz", "pet/sub-01_trc-PIB_pet.json"),
)


def test_the_tools_that_have_a_recipe():
    assert list(RECIPES) == [
        *("LST-AI", "LST-AI_BIDS", "SAMSEG", "SAMSEG's probabilities", "FSL BIANCA"),
        *("FreeSurfer", "FastSurfer", "SynthSeg"),
        *("QSIRecon", "FSL dtifit", "MRtrix", "DIPY"),
        *("Spinal Cord Toolbox", "PETPrep", "Maps of BP_ND"),
    ]


def make(files):
    for path in files:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A dataset of one patient, in the working directory."""
    monkeypatch.chdir(tmp_path)
    make(f"data/sub-01/{name}" for name in OWN)
    people("sub-01\tMS", path="data/participants.tsv")


def taken(settings, scan="sub-01"):
    """Row of a scan, and the files of derivatives in it: {input: path}."""
    found = row(read_bids(DEFAULTS | {"dataset": "data"} | settings)[0], scan)
    return found, {name: found[name] for name in FILE_COLUMNS if "derivatives" in (found[name] or "")}


@pytest.mark.parametrize("tool", RECIPES)
def test_what_a_recipe_takes(data, tool):
    lines = [line.split(maxsplit=1) for line in RECIPES[tool][0].splitlines()]
    make(path for path, *_ in lines)
    found, files = taken(yaml.safe_load(RECIPES[tool][1])["cohort"]["bids"])
    assert files == {name: path for path, *becomes in lines for text in becomes for name in text.split(", ")}
    on_flair = "space-flair" in files.get("lesion_mask", "").lower()
    assert found.lesion_space == ("FLAIR" if on_flair else None)


@pytest.mark.parametrize("tool", RECIPES)
def test_the_cohort_of_a_recipe_is_valid(tool):
    settings = yaml.safe_load(RECIPES[tool][1])
    assert config_problems(settings, SCHEMA) == []


@pytest.mark.parametrize(
    "tool", ["SAMSEG", "SAMSEG's probabilities", "FSL BIANCA", "FreeSurfer", "Maps of BP_ND"]
)
def test_what_must_be_declared_is_not_taken_by_itself(data, tool):
    make(line.split()[0] for line in RECIPES[tool][0].splitlines())
    folders = yaml.safe_load(RECIPES[tool][1])["cohort"]["bids"]["derivatives"]
    assert taken({"derivatives": folders})[1] == {}


@pytest.mark.parametrize(
    ("folder", "name", "column"),
    [
        ("sub-01/ses-02", "space-flair_seg-lst.nii.gz", "lesion_mask"),
        ("sub-01/ses-02/anat", "sub-01_ses-02_space-flair_seg-lst.nii.gz", "lesion_mask"),
        ("sub-01/ses-02/anat", "space-orig_seg-lst.nii.gz", "lesion_mask"),
        ("sub-01_ses-02/mri", "aseg.mgz", "segmentation"),
        ("sub-01/ses-02/dwi", "sub-01_ses-02_dti_FA.nii.gz", "FA"),
        ("sub-01/ses-02/dwi", "dti_FA.nii", "FA"),
        ("sub-01/ses-02/anat", "sub-01_ses-02_acq-a_T1w_synthseg.nii.gz", "segmentation"),
        ("sub-01/ses-02/temp", "sub-X_ses-Y_space-mni_seg-lst.nii.gz", None),
        ("sub-01/ses-02/temp", "sub-X_ses-Y_space-t1w_T1w.nii.gz", None),
        ("sub-01/ses-02", "my_dti_FA.nii.gz", None),
    ],
)
def test_names_of_tools_in_a_session(tmp_path, monkeypatch, folder, name, column):
    """sub-01/ses-02 and FreeSurfer's sub-01_ses-02; an unknown name and one that resembles a tool's."""
    monkeypatch.chdir(tmp_path)
    make(["data/sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz", f"data/derivatives/tool/{folder}/{name}"])
    people("sub-01\tMS", path="data/participants.tsv")
    filters = {"segmentation": {"desc": "*"}} if column == "segmentation" else {}
    settings = {"derivatives": ["data/derivatives/tool"], "filters": filters}
    found, files = taken(settings, "sub-01_ses-02")
    assert files == ({column: f"data/derivatives/tool/{folder}/{name}"} if column else {})
    assert found.lesion_space == ("FLAIR" if column == "lesion_mask" else None)


def test_the_loop_that_writes_a_table(data):
    folders = {"lst/01": ["space-flair_seg-lst"], "dti/01": ["dti_FA", "dti_RD", "dti_L1"], "mtr": ["01"]}
    files = [f"{folder}/{name}.nii.gz" for folder, names in folders.items() for name in names]
    make([*files, "petsurfer/01/mrtm1/bp.nii.gz", "data/sub-02/anat/sub-02_T1w.nii.gz"])
    people("sub-01\tMS", "sub-02\tHC", path="data/participants.tsv")
    loop = re.search(r"```sh\n(\{\n.*?)```", PAGE, re.DOTALL)[1]
    subprocess.run(["bash", "-c", loop], check=True)
    table = read_cohort("cohort.tsv")
    assert table.group.tolist() == ["MS", "HC"]
    assert table.lesion_mask.tolist() == ["lst/01/space-flair_seg-lst.nii.gz", None]
    patient = row(table, "sub-01")
    assert all(Path(patient[name]).is_file() for name in FILE_COLUMNS if patient[name])
    assert patient.lesion_space == "FLAIR"
