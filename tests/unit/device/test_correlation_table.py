"""Tabulated memory: correlations as tabulated, and a score that depends on cell and time alone."""

from __future__ import annotations

import numpy as np
import pytest

from mho.device.correlation_table import CorrelationTable
from mho.errors import ConfigError
from mho.rng import Streams

TABLE = CorrelationTable(
    times_s=(0.01, 1.0, 1e5),
    correlation=((1.0, 0.6, 0.2), (0.6, 1.0, 0.5), (0.2, 0.5, 1.0)),
    lifetime=5.0,
)
N = 100_000
SLACK = 4 / np.sqrt(N)  # four standard errors of a correlation


def scores(times, n=N, seed=1):
    return TABLE.scores(Streams(seed), (n,), times, spread=lambda t: 1.0, first_s=0.01)


def test_tabulated_correlations_and_unit_variance():
    drawn = scores([0.01, 1.0, 1e5])
    np.testing.assert_allclose(drawn.mean(axis=1), 0, atol=SLACK)
    np.testing.assert_allclose(drawn.std(axis=1), 1, atol=SLACK)
    np.testing.assert_allclose(np.corrcoef(drawn), TABLE.correlation, atol=SLACK)


def test_between_two_times_correlation_falls_off_evenly():
    drawn = scores([0.01, 0.1, 1.0])  # half-way in ln t
    found = np.corrcoef(drawn)
    assert found[0, 1] == pytest.approx(np.sqrt(0.6), abs=SLACK)
    assert found[1, 2] == pytest.approx(np.sqrt(0.6), abs=SLACK)
    assert drawn[1].std() == pytest.approx(1, abs=SLACK)


def test_beyond_the_last_time_the_lifetime_decides():
    found = np.corrcoef(scores([1e5, 1e6, 1e7]))
    assert found[0, 1] == pytest.approx(np.exp(-np.log(10) / 5), abs=SLACK)
    assert found[0, 2] == pytest.approx(np.exp(-2 * np.log(10) / 5), abs=SLACK)


def test_before_the_first_time_a_cell_keeps_its_score():
    early, first = scores([1e-4, 0.01], n=10)
    np.testing.assert_array_equal(early, first)


@pytest.mark.parametrize("others", [[], [0.01, 3.0], [1e5, 1e9], [1e9, 0.5, 0.01]])
def test_a_score_depends_on_nothing_but_cell_and_time(others):
    alone = scores([1.0], n=50)[0]
    among = scores([*others, 1.0], n=50)[-1]
    np.testing.assert_allclose(among, alone, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"times_s": (1.0, 0.01, 1e5)}, "ascend"),
        ({"correlation": ((1.0, 0.5), (0.5, 1.0))}, "3 x 3"),
        ({"correlation": ((1, 0.9, -0.9), (0.9, 1, 0.9), (-0.9, 0.9, 1))}, "positive definite"),
        ({"correlation": ((1, 0.6, 0.2), (0.5, 1, 0.5), (0.2, 0.5, 1))}, "symmetric"),
    ],
)
def test_impossible_tables_are_refused(change, says):
    with pytest.raises(ConfigError, match=says):
        CorrelationTable(**{**TABLE.model_dump(), **change})
