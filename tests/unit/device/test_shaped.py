"""Parametric laws: sampled cells have the moments and quantiles of their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mho.device.curve import LogTime, PolynomialCurve
from mho.device.shaped import GammaSpread, RelativeSpread, ShapedDrift, ShapedSpread
from mho.device.shapes import LogisticShape, NormalShape, StudentShape
from mho.rng import Streams

N = 100_000
Z = Streams(2, "shaped").normal((N,)).astype(np.float64)
WINDOW = (0.0, 100.0)


def curve(*coefficients):
    return PolynomialCurve(coefficients=coefficients, reference_uS=40.0)


def test_shaped_spread_has_its_bias_and_sd():
    law = ShapedSpread(shape=StudentShape(df=10), bias_uS=curve(0.5, 1.0), sd_uS=curve(1.0, 2.0))
    error = law.program(np.full(N, 20.0), Z, WINDOW) - 20.0
    assert error.mean() == pytest.approx(1.0, abs=4 * 2 / np.sqrt(N))
    # kurtosis of t10 is 4: the relative error of the sd is sqrt((4 - 1) / 4n)
    assert error.std() == pytest.approx(2.0, rel=4 * np.sqrt(0.75 / N))


@pytest.mark.parametrize(
    ("shape", "quantile"),
    [(NormalShape(), stats.norm.ppf(0.9)), (LogisticShape(), np.log(9) * np.sqrt(3) / np.pi)],
)
def test_relative_spread_multiplies(shape, quantile):
    law = RelativeSpread(shape=shape, bias_ln=curve(0.1), sd_ln=curve(0.5))
    g = law.program(np.full(N, 20.0), Z, WINDOW)
    assert np.median(g) == pytest.approx(20 * np.exp(0.1), rel=0.01)
    # the 90 % quantile's standard error is about sd_ln sqrt(p q / n) / density < 0.5 * 0.006
    assert np.log(np.quantile(g, 0.9) / 20) == pytest.approx(0.1 + 0.5 * quantile, abs=0.012)


@pytest.mark.parametrize("target", [10.0, 40.0])
def test_gamma_has_its_mean_and_variation(target):
    law = GammaSpread(bias_ln=curve(0.1), cv=curve(0.2, 0.2))
    targets = np.full(N, target)
    targets[0] = 80.0  # several targets in one call are read from one table
    g = law.program(targets, Z, WINDOW)[1:]
    cv = 0.2 + 0.2 * target / 40
    mean = target * np.exp(0.1)
    assert g.mean() == pytest.approx(mean, rel=4 * cv / np.sqrt(N))
    assert g.std() == pytest.approx(mean * cv, rel=0.02)
    expected = stats.gamma.ppf([0.05, 0.5, 0.95], 1 / cv**2, scale=mean * cv**2)
    np.testing.assert_allclose(np.quantile(g, [0.05, 0.5, 0.95]), expected, rtol=0.02)


def test_shaped_drift_has_its_curves():
    law = ShapedDrift(
        shape=NormalShape(),
        mean_uS=LogTime(intercept_uS=(0.0,), slope_uS=(-0.1, -0.1)),
        sd_uS=LogTime(intercept_uS=(1.0,), slope_uS=(0.1,)),
        reference_uS=40.0,
    )
    change = law.change(np.full(N, 40.0), np.e**2, Z)
    assert change.mean() == pytest.approx(-0.4, abs=4 * 1.2 / np.sqrt(N))
    assert change.std() == pytest.approx(1.2, rel=4 / np.sqrt(2 * N))


def test_a_negative_sd_counts_as_none():
    law = ShapedDrift(
        shape=NormalShape(),
        mean_uS=LogTime(intercept_uS=(0.0,), slope_uS=(0.0,)),
        sd_uS=LogTime(intercept_uS=(1.0,), slope_uS=(0.5,)),
    )
    assert not law.change(np.full(5, 40.0), 1e-3, np.ones(5)).any()
