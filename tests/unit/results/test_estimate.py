"""Intervals hold what they promise: checked against tables and by simulation."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mho.errors import ConfigError
from mho.results import estimate, paired

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=30)


def test_known_interval():
    """Student's sleep data, drug 2 (Biometrika 1908): mean 2.33, 95 % interval 0.90 to 3.76."""
    e = estimate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    assert e.mean == pytest.approx(2.33)
    assert (e.ci_low, e.ci_high) == pytest.approx((0.898, 3.762), abs=1e-3)
    assert e.sd == pytest.approx(2.002, abs=1e-3)


@given(VALUES, st.floats(0.5, 0.999))
def test_same_interval_as_scipys(values, confidence):
    e = estimate(values, confidence)
    if e.sd > 0:
        expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
        assert (e.ci_low, e.ci_high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(VALUES)
def test_order_of_the_parts(values):
    e = estimate(values)
    assert e.worst <= e.q05 <= max(values)
    assert e.ci_low <= e.mean <= e.ci_high


@pytest.mark.parametrize("chips", [3, 20])
def test_coverage_for_normal_values(chips):
    """The interval holds the mean in 95 % of 4,000 repeats.

    The count is binomial (exact coverage); the band of 4 standard errors gives a false alarm with
    probability 6e-5 for a new seed. Normal quantiles in place of Student's would give 84 % at
    three chips and fail.
    """
    repeats = 4000
    values = np.random.default_rng(11).normal(0.9, 0.02, (repeats, chips))
    held = np.mean([(e := estimate(v)).ci_low <= 0.9 <= e.ci_high for v in values])
    assert abs(held - 0.95) < 4 * math.sqrt(0.95 * 0.05 / repeats)


def test_coverage_for_accuracies_near_the_ceiling():
    """Skewed accuracies (beta law, mean 0.97) of 20 chips: at least 91 % of 95 % intervals hold.

    Measured 93.3 % on 2e5 repeats; the bound lies 5 standard errors below it (false alarm 3e-7).
    """
    repeats, law = 4000, stats.beta(60, 60 * 0.03 / 0.97)
    values = law.rvs((repeats, 20), random_state=np.random.default_rng(12))
    estimates = [estimate(v, bounds=(0, 1)) for v in values]
    assert np.mean([e.ci_low <= law.mean() <= e.ci_high for e in estimates]) > 0.91


def test_bounds_cut_the_interval_only():
    free, cut = estimate([0.9, 1.0, 1.0]), estimate([0.9, 1.0, 1.0], bounds=(0, 1))
    assert free.ci_high > 1
    assert cut.ci_high == 1
    assert (cut.mean, cut.sd, cut.ci_low) == (free.mean, free.sd, free.ci_low)


def test_min_half_width_widens_and_never_narrows():
    assert estimate([0.5, 0.5], min_half_width=0.1).half_width == pytest.approx(0.1)
    plain = estimate([0.4, 0.6])
    assert estimate([0.4, 0.6], min_half_width=0.1) == plain


def test_one_chip_has_no_interval():
    e = estimate([0.9])
    assert e.half_width == math.inf
    assert "no interval" in str(e)
    plain = json.loads(json.dumps(e.to_dict(), allow_nan=False))
    assert plain["ci_low"] is None
    assert plain["sd"] is None
    assert plain["worst"] == 0.9


def test_five_percent_quantile_of_one_hundred_and_one_values():
    assert estimate(np.arange(101) / 100).q05 == pytest.approx(0.05)


def test_pairing_removes_what_chips_share():
    rng = np.random.default_rng(13)
    chip = rng.normal(0.8, 0.1, 20)
    before, after = chip, chip + 0.01 + rng.normal(0, 0.001, 20)
    gain = paired(after, before)
    assert gain.half_width < estimate(before).half_width / 20
    assert gain.ci_low < 0.01 < gain.ci_high


def test_pairing_changes_sign_with_the_order():
    a, b = [0.9, 0.8, 0.7], [0.5, 0.6, 0.4]
    assert paired(a, b).mean == pytest.approx(-paired(b, a).mean)
    assert paired(a, b).ci_low == pytest.approx(-paired(b, a).ci_high)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: estimate([]), "at least one"),
        (lambda: estimate([[0.1, 0.2]]), r"got shape \(1, 2\)"),
        (lambda: estimate([0.1, math.nan]), "chip 1 in the list has NaN"),
        (lambda: estimate([0.1, 0.2], 95), "Write 0.95"),
        (lambda: paired([0.1, 0.2], [0.1]), "same chips on both sides; got 2 and 1"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ConfigError, match=says):
        call()
