"""Fractions of PET voxels: they nest, sum up, keep their volume, and are read back with their names."""

import ants
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myelosketch.errors import GeometryError, InputError
from myelosketch.imaging.anatomy.tissue import TISSUE_CODES
from myelosketch.imaging.registration.fractions import (
    FRACTIONS,
    read_fractions,
    read_lesion_source,
    tissue_shares,
    tissues_on,
    write_fractions,
)
from myelosketch.io.provenance import read_json, sidecar_path, write_json
from myelosketch.io.volumes import Volume, load_volume, save_volume

T1W_AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
T1W_AFFINE[:3, 3] = -39
CSF, GREY, WHITE = (TISSUE_CODES[name] for name in ("CSF", "grey matter", "white matter"))


def head():
    """Nested ellipsoids of CSF, grey and white matter with a lesion in the white, 2 mm: tissue, brain, lesion."""
    places = np.stack(np.meshgrid(*[np.arange(40) * 2.0 - 39] * 3, indexing="ij"), -1)
    size = np.linalg.norm(places / [30, 33, 27], axis=-1)
    tissue = np.select([size < 0.6, size < 0.85, size < 1], [WHITE, GREY, CSF], 0)
    lesion = np.clip(1.2 - np.linalg.norm((places - [6, 0, 4]) / 7, axis=-1), 0, 1)
    return tuple(Volume(data.astype(np.float32), T1W_AFFINE) for data in (tissue, tissue > 0, lesion))


def pet_grid(voxel):
    count = int(90 / voxel)
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = -(count - 1) / 2 * voxel
    return Volume(np.zeros((count, count, count), np.float32), affine)


