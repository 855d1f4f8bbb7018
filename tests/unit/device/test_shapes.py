"""Shapes are standardised and have the quantiles that scipy gives them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mho.device.shapes import (
    ExponentialPowerShape,
    LogisticShape,
    NormalShape,
    SkewNormalShape,
    StudentShape,
)

CASES = [
    (NormalShape(), stats.norm()),
    (StudentShape(df=3), stats.t(3)),
    (StudentShape(df=40), stats.t(40)),
    (SkewNormalShape(alpha=5), stats.skewnorm(5)),
    (SkewNormalShape(alpha=-2), stats.skewnorm(-2)),
    (ExponentialPowerShape(beta=1), stats.laplace()),
    (ExponentialPowerShape(beta=8), stats.gennorm(8)),
    (LogisticShape(), stats.logistic()),
]
SCORES = np.linspace(-5, 5, 201)


@pytest.mark.parametrize(("shape", "law"), CASES)
def test_quantiles_are_those_of_scipy(shape, law):
    # the upper half from the upper tail: 1 - cdf has no digits left beyond score 5
    expected = np.where(SCORES < 0, law.ppf(stats.norm.cdf(SCORES)), law.isf(stats.norm.sf(SCORES)))
    expected = (expected - law.mean()) / law.std()
    np.testing.assert_allclose(shape.error(SCORES), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(("shape", "law"), CASES)
def test_mean_zero_and_sd_one(shape, law):
    score = np.linspace(-6.5, 6.5, 20001)
    weight = np.exp(-0.5 * score**2)
    weight /= weight.sum()
    error = shape.error(score)
    tolerance = 0.02 if isinstance(shape, StudentShape) and shape.df < 4 else 1e-3  # its far tails
    assert weight @ error == pytest.approx(0, abs=1e-3)
    assert weight @ error**2 == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize(("shape", "law"), CASES)
def test_monotone_also_beyond_the_table(shape, law):
    assert (np.diff(shape.error(np.linspace(-9, 9, 500))) > 0).all()


def test_a_flat_top_has_edges_near_the_uniform_ones():
    edges = ExponentialPowerShape(beta=100).error(np.array([-6.0, 6.0]))
    np.testing.assert_allclose(edges, [-np.sqrt(3), np.sqrt(3)], rtol=0.05)


def test_float32_stays_float32():
    assert StudentShape(df=5).error(np.zeros(3, dtype=np.float32)).dtype == np.float32
