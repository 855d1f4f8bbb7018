"""The memory of a cell's path, estimated from cells that were read more than once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import hermite_e
from scipy.optimize import brentq, minimize
from scipy.special import gammaln

from mho.device.correlation_table import CorrelationTable
from mho.device.drift import Drift
from mho.device.fit.drift_density import scores_of
from mho.device.fit.groups import Groups
from mho.device.memory import Frozen, Memory, RandomWalk, Redrawn
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Floats

_TERMS = 16
_FEW_PAIRS = 30
_NODES, _WEIGHTS = hermite_e.hermegauss(80)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class MemoryFit:
    """What the repeated reads say about a path's memory.

    Args:
        law: The law that predicts held-out cells best.
        times_s: Times of the correlations.
        measured: Pearson correlation of the change at two times, ``(times, times)``; NaN where too
            few cells have both reads.
        fitted: The same under ``law``.
        pairs: Cells behind each figure.
        log_likelihood: Held-out log-likelihood a cell in nats, by law, above independent times.
    """

    law: Memory
    times_s: Floats
    measured: Floats
    fitted: Floats
    pairs: npt.NDArray[np.int64]
    log_likelihood: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the correlations as plain data."""

        def rows(matrix: Floats) -> list[list[float | None]]:
            return [[float(c) if np.isfinite(c) else None for c in row] for row in matrix]

        return {
            "times_s": self.times_s.tolist(),
            "measured": rows(self.measured),
            "fitted": rows(self.fitted),
            "pairs": self.pairs.tolist(),
            "held_out": self.log_likelihood,
            "law": self.law.law,
        }


def fit_memory(
    paths: Paths, groups: Groups, drift: Drift, held_out: npt.NDArray[np.bool_]
) -> MemoryFit:
    """Fit the correlation of a path, as a table and as a random walk with read-out noise.

    The correlation of scores is chosen so that the *changes* have the measured Pearson correlation
    (heavy tails make the two differ).

    Args:
        paths: Cells over time.
        groups: Which cells are alike.
        drift: The drift law, which turns scores into changes.
        held_out: Cells kept for the comparison.
    """
    times = paths.times_s
    use = groups.code >= 0
    measured, pairs = _pearson(paths.change_uS[use])
    if len(times) < 2 or not np.isfinite(measured[~np.eye(len(times), dtype=bool)]).any():
        return MemoryFit(Frozen(), times, measured, measured, pairs, {})
    weights = np.bincount(groups.code[use], minlength=groups.count)
    series = _series(drift, groups.g_uS, times)
    spread = np.array([_middle_spread(drift, groups.g_uS, t) for t in times])

    def laws(some: Floats) -> dict[str, tuple[Memory, Floats]]:
        return _laws(times, *_pearson(some), series, weights, spread)

    train = use & ~held_out
    scores = scores_of(drift, paths.take(use & held_out))
    likelihood = {
        name: _log_likelihood(matrix, scores)
        for name, (_, matrix) in laws(paths.change_uS[train if train.sum() > 99 else use]).items()
    }
    best = max(likelihood, key=lambda name: likelihood[name])
    law, matrix = laws(paths.change_uS[use])[best]
    fitted = _change_correlation(matrix, series, weights)
    return MemoryFit(law, times, measured, fitted, pairs, likelihood)


def _laws(
    times: Floats,
    measured: Floats,
    pairs: npt.NDArray[np.int64],
    series: Floats,
    weights: npt.NDArray[np.int64],
    spread: Floats,
) -> dict[str, tuple[Memory, Floats]]:
    """Return the laws that give the measured correlations, with those of their scores."""
    target = _score_correlation(measured, series, weights)
    table = CorrelationTable(
        times_s=tuple(float(f"{t:.6g}") for t in times),
        correlation=_rows(nearest_correlation(target)),
        lifetime=_lifetime(times, target),
    )
    walk = _fit_walk(times, target, pairs, spread, _STARTS)
    return {
        "correlation-table": (table, np.asarray(table.correlation)),
        "random-walk": (walk, _walk_matrix(walk, times, spread)),
        "redrawn": (Redrawn(), np.eye(len(times))),
    }


