"""How many forward passes a study took, and how many a naive run would have needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from mho.evaluation import Evaluation

_MOST = 100.0
"""Differences that are all but constant over chips would ask for any number; then it is at least so
many times as many."""


def passes_of(
    found: Mapping[str, Evaluation], compared: Iterable[tuple[str, str]]
) -> dict[str, int]:
    """Return the passes of one example that were spent, and those of a naive run.

    The naive run evaluates every step on chips of its own. For paired differences as sure as ours
    it needs ``(sd_a² + sd_b²) / sd_difference²`` times as many chips of both; for each step and
    time the most demanding comparison counts, and never fewer chips than were run. A factor above
    100 counts as 100, so the number is what is needed at least.

    Args:
        found: The evaluation of each step, by name.
        compared: Which steps are compared with which.

    Returns:
        ``spent`` and ``naive``.
    """
    factors = {name: np.ones(len(e.times_s)) for name, e in found.items()}
    for one, other in compared:
        a, b = found[one], found[other]
        chips = [chip for chip in a.chips if chip in b.chips]
        times = [t for t in a.times_s if t in b.times_s]
        if len(chips) < 2:
            continue
        a_here, b_here = a.only(chips), b.only(chips)
        for t_s in times:
            columns = a.times_s.index(t_s), b.times_s.index(t_s)
            factor = _factor(
                a_here.accuracies[:, columns[0]].tolist(),
                b_here.accuracies[:, columns[1]].tolist(),
            )
            for name, column in zip((one, other), columns, strict=True):
                factors[name][column] = max(factors[name][column], factor)
    naive = sum(
        e.images * math.ceil(len(e.chips) * factor)
        for name, e in found.items()
        for factor in factors[name]
    )
    return {"spent": sum(e.passes for e in found.values()), "naive": naive}


def _factor(a: list[float], b: list[float]) -> float:
    """Return how many times as many chips independent samples need."""
    alone, together = np.var(a) + np.var(b), np.var(np.subtract(a, b))
    return min(float(alone / together), _MOST) if together > 0 else 1.0
