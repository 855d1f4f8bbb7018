"""Which set is in force when."""

from __future__ import annotations

import math

import pytest

from mho.recover.veraplus.schedule import Schedule


def test_sets_before_the_first_start_and_after_the_last() -> None:
    schedule = Schedule((10.0, 1000.0))
    assert [schedule.set_at(t) for t in (0, 9.99, 10, 999.9, 1000, "1000 y")] == [0, 0, 0, 0, 1, 1]


def test_one_set_at_a_time_without_interpolation() -> None:
    assert Schedule((1.0, 100.0)).shares_at(50) == {0: 1.0}


def test_interpolation_is_linear_in_ln_t_and_constant_outside() -> None:
    schedule = Schedule((1.0, 100.0), interpolate=True)
    assert schedule.shares_at(10) == pytest.approx({0: 0.5, 1: 0.5})
    assert schedule.shares_at(100 ** (1 / 3)) == pytest.approx({0: 2 / 3, 1: 1 / 3})
    assert schedule.shares_at(0) == {0: 1.0}
    assert schedule.shares_at(1) == {0: 1.0}
    assert schedule.shares_at(1e9) == {1: 1.0}


@pytest.mark.parametrize("t_s", [0.0, 1.0, 3.3, 77.0, 1e4, 1e9])
def test_shares_add_up_to_one(t_s) -> None:
    shares = Schedule((1.0, 30.0, 1e4, 1e8), interpolate=True).shares_at(t_s)
    assert math.isclose(sum(shares.values()), 1)
    assert all(share >= 0 for share in shares.values())


def test_plain_data_round_trip() -> None:
    schedule = Schedule((1.0, 30.0), interpolate=True)
    assert Schedule.from_dict(schedule.to_dict()) == schedule
