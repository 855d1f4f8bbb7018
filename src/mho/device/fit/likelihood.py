"""Maximum likelihood of a shape around a middle curve, with intervals that respect cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from mho.device.fit.bases import Basis, Points
from mho.device.fit.densities import ShapeFamily, gamma_terms
from mho.device.tables.reads import Codes, Floats

_Z = 1.959963984540054


@dataclass(frozen=True)
class Sample:
    """Values to describe, where they were measured, and on which cell.

    Args:
        points: Conductance and time of each value.
        value: What was measured, in the family's own domain, shape ``(n,)``.
        cell: Which cell each value is of: reads of one cell are not independent.
        offset: Log of the derivative that turns a density of ``value`` into one of µS.
        at_zero: Which values were read as 0 µS: a conductance ends there, so that all is known of
            the value is that it lies there or below; None where none was.
    """

    points: Points
    value: Floats
    cell: Codes
    offset: Floats | float = 0.0
    at_zero: npt.NDArray[np.bool_] | None = None

    def take(self, which: Any) -> Sample:
        """Return some of the values."""
        offset = self.offset if isinstance(self.offset, float) else self.offset[which]
        points = Points(self.points.x[which], self.points.ln_t[which])
        at_zero = None if self.at_zero is None else self.at_zero[which]
        return Sample(points, self.value[which], self.cell[which], offset, at_zero)


class _Terms(NamedTuple):
    """Log densities, their derivatives in middle and spread, and those in the free numbers."""

    log_f: Floats
    d_middle: Floats
    d_spread: Floats
    middle: Floats
    spread: Floats


@dataclass(frozen=True)
class Model:
    """A family: a middle and a spread curve, and the shape around them.

    Args:
        middle: Curve of the mean (of ``value``).
        spread: Curve of the sd; of the coefficient of variation for a gamma law.
        shape: The standardised shape; None for a gamma law of the ratio to the target.
    """

    middle: Basis
    spread: Basis
    shape: ShapeFamily | None

    @property
    def has_parameter(self) -> bool:
        """Whether the shape has a parameter of its own."""
        return self.shape is not None and self.shape.parameter is not None

    @property
    def size(self) -> int:
        """How many free numbers there are."""
        return self.middle.size + self.spread.size + self.has_parameter

    def split(self, theta: Floats) -> tuple[Floats, Floats, float]:
        """Return the free numbers of the middle, of the spread, and the shape's parameter."""
        first, second = self.middle.size, self.middle.size + self.spread.size
        parameter = 0.0
        if self.shape is not None and self.shape.parameter is not None:
            parameter = self.shape.parameter(float(theta[second]))
        return theta[:first], theta[first:second], parameter

    def log_density(self, theta: Floats, sample: Sample) -> Floats:
        """Return the log density of each value, per µS."""
        return self._terms(theta, sample).log_f + sample.offset

    def scores(self, theta: Floats, sample: Sample) -> tuple[Floats, Floats]:
        """Return log densities ``(n,)`` and their derivatives ``(n, size)``."""
        terms = self._terms(theta, sample)
        parts = [terms.d_middle[:, None] * terms.middle, terms.d_spread[:, None] * terms.spread]
        if self.has_parameter:
            parts.append(self._parameter_slope(theta, sample)[:, None])
        return terms.log_f + sample.offset, np.hstack(parts)

    def total(self, theta: Floats, sample: Sample) -> tuple[float, Floats]:
        """Return the log-likelihood of all values and its derivatives ``(size,)``."""
        terms = self._terms(theta, sample)
        parts = [terms.middle.T @ terms.d_middle, terms.spread.T @ terms.d_spread]
        if self.has_parameter:
            parts.append(self._parameter_slope(theta, sample).sum(keepdims=True))
        return float((terms.log_f + sample.offset).sum()), np.concatenate(parts)

    def _parameter_slope(self, theta: Floats, sample: Sample) -> Floats:
        """Return the derivative in the shape's own number, by differences: the rest is fixed."""
        assert self.shape is not None
        assert self.shape.parameter is not None
        of_middle, of_spread, _ = self.split(theta)
        middle = self.middle.at(of_middle, sample.points)[0]
        e = (sample.value - middle) / self._spread(of_spread, sample)[0]
        low, high = (self.shape.parameter(float(theta[-1]) + d) for d in (-1e-4, 1e-4))
        up, down = (self._shape_terms(e, p, sample)[0] for p in (high, low))
        return (up - down) / 2e-4

    def _shape_terms(
        self, e: Floats, parameter: float, sample: Sample
    ) -> tuple[Floats, Floats, Floats | float]:
        """Return log densities of standardised values, their slopes, and 1 where one is a density.

        Where a reading is 0 it is the share below instead: the law may go on, the cell cannot.
        """
        assert self.shape is not None
        log_f, slope = self.shape.density(e, parameter)
        if sample.at_zero is None:
            return log_f, slope, 1.0
        zero = sample.at_zero
        below = self.shape.log_below(e[zero], parameter)
        slope[zero] = np.exp(log_f[zero] - below)
        log_f[zero] = below
        return log_f, slope, np.where(zero, 0.0, 1.0)

    def _spread(self, theta: Floats, sample: Sample) -> tuple[Floats, Floats]:
        spread, slope = self.spread.at(theta, sample.points)
        return np.maximum(spread, 1e-6 * (float(np.abs(sample.value).max()) + 1e-12)), slope

    def _terms(self, theta: Floats, sample: Sample) -> _Terms:
        of_middle, of_spread, parameter = self.split(theta)
        middle, middle_slope = self.middle.at(of_middle, sample.points)
        spread, spread_slope = self._spread(of_spread, sample)
        if self.shape is None:
            log_f, d_middle, d_spread = gamma_terms(sample.value, middle, spread)
        else:
            e = (sample.value - middle) / spread
            standard, slope, one = self._shape_terms(e, parameter, sample)
            log_f = standard - one * np.log(spread)
            d_middle = -slope / spread
            d_spread = -(slope * e + one) / spread
        return _Terms(log_f, d_middle, d_spread, middle_slope, spread_slope)


