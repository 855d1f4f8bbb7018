"""Passes: those of the trials, and those that independent chips would have needed."""

import dataclasses

import numpy as np
import pytest

from mho.evaluation import Evaluation
from mho.study.passes import passes_of


def evaluation(accuracies, chips=None, times=(1.0,)):
    values = np.asarray(accuracies, dtype=float)
    return Evaluation(
        times_s=times,
        chips=tuple(range(len(values)) if chips is None else chips),
        accuracies=values,
        images=100,
        task="t",
        data="d",
        network="n",
        metric="accuracy",
        confidence=0.95,
        target=None,
        extrapolated=(False,) * len(times),
    )


def test_spent_counts_chips_times_and_images():
    found = {"a": evaluation(np.full((3, 2), 0.9), times=(1.0, 2.0)), "b": evaluation([[0.9]] * 4)}
    assert passes_of(found, []) == {"spent": 3 * 2 * 100 + 4 * 100, "naive": 1000}


def test_naive_is_the_closed_form_for_correlated_chips():
    """Var(a) = Var(b) = v and correlation r: 1 / (1 - r) times as many chips."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(4000, 1))
    a = 0.9 + 0.01 * (np.sqrt(0.8) * common + np.sqrt(0.2) * rng.normal(size=(4000, 1)))
    b = 0.8 + 0.01 * (np.sqrt(0.8) * common + np.sqrt(0.2) * rng.normal(size=(4000, 1)))
    found = passes_of({"a": evaluation(a), "b": evaluation(b)}, [("b", "a")])
    assert found["naive"] / found["spent"] == pytest.approx(5, rel=0.1)


def test_equal_differences_and_single_chips_count_as_they_are():
    a = evaluation([[0.9], [0.8]])
    constant = dataclasses.replace(a, accuracies=a.accuracies + 0.05)
    assert passes_of({"a": a, "b": constant}, [("b", "a")])["naive"] == 400
    other = evaluation([[0.9], [0.8]], chips=[7, 8])
    assert passes_of({"a": a, "b": other}, [("b", "a")])["naive"] == 400
