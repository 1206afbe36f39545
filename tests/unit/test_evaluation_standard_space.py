"""Maps in T1w and MNI152 space keep their place, also through a warp, without bleeding; and means over the cohort."""

import ants
import numpy as np
import pytest
from test_imaging_geometry import rigid

from myelosketch.evaluation.group_maps import average_scans
from myelosketch.evaluation.standard_space import (
    MNI2_AFFINE,
    MNI2_SHAPE,
    MNI_AFFINE,
    MNI_SHAPE,
    Place,
    place_scan,
)
from myelosketch.imaging.registration.itk import from_ants, to_ants
from myelosketch.imaging.registration.transforms import world_matrix, write_transform, write_warp
from myelosketch.io.names import GROUP_FILES
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import Volume, load_volume, save_volume

POSE = rigid((8, -5, 12), (4, -6, 3))
TO_MNI = rigid((-6, 3, -4), (2, 8, -5))


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spaces")
    shape, affine = (40, 44, 40), np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = [-60, -66, -60]
    dvr = np.zeros(shape, np.float32)
    dvr[10:30, 10:34, 10:30] = 1.25
    mask = np.zeros(shape, np.uint8)
    mask[14:18, 20:24, 16:20] = 1
    paths = {name: str(folder / f"{name}.nii.gz") for name in ("predicted", "demyelinated", "t1w")}
    save_volume(paths["predicted"], dvr, affine)
    save_volume(paths["demyelinated"], mask, affine)
    t1w = np.diag([2.0, 2, 2, 1])
    t1w[:3, 3] = [-70, -76, -70]
    save_volume(paths["t1w"], np.zeros((70, 76, 70), np.float32), t1w)
    # points of petref to points of T1w, and points of MNI152 to points of T1w
    for key, name, matrix in (
        ("xfm_t1w_to_petref", "s_from-T1w_to-petref_xfm.mat", POSE),
        ("xfm_t1w_to_mni", "s_from-T1w_to-MNI152_xfm.mat", TO_MNI),
    ):
        paths[key] = str(folder / name)
        write_transform(paths[key], matrix)
    out = {
        f"{kind}_{space}": str(folder / f"{kind}_{space}.nii.gz")
        for kind in ("predicted", "demyelinated")
        for space in ("t1w", "mni")
    }
    place_scan(paths, out)
    return paths, out


@pytest.mark.parametrize(
    ("space", "to_petref"), [("t1w", np.linalg.inv(POSE)), ("mni", np.linalg.inv(POSE) @ TO_MNI)]
)
def test_a_lesion_keeps_its_place(placed, space, to_petref):
    paths, out = placed
    mask, before = load_volume(out[f"demyelinated_{space}"]), load_volume(paths["demyelinated"])

    def middle(volume):
        return volume.affine @ np.append(np.argwhere(volume.data > 0).mean(axis=0), 1)

    np.testing.assert_allclose((to_petref @ middle(mask))[:3], middle(before)[:3], atol=0.7)
    volume = (mask.data > 0).sum() * mask.voxel_volume
    assert volume == pytest.approx((before.data > 0).sum() * before.voxel_volume, rel=0.1)
    assert set(np.unique(mask.data)) == {0, 1}


@pytest.mark.parametrize("space", ["t1w", "mni"])
def test_the_edge_of_a_map_is_not_diluted(placed, space):
    _, out = placed
    dvr = load_volume(out[f"predicted_{space}"])
    np.testing.assert_allclose(dvr.data[dvr.data > 0], 1.25, atol=1e-5)
    assert read_json(sidecar_path(out[f"predicted_{space}"]))["Space"] in ("T1w", "MNI152NLin2009aSym")


def test_the_grid_of_mni152_is_that_of_the_template(placed):
    from nilearn.datasets import load_mni152_template

    template = load_mni152_template(resolution=1)
    assert template.shape == MNI_SHAPE
    np.testing.assert_allclose(template.affine, MNI_AFFINE)
    np.testing.assert_allclose(load_volume(placed[1]["predicted_mni"]).affine, MNI_AFFINE)


@pytest.fixture
def bent(tmp_path):
    """An affine from MNI152 to an image, a smooth bend before it, and the image: a ball off the middle."""
    xfm, warp = str(tmp_path / "s_from-T1w_to-MNI152_xfm.mat"), str(tmp_path / "warp.nii.gz")
    write_transform(xfm, TO_MNI)
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = [-98, -134, -72]
    x, y, z = np.indices((50, 59, 48))
    wave = np.stack([6 * np.sin(y / 7), 4 * np.cos(z / 9), 5 * np.sin(x / 8)], axis=-1)
    write_warp(warp, wave, affine)
    grid = np.diag([3.0, 3, 3, 1])
    grid[:3, 3] = [-80, -110, -70]
    distance = np.linalg.norm(np.moveaxis(np.indices((54, 72, 54)), 0, -1) - [30, 40, 25], axis=-1)
    return {"xfm_t1w_to_mni": xfm, "warp_mni": warp}, Volume(np.clip(12 - distance, 0, 8), grid)


