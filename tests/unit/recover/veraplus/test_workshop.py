"""Training and testing sets: what is taken, what is kept, and how plans are joined."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.criterion import Criterion
from mho.recover.veraplus.geometry import Geometry
from mho.recover.veraplus.holding import Held
from mho.recover.veraplus.journal import Journal
from mho.recover.veraplus.projections import draw_projections
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.workshop import Plan, Workshop, joined

LAYER = Geometry("full", 2, 1)
GRID = (1.0, 10.0, 100.0)


@dataclass
class FakeTrainer:
    """Ends wherever it is told to."""

    end: float
    steps: int = 10
    branches: Branches = field(
        default_factory=lambda: Branches(
            (LAYER,), draw_projections((LAYER,), 1, projection="physical", seed=0)
        )
    )
    trainings: int = 0

    def train(self, b, d, schedule, span_s, **kwargs: Any):
        self.trainings += 1
        return torch.full_like(b, self.end), d


class FakeTester:
    """Accuracy falls with the distance of the branch's weight from what is wanted."""

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted

    def test(self, t_s, branches) -> Held:
        error = abs(float(branches["full"][0, 0]) - self.wanted)
        return Held(t_s, (1 - error, 1 - error))


class FakeStart:
    def values(self, t_s):
        return torch.zeros(1), torch.ones(1)

    def move(self, b, d, from_s, to_s):
        return b + 1, d


def _workshop(end: float, wanted: float, **trainer: Any) -> Workshop:
    tester: Any = FakeTester(wanted)
    return Workshop(
        trainer=FakeTrainer(end, **trainer),  # type: ignore[arg-type]
        tester=tester,
        selector=tester,
        start=FakeStart(),  # type: ignore[arg-type]
        journal=Journal(None, "test"),
        grid=GRID,
        criterion=Criterion(0.9, 1.0),
        max_sets=3,
        share=lambda share, text: None,
    )


@pytest.mark.parametrize(
    ("wanted", "taken"), [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0), (-3.0, 0.0), (9.0, 1.0)]
)
def test_the_best_of_start_end_and_half_the_way_is_taken(wanted, taken) -> None:
    """The branch's weight is b itself here: fan-in 2 gives the window row a unit of 1."""
    plan = _workshop(end=1.0, wanted=wanted).single((1.0, 1.0))
    assert float(plan.b) == taken


def test_without_steps_the_start_is_taken_and_nothing_is_tested() -> None:
    plan = _workshop(end=0.0, wanted=5.0, steps=0).single((1.0, 1.0))
    assert float(plan.b) == 0.0


def test_the_same_span_is_trained_once() -> None:
    workshop = _workshop(end=1.0, wanted=1.0)
    for _ in range(2):
        workshop.single((1.0, 10.0))
    assert workshop.trainer.trainings == 1


def test_a_set_starts_from_its_neighbour_moved_by_the_card() -> None:
    workshop = _workshop(end=7.0, wanted=2.0)
    first = Plan(Schedule((1.0,)), torch.tensor([[1.0]]), torch.ones(1, 1), (1.0,))
    assert float(workshop.single((10.0, 10.0), first).b) == 2.0


def test_first_failure_tests_no_further() -> None:
    workshop = _workshop(end=0.0, wanted=0.5)
    plan = workshop.single((1.0, 1.0))
    failure = workshop.first_failure(plan, GRID, "x")
    assert failure is not None
    assert failure.t_s == 1.0
    workshop = _workshop(end=0.5, wanted=0.5)
    assert workshop.first_failure(workshop.single((1.0, 1.0)), GRID, "x") is None


def test_knots_lie_at_equal_distances_of_ln_t() -> None:
    plan = _workshop(end=1.0, wanted=1.0).knots(3)
    assert plan.schedule.interpolate
    assert plan.schedule.starts_s == pytest.approx(GRID)


def test_joined_sets_keep_their_order_and_levels() -> None:
    plans = [Plan(Schedule((t,)), torch.full((1, 1), t), torch.ones(1, 1), (2 * t,)) for t in GRID]
    plan = joined(plans, list(GRID))
    assert plan.schedule == Schedule(GRID)
    assert plan.b.flatten().tolist() == list(GRID)
    assert plan.levels_s == (2.0, 20.0, 200.0)
