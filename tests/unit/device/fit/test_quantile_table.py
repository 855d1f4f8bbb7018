"""Tables of quantiles: right inside, honest in the tails, sharp after interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from mho.device.fit.density import score_and_log_density
from mho.device.fit.quantile_table import quantile_rows, score_grid, sharpen
from mho.device.quantiles import look_up

RNG = np.random.default_rng(11)


def test_the_95_percent_quantile_is_tabulated_exactly():
    values = RNG.standard_t(3, 5000)
    scores = score_grid(5000)
    (row,) = quantile_rows([values], scores)
    at = int(np.argmin(np.abs(scores - 1.6448536)))
    assert row[at] == pytest.approx(np.quantile(values, 0.95))
    assert row[len(scores) // 2] == pytest.approx(np.median(values), abs=1e-4)


def test_more_cells_reach_further_out():
    assert score_grid(300)[-1] < score_grid(30_000)[-1] <= 3.8


def test_tails_hold_the_measured_second_moment():
    groups = [RNG.standard_t(3, 600) * s for s in (1, 2, 3)]
    scores = score_grid(1800)
    rows = quantile_rows(groups, scores)
    fine = np.linspace(-4.2, 4.2, 2001)
    weight = np.exp(-0.5 * fine**2)
    drawn = [look_up(r[None], np.zeros(1), scores[-1], fine, fine) for r in rows]
    squares = sum((d**2) @ weight / weight.sum() for d in drawn)
    assert squares == pytest.approx(sum((g**2).mean() for g in groups), rel=0.1)


def test_neighbours_lend_their_tails_in_their_own_scale():
    small = RNG.normal(0, 1, 40)
    large = [RNG.standard_t(3, 4000) * 5 for _ in range(3)]
    rows = quantile_rows([small, *large], score_grid(12_040))
    spread = np.diff(np.quantile(small, [ndtr(-1), ndtr(1)]))[0] / 2
    assert rows[0, -1] > 3.5 * spread  # 40 normal cells alone would end near 2.5
    assert rows[0, -1] < 0.6 * rows[1, -1]


def test_sharpening_undoes_the_blur_of_interpolation():
    edges = np.arange(5) * 10.0
    inside = [RNG.uniform(e, e + 10, 2000) for e in edges]
    nodes = np.array([g.mean() for g in inside])
    groups = [RNG.normal(0, sd, 2000) for sd in (1, 1.6, 1, 1.6, 1)]
    scores = score_grid(10_000)
    measured = quantile_rows(groups, scores)

    def misses(rows):
        out = []
        for g, values in zip(inside, groups, strict=True):
            z = RNG.standard_normal((50, g.size))
            drawn = look_up(rows, nodes, scores[-1], np.broadcast_to(g, z.shape), z)
            out.append(abs(np.quantile(drawn, 0.95) - np.quantile(values, 0.95)) / values.std())
        return max(out)

    sharp = sharpen(measured, nodes, scores, inside, floor=False)
    assert misses(sharp) < 0.06 < misses(measured)


def test_a_change_never_takes_more_than_there_is():
    inside = [RNG.uniform(0.1, 1.0, 500), RNG.uniform(1.0, 2.0, 500)]
    groups = [-0.9 * g + 0.1 * RNG.uniform(0, 1, 500) for g in inside]
    nodes = np.array([g.mean() for g in inside])
    scores = score_grid(1000)
    rows = sharpen(quantile_rows(groups, scores), nodes, scores, inside, floor=True)
    assert rows[0].min() > -1.5


def test_densities_integrate_to_one_and_scores_invert_the_table():
    scores = score_grid(2000)
    rows = quantile_rows([RNG.standard_t(4, 2000), 2 * RNG.standard_t(4, 2000)], scores)
    nodes = np.array([10.0, 20.0])
    values = np.linspace(-60, 60, 40_001)
    g = np.full(values.size, 13.0)
    z, log_f = score_and_log_density(rows, nodes, float(scores[-1]), g, values)
    assert np.trapezoid(np.exp(log_f), values) == pytest.approx(1, abs=5e-3)
    inner = np.abs(z) < 3
    back = look_up(rows, nodes, float(scores[-1]), g, z)
    np.testing.assert_allclose(back[inner], values[inner], atol=1e-6)
