"""Yields: intervals of counts, checked against tables and by adding up exact probabilities."""

import numpy as np
import pytest
from scipy import stats

from mho.errors import ConfigError
from mho.results import proportion, yield_at


def coverage(method, chips, share):
    """Probability that the interval holds the true share: an exact sum, nothing random."""
    held = 0.0
    for passed in range(chips + 1):
        p = proportion(passed, chips, method=method)
        if p.ci_low <= share <= p.ci_high:
            held += stats.binom.pmf(passed, chips, share)
    return held


def test_rule_of_three():
    """None of n failed: the exact lower end solves share**n = 0.025."""
    p = proportion(20, 20)
    assert p.ci_low == pytest.approx(0.025 ** (1 / 20))
    assert p.ci_high == 1


def test_wilson_closed_form():
    z, n, share = stats.norm.ppf(0.975), 20, 0.9
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    p = proportion(18, 20, method="wilson")
    assert (p.ci_low, p.ci_high) == pytest.approx((centre - half, centre + half))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97, 0.999])
def test_exact_intervals_never_cover_less_than_promised(share):
    assert coverage("exact", 20, share) >= 0.95


def test_wilson_intervals_cover_on_average():
    shares = np.linspace(0.02, 0.98, 49)
    assert np.mean([coverage("wilson", 20, s) for s in shares]) == pytest.approx(0.95, abs=0.01)


def test_yield_counts_chips_at_or_above_the_target():
    p = yield_at([950 / 1000, 0.949, 0.951], 0.95)
    assert (p.passed, p.chips, p.target) == (2, 3, 0.95)
    assert p.to_dict()["share"] == pytest.approx(2 / 3)
    assert str(p).startswith("2 of 3 chips reach 95.00%")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: yield_at([0.9], 95), "Write 0.95"),
        (lambda: yield_at([float("nan")], 0.9), "none of them NaN"),
        (lambda: yield_at([], 0.9), "at least one chip"),
        (lambda: proportion(3, 2), "got 3 of 2"),
        (lambda: proportion(1, 2, method="wald"), "choose 'exact' or 'wilson'"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ConfigError, match=says):
        call()
