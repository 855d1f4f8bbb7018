"""Scores and densities of measured changes under a drift law."""

from __future__ import annotations

import numpy as np

from mho.device.drift import Drift
from mho.device.fit.density import score_and_log_density
from mho.device.quantiles import QuantileDrift
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Floats

_SCORES = np.linspace(-4.5, 4.5, 91)
_CHUNK = 100_000


def rows_of(drift: Drift, nodes: Floats, t_s: float) -> tuple[Floats, float]:
    """Return a drift law as rows of quantiles at one time, and their largest score."""
    if isinstance(drift, QuantileDrift):
        return np.asarray(drift.rows(t_s), dtype=np.float64), drift.score_max
    cells = np.broadcast_to(nodes[:, None], (len(nodes), len(_SCORES)))
    rows = drift.change(cells, t_s, np.broadcast_to(_SCORES, cells.shape))
    return np.asarray(rows, dtype=np.float64), float(_SCORES[-1])


def _nodes(drift: Drift, paths: Paths) -> Floats:
    if isinstance(drift, QuantileDrift):
        return np.asarray(drift.g_uS)
    return np.linspace(float(paths.g0_uS.min()), float(paths.g0_uS.max()) + 1e-9, 64)


def log_densities(drift: Drift, paths: Paths) -> tuple[Floats, Floats]:
    """Return score and log density (1/µS) of each change, shape ``(paths, times)``; NaN kept.

    Of a reading of 0 µS it is the log of the share of cells that end there.
    """
    scores = np.full(paths.change_uS.shape, np.nan)
    logs = np.full(paths.change_uS.shape, np.nan)
    nodes = _nodes(drift, paths)
    for column, t in enumerate(paths.times_s):
        rows, score_max = rows_of(drift, nodes, float(t))
        read = np.flatnonzero(~np.isnan(paths.change_uS[:, column]))
        for start in range(0, len(read), _CHUNK):
            some = read[start : start + _CHUNK]
            g0, change = paths.g0_uS[some], paths.change_uS[some, column]
            zero = g0 + change <= 0
            scores[some, column], logs[some, column] = score_and_log_density(
                rows, nodes, score_max, g0, change, zero if zero.any() else None
            )
    return scores, logs


def scores_of(drift: Drift, paths: Paths) -> Floats:
    """Return the standard normal score of each change, shape ``(paths, times)``; NaN kept."""
    return log_densities(drift, paths)[0]
