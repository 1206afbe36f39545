"""Tensor maps: an analytic phantom, real data from dipy, motion with a known answer, and faults."""

import warnings

import nibabel as nib
import numpy as np
import pytest
from intake_scans import store_as
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from myelosketch.errors import InputError
from myelosketch.imaging.maps.motion import (
    align_volumes,
    displacement,
    resample,
    rotate_gradients,
    rotation_degrees,
)
from myelosketch.imaging.maps.tensor import clean_signal, denoise_series, fit_tensor, tensor_maps
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.volumes import load_volume, save_volume

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
OUTPUTS = ("raw_fa", "raw_rd", "raw_ad", "raw_md", "raw_b0")
SETTINGS = {"denoise": "none", "motion": "none", "b_max": 1500, "b0_threshold": 50, "seed": 1}


def directions(n):
    """n directions spread over half a sphere (Fibonacci)."""
    z = 1 - (np.arange(n) + 0.5) / n
    angle = np.arange(n) * np.pi * (3 - np.sqrt(5))
    return np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)


BVALS = np.array([0.0, 0.0] + [1000.0] * 20)
BVECS = np.concatenate([np.zeros((2, 3)), directions(20)])


def signal(axes, ad, rd, s0=1000.0, bvecs=BVECS, bvals=BVALS):
    """Signal of axially symmetric tensors (1e-3 mm2/s): axes (n, 3) to array (n, n_volumes)."""
    along = (np.asarray(axes) @ bvecs.T) ** 2
    return s0 * np.exp(-bvals / 1000 * (rd + (ad - rd) * along))


def fa_of(ad, rd):
    return (ad - rd) / np.sqrt(ad**2 + 2 * rd**2)


def test_an_analytic_phantom():
    axes = directions(50)
    data = signal(axes, 1.6, 0.4).reshape(50, 1, 1, -1)
    brain = np.ones((50, 1, 1), bool)
    maps, counts = tensor_maps(data, BVALS, BVECS, brain, b0_threshold=50)
    for name, value in {"FA": fa_of(1.6, 0.4), "AD": 1.6, "RD": 0.4, "MD": 0.8}.items():
        np.testing.assert_allclose(maps[name], value, rtol=1e-5)
    assert counts == {"Fitted": 50, "WithoutSignal": 0, "Limited": 0}


def test_fluid_is_isotropic_but_inside():
    data = signal([[0, 0, 1.0]], 3.0, 3.0).reshape(1, 1, 1, -1)
    maps, _ = tensor_maps(data, BVALS, BVECS, np.ones((1, 1, 1), bool), b0_threshold=50)
    np.testing.assert_allclose(maps["MD"], 3.0, rtol=1e-5)
    assert 0 < maps["FA"][0, 0, 0] < 1e-3


def test_faults_of_the_signal_leave_no_nan_and_no_warning():
    data = signal(directions(6), 1.6, 0.4).reshape(6, 1, 1, -1).astype(np.float32)
    data[1] = 0  # no signal at all
    data[2, ..., 5] = 0  # one lost volume
    data[3, ..., 2:] = 0  # only the unweighted ones are left
    data[4, 0, 0, 7] = np.nan
    data[5, 0, 0, 8] = -30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = clean_signal(data)
        maps, fitted = tensor_maps(data, BVALS, BVECS, np.ones((6, 1, 1), bool), b0_threshold=50)
    assert counts == {"NotFinite": 1, "Negative": 1}
    assert fitted["WithoutSignal"] == 1
    for values in maps.values():
        assert np.isfinite(values).all()
    assert maps["FA"][1, 0, 0] == 0
    assert 0 < maps["AD"].max() <= 6


def dipy_file(name):
    from dipy.data import DATA_DIR

    return f"{DATA_DIR}/{name}"


