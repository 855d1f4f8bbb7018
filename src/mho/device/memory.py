"""Memory: how one cell's path hangs together over time.

A drift law says how cells spread at each time; the memory law says whether the cell that is far
out after an hour is still far out after a year. It gives each cell a *score* per time, standard
normal at every time, with a correlation between times. A score depends on nothing but the cell and
the time: asking for more times, or in another order, changes no number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from mho.device.law import Array, Law
from mho.rng import Streams

Spread = Callable[[float], float]
"""The drift's sd in µS at mid-window as a function of the time in s."""


class Frozen(Law):
    """A cell keeps its score for ever: correlation 1 between any two times."""

    law: Literal["frozen"] = "frozen"

    def scores(
        self, streams: Streams, shape: tuple[int, ...], times_s: Sequence[float],
        *, spread: Spread, first_s: float,
    ) -> Array:  # fmt: skip
        """Return scores of shape ``(len(times_s), *shape)``."""
        score = streams.normal(shape, "frozen")
        return np.broadcast_to(score, (len(times_s), *shape))


class Redrawn(Law):
    """A cell takes a new score at each time: correlation 0 (as today's simulators assume)."""

    law: Literal["redrawn"] = "redrawn"

    def scores(
        self, streams: Streams, shape: tuple[int, ...], times_s: Sequence[float],
        *, spread: Spread, first_s: float,
    ) -> Array:  # fmt: skip
        """Return scores of shape ``(len(times_s), *shape)``."""
        return np.stack([streams.normal(shape, "redrawn", float(t)) for t in times_s])


class RandomWalk(Law):
    """A random walk in log time with read-out noise on top.

    For ``t1 <= t2`` the correlation of a cell's scores is
    ``(1 - readout) * sd(t1) / sd(t2) + readout * exp(-ln(t2 / t1) / readout_lifetime)``:
    a Brownian walk whose clock is the drift's own variance (it gives the ratio of spreads), and a
    fluctuation that forgets itself within ``readout_lifetime`` e-folds of time. The path is drawn
    at decades of time and interpolated between them, with unit variance at each time.

    Args:
        readout: Share of the variance that is read-out noise, 0 to 1.
        readout_lifetime: Its lifetime in units of ln t; 0 redraws it at each decade.
    """

    law: Literal["random-walk"] = "random-walk"
    readout: Annotated[float, Field(ge=0, le=1)] = 0.0
    readout_lifetime: Annotated[float, Field(ge=0)] = 0.0

    def correlation(self, times_s: Sequence[float], spread: Spread) -> Array:
        """Return the correlation matrix of the scores at these times, shape ``(n, n)``."""
        ln_t = np.log(np.asarray(times_s, dtype=np.float64))
        clock = np.maximum.accumulate([spread(t) ** 2 for t in times_s])
        clock = np.maximum(clock, 1e-12 * max(clock[-1], 1e-30))
        walk = np.sqrt(np.minimum.outer(clock, clock) / np.maximum.outer(clock, clock))
        gap = np.abs(np.subtract.outer(ln_t, ln_t))
        lifetime = max(self.readout_lifetime, 1e-9)
        return (1 - self.readout) * walk + self.readout * np.exp(-gap / lifetime)

    def scores(
        self, streams: Streams, shape: tuple[int, ...], times_s: Sequence[float],
        *, spread: Spread, first_s: float,
    ) -> Array:  # fmt: skip
        """Return scores of shape ``(len(times_s), *shape)``."""
        decades, mixing = self._mixing(times_s, spread, first_s)
        out = np.zeros((len(times_s), *shape), dtype=np.float32)
        for decade, column in zip(decades, mixing.T, strict=True):
            if column.any():
                score = streams.normal(shape, "decade", decade)
                for path, weight in zip(out, column, strict=True):
                    if weight:
                        path += np.float32(weight) * score
        return out

    def _mixing(
        self, times_s: Sequence[float], spread: Spread, first_s: float
    ) -> tuple[list[int], Array]:
        """Return the decades drawn and how each time mixes them, shape ``(times, decades)``.

        The Cholesky factor is causal: what lies after a time never enters it, so a path asked up to
        an hour and one asked up to ten years agree on their first hour.
        """
        first = math.floor(min(math.log10(t) for t in (first_s, *times_s)) + 1e-9)
        last = math.ceil(max(math.log10(t) for t in times_s) - 1e-9)
        decades = list(range(first, max(last, first) + 1))
        matrix = self.correlation([10.0**k for k in decades], spread)
        factor = np.linalg.cholesky(matrix + 1e-9 * np.eye(len(decades)))
        rows = []
        for t in times_s:
            position = math.log10(t) - first
            low = min(math.floor(position + 1e-9), len(decades) - 1)
            share = max(position - low, 0.0) if low + 1 < len(decades) else 0.0
            row = (1 - share) * factor[low]
            if share > 1e-9:
                row = row + share * factor[low + 1]
            rows.append(row / np.linalg.norm(row))
        return decades, np.asarray(rows)


Memory = Annotated[Frozen | RandomWalk | Redrawn, Field(discriminator="law")]
