"""Families are ranked by unseen cells, and the price of the simpler one is told."""

from __future__ import annotations

import numpy as np
import pytest

from mho.device.fit.ranking import Candidate, rank

CELLS = np.repeat(np.arange(50), 4)
RNG = np.random.default_rng(1)
BASE = RNG.normal(-2, 0.3, 200)


def candidate(name, parameters, logs):
    return Candidate(name, parameters, None, np.asarray(logs), 0.0)


def test_the_best_on_unseen_cells_wins():
    ranking = rank([candidate("b", 2, BASE - 0.1), candidate("a", 9, BASE)], CELLS)
    assert ranking.winner.name == "a"
    assert ranking.runner_up.name == "b"
    gap, error = ranking.gap(ranking.runner_up)
    assert gap == pytest.approx(0.1)
    assert error == pytest.approx(0, abs=1e-9)
    assert "choosing the simpler b (2 numbers instead of 9) costs 0.1000" in ranking.price()


def test_a_simple_winner_costs_nothing():
    ranking = rank([candidate("a", 2, BASE), candidate("b", 9, BASE - 0.1)], CELLS)
    assert "a is also the simpler one" in ranking.price()


def test_of_families_that_predict_alike_the_simplest_wins():
    noise = RNG.normal(0, 0.05, 200)
    alike = noise - noise.mean()
    ranking = rank(
        [
            candidate("b", 9, BASE + alike + 5e-4),
            candidate("a", 2, BASE),
            candidate("c", 1, BASE - 0.1),
        ],
        CELLS,
    )
    assert [c.name for c in ranking.candidates] == ["a", "b", "c"]
    assert "b needs 9 numbers instead of 2 and predicts 0.0005" in ranking.price()
    assert "nats a read better" in ranking.price()


def test_as_many_numbers_are_no_simpler():
    ranking = rank([candidate("a", 2, BASE), candidate("b", 2, BASE - 0.1)], CELLS)
    assert "b has as many numbers (2), predicts 0.1000" in ranking.price()


def test_the_error_of_a_gap_counts_cells_not_reads():
    by_cell = RNG.normal(0.05, 0.2, 50)[CELLS]
    ranking = rank([candidate("a", 1, BASE + by_cell), candidate("b", 1, BASE)], CELLS)
    _, error = ranking.gap(ranking.runner_up)
    assert error == pytest.approx(by_cell.std() / np.sqrt(50), rel=1e-6)


def test_close_families_are_those_nobody_can_tell_apart():
    noise = RNG.normal(0, 0.5, 200)
    ranking = rank(
        [
            candidate("a", 1, BASE),
            candidate("noisy", 1, BASE + noise - noise.mean() - 0.02),
            candidate("negligible", 1, BASE - 0.009),
            candidate("worse", 1, BASE - 0.2),
        ],
        CELLS,
    )
    assert {c.name for c in ranking.close()} == {"a", "noisy", "negligible"}


def test_without_unseen_cells_aic_decides():
    one = Candidate("one", 1, None, np.empty(0), 10.0)
    two = Candidate("two", 5, None, np.empty(0), 4.0)
    assert rank([one, two], np.empty(0, dtype=np.int64)).winner.name == "two"