def _pearson(change: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return pairwise correlations and how many cells have both reads."""
    known = ~np.isnan(change)
    n = change.shape[1]
    out = np.full((n, n), np.nan)
    if known.all() and len(change) >= _FEW_PAIRS and (np.ptp(change, axis=0) > 0).all():
        return np.corrcoef(change, rowvar=False).reshape(n, n), np.full((n, n), len(change))
    pairs = (known.T.astype(np.float64) @ known.astype(np.float64)).astype(np.int64)
    for i in range(n):
        out[i, i] = 1.0
        for j in range(i):
            both = known[:, i] & known[:, j]
            if pairs[i, j] >= _FEW_PAIRS:
                a, b = change[both, i], change[both, j]
                if a.std() > 0 and b.std() > 0:
                    out[i, j] = out[j, i] = np.corrcoef(a, b)[0, 1]
    return out, pairs


def _series(drift: Drift, g_uS: Floats, times_s: Floats) -> Floats:
    """Return Hermite coefficients of the change at each conductance and time.

    With them ``E[change1 change2] = sum_k a1_k a2_k rho^k`` for scores of correlation rho.
    """
    k = np.arange(_TERMS)
    basis = hermite_e.hermevander(_NODES, _TERMS - 1) / np.exp(0.5 * gammaln(k + 1))
    out = np.empty((len(g_uS), len(times_s), _TERMS))
    cells = np.broadcast_to(g_uS[:, None], (len(g_uS), len(_NODES)))
    for i, t in enumerate(times_s):
        change = drift.change(cells, float(t), np.broadcast_to(_NODES, cells.shape))
        out[:, i] = (np.maximum(change, -cells) * _WEIGHTS) @ basis
    return out


def _pair_correlation(rho: float, a: Floats, b: Floats, weights: npt.NDArray[np.int64]) -> float:
    """Return the pooled Pearson correlation of two changes with series a, b ``(g, terms)``."""
    w = weights / weights.sum()
    mean_a, mean_b = w @ a[:, 0], w @ b[:, 0]
    power = rho ** np.arange(_TERMS)
    cross = w @ ((a * b) @ power) - mean_a * mean_b
    square_a = w @ (a**2).sum(axis=1) - mean_a**2
    square_b = w @ (b**2).sum(axis=1) - mean_b**2
    return float(cross / np.sqrt(square_a * square_b))


def _change_correlation(scores: Floats, series: Floats, weights: npt.NDArray[np.int64]) -> Floats:
    n = len(scores)
    out = np.eye(n)
    for i in range(n):
        for j in range(i):
            pair = _pair_correlation(scores[i, j], series[:, i], series[:, j], weights)
            out[i, j] = out[j, i] = pair
    return out


def _score_correlation(measured: Floats, series: Floats, weights: npt.NDArray[np.int64]) -> Floats:
    """Return the score correlations that give changes the measured correlations."""
    n = len(measured)
    out = np.eye(n)
    for i in range(n):
        for j in range(i):
            pair = (series[:, i], series[:, j], weights)
            out[i, j] = out[j, i] = _solve(float(measured[i, j]), *pair)
    return _fill_gaps(out)


def _solve(wanted: float, a: Floats, b: Floats, weights: npt.NDArray[np.int64]) -> float:
    """Return the score correlation at which the changes correlate as wanted; NaN stays NaN."""

    def miss(rho: float) -> float:
        return _pair_correlation(rho, a, b, weights) - wanted

    if not np.isfinite(wanted):
        return np.nan
    if miss(0.999) <= 0:
        return 0.999
    if miss(-0.999) >= 0:
        return -0.999
    return float(brentq(miss, -0.999, 0.999, xtol=1e-6))


def _fill_gaps(matrix: Floats) -> Floats:
    """Give pairs of times that no cell has both of the correlation of the times between them."""
    out = matrix.copy()
    n = len(out)
    for gap in range(1, n):
        for i in range(n - gap):
            j = i + gap
            if np.isnan(out[i, j]):
                steps = [out[m, m + 1] for m in range(i, j) if np.isfinite(out[m, m + 1])]
                out[i, j] = out[j, i] = float(np.prod(steps)) if steps else 0.0
    return out


def nearest_correlation(matrix: Floats) -> Floats:
    """Return the matrix with negative eigenvalues lifted and ones on its diagonal again."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    lifted = (vectors * np.maximum(values, 1e-4)) @ vectors.T
    scale = 1 / np.sqrt(np.diag(lifted))
    out = lifted * scale[:, None] * scale[None, :]
    np.fill_diagonal(out, 1.0)
    return np.asarray((out + out.T) / 2)


def _rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(round(c, 5)) for c in row) for row in matrix)


