from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.device.path import plan


def brownian(t1, t2):
    """Correlation of a walk whose variance is 1 + log10 t."""
    clock = sorted(1 + math.log10(t) for t in (t1, t2))
    return math.sqrt(clock[0] / clock[1])


def forgetful(t1, t2):
    return math.exp(-abs(math.log(t1 / t2)) / 2.5)


def implied(times, correlation, first_s=1.0):
    weights = plan(times, first_s, correlation).weights
    return weights @ weights.T


@pytest.mark.parametrize("correlation", [brownian, forgetful])
def test_decades_have_the_exact_correlation(correlation):
    times = [1.0, 10.0, 1e4, 1e5]
    exact = [[correlation(a, b) for a in times] for b in times]
    assert implied(times, correlation) == pytest.approx(np.array(exact), abs=2e-3)


@given(st.lists(st.floats(1.0, 1e8), min_size=2, max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_markov_path_is_followed_at_any_times(times):
    """A walk is Markov: only two times within an eighth of a decade lose a little."""
    exact = [[brownian(a, b) for a in times] for b in times]
    assert implied(times, brownian) == pytest.approx(np.array(exact), abs=0.03)


def test_paths_are_standard_normal():
    weights = plan([1.0, 3.0, 1e5, 2.2e7], 1.0, forgetful).weights
    assert np.linalg.norm(weights, axis=1) == pytest.approx([1.0] * 4)


def test_more_times_change_no_weight():
    few, many = plan([37.0], 1.0, forgetful), plan([2e6, 37.0, 1.5], 1.0, forgetful)
    named = dict(zip(many.names, many.weights[1], strict=True))
    for name, weight in zip(few.names, few.weights[0], strict=True):
        assert named.pop(name) == weight
    assert not any(named.values())


def test_the_first_decade_is_the_device_s():
    assert plan([50.0], 0.01, forgetful).names[0] == -2.0
    assert plan([50.0], 20.0, forgetful).names[0] == 1.0
    assert plan([5.0], 20.0, forgetful).names == (1.0,)
