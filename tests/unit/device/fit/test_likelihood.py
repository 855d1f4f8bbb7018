"""Likelihood fits find the truth, and their intervals know that a cell's reads hang together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from mho.device.fit.bases import FreePolynomial, Points, PositivePolynomial
from mho.device.fit.densities import SHAPES
from mho.device.fit.likelihood import Model, Sample, covariance, intervals, maximise, numbers

RNG = np.random.default_rng(4)


def sample(values, cells=None):
    n = len(values)
    points = Points(np.full(n, 0.5), np.zeros(n))
    return Sample(points, values, np.arange(n) if cells is None else cells)


def model(shape):
    return Model(FreePolynomial(0), PositivePolynomial(0, 0.4, 0.6), SHAPES[shape])


def test_the_normal_fit_is_mean_and_sd():
    values = RNG.normal(3, 2, 500)
    theta, log_likelihood = maximise(model("normal"), sample(values), np.array([0.0, 0.0]))
    assert theta[0] == pytest.approx(values.mean(), abs=1e-4)
    assert np.exp(theta[1]) == pytest.approx(values.std(), rel=1e-4)
    expected = -0.5 * 500 * (np.log(2 * np.pi * values.var()) + 1)
    assert log_likelihood == pytest.approx(expected)


def test_readings_of_zero_are_the_share_that_ends_there():
    """Cells that a law would carry below 0 µS stop at 0: the law is found all the same."""
    wanted = RNG.normal(1.0, 2.0, 4000)
    zero = wanted <= 0
    data = replace(sample(np.maximum(wanted, 0)), at_zero=zero)
    theta, log_likelihood = maximise(model("normal"), data, np.array([0.5, 0.5]))
    error = np.sqrt(np.diag(covariance(model("normal"), theta, data)))
    assert abs(theta[0] - 1.0) < 4 * error[0]  # fails by chance once in 16,000 runs
    assert abs(np.exp(theta[1]) - 2.0) < 4 * 2 * error[1]
    censored = norm.logpdf(wanted[~zero], theta[0], np.exp(theta[1])).sum()
    censored += zero.sum() * norm.logcdf(0, theta[0], np.exp(theta[1]))
    assert log_likelihood == pytest.approx(censored)
    naive, _ = maximise(model("normal"), sample(np.maximum(wanted, 0)), np.array([0.5, 0.5]))
    assert abs(np.exp(naive[1]) - 2.0) > 4 * 2 * error[1]


@pytest.mark.parametrize("ended", [False, True])
def test_gradients_of_shapes_with_a_parameter(ended):
    one, data = model("student-t"), sample(RNG.standard_t(5, 50))
    data = replace(data, at_zero=data.value < -0.5) if ended else data
    theta = np.array([0.1, 0.2, 0.5])
    total, slope = one.total(theta, data)
    _, each = one.scores(theta, data)
    np.testing.assert_allclose(each.sum(axis=0), slope, rtol=1e-9)
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-5
        up, down = one.total(theta + step, data)[0], one.total(theta - step, data)[0]
        assert slope[k] == pytest.approx((up - down) / 2e-5, rel=1e-3)
    assert np.isfinite(total)


def test_the_standard_error_of_a_mean():
    values = RNG.normal(0, 2, 400)
    theta, _ = maximise(model("normal"), sample(values), np.zeros(2))
    cov = covariance(model("normal"), theta, sample(values))
    assert np.sqrt(cov[0, 0]) == pytest.approx(2 / 20, rel=0.15)


def test_repeated_reads_of_a_cell_are_not_independent():
    cells = np.repeat(np.arange(100), 10)
    values = RNG.normal(0, 1, 100)[cells] + RNG.normal(0, 0.1, 1000)
    data = sample(values, cells)
    theta, _ = maximise(model("normal"), data, np.zeros(2))
    honest = np.sqrt(covariance(model("normal"), theta, data)[0, 0])
    naive = np.sqrt(covariance(model("normal"), theta, sample(values))[0, 0])
    assert honest == pytest.approx(values.std() / 10, rel=0.25)  # 100 cells, not 1,000 reads
    assert naive == pytest.approx(values.std() / np.sqrt(1000), rel=0.25)


def test_intervals_by_the_delta_method():
    found = intervals(
        lambda x: {"a": 2 * x[0], "shape.df": 2 + np.exp(x[1])},
        np.array([1.0, 0.0]),
        np.diag([0.01, 0.04]),
    )
    assert found["a"].high - found["a"].value == pytest.approx(1.96 * 0.2, rel=1e-3)
    assert found["shape.df"].low == pytest.approx(2 + np.exp(-1.96 * 0.2), rel=1e-3)
    assert found["shape.df"].high == pytest.approx(2 + np.exp(1.96 * 0.2), rel=1e-3)


def test_numbers_of_nested_values():
    assert numbers({"law": "x", "a": {"b": [1, 2.5]}}) == {"a.b.0": 1.0, "a.b.1": 2.5}
