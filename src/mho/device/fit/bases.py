"""Curves with free numbers: what the optimiser turns, and the laws that come out of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mho.device.curve import (
    LogTime,
    MonotoneSpline,
    PolynomialCurve,
    PowerTime,
    RootLogTime,
    StretchedTime,
)
from mho.device.tables.reads import Floats


@dataclass(frozen=True)
class Points:
    """Where a curve is wanted: ``x = g / reference`` (0 to about 1) and ln t; shape ``(n,)``."""

    x: Floats
    ln_t: Floats
    _known: dict[Any, Floats] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: Any, make: Callable[[], Floats]) -> Floats:
        """Return what ``make`` gives for these points, computed the first time only."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def powers(self, degree: int) -> Floats:
        """Return ``1, x, x², …`` up to a degree, shape ``(n, degree + 1)``."""
        return self.once(degree, lambda: _powers(self.x, degree))


class Basis(ABC):
    """A curve with ``size`` free numbers."""

    size: int

    @abstractmethod
    def start(self, points: Points, values: Floats) -> Floats:
        """Return free numbers that roughly give the values, shape ``(size,)``."""

    @abstractmethod
    def at(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Return the values ``(n,)`` and their derivatives ``(n, size)``."""

    @abstractmethod
    def law(self, theta: Floats, reference_uS: float) -> Any:
        """Return the curve as a law."""


def _powers(x: Floats, degree: int) -> Floats:
    return np.asarray(np.polynomial.polynomial.polyvander(x, degree), dtype=np.float64)


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{v:.7g}") for v in values)


class _Lagrange:
    """Polynomials by their values at nodes between ``low`` and ``high``."""

    def __init__(self, degree: int, low: float, high: float) -> None:
        if degree == 0:
            nodes = np.array([(low + high) / 2])
        else:
            nodes = low + (high - low) * (1 - np.cos(np.pi * np.arange(degree + 1) / degree)) / 2
        self.nodes = nodes
        self.inverse = np.linalg.inv(_powers(nodes, degree))
        self.degree = degree

    def at(self, points: Points) -> Floats:
        """Return the weight of each node at each x, shape ``(n, degree + 1)``."""
        return points.once(self, lambda: np.asarray(points.powers(self.degree) @ self.inverse))

    def coefficients(self, values: Floats) -> Floats:
        """Return ``c0, c1, …`` of the polynomial with these values at the nodes."""
        return np.asarray(self.inverse @ values)

    def solve(self, points: Points, values: Floats) -> Floats:
        """Return the values at the nodes of the best polynomial through points."""
        return np.asarray(np.linalg.lstsq(self.at(points), values, rcond=None)[0])


class FreePolynomial(Basis):
    """A polynomial in x of either sign."""

    def __init__(self, degree: int) -> None:
        self.degree, self.size = degree, degree + 1

    def start(self, points: Points, values: Floats) -> Floats:
        """Return the least-squares coefficients."""
        powers = points.powers(self.degree)
        return np.asarray(np.linalg.lstsq(powers, values, rcond=None)[0])

    def at(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Return values and derivatives."""
        powers = points.powers(self.degree)
        return np.asarray(powers @ theta), powers

    def law(self, theta: Floats, reference_uS: float) -> PolynomialCurve:
        """Return the polynomial."""
        return PolynomialCurve(coefficients=_tuple(theta), reference_uS=reference_uS)


class PositivePolynomial(Basis):
    """A polynomial in x, positive at its nodes: a spread."""

    def __init__(self, degree: int, low: float, high: float) -> None:
        self.inner = _Lagrange(degree, low, high)
        self.size = degree + 1

    def start(self, points: Points, values: Floats) -> Floats:
        """Return the logarithms of the best values at the nodes."""
        floor = 0.05 * float(np.median(values))
        return np.asarray(np.log(np.maximum(self.inner.solve(points, values), floor)))

    def at(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Return values and derivatives."""
        weights, values = self.inner.at(points), np.exp(theta)
        return np.asarray(weights @ values), weights * values

    def law(self, theta: Floats, reference_uS: float) -> PolynomialCurve:
        """Return the polynomial."""
        coefficients = self.inner.coefficients(np.exp(theta))
        return PolynomialCurve(coefficients=_tuple(coefficients), reference_uS=reference_uS)


class PositiveSpline(Basis):
    """A monotone cubic spline (PCHIP) through positive values at nodes."""

    def __init__(self, nodes: Floats) -> None:
        self.nodes, self.size = nodes, len(nodes)

    def start(self, points: Points, values: Floats) -> Floats:
        """Return the logarithms of the values near each node."""
        near = [values[np.abs(points.x - node).argsort()[:3]].mean() for node in self.nodes]
        return np.asarray(np.log(np.maximum(near, 0.05 * float(np.median(values)))))

    def at(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Return values and derivatives (by differences: the spline is not linear in them)."""
        x, where = np.unique(points.x, return_inverse=True)
        value = self._values(theta, x)
        slope = np.empty((len(x), self.size))
        for k in range(self.size):
            up, down = theta.copy(), theta.copy()
            up[k] += 1e-5
            down[k] -= 1e-5
            slope[:, k] = (self._values(up, x) - self._values(down, x)) / 2e-5
        return value[where], slope[where]

    def _values(self, theta: Floats, x: Floats) -> Floats:
        from scipy.interpolate import PchipInterpolator

        spline = PchipInterpolator(self.nodes, np.exp(theta))
        return np.asarray(spline(np.clip(x, self.nodes[0], self.nodes[-1])))

    def law(self, theta: Floats, reference_uS: float) -> MonotoneSpline:
        """Return the spline."""
        return MonotoneSpline(g_uS=_tuple(self.nodes * reference_uS), values=_tuple(np.exp(theta)))


class FreeLogTime(Basis):
    """``a(x) + b(x) ln t`` of either sign."""

    def __init__(self, degree: int, *, slope: bool) -> None:
        self.degree, self.slope = degree, slope
        self.size = (degree + 1) * (1 + slope)

    def _terms(self, points: Points) -> Floats:
        powers = points.powers(self.degree)
        if not self.slope:
            return powers
        return points.once(
            ("log-time", self.degree), lambda: np.hstack([powers, powers * points.ln_t[:, None]])
        )

    def start(self, points: Points, values: Floats) -> Floats:
        """Return the least-squares coefficients."""
        return np.asarray(np.linalg.lstsq(self._terms(points), values, rcond=None)[0])

    def at(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Return values and derivatives."""
        terms = self._terms(points)
        return np.asarray(terms @ theta), terms

    def law(self, theta: Floats, reference_uS: float) -> LogTime:
        """Return intercept and slope."""
        half = self.degree + 1
        slope = theta[half:] if self.slope else np.zeros(half)
        return LogTime(intercept_uS=_tuple(theta[:half]), slope_uS=_tuple(slope))


class PositiveLogTime(Basis):
    """``a(x) + b(x) ln t``, or its root, positive between the first and the last time."""

    def __init__(
        self, degree: int, span_x: tuple[float, float], span_ln_t: tuple[float, float], *,
        root: bool,
    ) -> None:  # fmt: skip
        self.inner = _Lagrange(degree, *span_x)
        self.first, self.last = span_ln_t
        self.slope = self.last > self.first
        self.root = root
        self.size = (degree + 1) * (1 + self.slope)

    def _weights(self, points: Points) -> Floats:
        return points.once(self, lambda: self._weigh(points))

    def _weigh(self, points: Points) -> Floats:
        nodes = self.inner.at(points)
        if not self.slope:
            return nodes
        share = ((points.ln_t - self.first) / (self.last - self.first))[:, None]
        return np.hstack([nodes * (1 - share), nodes * share])

    def start(self, points: Points, values: Floats) -> Floats:
        """Return the logarithms of the best values at the corners."""
        wanted = values**2 if self.root else values
        found = np.linalg.lstsq(self._weights(points), wanted, rcond=None)[0]
        return np.asarray(np.log(np.maximum(found, 0.05 * float(np.median(wanted)))))

    def at(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Return values and derivatives."""
        corners = np.exp(theta)
        value = self._weights(points) @ corners
        slope = self._weights(points) * corners
        if not self.root:
            return value, slope
        root = np.sqrt(np.maximum(value, 1e-12))
        return root, slope / (2 * root[:, None])

    def law(self, theta: Floats, reference_uS: float) -> LogTime | RootLogTime:
        """Return intercept and slope."""
        half = self.inner.degree + 1
        corners = np.exp(theta)
        early = self.inner.coefficients(corners[:half])
        slope = np.zeros(half)
        if self.slope:
            late = self.inner.coefficients(corners[half:])
            slope = (late - early) / (self.last - self.first)
            early = early - slope * self.first
        if self.root:
            return RootLogTime(intercept_uS2=_tuple(early), slope_uS2=_tuple(slope))
        return LogTime(intercept_uS=_tuple(early), slope_uS=_tuple(slope))


class _Scaled(Basis):
    """``a(x) h(t)``: a polynomial of either sign (a mean) or a positive one (a spread)."""

    extra: int

    def __init__(self, degree: int, span_x: tuple[float, float], *, positive: bool) -> None:
        self.scale: Basis = (
            PositivePolynomial(degree, *span_x) if positive else FreePolynomial(degree)
        )
        self.size = self.scale.size + self.extra

    @abstractmethod
    def _growth(self, free: Floats, ln_t: Floats) -> tuple[Floats, Floats]:
        """Return ``h(t)`` and its derivatives in the free numbers, ``(n, extra)``."""

    @abstractmethod
    def _free(self, points: Points, values: Floats) -> Floats:
        """Return free numbers of ``h`` to start from."""

    def start(self, points: Points, values: Floats) -> Floats:
        """Return a start: the growth's own, and the scale that then fits best."""
        free = self._free(points, values)
        growth = self._growth(free, points.ln_t)[0]
        return np.concatenate([self.scale.start(points, values / np.maximum(growth, 1e-6)), free])

    def at(self, theta: Floats, points: Points) -> tuple[Floats, Floats]:
        """Return values and derivatives."""
        scale, slope = self.scale.at(theta[: -self.extra], points)
        growth, growth_slope = self._growth(theta[-self.extra :], points.ln_t)
        derivatives = np.hstack([slope * growth[:, None], scale[:, None] * growth_slope])
        return scale * growth, derivatives

    def _coefficients(self, theta: Floats) -> tuple[float, ...]:
        law: PolynomialCurve = self.scale.law(theta[: -self.extra], 1.0)
        return law.coefficients


class Power(_Scaled):
    """``a(x) t^n``."""

    extra = 1

    def _growth(self, free: Floats, ln_t: Floats) -> tuple[Floats, Floats]:
        growth = np.exp(np.clip(free[0], -3, 3) * ln_t)
        return growth, (growth * ln_t)[:, None]

    def _free(self, points: Points, values: Floats) -> Floats:
        size = np.log(np.maximum(np.abs(values), 1e-3 * np.abs(values).max() + 1e-12))
        steep = np.polyfit(points.ln_t, size, 1)[0] if np.ptp(points.ln_t) > 0 else 0.0
        return np.array([np.clip(steep, -1, 1)])

    def law(self, theta: Floats, reference_uS: float) -> PowerTime:
        """Return scale and exponent."""
        return PowerTime(scale_uS=self._coefficients(theta), exponent=float(f"{theta[-1]:.7g}"))


class Stretched(_Scaled):
    """``a(x) (1 - exp(-(t / tau)^beta))``; free are ln tau and the logit of beta."""

    extra = 2

    def _growth(self, free: Floats, ln_t: Floats) -> tuple[Floats, Floats]:
        beta = 1 / (1 + math.exp(-float(np.clip(free[1], -6, 8))))
        away = ln_t - np.clip(free[0], -40, 60)
        power = np.exp(np.clip(beta * away, -60, 6))
        growth = -np.expm1(-power)
        slope = np.exp(-power) * power
        d_tau = -slope * beta
        d_beta = slope * away * beta * (1 - beta)
        return growth, np.stack([d_tau, d_beta], axis=1)

    def _free(self, points: Points, values: Floats) -> Floats:
        return np.array([float(np.median(points.ln_t)), -1.5])

    def law(self, theta: Floats, reference_uS: float) -> StretchedTime:
        """Return scale, tau and beta."""
        return StretchedTime(
            scale_uS=self._coefficients(theta),
            tau_s=float(f"{math.exp(float(np.clip(theta[-2], -40, 60))):.7g}"),
            beta=float(f"{1 / (1 + math.exp(-float(np.clip(theta[-1], -6, 8)))):.7g}"),
        )
