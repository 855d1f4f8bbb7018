"""Faults in measured cells: stuck at an end of the window, overshot, with rates and intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mho.device.faults import Faults
from mho.device.fit.likelihood import Estimate
from mho.device.fit.states import States
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Floats

_FAR_SD = 6.0
_FAR_WINDOW = 0.25
_END = 0.05


@dataclass(frozen=True)
class Rate:
    """A share of cells, with the 95 % interval of Clopper and Pearson.

    Args:
        count: Cells that have the fault.
        cells: Cells on which it could be seen.
    """

    count: int
    cells: int

    @property
    def estimate(self) -> Estimate:
        """The share and its interval; 0 to 1 where no cell could show it."""
        from scipy.stats import beta

        if self.cells == 0:
            return Estimate(0.0, 0.0, 1.0)
        k, n = self.count, self.cells
        low = 0.0 if k == 0 else float(beta.ppf(0.025, k, n - k + 1))
        high = 1.0 if k == n else float(beta.ppf(0.975, k + 1, n - k))
        return Estimate(k / n, low, high)


@dataclass(frozen=True)
class FaultFit:
    """What stuck cells and overshoots a table shows.

    Args:
        stuck_at_lrs: Cells at the top of the window whatever was wanted.
        stuck_at_hrs: Cells at its bottom.
        overshoot: Cells programmed beyond the intended levels, or far from their target inside
            the window.
        stuck: Which paths are stuck.
        faulty: Which paths are stuck or overshot; they take no part in the other fits.
    """

    stuck_at_lrs: Rate
    stuck_at_hrs: Rate
    overshoot: Rate
    stuck: npt.NDArray[np.bool_]
    faulty: npt.NDArray[np.bool_]

    @property
    def law(self) -> Faults:
        """The law as it stands on a card."""
        return Faults(
            stuck_at_lrs=float(f"{self.stuck_at_lrs.estimate.value:.4g}"),
            stuck_at_hrs=float(f"{self.stuck_at_hrs.estimate.value:.4g}"),
        )

    @property
    def overshot(self) -> npt.NDArray[np.bool_]:
        """Which paths overshot (they are faulty and not stuck)."""
        return self.faulty & ~self.stuck

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return counts, rates and intervals as plain data."""
        out = {}
        for name in ("stuck_at_lrs", "stuck_at_hrs", "overshoot"):
            rate: Rate = getattr(self, name)
            e = rate.estimate
            out[name] = {
                "count": rate.count, "cells": rate.cells,
                "rate": e.value, "low": e.low, "high": e.high,
            }  # fmt: skip
        return out


def find_faults(paths: Paths, states: States) -> FaultFit:
    """Find stuck and overshot cells.

    A cell is stuck where it lies within 5 % of the window of one end although its target is more
    than six robust standard deviations, and a quarter of the window, away. Only cells with such a
    target can show it, so only they count in the rate. Without targets nothing can be seen.

    Args:
        paths: Cells over time.
        states: Their targets.
    """
    nothing = np.zeros(len(paths), dtype=bool)
    beyond = Rate(int(states.overshoot.sum()), len(paths))
    if states.g_uS.size < 2:
        return FaultFit(Rate(0, 0), Rate(0, 0), beyond, nothing, states.overshoot)
    target = states.target_uS()
    known = states.code >= 0
    window = float(states.g_uS[-1] - states.g_uS[0])
    far = np.maximum(_FAR_SD * _spread_of(paths, states), _FAR_WINDOW * window)
    error = np.where(known, paths.g0_uS - target, 0.0)
    bottom, top = states.g_uS[0] + _END * window, states.g_uS[-1] - _END * window
    can_lrs = known & (states.g_uS[-1] - np.where(known, target, 0) > far)
    can_hrs = known & (np.where(known, target, 0) - states.g_uS[0] > far)
    lrs = can_lrs & (error > far) & (paths.g0_uS >= top)
    hrs = can_hrs & (error < -far) & (paths.g0_uS <= bottom)
    off = known & ~lrs & ~hrs & (np.abs(error) > far)
    overshoot = states.overshoot | off
    return FaultFit(
        Rate(int(lrs.sum()), int(can_lrs.sum())),
        Rate(int(hrs.sum()), int(can_hrs.sum())),
        Rate(int(overshoot.sum()), len(paths)),
        lrs | hrs,
        lrs | hrs | overshoot,
    )


def _spread_of(paths: Paths, states: States) -> Floats:
    """Return for each path the robust sd of its level, at least the usual one of all levels."""
    spreads = np.zeros(states.g_uS.size)
    for k in range(states.g_uS.size):
        mine = paths.g0_uS[states.code == k]
        if mine.size >= 5:
            low, high = np.quantile(mine, [0.16, 0.84])
            spreads[k] = (high - low) / 2
    usual = float(np.median(spreads[spreads > 0])) if (spreads > 0).any() else 0.0
    spreads = np.maximum(spreads, 0.5 * usual)
    return np.where(states.code >= 0, spreads[np.maximum(states.code, 0)], usual)
