"""Anatomy and fibre directions of simulated participants: warps, shares, ventricles, tracts."""

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.simulation import anatomy as anatomies
from myelosketch.simulation.anatomy import FRACTIONS, VELOCITY_STEP_MM, build_anatomy
from myelosketch.simulation.fields import jacobian_determinant, stream
from myelosketch.simulation.settings import complete_settings
from myelosketch.simulation.template import template
from myelosketch.simulation.tracts import GRID_MM, orientation_field, template_tracts

COARSE = complete_settings({"voxel_size_mm": {"anatomy": 4.0}})
LEFT_RIGHT, FRONT_BACK, UP_DOWN = range(3)


def build(group, subject, settings=COARSE, seed=7):
    return build_anatomy(group, settings, stream(seed, subject, "anatomy"))


@pytest.fixture(scope="module")
def anatomy():
    return build("MS", "01")


def place(point):
    """Index in the template's tract maps of a point in MNI mm."""
    _, affine = template()
    return tuple(np.round((np.array(point) - affine[:3, 3]) / GRID_MM).astype(int))


def direction(point):
    _, affine = template()
    target = (np.array(point, float) - affine[:3, 3]).reshape(3, 1)
    return np.abs(orientation_field(target, np.eye(3)[None])[:, 0])


@pytest.mark.parametrize("group", ["MS", "HC"])
@pytest.mark.parametrize("subject", ["01", "02", "03"])
def test_warp_is_a_diffeomorphism(group, subject):
    determinant = jacobian_determinant(build(group, subject).displacement / VELOCITY_STEP_MM)
    assert determinant.min() > 0
    assert determinant.std() > 0.01


def test_warp_that_folds_is_refused(monkeypatch):
    def fold(group, settings, rng):
        displacement = np.zeros((3, 41, 51, 44), np.float32)
        displacement[0] = -2 * VELOCITY_STEP_MM * np.arange(41).reshape(-1, 1, 1)  # x -> -x
        displacement[0, 20:] = 0
        return displacement

    monkeypatch.setattr(anatomies, "_displacement", fold)
    with pytest.raises(InputError, match=r"simulation\.anatomy\.warp_sd_mm makes the anatomy fold"):
        build("HC", "01")


def test_shares_are_those_of_a_brain(anatomy):
    total = sum(anatomy.fractions[name] for name in FRACTIONS)
    assert total.max() <= 1 + 1e-4
    assert min(anatomy.fractions[name].min() for name in FRACTIONS) >= 0
    volume = {name: float(share.sum()) * anatomy.voxel**3 / 1000 for name, share in anatomy.fractions.items()}
    assert 1200 < sum(volume.values()) < 2100
    assert 400 < volume["white"] < 750
    assert 12 < volume["deep"] < 60


def test_shares_are_averages_over_the_voxel(anatomy):
    """The shares of a 4 mm voxel are close to the mean of the 8 voxels of 2 mm in it."""
    fine = build("MS", "01", complete_settings({"voxel_size_mm": {"anatomy": 2.0}})).fractions
    for name in FRACTIONS:
        shape = anatomy.fractions[name].shape
        padding = [(0, 2 * n - m) for n, m in zip(shape, fine[name].shape, strict=True)]
        whole = np.pad(fine[name], padding).reshape(shape[0], 2, shape[1], 2, shape[2], 2)
        difference = anatomy.fractions[name] - whole.mean(axis=(1, 3, 5))
        assert np.abs(difference).max() > 0
        assert np.abs(difference).mean() < 0.02
        assert abs(difference.mean()) < 0.002


def test_brains_differ_in_form_and_size_and_are_not_symmetric():
    brains = [build("HC", subject).fractions for subject in ("1", "2", "3", "4")]
    first, second = brains[0]["white"], brains[1]["white"]
    assert np.abs(first - second).mean() > 0.01
    assert np.abs(first - first[::-1]).mean() > 0.01
    sizes = [sum(part.sum() for part in brain.values()) for brain in brains]
    assert np.std(sizes) / np.mean(sizes) > 0.01


