"""Drift: how conductance changes with the time since programming, mean and spread.

A drift law gives the change of a cell as a function of its programmed conductance, the time and
one standard normal *score*: ``change(g, t, score)``. The score is where the cell stands among its
like at that time; how it moves from one time to the next is the memory law (``memory.py``).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Array, Law
from mho.device.programming import polynomial


class NoDrift(Law):
    """Conductances stay as programmed."""

    law: Literal["none"] = "none"

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return zeros (µS)."""
        return np.zeros_like(g)


class LogTimeDrift(Law):
    """Normal change, the same at every level, mean and sd linear in ln t (t in s).

    ``mean = mean_intercept + mean_slope ln t`` and ``sd = sd_intercept + sd_slope ln t`` in µS; a
    negative sd counts as 0. Source of the form: Falcone et al. 2025 (arXiv 2502.04524).
    """

    law: Literal["log-time"] = "log-time"
    mean_slope_uS: float
    mean_intercept_uS: float = 0.0
    sd_slope_uS: float
    sd_intercept_uS: float

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        ln_t = math.log(t_s)
        mean = self.mean_intercept_uS + self.mean_slope_uS * ln_t
        sd = max(self.sd_intercept_uS + self.sd_slope_uS * ln_t, 0.0)
        return np.asarray(mean, g.dtype) + np.asarray(sd, g.dtype) * score


class TabulatedDrift(Law):
    """Normal change with mean and sd as polynomials of ``x = g / reference_uS`` at listed times.

    Between two times mean and sd are interpolated linearly in ln t; outside them they stay.
    """

    law: Literal["tabulated"] = "tabulated"
    times_s: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
    mean_uS: tuple[tuple[float, ...], ...]
    sd_uS: tuple[tuple[float, ...], ...]
    reference_uS: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _consistent(self) -> TabulatedDrift:
        if not len(self.times_s) == len(self.mean_uS) == len(self.sd_uS):
            raise ValueError("times_s, mean_uS and sd_uS must have the same length")
        if any(b <= a for a, b in zip(self.times_s, self.times_s[1:], strict=False)):
            raise ValueError("times_s must ascend strictly")
        return self

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        x = g / np.asarray(self.reference_uS, g.dtype)
        position = float(
            np.interp(math.log(t_s), np.log(self.times_s), np.arange(len(self.times_s)))
        )
        low = int(position)
        share = position - low
        mean = polynomial(x, self.mean_uS[low])
        sd = np.maximum(polynomial(x, self.sd_uS[low]), 0)
        if share:
            mean = (1 - share) * mean + share * polynomial(x, self.mean_uS[low + 1])
            sd = (1 - share) * sd + share * np.maximum(polynomial(x, self.sd_uS[low + 1]), 0)
        return (mean + sd * score).astype(g.dtype)


class PowerLawDrift(Law):
    """``g(t) = g (t / t0)^-nu`` with an exponent frozen per cell, ``nu = |N(mu, s)|``.

    With ``x = g / reference_uS``: ``mu = clip(mu_slope ln x + mu_intercept, *mu_range)`` and
    ``s = clip(s_slope ln x + s_intercept, *s_range)``. Before ``t0_s`` nothing has drifted. The
    score gives ``nu = |mu + s * score|``, so this law belongs with frozen memory. Source of the
    form: Nandakumar et al., ICECS 2019.
    """

    law: Literal["power-law"] = "power-law"
    t0_s: Annotated[float, Field(gt=0)]
    mu_slope: float = 0.0
    mu_intercept: float
    mu_range: tuple[float, float] = (-math.inf, math.inf)
    s_slope: float = 0.0
    s_intercept: float
    s_range: tuple[float, float] = (0.0, math.inf)
    reference_uS: Annotated[float, Field(gt=0)] = 1.0

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        ln_x = np.log(np.maximum(g / self.reference_uS, 1e-6))  # g = 0 stays 0, not NaN
        mu = np.clip(self.mu_slope * ln_x + self.mu_intercept, *self.mu_range)
        s = np.clip(self.s_slope * ln_x + self.s_intercept, *self.s_range)
        decay = np.exp(-np.abs(mu + s * score) * max(math.log(t_s / self.t0_s), 0.0))
        return (g * (decay - 1)).astype(g.dtype)


Drift = Annotated[
    NoDrift | LogTimeDrift | TabulatedDrift | PowerLawDrift, Field(discriminator="law")
]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def drift_moments(drift: Drift, g: Array, t_s: float) -> tuple[Array, Array]:
    """Return mean and standard deviation of the change over cells, by Gauss–Hermite quadrature.

    Args:
        drift: Any drift law.
        g: Programmed conductances in µS, any shape.
        t_s: Time since programming in s; at 0 nothing has changed.

    Returns:
        Mean and sd in µS, each of the shape of ``g``.

    >>> law = LogTimeDrift(mean_slope_uS=-0.1, sd_slope_uS=0.0, sd_intercept_uS=0.4)
    >>> mean, sd = drift_moments(law, np.array([20.0]), math.e)
    >>> round(float(mean[0]), 6), round(float(sd[0]), 6)
    (-0.1, 0.4)
    """
    g = np.asarray(g, dtype=np.float64)
    if t_s == 0:
        return np.zeros_like(g), np.zeros_like(g)
    cells = np.broadcast_to(g[..., None], (*g.shape, _NODES.size))
    change = drift.change(cells, t_s, np.broadcast_to(_NODES, cells.shape))
    mean = (change * _WEIGHTS).sum(-1)
    variance = ((change - mean[..., None]) ** 2 * _WEIGHTS).sum(-1)
    return mean, np.sqrt(variance)
