"""What every schedule is built with: training a set, testing it, and the grid of a life."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.card_start import CardStart
from mho.recover.veraplus.criterion import Criterion
from mho.recover.veraplus.holding import Held, Tester
from mho.recover.veraplus.journal import Journal
from mho.recover.veraplus.level import Rounding, Trainer
from mho.recover.veraplus.schedule import Schedule
from mho.units import time_text

Share: TypeAlias = Callable[[float, str], None]
"""Called with the share of a life that is done and a word on what is going on."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Trained sets and when each is in force.

    Attributes:
        schedule: Which set is in force when.
        b: Shape ``(sets, sum of outputs)``.
        d: Shape ``(sets, layers * rank)``.
        levels_s: The time that each set was trained for: the middle of its span in ln t.
    """

    schedule: Schedule
    b: Tensor
    d: Tensor
    levels_s: tuple[float, ...]


def life_grid(first_s: float, last_s: float, per_decade: int) -> tuple[float, ...]:
    """Return times from first to last, both included, equally spaced in ln t.

    Args:
        first_s: Reference time in s, above 0.
        last_s: End of life in s.
        per_decade: Points a decade, at least.

    >>> [round(t, 1) for t in life_grid(1.0, 100.0, 1)]
    [1.0, 10.0, 100.0]
    """
    steps = max(math.ceil(math.log10(last_s / first_s) * per_decade - 1e-9), 1)
    inner = (first_s * (last_s / first_s) ** (k / steps) for k in range(1, steps))
    return (first_s, *inner, last_s)


@dataclass(frozen=True, eq=False)
class Workshop:
    """Trains sets and tests them, each piece once.

    Attributes:
        trainer: Trains vectors.
        tester: Tests them on chips of its own.
        selector: Tests them on training chips, to choose among candidates.
        start: Where vectors start.
        journal: Finished pieces.
        grid: Times of the life at which sets are tested.
        criterion: What a set must keep.
        max_sets: Most sets of a schedule.
        share: Told how far the work is.
    """

    trainer: Trainer
    tester: Tester
    selector: Tester
    start: CardStart
    journal: Journal
    grid: tuple[float, ...]
    criterion: Criterion
    max_sets: int
    share: Share

    @property
    def branches(self) -> Branches:
        """The branches."""
        return self.trainer.branches

    def single(self, span_s: tuple[float, float], neighbour: Plan | None = None) -> Plan:
        """Train one set over a span of time.

        Args:
            span_s: First and last time in s.
            neighbour: A plan whose last set it starts from, moved by what the card says.
        """
        middle = math.sqrt(span_s[0] * span_s[1])
        schedule = Schedule((span_s[0],))
        if neighbour is None:
            b, d = self.start.values(middle)
        else:
            b, d = self.start.move(neighbour.b[-1], neighbour.d[-1], neighbour.levels_s[-1], middle)
        plan = Plan(schedule, b[None], d[None], (middle,))
        return self._trained(plan, span_s, f"set {span_s}")

    def knots(self, count: int) -> Plan:
        """Train sets at equal distances of ln t together, mixed in between."""
        first, last = self.grid[0], self.grid[-1]
        starts = tuple(first * (last / first) ** (k / (count - 1)) for k in range(count))
        values = [self.start.values(t) for t in starts]
        plan = Plan(
            Schedule(starts, interpolate=True),
            torch.stack([b for b, _ in values]),
            torch.stack([d for _, d in values]),
            starts,
        )
        return self._trained(plan, (first, last), f"{count} knots")

    def rounded(self, plan: Plan, rounding: Rounding) -> Plan:
        """Train a whole plan on with its vectors rounded as they will be stored."""
        span = (self.grid[0], self.grid[-1])
        return self._trained(plan, span, f"{plan.schedule.sets} sets rounded", rounding)

    def _trained(
        self,
        plan: Plan,
        span_s: tuple[float, float],
        label: str,
        rounding: Rounding | None = None,
    ) -> Plan:
        def work(unfinished: Path | None) -> Mapping[str, Tensor]:
            b, d = self.trainer.train(
                plan.b,
                plan.d,
                plan.schedule,
                span_s,
                label=label,
                rounding=rounding,
                checkpoint=unfinished,
            )
            if rounding is not None or not self.trainer.steps:
                return {"b": b, "d": d}
            chosen = self._best_between(plan, replace(plan, b=b, d=d))
            return {"b": chosen.b, "d": chosen.d}

        self.share(self._position(span_s[0]), f"training for {_span_text(span_s)}")
        done = self.journal.tensors(label, work)
        return replace(plan, b=done["b"], d=done["d"])

    def _best_between(self, start: Plan, trained: Plan) -> Plan:
        """Return the best of where training started, where it ended, and half the way.

        A start from the card is nearly right where the mean shift is all there is; what a short
        training adds may be noise. Training chips judge, on data that nothing is trained on; where
        they see no difference the trained vectors are taken.
        """

        def between(share: float) -> Plan:
            """Return the plan at a share of the way, 0 to 1, from the start to the trained one."""
            b, d = torch.lerp(start.b, trained.b, share), torch.lerp(start.d, trained.d, share)
            return replace(start, b=b, d=d)

        def reached(plan: Plan) -> float:
            """Return the mean accuracy of the training chips over the plan's levels."""
            held = [self.selector.test(t, self.weights(plan, t)) for t in plan.levels_s]
            return statistics.fmean(h.mean for h in held)

        return max((between(share) for share in (1.0, 0.5, 0.0)), key=reached)

    def weights(self, plan: Plan, t_s: float) -> dict[str, Tensor]:
        """Return what the branches of a plan add to each layer's weight at a time."""
        shares = plan.schedule.shares_at(t_s)
        b = torch.stack([share * plan.b[k] for k, share in shares.items()]).sum(0)
        d = torch.stack([share * plan.d[k] for k, share in shares.items()]).sum(0)
        return self.branches.weights(b, d)

    def test(self, plan: Plan, t_s: float, label: str) -> Held:
        """Return the accuracies of the testing chips at a time under a plan.

        Args:
            plan: The sets.
            t_s: Time in s.
            label: Name of the plan, for the journal.
        """
        self.share(self._position(t_s), f"testing at {time_text(t_s)}")
        name = f"test {label} at {t_s}"
        return Held.from_list(
            self.journal.plain(
                name, lambda: self.tester.test(t_s, self.weights(plan, t_s)).to_list()
            )
        )

    def first_failure(self, plan: Plan, times_s: Iterable[float], label: str) -> Held | None:
        """Return what the chips reach at the first of these times at which they fail, if any."""
        for t_s in times_s:
            held = self.test(plan, t_s, label)
            if not self.criterion.holds(held):
                return held
        return None

    def _position(self, t_s: float) -> float:
        first, last = self.grid[0], self.grid[-1]
        return math.log(t_s / first) / math.log(last / first)


def joined(plans: list[Plan], starts_s: list[float]) -> Plan:
    """Return one plan of the sets of several, each in force from its own start."""
    b, d = torch.cat([p.b for p in plans]), torch.cat([p.d for p in plans])
    levels = tuple(t for p in plans for t in p.levels_s)
    return Plan(Schedule(tuple(starts_s)), b, d, levels)


def _span_text(span_s: tuple[float, float]) -> str:
    first, last = (time_text(t) for t in span_s)
    return first if first == last else f"{first} to {last}"
