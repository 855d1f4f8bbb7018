"""Strata: weights that add up, draws that are unbiased, effort where answers scatter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.evaluation.strata import Strata


def by_margin(n=1000, seed=3):
    rng = np.random.default_rng(seed)
    return Strata.by_margin(rng.random(n) < 0.9, rng.random(n))


def test_every_example_is_in_one_group():
    strata = by_margin()
    assert sorted(np.concatenate(strata.members)) == list(range(1000))
    assert strata.total == 1000
    assert strata.shares.sum() == pytest.approx(1)


def test_the_unsure_come_first_and_right_is_kept_from_wrong():
    right, margin = np.array([True] * 100 + [False] * 5), np.arange(105.0)
    strata = Strata.by_margin(right, margin)
    assert list(strata.members[0]) == [0, 1]
    assert {tuple(right[group]) == (right[group[0]],) * len(group) for group in strata.members} == {
        True
    }


def test_all_examples_give_the_accuracy_itself():
    strata, rng = by_margin(), np.random.default_rng(4)
    answers = rng.random(1000) < 0.7
    drawn = strata.draw(strata.sizes, rng)
    found = [answers[group] for group in drawn]
    assert strata.mean(found) == pytest.approx(answers.mean())
    assert strata.sampling_variance(found) == 0


def test_few_examples_are_unbiased_and_their_variance_is_as_said():
    """3,000 draws of 80 from 1,000: mean within 4.5 standard errors, variance within 10 %.

    The relative sd of a variance from 3,000 values is 2.6 %: 4 of them. False alarm below 1e-4.
    """
    strata, rng = by_margin(), np.random.default_rng(5)
    answers = rng.random(1000) < np.linspace(0.3, 1, 1000)
    sizes = strata.allocate(80, np.ones(len(strata.members)))
    found = [[answers[g] for g in strata.draw(sizes, rng)] for _ in range(3000)]
    means = np.array([strata.mean(a) for a in found])
    assert abs(means.mean() - answers.mean()) < 4.5 * means.std() / np.sqrt(3000)
    said = np.mean([strata.sampling_variance(a) for a in found])
    assert said == pytest.approx(means.var(ddof=1), rel=0.1)


@given(
    count=st.integers(1, 1200), spreads=st.lists(st.floats(0, 1), min_size=16, max_size=16)
)  # fmt: skip
def test_no_group_gives_more_than_it_has(count, spreads):
    strata = by_margin()
    sizes = strata.allocate(count, np.array(spreads))
    assert (sizes <= strata.sizes).all()
    assert (sizes >= np.minimum(strata.sizes, 2)).all()
    assert sizes.sum() <= max(count, 2 * len(sizes))


def test_effort_goes_where_answers_scatter():
    strata = Strata((np.arange(500), np.arange(500, 1000)))
    assert list(strata.allocate(100, np.array([0.1, 0.3]))) == [25, 75]
    assert list(strata.allocate(900, np.array([0.1, 0.9]))) == [400, 500]