def move_file(path, angles, shift):
    """A rigid transform on disk."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(angles)):
        turn = np.eye(3)
        a, b = [i for i in range(3) if i != axis]
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    transform = ants.create_ants_transform(
        transform_type="AffineTransform", dimension=3, matrix=matrix, translation=list(shift)
    )
    ants.write_transform(transform, str(path))
    return str(path)


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-15, 15)] * 3),
    shift=st.tuples(*[st.floats(-6, 6)] * 3),
    voxel=st.sampled_from([1.5, 2.0, 3.0, 4.5]),
)
def test_fractions_nest_sum_to_the_brain_and_keep_their_volume(tmp_path, angles, shift, voxel):
    volumes = head()
    shares = tissue_shares(*volumes)
    found = tissues_on(pet_grid(voxel), shares, [move_file(tmp_path / "move.mat", angles, shift)])
    assert set(found) == set(FRACTIONS)
    for data in found.values():
        assert data.min() >= 0
        assert data.max() <= 1
    np.testing.assert_allclose(found["csf"] + found["grey"] + found["white"], found["brain"], atol=1e-5)
    assert (found["lesion"] <= found["white"] + 1e-5).all()
    for name, share in shares.items():
        before = share.data.sum(dtype=float) * 2.0**3
        # a lesion of eight large voxels depends on where their borders fall
        few = 0.3 * voxel**3 / before
        assert found[name].sum(dtype=float) * voxel**3 == pytest.approx(before, rel=0.02 + few)


def test_lesions_are_white_matter_wherever_they_lie():
    tissue = np.array([0, CSF, GREY, WHITE, WHITE], np.float32).reshape(5, 1, 1)
    lesion = np.array([0, 0.25, 0.5, 1, 0], np.float32).reshape(5, 1, 1)
    shares = tissue_shares(*(Volume(data, np.eye(4)) for data in (tissue, tissue > 0, lesion)))
    found = {name: share.data.ravel().tolist() for name, share in shares.items()}
    assert found == {
        "csf": [0, 0.75, 0, 0, 0],
        "grey": [0, 0, 0.5, 0, 0],
        "white": [0, 0.25, 0.5, 1, 1],
        "lesion": [0, 0.25, 0.5, 1, 0],
    }


def test_tissue_outside_the_brain_is_not_counted():
    tissue = Volume(np.full((3, 1, 1), GREY, np.float32), np.eye(4))
    brain = Volume(np.array([0, 1, 1], np.float32).reshape(3, 1, 1), np.eye(4))
    shares = tissue_shares(tissue, brain, Volume(np.zeros((3, 1, 1)), np.eye(4)))
    assert shares["grey"].data.ravel().tolist() == [0, 1, 1]


@pytest.fixture
def written(tmp_path):
    """An image of fractions of a patient whose lesions come from a mask."""
    tissue, brain, lesion = head()
    save_volume(tmp_path / "lesion.nii.gz", lesion.data, lesion.affine, sidecar={"LesionSource": "mask"})
    path = tmp_path / "fractions.nii.gz"
    write_fractions(
        path,
        tissue=tissue,
        brain=brain,
        lesion=load_volume(tmp_path / "lesion.nii.gz"),
        petref=pet_grid(3.0),
        transforms=[move_file(tmp_path / "move.mat", (0, 0, 0), (0, 0, 0))],
        sources=[tmp_path / "lesion.nii.gz"],
    )
    return path


def test_what_is_written_is_read_back(written):
    found, affine = read_fractions(written)
    assert tuple(found) == FRACTIONS
    np.testing.assert_allclose(affine, pet_grid(3.0).affine)
    middle = (15, 15, 15)
    assert found["brain"][middle] == pytest.approx(1, abs=1e-4)
    assert found["grey"][middle] == 0
    assert read_lesion_source(written) == "mask"
    sidecar = read_json(sidecar_path(written))
    assert sidecar["LabelMap"] == list(FRACTIONS)
    assert sidecar["Sources"] == ["lesion.nii.gz"]


def test_volumes_are_found_by_name_not_by_place(written):
    before, affine = read_fractions(written)
    note = read_json(sidecar_path(written))
    order = note["LabelMap"][::-1]
    save_volume(
        written, np.stack([before[name] for name in order], -1), affine, sidecar=note | {"LabelMap": order}
    )
    after, _ = read_fractions(written)
    for name in FRACTIONS:
        np.testing.assert_array_equal(after[name], before[name])


def test_a_missing_volume(written):
    found, affine = read_fractions(written)
    save_volume(written, np.stack(list(found.values())[:4], -1), affine)
    with pytest.raises(
        InputError, match="fractions.nii.gz has 4 volumes, but the LabelMap .* names 5: delete it"
    ):
        read_fractions(written)


@pytest.mark.parametrize("lost", ["LabelMap", "LesionSource"])
def test_volumes_without_names_or_lesions_without_source(written, lost):
    note = read_json(sidecar_path(written))
    del note[lost]
    write_json(sidecar_path(written), note)
    with pytest.raises(
        InputError, match="fractions.json does not say which volume is which .LabelMap: brain, csf"
    ):
        read_fractions(written)


@pytest.mark.parametrize("value", [-0.5, 1.5, np.nan])
def test_values_that_are_no_fractions(written, value):
    found, affine = read_fractions(written)
    found["white"][3, 3, 3] = value
    save_volume(written, np.stack(list(found.values()), -1), affine)
    with pytest.raises(
        InputError, match="holds values from .* expected fractions of a voxel, 0-1: delete it"
    ):
        read_fractions(written)


def write_with(tmp_path, lesion):
    tissue, brain, _ = head()
    transforms = [move_file(tmp_path / "move.mat", (0, 0, 0), (0, 0, 0))]
    parts = {"tissue": tissue, "brain": brain, "lesion": lesion, "petref": pet_grid(4.5)}
    write_fractions(tmp_path / "f.nii.gz", **parts, transforms=transforms, sources=[])


def test_lesions_of_unknown_origin(tmp_path):
    lesion = head()[2]
    save_volume(tmp_path / "lesion.nii.gz", lesion.data, lesion.affine)
    with pytest.raises(
        InputError, match="lesion.json does not say whether its lesions come from a mask or from the FLAIR"
    ):
        write_with(tmp_path, load_volume(tmp_path / "lesion.nii.gz"))


def test_no_lesions_need_no_origin(tmp_path):
    lesion = head()[2]
    write_with(tmp_path, Volume(np.zeros_like(lesion.data), lesion.affine))
    assert read_lesion_source(tmp_path / "f.nii.gz") == "none"
    assert not read_fractions(tmp_path / "f.nii.gz")[0]["lesion"].any()


def test_lesions_on_another_grid(tmp_path):
    lesion = head()[2]
    with pytest.raises(GeometryError, match="must share one grid"):
        write_with(tmp_path, Volume(lesion.data[1:], lesion.affine))


def test_a_thin_sheet_keeps_its_thickness_on_a_coarse_grid():
    data = np.zeros((40, 40, 40), np.float32)
    data[20] = WHITE
    volumes = [Volume(part.astype(np.float32), T1W_AFFINE) for part in (data, data > 0, np.zeros_like(data))]
    across = tissues_on(pet_grid(4.5), tissue_shares(*volumes), [])["white"][:, 10, 10]
    assert across.sum() * 4.5 == pytest.approx(2.0, rel=0.1)
