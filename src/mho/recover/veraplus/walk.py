"""The paper's schedule: walk through the life and start a set where the one in force fails."""

from __future__ import annotations

from mho.recover.veraplus.workshop import Plan, Workshop, joined


def walk(workshop: Workshop) -> Plan:
    """Train a set at the reference time, keep it while it holds, train the next where it fails.

    A set is trained for the time at which it starts. Where a set that was trained for that very
    time fails too, the criterion is relaxed (and says so); once not even the mean can be held, sets
    start no closer in ln t than what lasts them to the end of life.

    Args:
        workshop: Trains and tests.

    Source:
        B. Dong et al., VeRA+, arXiv 2603.26016, drift-aware scheduling.
    """
    grid, criterion = workshop.grid, workshop.criterion
    plans: list[Plan] = []
    starts: list[float] = []
    for t_s in grid:
        if plans:
            held = workshop.test(plans[-1], t_s, f"from {starts[-1]}")
            if not _new_set_wanted(workshop, starts, t_s, failed=not criterion.holds(held)):
                continue
        plans.append(workshop.single((t_s, t_s), plans[-1] if plans else None))
        starts.append(t_s)
        held = workshop.test(plans[-1], t_s, f"from {t_s}")
        while not criterion.holds(held):
            criterion.relax(held)
    return joined(plans, starts)


def _new_set_wanted(workshop: Workshop, starts: list[float], t_s: float, *, failed: bool) -> bool:
    left = workshop.max_sets - len(starts)
    if not left:
        return False
    if not failed or not workshop.criterion.at(t_s).lowered:
        return failed
    even: float = starts[-1] * (workshop.grid[-1] / starts[-1]) ** (1 / (left + 1))
    return t_s >= even * (1 - 1e-9)
