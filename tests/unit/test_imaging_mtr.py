"""MTR by hand, its guard against noise, motion between the two images, and faulty images."""

import numpy as np
import pytest

from myelosketch.errors import GeometryError, InputError
from myelosketch.imaging.maps.motion import resample
from myelosketch.imaging.maps.mtr import compute_mtr, magnetisation_transfer_ratio
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import load_volume, save_volume

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SETTINGS = {"align": False, "noise_share": 0.1, "seed": 1}


def pair(shape=(30, 30, 30)):
    """A ball with signal 800-1000 and an MTR of 40 %, or 20 % in an off-centre block: (off, on, mtr)."""
    places = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    ball = ((places - (np.array(shape) - 1) / 2) ** 2).sum(-1) < (0.35 * min(shape)) ** 2
    mtr = np.where(ball, 40.0, 0.0)
    mtr[9:14, 10:22, 12:18] = 20.0
    off = np.where(ball, 800.0 + 200 * np.sin(places[..., 1] / 3.0), 0)
    return off, off * (1 - mtr / 100), mtr


def write(folder, off, on, affine=AFFINE):
    paths = [str(folder / name) for name in ("on.nii.gz", "off.nii.gz", "mtr.nii.gz")]
    save_volume(paths[0], on, affine)
    save_volume(paths[1], off, AFFINE)
    return paths


def test_by_hand():
    off, on = np.array([[[100.0, 200.0, 4.0]]]), np.array([[[60.0, 190.0, 1.0]]])
    ratio, counts = magnetisation_transfer_ratio(on, off, np.ones(off.shape, bool), 0.1)
    np.testing.assert_allclose(ratio, [[[40.0, 5.0, 0.0]]])  # 4 is noise compared with 200
    assert counts == {"Inside": 2, "Limited": 0}


def test_impossible_ratios_are_limited_and_counted():
    off = np.full((1, 1, 4), 100.0)
    on = np.array([[[120.0, -10.0, 100.0, 50.0]]])
    ratio, counts = magnetisation_transfer_ratio(on, off, np.ones(off.shape, bool), 0.1)
    # inside the head a map is never 0, which would mean outside
    np.testing.assert_allclose(ratio, [[[0.01, 100.0, 0.01, 50.0]]])
    assert counts["Limited"] == 2


def test_a_map_and_its_sidecar(tmp_path):
    off, on, mtr = pair()
    on_path, off_path, out = write(tmp_path, off, on)
    compute_mtr(on_path, off_path, out, **SETTINGS)
    np.testing.assert_allclose(load_volume(out).data, mtr, atol=1e-3)
    sidecar = read_json(sidecar_path(out))
    assert sidecar["Units"] == "percent"
    assert sidecar["VoxelCounts"] == {"Inside": (off > 0).sum(), "Limited": 0, "NotFinite": 0}


def test_noise_around_the_head_is_0(tmp_path):
    off, on, mtr = pair()
    noise = np.abs(np.random.default_rng(0).normal(0, 20, (2, *off.shape)))
    on_path, off_path, out = write(tmp_path, off + noise[0], on + noise[1])
    compute_mtr(on_path, off_path, out, **SETTINGS)
    assert not load_volume(out).data[off == 0].any()
    assert load_volume(out).data[off > 0].all()


def test_a_head_that_moved_between_both_images_is_aligned(tmp_path):
    off, on, mtr = pair((40, 40, 40))
    shift = np.eye(4)
    shift[:3, 3] = [3.0, 0.0, -2.0]
    on_path, off_path, out = write(tmp_path, off, resample(on.astype(np.float32), AFFINE, shift))
    errors = {}
    for align in (False, True):
        compute_mtr(on_path, off_path, out, **SETTINGS | {"align": align})
        errors[align] = np.abs(load_volume(out).data - mtr)[off > 0].mean()
    assert errors[True] < 0.5 * errors[False]
    motion = read_json(sidecar_path(out))["Motion"]
    np.testing.assert_allclose(motion["LargestDisplacementMm"], np.linalg.norm([3, 2]), atol=0.4)


def test_a_head_that_lay_still_is_not_interpolated(tmp_path):
    off, on, _ = pair()
    on_path, off_path, out = write(tmp_path, off, on)
    found = {}
    for align in (False, True):
        compute_mtr(on_path, off_path, out, **SETTINGS | {"align": align})
        found[align] = load_volume(out).data
    np.testing.assert_array_equal(found[True], found[False])


def test_nan_is_counted_and_never_written(tmp_path):
    off, on, _ = pair()
    on[15, 15, 15] = np.nan
    off[15, 15, 16] = np.inf
    on_path, off_path, out = write(tmp_path, off, on)
    compute_mtr(on_path, off_path, out, **SETTINGS)
    found = load_volume(out).data
    assert np.isfinite(found).all()
    assert not found[15, 15, 15:17].any()
    assert read_json(sidecar_path(out))["VoxelCounts"]["NotFinite"] == 2


def test_an_empty_image(tmp_path):
    off, on, _ = pair()
    on_path, off_path, out = write(tmp_path, off * 0, on)
    with pytest.raises(InputError, match="shows no head: is it the image without the saturation pulse"):
        compute_mtr(on_path, off_path, out, **SETTINGS)


def test_two_grids(tmp_path):
    off, on, _ = pair()
    on_path, off_path, out = write(tmp_path, off, on, affine=np.diag([2.0, 2.0, 3.0, 1.0]))
    with pytest.raises(GeometryError, match="they must share one grid"):
        compute_mtr(on_path, off_path, out, **SETTINGS)
