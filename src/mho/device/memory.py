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
    at decades of time and predicted between them; two times inside one decade share a little less
    than the formula says, times in different decades follow it.

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
        decades, mixing, residual = self._mixing(times_s, spread, first_s)
        out = np.zeros((len(times_s), *shape), dtype=np.float32)
        for decade, column in zip(decades, mixing.T, strict=True):
            if column.any():
                score = streams.normal(shape, "decade", decade)
                for path, weight in zip(out, column, strict=True):
                    if weight:
                        path += np.float32(weight) * score
        for path, t, weight in zip(out, times_s, residual, strict=True):
            if weight:
                path += np.float32(weight) * streams.normal(shape, "between", float(t))
        return out

    def _mixing(
        self, times_s: Sequence[float], spread: Spread, first_s: float
    ) -> tuple[list[int], Array, Array]:
        """Return the decades drawn, how each time mixes them ``(times, decades)``, and the rest.

        The Cholesky factor is causal: what lies after a time never enters it, so a path asked up to
        an hour and one asked up to ten years agree on their first hour. A time between two decades
        is their best linear prediction plus what they leave open, drawn for that time alone.
        """
        first = math.floor(min(math.log10(t) for t in (first_s, *times_s)) + 1e-9)
        last = math.ceil(max(math.log10(t) for t in times_s) - 1e-9)
        decades = list(range(first, max(last, first) + 1))
        knots = [10.0**k for k in decades]
        factor = np.linalg.cholesky(self.correlation(knots, spread) + 1e-9 * np.eye(len(knots)))
        rows, residual = [], []
        for t in times_s:
            low = math.floor(math.log10(t) - first + 1e-9)
            if math.isclose(t, knots[low], rel_tol=1e-8):
                weights, explained, span = np.ones(1), 1.0, slice(low, low + 1)
            else:
                span = slice(low, low + 2)
                matrix = self.correlation([knots[low], t, knots[low + 1]], spread)
                weights = np.linalg.solve(matrix[::2, ::2] + 1e-9 * np.eye(2), matrix[1, ::2])
                explained = min(float(weights @ matrix[1, ::2]), 1.0)
            rows.append(weights @ factor[span])
            residual.append(math.sqrt(1 - explained))
        return decades, np.asarray(rows), np.asarray(residual)


Memory = Annotated[Frozen | RandomWalk | Redrawn, Field(discriminator="law")]
