"""A user's segmentation: known labels become the right tissue on the right grid; others are refused."""

import json

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_scans import store_as

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy.labels import BIDS, FREESURFER, tissue_of_name, tissue_of_number
from myelosketch.imaging.anatomy.segmentation import read_segmentation, tissue_codes
from myelosketch.io.volumes import Volume

SIDE = 24
# shells of a ball: white matter within, grey matter, CSF outside
TISSUES = ("white", "grey", "csf")


@pytest.fixture
def ball(affine):
    """A T1w image (Volume) of a ball, and its tissue (array: 0 outside, 1 white, 2 grey, 3 CSF)."""
    distance = np.sqrt(sum((axis - (SIDE - 1) / 2) ** 2 for axis in np.indices((SIDE, SIDE, SIDE))))
    tissue = np.select([distance < 6, distance < 8, distance < 10], [1, 2, 3], 0)
    return Volume(np.array([0.0, 900, 600, 250], np.float32)[tissue], affine, "t1w.nii.gz"), tissue


def write(path, data, affine):
    nib.save(nib.Nifti1Image(data, affine), path)
    return str(path)


def check(found, tissue):
    for code, name in enumerate(TISSUES, start=1):
        np.testing.assert_array_equal(found[name], tissue == code)
    np.testing.assert_array_equal(found["brain"], tissue > 0)


@pytest.mark.parametrize("axes", ["LAS", "PSR"])
def test_the_order_on_disk_changes_nothing(tmp_path, ball, axes):
    t1w, tissue = ball
    shares = np.stack([tissue == code for code in (2, 1, 3)], axis=-1).astype(np.float32)
    for name, data in (("dseg", tissue.astype(np.int16)), ("probseg", shares)):
        path = write(
            tmp_path / f"{name}.nii.gz",
            np.array([0, 2, 1, 3], np.int16)[data] if name == "dseg" else data,
            t1w.affine,
        )
        store_as(path, axes)
        check(read_segmentation(path, t1w), tissue)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ((2, 3, 24), "FreeSurfer"),
        ((41, 42, 4), "FreeSurfer"),
        ((7, 2035, 15), "FreeSurfer"),
        ((4001, 10, 43), "FreeSurfer"),
        ((77, 12175, 31), "FreeSurfer"),
        ((2, 1, 3), "BIDS"),
        ((7, 8, 3), "BIDS"),
    ],
    ids=str,
)
def test_labels_by_their_numbers(tmp_path, ball, labels, kind):
    t1w, tissue = ball
    data = np.array([0, *labels], np.int32)[tissue]
    found = read_segmentation(write(tmp_path / "dseg.nii.gz", data, t1w.affine), t1w)
    check(found, tissue)
    assert found["record"]["Kind"] == kind
    assert [found["record"][name] for name in TISSUES] == [[label] for label in labels]
    codes = tissue_codes(found, (slice(None),) * 3)
    np.testing.assert_array_equal(codes, np.array([0, 3, 2, 1])[tissue])


def test_freesurfers_own_format(tmp_path, ball):
    t1w, tissue = ball
    data = np.array([0, 2, 3, 24], np.int32)[tissue]
    nib.save(nib.MGHImage(data, t1w.affine), tmp_path / "aseg.mgz")
    check(read_segmentation(str(tmp_path / "aseg.mgz"), t1w), tissue)


# labels that the tools write, from their own tables
CORTEX = [*range(1000, 1004), *range(1005, 1036), *range(2000, 2004), *range(2005, 2036)]  # Desikan-Killiany
DESTRIEUX = [*range(11101, 11176), *range(12101, 12176)]
DEEP = [4, 5, *range(10, 19), 26, 28, 43, 44, *range(49, 55), 58, 60]
ASEG = [*DEEP, 2, 3, 7, 8, 24, 30, 31, 41, 42, 46, 47, 62, 63, 72, 77, 80, 85, *range(251, 256)]
TOOL_LABELS = {
    "FreeSurfer aseg": ASEG,
    "FreeSurfer aparc+aseg": [*ASEG, *CORTEX],
    "FreeSurfer aparc.a2009s+aseg": [*ASEG, *DESTRIEUX],
    "FreeSurfer wmparc": [*ASEG, *CORTEX, *(number + 2000 for number in CORTEX), 5001, 5002],
    "FreeSurfer gtmseg": [*ASEG, *CORTEX, 130, 165, 172, 174, 257, 258, 259],
    "FastSurfer": [*DEEP, 2, 7, 8, 24, 31, 41, 46, 47, 63, 77, *CORTEX, *range(251, 256)],
    "SynthSeg 1": [*DEEP, 2, 3, 7, 8, 41, 42, 46, 47],
    "SynthSeg 2": [*DEEP, 2, 3, 7, 8, 24, 41, 42, 46, 47],
    "SynthSeg with parcellation": [*DEEP, 2, 7, 8, 24, 41, 46, 47, *CORTEX],
    "WMH-SynthSeg": [*DEEP, 2, 3, 7, 8, 24, 41, 42, 46, 47, 77, 85],
    "SAMSEG": [*DEEP, 2, 3, 7, 8, 24, 30, 31, 41, 42, 46, 47, 62, 63, 72, 77, 80, 85, 165, 258, 259],
    "SAMSEG with lesions": [*DEEP, 2, 3, 7, 8, 24, 30, 31, 41, 42, 46, 47, 62, 63, 72, 85, 99, 165, 258, 259],
}


