"""Drift: how conductance changes with the time since programming, mean and spread.

A drift law gives the change of a cell as a function of its programmed conductance, the time and
one standard normal *score*: ``change(g, t, score)``. The score is where the cell stands among its
like at that time; how it moves from one time to the next is the memory law (``memory.py``). A law
with ``frozen_only`` gives each cell a constant of its own: it makes sense with frozen memory only.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.continued import ContinuedDrift
from mho.device.curve import polynomial
from mho.device.law import Array, Law
from mho.device.levels import Window
from mho.device.quantiles import QuantileDrift
from mho.device.saturating import SaturatingDrift
from mho.device.shaped import ShapedDrift
from mho.device.temperature import AcceleratedDrift


class NoDrift(Law):
    """Conductances stay as programmed."""

    law: Literal["none"] = "none"
    frozen_only: ClassVar[bool] = False

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return zeros (µS)."""
        return np.zeros_like(g)


class LogTimeDrift(Law):
    """Normal change, the same at every level, mean and sd linear in ln t (t in s).

    ``mean = mean_intercept + mean_slope ln t`` and ``sd = sd_intercept + sd_slope ln t`` in µS; a
    negative sd counts as 0. Source of the form: Falcone et al. 2025 (arXiv 2502.04524).
    """

    law: Literal["log-time"] = "log-time"
    frozen_only: ClassVar[bool] = False
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
    frozen_only: ClassVar[bool] = False
    times_s: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
    mean_uS: tuple[tuple[float, ...], ...]
    sd_uS: tuple[tuple[float, ...], ...]
    reference_uS: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _consistent(self) -> TabulatedDrift:
        if not len(self.times_s) == len(self.mean_uS) == len(self.sd_uS):
            raise ValueError("times_s, mean_uS and sd_uS must have the same length")
        if any(b <= a for a, b in pairwise(self.times_s)):
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
    frozen_only: ClassVar[bool] = True
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
        return np.asarray(g * (decay - 1), dtype=g.dtype)


class ScaledDrift(Law):
    """Another drift law, fitted into another window and made milder or more severe.

    ``change(g) = k (f_m c0(g') + f_s (c(g') - c0(g')))`` with the inner law's change ``c``, its
    change ``c0`` of the middle cell (score 0), ``k = width / inner width`` and
    ``g' = inner g_min + (g - g_min) / k``.

    Weights are affine in conductance, so this affine map keeps what a network sees: a cell at some
    share of this window moves by the same share of the window as the inner device's cell there.
    For a level-independent law only ``k`` matters; for a law proportional to g (PCM) the cell at
    g_min moves as the inner device's cell at *its* g_min does, whatever the ratio of the two. A
    cell that programming left outside the window drifts like one at its edge, because an inner law
    was never measured beyond its own window. Without windows ``g' = g`` and ``k = 1``.

    Args:
        inner: The law to rescale.
        window_uS: This device's ``(g_min, g_max)``.
        inner_window_uS: The inner law's ``(g_min, g_max)``.
        mean_factor: ``f_m``; for normal laws the factor on the mean change.
        spread_factor: ``f_s``; for normal laws the factor on the standard deviation.
    """

    law: Literal["scaled"] = "scaled"
    inner: Drift
    window_uS: Window | None = None
    inner_window_uS: Window | None = None
    mean_factor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    spread_factor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _windows(self) -> ScaledDrift:
        if (self.window_uS is None) != (self.inner_window_uS is None):
            raise ValueError("give both window_uS and inner_window_uS, or neither")
        for low, high in (w for w in (self.window_uS, self.inner_window_uS) if w):
            if not 0 <= low < high:
                raise ValueError(f"a window needs 0 <= g_min < g_max, not ({low:g}, {high:g})")
        return self

    @property
    def frozen_only(self) -> bool:
        """Whether the inner law gives each cell a constant of its own."""
        return self.inner.frozen_only

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        scale, g = self._into_inner_window(g)
        change = self.inner.change(g, t_s, score)
        if (self.mean_factor, self.spread_factor) != (1.0, 1.0):
            middle = self.inner.change(g, t_s, np.zeros_like(g))
            change = self.mean_factor * middle + self.spread_factor * (change - middle)
        return np.asarray(scale * change, dtype=g.dtype)

    def _into_inner_window(self, g: Array) -> tuple[float, Array]:
        """Return ``k`` and ``g'``."""
        if self.window_uS is None or self.inner_window_uS is None:
            return 1.0, g
        (low, high), (inner_low, inner_high) = self.window_uS, self.inner_window_uS
        scale = (high - low) / (inner_high - inner_low)
        inside = np.clip(g, low, high)
        return scale, np.asarray(inner_low + (inside - low) / scale, dtype=g.dtype)


Drift = Annotated[
    NoDrift
    | LogTimeDrift
    | TabulatedDrift
    | PowerLawDrift
    | SaturatingDrift
    | QuantileDrift
    | ShapedDrift
    | ContinuedDrift
    | AcceleratedDrift
    | ScaledDrift,
    Field(discriminator="law"),
]
ScaledDrift.model_rebuild()
AcceleratedDrift.model_rebuild(_types_namespace={"Drift": Drift})
ContinuedDrift.model_rebuild(_types_namespace={"Drift": Drift})

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
