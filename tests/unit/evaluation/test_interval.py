"""The interval of a sum of means is Welch's."""

import numpy as np
import pytest
from scipy import stats

from mho.evaluation.interval import interval_of_sum
from mho.results import estimate


def test_one_sample_gives_students_interval():
    values = [0.90, 0.92, 0.95, 0.91]
    found, expected = interval_of_sum([values], 0.9), estimate(values, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.ci_low, expected.ci_high))


def test_two_samples_give_welchs_interval():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.9, 0.02, 7), rng.normal(-0.01, 0.001, 30)
    welch = stats.ttest_ind(a, -b, equal_var=False).confidence_interval(0.95)
    found = interval_of_sum([a, b])
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))
    assert found.mean == pytest.approx(a.mean() + b.mean())


def test_it_is_cut_at_the_bounds_and_kept_at_least_as_wide():
    found = interval_of_sum([[0.99, 0.99, 0.99]], bounds=(0, 1), min_half_width=0.02)
    assert (found.low, found.high) == pytest.approx((0.97, 1))
    assert interval_of_sum([[0.5, 0.5]]).half_width == 0
