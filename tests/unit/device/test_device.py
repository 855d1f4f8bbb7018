from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mho
from mho.device.device import Device, Source, ValidRange
from mho.errors import ConfigError, OutOfRangeError
from mho.rng import Streams


def device(**changes):
    values = {
        "name": "mine", "g_min_uS": 1.0, "g_max_uS": 100.0, "t0_s": 0.0,
        "valid": ValidRange(g_uS=(1, 100)), "source": Source(citation="here"),
    }  # fmt: skip
    return Device(**{**values, **changes})


def test_sample_has_the_promised_shape_and_type():
    falcone = mho.load_device("falcone2025")
    cells = falcone.sample(np.full((3, 4), 50.0), [1, "1 h"], seed=0)
    assert cells.shape == (2, 3, 4)
    assert cells.dtype == np.float32
    assert falcone.sample(50.0, ["1 s"]).shape == (1,)


def test_sample_takes_several_times_only():
    with pytest.raises(ConfigError, match=r"write \['1 s'\]"):
        mho.load_device("falcone2025").sample([50.0], "1 s")


@given(
    st.lists(st.floats(1.0, 3e8), min_size=1, max_size=6, unique=True),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_a_time_is_answered_alike_whatever_else_is_asked(times, seed, random):
    falcone = mho.load_device("falcone2025")
    g = np.linspace(10, 80, 16)
    together = dict(zip(times, falcone.sample(g, times, seed), strict=True))
    shuffled = random.sample(times, len(times))
    for t, cells in zip(shuffled, falcone.sample(g, shuffled, seed), strict=True):
        assert np.array_equal(cells, together[t])
    assert np.array_equal(falcone.sample(g, times[:1], seed)[0], together[times[0]])


def test_extrapolated_times_change_no_other():
    falcone = mho.load_device("falcone2025").replace(extrapolate=True)
    g = np.full(50, 50.0)
    alone = falcone.sample(g, ["1 h"])
    beside = falcone.sample(g, [1e-3, "1 h", "100 y"])
    assert np.array_equal(alone[0], beside[1])


def test_time_is_refused_outside_the_valid_range_and_taken_where_the_user_insists():
    falcone = mho.load_device("falcone2025")
    with pytest.raises(OutOfRangeError, match=r"valid from 1 s to 10 y .* got t = 11 y"):
        falcone.check_time(11 * 31_536_000.0)
    insisting = falcone.replace(extrapolate=True)
    insisting.check_time(11 * 31_536_000.0)
    assert insisting.is_extrapolated(11 * 31_536_000.0)


def test_ten_years_are_valid_and_marked():
    falcone = mho.load_device("falcone2025")
    falcone.check_time(315_360_000.0)
    assert falcone.is_extrapolated(315_360_000.0)
    assert not falcone.is_extrapolated(604_800.0)
    assert not falcone.is_extrapolated(0.0)


def test_a_device_without_drift_says_how_to_give_it_one():
    with pytest.raises(OutOfRangeError, match=r"no drift law.*Ask for t = 0 s.*with_drift_of"):
        mho.load_device("charan2020").sample([50.0], ["1 s"])
    with pytest.raises(OutOfRangeError, match=r"Ask for t = 27\.4 s"):
        mho.load_device("joshi2020-pcm").sample([5.0], ["1 h"])


def test_time_does_not_matter_where_it_does_not_enter():
    ideal = mho.load_device("ideal")
    assert ideal.sample([3.0], ["100 y"]).tolist() == [[3.0]]
    assert not ideal.is_extrapolated(1e12)


def test_targets_outside_the_measured_window_are_refused():
    with pytest.raises(OutOfRangeError, match=r"valid from 9 to 88\.2 µS; got a target of 5 µS"):
        mho.load_device("falcone2025").sample([50.0, 5.0], [0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"g_max_uS": 1.0}, "must exceed"),
        ({"g_min_uS": -1.0}, "g_min_uS"),
        ({"valid": {"g_uS": (5, 2)}}, "low <= high"),
        ({"valid": {"g_uS": (0, math.inf)}}, "finite"),
        ({"t0_s": 5.0, "valid": {"g_uS": (1, 100), "t_s": (10, 20)}}, "t0_s"),
        ({"colour": "blue"}, "unknown key 'colour'"),
    ],
)
def test_impossible_devices_are_refused(changes, says):
    with pytest.raises(ConfigError, match=says):
        device().replace(**changes)


