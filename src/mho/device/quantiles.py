"""Tabulated quantiles: laws for data that follow no named distribution.

A row of quantiles stands at equally spaced standard normal scores, so heavy tails and skew are kept
as they were measured, and a cell keeps its score whatever the law.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Array, Law
from mho.device.levels import Window

Row = Annotated[tuple[float, ...], Field(min_length=2)]


def look_up(rows: Array, nodes: Array, score_max: float, g: Array, score: Array) -> Array:
    """Return ``Q(score; g)``: linear in the score and in g between the rows.

    Args:
        rows: Quantiles at equally spaced scores from ``-score_max`` to ``score_max``,
            shape ``(nodes, quantiles)``.
        nodes: Conductances of the rows in µS, ascending; outside them the last row holds.
        score_max: The largest score tabulated; beyond it the last slope goes on.
        g: Conductances in µS, any shape.
        score: Standard normal scores, of a shape that broadcasts with ``g``.

    Returns:
        Values in µS, of the broadcast shape and the dtype of ``g``.
    """
    rows = np.asarray(rows, dtype=g.dtype)
    count = rows.shape[1]
    position = (score + score_max) * ((count - 1) / (2 * score_max))
    low = np.clip(position.astype(np.int32), 0, count - 2)
    share = np.asarray(position - low, dtype=g.dtype)

    def at(node: Array) -> Array:
        start = node * count + low
        left = rows.ravel()[start]
        return np.asarray(left + share * (rows.ravel()[start + 1] - left))

    if len(nodes) == 1:
        return at(np.zeros((), dtype=np.int32))
    where = np.interp(g, nodes, np.arange(len(nodes), dtype=np.float64))
    node = np.minimum(where.astype(np.int32), len(nodes) - 2)
    weight = np.asarray(where - node, dtype=g.dtype)
    lower = at(node)
    return np.asarray(lower + weight * (at(node + 1) - lower), dtype=g.dtype)


def _check_nodes(g_uS: tuple[float, ...]) -> None:
    if any(b <= a for a, b in pairwise(g_uS)):
        raise ValueError("g_uS must ascend strictly")


def _check_rows(rows: tuple[Row, ...]) -> None:
    if len({len(row) for row in rows}) > 1:
        raise ValueError("all rows of quantiles must have the same length")
    if any(b < a for row in rows for a, b in pairwise(row)):
        raise ValueError("a row of quantiles must never fall")


class QuantileSpread(Law):
    """Programming error by its measured quantiles: ``g = g_target + Q(score; g_target)``.

    Args:
        g_uS: Targets of the rows, ascending; between them linear, outside the last row holds.
        error_uS: For each target the error's quantiles at scores ``-score_max … score_max``.
        score_max: The largest score tabulated.
    """

    law: Literal["quantiles"] = "quantiles"
    g_uS: Annotated[tuple[float, ...], Field(min_length=1)]
    error_uS: tuple[Row, ...]
    score_max: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _consistent(self) -> QuantileSpread:
        _check_nodes(self.g_uS)
        _check_rows(self.error_uS)
        if len(self.error_uS) != len(self.g_uS):
            raise ValueError("error_uS needs one row for each of g_uS")
        return self

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        rows = np.asarray(self.error_uS)
        error = look_up(rows, np.asarray(self.g_uS), self.score_max, g_target, score)
        return np.asarray(g_target + error, dtype=g_target.dtype)


class QuantileDrift(Law):
    """Change by its measured quantiles: ``change = Q(score; g, t)``.

    Quantiles are linear in g and in ln t between the tabulated ones. Before the first time the
    first row holds; beyond the last one the straight line in ln t through the last two goes on.

    Args:
        g_uS: Programmed conductances of the rows, ascending.
        times_s: Times of the rows, ascending.
        change_uS: For each conductance and time the quantiles of the change at scores
            ``-score_max … score_max``.
        score_max: The largest score tabulated.
    """

    law: Literal["quantiles"] = "quantiles"
    frozen_only: ClassVar[bool] = False
    g_uS: Annotated[tuple[float, ...], Field(min_length=1)]
    times_s: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
    change_uS: tuple[tuple[Row, ...], ...]
    score_max: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _consistent(self) -> QuantileDrift:
        _check_nodes(self.g_uS)
        if any(b <= a for a, b in pairwise(self.times_s)):
            raise ValueError("times_s must ascend strictly")
        if len(self.change_uS) != len(self.g_uS) or {len(r) for r in self.change_uS} != {
            len(self.times_s)
        }:
            raise ValueError("change_uS needs one row for each of g_uS and each of times_s")
        _check_rows(tuple(row for rows in self.change_uS for row in rows))
        return self

    def rows(self, t_s: float) -> Array:
        """Return the quantiles at one time, shape ``(g, scores)``, in µS."""
        table = np.asarray(self.change_uS, dtype=np.float64)
        if len(self.times_s) == 1:
            return np.asarray(table[:, 0])
        ln_t, ln_times = math.log(t_s), np.log(self.times_s)
        low = int(np.clip(np.searchsorted(ln_times, ln_t) - 1, 0, len(ln_times) - 2))
        share = max((ln_t - ln_times[low]) / (ln_times[low + 1] - ln_times[low]), 0.0)
        mixed = (1 - share) * table[:, low] + share * table[:, low + 1]
        return np.asarray(np.maximum.accumulate(mixed, axis=-1) if share > 1 else mixed)

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        return look_up(self.rows(t_s), np.asarray(self.g_uS), self.score_max, g, score)
