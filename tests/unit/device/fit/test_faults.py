"""Stuck and overshot cells are found where they can be seen, with exact intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from mho.device.fit.faults import Rate, find_faults
from mho.device.fit.states import find_states
from mho.device.tables.paths import build_paths
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand

RNG = np.random.default_rng(8)


def faults(g0, target):
    frame = pd.DataFrame(
        {"cell": np.arange(len(g0)), "time_s": 0.0, "g_uS": g0, "target_uS": target}
    )
    paths = build_paths(understand(read_table(frame)))[0]
    return find_faults(paths, find_states(paths))


def test_stuck_cells_at_both_ends_are_counted_where_they_show():
    target = np.repeat(np.linspace(5, 80, 16), 200)
    g0 = target + RNG.normal(0, 1, target.size)
    g0[::50] = 80.0
    g0[7::20] = 5.0
    found = faults(g0, target)
    lrs, hrs = found.stuck_at_lrs, found.stuck_at_hrs
    assert lrs.count < target.size // 50  # those near the top cannot be told
    assert lrs.count / lrs.cells == pytest.approx(0.02, abs=1e-9 + 4 * np.sqrt(0.02 / lrs.cells))
    assert hrs.count / hrs.cells == pytest.approx(0.05, abs=4 * np.sqrt(0.05 / hrs.cells))
    assert found.stuck.sum() == lrs.count + hrs.count
    assert found.law.stuck_at_hrs == pytest.approx(hrs.estimate.value, rel=1e-3)


def test_a_cell_far_from_its_target_inside_the_window_overshot():
    target = np.repeat([10.0, 30, 50, 70], 100)
    g0 = target + RNG.normal(0, 0.5, 400)
    g0[5] = 45.0
    found = faults(g0, target)
    assert found.overshoot.count == 1
    assert found.overshot[5]
    assert not found.stuck.any()


def test_a_wide_spread_is_no_fault():
    target = np.repeat(np.linspace(5, 80, 16), 500)
    found = faults(target * np.exp(RNG.normal(0, 0.5, target.size)), target)
    assert found.stuck_at_lrs.count == 0
    assert found.faulty.mean() < 0.01


def test_intervals_are_clopper_pearsons():
    estimate = Rate(7, 200).estimate
    exact = binomtest(7, 200).proportion_ci(method="exact")
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high))
    assert Rate(0, 0).estimate.high == 1.0
    assert Rate(0, 100).estimate.low == 0.0
