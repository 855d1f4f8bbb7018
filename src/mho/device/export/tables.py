"""A device law as tables over conductance and score, which any simulator can interpolate.

Every law of mho is a function of a conductance, a time and a standard normal score. On a grid of
the three it becomes numbers, and linear interpolation gives it back. The grid is as coarse as the
law allows: two points where the law is a straight line, more where it bends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mho.device.correlation_table import CorrelationTable
from mho.device.device import Device
from mho.device.law import Array
from mho.device.memory import Frozen, RandomWalk
from mho.device.moments import programming_moments, read_sd
from mho.device.quantiles import QuantileDrift, QuantileSpread

_TOLERANCE = 2e-3
_COUNTS = (2, 3, 5, 9, 17, 33)


class Tables(NamedTuple):
    """A device law on grids; the tables in µS are linear between grid points.

    ``error_uS[g, z]`` is what programming adds to a target, ``change_uS[t, g, z]`` what drift adds
    to a programmed conductance, ``read_sd_uS[t, g]`` the sd of one read. Scores beyond a grid
    continue its last straight piece, conductances and times beyond it stay at its edge. Times are
    given as ln of s. ``kept`` is the correlation of one cell's score between two times that the
    memory law gives on average: a simulator that keeps one number a cell can hold that much of it.
    """

    target_uS: Array
    error_score: Array
    error_uS: Array
    change_ln_t: Array
    change_g_uS: Array
    change_score: Array
    change_uS: Array
    read_ln_t: Array
    read_g_uS: Array
    read_sd_uS: Array
    kept: float


def tables_of(device: Device) -> Tables:
    """Tabulate a device law.

    >>> import mho
    >>> tables = tables_of(mho.load_device("falcone2025"))
    >>> tables.error_uS.shape, tables.change_uS.shape  # straight lines need two points
    ((2, 2), (2, 2, 2))
    """
    low, high = device.window
    inside = np.array([0.3 * low + 0.7 * high])
    first, last = _span(device)

    def error(g: Array, z: Array) -> Array:
        g, z = np.broadcast_arrays(g, z)
        return device.programming.program(g, z, device.window) - g

    def change(ln_t: float, g: Array, z: Array) -> Array:
        g, z = np.broadcast_arrays(g, z)
        return device.drift.change(g, min(max(math.exp(ln_t), first), last), z)

    def read(ln_t: float, g: Array) -> Array:
        return read_sd(device, g, math.exp(ln_t))

    error_score = _scores(device.programming, lambda z: error(inside, z))
    target = _levels(device.programming, low, high, lambda g: error(g[:, None], error_score))
    _, sd = programming_moments(device, np.array([low, high]))
    reach = max(0.0, low - 4 * sd[0]), high + 4 * sd[1]
    late = math.log(last)
    z = _scores(device.drift, lambda score: change(late, inside, score))
    g = _levels(device.drift, *reach, lambda g: change(late, g[:, None], z))
    ln_t = _times(device, lambda x: np.ravel(change(x, g[:, None], z)))
    read_g = _grid(*reach, lambda g: read(late, g)[:, None])
    read_ln_t = _times(device, lambda x: read(x, read_g))
    return Tables(
        target_uS=target,
        error_score=error_score,
        error_uS=error(target[:, None], error_score),
        change_ln_t=ln_t,
        change_g_uS=g,
        change_score=z,
        change_uS=np.stack([change(x, g[:, None], z) for x in ln_t]),
        read_ln_t=read_ln_t,
        read_g_uS=read_g,
        read_sd_uS=np.stack([read(x, read_g) for x in read_ln_t]),
        kept=_kept(device),
    )


def _span(device: Device) -> tuple[float, float]:
    """Return first and last time of the tables in s; two times where the law knows one or none."""
    first, last = device.valid.t_s or (1.0, 1.0)
    first = first or 1.0
    return first, max(last, first * math.e)


def _scores(law: Any, values_at: Callable[[Array], Array]) -> Array:
    """Return two scores where a law is a straight line in the score, many where it is not."""
    table = _tabulated(law)
    if table is not None:  # its own nodes, between which and beyond which it is straight
        rows = table.change_uS[0] if isinstance(table, QuantileDrift) else table.error_uS
        return np.linspace(-table.score_max, table.score_max, len(rows[0]))
    z = np.linspace(-4, 4, 65)
    values = values_at(z)
    slope = (values[-1] - values[0]) / 8
    straight = np.allclose(values, values[32] + slope * z, rtol=0, atol=1e-6 * (1 + abs(slope)))
    return np.array([-1.0, 1.0]) if straight else np.linspace(-4, 4, 33)


def _levels(law: Any, low: float, high: float, values_at: Callable[[Array], Array]) -> Array:
    """Return the conductances to tabulate: a table's own, or as many as the law bends."""
    if isinstance(law, QuantileDrift | QuantileSpread):
        nodes = np.asarray(law.g_uS)
        return nodes if len(nodes) > 1 else np.array([low, high])
    return _grid(low, high, values_at)


def _tabulated(law: Any) -> QuantileDrift | QuantileSpread | None:
    """Return the table of quantiles that a law is, or that it wraps."""
    while not isinstance(law, QuantileDrift | QuantileSpread):
        law = getattr(law, "inner", None)
        if law is None:
            return None
    return law


def _grid(low: float, high: float, law: Callable[[Array], Array]) -> Array:
    """Return the fewest equal steps between which every column of a law is nearly straight."""
    fine = np.linspace(low, high, 257)
    exact = law(fine)
    scale = np.abs(exact).max() + 1e-12
    for count in _COUNTS:
        coarse = np.linspace(low, high, count)
        lines = law(coarse)
        columns = [np.interp(fine, coarse, lines[:, k]) for k in range(exact.shape[1])]
        if (np.abs(np.stack(columns, axis=1) - exact) <= _TOLERANCE * scale).all():
            break
    return coarse


def _times(device: Device, law: Callable[[float], Array]) -> Array:
    """Return ln of the times to tabulate: the law's own, and as many more as it bends."""
    first, last = _span(device)
    own = [math.log(t) for t in _own_times(device.drift) if first < t < last]

    def rows(ln_t: Array) -> Array:
        return np.stack([law(x) for x in ln_t])

    edges = [math.log(first), *own, math.log(last)]
    return np.unique(np.concatenate([_grid(a, b, rows) for a, b in pairwise(edges)]))


def _own_times(drift: Any) -> tuple[float, ...]:
    """Return the times at which a tabulated law bends, through laws that wrap it."""
    inner = getattr(drift, "inner", None)
    return _own_times(inner) if inner is not None else tuple(getattr(drift, "times_s", ()))


def _kept(device: Device) -> float:
    if isinstance(device.memory, Frozen):
        return 1.0
    if isinstance(device.memory, CorrelationTable):
        measured = np.asarray(device.memory.correlation)
        pairs = measured[np.triu_indices(len(measured), 1)]
        return float(np.clip(pairs.mean(), 0, 1)) if pairs.size else 0.0
    if not isinstance(device.memory, RandomWalk) or device.valid.t_s is None:
        return 0.0
    times = np.geomspace(*device.valid.t_s, 8).tolist()
    middle = 0.5 * sum(device.window)
    matrix = device.memory.correlation(times, lambda t: float(device.spread(middle, t)))
    return float(matrix[np.triu_indices(8, 1)].mean())
