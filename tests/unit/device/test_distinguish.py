from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import mho
from mho.device.device import Device
from mho.device.distinguish import distinguishable_levels, read_levels
from mho.errors import ConfigError, OutOfRangeError
from mho.rng import Streams


def constant(sd, high=100.0, **changes):
    values = {
        "name": "constant", "g_min_uS": 10.0, "g_max_uS": high, "t0_s": 0.0,
        "programming": {"law": "constant", "sd_uS": sd},
        "valid": {"g_uS": (10.0, high)}, "source": {"citation": "this test"},
    }  # fmt: skip
    return Device(**{**values, **changes})


@pytest.mark.parametrize("error_rate", [0.1, 0.01, 1e-4])
@pytest.mark.parametrize("placement", ["equal-error", "uniform"])
def test_constant_spread_has_the_textbook_count(error_rate, placement):
    """Levels 2 z sd apart, with z the quantile that leaves half the error rate on a side."""
    sd = 1.5
    spacing = 2 * stats.norm.isf(error_rate / 2) * sd
    reading = distinguishable_levels(constant(sd), error_rate=error_rate, placement=placement)
    assert reading.count == math.floor(90 / spacing) + 1
    assert reading.worst <= error_rate * 1.02


def test_levels_are_drawn_apart_over_the_whole_window():
    reading = distinguishable_levels(constant(3.0), error_rate=0.05)
    assert reading.g_uS[0] == pytest.approx(10.0, abs=0.1)
    assert reading.g_uS[-1] == pytest.approx(100.0, abs=0.5)
    even = np.linspace(10.0, 100.0, reading.count)
    assert reading.g_uS == pytest.approx(even, abs=0.5)
    inner = reading.error_rates[1:-1]
    assert inner == pytest.approx(np.full(inner.size, inner.mean()), rel=0.1)


def test_equal_error_places_at_least_as_many_as_uniform():
    for name in ("milo2021", "wan2022", "nandakumar2019-pcm"):
        device = mho.load_device(name)
        packed = distinguishable_levels(device)
        uniform = distinguishable_levels(device, placement="uniform")
        assert packed.count >= uniform.count
        assert packed.worst <= 0.01
        assert uniform.worst <= 0.01


def test_drift_takes_levels_away():
    device = mho.load_device("falcone2025")
    counts = [distinguishable_levels(device, t=t).count for t in ("1 s", "1 d", "10 y")]
    assert counts[0] > counts[1] > counts[2]
    assert distinguishable_levels(device, t="10 y").extrapolated


def test_confusion_is_what_is_drawn():
    """Each share within four standard errors of 100,000 reads (100 shares: 0.6 % false alarms)."""
    n = 100_000
    device = mho.load_device("charan2020")
    reading = read_levels(device)
    for k, row in enumerate(reading.confusion):
        g = np.full(n, reading.g_uS[k], dtype=np.float32)
        drawn = device.conductances(g, [0.0], Streams(5, k))[0]
        counted = np.bincount(np.digitize(drawn, reading.thresholds_uS), minlength=10) / n
        error = np.sqrt(row * (1 - row) / n)
        assert (np.abs(counted - row) < 4 * error + 1e-3).all()
    assert reading.confusion.sum(axis=1) == pytest.approx(np.ones(10))


def test_ten_levels_at_50_percent_spread_are_misread_more_often_than_not():
    device = mho.load_device("charan2020")
    reading = read_levels(device)
    assert reading.mean == pytest.approx(0.637, abs=0.005)
    assert f"{reading.mean:.0%}".replace("%", " %") in device.source.note
    assert reading.worst == pytest.approx(0.901, abs=0.005)
    assert distinguishable_levels(mho.load_device("charan2020")).count == 2


def test_thresholds_balance_both_sides():
    reading = read_levels(constant(8.0), [20.0, 50.0, 90.0])
    assert reading.thresholds_uS == pytest.approx([35.0, 70.0], abs=0.01)
    miss = stats.norm.sf(15 / 8), stats.norm.sf(20 / 8)
    assert reading.error_rates == pytest.approx([miss[0], sum(miss), miss[1]], rel=0.01)


def test_a_reader_that_knows_no_drift_errs_more():
    device = mho.load_device("falcone2025")
    levels = np.linspace(9, 88.2, 16)
    knowing = read_levels(device, levels, t="10 y")
    plain = read_levels(device, levels, t="10 y", reader="midpoint")
    assert plain.thresholds_uS == pytest.approx((levels[1:] + levels[:-1]) / 2)
    assert plain.worst > knowing.worst


def test_stuck_cells_are_stated_apart():
    device = mho.load_device("charan2020-jxcdc")
    reading = read_levels(device)
    assert reading.stuck_share == pytest.approx(0.1079)
    assert reading.error_rates[0] < 0.01


def test_where_spread_vanishes_the_reader_s_resolution_counts():
    device = mho.load_device("agrawal2022-sonos")
    fine = distinguishable_levels(device, resolution_uS=1e-3)
    coarse = distinguishable_levels(device, resolution_uS=0.5)
    assert fine.count > distinguishable_levels(device).count > coarse.count
    assert np.diff(coarse.g_uS).min() >= 0.5


def test_placed_levels_become_the_device_s_own():
    device = mho.load_device("falcone2025")
    reading = distinguishable_levels(device, t="10 y")
    with_levels = device.replace(levels=reading.as_levels())
    again = read_levels(with_levels, t="10 y")
    assert again.worst == pytest.approx(reading.worst)


def test_hopeless_cells_have_one_level():
    for placement in ("equal-error", "uniform"):
        reading = distinguishable_levels(constant(80.0, high=30.0), placement=placement)
        assert reading.count == 1
        assert reading.worst == 0.0


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.5, 2.0, math.nan])
def test_error_rates_are_shares(rate):
    with pytest.raises(ConfigError, match="error_rate"):
        distinguishable_levels(constant(1.0), error_rate=rate)


def test_misspelt_words_are_answered():
    with pytest.raises(ConfigError, match=r"'uniforn'.*'uniform'"):
        distinguishable_levels(constant(1.0), placement="uniforn")
    with pytest.raises(ConfigError, match=r"'mid-point'.*'midpoint'"):
        read_levels(constant(1.0), [20.0, 30.0], reader="mid-point")


@pytest.mark.parametrize("levels", [[20.0], [30.0, 20.0], [20.0, 20.0], [[20.0, 30.0]]])
def test_levels_that_are_none_are_refused(levels):
    with pytest.raises(ConfigError, match="ascending"):
        read_levels(constant(1.0), levels)


def test_levels_and_times_outside_the_range_are_refused():
    with pytest.raises(OutOfRangeError):
        read_levels(constant(1.0), [20.0, 300.0])
    with pytest.raises(OutOfRangeError):
        distinguishable_levels(mho.load_device("charan2020"), t="1 d")


def test_analogue_devices_have_no_levels_of_their_own():
    with pytest.raises(ConfigError, match="analogue levels"):
        read_levels(mho.load_device("falcone2025"))
