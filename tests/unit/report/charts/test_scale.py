"""Scales: values to pixels, and ticks that can be read."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.report.charts.scale import (
    LinearScale,
    LogTimeScale,
    RootScale,
    linear_scale,
    nice_step,
    root_scale,
    time_scale,
)

YEAR = 31_536_000.0


def labelled(scale):
    return [tick.text for tick in scale.ticks() if tick.text]


def test_decades_of_time_are_equally_long():
    scale = LogTimeScale(low_s=1, high_s=1000, start=0, end=300)
    assert [scale(t) for t in (1, 10, 100, 1000)] == pytest.approx([0, 100, 200, 300])


def test_zero_seconds_stands_apart_on_the_left():
    scale = time_scale([0.0, 1.0, 100.0]).onto(0, 100)
    assert scale(0.0) == 0
    assert scale(1.0) == pytest.approx(9)
    assert scale(100.0) == pytest.approx(100)


def test_the_times_that_were_measured_are_labelled():
    times = [1.0, 86_400.0, 2_592_000.0, YEAR, 10 * YEAR]
    assert labelled(time_scale(times).onto(0, 360)) == [
        "1 s",
        "1 min",
        "1 h",
        "1 d",
        "1 month",
        "10 y",
    ]
    assert "1 y" in labelled(time_scale(times).onto(0, 900))


def test_one_time_alone_is_in_the_middle():
    assert time_scale([60.0]).onto(0, 100)(60.0) == pytest.approx(50)


@given(
    st.lists(st.floats(1e-6, 1e10), min_size=1, max_size=30),
    st.floats(120, 1500),
    st.booleans(),
)
def test_time_labels_never_touch(times, pixels, zero):
    scale = time_scale([*times, *([0.0] if zero else [])]).onto(0, pixels)
    places = sorted(scale(tick.value) for tick in scale.ticks() if tick.text)
    assert places
    assert all(b - a >= scale.spacing - 1e-6 for a, b in itertools.pairwise(places))
    assert all(-1e-6 <= place <= pixels + 1e-6 for place in places)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.floats(100, 1000))
def test_linear_ticks_are_round_inside_and_apart(low, span, pixels):
    scale = LinearScale(low=low, high=low + span, start=0, end=pixels)
    places = [scale(tick.value) for tick in scale.ticks()]
    assert len(places) <= pixels / scale.spacing + 2
    assert all(-1 <= place <= pixels + 1 for place in places)


@pytest.mark.parametrize(("span", "count"), [(0, 3), (math.nan, 3), (10, 0)])
def test_a_step_is_always_positive(span, count):
    assert nice_step(span, count) > 0


def test_equal_values_still_give_a_scale():
    scale = linear_scale([5.0, 5.0])
    assert scale.low < 5.0 < scale.high


def test_values_that_are_not_finite_do_not_set_the_scale():
    assert linear_scale([math.nan, math.inf, 1.0, 2.0]).high < 3


def test_the_root_scale_is_signed_and_keeps_zero():
    scale = RootScale(low=-100, high=25, start=0, end=150)
    assert [scale(v) for v in (-100, -25, 0, 25)] == pytest.approx([0, 50, 100, 150])
    assert "0" in labelled(scale)
    assert any(text.startswith("−") for text in labelled(scale))


@given(st.lists(st.floats(-100, 100), max_size=20), st.floats(150, 1000))
def test_root_ticks_never_touch_and_hold_zero(values, pixels):
    scale = root_scale(values).onto(0, pixels)
    places = [scale(tick.value) for tick in scale.ticks()]
    assert all(b - a >= scale.spacing - 1e-6 for a, b in itertools.pairwise(places))
    assert 0.0 in [tick.value for tick in scale.ticks()]
