"""The restricted likelihood of nested groups: how much each level of a hierarchy varies.

For values grouped into dies, dies into wafers, wafers into lots, the likelihood of the variances is
a short recursion from the cells upwards; it gives intervals by profile likelihood at little cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize

from mho.device.fit.likelihood import Estimate
from mho.device.tables.reads import Codes, Floats

_CHI2 = 3.841458820694124
"""95 % quantile of chi-squared with one degree of freedom."""
_TINY = 1e-9


@dataclass(frozen=True)
class Nested:
    """Values with their group at each level, the innermost first.

    Args:
        value: One value a unit, shape ``(n,)``.
        parents: For each level, which group each unit of the level below is in: the first has
            shape ``(n,)``, the next one an entry a group of the first, and so on.
    """

    value: Floats
    parents: Sequence[Codes]

    def log_likelihood(self, variances: Floats) -> float:
        """Return the restricted log-likelihood (up to a constant).

        Args:
            variances: Of the units inside their groups, then of each level's groups; shape
                ``(levels + 1,)``.
        """
        mean, known = self.value, np.zeros_like(self.value)
        total = 0.0
        tops = [*self.parents, np.zeros(int(self.parents[-1].max()) + 1, dtype=np.int64)]
        for variance, group in zip(variances, tops, strict=True):
            v = known + variance
            weight = np.bincount(group, weights=1 / v)
            centre = np.bincount(group, weights=mean / v) / weight
            away = np.bincount(group, weights=(mean - centre[group]) ** 2 / v)
            total -= 0.5 * float(np.log(v).sum() + np.log(weight).sum() + away.sum())
            mean, known = centre, 1 / weight
        return total

    def intervals(self, found: Floats) -> list[Estimate]:
        """Return each variance with its 95 % profile-likelihood interval.

        Args:
            found: The variances of the highest restricted likelihood.
        """
        scale = float(found.sum())
        best = self._best(np.log(np.maximum(found, _TINY * scale)), scale)
        top = self._value(best, scale)
        return [self._profile(best, k, top, scale) for k in range(len(found))]

    def _value(self, log_variances: Floats, scale: float) -> float:
        return self.log_likelihood(np.exp(log_variances) + _TINY * scale)

    def _best(self, start: Floats, scale: float, fixed: int | None = None) -> Floats:
        """Return the log variances of the highest likelihood, one of them held where asked."""
        free = [k for k in range(len(start)) if k != fixed]
        if not free:
            return start

        def cost(x: Floats) -> float:
            full = start.copy()
            full[free] = np.clip(x, np.log(_TINY * scale), np.log(1e3 * scale))
            return -self._value(full, scale)

        found = minimize(cost, start[free], method="Nelder-Mead", options={"xatol": 1e-4})
        out = start.copy()
        out[free] = np.clip(found.x, np.log(_TINY * scale), np.log(1e3 * scale))
        return out

    def _profile(self, best: Floats, k: int, top: float, scale: float) -> Estimate:
        def short(log_variance: float) -> float:
            held = best.copy()
            held[k] = log_variance
            return 2 * (top - self._value(self._best(held, scale, k), scale)) - _CHI2

        lowest, highest = float(np.log(_TINY * scale)), float(np.log(1e3 * scale))
        value = float(np.exp(best[k]))
        low = high = float(best[k])
        step = 0.3
        while low > lowest and short(low) < 0:
            low, step = max(low - step, lowest), 2 * step
        step = 0.3
        while high < highest and short(high) < 0:
            high, step = min(high + step, highest), 2 * step
        bottom = 0.0 if low <= lowest and short(low) < 0 else _edge(short, low, float(best[k]))
        return Estimate(value, bottom, _edge(short, float(best[k]), high))


def _edge(short: object, low: float, high: float) -> float:
    """Return the variance at which the profile crosses the 95 % line between two of its logs."""
    assert callable(short)
    if low == high or short(low) * short(high) > 0:
        return float(np.exp(high if short(high) < 0 else low))
    return float(np.exp(brentq(short, low, high, xtol=1e-3)))