@pytest.mark.parametrize("tool", TOOL_LABELS)
def test_every_label_of_a_tool_is_known(tool):
    unknown = [number for number in TOOL_LABELS[tool] if tissue_of_number(number, FREESURFER) is None]
    assert unknown == []


@pytest.mark.parametrize("lesion", [25, 57, 77, 99])
def test_lesions_count_as_white_matter(lesion):
    assert tissue_of_number(lesion, FREESURFER) == "white"


@pytest.mark.parametrize(
    "names",
    [
        ("WM", "GM", "CSF"),
        ("Left-Cerebral-White-Matter", "ctx-lh-insula", "3rd-Ventricle"),
        ("white matter", "grey matter", "cerebrospinal fluid"),
        ("Brain-Stem", "Right-Thalamus-Proper", "Left-Inf-Lat-Vent"),
        ("wm-rh-precuneus", "Cerebellum-Cortex", "choroid-plexus"),
    ],
    ids=lambda names: names[0],
)
def test_labels_named_in_a_table(tmp_path, ball, names):
    t1w, tissue = ball
    path = write(tmp_path / "sub-1_dseg.nii.gz", np.array([0, 5, 6, 9], np.int16)[tissue], t1w.affine)
    rows = [
        "index\tname",
        "0\tBackground",
        *(f"{n}\t{name}" for n, name in zip((5, 6, 9), names, strict=True)),
    ]
    (tmp_path / "sub-1_dseg.tsv").write_text("\n".join(rows) + "\n")
    found = read_segmentation(path, t1w)
    check(found, tissue)
    assert found["record"]["Kind"] == "labels named in the TSV"


def test_a_table_may_map_to_bids_numbers(tmp_path, ball):
    t1w, tissue = ball
    path = write(tmp_path / "x_dseg.nii.gz", np.array([0, 5, 6, 9], np.int16)[tissue], t1w.affine)
    (tmp_path / "x_dseg.tsv").write_text("index\tname\tmapping\n5\tinner\t2\n6\tmiddle\t1\n9\touter\t3\n")
    check(read_segmentation(path, t1w), tissue)


@pytest.mark.parametrize("order", [None, ["CSF", "GM", "WM"], ["WM", "CSF", "SGM", "CGM"]], ids=str)
def test_probabilities(tmp_path, ball, order):
    t1w, tissue = ball
    code = {"WM": 1, "GM": 2, "CGM": 2, "SGM": 4, "CSF": 3}
    volumes = [(tissue == code[name]).astype(np.float32) for name in order or ("GM", "WM", "CSF")]
    path = write(tmp_path / "probseg.nii.gz", np.stack(volumes, axis=-1), t1w.affine)
    if order:
        (tmp_path / "probseg.json").write_text(json.dumps({"LabelMap": order}))
    found = read_segmentation(path, t1w)
    check(found, tissue)
    assert found["record"]["Kind"] == "probabilities"


def test_another_grid_of_the_same_world(tmp_path, ball):
    """A finer grid with turned axes, as FreeSurfer's conformed images have."""
    t1w, tissue = ball
    fine = np.repeat(np.repeat(np.repeat(tissue, 2, 0), 2, 1), 2, 2)
    affine = t1w.affine.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] -= affine[0, 0] / 2
    flipped = affine @ np.array([[-1, 0, 0, 2 * SIDE - 1], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    data = np.array([0, 2, 3, 24], np.int32)[fine][::-1].swapaxes(1, 2)
    found = read_segmentation(write(tmp_path / "aseg.nii.gz", data, flipped), t1w)
    same = np.mean(
        [found[name][tissue > 0] == (tissue == code)[tissue > 0] for code, name in enumerate(TISSUES, 1)]
    )
    assert same > 0.97
    assert 2 * (found["brain"] & (tissue > 0)).sum() / (found["brain"].sum() + (tissue > 0).sum()) > 0.97


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            (2, 3, 999),
            "the labels 999 are not a tissue in FreeSurfer; give FreeSurfer's numbers, or a TSV beside it",
        ),
        ((2, 1, 11), r"the labels 11 are not a tissue in BIDS \(cerebellum is grey and white matter\); give"),
        (
            (41, 42, 41),
            "has no CSF on the grid of the T1w image: is it in the world coordinates of the T1w, and are",
        ),
        ((3, 3, 24), "has no white matter on the grid of the T1w image"),
        ((2, 3.5, 24), "has values that are not whole numbers; expected labels"),
    ],
    ids=str,
)
def test_labels_that_are_refused(tmp_path, ball, labels, message):
    t1w, tissue = ball
    path = write(tmp_path / "dseg.nii.gz", np.array([0, *labels], np.float32)[tissue], t1w.affine)
    with pytest.raises(InputError, match=message):
        read_segmentation(path, t1w)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "index\tname\n5\tWM\n6\tsomething\n9\tCSF\n",
            "the labels 6 are not a tissue in labels named in the TSV",
        ),
        ("index\tname\n5\tWM\n9\tCSF\n", "the labels 6 are not a tissue in labels named in the TSV"),
        ("number,label\n5,WM\n", "x_dseg.tsv is not a table of labels; expected the columns index and name"),
    ],
    ids=["name", "missing", "columns"],
)
def test_tables_that_are_refused(tmp_path, ball, table, message):
    t1w, tissue = ball
    path = write(tmp_path / "x_dseg.nii.gz", np.array([0, 5, 6, 9], np.int16)[tissue], t1w.affine)
    (tmp_path / "x_dseg.tsv").write_text(table)
    with pytest.raises(InputError, match=message):
        read_segmentation(path, t1w)


