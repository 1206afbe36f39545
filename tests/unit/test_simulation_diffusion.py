"""Diffusion series: gradients, the signal of known tissue, head pose, motion, distortion, noise."""

import numpy as np
import pytest
from dipy.core.gradients import gradient_table
from dipy.io.gradients import read_bvals_bvecs
from dipy.reconst.dti import TensorModel

from myelosketch.simulation import diffusion_signal, distortion, gradients, physics, scanner
from myelosketch.simulation.settings import DEFAULTS

SETTINGS = DEFAULTS["dwi"]
B_VALUES, DIRECTIONS = gradients.gradient_scheme(SETTINGS)
RIGHT_HANDED = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (3, 3, 3)


def pure(tissue, direction, **latents):
    """Signal model of a block of one tissue with one fibre direction."""
    fractions = {name: np.zeros(SHAPE, np.float32) for name in ("white", "cortex", "deep", "csf")}
    fractions[tissue] += 1
    state = {"myelin": 1.0, "axons": 1.0, "water": 0.0, "coherence": 1.0} | latents
    state = {name: np.full(SHAPE, value, np.float32) for name, value in state.items()}
    orientation = np.zeros((3, *SHAPE), np.float32)
    orientation += np.reshape(np.asarray(direction, np.float32), (3, 1, 1, 1))
    return diffusion_signal.DiffusionSignal(fractions, state, orientation, 2.0)


@pytest.mark.parametrize("n", [6, 32, 64])
def test_directions_are_unit_vectors_spread_over_half_a_sphere(n):
    directions = gradients.hemisphere(n)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    cosines = np.abs(directions @ directions.T) - np.eye(n)
    nearest = np.degrees(np.arccos(cosines.max(axis=1)))
    # n cells of equal area on a half sphere: no two axes nearer than half a cell is wide
    assert nearest.min() > 0.5 * np.degrees(np.sqrt(2 * np.pi / n))
    scatter = directions.T @ directions / n
    np.testing.assert_allclose(scatter, np.eye(3) / 3, atol=0.06)


def test_scheme_has_its_shells_in_order():
    b, g = gradients.gradient_scheme(SETTINGS | {"n_b0": 2, "n_directions": 6, "b_value": [1000, 2000]})
    assert b.tolist() == [0] * 2 + [1000] * 6 + [2000] * 6
    assert not g[:2].any()
    np.testing.assert_array_equal(g[2:8], g[8:])


def test_bvec_reverses_x_for_a_right_handed_affine_only():
    g = np.array([[0.6, 0.8, 0.0]])
    np.testing.assert_allclose(gradients.fsl_directions(g, RIGHT_HANDED), [[-0.6, 0.8, 0.0]])
    radiological = np.diag(
        [-2.0, 2.0, 2.0, 1.0]
    )  # x runs to the left: reversed by the axes, not a second time
    np.testing.assert_allclose(gradients.fsl_directions(g, radiological), [[-0.6, 0.8, 0.0]])


@pytest.mark.parametrize("affine", [RIGHT_HANDED, np.diag([-2.0, 2.0, 2.0, 1.0])])
def test_dipy_reads_the_files_and_finds_the_fibres(tmp_path, affine):
    """FSL's reader turns a .bvec back by the same rule; dipy leaves it as it is. Either way the fibre is found."""
    fibre = np.array([0.48, 0.6, -0.64])
    signal = pure("white", fibre)
    data = np.stack([signal(b, g) for b, g in zip(B_VALUES, DIRECTIONS, strict=True)], -1)
    gradients.write_gradients(tmp_path / "x.bval", tmp_path / "x.bvec", B_VALUES, DIRECTIONS, affine)
    bvals, bvecs = read_bvals_bvecs(str(tmp_path / "x.bval"), str(tmp_path / "x.bvec"))
    np.testing.assert_allclose(bvals, B_VALUES)
    np.testing.assert_allclose(np.linalg.norm(bvecs[bvals > 0], axis=1), 1, atol=1e-5)
    found = TensorModel(gradient_table(bvals, bvecs=bvecs), fit_method="WLS").fit(data[1, 1, 1])
    voxel_axes = np.sign(np.diag(affine)[:3]) * ([-1, 1, 1] if np.linalg.det(affine) > 0 else [1, 1, 1])
    assert abs(found.evecs[:, 0] @ (fibre * voxel_axes)) == pytest.approx(1, abs=1e-4)
    assert abs(found.evecs[:, 0] @ (fibre * [1, 1, 1])) < 0.9
    assert found.ad * 1e3 == pytest.approx(1.15, abs=1e-3)
    assert found.rd * 1e3 == pytest.approx(0.52, abs=1e-3)


def test_white_matter_along_and_across_its_fibres():
    signal = pure("white", [0, 0, 1], myelin=0.4, axons=0.7, water=0.15)
    axial, radial = physics.diffusivities(0.4, 0.7, 0.15, 1.0)
    assert signal(1000, [0, 0, 1])[1, 1, 1] == pytest.approx(np.exp(-axial), rel=1e-5)
    assert signal(1000, [1, 0, 0])[1, 1, 1] == pytest.approx(np.exp(-radial), rel=1e-5)
    assert signal(0, [0, 0, 0])[1, 1, 1] == pytest.approx(1, rel=1e-5)


