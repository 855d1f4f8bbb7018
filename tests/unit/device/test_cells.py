from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import mho
from mho.device.cells import cells_at


def test_normal_cells_have_normal_quantiles_far_into_the_tails():
    cells = cells_at(mho.load_device("milo2021"), 100.0, 0.0)
    law = stats.norm(100.0, 4.782321 - 0.9107)
    for share in (1e-6, 0.01, 0.5, 0.9, 1 - 1e-6):
        assert cells.quantile(share) == pytest.approx(law.ppf(share), abs=0.01)
        assert cells.below(law.ppf(share)) == pytest.approx(share, rel=0.01)


def test_programming_drift_and_read_noise_add_up():
    device = mho.load_device("falcone2025")
    t = 3600.0
    cells = cells_at(device, 50.0, t)
    mean = 50 - 0.08900206 * math.log(t)
    drifted = math.hypot(0.01129027 * 50 + 0.01121854, 0.04201137 * math.log(t) + 0.41183342)
    read = 0.0277316483 * math.log10(mean) * math.sqrt(math.log((t + 1e-6) / 2e-6))
    law = stats.norm(mean, math.hypot(drifted, read))
    for share in (1e-4, 0.05, 0.5, 0.95, 1 - 1e-4):
        assert cells.quantile(share) == pytest.approx(law.ppf(share), abs=0.02)


@pytest.mark.parametrize(
    ("name", "g", "t"),
    [
        ("nandakumar2019-pcm", 12.0, 1e6),
        ("charan2020", 60.0, 0.0),
        ("wan2022", 1.0, 86_400.0),
        ("agrawal2022-sonos", 2.0, 432_000.0),
    ],
)
def test_cells_are_those_that_are_drawn(name, g, t):
    """Quantiles of 200,000 draws; a share is within four standard errors of its own."""
    n = 200_000
    device = mho.load_device(name)
    drawn = device.sample(np.full(n, g), [t], seed=3, read=0)[0].astype(np.float64)
    cells = cells_at(device, g, t)
    for share in (0.02, 0.3, 0.5, 0.8, 0.99):
        x = cells.quantile(share)
        if not device.window[0] < x < device.window[1]:
            continue  # cells that stopped at the window's edge
        counted = (drawn < x).mean()
        assert abs(counted - share) < 4 * math.sqrt(share * (1 - share) / n) + 2e-3


def test_ideal_cells_are_one_value():
    cells = cells_at(mho.load_device("ideal"), 7.0, 1e9)
    assert set(cells.g_uS) == {7.0}
    assert cells.quantile(0.01) == 7.0


def test_times_outside_the_range_are_refused():
    with pytest.raises(mho.MhoError, match="valid from"):
        cells_at(mho.load_device("falcone2025"), 50.0, 1e12)
