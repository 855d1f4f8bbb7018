"""How one cell's path hangs together: correlations against the memory law, and drift elsewhere.

Correlations of 100,000 cells have the standard error (1 - rho²) / sqrt(N); four of them are
allowed, so that a correct law fails one comparison with probability 6e-5. Seeds are fixed.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

import mho

N = 100_000


def correlations(device, times, seed=8):
    middle = np.full(N, 0.5 * sum(device.window))
    cells = device.sample(middle, [0.0, *times], seed=seed).astype(np.float64)
    change = cells[1:] - cells[0]
    return np.corrcoef(change)


def expected(device, t1, t2):
    """The formula in the docstring of RandomWalk, with the readout 0.4 and lifetime 2.5."""
    middle = 0.5 * sum(device.window)
    ratio = device.spread(middle, t1) / device.spread(middle, t2)
    return 0.6 * float(ratio) + 0.4 * math.exp(-math.log(t2 / t1) / 2.5)


def assert_follows(device, times):
    measured = correlations(device, times)
    for (i, t1), (j, t2) in combinations(enumerate(times), 2):
        rho = expected(device, t1, t2)
        assert abs(measured[i, j] - rho) < 4 * (1 - rho**2) / math.sqrt(N), (t1, t2)


@pytest.mark.parametrize("name", ["falcone2025", "falcone2025-0.2pct"])
def test_a_path_follows_its_memory_law_at_decades(name):
    assert_follows(mho.load_device(name), [1.0, 10.0, 1e3, 1e6, 1e8])


def test_a_path_follows_its_memory_law_between_decades_and_inside_one():
    # Between decades the path is predicted from the numbers around it: close, not exact.
    times = [1.0, 40.0, 2100.0, 3600.0, 5000.0, 604_800.0, 3.1536e7, 3.1536e8]
    device = mho.load_device("falcone2025")
    measured = correlations(device, times)
    for (i, t1), (j, t2) in combinations(enumerate(times), 2):
        assert abs(measured[i, j] - expected(device, t1, t2)) < 0.025, (t1, t2)


def test_wan2022_and_sonos_keep_their_cells_too():
    for name in ("wan2022", "agrawal2022-sonos"):
        device = mho.load_device(name)
        assert correlations(device, [86_400.0, 172_800.0])[0, 1] > 0.6


def test_a_pcm_cell_keeps_its_exponent_for_ever():
    device = mho.load_device("nandakumar2019-pcm")
    g = np.full(N, 12.5)
    start, hour, year = device.sample(g, [0.0, 3600.0, 3.1536e7], seed=2).astype(np.float64)
    nu = [-np.log(g_t / start) / math.log(t / 20) for g_t, t in ((hour, 3600), (year, 3.1536e7))]
    assert np.allclose(nu[0], nu[1], atol=2e-6)


def test_drift_taken_from_another_device_is_the_same_share_of_the_window():
    charan, falcone = mho.load_device("charan2020"), mho.load_device("falcone2025")
    device = charan.with_drift_of(falcone)
    ratio = 99.0 / 79.2
    for t in (1.0, 3600.0, 3.1536e8):
        assert device.spread(50.0, t) == pytest.approx(falcone.spread(50.0, t) * ratio)
        assert device.mean_shift(50.0, t) == pytest.approx(falcone.mean_shift(50.0, t) * ratio)
    # drawn cells, free of programming noise: programming is the same draw at each time
    start, later = device.sample(np.full(N, 40.0), [0.0, 3.1536e8], seed=1).astype(np.float64)
    inside = start > 15  # cells near 0 µS would stop at 0
    change = (later - start)[inside]
    sd = 1.234 * ratio
    assert abs(change.mean() + 1.7417 * ratio) < 4 * sd / math.sqrt(inside.sum())
    assert abs(change.std() - sd) < 4 * sd / math.sqrt(2 * inside.sum())


def test_borrowed_drift_follows_the_lender_s_memory():
    device = mho.load_device("milo2021").with_drift_of(mho.load_device("falcone2025"))
    assert_follows(device, [1.0, 1e3, 1e6])


def test_a_level_dependent_law_is_taken_at_the_same_place_in_the_window():
    wan = mho.load_device("wan2022")
    device = mho.load_device("milo2021").with_drift_of(wan)  # 175 µS wide instead of 40
    for share in (0.0, 0.1, 0.5, 1.0):
        here = device.spread(50 + 175 * share, 86_400.0)
        assert here == pytest.approx(175 / 40 * wan.spread(40 * share, 86_400.0), rel=1e-6)


def test_severity_scales_spread_and_mean_apart():
    falcone = mho.load_device("falcone2025")
    severe = falcone.with_drift_severity(spread=3, mean=0.5)
    assert severe.spread(50.0, 1e6) == pytest.approx(3 * falcone.spread(50.0, 1e6))
    assert severe.mean_shift(50.0, 1e6) == pytest.approx(0.5 * falcone.mean_shift(50.0, 1e6))
    # the same cells: each is three times as far from the mean as before
    g = np.full(1000, 50.0)
    base = falcone.sample(g, [0.0, 1e6], seed=4).astype(np.float64)
    more = severe.sample(g, [0.0, 1e6], seed=4).astype(np.float64)
    mean = float(falcone.mean_shift(50.0, 1e6))
    distance = (base[1] - base[0] - mean) * 3
    assert np.allclose(more[1] - more[0] - 0.5 * mean, distance, atol=1e-4)


def test_severity_of_severity_multiplies():
    device = mho.load_device("falcone2025")
    twice = device.with_drift_severity(spread=2).with_drift_severity(spread=3, mean=2)
    assert twice.drift == device.with_drift_severity(spread=6, mean=2).drift


def test_severity_of_borrowed_drift_keeps_the_window():
    device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    severe = device.with_drift_severity(spread=4)
    assert severe.spread(30.0, 1e5) == pytest.approx(4 * device.spread(30.0, 1e5))


def test_the_middle_pcm_cell_takes_the_mean_factor_and_the_rest_the_spread_factor():
    pcm = mho.load_device("nandakumar2019-pcm")
    frozen = pcm.with_drift_severity(spread=0, mean=1)
    assert frozen.spread(10.0, 1e6) == pytest.approx(0.0, abs=1e-9)
    middle = 10.0 * ((1e6 / 20) ** -max(0.049, -0.0155 * math.log(0.4) + 0.0244) - 1)
    assert frozen.mean_shift(10.0, 1e6) == pytest.approx(middle)
