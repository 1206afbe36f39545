"""Shells of b-values as scanners apply them: each is found, and used or left out as a whole."""

import numpy as np
import pytest

from myelosketch.intake.raw import gradient_problems
from myelosketch.intake.shells import said_of_shells, shell_values, shells, used_volumes

LIMITS = {"b_max": 1500, "b0_threshold": 50}
B0 = [0, 5, 20, 45]


def played(nominal, n, spread, seed=0):
    """b-values around a nominal one, as imaging gradients make them."""
    return np.random.default_rng(seed).uniform(nominal - spread, nominal + spread, n).round().tolist()


@pytest.mark.parametrize(
    "shell",
    [
        played(1497, 60, 13), played(1500, 60, 45), [1499.999, 1500.0000001, 1500.01] * 20, played(1540, 30, 20),
        [1495, 1500, 1505] * 10,
    ],
)  # fmt: skip
def test_a_shell_at_the_limit_is_taken_whole(shell):
    bvals = np.array(B0 + shell)
    assert used_volumes(bvals, **LIMITS).all()
    assert len(shells(bvals, 50)) == 1


@pytest.mark.parametrize("shell", [played(1650, 30, 40), played(2000, 30, 60), played(3000, 90, 90)])
def test_a_shell_beyond_the_limit_is_left_whole(shell):
    bvals = np.array(B0 + played(700, 30, 20) + shell)
    assert used_volumes(bvals, **LIMITS).tolist() == [True] * 34 + [False] * len(shell)


def test_several_shells_are_told_apart_in_any_order():
    values = {300: 10, 700: 12, 1000: 30, 1500: 40, 2000: 50, 3000: 60}
    bvals = np.array(B0 + sum((played(value, n, 0.012 * value) for value, n in values.items()), []))
    bvals = np.random.default_rng(1).permutation(bvals)
    found = {round(bvals[shell].mean(), -2): len(shell) for shell in shells(bvals, 50)}
    assert found == values
    assert used_volumes(bvals, **LIMITS).sum() == 4 + 10 + 12 + 30 + 40


def test_a_grid_in_q_space_has_no_shells_and_is_cut_at_the_limit():
    bvals = np.array([0.0, *np.arange(200, 3001, 35)])
    used = used_volumes(bvals, **LIMITS)
    assert bvals[used].max() == max(value for value in bvals if value <= 1575)
    assert not used[bvals > 1575].any()


def test_unweighted_volumes_are_those_below_the_threshold():
    bvals = np.array([0, 5, 20, 45, 55, 60, 1000, 1000])
    assert [shell.tolist() for shell in shells(bvals, 50)] == [[4, 5], [6, 7]]
    assert used_volumes(bvals, **LIMITS).all()


def test_what_is_used_and_what_not_is_said():
    bvals = np.array(B0 + played(1000, 30, 8) + played(1497, 60, 13) + played(2995, 90, 15))
    assert shell_values(bvals, 50) == [1000, 1495, 2995]
    assert said_of_shells(bvals, **LIMITS) == (
        "4 without weighting, 30 at b = 1000, 60 at b = 1495, 90 at b = 2995 (not used)"
    )


def test_without_weighted_volumes_nothing_breaks():
    assert shells(np.zeros(4), 50) == []
    assert used_volumes(np.zeros(4), **LIMITS).all()


def test_directions_are_counted_in_the_shells_that_are_used():
    directions = np.eye(3)[np.arange(12) % 3]
    directions[3:] = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])[np.arange(9) % 3] / np.sqrt(2)
    bvals, bvecs = np.array([0] + played(1498, 12, 12)), np.vstack([np.zeros(3), directions])
    assert (bvals > 1500).any()
    assert gradient_problems(bvals, bvecs, 13, **LIMITS) == []
    low = gradient_problems(bvals, bvecs, 13, b_max=1000, b0_threshold=50)
    assert low[0].startswith("has 0 different directions with b from 50 to 1000 s/mm²")
