"""Memory: how one cell's path hangs together over time.

A drift law says how cells spread at each time; the memory law says whether the cell that is far
out after an hour is still far out after a year. It gives each cell a *score* per time, standard
normal at every time, with a correlation between times. A score depends on nothing but the cell and
the time: asking for more times, or in another order, changes no number.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from mho.device.correlation_table import CorrelationTable
from mho.device.law import Array, Law
from mho.device.path import Correlation, Plan, plan
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
    fluctuation that forgets itself within ``readout_lifetime`` e-folds of time. How a path is drawn
    at any time, and how closely it follows the formula between decades: ``path.py``.

    Args:
        readout: Share of the variance that is read-out noise, 0 to 1.
        readout_lifetime: Its lifetime in units of ln t; 0 redraws it at each time.
    """

    law: Literal["random-walk"] = "random-walk"
    readout: Annotated[float, Field(ge=0, le=1)] = 0.0
    readout_lifetime: Annotated[float, Field(ge=0)] = 0.0

    def correlation(self, times_s: Sequence[float], spread: Spread) -> Array:
        """Return the correlation matrix of the scores at these times, shape ``(n, n)``."""
        pair = self._pair(spread)
        return np.array([[pair(t1, t2) for t2 in times_s] for t1 in times_s])

    def scores(
        self, streams: Streams, shape: tuple[int, ...], times_s: Sequence[float],
        *, spread: Spread, first_s: float,
    ) -> Array:  # fmt: skip
        """Return scores of shape ``(len(times_s), *shape)``."""
        out = np.zeros((len(times_s), *shape), dtype=np.float32)
        scratch = np.empty(shape, dtype=np.float32)
        for label, share, (names, weights) in _planned(self, spread, tuple(times_s), first_s):
            for name, column in zip(names, math.sqrt(share) * weights.T, strict=True):
                if column.any():
                    score = streams.normal(shape, label, name)
                    for path, weight in zip(out, column, strict=True):
                        if weight:
                            path += np.multiply(score, np.float32(weight), out=scratch)
        return out

    def _pair(self, spread: Spread) -> Correlation:
        """Return the correlation of the scores at two times, as a function of them."""
        walk, forget = _walk(spread), _forget(self.readout_lifetime)
        return lambda t1, t2: (1 - self.readout) * walk(t1, t2) + self.readout * forget(t1, t2)

    def _parts(self, spread: Spread) -> list[tuple[str, float, Correlation]]:
        """Return name, share of the variance and correlation of what is drawn apart.

        One path takes half the numbers of two. Where the read-out noise forgets itself within a
        decade, one path would blur the walk between decades, so then the two are drawn apart.
        """
        if self.readout in (0.0, 1.0) or self.readout_lifetime >= 1:
            return [("path", 1.0, self._pair(spread))]
        return [
            ("walk", 1 - self.readout, _walk(spread)),
            ("readout", self.readout, _forget(self.readout_lifetime)),
        ]


def _walk(spread: Spread) -> Correlation:
    sd = functools.cache(lambda t: max(spread(t), 1e-6))
    return lambda t1, t2: min(sd(t1), sd(t2)) / max(sd(t1), sd(t2))


def _forget(lifetime: float) -> Correlation:
    return lambda t1, t2: math.exp(-abs(math.log(t1 / t2)) / max(lifetime, 1e-9))


@functools.lru_cache(maxsize=64)
def _planned(
    law: RandomWalk, spread: Spread, times_s: tuple[float, ...], first_s: float
) -> list[tuple[str, float, Plan]]:  # every crossbar of a chip asks the same question
    parts = law._parts(spread)
    return [(label, share, plan(times_s, first_s, pair)) for label, share, pair in parts]


Memory = Annotated[Frozen | RandomWalk | CorrelationTable | Redrawn, Field(discriminator="law")]