@dataclass(frozen=True)
class Estimate:
    """One number of a law with its 95 % interval."""

    value: float
    low: float
    high: float


def maximise(model: Model, sample: Sample, start: Floats) -> tuple[Floats, float]:
    """Return the free numbers of the highest likelihood, and the log-likelihood."""
    n = len(sample.value)

    def cost(theta: Floats) -> tuple[float, Floats]:
        value, slope = model.total(theta, sample)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return 1e10, np.zeros_like(theta)
        return -value / n, -slope / n

    found = minimize(cost, start, jac=True, method="BFGS", options={"gtol": 1e-5, "maxiter": 300})
    return np.asarray(found.x, dtype=np.float64), -float(found.fun) * n


def covariance(model: Model, theta: Floats, sample: Sample) -> Floats:
    """Return the covariance of the free numbers, robust to the dependence of one cell's reads.

    The sandwich ``H⁻¹ J H⁻¹``: H the curvature of the log-likelihood, J the sum over cells of the
    outer product of a cell's score.
    """
    p = len(theta)
    curvature = np.empty((p, p))
    for k in range(p):
        step = 1e-4 * max(1.0, abs(theta[k]))
        up, down = theta.copy(), theta.copy()
        up[k] += step
        down[k] -= step
        change = model.scores(up, sample)[1] - model.scores(down, sample)[1]
        curvature[k] = -change.sum(axis=0) / (2 * step)
    curvature = (curvature + curvature.T) / 2
    _, cell = np.unique(sample.cell, return_inverse=True)
    by_cell = np.zeros((int(cell.max()) + 1, p))
    np.add.at(by_cell, cell, model.scores(theta, sample)[1])
    inverse = np.linalg.pinv(curvature, rcond=1e-12)
    return np.asarray(inverse @ (by_cell.T @ by_cell) @ inverse)


def intervals(
    leaves: Callable[[Floats], Mapping[str, float]], theta: Floats, cov: Floats
) -> dict[str, Estimate]:
    """Return 95 % intervals of the numbers on a card, by the delta method.

    Numbers that can only be positive (df above 2, beta, tau) have theirs in the logarithm.
    """
    centre = leaves(theta)
    jacobian = np.empty((len(centre), len(theta)))
    for k in range(len(theta)):
        step = 1e-4 * max(1.0, abs(theta[k]))
        up, down = theta.copy(), theta.copy()
        up[k] += step
        down[k] -= step
        high, low = leaves(up), leaves(down)
        jacobian[:, k] = [(high[name] - low[name]) / (2 * step) for name in centre]
    errors = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", jacobian, cov, jacobian), 0))
    out = {}
    for (name, value), error in zip(centre.items(), errors, strict=True):
        leaf = name.rsplit(".", 1)[-1]
        if leaf in ("df", "beta", "tau_s"):
            zero = 2.0 if leaf == "df" else 0.0
            factor = float(np.exp(min(_Z * error / max(value - zero, 1e-12), 50.0)))
            size = value - zero
            out[name] = Estimate(value, zero + size / factor, zero + size * factor)
        else:
            out[name] = Estimate(value, value - _Z * float(error), value + _Z * float(error))
    return out


def numbers(plain: Any, prefix: str = "") -> dict[str, float]:
    """Return the numbers of a law's plain data by their place, such as ``"sd_uS.coefficients.0"``.

    >>> numbers({"shape": {"df": 5.0}, "values": [1, 2]})
    {'shape.df': 5.0, 'values.0': 1.0, 'values.1': 2.0}
    """
    if isinstance(plain, Mapping):
        items: Any = plain.items()
    elif isinstance(plain, list | tuple):
        items = ((str(k), v) for k, v in enumerate(plain))
    else:
        return {prefix.rstrip("."): float(plain)} if isinstance(plain, int | float) else {}
    found: dict[str, float] = {}
    for key, value in items:
        found |= numbers(value, f"{prefix}{key}.")
    return found