def test_a_bend_is_followed_as_ants_follows_it(bent):
    files, image = bent
    matrix = world_matrix([files["xfm_t1w_to_mni"]])
    place = Place(MNI2_SHAPE, MNI2_AFFINE, matrix, files["warp_mni"])
    target = to_ants(Volume(np.zeros(MNI2_SHAPE, np.float32), MNI2_AFFINE))
    chain = [files["warp_mni"], files["xfm_t1w_to_mni"]]
    # the last transform of a list is the first to be applied to an image, the nearest to it
    moved = ants.apply_transforms(target, to_ants(image), chain, interpolator="linear")
    np.testing.assert_allclose(place.resample(image), from_ants(moved).data, atol=0.02)
    unbent = Place(MNI2_SHAPE, MNI2_AFFINE, matrix).resample(image)
    assert np.abs(unbent - from_ants(moved).data).max() > 1


def lay_out(tmp_path, bend):
    """Lesions of a T1w image in MNI152 space, with or without a bend, and their sidecar."""
    files, image = bend
    lesion, out = str(tmp_path / "lesion.nii.gz"), str(tmp_path / "out.nii.gz")
    save_volume(lesion, (image.data > 4).astype(np.float32), image.affine)
    place_scan({**files, "lesion": lesion}, {"lesion_mni2": out})
    return load_volume(out), read_json(sidecar_path(out))


def test_the_sidecar_says_which_transform_brought_a_map_to_the_template(tmp_path, bent):
    placed, note = lay_out(tmp_path, bent)
    assert placed.shape == MNI2_SHAPE
    assert 0.99 < placed.data.max() <= 1 + 1e-6
    assert note["Parameters"]["Transform"] == "affine and nonlinear warp of the template"
    assert note["Sources"] == ["lesion.nii.gz", "s_from-T1w_to-MNI152_xfm.mat", "warp.nii.gz"]
    assert note["Resolution"].startswith("2 mm")
    straight = {key: path for key, path in bent[0].items() if key != "warp_mni"}
    _, note = lay_out(tmp_path, (straight, bent[1]))
    assert note["Parameters"]["Transform"] == "affine"


def test_participants_count_once_and_only_where_something_is_known(tmp_path):
    """Of one patient two sessions, of two others one each; the last has no lesion; and one control."""
    groups = {"sub-01_ses-01": "MS", "sub-01_ses-02": "MS", "sub-02": "MS", "sub-03": "MS", "sub-04": "HC"}
    at = {name: (index, 50, 40) for index, name in enumerate(("everywhere", "in two", "in one"), start=40)}
    dvr = {
        "everywhere": (1.0, 1.2, 1.3, 0.7, 2.0),
        "in two": (1.0, 1.0, 1.4, 0, 0),
        "in one": (0, 0, 0, 1.0, 0),
    }
    shares = {
        "lesion_mni2": (1, 0, 0.5, 0, 0),
        "demyelinated_pet_mni2": (1, 0, 1, 0, 0),
        "demyelinated_mni2": (1, 1, 0, 0, 0),
    }
    values = {key: {"everywhere": numbers} for key, numbers in shares.items()}
    values |= {"dvr_mni2": dvr, "predicted_mni2": {key: dvr[key] for key in ("everywhere",)}}
    files = {}
    for key, places in values.items():
        for number, scan in enumerate(groups):
            data = np.zeros(MNI2_SHAPE, np.float32)
            for name, numbers in places.items():
                data[at[name]] = numbers[number]
            files.setdefault(key, []).append(str(tmp_path / f"{scan}_{key}.nii.gz"))
            save_volume(files[key][-1], data, MNI2_AFFINE)
    outputs = {key: str(tmp_path / path) for key, path in GROUP_FILES.items()}
    average_scans(files, outputs, groups, method="refiner")
    found = {key: load_volume(path).data for key, path in outputs.items()}
    assert found["dvr_ms"][at["everywhere"]] == pytest.approx((1.1 + 1.3 + 0.7) / 3)
    assert found["dvr_ms"][at["in two"]] == pytest.approx((1.0 + 1.4) / 2)
    assert found["dvr_ms"][at["in one"]] == 0
    assert found["dvr_hc"][at["everywhere"]] == 2
    assert found["lesion_ms"][at["everywhere"]] == pytest.approx((0.5 + 0.5 + 0) / 3)
    # of the two patients with a lesion, by the session that has it
    assert found["demyelinated_pet_ms"][at["everywhere"]] == 1
    assert found["demyelinated_ms"][at["everywhere"]] == pytest.approx(0.5)
    note = read_json(sidecar_path(outputs["demyelinated_ms"]))
    assert (note["NumberOfParticipants"], note["Participants"], note["Method"]) == (
        2,
        ["01", "02"],
        "refiner",
    )
