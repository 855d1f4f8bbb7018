"""Schedules with the fewest sets: boundaries by search, or sets mixed between few knots."""

from __future__ import annotations

from collections.abc import Sequence

from mho.recover.veraplus.holding import Held
from mho.recover.veraplus.workshop import Plan, Workshop, joined


def fewest(workshop: Workshop) -> Plan:
    """Give each set the longest span that it can hold, from the reference time to the end of life.

    A set is trained over its whole span, not at its start. If every part of a span that a set can
    hold can be held too, taking the longest span each time gives the fewest sets there are.

    Args:
        workshop: Trains and tests.
    """
    grid = workshop.grid
    plans: list[Plan] = []
    starts: list[float] = []
    first = 0
    while first < len(grid):
        stop, plan = _longest(workshop, first, plans)
        plans.append(plan)
        starts.append(grid[first])
        first = stop + 1
    return joined(plans, starts)


def _longest(workshop: Workshop, first: int, plans: Sequence[Plan]) -> tuple[int, Plan]:
    """Return the last grid point that one set from ``first`` can hold, and that set."""
    last = len(workshop.grid) - 1
    good, bad, stop = _shortest(workshop, first, plans) - 1, last + 1, last
    found: Plan | None = None
    while bad - good > 1:
        plan = _over(workshop, first, stop, plans)
        failure = _failure(workshop, plan, first, stop)
        if failure is not None and (first, stop) == (0, last) and last:
            workshop.criterion.refuses_one_set(failure)
        if failure is not None and stop == first:
            workshop.criterion.relax(failure)
            good, bad, stop = _shortest(workshop, first, plans) - 1, last + 1, last
            continue
        if failure is None or stop == _shortest(workshop, first, plans):
            good, found = stop, plan
        else:
            bad = stop
        stop = (good + bad) // 2
    assert found is not None
    return good, found


def _shortest(workshop: Workshop, first: int, plans: Sequence[Plan]) -> int:
    """Return the last grid point of the shortest span that is allowed.

    Once the bound had to be lowered, and for the last set there may be, it is an even share of what
    remains of the life.
    """
    left = workshop.max_sets - len(plans)
    if left > 1 and not workshop.criterion.at(workshop.grid[first]).lowered:
        return first
    remaining = len(workshop.grid) - first
    return first + -(-remaining // left) - 1


def _over(workshop: Workshop, first: int, stop: int, plans: Sequence[Plan]) -> Plan:
    span = (workshop.grid[first], workshop.grid[stop])
    return workshop.single(span, plans[-1] if plans else None)


def _failure(workshop: Workshop, plan: Plan, first: int, stop: int) -> Held | None:
    """Test a span at its ends first: that is where sets fail."""
    inner = range(stop - 1, first, -1)
    order = [stop, *([first] if stop > first else []), *inner]
    label = f"{workshop.grid[first]}-{workshop.grid[stop]}"
    return workshop.first_failure(plan, [workshop.grid[i] for i in order], label)


def interpolated(workshop: Workshop) -> Plan:
    """Mix the vectors of neighbouring sets linearly in ln t, with as few sets as hold the bound.

    One set is tried alone, then two at the ends of the life, then more at equal distances of ln t;
    all are trained together over the whole life.

    Args:
        workshop: Trains and tests.
    """
    grid, criterion = workshop.grid, workshop.criterion
    for count in range(1, workshop.max_sets + 1):
        plan = workshop.single((grid[0], grid[-1])) if count == 1 else workshop.knots(count)
        order = (grid[-1], *grid[:-1])
        while failure := workshop.first_failure(plan, order, f"{count} mixed"):
            alone = workshop.single((failure.t_s, failure.t_s))
            best = workshop.test(alone, failure.t_s, f"alone {failure.t_s}")
            if criterion.holds(best):
                if count == 1:
                    criterion.refuses_one_set(failure)
                break
            criterion.relax(best)
        if failure is None:
            break
    return plan
