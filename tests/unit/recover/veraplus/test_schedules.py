"""Walk, search and interpolation, on chips whose accuracy is a known function of the mismatch.

In these tests a set is one number, the ln t that it compensates, and accuracy falls with the
distance between it and the present: ``1 - slope * |ln t - set| - floor(ln t)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch

from mho.recover.veraplus.criterion import Criterion
from mho.recover.veraplus.fewest import fewest, interpolated
from mho.recover.veraplus.holding import Held
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.walk import walk
from mho.recover.veraplus.workshop import Plan, life_grid


@dataclass
class FakeWorkshop:
    """Trains perfectly: a set is the middle of its span in ln t."""

    slope: float
    grid: tuple[float, ...]
    max_sets: int = 8
    worst: float = 0.0
    noise: float = 0.0
    trainings: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.criterion = Criterion(keep=0.99, drift_free=1.0)

    def single(self, span_s, neighbour=None) -> Plan:
        self.trainings.append(span_s)
        middle = math.sqrt(span_s[0] * span_s[1])
        value = torch.tensor([[math.log(middle)]])
        return Plan(Schedule((span_s[0],)), value, value, (middle,))

    def knots(self, count) -> Plan:
        first, last = self.grid[0], self.grid[-1]
        starts = tuple(first * (last / first) ** (k / (count - 1)) for k in range(count))
        value = torch.tensor([[math.log(t)] for t in starts])
        return Plan(Schedule(starts, interpolate=True), value, value, starts)

    def test(self, plan, t_s, label) -> Held:
        shares = plan.schedule.shares_at(t_s)
        value = sum(share * float(plan.b[k, 0]) for k, share in shares.items())
        share_of_life = math.log(t_s / self.grid[0]) / math.log(self.grid[-1] / self.grid[0])
        loss = self.slope * abs(math.log(t_s) - value) + self.worst * share_of_life
        return Held(t_s, (1 - loss - self.noise, 1 - loss + self.noise))

    def first_failure(self, plan, times_s, label) -> Held | None:
        for t_s in times_s:
            held = self.test(plan, t_s, label)
            if not self.criterion.holds(held):
                return held
        return None


GRID = life_grid(1.0, 1e8, 4)


def _holds_everywhere(workshop: FakeWorkshop, plan: Plan) -> bool:
    return workshop.first_failure(plan, workshop.grid, "all") is None


def test_grid_is_even_in_ln_t_and_ends_at_both_ends() -> None:
    steps = [math.log(b / a) for a, b in pairwise(GRID)]
    assert GRID[0] == 1.0
    assert GRID[-1] == 1e8
    assert steps == pytest.approx([math.log(10) / 4] * 32)


def test_walk_starts_a_set_at_each_first_failure() -> None:
    """A set made for its start holds for 0.01 / slope in ln t: here 2 decades, 8 grid steps."""
    workshop = FakeWorkshop(slope=0.01 / (math.log(10) * 2.01), grid=GRID)
    plan = walk(workshop)
    assert [round(math.log10(t), 6) for t in plan.schedule.starts_s] == [0, 2.25, 4.5, 6.75]
    assert _holds_everywhere(workshop, plan)
    assert workshop.trainings == [(t, t) for t in plan.schedule.starts_s]


def test_fewest_trains_over_spans_and_needs_half_as_many() -> None:
    """Made for its middle, a set holds twice as long: 4 decades, so 2 sets cover 8 decades."""
    workshop = FakeWorkshop(slope=0.01 / (math.log(10) * 2.01), grid=GRID)
    plan = fewest(workshop)
    assert [round(math.log10(t), 6) for t in plan.schedule.starts_s] == [0, 4.25]
    assert _holds_everywhere(workshop, plan)


def test_fewest_is_one_set_where_one_holds() -> None:
    workshop = FakeWorkshop(slope=0.01 / (math.log(10) * 4.1), grid=GRID)
    assert fewest(workshop).schedule.starts_s == (1.0,)
    assert len(workshop.trainings) == 1


def test_interpolation_needs_two_sets_where_the_error_is_linear_in_ln_t() -> None:
    workshop = FakeWorkshop(slope=0.1, grid=GRID)
    plan = interpolated(workshop)
    assert plan.schedule == Schedule((1.0, 1e8), interpolate=True)
    assert _holds_everywhere(workshop, plan)


@pytest.mark.parametrize("method", [fewest, interpolated])
def test_how_sure_it_is_that_one_set_is_too_few(method) -> None:
    failing = FakeWorkshop(slope=0.002, grid=life_grid(1.0, 3e8, 2), noise=1e-4)
    plan = method(failing)
    assert plan.schedule.sets > 1
    assert failing.criterion.one_is_too_few > 0.9
    holding = FakeWorkshop(slope=0.0005, grid=life_grid(1.0, 3e8, 2), noise=1e-4)
    assert method(holding).schedule.sets == 1
    assert holding.criterion.one_is_too_few == 0


@pytest.mark.parametrize("method", [walk, fewest, interpolated])
def test_never_more_than_the_most_sets_allowed(method) -> None:
    workshop = FakeWorkshop(slope=0.1, grid=GRID, max_sets=3)
    assert method(workshop).schedule.sets <= 3


@pytest.mark.parametrize("method", [walk, fewest, interpolated])
def test_where_no_set_can_hold_the_mean_the_notes_say_so_and_sets_last_the_life(method) -> None:
    workshop = FakeWorkshop(slope=0.02, grid=GRID, worst=0.5, max_sets=4)
    plan = method(workshop)
    assert any("no set keeps the mean" in note for note in workshop.criterion.notes)
    assert 2 <= plan.schedule.sets <= 4
    widest = max(
        math.log10(b / a)
        for a, b in zip(plan.schedule.starts_s, [*plan.schedule.starts_s[1:], 1e8], strict=True)
    )
    assert widest <= 8  # never one set for all: the last one starts before the end of life


def test_wide_chips_are_noted_and_held_to_their_mean() -> None:
    """Two chips 0.004 from their mean: sd 0.0057, so mean - 3 sd is out of reach from the start."""
    workshop = FakeWorkshop(slope=0.01 / (math.log(10) * 2.01), grid=GRID, noise=0.004)
    plan = walk(workshop)
    assert "mean - 3 sd" in workshop.criterion.notes[0]
    assert plan.schedule.sets == 4


def test_walk_spreads_sets_once_the_bound_was_lowered() -> None:
    """A collapse at once (slope 0.5 an e-fold) must not use all sets up in the first decade."""
    workshop = FakeWorkshop(slope=0.005, grid=GRID, worst=0.9, max_sets=4)
    starts = walk(workshop).schedule.starts_s
    assert len(starts) == 4
    assert starts[-1] > 1e5
