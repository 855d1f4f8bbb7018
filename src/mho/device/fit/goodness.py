"""How well a law describes the cells it was fitted to, with the cells behind each figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from mho.device.drift import Drift
from mho.device.fit.groups import Groups
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Floats

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are compared."""
ENOUGH = 200
"""Cells that a level needs at a time for its quantiles to count."""
_PER_CELL = 100
_MOST_CELLS = 2_000


@dataclass(frozen=True)
class TimeFigures:
    """Mean and spread of the change over all levels at one time, measured and fitted (µS)."""

    t_s: float
    cells: int
    mean: float
    mean_fitted: float
    sd: float
    sd_fitted: float


@dataclass(frozen=True)
class LevelFigures:
    """Quantiles of the change of one level at one time, measured and fitted (µS)."""

    level: str
    g_uS: float
    t_s: float
    cells: int
    mean: float
    sd: float
    mean_fitted: float
    sd_fitted: float
    measured: tuple[float, ...]
    fitted: tuple[float, ...]

    @property
    def errors_sd(self) -> tuple[float, ...]:
        """How far apart the quantiles are, in measured standard deviations."""
        return tuple(
            abs(f - m) / self.sd if self.sd > 0 else 0.0
            for m, f in zip(self.measured, self.fitted, strict=True)
        )


@dataclass(frozen=True)
class DriftGoodness:
    """Misfit of a drift law.

    Args:
        times: One entry a time, all levels together.
        levels: One entry a level and time.
    """

    times: tuple[TimeFigures, ...]
    levels: tuple[LevelFigures, ...]

    @property
    def quantile_errors(self) -> Floats:
        """All quantile errors in sd of levels and times with enough cells."""
        rows = [f.errors_sd for f in self.levels if f.cells >= ENOUGH]
        return np.asarray(rows, dtype=np.float64).ravel()

    @property
    def median_error(self) -> float:
        """The median quantile error in sd; NaN where no level has enough cells."""
        return float(np.median(self.quantile_errors)) if self.quantile_errors.size else np.nan

    @property
    def largest_error(self) -> float:
        """The largest quantile error in sd; NaN where no level has enough cells."""
        return float(self.quantile_errors.max()) if self.quantile_errors.size else np.nan


def drift_goodness(paths: Paths, groups: Groups, drift: Drift) -> DriftGoodness:
    """Compare measured changes with what the law says for the same programmed conductances."""
    times, levels = [], []
    for column, t in enumerate(paths.times_s):
        change = paths.change_uS[:, column]
        read = ~np.isnan(change) & (groups.code >= 0)
        count, first, second = 0, 0.0, 0.0
        for k in range(groups.count):
            mine = np.flatnonzero(read & (groups.code == k))
            if mine.size == 0:
                continue
            value, fitted = change[mine], _spread_out(paths.g0_uS[mine], drift, float(t))
            count += mine.size
            first += mine.size * float(fitted.mean())
            second += mine.size * float((fitted**2).mean())
            levels.append(
                LevelFigures(
                    groups.names[k], float(groups.g_uS[k]), float(t), int(mine.size),
                    float(value.mean()), float(value.std()),
                    float(fitted.mean()), float(fitted.std()),
                    tuple(map(float, np.quantile(value, PROBABILITIES))),
                    tuple(map(float, np.quantile(fitted, PROBABILITIES))),
                )
            )  # fmt: skip
        mean = first / max(count, 1)
        sd = float(np.sqrt(max(second / max(count, 1) - mean**2, 0.0)))
        value = change[read]
        times.append(
            TimeFigures(float(t), count, float(value.mean()), mean, float(value.std()), sd)
        )
    return DriftGoodness(tuple(times), tuple(levels))


def _spread_out(g0: Floats, drift: Drift, t_s: float) -> Floats:
    """Return changes at evenly spaced probabilities, each cell with its own offset."""
    if g0.size > _MOST_CELLS:
        g0 = g0[:: -(-g0.size // _MOST_CELLS)]
    offset = (np.arange(g0.size) * 0.6180339887498949) % 1.0
    u = (np.arange(_PER_CELL)[:, None] + offset[None, :]) / _PER_CELL
    score = ndtri(np.clip(u, 1e-6, 1 - 1e-6))
    cells = np.broadcast_to(g0, score.shape)
    return np.asarray(np.maximum(drift.change(cells, t_s, score), -cells))
