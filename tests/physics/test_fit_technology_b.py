"""A second measured technology: other times, other levels, another window, the same code."""

from __future__ import annotations

import numpy as np
import pytest

import mho


@pytest.fixture(scope="module")
def table(data_root):
    return data_root / "rram-relaxation" / "technology_b_bake.tsv.gz"


@pytest.fixture(scope="module")
def fit(table):
    return mho.fit_device(table, time_law=mho.load_device("levy2024-c"), members=3)


def test_columns_were_understood_without_help(fit):
    record = fit.device.fit.model_dump()
    assert record["columns"] == {
        "cell": "0", "time": "1", "conductance": "3", "temperature": "4",
    }  # fmt: skip
    assert record["rows"] == 163_840
    assert fit.goodness.cells == 16_384


@pytest.mark.parametrize("celsius", [100, 180, 260])
def test_quantiles_of_every_level(table, celsius):
    drift = mho.fit_device(table, temperature_C=celsius, members=0).goodness.drift
    assert drift.quantile_errors.size >= 150
    assert drift.largest_error <= 0.15
    assert drift.median_error <= 0.05
    (figures,) = drift.times
    assert figures.mean_fitted == pytest.approx(figures.mean, rel=0.1)
    assert figures.sd_fitted == pytest.approx(figures.sd, rel=0.1)


def test_held_out_cells_prefer_it_to_one_normal_law(fit):
    held_out = fit.goodness.held_out
    gain = held_out["quantiles by level and time"] - held_out["one normal law, linear in ln t"]
    assert gain > 0.1


def test_hot_bakes_spread_more_by_one_activation_energy(fit):
    bakes = fit.goodness.temperature
    spreads = [b.spread.value for b in bakes.bakes]
    assert (np.diff(spreads) > 0).all()
    assert max(abs(b.fitted / b.spread.value - 1) for b in bakes.bakes) < 0.05
    # ln of the mean absolute deviation against 1/kT, over 16 groups of conductance, done by hand
    assert bakes.product_eV.value == pytest.approx(0.03, abs=0.003)


def test_an_hour_at_220_degrees_is_weeks_at_85(fit):
    law = fit.device.temperature
    assert law.measured_C == (100, 260)
    assert law.is_extrapolated(85)
    t, low, high = law.equivalent(3600, 220, 85)
    assert 86_400 < low < t < high < 31_536_000
