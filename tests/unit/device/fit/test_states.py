"""Intended states from targets, levels or clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.fit.groups import group_paths
from mho.device.fit.states import find_states
from mho.device.tables.paths import build_paths
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand

RNG = np.random.default_rng(5)


def paths(g0, **columns):
    frame = pd.DataFrame({"cell": np.arange(len(g0)), "time_s": 0.0, "g_uS": g0, **columns})
    return build_paths(understand(read_table(frame)))[0]


def test_targets_are_the_states():
    target = np.repeat([10.0, 20, 40], 50)
    states = find_states(paths(target + RNG.normal(0, 1, 150), target_uS=target))
    assert states.g_uS.tolist() == [10, 20, 40]
    np.testing.assert_array_equal(states.target_uS(), target)


def test_an_evenly_filled_range_has_its_middle_as_target():
    level = np.repeat(np.arange(8), 400)
    states = find_states(paths(1.25 * (level + RNG.uniform(0, 1, level.size)), level=level))
    np.testing.assert_allclose(states.g_uS, 1.25 * np.arange(8) + 0.625, atol=0.01)
    assert "middle of each range" in states.how


def test_a_bell_has_its_median_as_target():
    level = np.repeat(np.arange(3), 400)
    centre = np.array([10.0, 30, 35])[level]
    states = find_states(paths(centre + RNG.normal(0, 1, level.size), level=level))
    np.testing.assert_allclose(states.g_uS, [10, 30, 35], atol=4 * 1.25 / 20)  # 4 se of a median
    assert "median" in states.how


def test_the_thin_tail_of_levels_is_overshoot():
    level = np.concatenate([np.repeat(np.arange(8), 200), [8] * 12, [9, 11, 14]])
    states = find_states(paths(1.25 * (level + RNG.uniform(0, 1, level.size)), level=level))
    assert states.g_uS.size == 8
    assert states.overshoot.sum() == 15


def test_separate_heaps_are_states():
    g0 = np.concatenate([RNG.normal(c, 0.8, 300) for c in (10, 20, 30, 40)])
    states = find_states(paths(g0))
    np.testing.assert_allclose(states.g_uS, [10, 20, 30, 40], atol=0.3)
    assert np.bincount(states.code).tolist() == pytest.approx([300] * 4, abs=3)


def test_few_cells_at_close_levels_are_heaps_too():
    g0 = np.concatenate([RNG.normal(c, 0.3, 60) for c in (10, 20, 30, 40, 60, 90, 120)])
    states = find_states(paths(g0))
    np.testing.assert_allclose(states.g_uS, [10, 20, 30, 40, 60, 90, 120], atol=0.3)


@pytest.mark.parametrize("seed", range(10))
def test_one_wide_heap_is_not_cut(seed):
    """Neither bells nor long tails: a false state is seen in fewer than one table in a hundred."""
    rng = np.random.default_rng(seed)
    for g0 in (rng.normal(40, 6, 1500), rng.lognormal(3, 0.5, 3000), rng.uniform(2, 80, 400)):
        assert not find_states(paths(g0)).known


def test_readings_that_run_together_have_no_states():
    states = find_states(paths(RNG.uniform(5, 100, 2000)))
    assert not states.known
    assert "any conductance" in states.how


def test_small_levels_join_their_neighbours():
    level = np.concatenate([np.repeat([0, 1, 2], 100), [3] * 10])
    found = paths(10.0 * level + 5 + RNG.normal(0, 0.5, level.size), level=level)
    states = find_states(found)
    groups, warnings = group_paths(found, states)
    assert groups.count == 3
    if states.g_uS.size == 4:
        assert "fewer than 30 cells: 3 (10)" in warnings[0]


def test_broad_states_are_grouped_by_conductance():
    target = np.repeat(np.linspace(10, 19, 10), 300)
    found = paths(target * np.exp(RNG.normal(0, 0.5, target.size)), target_uS=target)
    groups, _ = group_paths(found, find_states(found))
    assert groups.by == "conductance"
    assert (np.diff(groups.g_uS) > 0).all()
    assert np.bincount(groups.code).min() > 250
