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

from mho.device.correlation_table import CorrelationTable
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
        """Return the correlation matrix of the scores at these (ascending) times, ``(n, n)``."""
        return self._matrix(np.log(times_s), _clock(times_s, spread))

    def _matrix(self, ln_t: Array, clock: Array) -> Array:
        walk = np.sqrt(np.minimum.outer(clock, clock) / np.maximum.outer(clock, clock))
        gap = np.abs(np.subtract.outer(ln_t, ln_t))
        forget = np.exp(-gap / max(self.readout_lifetime, 1e-9))
        return np.asarray((1 - self.readout) * walk + self.readout * forget)

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
        is their best linear prediction plus what they leave open, drawn for that time alone. The
        first decade is the device's, not the question's: before it a cell keeps its first score.
        """
        first = math.floor(math.log10(first_s) + 1e-9)
        position = [max(math.log10(t) - first, 0.0) for t in times_s]
        decades = list(range(first, first + math.ceil(max(position) - 1e-9) + 1))
        knots = 10.0 ** np.asarray(decades, dtype=np.float64)
        ln_knots, clock = np.log(knots), _clock(knots.tolist(), spread)
        jitter = 1e-9 * np.eye(len(knots))
        factor = np.linalg.cholesky(self._matrix(ln_knots, clock) + jitter)
        mixing, residual = np.zeros((len(times_s), len(knots))), np.zeros(len(times_s))
        for i, (t, place) in enumerate(zip(times_s, position, strict=True)):
            low = math.floor(place + 1e-9)
            if abs(place - low) < 1e-9:
                mixing[i] = factor[low]
                continue
            ln_t = np.array([ln_knots[low], math.log(t), ln_knots[low + 1]])
            now = np.clip(spread(t) ** 2, clock[low], clock[low + 1])
            matrix = self._matrix(ln_t, np.array([clock[low], now, clock[low + 1]]))
            weights = np.linalg.solve(matrix[::2, ::2] + jitter[:2, :2], matrix[1, ::2])
            mixing[i] = weights @ factor[low : low + 2]
            residual[i] = math.sqrt(max(1 - float(weights @ matrix[1, ::2]), 0.0))
        return decades, mixing, residual


def _clock(times_s: Sequence[float], spread: Spread) -> Array:
    """Return the walk's clock at ascending times: the drift's variance in µS², never falling."""
    return np.maximum.accumulate(np.maximum([spread(t) ** 2 for t in times_s], 1e-12))


Memory = Annotated[Frozen | RandomWalk | CorrelationTable | Redrawn, Field(discriminator="law")]
