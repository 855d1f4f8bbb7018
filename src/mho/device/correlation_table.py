"""Memory as measured: a table of correlations between times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Array, Law
from mho.rng import Streams

if TYPE_CHECKING:
    from mho.device.memory import Spread


class CorrelationTable(Law):
    """Scores correlated over time as a table says.

    The path is drawn at the tabulated times and, beyond the last one, at each further decade.
    Inside an interval the correlation falls off as ``c^share``, with ``c`` the correlation of the
    interval's ends and ``share`` the part of it in ln t; beyond the last time as
    ``exp(-ln(t2 / t1) / lifetime)``. Before the first time a cell keeps its first score.

    Args:
        times_s: Times of the table, ascending.
        correlation: Correlation of a cell's scores at any two of them, positive definite.
        lifetime: How many e-folds of time a score lasts beyond the last time; 0 redraws it there.
    """

    law: Literal["correlation-table"] = "correlation-table"
    times_s: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
    correlation: tuple[tuple[float, ...], ...]
    lifetime: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> CorrelationTable:
        n = len(self.times_s)
        if any(b <= a for a, b in pairwise(self.times_s)):
            raise ValueError("times_s must ascend strictly")
        if {len(row) for row in self.correlation} != {n} or len(self.correlation) != n:
            raise ValueError(f"correlation must be {n} x {n}, one row for each of times_s")
        matrix = np.asarray(self.correlation)
        if np.abs(matrix - matrix.T).max() > 1e-9 or np.abs(np.diag(matrix) - 1).max() > 1e-9:
            raise ValueError("correlation must be symmetric with ones on its diagonal")
        if np.linalg.eigvalsh(matrix)[0] <= 0:
            raise ValueError("correlation must be positive definite")
        return self

    def scores(
        self, streams: Streams, shape: tuple[int, ...], times_s: Sequence[float],
        *, spread: Spread, first_s: float,
    ) -> Array:  # fmt: skip
        """Return scores of shape ``(len(times_s), *shape)``."""
        mixing, residual = self._mixing(times_s)
        out = np.zeros((len(times_s), *shape), dtype=np.float32)
        for knot, column in enumerate(mixing.T):
            if column.any():
                score = streams.normal(shape, "knot", knot)
                for path, weight in zip(out, column, strict=True):
                    if weight:
                        path += np.float32(weight) * score
        for path, t, weight in zip(out, times_s, residual, strict=True):
            if weight:
                path += np.float32(weight) * streams.normal(shape, "between", float(t))
        return out

    def _knots(self, last_s: float) -> tuple[Array, Array]:
        """Return the times drawn, up to the first at or after ``last_s``, and their correlation."""
        known = np.asarray(self.times_s)
        beyond = max(math.ceil(math.log10(last_s / known[-1]) - 1e-9), 0)
        knots = np.r_[known, known[-1] * 10.0 ** np.arange(1, beyond + 1)]
        matrix = np.eye(len(knots))
        matrix[: len(known), : len(known)] = self.correlation
        step = math.exp(-math.log(10) / max(self.lifetime, 1e-9))
        for k in range(len(known), len(knots)):
            matrix[k, :k] = matrix[:k, k] = step * matrix[k - 1, :k]
        return knots, matrix

    def _mixing(self, times_s: Sequence[float]) -> tuple[Array, Array]:
        """Return how each time mixes the knots' draws ``(times, knots)``, and the rest.

        The Cholesky factor is causal: what lies after a time never enters it.
        """
        knots, matrix = self._knots(max(times_s))
        factor = np.linalg.cholesky(matrix)
        mixing, residual = np.zeros((len(times_s), len(knots))), np.zeros(len(times_s))
        ln_knots = np.log(knots)
        for i, t in enumerate(times_s):
            place = float(np.interp(math.log(t), ln_knots, np.arange(len(knots))))
            low = math.floor(place + 1e-9)
            share = place - low
            if share < 1e-9:
                mixing[i] = factor[low]
                continue
            c = min(max(matrix[low, low + 1], 1e-6), 1 - 1e-9)
            ends = np.array([c**share, c ** (1 - share)])
            weights = np.linalg.solve(np.array([[1, c], [c, 1]]), ends)
            mixing[i] = weights @ factor[low : low + 2]
            residual[i] = math.sqrt(max(1 - float(weights @ ends), 0.0))
        return mixing, residual
