"""Mistakes found in simulators in use today; each was published, each is a test here."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mho
from mho.errors import ConfigError
from mho.rng import Streams

N = 200_000


def test_a_two_percent_write_verify_stays_two_percent():
    """A default acceptance of "2 %" silently became 0.2 %: ten times too good."""
    cells = mho.load_device("falcone2025").sample(np.full(N, 50.0), [0.0]).astype(np.float64)
    fine = mho.load_device("falcone2025-0.2pct").sample(np.full(N, 50.0), [0.0]).astype(np.float64)
    assert abs(cells.std() - 0.575732) < 4 * 0.575732 / math.sqrt(2 * N)
    assert abs(fine.std() - 0.054251) < 4 * 0.054251 / math.sqrt(2 * N)


def test_the_40_uS_reference_of_a_fit_is_applied():
    """A polynomial in g / 40 µS was evaluated in g / g_max, whatever g_max was."""
    device = mho.load_device("wan2022")
    narrow = device.replace(g_max_uS=25.0, valid={**device.valid.model_dump(), "g_uS": (0, 25)})
    at_12_5 = 0.348 + 16.030 * 0.3125 - 43.853 * 0.3125**2
    at_12_5 += 45.393 * 0.3125**3 - 16.815 * 0.3125**4
    assert narrow.spread(12.5, 1.0) == pytest.approx(at_12_5)


@pytest.mark.parametrize("name", ["falcone2025", "nandakumar2019-pcm", "agrawal2022-sonos"])
def test_read_noise_is_a_number_below_1_uS(name):
    """log10(g) turns negative below 1 µS, and its spread became NaN."""
    device = mho.load_device(name).replace(g_min_uS=0.0)
    device = device.replace(valid={**device.valid.model_dump(), "g_uS": (0.0, 10.0)})
    g = np.array([0.0, 1e-6, 0.1, 0.999, 1.0, 2.0])
    for t in (0.0, device.valid.t_s[0], device.valid.t_s[1]):
        sd = device.read_noise.sd(g, t)
        assert np.isfinite(sd).all()
        assert (sd >= 0).all()
        assert np.isfinite(device.sample(g, [t], read=0)).all()


@pytest.mark.parametrize("name", mho.list_devices())
def test_time_zero_is_right_after_programming(name):
    """A time of 0 s crashed: ln 0."""
    device = mho.load_device(name)
    g = np.linspace(*device.valid.g_uS, 50)
    score = Streams(0, "sample").normal((50,), "programming")
    programmed = device.programming.program(g.astype(np.float32), score, device.window)
    at_0 = device.sample(g, [0, 0.0], read=0)
    assert np.isfinite(at_0).all()
    if not device.faults.any:
        assert np.array_equal(device.sample(g, [0.0])[0], np.maximum(programmed, 0))
    assert np.array_equal(device.mean_shift(g, 0.0), np.zeros(50))
    assert np.array_equal(device.spread(g, 0.0), np.zeros(50))


def test_any_time_in_the_range_may_be_asked_not_only_the_listed_three():
    device = mho.load_device("wan2022")
    times = np.geomspace(1.0, 172_800.0, 200)
    spread = np.array([device.spread(20.0, t) for t in times])
    assert (np.diff(spread) > 0).all()
    # a straight line in ln t between the listed times
    listed = [device.spread(20.0, t) for t in (1.0, 86_400.0, 172_800.0)]
    line = np.interp(np.log(times), np.log([1.0, 86_400.0, 172_800.0]), np.ravel(listed))
    assert spread == pytest.approx(line)


def test_misspelt_parameters_are_refused_with_the_nearest_known():
    device = mho.load_device("falcone2025")
    with pytest.raises(ConfigError, match=r"unknown key 'drift.mean_slop_uS'.*'mean_slope_uS'"):
        device.replace(drift={**device.drift.model_dump(), "mean_slop_uS": 1.0})
    with pytest.raises(ConfigError, match=r"unknown law 'log-tme'.*'log-time'"):
        device.replace(drift={**device.drift.model_dump(), "law": "log-tme"})


def test_stuck_cells_are_counted_rightly():
    """1.75 % at LRS and 9.04 % at HRS of *all* cells, each within four standard errors."""
    device = mho.load_device("charan2020-jxcdc")
    middle = device.sample(np.full(N, 50.0), [0.0], seed=6)[0]
    for edge, share in ((100.0, 0.0175), (1.0, 0.0904)):
        counted = (middle == edge).mean()  # no cell at 50 µS reaches an edge: 7 and 39 sd away
        assert abs(counted - share) < 4 * math.sqrt(share * (1 - share) / N)


def test_a_stuck_cell_stays_stuck_at_every_time_and_read():
    device = mho.load_device("falcone2025").replace(faults={"stuck_at_hrs": 0.3})
    cells = device.sample(np.full(5000, 50.0), ["1 s", "1 d", "10 y"], seed=1)
    stuck = cells == np.float32(9.0)
    assert np.array_equal(stuck[0], stuck[1])
    assert np.array_equal(stuck[0], stuck[2])


def test_chips_differ_unless_the_seed_is_the_same():
    """Every chip was the same because the seed was fixed inside."""
    device = mho.load_device("charan2020")
    g = np.full(1000, 50.0, dtype=np.float32)
    chips = [device.conductances(g, [0.0], Streams(k, "chip", "conv1"))[0] for k in range(5)]
    assert len({chip.tobytes() for chip in chips}) == 5
    np.random.seed(0)  # noqa: NPY002  # the global generator must not matter
    again = device.conductances(g, [0.0], Streams(3, "chip", "conv1"))[0]
    assert np.array_equal(again, chips[3])


def test_a_cell_keeps_its_identity_over_time():
    """The deviation was redrawn at each time: correlation about 0 between an hour and a day."""
    device = mho.load_device("falcone2025")
    start, hour, day = device.sample(np.full(N, 50.0), [0, "1 h", "1 d"]).astype(np.float64)
    assert np.corrcoef(hour - start, day - start)[0, 1] > 0.6


def test_asking_for_a_time_changes_nothing():
    """Time mutated the weights in place."""
    device = mho.load_device("falcone2025")
    g = np.full(100, 50.0)
    hour = device.sample(g, ["1 h"])
    device.sample(g, ["10 y"])
    assert np.array_equal(device.sample(g, ["1 h"]), hour)
    assert np.array_equal(g, np.full(100, 50.0))
