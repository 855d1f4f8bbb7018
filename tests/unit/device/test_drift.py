from __future__ import annotations

import math

import numpy as np
import pytest

from mho.device.drift import (
    LogTimeDrift,
    NoDrift,
    PowerLawDrift,
    ScaledDrift,
    TabulatedDrift,
    drift_moments,
)
from mho.device.saturating import SaturatingDrift
from mho.errors import ConfigError

G = np.array([10.0, 20.0, 40.0])
LOG = LogTimeDrift(mean_slope_uS=-0.1, mean_intercept_uS=0.2, sd_slope_uS=0.05, sd_intercept_uS=0.4)
TABLE = TabulatedDrift(
    times_s=(1.0, 100.0),
    mean_uS=((0.0,), (-1.0, -0.02)),
    sd_uS=((0.5,), (1.0, 0.01)),
)

POWER = PowerLawDrift(t0_s=20.0, mu_intercept=0.05, s_intercept=0.01)


def test_no_drift_is_none():
    assert np.array_equal(NoDrift().change(G, 1e6, np.ones(3)), np.zeros(3))


def test_log_time_is_linear_in_ln_t():
    t = math.e**3
    assert LOG.change(G, t, np.zeros(3)) == pytest.approx([0.2 - 0.3] * 3)
    assert LOG.change(G, t, np.ones(3)) == pytest.approx([-0.1 + 0.55] * 3)


def test_a_negative_sd_counts_as_none():
    assert LOG.change(G, 1e-9, np.ones(3)) == pytest.approx(LOG.change(G, 1e-9, np.zeros(3)))


def test_table_interpolates_in_ln_t_and_stays_outside():
    one = np.ones(3)
    assert TABLE.change(G, 10.0, one) == pytest.approx(
        0.5 * (0.5) + 0.5 * (-1.0 - 0.02 * G + 1.0 + 0.01 * G)
    )
    assert np.array_equal(TABLE.change(G, 0.1, one), TABLE.change(G, 1.0, one))
    assert np.array_equal(TABLE.change(G, 1e9, one), TABLE.change(G, 100.0, one))


@pytest.mark.parametrize(
    "changes",
    [{"times_s": (1.0,)}, {"times_s": (100.0, 1.0)}, {"sd_uS": ((0.5,),)}, {"times_s": (0.0, 1.0)}],
)
def test_tables_that_do_not_fit_together_are_refused(changes):
    with pytest.raises(ConfigError):
        TabulatedDrift(**{**TABLE.model_dump(), **changes})


def test_power_law_is_the_published_one():
    t = 2000.0
    for score in (0.0, 1.0, -7.0):
        nu = abs(0.05 + 0.01 * score)
        assert POWER.change(G, t, np.full(3, score)) == pytest.approx(G * (100.0**-nu - 1))


def test_power_law_leaves_0_and_what_came_before_t0():
    assert POWER.change(np.zeros(2), 1e6, np.ones(2)).tolist() == [0.0, 0.0]
    assert POWER.change(G, 3.0, np.ones(3)).tolist() == [0.0, 0.0, 0.0]


def test_saturating_drift_lifts_the_total_spread_to_the_table():
    law = SaturatingDrift(times_s=(0.0, 10.0), a_uS=(0.2, 0.3), b_uS=(2.0, 2.5))
    total = 0.3 * (1 - np.exp(-G / 2.5))
    programmed = 0.2 * (1 - np.exp(-G / 2.0))
    added = law.change(G, 10.0, np.ones(3))
    assert np.hypot(added, programmed) == pytest.approx(total)
    half = 0.25 * (1 - np.exp(-G / 2.25))
    assert np.hypot(law.change(G, 5.0, np.ones(3)), programmed) == pytest.approx(half)
    assert law.change(np.zeros(1), 10.0, np.ones(1)).tolist() == [0.0]


@pytest.mark.parametrize("times", [(1.0, 2.0), (0.0, 0.0), (0.0,)])
def test_saturating_drift_starts_at_programming(times):
    with pytest.raises(ConfigError):
        SaturatingDrift(times_s=times, a_uS=(0.2, 0.3), b_uS=(2.0, 2.5))


def scaled(inner, **changes):
    windows = {"window_uS": (1.0, 101.0), "inner_window_uS": (10.0, 60.0)}
    return ScaledDrift(inner=inner, **{**windows, **changes})


@pytest.mark.parametrize("inner", [LOG, TABLE, POWER])
def test_scaled_drift_is_the_same_share_of_the_window_at_the_same_place(inner):
    here, there = np.array([1.0, 26.0, 101.0]), np.array([10.0, 22.5, 60.0])
    score = np.array([-1.0, 0.5, 2.0])
    moved = scaled(inner).change(here, 500.0, score)
    assert moved / 100.0 == pytest.approx(inner.change(there, 500.0, score) / 50.0)


def test_scaled_drift_beyond_the_window_is_that_of_its_edge():
    outside, edge = np.array([0.0, 150.0]), np.array([1.0, 101.0])
    score = np.ones(2)
    law = scaled(TABLE)
    assert np.array_equal(law.change(outside, 50.0, score), law.change(edge, 50.0, score))


def test_factors_act_on_mean_and_spread():
    law = ScaledDrift(inner=LOG, mean_factor=2.0, spread_factor=3.0)
    mean, sd = drift_moments(LOG, G, 1e3)
    scaled_mean, scaled_sd = drift_moments(law, G, 1e3)
    assert scaled_mean == pytest.approx(2 * mean)
    assert scaled_sd == pytest.approx(3 * sd)


def test_without_windows_and_factors_nothing_changes():
    score = np.array([-1.0, 0.5, 2.0])
    law = ScaledDrift(inner=POWER)
    assert np.array_equal(law.change(G, 1e4, score), POWER.change(G, 1e4, score))
    assert law.frozen_only
    assert not scaled(LOG).frozen_only


@pytest.mark.parametrize(
    "changes",
    [
        {"window_uS": None},
        {"inner_window_uS": (5.0, 5.0)},
        {"window_uS": (-1.0, 5.0)},
        {"mean_factor": -1.0},
        {"spread_factor": math.nan},
    ],
)
def test_scaled_drifts_that_make_no_sense_are_refused(changes):
    with pytest.raises(ConfigError):
        scaled(LOG, **changes)


@pytest.mark.parametrize("law", [LOG, TABLE, POWER, scaled(POWER)])
def test_changes_keep_shape_and_type(law):
    g = G.astype(np.float32).reshape(3, 1)
    change = law.change(g, 100.0, np.ones((3, 1), dtype=np.float32))
    assert change.shape == (3, 1)
    assert change.dtype == np.float32


def test_moments_are_those_of_many_cells():
    """Quadrature against 400,000 draws, within four standard errors."""
    n = 400_000
    score = np.random.default_rng(1).standard_normal(n)
    change = POWER.change(np.full(n, 20.0), 1e6, score)
    mean, sd = drift_moments(POWER, np.array([20.0]), 1e6)
    assert abs(change.mean() - mean[0]) < 4 * sd[0] / math.sqrt(n)
    assert abs(change.std() - sd[0]) < 4 * sd[0] / math.sqrt(2 * n)


def test_moments_at_time_0_are_0():
    mean, sd = drift_moments(LOG, G, 0)
    assert not mean.any()
    assert not sd.any()
