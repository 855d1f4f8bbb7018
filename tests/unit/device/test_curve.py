"""Curves of conductance and time evaluate to their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mho.device.curve import (
    LogTime,
    MonotoneSpline,
    PolynomialCurve,
    PowerTime,
    RootLogTime,
    StretchedTime,
)
from mho.errors import ConfigError

X = np.array([0.0, 0.5, 1.0])


def test_polynomial_in_g_over_reference():
    curve = PolynomialCurve(coefficients=(1.0, 2.0, -3.0), reference_uS=40.0)
    np.testing.assert_allclose(curve.at(X * 40), 1 + 2 * X - 3 * X**2)


def test_spline_passes_its_points_and_overshoots_none():
    curve = MonotoneSpline(g_uS=(1.0, 2.0, 3.0, 10.0), values=(0.0, 1.0, 1.0, 4.0))
    np.testing.assert_allclose(curve.at(np.array([1.0, 2, 3, 10])), [0, 1, 1, 4])
    fine = curve.at(np.linspace(1, 10, 1000))
    assert (np.diff(fine) >= -1e-12).all()
    np.testing.assert_allclose(curve.at(np.array([0.0, 99.0])), [0, 4])


@pytest.mark.parametrize(
    ("curve", "formula"),
    [
        (LogTime(intercept_uS=(1.0, 2.0), slope_uS=(0.5, -0.1)),
         lambda x, t: 1 + 2 * x + (0.5 - 0.1 * x) * math.log(t)),
        (RootLogTime(intercept_uS2=(4.0,), slope_uS2=(1.0, 1.0)),
         lambda x, t: np.sqrt(4 + (1 + x) * math.log(t))),
        (PowerTime(scale_uS=(1.0, 1.0), exponent=0.3), lambda x, t: (1 + x) * t**0.3),
        (StretchedTime(scale_uS=(2.0, 1.0), tau_s=10.0, beta=0.5),
         lambda x, t: (2 + x) * (1 - math.exp(-math.sqrt(t / 10)))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("t", [1.0, 50.0, 1e5])
def test_curves_of_time(curve, formula, t):
    np.testing.assert_allclose(curve.at(X, t), formula(X, t), rtol=1e-12)


def test_a_negative_variance_counts_as_none():
    curve = RootLogTime(intercept_uS2=(1.0,), slope_uS2=(1.0,))
    assert curve.at(X, 1e-3).tolist() == [0, 0, 0]


def test_spline_points_must_ascend():
    with pytest.raises(ConfigError, match="ascend"):
        MonotoneSpline(g_uS=(2.0, 1.0), values=(0.0, 1.0))
