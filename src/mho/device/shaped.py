"""Parametric laws fitted to measurements: a shape, with its middle and spread as curves."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mho.device.curve import Curve, TimeCurve
from mho.device.law import Array, Law
from mho.device.levels import Window
from mho.device.quantiles import look_up
from mho.device.shapes import Shape

_SCORES = np.linspace(-6.0, 6.0, 241)
_NODES = 65


class ShapedSpread(Law):
    """``g = g_target + bias(g_target) + sd(g_target) * e``, with e of a standardised shape."""

    law: Literal["shaped"] = "shaped"
    shape: Shape
    bias_uS: Curve
    sd_uS: Curve

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        sd = np.maximum(self.sd_uS.at(g_target), 0)
        error = self.bias_uS.at(g_target) + sd * self.shape.error(score)
        return np.asarray(g_target + error, dtype=g_target.dtype)


class RelativeSpread(Law):
    """``g = g_target exp(bias + sd * e)``: lognormal for a normal e, log-logistic for a logistic.

    ``bias_ln`` and ``sd_ln`` are the mean and sd of ln(g / g_target).
    """

    law: Literal["relative"] = "relative"
    shape: Shape
    bias_ln: Curve
    sd_ln: Curve

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        sd = np.maximum(self.sd_ln.at(g_target), 0)
        ln = self.bias_ln.at(g_target) + sd * self.shape.error(score)
        return np.asarray(g_target * np.exp(ln), dtype=g_target.dtype)


class GammaSpread(Law):
    """Gamma law of mean ``g_target exp(bias_ln)`` and coefficient of variation ``cv``."""

    law: Literal["gamma"] = "gamma"
    bias_ln: Curve
    cv: Curve

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        from scipy.special import gammaincinv, ndtr

        low, high = float(np.min(g_target)), float(np.max(g_target))
        nodes = np.linspace(low, high, _NODES) if high > low else np.array([low])
        mean = nodes * np.exp(self.bias_ln.at(nodes))
        count = 1 / np.maximum(self.cv.at(nodes), 1e-4) ** 2
        rows = (mean / count)[:, None] * gammaincinv(count[:, None], ndtr(_SCORES)[None, :])
        return look_up(rows, nodes, float(_SCORES[-1]), g_target, score)


class ShapedDrift(Law):
    """``change = mean(g, t) + sd(g, t) * e``, with e of a standardised shape.

    Both are curves of ``x = g / reference_uS`` and of the time; a negative sd counts as 0.
    """

    law: Literal["shaped"] = "shaped"
    frozen_only: ClassVar[bool] = False
    shape: Shape
    mean_uS: TimeCurve
    sd_uS: TimeCurve
    reference_uS: Annotated[float, Field(gt=0)] = 1.0

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        x = g / np.asarray(self.reference_uS, g.dtype)
        sd = np.maximum(self.sd_uS.at(x, t_s), 0)
        return np.asarray(self.mean_uS.at(x, t_s) + sd * self.shape.error(score), dtype=g.dtype)
