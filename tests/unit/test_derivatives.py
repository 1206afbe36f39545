"""The derivatives as a BIDS dataset: its description, and the content of every sidecar."""

import json

import numpy as np
import pytest

from myelosketch.io import names
from myelosketch.io.derivatives import dataset_files, describe_derivatives
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import save_volume


def sidecar(tmp_path, key, scan="sub-01_ses-02", *, side=4, voxel_mm=2.0, fields=None, **entities):
    """Return what is written next to a derivative of ones."""
    path = names.path(tmp_path, key, scan=scan, **entities)
    affine = np.diag([voxel_mm] * 3 + [1.0])
    save_volume(path, np.ones((side,) * 3, np.float32), affine, sidecar=fields or {})
    return read_json(sidecar_path(path))


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("mtr", "anat/sub-01_ses-02_space-petref_MTRmap.nii.gz"),
        ("regions", "anat/sub-01_ses-02_space-petref_MTRmap.nii.gz"),
        ("demyelinated", "anat/sub-01_ses-02_space-petref_MTRmap.nii.gz"),
        ("tissue", "anat/sub-01_ses-02_desc-preproc_T1w.nii.gz"),
        ("demyelinated_t1w", "anat/sub-01_ses-02_desc-preproc_T1w.nii.gz"),
        # no space in the name: an image is its own reference, and MNI152 is a standard space
        ("t1w", None),
        ("dvr", None),
        ("demyelinated_mni", None),
    ],
)
def test_a_sidecar_names_an_image_on_the_same_grid(tmp_path, key, reference):
    entities = {"method": "pet"} if "demyelinated" in key else {}
    found = sidecar(tmp_path, key, **entities).get("SpatialReference")
    assert found == (reference and f"bids::sub-01/ses-02/{reference}")


def test_an_image_of_a_head_is_told_from_one_of_a_brain(tmp_path):
    # 1.7 and 4.1 L of signal
    assert sidecar(tmp_path, "mtr", side=60)["SkullStripped"] is True
    assert sidecar(tmp_path, "mtr", side=80)["SkullStripped"] is False
    assert sidecar(tmp_path, "t1w", side=80, fields={"SkullStripped": True})["SkullStripped"] is True
    assert "SkullStripped" not in sidecar(tmp_path, "tissue")


def test_images_that_are_no_derivatives_of_a_run_keep_their_sidecars(tmp_path):
    path = tmp_path / "simulated/derivatives/lesions/sub-01/anat/sub-01_label-lesion_mask.nii.gz"
    save_volume(path, np.ones((2, 2, 2)), np.eye(4), sidecar={"Units": "1"})
    assert read_json(sidecar_path(path)) == {"Units": "1"}


def describe(tmp_path, source=None, commit=None):
    files = dataset_files(tmp_path / "results")
    describe_derivatives(files, commit=commit, source=source)
    return read_json(files["description"])


def test_the_description_says_what_made_the_derivatives(tmp_path):
    found = describe(tmp_path, commit="abc")
    assert found["DatasetType"] == "derivative"
    assert found["GeneratedBy"][0]["Name"] == "myelosketch"
    assert found["GeneratedBy"][0]["Description"] == "commit abc"
    assert "SourceDatasets" not in found
    assert "Description" not in describe(tmp_path)["GeneratedBy"][0]


@pytest.mark.parametrize(
    ("folder", "content", "sources"),
    [
        ("elsewhere", '\ufeff{"DatasetDOI": "doi:10.1/2"}', [{"DOI": "doi:10.1/2"}]),
        ("results/simulated", "{}", [{"URL": "../simulated"}]),
        # no path of this machine, and no failure for an optional entry
        ("elsewhere", "{}", None),
        ("elsewhere", "{", None),
    ],
)
def test_the_source_is_named_by_its_doi_or_its_place_beside(tmp_path, folder, content, sources):
    source = tmp_path / folder / "dataset_description.json"
    source.parent.mkdir(parents=True)
    source.write_text(content, encoding="utf-8")
    assert describe(tmp_path, source).get("SourceDatasets") == sources
    assert str(tmp_path) not in json.dumps(describe(tmp_path, source))