@pytest.mark.parametrize(
    ("volumes", "names", "message"),
    [
        (2, None, "has 2 volumes and no LabelMap in its JSON; expected three"),
        (
            3,
            ["GM", "WM"],
            r"LabelMap is \['GM', 'WM'\] for 3 volumes; expected the name of a tissue for each",
        ),
        (3, ["GM", "WM", "thing"], "LabelMap is .* expected the name of a tissue for each"),
    ],
)
def test_probabilities_that_are_refused(tmp_path, ball, volumes, names, message):
    t1w, tissue = ball
    stack = np.stack([(tissue == code + 1).astype(np.float32) for code in range(volumes)], axis=-1)
    path = write(tmp_path / "probseg.nii.gz", stack, t1w.affine)
    if names:
        (tmp_path / "probseg.json").write_text(json.dumps({"LabelMap": names}))
    with pytest.raises(InputError, match=message):
        read_segmentation(path, t1w)


def test_percentages_are_refused(tmp_path, ball):
    t1w, tissue = ball
    stack = np.stack([100.0 * (tissue == code) for code in (2, 1, 3)], axis=-1).astype(np.float32)
    with pytest.raises(
        InputError, match="has values from 0 to 100; expected probabilities, 0 to 1: divide them"
    ):
        read_segmentation(write(tmp_path / "probseg.nii.gz", stack, t1w.affine), t1w)


def test_a_segmentation_of_another_place(tmp_path, ball):
    t1w, tissue = ball
    data = np.array([0, 2, 3, 24], np.int32)[tissue]
    path = write(tmp_path / "aseg.nii.gz", np.roll(data, 8, axis=0), t1w.affine)
    with pytest.raises(
        InputError,
        match=r"aseg.nii.gz and t1w.nii.gz do not overlap: \d+ % of the segmented brain has signal, expected",
    ):
        read_segmentation(path, t1w)
    far = t1w.affine.copy()
    far[:3, 3] += 500
    with pytest.raises(InputError, match="has no CSF on the grid of the T1w image"):
        read_segmentation(write(tmp_path / "far.nii.gz", data, far), t1w)


def test_no_label_is_two_tissues():
    for table in (FREESURFER, BIDS):
        numbers = [number for tissue in table.values() for number in tissue]
        assert len(numbers) == len(set(numbers))


@given(st.integers(-10, 20000))
def test_every_number_is_a_tissue_or_unknown(number):
    assert tissue_of_number(number, FREESURFER) in {"csf", "grey", "white", "none", None}


def test_names_of_freesurfer_say_what_its_numbers_say():
    names = {
        2: "Left-Cerebral-White-Matter", 3: "Left-Cerebral-Cortex", 4: "Left-Lateral-Ventricle",
        7: "Left-Cerebellum-White-Matter", 8: "Left-Cerebellum-Cortex", 10: "Left-Thalamus", 11: "Left-Caudate",
        13: "Left-Pallidum", 16: "Brain-Stem", 17: "Left-Hippocampus", 24: "CSF", 26: "Left-Accumbens-area",
        28: "Left-VentralDC", 30: "Left-vessel", 31: "Left-choroid-plexus", 77: "WM-hypointensities",
        85: "Optic-Chiasm", 251: "CC_Posterior", 1001: "ctx-lh-bankssts", 3001: "wm-lh-bankssts",
        5001: "Left-UnsegmentedWhiteMatter",
    }  # fmt: skip
    for number, name in names.items():
        assert tissue_of_name(name) == tissue_of_number(number, FREESURFER), name