def test_a_constant_per_cell_needs_frozen_memory():
    pcm = mho.load_device("nandakumar2019-pcm")
    with pytest.raises(ConfigError, match="frozen"):
        pcm.replace(memory={"law": "redrawn"})
    with pytest.raises(ConfigError, match="frozen"):
        pcm.with_drift_severity(spread=2).replace(memory={"law": "redrawn"})


def test_paths_are_futures_of_the_same_programmed_cells():
    falcone = mho.load_device("falcone2025")
    g = np.full(1000, 50.0, dtype=np.float32)
    one, two = (falcone.conductances(g, [0.0, 3600.0], Streams(1), path=p) for p in (0, 1))
    assert np.array_equal(one[0], two[0])
    assert abs(np.corrcoef(one[1] - one[0], two[1] - two[0])[0, 1]) < 4 / math.sqrt(1000)


def test_reads_differ_and_are_repeatable():
    wan = mho.load_device("wan2022")
    g = np.full(100, 30.0)
    first, again, second = (wan.sample(g, [1.0], read=r) for r in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_drift_of_a_device_without_drift_cannot_be_taken():
    with pytest.raises(ConfigError, match="no drift law to take"):
        mho.load_device("falcone2025").with_drift_of(mho.load_device("charan2020"))
    with pytest.raises(ConfigError, match="no drift law whose severity"):
        mho.load_device("charan2020").with_drift_severity(spread=2)


def test_borrowed_drift_says_what_was_done_and_brings_time_with_it():
    charan, falcone = mho.load_device("charan2020"), mho.load_device("falcone2025")
    both = charan.with_drift_of(falcone)
    assert both.name == "charan2020+falcone2025-drift"
    assert "Drift and memory of falcone2025, scaled by 1.25 to this window" in both.description
    assert both.memory == falcone.memory
    assert both.t0_s == 1.0
    assert both.valid.t_s == falcone.valid.t_s
    assert both.valid.measured_t_s == falcone.valid.measured_t_s
    assert both.valid.g_uS == charan.valid.g_uS
    assert both.programming == charan.programming
    as_is = charan.with_drift_of(falcone, rescale=False)
    assert as_is.drift == falcone.drift
    assert "as measured, in µS" in as_is.description


def test_borrowed_total_spread_is_announced():
    both = mho.load_device("charan2020").with_drift_of(mho.load_device("wan2022"))
    assert "holds the programming spread of wan2022 too" in both.description


def test_replace_validates():
    with pytest.raises(ConfigError, match="device 'falcone2025'"):
        mho.load_device("falcone2025").replace(g_min_uS=100.0)


def test_severity_refuses_negative_factors():
    with pytest.raises(ConfigError, match="spread_factor"):
        mho.load_device("falcone2025").with_drift_severity(spread=-1)


def test_conductance_never_turns_negative():
    device = mho.load_device("wan2022")
    assert device.sample(np.zeros(1000), ["2 d"]).min() == 0.0


def test_drift_may_be_lent_on():
    charan, milo, falcone = map(mho.load_device, ("charan2020", "milo2021", "falcone2025"))
    direct, lent_on = (
        charan.with_drift_of(falcone),
        charan.with_drift_of(milo.with_drift_of(falcone)),
    )
    assert lent_on.spread(40.0, 1e5) == pytest.approx(direct.spread(40.0, 1e5))
    assert lent_on.mean_shift(40.0, 1e5) == pytest.approx(direct.mean_shift(40.0, 1e5))


def test_ten_years_may_have_leap_days():
    falcone = mho.load_device("falcone2025")
    falcone.check_time(10 * 365.25 * 86_400)
    with pytest.raises(OutOfRangeError):
        falcone.check_time(10.1 * 31_536_000)