def test_free_water_and_voxels_without_a_direction_are_isotropic():
    water = pure("csf", [0, 0, 1])
    expected = physics.TISSUES["csf"]["S0"] / 100 * np.exp(-3.0)
    for g in ([0, 0, 1], [1, 0, 0]):
        assert water(1000, g)[1, 1, 1] == pytest.approx(expected, rel=1e-5)
    white = pure("white", [0, 0, 0])
    values = [white(1000, g)[1, 1, 1] for g in np.eye(3)]
    np.testing.assert_allclose(values, np.exp(-(1.15 + 2 * 0.52) / 3), rtol=1e-5)


@pytest.mark.parametrize("n", [12, 32])
def test_noise_of_the_fit_is_what_the_design_predicts(n):
    settings = SETTINGS | {"n_directions": n}
    b, g = gradients.gradient_scheme(settings)
    share = gradients.noise_share(settings, 0.01)  # small: the prediction is of first order
    predicted = np.array(gradients.diffusivity_noise(b, g)) * share
    assert np.sqrt(np.mean(predicted**2)) == pytest.approx(0.01)
    rng = np.random.default_rng(1)
    fibres = gradients.hemisphere(12)
    rd, ad = gradients.TYPICAL_RD, gradients.TYPICAL_AD
    exact = np.exp(-b / 1000 * (rd + (ad - rd) * (fibres @ g.T) ** 2))
    noisy = np.repeat(exact, 250, axis=0) + share * rng.standard_normal((3000, len(b)))
    fit = TensorModel(gradient_table(b, bvecs=g), fit_method="WLS").fit(noisy)
    np.testing.assert_allclose([fit.ad.std() * 1e3, fit.rd.std() * 1e3], predicted, rtol=0.08)


def test_a_given_snr_is_used_as_it_is():
    assert gradients.noise_share(SETTINGS | {"snr": 25.0}, 0.05) == 1 / 25
    assert gradients.noise_share(SETTINGS, 0.0) == 0


def test_magnitude_of_noise_alone_is_rayleigh_and_of_strong_signal_gaussian():
    rng = np.random.default_rng(0)
    nothing = scanner.magnitude(np.zeros((50, 50, 50), np.float32), 2.0, rng)
    assert nothing.mean() == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.01)
    strong = scanner.magnitude(np.full((50, 50, 50), 100, np.float32), 2.0, rng)
    assert strong.std() == pytest.approx(2, rel=0.02)
    assert strong.mean() == pytest.approx(100.02, abs=0.05)


def test_still_head_moves_not_and_motion_has_its_size():
    rng = np.random.default_rng(0)
    assert not diffusion_signal.head_motion(SETTINGS, 20, rng).any()
    moved = diffusion_signal.head_motion(SETTINGS | {"motion_deg": 0.5, "motion_mm": 1.5}, 40, rng)
    np.testing.assert_allclose(moved.std(axis=0), [0.5] * 3 + [1.5] * 3)
    assert not moved[0].any()


def test_eddy_currents_move_along_the_phase_encoding_axis_by_their_size():
    transform = diffusion_signal.eddy_transform(2.0, 1000, [1, 0, 0], 1000)
    assert (transform @ [80, 0, 0, 1]).tolist() == [80, 2, 0, 1]
    assert (diffusion_signal.eddy_transform(2.0, 0, [0, 0, 0], 1000) == np.eye(4)).all()


def test_a_constant_field_shifts_and_a_varying_one_keeps_the_signal():
    volume = np.zeros((4, 40, 4), np.float32)
    volume[:, 15:20] = 1
    shifted = distortion.Distortion(np.full(volume.shape, 3 / distortion.TOTAL_READOUT_S))(volume)
    np.testing.assert_allclose(shifted[:, 18:23], 1, atol=1e-5)
    assert shifted[:, :18].max() < 1e-5
    y = np.arange(40).reshape(1, -1, 1)
    bump = np.broadcast_to(60 * np.exp(-0.5 * ((y - 17) / 6.0) ** 2), volume.shape)
    piled = distortion.Distortion(bump)(volume)
    assert piled.sum() == pytest.approx(volume.sum(), rel=0.03)
    centre = (piled * y).sum() / piled.sum()
    assert centre - 17 == pytest.approx(60 * distortion.TOTAL_READOUT_S, abs=0.4)


def test_field_peaks_near_the_sinus_in_any_pose():
    pose = scanner.rigid([8.0, -5.0, 10.0], np.array([4.0, 6.0, -3.0]))
    grid = scanner.modality_grid(4.0, pose)
    field = distortion.off_resonance(grid, 50.0)
    place = grid.affine @ [*np.unravel_index(field.argmax(), field.shape), 1]
    np.testing.assert_allclose(place[:3], (pose @ [0, 52, -24, 1])[:3], atol=4)
    assert field.max() == pytest.approx(50, rel=0.1)
