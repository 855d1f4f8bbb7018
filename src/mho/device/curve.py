"""Curves: how one figure of a law depends on conductance, and on the time since programming."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Array, Law

Coefficients = Annotated[tuple[float, ...], Field(min_length=1)]


def polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Return ``c0 + c1 x + c2 x² + …`` in the dtype of ``x``."""
    value = np.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value = value * x + np.asarray(c, x.dtype)
    return value


class PolynomialCurve(Law):
    """``c0 + c1 x + c2 x² + …`` with ``x = g / reference_uS``."""

    form: Literal["polynomial"] = "polynomial"
    coefficients: Coefficients
    reference_uS: Annotated[float, Field(gt=0)] = 1.0

    def at(self, g: Array) -> Array:
        """Return the curve at conductances in µS, shape of ``g``."""
        return polynomial(g / np.asarray(self.reference_uS, g.dtype), self.coefficients)


class MonotoneSpline(Law):
    """A cubic spline through points that overshoots none of them (PCHIP); constant outside."""

    form: Literal["monotone-spline"] = "monotone-spline"
    g_uS: Annotated[tuple[float, ...], Field(min_length=2)]
    values: tuple[float, ...]

    @model_validator(mode="after")
    def _consistent(self) -> MonotoneSpline:
        if len(self.g_uS) != len(self.values):
            raise ValueError("g_uS and values must have the same length")
        if any(b <= a for a, b in pairwise(self.g_uS)):
            raise ValueError("g_uS must ascend strictly")
        return self

    def at(self, g: Array) -> Array:
        """Return the curve at conductances in µS, shape of ``g``."""
        from scipy.interpolate import PchipInterpolator

        spline = PchipInterpolator(self.g_uS, self.values)
        return np.asarray(spline(np.clip(g, self.g_uS[0], self.g_uS[-1])), dtype=g.dtype)


Curve = Annotated[PolynomialCurve | MonotoneSpline, Field(discriminator="form")]


class LogTime(Law):
    """``a(x) + b(x) ln t``."""

    form: Literal["log-time"] = "log-time"
    intercept_uS: Coefficients
    slope_uS: Coefficients

    def at(self, x: Array, t_s: float) -> Array:
        """Return the value in µS at ``x = g / reference``, shape of ``x``."""
        a, b = polynomial(x, self.intercept_uS), polynomial(x, self.slope_uS)
        return np.asarray(a + b * np.asarray(math.log(t_s), x.dtype), dtype=x.dtype)


class RootLogTime(Law):
    """``sqrt(a(x) + b(x) ln t)``: the square, a variance, is linear in ln t."""

    form: Literal["root-log-time"] = "root-log-time"
    intercept_uS2: Coefficients
    slope_uS2: Coefficients

    def at(self, x: Array, t_s: float) -> Array:
        """Return the value in µS at ``x = g / reference``, shape of ``x``."""
        a, b = polynomial(x, self.intercept_uS2), polynomial(x, self.slope_uS2)
        square = a + b * np.asarray(math.log(t_s), x.dtype)
        return np.asarray(np.sqrt(np.maximum(square, 0)), dtype=x.dtype)


class PowerTime(Law):
    """``a(x) t^n`` with t in s."""

    form: Literal["power"] = "power"
    scale_uS: Coefficients
    exponent: float

    def at(self, x: Array, t_s: float) -> Array:
        """Return the value in µS at ``x = g / reference``, shape of ``x``."""
        growth = np.asarray(t_s**self.exponent, x.dtype)
        return np.asarray(polynomial(x, self.scale_uS) * growth, dtype=x.dtype)


class StretchedTime(Law):
    """``a(x) (1 - exp(-(t / tau)^beta))``: a stretched exponential that settles at ``a``."""

    form: Literal["stretched"] = "stretched"
    scale_uS: Coefficients
    tau_s: Annotated[float, Field(gt=0)]
    beta: Annotated[float, Field(gt=0, le=1)]

    def at(self, x: Array, t_s: float) -> Array:
        """Return the value in µS at ``x = g / reference``, shape of ``x``."""
        share = -math.expm1(-((t_s / self.tau_s) ** self.beta))
        return np.asarray(polynomial(x, self.scale_uS) * np.asarray(share, x.dtype))


TimeCurve = Annotated[
    LogTime | RootLogTime | PowerTime | StretchedTime, Field(discriminator="form")
]
