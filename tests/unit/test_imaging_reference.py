"""The reference region from grey matter: found on the PET grid, away from white matter, in another pose."""

import numpy as np

from myelosketch.imaging.maps.kinetics import reference_region
from myelosketch.io.volumes import Volume, save_volume

REGISTRATION = {"metric": "mattes", "sampling": 0.2, "finest_mm": 4.0, "starts": 0, "dwi": "rigid"}


def head(voxel, shift):
    """An ellipsoid of white matter in a thick shell of grey: tissue codes on a grid of 120 mm, and its affine."""
    count = int(120 / voxel)
    affine = np.diag([voxel, voxel, voxel, 1.0])
    places = np.stack(np.meshgrid(*[np.arange(count) * voxel] * 3, indexing="ij"), -1) - 60 - shift
    size = np.linalg.norm(places / [45, 52, 38], axis=-1)
    lobe = np.linalg.norm((places - [20, 15, 10]) / [10, 6, 8], axis=-1)  # no symmetry is left
    return np.where((size < 0.65) & (lobe > 1), 3, np.where(size < 1, 2, 0)), affine


def test_only_voxels_that_grey_matter_fills(tmp_path):
    tissue, affine = head(2.0, 0.0)
    files = {name: str(tmp_path / f"{name}.nii.gz") for name in ("t1w", "brain", "tissue")}
    save_volume(files["t1w"], np.choose(tissue, [0.0, 0.0, 600.0, 900.0]), affine)
    save_volume(files["brain"], tissue > 0, affine)
    save_volume(files["tissue"], tissue.astype(np.uint8), affine)
    truth, pet_affine = head(4.0, np.array([6.0, -4.0, 3.0]))
    mean = Volume(np.choose(truth, [0.0, 0.0, 10.0, 13.0]).astype(np.float32), pet_affine)
    region = reference_region(files, mean, mean.data, "grey_matter", REGISTRATION, seed=1)
    assert region.shape == truth.shape
    assert region.sum() > 0.3 * (truth == 2).sum()
    assert (truth[region] == 2).mean() > 0.98
