from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.device.levels import AnalogueLevels, ListedLevels, UniformLevels, nearest_level
from mho.errors import ConfigError

WINDOW = (1.0, 100.0)


def test_uniform_levels_include_both_ends():
    positions = UniformLevels(count=10).positions(WINDOW)
    assert positions == pytest.approx(np.arange(1, 101, 11))


def test_analogue_levels_clip_to_the_window():
    g = np.array([-3.0, 7.0, 400.0])
    assert nearest_level(g, AnalogueLevels(), WINDOW).tolist() == [1.0, 7.0, 100.0]


@pytest.mark.parametrize(
    "levels", [UniformLevels(count=10), ListedLevels(g_uS=(1.0, 2.0, 5.0, 30.0, 99.0))]
)
@given(st.lists(st.floats(-50, 200), min_size=1, max_size=20))
def test_the_nearest_level_is_nearest(levels, g):
    g = np.array(g)
    states = levels.positions(WINDOW)
    chosen = nearest_level(g, levels, WINDOW)
    assert np.isin(chosen.round(9), states.round(9)).all()
    best = np.abs(g[:, None] - states).min(1)
    assert np.abs(g - chosen) == pytest.approx(best, abs=1e-9)


def test_a_tie_goes_to_the_lower_level():
    assert nearest_level(np.array([6.5]), UniformLevels(count=10), WINDOW)[0] == 1.0
    assert nearest_level(np.array([1.5]), ListedLevels(g_uS=(1.0, 2.0)), WINDOW)[0] == 1.0


def test_type_is_kept():
    for levels in (UniformLevels(count=4), ListedLevels(g_uS=(1.0, 2.0)), AnalogueLevels()):
        assert nearest_level(np.ones(2, np.float32), levels, WINDOW).dtype == np.float32


@pytest.mark.parametrize("count", [0, 1, -3, 10**6])
def test_impossible_counts_are_refused(count):
    with pytest.raises(ConfigError):
        UniformLevels(count=count)
