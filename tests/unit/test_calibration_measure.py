"""A participant moved onto the PET grid by true poses: values stay in place, and tissues keep their kind."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation

from myelosketch.calibration.measure import measure_participant, tissue_cores, transform_files
from myelosketch.calibration.participant import TISSUES, load_participant
from myelosketch.errors import InputError
from myelosketch.imaging.registration.itk import world_matrix
from myelosketch.io.names import REGION_CODES
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume

RADIUS = 22.0
CODES = {"csf": 1, "cortex": 2, "deep": 3, "white": 4, "lesion": 5}


def pose(angles, shift):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


POSES = {
    "T1w": pose((3, -4, 6), (2, -3, 1)),
    "dwi": pose((-7, 5, 2), (-4, 2, 3)),
    "MTR": pose((5, 5, -5), (1, 1, -4)),
    "pet": pose((-3, 8, 4), (3, -1, 2)),
}


def grid(voxel, matrix):
    """Affine of a grid around the origin, and the anatomy coordinates of its voxels (x, y, z, 3)."""
    n = int(60 / voxel)
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = -30
    world = np.moveaxis(np.indices((n, n, n)), 0, -1) * voxel - 30
    inverse = np.linalg.inv(matrix)
    return affine, world @ inverse[:3, :3].T + inverse[:3, 3]


def brain(place):
    return np.linalg.norm(place, axis=-1) < RADIUS


def lesion(place):
    return (np.abs(place - [6, 0, 0]) < 6).all(axis=-1)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Files of a patient whose maps are linear in anatomy coordinates: (files, truth)."""
    root = tmp_path_factory.mktemp("head")
    files, truth = {}, {"poses": str(root / "poses.json")}
    write_json(truth["poses"], POSES)
    slopes = {"T1w": ("T1w", 1.5), "FA": ("dwi", 2), "RD": ("dwi", 2), "AD": ("dwi", 2), "MTR": ("MTR", 2)}
    for name, (modality, voxel) in slopes.items():
        affine, place = grid(voxel, POSES[modality])
        files[name] = str(root / f"{name}.nii.gz")
        save_volume(files[name], np.where(brain(place), 40 + place @ [0.5, -0.3, 0.2], 0), affine)
    affine, place = grid(1.5, POSES["T1w"])
    files["lesion_mask"] = str(root / "mask.nii.gz")
    save_volume(files["lesion_mask"], lesion(place), affine)
    affine, place = grid(3, POSES["pet"])
    for name in ("DVR", "rescan", "noisefree", "visible"):
        path = str(root / f"{name}.nii.gz")
        save_volume(path, np.where(brain(place), 1.2, 0), affine)
        (files if name == "DVR" else truth)[name] = path
    affine, place = grid(1.5, np.eye(4))
    labels = np.where(brain(place), CODES["white"], 0).astype(np.uint8)
    labels[brain(place) & (place[..., 2] < -12)] = CODES["csf"]
    labels[lesion(place)] = CODES["lesion"]
    truth["tissue"], truth["lesions"] = str(root / "tissue.nii.gz"), str(root / "lesions.nii.gz")
    save_volume(truth["tissue"], labels, affine, sidecar={"Levels": CODES})
    numbers = np.where(lesion(place), 1 + (place[..., 1] > 0), 0).astype(np.int16)
    save_volume(truth["lesions"], numbers, affine)
    truth["lesion_table"] = str(root / "lesions.tsv")
    write_table(pd.DataFrame({"lesion": [1, 2], "kind": ["active", "black_hole"]}), truth["lesion_table"])
    return files, truth