def test_ventricles_have_their_size_and_are_larger_in_patients():
    """Adults hold 15-25 mL in the lateral ventricles, patients 20-60 % more (mean of five, same brains)."""
    volume = {
        group: [
            (build(group, str(i)).ventricle_distance == 0).sum()
            * COARSE["voxel_size_mm"]["anatomy"] ** 3
            / 1000
            for i in range(5)
        ]
        for group in ("MS", "HC")
    }
    assert 10 < np.mean(volume["HC"]) < 25
    assert 1.2 < np.mean(volume["MS"]) / np.mean(volume["HC"]) < 1.6
    assert np.std(volume["HC"]) > 1


@pytest.mark.parametrize(
    ("tract", "point", "axis"),
    [
        ("genu", (2, 28, 6), LEFT_RIGHT),
        ("body of the callosum", (0, -14, 26), LEFT_RIGHT),
        ("splenium", (-2, -36, 15), LEFT_RIGHT),
        ("internal capsule, right", (24, -14, 8), UP_DOWN),
        ("internal capsule, left", (-24, -14, 8), UP_DOWN),
        ("brain stem", (8, -24, -34), UP_DOWN),
        ("superior longitudinal", (37, -20, 30), FRONT_BACK),
        ("optic radiation", (-30, -56, 6), FRONT_BACK),
    ],
)
def test_tracts_run_as_in_the_atlases(tract, point, axis):
    assert direction(point).argmax() == axis, tract
    assert direction(point)[axis] > 0.75, tract


def test_directions_mirror_between_the_hemispheres():
    dyads, _, _ = template_tracts()
    right, left = place((30, -20, 40)), place((-30, -20, 40))
    np.testing.assert_allclose(
        np.abs(dyads[(slice(None), *right)]), np.abs(dyads[(slice(None), *left)]), atol=0.1
    )
    assert dyads[(2, *right)] * dyads[(2, *left)] < 0  # both fan outward while they rise


def test_coherence_is_high_in_the_callosum_and_low_where_tracts_cross():
    _, coherence, _ = template_tracts()
    crossing = np.mean([coherence[place((side * 27, -12, 36))] for side in (-1, 1)])
    assert coherence[place((0, -14, 26))] > 1.3
    assert coherence[place((2, 28, 6))] > 1.5
    assert coherence[place((24, -14, 8))] > 1.2
    assert crossing < 1.0


def test_coherence_spans_the_real_range_with_mean_one(anatomy):
    white = anatomy.fractions["white"] > 0.8
    low, high = np.percentile(anatomy.tract[white], [2, 98])
    assert low < 0.65
    assert high > 1.6
    assert anatomy.tract[white].mean() == pytest.approx(1, abs=0.06)


def test_orientation_is_computed_on_demand_and_has_unit_length():
    anatomy = build("HC", "02")
    assert "orientation" not in vars(anatomy)
    length = np.linalg.norm(anatomy.orientation, axis=0)
    white = anatomy.fractions["white"] > 0.05
    assert anatomy.orientation.dtype == np.float32
    np.testing.assert_allclose(length[white], 1, atol=1e-5)
    assert (length[anatomy.fractions["white"] == 0] == 0).all()
    assert anatomy.orientation is anatomy.orientation


def test_orientation_turns_with_the_deformation():
    """Where the warp turns anatomy to template by a rotation, directions are turned back by it."""
    _, affine = template()
    target = (np.array([[24.0, -14, 8], [0, -14, 26], [37, -20, 30]]) - affine[:3, 3]).T
    straight = orientation_field(target, np.broadcast_to(np.eye(3), (3, 3, 3)))
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    turned = orientation_field(target, np.broadcast_to(turn, (3, 3, 3)))
    overlap = np.abs(np.einsum("in,in->n", turn.T @ straight, turned))
    np.testing.assert_allclose(overlap, 1, atol=1e-5)
    assert np.abs(np.einsum("in,in->n", straight, turned)).min() < 0.95
