"""Densities are those of scipy, and their slopes are their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mho.device.fit.densities import SHAPES, gamma_terms

E = np.linspace(-4, 4, 81) + 0.013
CASES = [
    ("normal", 0.0, stats.norm()),
    ("student-t", 5.0, stats.t(5)),
    ("logistic", 0.0, stats.logistic()),
    ("exponential-power", 4.0, stats.gennorm(4)),
    ("skew-normal", 3.0, stats.skewnorm(3)),
]


@pytest.mark.parametrize(("name", "parameter", "law"), CASES)
def test_standardised_densities(name, parameter, law):
    log_f, _ = SHAPES[name].density(E, parameter)
    expected = law.logpdf(E * law.std() + law.mean()) + np.log(law.std())
    np.testing.assert_allclose(log_f, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("name", "parameter", "law"), CASES)
def test_slopes_are_derivatives(name, parameter, law):
    density = SHAPES[name].density
    numeric = (density(E + 1e-5, parameter)[0] - density(E - 1e-5, parameter)[0]) / 2e-5
    np.testing.assert_allclose(density(E, parameter)[1], numeric, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "parameter", "law"), CASES)
def test_shares_below(name, parameter, law):
    expected = law.cdf(E * law.std() + law.mean())
    np.testing.assert_allclose(np.exp(SHAPES[name].log_below(E, parameter)), expected, atol=1e-9)


def test_gamma_and_its_derivatives():
    ratio, bias, cv = np.array([0.5, 1.0, 2.0]), np.full(3, 0.1), np.full(3, 0.4)
    log_f, d_bias, d_cv = gamma_terms(ratio, bias, cv)
    k = 1 / 0.4**2
    expected = stats.gamma.logpdf(ratio, k, scale=np.exp(0.1) / k)
    np.testing.assert_allclose(log_f, expected)
    h = 1e-6
    up, down = gamma_terms(ratio, bias + h, cv)[0], gamma_terms(ratio, bias - h, cv)[0]
    np.testing.assert_allclose(d_bias, (up - down) / (2 * h), rtol=1e-5)
    up, down = gamma_terms(ratio, bias, cv + h)[0], gamma_terms(ratio, bias, cv - h)[0]
    np.testing.assert_allclose(d_cv, (up - down) / (2 * h), rtol=1e-5)