@pytest.mark.parametrize("name", ["small_25", "small_101D"])
def test_real_data_against_an_independent_fit(name):
    """dipy's bundled crops of real brains, fitted here by plain weighted least squares in numpy."""
    data = np.asarray(nib.load(dipy_file(f"{name}.nii.gz")).dataobj, np.float64)
    bvals, bvecs = np.loadtxt(dipy_file(f"{name}.bval")), np.loadtxt(dipy_file(f"{name}.bvec"))
    bvecs = bvecs.T if bvecs.shape[0] == 3 else bvecs
    used = bvals <= 1500
    data, bvals, bvecs = data[..., used], bvals[used], np.nan_to_num(bvecs[used])
    brain = (data > 0).all(axis=-1)
    maps, _ = tensor_maps(data, bvals, bvecs, brain, b0_threshold=50)
    x, y, z = bvecs.T
    design = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], 1) * -bvals[:, None] / 1000
    design = np.concatenate([design, np.ones((len(bvals), 1))], 1)
    for place in np.argwhere(brain)[::7]:
        log = np.log(data[tuple(place)])
        weight = np.exp(design @ np.linalg.lstsq(design, log, rcond=None)[0])
        a, b, c, d, e, f, _ = np.linalg.lstsq(design * weight[:, None], log * weight, rcond=None)[0]
        values = np.sort(np.linalg.eigvalsh([[a, d, e], [d, b, f], [e, f, c]]))
        values = np.clip(values, 1e-4, None)
        assert maps["AD"][tuple(place)] == pytest.approx(values[2], abs=2e-3)
        assert maps["MD"][tuple(place)] == pytest.approx(values.mean(), abs=2e-3)
        spread = np.sqrt(1.5 * ((values - values.mean()) ** 2).sum() / (values**2).sum())
        assert maps["FA"][tuple(place)] == pytest.approx(spread, abs=2e-3)


def head(shape=(40, 40, 40)):
    """Diffusion series of a ball with fibre blocks in three directions: (data, fa, axes by voxel)."""
    places = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) - 19.5
    ball = (places**2).sum(-1) < 15**2
    data = np.zeros((*shape, len(BVALS)), np.float32)
    data[ball] = signal([[0, 0, 1.0]], 0.9, 0.9)[0]
    fluid = (((places - [5, 0, 0]) / [3, 6, 3]) ** 2).sum(-1) < 1
    data[fluid] = signal([[0, 0, 1.0]], 3.0, 3.0, s0=1800)[0]
    fibres = np.zeros(shape, bool)
    for corner, axis in (((8, 12, 10), [1, 0, 0]), ((12, 22, 18), [0, 1, 0]), ((22, 10, 22), [0, 0.6, 0.8])):
        block = tuple(slice(start, start + 8) for start in corner)
        data[block] = signal([axis], 1.6, 0.4)[0]
        fibres[block] = True
    return data * ball[..., None], ball, fibres & ball


@pytest.fixture
def scan(tmp_path):
    data, ball, fibres = head()
    inputs = {name: str(tmp_path / f"dwi.{end}") for name, end in (("bval", "bval"), ("bvec", "bvec"))}
    inputs["dwi"] = str(tmp_path / "dwi.nii.gz")
    save_volume(inputs["dwi"], data, AFFINE)
    np.savetxt(inputs["bval"], BVALS[None])
    np.savetxt(inputs["bvec"], BVECS.T)
    return inputs, {name: str(tmp_path / f"{name}.nii.gz") for name in OUTPUTS}, ball, fibres


def test_maps_and_their_sidecar(scan):
    inputs, outputs, ball, fibres = scan
    fit_tensor(inputs, outputs, **SETTINGS)
    fa = load_volume(outputs["raw_fa"]).data
    found = fibres & (fa > 0)
    assert found.sum() > 0.99 * fibres.sum()  # the median filter of the mask rounds corners
    np.testing.assert_allclose(fa[found], fa_of(1.6, 0.4), atol=1e-4)
    assert not fa[~ball].any()
    np.testing.assert_allclose(load_volume(outputs["raw_rd"]).data[found], 0.4, atol=1e-4)
    sidecar = read_json(sidecar_path(outputs["raw_fa"]))
    assert sidecar["BValues"] == [1000]
    assert (sidecar["NumberOfDirections"], sidecar["NumberOfUnweightedVolumes"]) == (20, 2)
    assert read_json(sidecar_path(outputs["raw_md"]))["Units"] == "1e-3 mm2/s"


