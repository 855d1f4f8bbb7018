from __future__ import annotations

import math

import numpy as np
import pytest

from mho.device.memory import Frozen, RandomWalk, Redrawn
from mho.rng import Streams

N = 50_000


def spread(t):
    return 0.4 + 0.05 * math.log(t)


def scores(law, times, seed=1, first_s=1.0, n=N):
    return law.scores(Streams(seed), (n,), times, spread=spread, first_s=first_s)


def correlation(law, times):
    return np.corrcoef(scores(law, times).astype(np.float64))


LAWS = [
    Frozen(),
    Redrawn(),
    RandomWalk(),
    RandomWalk(readout=0.4, readout_lifetime=2.5),
    RandomWalk(readout=0.3),
    RandomWalk(readout=1.0, readout_lifetime=1.0),
]


@pytest.mark.parametrize("law", LAWS)
def test_scores_are_standard_normal_at_every_time(law):
    for at_t in scores(law, [1.0, 7.0, 1e3, 3e7]).astype(np.float64):
        assert abs(at_t.mean()) < 4 / math.sqrt(N)
        assert abs(at_t.std() - 1) < 4 / math.sqrt(2 * N)
        assert abs((at_t**4).mean() - 3) < 4 * math.sqrt(96 / N)


def test_frozen_is_1_and_redrawn_0():
    assert correlation(Frozen(), [1.0, 1e6])[0, 1] == pytest.approx(1.0)
    assert abs(correlation(Redrawn(), [1.0, 1e6])[0, 1]) < 4 / math.sqrt(N)


@pytest.mark.parametrize("law", LAWS[2:])
def test_a_walk_follows_its_formula(law):
    times = [1.0, 5.0, 1e2, 1e4, 3e6]
    measured = correlation(law, times)
    for i, t1 in enumerate(times):
        for j, t2 in enumerate(times[i + 1 :], i + 1):
            lifetime = max(law.readout_lifetime, 1e-9)
            rho = (1 - law.readout) * spread(t1) / spread(t2)
            rho += law.readout * math.exp(-math.log(t2 / t1) / lifetime)
            assert measured[i, j] == pytest.approx(rho, abs=0.03)
            assert law.correlation(times, spread)[i, j] == pytest.approx(rho)


def test_a_pure_walk_has_the_ratio_of_spreads():
    rho = correlation(RandomWalk(), [1.0, 1e5])[0, 1]
    expected = spread(1.0) / spread(1e5)
    assert abs(rho - expected) < 4 * (1 - expected**2) / math.sqrt(N)


@pytest.mark.parametrize("law", LAWS)
def test_scores_do_not_depend_on_what_else_is_asked(law):
    times = [1.0, 2.0, 2.5, 1e3, 4e3, 1e7]
    together = scores(law, times, n=100)
    for t, score in zip(times, together, strict=True):
        assert np.array_equal(scores(law, [t], n=100)[0], score)


def test_before_the_first_decade_a_cell_keeps_its_first_score():
    law = RandomWalk(readout=0.4, readout_lifetime=2.5)
    early, first = scores(law, [0.01, 1.0], n=100)
    assert np.array_equal(early, first)


def test_a_spread_of_0_is_safe():
    law = RandomWalk(readout=0.4, readout_lifetime=2.5)
    out = law.scores(Streams(1), (N,), [1.0, 30.0, 1e4], spread=lambda t: 0.0, first_s=1.0)
    assert np.isfinite(out).all()
    assert out[1].std() == pytest.approx(1.0, abs=4 / math.sqrt(2 * N))


def test_a_spread_that_shrinks_is_safe():
    law = RandomWalk()
    shrinking = law.scores(Streams(1), (N,), [1.0, 1e4], spread=lambda t: t**-0.1, first_s=1.0)
    expected = 1e4**-0.1
    rho = np.corrcoef(shrinking)[0, 1]
    assert abs(rho - expected) < 4 * (1 - expected**2) / math.sqrt(N)