@pytest.fixture(scope="module")
def measured(head, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "MS01.npz"
    measure_participant(*head, out, subject="MS01", group="MS", threshold=0.5, perilesional_mm=3.0)
    return load_participant(out)


def places(person):
    """Anatomy coordinates of the participant's voxels (x, y, z, 3)."""
    world = (
        np.moveaxis(np.indices(person.regions.shape), 0, -1) @ person.affine[:3, :3].T + person.affine[:3, 3]
    )
    inverse = np.linalg.inv(person.pose)
    return world @ inverse[:3, :3].T + inverse[:3, 3]


@pytest.mark.parametrize("name", ["T1w", "FA", "RD", "AD", "MTR"])
def test_every_map_lands_where_its_anatomy_is(measured, name):
    place = places(measured)
    deep = np.linalg.norm(place, axis=-1) < RADIUS - 8
    assert deep.sum() > 200
    expected = 40 + place[deep] @ [0.5, -0.3, 0.2]
    np.testing.assert_allclose(measured.maps[name][deep], expected, atol=0.05)


def test_maps_of_pet_are_not_resampled(measured):
    assert set(np.unique(measured.maps["DVR"])) <= {0, np.float32(1.2)}
    assert (measured.maps["DVR"] > 0).sum() == pytest.approx(4 / 3 * np.pi * RADIUS**3 / 27, rel=0.03)


def test_tissues_lie_in_their_places(measured):
    place = places(measured)
    code = {name: measured.tissue == number for name, number in TISSUES.items()}
    assert all(code[name].sum() >= 5 for name in ("white", "lesion", "black_hole", "csf"))
    assert not code["cortex"].any()
    assert (place[code["csf"]][:, 2] < -12).all()
    inside = np.abs(place - [6, 0, 0]).max(axis=-1)
    assert inside[code["lesion"] | code["black_hole"]].max() < 8
    assert (place[code["black_hole"]][:, 1] > -1.5).all()
    core = inside < 4.5
    assert (place[code["lesion"] & core][:, 1] < 1.5).all()
    shell = distance_transform_edt(measured.regions != REGION_CODES["lesion"], 3.0)
    assert shell[code["white"]].min() > 3.0  # the perilesional shell is no white matter
    volume = (measured.regions == REGION_CODES["lesion"]).sum() * 27
    assert volume == pytest.approx(12**3, rel=0.15)


def test_matrices_are_written_as_itk_reads_them():
    with transform_files(POSES["dwi"], POSES["pet"]) as paths:
        for path, name in zip(paths, ("dwi", "pet"), strict=True):
            np.testing.assert_allclose(world_matrix([path]), POSES[name], atol=1e-5)


def test_mixed_voxels_belong_to_no_tissue():
    shape = (1, 1, 4)
    shares = {name: np.zeros(shape) for name in ("white", "cortex", "deep", "csf", "lesion", "black_hole")}
    shares["white"][0, 0] = [0.9, 0.8, 1.0, 0]
    shares["csf"][0, 0] = [0.1, 0.2, 0, 0.995]
    regions = np.array([[[2, 2, 1, 1]]], np.uint8)  # the third is perilesional
    assert tissue_cores(shares, regions)[0, 0].tolist() == [TISSUES["white"], 0, 0, TISSUES["csf"]]


def test_an_empty_head_is_refused(head, tmp_path):
    files, truth = head
    affine, place = grid(3, POSES["pet"])
    empty = str(tmp_path / "empty.nii.gz")
    save_volume(empty, np.zeros(place.shape[:3]), affine)
    files = {"AD": empty, "DVR": files["DVR"]}
    save_volume(
        tmp_path / "tissue.nii.gz", np.zeros((4, 4, 4), np.uint8), np.eye(4), sidecar={"Levels": CODES}
    )
    truth = {key: truth[key] for key in ("poses", "rescan", "noisefree", "visible")}
    truth["tissue"] = str(tmp_path / "tissue.nii.gz")
    settings = {"subject": "HC01", "group": "HC", "threshold": 0.5, "perilesional_mm": 3.0}
    with pytest.raises(InputError, match="Participant HC01 has no brain on the PET grid: simulate it again"):
        measure_participant(files, truth, tmp_path / "x.npz", **settings)