def test_the_order_in_which_a_series_is_stored_changes_nothing(scan):
    inputs, outputs, *_ = scan
    fit_tensor(inputs, outputs, **SETTINGS)
    expected = load_volume(outputs["raw_fa"])
    store_as(inputs["dwi"], "LAS")  # the directions follow the axes: x of FSL's table means the same side
    fit_tensor(inputs, outputs, **SETTINGS)
    found = load_volume(outputs["raw_fa"])
    np.testing.assert_allclose(found.data, expected.data, atol=1e-5)
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-5)


def test_high_b_values_are_left_out(scan):
    inputs, outputs, ball, fibres = scan
    fit_tensor(inputs, outputs, **SETTINGS)
    alone = load_volume(outputs["raw_fa"]).data
    data = np.asarray(nib.load(inputs["dwi"]).dataobj)
    # a second shell that no tensor explains
    save_volume(inputs["dwi"], np.concatenate([data, data[..., 2:]], -1), AFFINE)
    np.savetxt(inputs["bval"], np.concatenate([BVALS, np.full(20, 3000.0)])[None])
    np.savetxt(inputs["bvec"], np.concatenate([BVECS, BVECS[2:]]).T)
    fit_tensor(inputs, outputs, **SETTINGS)
    np.testing.assert_array_equal(load_volume(outputs["raw_fa"]).data, alone)
    sidecar = read_json(sidecar_path(outputs["raw_fa"]))
    assert (sidecar["BValues"], sidecar["BValuesLeftOut"]) == ([1000], [3000])
    assert sidecar["NumberOfVolumesLeftOut"] == 20


def test_a_shell_as_played_is_used_whole(scan):
    inputs, outputs, ball, fibres = scan
    played = np.where(BVALS > 0, np.random.default_rng(0).uniform(1485, 1510, len(BVALS)), 5).round()
    assert 0 < (played > 1500).sum() < 20
    np.savetxt(inputs["bval"], played[None])
    fit_tensor(inputs, outputs, **SETTINGS)
    sidecar = read_json(sidecar_path(outputs["raw_fa"]))
    assert (sidecar["BValues"], sidecar["NumberOfDirections"], sidecar["NumberOfVolumes"]) == ([1495], 20, 22)
    assert (sidecar["BValuesLeftOut"], sidecar["NumberOfVolumesLeftOut"]) == ([], 0)


def test_a_wrong_number_of_gradients(scan):
    inputs, outputs, *_ = scan
    np.savetxt(inputs["bval"], BVALS[None, :-1])
    with pytest.raises(InputError, match="there must be one for each volume"):
        fit_tensor(inputs, outputs, **SETTINGS)


def turned(degrees, axis="z"):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    return matrix


@pytest.mark.parametrize("flip", [False, True])
def test_gradients_turn_with_the_head(flip):
    """FSL's axes: with a positive determinant x is mirrored, with a negative one the axes are the image's own."""
    affine = np.diag([-2.0 if flip else 2.0, 2, 2, 1])
    stored = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    world = stored * [-1, 1, 1]  # in both cases: mirrored by the convention, or by the affine
    found = rotate_gradients(stored, affine, [turned(30)] * 3)
    expected = world @ turned(30)[:3, :3]  # row vectors: R' g
    np.testing.assert_allclose(found, expected * [-1, 1, 1], atol=1e-12)


