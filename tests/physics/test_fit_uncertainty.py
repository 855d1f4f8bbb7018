"""What the data do not know: other samples' laws agree where cells were read, and part beyond."""

from __future__ import annotations

import numpy as np
import pytest

import mho
from mho.errors import OutOfRangeError

G = np.linspace(5, 35, 7)
LAST_READ_s = 1e5
TEN_YEARS_s = 3.1536e8


@pytest.fixture(scope="module")
def laws():
    """The laws of the shipped card, fitted to measured cells."""
    device = mho.load_device("levy2024-c").replace(extrapolate=True)
    return [device.law_sample(k) for k in range(len(device.ensemble.members))]


def test_ten_years_are_refused_unless_asked_for():
    device = mho.load_device("levy2024-c")
    with pytest.raises(OutOfRangeError, match="extrapolate = true"):
        device.sample([20.0], ["10 y"])
    assert device.replace(extrapolate=True).is_extrapolated(TEN_YEARS_s)
    assert not device.replace(extrapolate=True).is_extrapolated(LAST_READ_s)


def test_where_cells_were_read_the_laws_agree(laws):
    """The bootstrap's sd of a spread is that of about 500 heavy-tailed cells a level: 3 to 10 %."""
    spreads = np.array([law.spread(G, LAST_READ_s) for law in laws])
    share = spreads.std(axis=0, ddof=1) / spreads.mean(axis=0)
    assert (share > 0.01).all()
    assert (share < 0.12).all()


def test_beyond_the_band_is_widened_by_the_families_disagreement(laws):
    """Sampling alone leaves a few per cent; families that fitted alike part by much more."""
    band = {t: np.array([law.spread(G, t) for law in laws]) for t in (LAST_READ_s, TEN_YEARS_s)}
    early, late = (np.median(b.std(axis=0, ddof=1)) for b in band.values())
    assert late > 2 * early
    grown = band[TEN_YEARS_s].mean(axis=1) / band[LAST_READ_s].mean(axis=1)
    by_family = [grown[k::3].mean() for k in range(3)]
    assert max(by_family) - min(by_family) > 0.1
