"""One random path that can be asked at any time, in any order, and always answers alike.

A path is normal with a given correlation between times. It is built from independent numbers, each
with a name of its own: one a decade of time, from the first decade onwards, then halves, quarters
and eighths of the decade that holds the asked time, then the time itself. What lies after a time
never enters the numbers before it, so asking for more times, or later ones, changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from mho.device.law import Array

Correlation: TypeAlias = Callable[[float, float], float]
"""Correlation of a path at two times in s."""
_HALVINGS = 3
_TINY = 1e-9
_NEGLIGIBLE = 5e-3  # a number that weighs less is not worth drawing


class Plan(NamedTuple):
    """How to make a path: ``path = weights @ numbers``.

    ``names`` holds log10 of the time of each number, ``weights`` has shape
    ``(times, numbers)`` and unit rows: the path is standard normal at every time.
    """

    names: tuple[float, ...]
    weights: Array


def plan(times_s: Sequence[float], first_s: float, correlation: Correlation) -> Plan:
    """Plan a path with the given correlation at the given times.

    Every number after the first is the best linear prediction from numbers before it plus what that
    leaves open. At decades the correlation is exact; between them it is within a few hundredths,
    also for two times in the same decade. Before the first decade the path stays where it started.

    Args:
        times_s: Times in s, above 0, in any order.
        first_s: When the device's law begins; it fixes the first decade, not the question.
        correlation: Correlation of the path at two times.

    >>> walk = plan([1.0, 100.0], 1.0, lambda a, b: min(a, b) / max(a, b))
    >>> (walk.weights @ walk.weights.T).round(3).tolist()
    [[1.0, 0.01], [0.01, 1.0]]
    """
    first = math.floor(math.log10(first_s) + _TINY)
    places = [max(math.log10(t) - first, 0.0) for t in times_s]
    decades = _Path(correlation, [], [])
    for k in range(math.ceil(max(places) - _TINY) + 1):
        decades.add(float(first + k))
    rows = [_row(decades, first, place) for place in places]
    names = tuple(sorted({name for row in rows for name in row}))
    weights = [[row.get(name, 0.0) for name in names] for row in rows]
    return Plan(names, np.array(weights))


def _row(decades: _Path, first: int, place: float) -> dict[float, float]:
    """Return the weight of each number at one time, ``place`` decades after the first.

    It is computed from what that time needs and nothing else, so that it is the same number to the
    last bit whatever else is asked.
    """
    low = math.floor(place + _TINY)
    on_decade = abs(place - low) < _TINY
    path = decades.start(low + 1 if on_decade else low + 2)
    if not on_decade:
        below, above = float(low), float(low + 1)
        for _ in range(_HALVINGS):
            middle = (below + above) / 2
            path.add(first + middle)
            if abs(place - middle) < _TINY:
                break
            below, above = (below, middle) if place < middle else (middle, above)
        else:
            path.add(first + place)
    row = path.rows[-1]
    kept = np.where(np.abs(row) > _NEGLIGIBLE, row, 0.0)
    kept /= np.linalg.norm(kept)
    return {name: float(w) for name, w in zip(path.names, kept, strict=True) if w}


class _Path(NamedTuple):
    """Times planned one after the other, and how each mixes the independent numbers."""

    correlation: Correlation
    names: list[float]
    rows: list[Array]

    def start(self, count: int) -> _Path:
        """Return a path of its own with the first ``count`` times of this one."""
        return _Path(self.correlation, self.names[:count], self.rows[:count])

    def add(self, name: float) -> None:
        """Plan the time ``10**name``, predicted from all those before it."""
        known = len(self.names)
        mixed = np.zeros((known, known + 1))
        for line, row in zip(mixed, self.rows, strict=True):
            line[: row.size] = row
        shared = np.array([self.correlation(10**other, 10**name) for other in self.names])
        weights = np.linalg.solve(mixed @ mixed.T + _TINY * np.eye(known), shared)
        row = weights @ mixed
        row[-1] = math.sqrt(max(1 - float(row @ row), 0.0))
        self.names.append(name)
        self.rows.append(row)
