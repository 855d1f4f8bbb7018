"""Marks and markup: escaped, clipped, apart."""

from __future__ import annotations

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.report.charts.heatmap import DEEPEST, heatmap
from mho.report.charts.marks import (
    band,
    cloud,
    dots,
    identity,
    line,
    rule_x,
    shade_after,
    spread_labels,
    whisker_x,
)
from mho.report.charts.plot import Margin, Plot
from mho.report.charts.scale import LinearScale
from mho.report.charts.svg import el, group, num, path

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def plot():
    """Ten by ten units on a hundred by hundred pixels."""
    margin = Margin(top=0, right=0, bottom=0, left=0)
    return Plot(LinearScale(low=0, high=10), LinearScale(low=0, high=10), width=100, height=100,
                margin=margin)  # fmt: skip


def test_text_and_attributes_are_escaped():
    built = el("text", HOSTILE, class_=HOSTILE)
    assert "<script>" not in built
    assert built.count("&lt;script&gt;") == 2


def test_markup_is_kept_and_nothing_is_nothing():
    assert el("g", el("b", "x")) == "<g><b>x</b></g>"
    assert group("", "") == ""


@given(st.floats(-1e5, 1e5))
def test_numbers_are_short_and_true(value):
    assert float(num(value)) == pytest.approx(value, abs=0.0501)
    assert num(value) != "-0"


def test_y_grows_upwards(plot):
    assert 'd="M0 100L100 0"' in line(plot, [0, 10], [0, 10])
    assert identity(plot, 0, 10) == line(plot, [0, 10], [0, 10], class_="rule")


def test_a_missing_value_breaks_the_line():
    assert path([(0, 0), (1, 1), (2, math.nan), (3, 3), (4, 4)]) == "M0 0L1 1M3 3L4 4"


def test_bands_stay_inside_the_plot(plot):
    d = re.search(r'd="([^"]+)"', band(plot, [0, 10], [-5, -5], [99, 99]))[1]
    assert d == "M0 0L100 0L100 100L0 100Z"


def test_hollow_dots_mark_what_was_not_measured(plot):
    drawn = dots(plot, [1, 2, math.nan], [1, 2, 3], series=2, hollow=[False, True, True])
    assert drawn.count("<circle") == 2
    assert drawn.count('class="hollow"') == 1
    assert 'class="dots s2"' in drawn


def test_a_cloud_is_one_element(plot):
    assert cloud(plot, [1, 2, 3], [1, 2, 3]).count("<path") == 1


def test_whiskers_and_rules_are_where_their_values_are(plot):
    assert 'd="M10 50H20"' in whisker_x(plot, 5, 1, 2)
    assert 'd="M30 0V100"' in rule_x(plot, 3)


def test_shade_begins_where_measuring_ended(plot):
    assert 'x="40"' in shade_after(plot, 4, "beyond")
    assert shade_after(plot, 10) == ""


@given(
    st.lists(st.floats(0, 300), min_size=1, max_size=12),
    st.floats(1, 24),
)
def test_labels_are_moved_apart_and_keep_their_order(wanted, gap):
    found = spread_labels(wanted, gap=gap, low=0, high=300)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [found[i] for i in order]
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(placed))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in placed)


def test_labels_that_do_not_touch_stay_where_they_are():
    assert spread_labels([10, 60, 90], gap=20, low=0, high=100) == [10, 60, 90]


def test_a_plot_names_its_axes_and_describes_itself(plot):
    drawn = plot.svg(plot.axes(x="time", y="change (µS)"), label="A chart of <x>")
    assert 'role="img"' in drawn
    assert 'aria-label="A chart of &lt;x&gt;"' in drawn
    assert ">time<" in drawn
    assert ">change (µS)<" in drawn


def test_a_heat_map_tints_by_value_and_leaves_holes():
    drawn = heatmap([[0.0, 0.5], [None, 1.0]], rows=["a", "b"], cols=["c", "d"], width=200,
                    label="map", text=lambda v: f"{v:.1f}", low=0.0, high=1.0)  # fmt: skip
    opacities = [float(o) for o in re.findall(r'fill-opacity="([\d.]+)"', drawn)]
    assert opacities == pytest.approx([0.04, 0.04 + DEEPEST / 2, 0.04 + DEEPEST], abs=0.006)
    assert ">0.5<" in drawn


def test_a_signed_heat_map_has_two_colours():
    drawn = heatmap([[-0.1, 0.1]], rows=["a"], cols=["c", "d"], width=200, label="", low=-0.2,
                    high=0.2, text=str)  # fmt: skip
    assert drawn.count('class="s0"') == 1
    assert drawn.count('class="s1"') == 1
