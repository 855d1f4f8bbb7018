"""Bakes at several temperatures become one activation energy, or say what is missing for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mho
from mho.device.fit.temperature import fit_temperature
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand
from mho.device.temperature import Arrhenius

TRUE = Arrhenius(
    activation_energy_eV=0.7, interval_eV=(0.7, 0.7), reference_C=100, measured_C=(100, 250)
)


def bakes(times, exponent=0.1, cells=2000):
    rng = np.random.default_rng(6)
    parts = []
    for celsius in (100.0, 150.0, 200.0, 250.0):
        g0 = rng.uniform(20, 80, cells)
        for t in (0.0, *times):
            spread = (t * TRUE.acceleration(celsius)) ** exponent if t else 0.0
            g = g0 + spread * rng.standard_normal(cells)
            parts.append({"cell": np.arange(cells), "t": t, "G": g, "celsius": celsius})
    return pd.concat([pd.DataFrame(p) for p in parts], ignore_index=True)


def fitted(frame, time_law=None):
    names = {"cell": "cell", "time": "t", "conductance": "G", "temperature": "celsius"}
    units = {"conductance": "uS", "temperature": "C"}
    return fit_temperature(understand(read_table(frame), names, units), time_law)


def test_several_times_give_exponent_and_energy():
    fit, warnings = fitted(bakes((1.0, 100.0, 1e4)))
    assert fit.exponent == pytest.approx(0.1, abs=0.01)
    low, high = fit.law.interval_eV
    assert low < 0.7 < high  # fails 1 seed in 20
    assert high - low < 0.2
    assert fit.law.measured_C == (100, 250)
    assert fit.exponent_from == "this table"
    assert max(abs(b.fitted / b.spread.value - 1) for b in fit.bakes) < 0.1
    assert not any("misses" in w for w in warnings)


def test_one_time_gives_the_product_and_says_what_is_missing():
    fit, warnings = fitted(bakes((1000.0,)))
    assert fit.law is None
    assert fit.product_eV.low < 0.07 < fit.product_eV.high
    assert "n E = 0.0" in warnings[0]
    assert "--time-law" in warnings[0]


def test_another_law_gives_the_exponent():
    device = mho.load_device("falcone2025").replace(
        drift={"law": "shaped", "shape": {"shape": "normal"},
               "mean_uS": {"form": "log-time", "intercept_uS": [0.0], "slope_uS": [0.0]},
               "sd_uS": {"form": "power", "scale_uS": [1.0], "exponent": 0.1}},
    )  # fmt: skip
    fit, _ = fitted(bakes((1000.0,)), device)
    assert fit.exponent == pytest.approx(0.1, rel=1e-6)
    assert fit.law.interval_eV[0] < 0.7 < fit.law.interval_eV[1]
    assert fit.law.time_law == "falcone2025"


def test_a_mean_that_turns_is_told():
    frame = bakes((1000.0,))
    shift = {100.0: 0.0, 150.0: -5.0, 200.0: 2.0, 250.0: 0.0}
    late = frame["t"] > 0
    frame.loc[late, "G"] += frame.loc[late, "celsius"].map(shift)
    _, warnings = fitted(frame)
    assert any("does not go one way with temperature" in w for w in warnings)


def test_one_temperature_has_none():
    frame = bakes((1000.0,))
    assert fitted(frame[frame["celsius"] == 100.0])[0] is None