def _lifetime(times_s: Floats, scores: Floats) -> float:
    """Return over how many e-folds of time neighbouring reads forget each other, at the end."""
    gap = float(np.log(times_s[-1] / times_s[-2]))
    c = float(np.clip(scores[-1, -2], 1e-3, 0.999))
    return float(f"{-gap / np.log(c):.4g}")


def _middle_spread(drift: Drift, g_uS: Floats, t_s: float) -> float:
    from mho.device.drift import drift_moments

    middle = np.array([(g_uS[0] + g_uS[-1]) / 2])
    return float(drift_moments(drift, middle, float(t_s))[1][0])


def _walk_matrix(walk: RandomWalk, times_s: Floats, spread: Floats) -> Floats:
    known = dict(zip(times_s.tolist(), spread.tolist(), strict=True))
    return np.asarray(walk.correlation(times_s.tolist(), lambda t: known[t]))


_STARTS = [np.array([a, b]) for a in (-1.5, 0.0, 1.5) for b in (-1.0, 1.0)]
"""Where the fit of a walk begins: logit of the share of read-out noise, ln of its lifetime."""


def refit(memory: Memory, paths: Paths, groups: Groups, drift: Drift) -> Memory:
    """Return a memory law of the same kind for other cells."""
    if not isinstance(memory, RandomWalk | CorrelationTable) or len(paths.times_s) < 2:
        return memory
    times = paths.times_s
    use = groups.code >= 0
    measured, pairs = _pearson(paths.change_uS[use])
    weights = np.bincount(groups.code[use], minlength=groups.count)
    target = _score_correlation(measured, _series(drift, groups.g_uS, times), weights)
    if isinstance(memory, CorrelationTable):
        rows = _rows(nearest_correlation(target))
        return memory.model_copy(update={"correlation": rows, "lifetime": _lifetime(times, target)})
    spread = np.array([_middle_spread(drift, groups.g_uS, t) for t in times])
    share = np.clip(memory.readout, 1e-3, 1 - 1e-3)
    start = np.array([np.log(share / (1 - share)), np.log(max(memory.readout_lifetime, 1e-3))])
    return _fit_walk(times, target, pairs, spread, [start])


def _fit_walk(
    times_s: Floats,
    target: Floats,
    pairs: npt.NDArray[np.int64],
    spread: Floats,
    starts: list[Floats],
) -> RandomWalk:
    """Fit the two figures of a random walk with read-out noise by weighted least squares."""
    upper = np.triu_indices(len(times_s), 1)
    weight = np.sqrt(pairs[upper])

    def walk(x: Floats) -> RandomWalk:
        return RandomWalk(
            readout=float(1 / (1 + np.exp(-np.clip(x[0], -30, 30)))),
            readout_lifetime=float(np.exp(np.clip(x[1], -10, 5))),
        )

    def miss(x: Floats) -> float:
        difference = _walk_matrix(walk(x), times_s, spread)[upper] - target[upper]
        return float(((weight * difference) ** 2).sum())

    best = min((minimize(miss, x, method="Nelder-Mead") for x in starts), key=lambda r: r.fun)
    found = walk(best.x)
    return RandomWalk(
        readout=float(f"{found.readout:.4g}"),
        readout_lifetime=float(f"{found.readout_lifetime:.4g}"),
    )


def _log_likelihood(matrix: Floats, scores: Floats) -> float:
    """Return the Gaussian copula's log-likelihood a cell, over cells with missing reads too."""
    known = np.isfinite(scores)
    key = known @ (1 << np.arange(known.shape[1], dtype=np.int64))
    total, cells = 0.0, 0
    for pattern in np.unique(key):
        mine = key == pattern
        columns = np.flatnonzero(known[mine][0])
        cells += int(mine.sum())
        if len(columns) < 2:
            continue
        part = matrix[np.ix_(columns, columns)] + 1e-6 * np.eye(len(columns))
        z = np.clip(scores[mine][:, columns], -6, 6)
        inverse = np.linalg.inv(part) - np.eye(len(columns))
        total -= 0.5 * float(np.einsum("ni,ij,nj->", z, inverse, z))
        total -= 0.5 * mine.sum() * np.linalg.slogdet(part)[1]
    return float(total / max(cells, 1))
