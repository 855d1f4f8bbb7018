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
_NEGLIGIBLE = 1e-3  # a number that weighs less is not worth drawing


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
    path = _Path(correlation)
    decades: list[int] = []
    for k in range(math.ceil(max(places) - _TINY) + 1):
        decades.append(path.add(float(first + k), decades))
    asked = []
    for place in places:
        low = math.floor(place + _TINY)
        if abs(place - low) < _TINY:
            asked.append(decades[low])
            continue
        known, below, above = decades[: low + 2], float(low), float(low + 1)
        for _ in range(_HALVINGS):
            middle = (below + above) / 2
            known = [*known, path.add(first + middle, known)]
            below, above = (below, middle) if place < middle else (middle, above)
        asked.append(path.add(first + place, known))
    weights = np.zeros((len(asked), len(path.names)))
    for row, index in zip(weights, asked, strict=True):
        kept = np.where(np.abs(path.rows[index]) > _NEGLIGIBLE, path.rows[index], 0.0)
        row[: kept.size] = kept / np.linalg.norm(kept)
    return Plan(tuple(path.names), weights)


class _Path:
    """Times planned so far, and how each mixes the independent numbers."""

    def __init__(self, correlation: Correlation) -> None:
        self.correlation = correlation
        self.names: list[float] = []
        self.rows: list[Array] = []

    def add(self, name: float, known: Sequence[int]) -> int:
        """Plan the time ``10**name`` from the known ones; return its index."""
        if name in self.names:
            return self.names.index(name)
        row = np.zeros(len(self.names) + 1)
        row[-1] = 1.0
        if known:
            mixed = np.zeros((len(known), row.size))
            for line, index in zip(mixed, known, strict=True):
                line[: self.rows[index].size] = self.rows[index]
            shared = [self.correlation(10 ** self.names[i], 10**name) for i in known]
            weights = np.linalg.solve(mixed @ mixed.T + _TINY * np.eye(len(known)), shared)
            row = weights @ mixed
            row[-1] = math.sqrt(max(1 - float(row @ row), 0.0))
        self.names.append(name)
        self.rows.append(row)
        return len(self.names) - 1
