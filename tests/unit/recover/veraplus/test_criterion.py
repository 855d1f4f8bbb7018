"""The bound over a life, and what is asked where it is out of reach."""

from __future__ import annotations

import pytest

from mho.recover.veraplus.criterion import Criterion
from mho.recover.veraplus.holding import Held


def _held(t_s: float, mean: float, half_range: float) -> Held:
    """Return two chips: their sd is ``half_range * √2``."""
    return Held(t_s, (mean - half_range, mean + half_range))


def test_mean_minus_three_sd_must_keep_the_share() -> None:
    criterion = Criterion(keep=0.9, drift_free=1.0)
    assert criterion.holds(_held(1, 0.95, 0.05 / 3 / 2**0.5 * 0.999))
    assert not criterion.holds(_held(1, 0.95, 0.05 / 3 / 2**0.5 * 1.001))


def test_out_of_reach_the_mean_alone_is_asked_for_from_there_on() -> None:
    criterion = Criterion(keep=0.9, drift_free=1.0)
    criterion.relax(_held(100, 0.95, 0.04))
    assert criterion.holds(_held(100, 0.91, 0.04))
    assert criterion.holds(_held(1e6, 0.91, 0.04))
    assert not criterion.holds(_held(99, 0.91, 0.04))
    assert not criterion.holds(_held(1e6, 0.89, 0.0))
    assert "1.67 min" in criterion.notes[0]


def test_where_not_even_the_mean_can_the_most_there_is_is_asked_for() -> None:
    criterion = Criterion(keep=0.9, drift_free=1.0)
    criterion.relax(_held(100, 0.5, 0.04))
    criterion.relax(_held(100, 0.5, 0.04))
    assert criterion.at(100).lowered
    assert criterion.at(100).bound == pytest.approx(0.45)
    assert criterion.holds(_held(1e3, 0.46, 0.1))
    assert not criterion.holds(_held(1e3, 0.44, 0.0))
    assert len(criterion.notes) == 2


def test_relaxing_early_after_late_leaves_the_late_demand() -> None:
    criterion = Criterion(keep=0.9, drift_free=1.0)
    for t_s, mean in ((1e6, 0.3), (100, 0.8)):
        criterion.relax(_held(t_s, mean, 0.1))
        criterion.relax(_held(t_s, mean, 0.1))
    assert criterion.at(1e6).bound == pytest.approx(0.27)
    assert criterion.at(1e3).bound == pytest.approx(0.72)
    assert criterion.at(1).bound == pytest.approx(0.9)
