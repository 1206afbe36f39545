"""Transforms without ants, and the values of healthy white matter at each place of the template."""

import numpy as np
import pytest
from evaluation_files import write_transform
from scipy import ndimage

from myelosketch.errors import InputError
from myelosketch.evaluation import mni, reference
from myelosketch.evaluation.demyelination import pooled_reference
from myelosketch.io.volumes import Volume, save_volume

POOLED = {"mean": 1.25, "sd": 0.12}
TURN = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1.0]])


def control(seed, bright_side=0.0):
    """DVR and regions of a head of 3 mm voxels in the middle of MNI152 space, white matter everywhere inside."""
    shape = (50, 60, 50)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = [-75, -100, -60]
    regions = np.zeros(shape, np.int16)
    regions[5:-5, 5:-5, 5:-5] = 2
    dvr = np.random.default_rng(seed).normal(1.25, 0.1, shape).astype(np.float32)
    dvr[: shape[0] // 2] += bright_side
    return Volume(dvr, affine), Volume(regions, affine)


def summed(scans):
    return sum(reference.white_matter_moments(dvr, regions, np.eye(4)) for dvr, regions in scans)


def at(x, y, z):
    """Voxel of the reference's grid at a place, mm."""
    return tuple(np.round(np.linalg.solve(reference.GRID_AFFINE, [x, y, z, 1])[:3]).astype(int))


def test_transforms_are_read_as_ants_reads_them(tmp_path):
    itk = pytest.importorskip("myelosketch.imaging.registration.itk")
    for name, linear in (("rigid.mat", TURN), ("affine.mat", TURN * [1.1, 0.9, 1.05])):
        write_transform(tmp_path / name, linear=linear, shift=(5, -8, 3), centre=(1, 20, 10))
        found = mni.point_matrix(tmp_path / name)
        assert np.allclose(found, itk.world_matrix([tmp_path / name]), atol=1e-5)


def test_resampling_equals_that_of_ants(tmp_path):
    pytest.importorskip("ants")
    from myelosketch.learning.template import resample as by_ants
    from myelosketch.learning.template import template_grid

    write_transform(tmp_path / "pet.mat", linear=TURN, shift=(4, -6, 2), centre=(0, 10, 5))
    write_transform(tmp_path / "mni.mat", linear=np.diag([1.1, 1.05, 0.95]), shift=(1, 2, -3))
    dvr, _ = control(0)
    smooth = Volume(ndimage.gaussian_filter(dvr.data, 2), dvr.affine)
    route = [tmp_path / "mni.mat", tmp_path / "pet.mat"]
    matrix = mni.petref_to_mni(
        {"xfm_t1w_to_mni": tmp_path / "mni.mat", "xfm_t1w_to_petref": tmp_path / "pet.mat"}
    )
    theirs = by_ants(smooth, template_grid(), route)
    ours = mni.resample(smooth, reference.GRID_SHAPE, reference.GRID_AFFINE, np.linalg.inv(matrix))
    assert np.array_equal(template_grid().affine, reference.GRID_AFFINE)
    inside = ndimage.binary_erosion((theirs > 0) & (ours > 0), iterations=2)
    assert inside.sum() > 10_000
    assert np.abs(ours - theirs)[inside].max() < 1e-4


def test_a_file_that_is_no_transform_is_named(tmp_path):
    (tmp_path / "xfm.mat").write_text("nothing")
    with pytest.raises(InputError, match="xfm.mat is not an affine transform of ANTs"):
        mni.point_matrix(tmp_path / "xfm.mat")
    with pytest.raises(InputError, match="absent.mat is not an affine transform"):
        mni.point_matrix(tmp_path / "absent.mat")


def test_with_ever_wider_neighbourhoods_it_becomes_the_pooled_reference():
    scans = [control(seed, bright_side=0.1) for seed in range(3)]
    values = np.concatenate([dvr.data[regions.data == 2] for dvr, regions in scans]).astype(float)
    pooled = pooled_reference(values)
    # thirty times as many controls: such a neighbourhood is mostly air
    mean, sd, known = reference.local_reference(30 * summed(scans), {"mean": 0.0, "sd": 0.0}, 400.0)
    middle = at(0, -10, 10)
    assert known[middle]
    # the head is a small part of such a neighbourhood, so the weights inside it are nearly equal
    assert mean[middle] == pytest.approx(pooled["mean"], abs=0.005)
    assert sd[middle] == pytest.approx(pooled["sd"], abs=0.003)


def test_each_place_has_its_own_mean_and_the_noise_of_its_voxels():
    scans = [control(seed, bright_side=0.2) for seed in range(4)]
    mean, sd, known = reference.local_reference(summed(scans), POOLED, 12.0)
    left, right = at(-45, -10, 10), at(45, -10, 10)
    assert known[left]
    assert known[right]
    assert mean[left] == pytest.approx(1.45, abs=0.02)
    assert mean[right] == pytest.approx(1.25, abs=0.02)
    # interpolated squares keep the noise of a voxel, which the square of interpolated values would lose
    assert sd[left] == pytest.approx(0.1, abs=0.015)


def test_where_the_controls_have_no_white_matter_the_pooled_value_stands():
    scans = [control(seed) for seed in range(2)]
    for dvr, regions in scans:
        regions.data[:, :, 25:] = 1
        dvr.data[:, :, 25:] = np.nan
    mean, sd, known = reference.local_reference(summed(scans), POOLED, 9.0)
    outside = at(0, -10, 60)
    assert not known[outside]
    assert (mean[outside], sd[outside]) == (POOLED["mean"], POOLED["sd"])
    assert not known[0, 0, 0]
    assert np.isfinite(mean).all()
    assert np.isfinite(sd).all()


def test_the_reference_comes_back_to_the_scan(tmp_path):
    maps = {name: np.full(reference.GRID_SHAPE, value) for name, value in (("mean", 1.3), ("sd", 0.08))}
    maps["mean"][at(0, -10, 10)] = 1.6
    for name, data in maps.items():
        save_volume(tmp_path / f"{name}.nii.gz", data, reference.GRID_AFFINE)
    # petref is 6 mm to the left of T1w and MNI: RAS x + 6 is LPS x - 6
    write_transform(tmp_path / "pet.mat", shift=(-6, 0, 0))
    write_transform(tmp_path / "mni.mat")
    files = {"xfm_t1w_to_petref": tmp_path / "pet.mat", "xfm_t1w_to_mni": tmp_path / "mni.mat"}
    affine = reference.GRID_AFFINE.copy()
    like = Volume(np.zeros((70, 78, 63), np.float32), affine)
    placed = reference.place_reference(
        tmp_path / "mean.nii.gz", tmp_path / "sd.nii.gz", POOLED | {"fold": 1}, like, files
    )
    peak = np.unravel_index(placed["mean"].argmax(), like.shape)
    assert placed["fold"] == 1
    assert np.allclose(
        mni.to_world(np.array([peak]), affine), mni.to_world([at(0, -10, 10)], affine) - [6, 0, 0]
    )
    # beyond the template's box
    assert placed["mean"][-1, 40, 30] == pytest.approx(POOLED["mean"])
