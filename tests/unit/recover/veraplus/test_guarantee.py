"""What may be claimed of all chips from some."""

from __future__ import annotations

import numpy as np
import pytest

from mho.recover.veraplus.guarantee import for_all, lower_limit, sure_it_fails
from mho.recover.veraplus.holding import Held
from mho.recover.veraplus.report import grid_rows, missed, schedule_rows
from mho.recover.veraplus.schedule import Schedule


def test_tolerance_factor_of_the_tables() -> None:
    """n = 10, 95 % confidence, 90 % of the population (1.2816 sd): k = 2.355 (Hahn and Meeker)."""
    values = list(range(10))
    k = (np.mean(values) - lower_limit(values, 1.2815516, 0.95)) / np.std(values, ddof=1)
    assert k == pytest.approx(2.355, abs=5e-4)


def test_limit_of_the_mean_is_student_s() -> None:
    """n = 5, one-sided 95 %: t = 2.1318."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    expected = 3 - 2.13185 * np.std(values, ddof=1) / np.sqrt(5)
    assert lower_limit(values, 0, 0.95) == pytest.approx(expected, abs=1e-4)


def test_the_claim_fails_as_often_as_it_says() -> None:
    """Of 2,000 samples of 8, the 90 % limit exceeds mean - 3 sd in 200 ± 4 * 13.4 cases."""
    samples = np.random.default_rng(0).normal(size=(2000, 8))
    wrong = sum(lower_limit(list(s), 3, 0.9) > -3 for s in samples)
    assert abs(wrong - 200) < 4 * 13.4


def test_chips_that_agree_leave_no_doubt() -> None:
    assert lower_limit([0.99, 0.99], 3, 0.999) == 0.99


@pytest.mark.parametrize("deviations", [0, 3])
def test_a_failure_is_as_sure_as_the_limit_on_the_other_side(deviations) -> None:
    """Where the upper limit of mean - k sd at a confidence is the bound, that is the confidence."""
    values = [0.90, 0.93, 0.95, 0.91, 0.94]
    for confidence in (0.6, 0.9, 0.99):
        # Upper limit at a confidence = lower limit at its complement.
        bound = lower_limit(values, deviations, 1 - confidence)
        assert sure_it_fails(values, deviations, bound) == pytest.approx(confidence, abs=1e-6)


def test_chips_that_agree_fail_for_sure_or_not_at_all() -> None:
    assert sure_it_fails([0.9, 0.9], 3, 0.91) == 1.0
    assert sure_it_fails([0.9, 0.9], 3, 0.9) == 0.0


def test_bonferroni() -> None:
    assert for_all(0.95, 10) == pytest.approx(0.995)


def _rows(spread: float, chips: int = 10):
    z = np.linspace(-1, 1, chips)
    before = Held(1.0, tuple(0.99 + 0.001 * z))
    later = [Held(t, tuple(0.988 + spread * z)) for t in (1.0, 10.0, 100.0)]
    return grid_rows(Schedule((1.0, 50.0)), later, before, keep=0.99, confidence=0.95)


def test_margins_are_those_of_each_chip_against_itself() -> None:
    """A chip that is a little worse throughout keeps its own share: no spread in the margin."""
    rows = _rows(spread=0.001)
    assert all(row["kept_for_sure"] and row["mean_kept_for_sure"] for row in rows)


def test_a_wide_spread_leaves_only_the_mean_for_sure() -> None:
    rows = _rows(spread=0.0035)
    assert all(row["mean_kept_for_sure"] for row in rows)
    assert not any(row["kept_for_sure"] for row in rows)


def test_rows_of_sets_name_their_worst_time() -> None:
    schedule = Schedule((1.0, 50.0))
    before = Held(1.0, (0.99, 0.98))
    held = [Held(1.0, (0.99, 0.98)), Held(10.0, (0.97, 0.96)), Held(100.0, (0.98, 0.98))]
    rows = schedule_rows(schedule, grid_rows(schedule, held, before, 0.99, 0.95))
    assert [(row["from_s"], row["to_s"], row["set"]) for row in rows] == [
        (1.0, 50.0, 0), (50.0, 100.0, 1),
    ]  # fmt: skip
    assert rows[0]["mean"] == pytest.approx(0.965)
    assert rows[1]["mean"] == pytest.approx(0.98)
    assert rows[0]["bound"] == pytest.approx(0.99 * 0.985)


def test_a_missed_bound_is_said_with_its_worst_time() -> None:
    assert missed(_rows(spread=0.0)) == []
    assert "3 of 3 times" in missed(_rows(spread=0.01))[0]
