"""Log densities of standardised shapes, with what a likelihood fit needs beside them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaincc, gammaln, log_ndtr, ndtr, owens_t, stdtr

from mho.device.shapes import (
    ExponentialPowerShape,
    LogisticShape,
    NormalShape,
    SkewNormalShape,
    StudentShape,
)
from mho.device.tables.reads import Floats

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


def _normal(e: Floats, _: float) -> tuple[Floats, Floats]:
    return -0.5 * e**2 - _LOG_ROOT_2PI, -e


def _student(e: Floats, df: float) -> tuple[Floats, Floats]:
    scale = math.sqrt((df - 2) / df)
    u = e / scale
    constant = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * math.log(df * math.pi)
    log_f = constant - 0.5 * (df + 1) * np.log1p(u**2 / df) - math.log(scale)
    return log_f, -(df + 1) * u / (df + u**2) / scale


def _logistic(e: Floats, _: float) -> tuple[Floats, Floats]:
    scale = math.sqrt(3) / math.pi
    u = e / scale
    log_f = -np.abs(u) - 2 * np.log1p(np.exp(-np.abs(u))) - math.log(scale)
    return log_f, -np.tanh(u / 2) / scale


def _exponential_power(e: Floats, beta: float) -> tuple[Floats, Floats]:
    scale = math.exp(0.5 * (math.lgamma(1 / beta) - math.lgamma(3 / beta)))
    u = np.minimum(np.abs(e) / scale, 1e3 ** (1 / max(beta / 10, 1)))
    power = u**beta
    constant = math.log(beta) - math.log(2) - math.lgamma(1 / beta) - math.log(scale)
    slope = -beta * power / np.maximum(u, 1e-12) * np.sign(e) / scale
    return constant - power, slope


def _skew_normal(e: Floats, alpha: float) -> tuple[Floats, Floats]:
    delta = alpha / math.sqrt(1 + alpha**2)
    omega = 1 / math.sqrt(1 - 2 * delta**2 / math.pi)
    u = e / omega + delta * math.sqrt(2 / math.pi)
    log_tail = log_ndtr(alpha * u)
    log_f = math.log(2) - 0.5 * u**2 - _LOG_ROOT_2PI + log_tail - math.log(omega)
    mills = np.exp(-0.5 * (alpha * u) ** 2 - _LOG_ROOT_2PI - log_tail)
    return log_f, (-u + alpha * mills) / omega


def _log(share: Floats) -> Floats:
    return np.log(np.maximum(share, 1e-300))


def _below_normal(e: Floats, _: float) -> Floats:
    return np.asarray(log_ndtr(e))


def _below_student(e: Floats, df: float) -> Floats:
    return _log(stdtr(df, e / math.sqrt((df - 2) / df)))


def _below_logistic(e: Floats, _: float) -> Floats:
    return -np.logaddexp(0, -e * math.pi / math.sqrt(3))


def _below_exponential_power(e: Floats, beta: float) -> Floats:
    scale = math.exp(0.5 * (math.lgamma(1 / beta) - math.lgamma(3 / beta)))
    outside = 0.5 * gammaincc(1 / beta, (np.abs(e) / scale) ** beta)
    return _log(np.where(e < 0, outside, 1 - outside))


def _below_skew_normal(e: Floats, alpha: float) -> Floats:
    delta = alpha / math.sqrt(1 + alpha**2)
    u = e * math.sqrt(1 - 2 * delta**2 / math.pi) + delta * math.sqrt(2 / math.pi)
    return _log(ndtr(u) - 2 * owens_t(u, alpha))


@dataclass(frozen=True)
class ShapeFamily:
    """A shape as the likelihood sees it.

    Args:
        name: Its name on a card.
        density: Standardised error and parameter to log density and its slope in the error.
        log_below: Standardised error and parameter to the log of the share that lies below it.
        parameter: The optimiser's free number to the shape's parameter; None without one.
        start: Where the optimiser begins.
        law: The parameter to the shape's law.
    """

    name: str
    density: Callable[[Floats, float], tuple[Floats, Floats]]
    log_below: Callable[[Floats, float], Floats]
    parameter: Callable[[float], float] | None
    start: float
    law: Callable[[float], Any]


SHAPES = {
    family.name: family
    for family in (
        ShapeFamily("normal", _normal, _below_normal, None, 0.0, lambda _: NormalShape()),
        ShapeFamily(
            "logistic", _logistic, _below_logistic, None, 0.0, lambda _: LogisticShape()
        ),
        ShapeFamily(
            "student-t", _student, _below_student,
            lambda x: 2 + math.exp(min(max(x, -0.7), 7.0)), 1.0,
            lambda df: StudentShape(df=df),
        ),
        ShapeFamily(
            "exponential-power", _exponential_power, _below_exponential_power,
            lambda x: math.exp(min(max(x, -0.6), 4.0)), 0.7,
            lambda beta: ExponentialPowerShape(beta=beta),
        ),
        ShapeFamily(
            "skew-normal", _skew_normal, _below_skew_normal, lambda x: 30 * math.tanh(x / 30), 1.0,
            lambda alpha: SkewNormalShape(alpha=alpha),
        ),
    )
}  # fmt: skip
"""The shapes that are fitted, by name."""


def gamma_terms(ratio: Floats, bias_ln: Floats, cv: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log density of ``g / target`` under a gamma law and its derivatives.

    The law's mean is ``exp(bias_ln)`` and its coefficient of variation ``cv``.
    """
    k = 1 / cv**2
    r = ratio * np.exp(-bias_ln)
    log_r = np.log(np.maximum(r, 1e-300))
    log_f = k * np.log(k) + (k - 1) * log_r - k * r - gammaln(k) - bias_ln
    d_bias = k * (r - 1)
    d_k = np.log(k) + 1 + log_r - r - digamma(k)
    return log_f, d_bias, d_k * (-2 * k / cv)
