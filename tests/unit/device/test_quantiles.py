"""Tabulated quantiles: exact at the table, linear between, monotone in the score."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mho.device.drift import drift_moments
from mho.device.quantiles import QuantileDrift, QuantileSpread, look_up
from mho.errors import ConfigError

ROWS = ((-2.0, 0.0, 4.0), (-1.0, 1.0, 2.0))
DRIFT = QuantileDrift(
    g_uS=(10.0, 20.0),
    times_s=(1.0, 100.0),
    change_uS=((ROWS[0], (-4.0, 0.0, 8.0)), (ROWS[1], (-2.0, 2.0, 4.0))),
    score_max=2.0,
)


def at(g, score, t=1.0):
    return float(DRIFT.change(np.array([float(g)]), t, np.array([float(score)]))[0])


@pytest.mark.parametrize(
    ("g", "score", "expected"),
    [
        (10, -2, -2), (10, 0, 0), (10, 2, 4), (20, 2, 2), (10, 1, 2), (10, -1, -1),
        (15, 0, 0.5), (15, 2, 3), (5, 2, 4), (30, 2, 2), (10, 3, 6), (10, -3, -3),
    ],
)  # fmt: skip
def test_values_at_and_between_the_rows(g, score, expected):
    assert at(g, score) == pytest.approx(expected)


def test_linear_in_ln_t_and_held_before_the_first_time():
    assert at(10, 2, t=10) == pytest.approx(6)
    assert at(10, 2, t=0.01) == pytest.approx(4)


def test_the_line_goes_on_beyond_the_last_time():
    assert at(10, 2, t=1e4) == pytest.approx(12)


def test_rows_that_cross_beyond_the_last_time_are_kept_in_order():
    closing = QuantileDrift(
        g_uS=(10.0,), times_s=(1.0, 100.0), change_uS=(((-4.0, 0.0, 4.0), (-1.0, 0.0, 1.0)),),
        score_max=2.0,
    )  # fmt: skip
    rows = closing.rows(1e6)
    assert (np.diff(rows, axis=1) >= 0).all()


def test_dtype_and_shape_are_those_of_g():
    g = np.full((3, 4), 12.0, dtype=np.float32)
    change = DRIFT.change(g, 5.0, np.zeros((3, 4), dtype=np.float32))
    assert change.dtype == np.float32
    assert change.shape == (3, 4)


def test_a_normal_table_has_normal_moments():
    scores = np.linspace(-4, 4, 33)
    table = QuantileDrift(
        g_uS=(10.0,), times_s=(1.0,), change_uS=((tuple(1 + 2 * scores),),), score_max=4.0
    )
    mean, sd = drift_moments(table, np.array([10.0]), 1.0)
    assert float(mean[0]) == pytest.approx(1, abs=1e-9)
    assert float(sd[0]) == pytest.approx(2, rel=1e-9)


def test_programming_adds_the_tabulated_error():
    law = QuantileSpread(g_uS=(10.0, 20.0), error_uS=ROWS, score_max=2.0)
    g = law.program(np.array([10.0, 15.0]), np.array([2.0, 0.0]), (0, 40))
    assert g.tolist() == pytest.approx([14, 15.5])


def test_look_up_broadcasts():
    out = look_up(np.array(ROWS), np.array([10.0, 20.0]), 2.0, np.zeros((2, 1)) + 10, np.zeros(3))
    assert out.shape == (2, 3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"g_uS": (20.0, 10.0)}, "ascend"),
        ({"times_s": (100.0, 1.0)}, "times_s must ascend"),
        ({"times_s": (1.0,)}, "one row for each"),
        ({"change_uS": ((ROWS[0], (4.0, 0.0, 8.0)), (ROWS[1], ROWS[1]))}, "never fall"),
        ({"change_uS": ((ROWS[0], (0.0, 8.0)), (ROWS[1], ROWS[1]))}, "same length"),
        ({"score_max": 0.0}, "score_max"),
        ({"times_s": (0.0, 1.0)}, "times_s"),
    ],
)
def test_tables_that_make_no_sense_are_refused(change, says):
    with pytest.raises(ConfigError, match=says):
        QuantileDrift(**{**DRIFT.model_dump(), **change})


def test_moments_follow_the_table_in_time():
    early = float(drift_moments(DRIFT, np.array([10.0]), 1.0)[1][0])
    late = float(drift_moments(DRIFT, np.array([10.0]), 100.0)[1][0])
    middle = float(drift_moments(DRIFT, np.array([10.0]), math.sqrt(100.0))[1][0])
    assert late == pytest.approx(2 * early)
    assert middle == pytest.approx(1.5 * early)
