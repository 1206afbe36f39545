"""Where a lesion lies, how large it is, and of which kind it was simulated."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.evaluation import places
from myelosketch.evaluation.kinds import true_kinds
from myelosketch.evaluation.lesions import size_class, size_classes
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import load_volume, save_volume

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (60, 20, 20)
LIMITS = {"periventricular_mm": 3.0, "juxtacortical_mm": 1.5}


@pytest.fixture
def head():
    """A bar of white matter from ventricles (x < 5) to cortex (x >= 50), by index along x."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[:4] = places.CODES["ventricles"]
    labels[4:8] = places.CODES["near ventricles"]
    csf, grey = np.zeros(SHAPE), np.zeros(SHAPE)
    csf[:5] = 1
    grey[50:] = 1
    return {"csf": csf, "grey": grey}, labels


def lesion(*slices):
    found = np.zeros(SHAPE, int)
    for number, part in enumerate(slices, start=1):
        found[part, 8:12, 8:12] = number
    return found


def place(head, *slices):
    return places.ScanPlaces(*head, AFFINE).of_lesions(lesion(*slices), **LIMITS)


def test_places_by_distance(head):
    assert place(head, slice(5, 9), slice(20, 30), slice(45, 50)) == [
        "periventricular",
        "deep",
        "juxtacortical",
    ]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (5, 9, "periventricular"),  # touches: 0 mm
        (6, 9, "periventricular"),  # one voxel between: 2 mm
        (7, 9, "deep"),  # two voxels between: 4 mm
        (40, 50, "juxtacortical"),  # touches the cortex
        (40, 49, "deep"),  # one voxel between: 2 mm
    ],
)
def test_distances_are_between_the_surfaces_of_voxels(head, first, last, expected):
    assert place(head, slice(first, last)) == [expected]


def test_a_lesion_from_ventricle_to_cortex_is_periventricular(head):
    assert place(head, slice(5, 50)) == ["periventricular"]


def test_the_scans_own_ventricles_count_not_the_templates(head):
    fractions, labels = head
    fractions["csf"][:8] = 1  # widened ventricles
    assert place((fractions, labels), slice(9, 12)) == ["periventricular"]
    fractions["csf"][:] = 0  # none was segmented: the template's are used
    assert place((fractions, labels), slice(4, 12)) == ["periventricular"]


def test_csf_far_from_the_ventricles_is_no_ventricle(head):
    fractions, labels = head
    fractions["csf"][30] = 1
    assert place((fractions, labels), slice(25, 30)) == ["deep"]


def test_deep_nuclei_and_the_rim_of_ventricles_are_no_cortex(head):
    fractions, labels = head
    fractions["grey"][20] = 1
    assert place((fractions, labels), slice(21, 30)) == ["juxtacortical"]
    labels[20] = places.CODES["deep nuclei"]
    assert place((fractions, labels), slice(21, 30)) == ["deep"]
    fractions["grey"][7] = 1  # 4 mm from the ventricles
    labels[7] = 0
    assert place((fractions, labels), slice(8, 12)) == ["deep"]


def test_most_of_the_voxels_decide_on_infratentorial(head):
    fractions, labels = head
    labels[45:] = places.CODES["infratentorial"]
    assert place((fractions, labels), slice(44, 50)) == ["infratentorial"]
    assert place((fractions, labels), slice(30, 50)) != ["infratentorial"]


def test_no_lesion_and_no_cortex_are_no_crash(head):
    fractions, labels = head
    assert place(head) == []
    fractions["grey"][:] = 0
    assert place((fractions, labels), slice(45, 50)) == ["deep"]


@pytest.mark.parametrize(
    ("x", "y", "z", "below"),
    [
        (0, -60, -30, True),  # vermis
        (30, -60, -40, True),  # cerebellar hemisphere
        (0, -28, -35, True),  # pons
        (25, -20, -22, False),  # hippocampus
        (0, -10, 10, False),  # thalamus
        (30, -85, -5, False),  # occipital lobe
        (50, -20, -30, False),  # temporal lobe
        (0, -60, 30, False),  # precuneus
    ],
)
def test_landmarks_above_and_below_the_tentorium(x, y, z, below):
    assert bool(places.infratentorial((x, y, z))) is below
    assert bool(places.infratentorial((-x, y, z))) is below


def test_the_templates_map_has_ventricles_of_their_known_size(tmp_path):
    places.make_place_map(tmp_path / "places.nii.gz")
    found = load_volume(tmp_path / "places.nii.gz", dtype=np.uint8)

    def at(x, y, z):
        return found.data[tuple(np.round(np.linalg.solve(found.affine, [x, y, z, 1])[:3]).astype(int))]

    volume = (found.data == places.CODES["ventricles"]).sum() * found.voxel_volume / 1000
    assert 14 < volume < 17  # both lateral ventricles of the template: 15.4 mL
    assert at(14, -25, 21) == at(-14, -25, 21) == places.CODES["ventricles"]
    assert at(26, 3, 1) == places.CODES["deep nuclei"]
    assert at(0, -60, -30) == places.CODES["infratentorial"]
    assert at(45, 20, 20) == 0


def test_size_classes_and_their_borders():
    assert size_classes([300, 1000]) == ["< 300 mm3", "300-1000 mm3", ">= 1000 mm3"]
    assert [size_class(v, [300, 1000]) for v in (100, 299.9, 300, 999, 1000, 5000)] == [
        *["< 300 mm3"] * 2,
        *["300-1000 mm3"] * 2,
        *[">= 1000 mm3"] * 2,
    ]
    assert size_classes([50]) == ["< 50 mm3", ">= 50 mm3"]


def test_kind_of_the_true_lesion_that_fills_most(tmp_path):
    true = np.zeros((10, 10, 10), np.int16)
    true[1:3, 1:3, 1:3] = 1
    true[3:4, 1:3, 1:3] = 2
    true[7:9, 7:9, 7:9] = 3
    save_volume(tmp_path / "lesions.nii.gz", true, AFFINE)
    kinds = pd.DataFrame({"lesion": [1, 2, 3], "kind": ["active", "black_hole", "remyelinated"]})
    write_table(kinds, tmp_path / "lesions.tsv")
    pose = np.eye(4)
    pose[:3, 3] = [10, 0, 0]  # the head lies 10 mm to the right in the PET
    write_json(tmp_path / "poses.json", {"pet": pose.tolist()})
    truth = {"lesions": tmp_path / "lesions.nii.gz", "lesion_table": tmp_path / "lesions.tsv"}
    truth["poses"] = tmp_path / "poses.json"
    found = np.zeros((20, 10, 10), int)
    found[6:9, 1:3, 1:3] = 1  # both first lesions
    found[12:14, 7:9, 7:9] = 2
    found[17, 0, 0] = 3  # where no true lesion is
    assert true_kinds(found, AFFINE, truth) == ["active", "remyelinated", None]
