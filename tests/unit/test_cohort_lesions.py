"""The intake's view of lesion masks in any space and of a user's own segmentation."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from intake_scans import SHAPE, affine, copied, head, make_maps, part_of_head, rewrite, row

from myelosketch.intake.inspection import inspect_files
from myelosketch.io.units import default_units
from myelosketch.io.volumes import save_volume


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    """Heads of noise have no left and right; test_cohort_mirror looks at that check."""
    monkeypatch.setattr("myelosketch.intake.mirror.COMPARED", ())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_maps(tmp_path_factory.mktemp("scan"), 1)


@pytest.fixture
def files(made, tmp_path):
    return copied(made, tmp_path / "scan")


def findings(files, **more):
    found = inspect_files(row(files, **more), units=default_units(), maps={})[1]
    return [(finding.check, finding.input, finding.reason) for finding in found]


def shifted(mm):
    matrix = affine()
    matrix[0, 3] += mm
    return matrix


@pytest.mark.parametrize(("space", "image"), [("FLAIR", "FLAIR"), ("dwi", "FA"), ("MTR", "MTR")])
def test_a_mask_shares_the_grid_of_the_image_it_was_drawn_on(files, space, image):
    for name in ("lesion_mask", "RD", "AD", "FA") if image == "FA" else ("lesion_mask", image):
        rewrite(files[name], matrix=shifted(12))
    assert findings(files, lesion_space=space) == []
    check, name, reason = findings(files)[0]
    assert (check, name) == ("grids", "lesion_mask")
    assert reason.startswith("does not share the grid of T1w (T1w.nii.gz; ")
    rewrite(files["lesion_mask"], matrix=affine())
    check, name, reason = findings(files, lesion_space=space)[0]
    assert (check, name) == ("grids", "lesion_mask")
    assert reason.startswith(f"does not share the grid of {image} ({image}.nii.gz; ")


def test_a_mask_in_template_space_lies_in_its_brain(files):
    rewrite(files["lesion_mask"], matrix=affine() @ np.diag([0.9, 0.9, 0.9, 1]))
    assert findings(files, lesion_space="MNI152") == []
    rewrite(files["lesion_mask"], matrix=shifted(150))
    assert findings(files, lesion_space="MNI152") == [
        (
            "apart",
            "lesion_mask",
            "reaches from 135 x -27 x -15 to 147 x -15 x 3 mm, beyond the brain of MNI152",
        )
    ]


def test_flair_may_lie_on_a_grid_of_its_own(files):
    rewrite(files["FLAIR"], lambda voxels: voxels[:-2], matrix=shifted(20))
    assert findings(files) == []


def test_lesions_may_be_numbered(files):
    rewrite(
        files["lesion_mask"], lambda voxels: np.cumsum(voxels).reshape(voxels.shape) * voxels, dtype=np.int16
    )
    assert findings(files) == []


def test_too_large_a_mask_in_another_space(files):
    rewrite(files["lesion_mask"], lambda voxels: part_of_head(0.8))
    (finding,) = findings(files, lesion_space="FLAIR")
    assert finding[:2] == ("not_lesions", "lesion_mask")


def labels():
    """Three tissues in the head, with the labels of a segmentation."""
    return (head() * (1 + np.indices(SHAPE)[2] % 3)).astype(np.int16)


def probabilities(n=3):
    return np.stack([(labels() == number + 1).astype(np.float32) for number in range(n)], axis=3)


@pytest.mark.parametrize(
    ("data", "matrix", "finding"),
    [
        (labels(), affine(), None),
        (1000 + labels(), affine(), None),
        (labels()[:, ::-1], affine() @ [[1, 0, 0, 0], [0, -1, 0, 31], [0, 0, 1, 0], [0, 0, 0, 1]], None),
        (probabilities(), affine(), None),
        (labels() * 0.5, affine(), ("not_labels", "has values from 0 to 1.5 that are not labels, expected whole "
         "numbers from 0")),
        (head().astype(np.uint8), affine(), ("not_labels", "has only the label 1, expected one for each tissue")),
        (probabilities(2), affine(), ("not_labels", "has 2 volumes, expected one for each of CSF, grey and white "
         "matter")),
        (100 * probabilities(), affine(), ("not_labels", "has values from 0 to 100, expected "
         "probabilities (0 to 1)")),
        (labels(), shifted(60), ("apart", "is 60 mm away from the T1w in space (the boxes of "
         "the content overlap by 55%)")),
    ],
    ids=["labels", "freesurfer", "other-axes", "probabilities", "halves", "mask", "two", "percent", "elsewhere"],
)  # fmt: skip
def test_a_segmentation(files, tmp_path, data, matrix, finding):
    path = str(tmp_path / "dseg.nii.gz")
    save_volume(path, data, matrix)
    expected = [(finding[0], "segmentation", finding[1])] if finding else []
    assert findings(files, segmentation=path) == expected


def as_mgz(folder, data):
    path = folder / "seg.mgz"
    nib.save(nib.MGHImage(data, affine()), path)
    return str(path)


def test_freesurfers_format_for_what_freesurfer_makes(files, tmp_path):
    lesions = nib.load(files["lesion_mask"]).get_fdata().astype(np.int32)
    assert findings(files, lesion_mask=as_mgz(tmp_path, lesions)) == []
    assert findings(files, segmentation=as_mgz(tmp_path, labels().astype(np.int32))) == []


@pytest.mark.parametrize(
    "damage", [lambda content: b"hello", lambda content: content[:2000]], ids=["text", "cut"]
)
def test_a_damaged_file_of_freesurfers(files, tmp_path, damage):
    path = as_mgz(tmp_path, np.random.default_rng(1).integers(0, 3, SHAPE).astype(np.int32))
    Path(path).write_bytes(damage(Path(path).read_bytes()))
    expected = ("unreadable", "segmentation", "is damaged, or is not a FreeSurfer image")
    assert findings(files, segmentation=path) == [expected]
