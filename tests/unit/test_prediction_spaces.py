"""Predicted maps in T1w and MNI152 space: the place stays, and nothing bleeds in at the edge."""

import numpy as np
import pytest
from test_imaging_geometry import rigid

from myelosketch.imaging.registration.transforms import write_transform
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.prediction.spaces import MNI_AFFINE, MNI_SHAPE, place_new_scan

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
    place_new_scan(paths, out)
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
