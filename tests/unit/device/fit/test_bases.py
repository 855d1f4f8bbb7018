"""Curves with free numbers: derivatives are right, and the law is the same curve."""

from __future__ import annotations

import numpy as np
import pytest

from mho.device.fit.bases import (
    FreeLogTime,
    FreePolynomial,
    Points,
    PositiveLogTime,
    PositivePolynomial,
    PositiveSpline,
    Power,
    Stretched,
)

RNG = np.random.default_rng(2)
X = RNG.uniform(0.1, 1.0, 200)
LN_T = RNG.choice(np.log([1.0, 10, 100, 1e4]), 200)
POINTS = Points(X, LN_T)
SPAN, TIMES = (0.1, 1.0), (0.0, float(np.log(1e4)))
SPREAD = (0.5 + X) * (1 + 0.1 * LN_T)
BASES = {
    "polynomial": FreePolynomial(2),
    "positive": PositivePolynomial(2, *SPAN),
    "spline": PositiveSpline(np.linspace(0.1, 1, 5)),
    "log time": FreeLogTime(1, slope=True),
    "positive log time": PositiveLogTime(1, SPAN, TIMES, root=False),
    "root log time": PositiveLogTime(1, SPAN, TIMES, root=True),
    "power": Power(1, SPAN, positive=True),
    "stretched": Stretched(1, SPAN, positive=True),
}


@pytest.mark.parametrize("name", BASES)
def test_derivatives(name):
    basis = BASES[name]
    theta = basis.start(POINTS, SPREAD) + 0.05
    _, slope = basis.at(theta, POINTS)
    for k in range(basis.size):
        step = np.zeros(basis.size)
        step[k] = 1e-6
        up, down = basis.at(theta + step, POINTS)[0], basis.at(theta - step, POINTS)[0]
        np.testing.assert_allclose(slope[:, k], (up - down) / 2e-6, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", BASES)
def test_the_law_is_the_same_curve(name):
    basis = BASES[name]
    theta = basis.start(POINTS, SPREAD)
    value, _ = basis.at(theta, POINTS)
    law = basis.law(theta, 40.0)
    if hasattr(law, "coefficients") or hasattr(law, "values"):
        np.testing.assert_allclose(law.at(X * 40), value, rtol=1e-5)
    else:
        for t in np.unique(LN_T):
            mine = t == LN_T
            np.testing.assert_allclose(law.at(X[mine], float(np.exp(t))), value[mine], rtol=1e-5)


@pytest.mark.parametrize("name", [n for n in BASES if n not in ("polynomial", "log time")])
def test_spreads_start_near_the_moments_and_stay_positive(name):
    basis = BASES[name]
    wanted = 0.5 + X if name in ("positive", "spline") else SPREAD
    value, _ = basis.at(basis.start(POINTS, wanted), POINTS)
    assert (value > 0).all()
    assert np.median(np.abs(value / wanted - 1)) < 0.25