def test_a_scaled_and_sheared_transform_turns_gradients_by_its_rotation_only():
    matrix = turned(20) @ np.array([[1.1, 0, 0, 0], [0, 0.95, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = rotate_gradients(BVECS[2:], AFFINE, [matrix] * 20)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-9)
    assert rotation_degrees(matrix) == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("flip", [False, True])
def test_a_turned_head_keeps_its_tensor_only_with_turned_gradients(flip):
    """A fibre in a head that turned by 25 degrees about z for the second half of the scan."""
    affine = np.diag([-2.0 if flip else 2.0, 2, 2, 1])
    mirror = np.array([-1.0, 1, 1])
    matrices = [np.eye(4)] * 12 + [turned(25)] * 10
    fibre = np.array([0.8, 0.6, 0.0])  # in the world
    rows = [
        signal([matrix[:3, :3] @ fibre], 1.6, 0.4, bvecs=BVECS[[k]] * mirror, bvals=BVALS[[k]])[0]
        for k, matrix in enumerate(matrices)
    ]
    data = np.concatenate(rows).reshape(1, 1, 1, -1)
    brain = np.ones((1, 1, 1), bool)
    right = tensor_maps(data, BVALS, rotate_gradients(BVECS, affine, matrices), brain, b0_threshold=50)[0]
    wrong = tensor_maps(data, BVALS, BVECS, brain, b0_threshold=50)[0]
    assert right["FA"][0, 0, 0] == pytest.approx(fa_of(1.6, 0.4), abs=1e-4)
    assert right["AD"][0, 0, 0] == pytest.approx(1.6, abs=1e-4)
    assert abs(wrong["FA"][0, 0, 0] - fa_of(1.6, 0.4)) > 0.01


def test_the_registration_finds_the_motion_that_the_gradients_need():
    """The matrix of a registration goes from the reference to the moved head, as rotate_gradients wants it."""
    _, ball, _ = head()
    texture = gaussian_filter(np.random.default_rng(0).standard_normal(ball.shape), 2.5)
    fixed = (ball * (1000 + 300 * texture / texture.std())).astype(np.float32)
    centre = AFFINE[:3, :3] @ np.full(3, 19.5)
    pose = turned(6)
    pose[:3, 3] = centre - pose[:3, :3] @ centre + [2.0, -1.0, 0.5]  # reference to moved head
    series = resample(fixed, AFFINE, np.linalg.inv(pose))[..., None].copy()
    before = np.abs(series[..., 0] - fixed)[ball].mean()
    found = align_volumes(series, fixed, AFFINE, kind="rigid", seed=1, mask=ball, names=["volume 1"])[0]
    assert displacement(found @ np.linalg.inv(pose), AFFINE, ball) < 0.3
    assert np.abs(series[..., 0] - fixed)[ball].mean() < 0.4 * before


def test_displacement_by_hand():
    matrix = np.eye(4)
    matrix[:3, 3] = [3.0, 4.0, 0.0]
    assert displacement(matrix, AFFINE, np.ones((3, 3, 3), bool)) == pytest.approx(5.0)


@pytest.mark.parametrize("method", ["patch2self", "mppca"])
def test_denoising_takes_noise_away_and_keeps_the_level(method):
    data, ball, fibres = head((40, 40, 40))
    data, ball = data[8:32, 8:32, 8:32], ball[8:32, 8:32, 8:32]
    noise = 40 * np.random.default_rng(0).standard_normal(data.shape).astype(np.float32)
    noisy = np.maximum(data + noise, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        clean = denoise_series(noisy.copy(), BVALS, method=method, b0_threshold=50)
    assert clean.shape == data.shape
    assert np.isfinite(clean).all()
    assert clean.min() >= 0
    weighted = BVALS > 50
    error, before = (np.abs(image - data)[ball][:, weighted].mean() for image in (clean, noisy))
    assert error < 0.8 * before
    np.testing.assert_allclose(
        clean[ball].mean(axis=0)[weighted], data[ball].mean(axis=0)[weighted], rtol=0.05
    )
