"""Columns without names are recognised by what they hold, and only where that is clear."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.tables.infer import infer_roles
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand
from mho.errors import TableError

CELLS = 200
RNG = np.random.default_rng(3)


def table(times=(0.0, 1.0, 100.0), levels=8):
    cell = np.tile(np.arange(CELLS) + 4096, len(times))
    level = np.tile(np.arange(CELLS) % levels, len(times))
    first = np.tile(5.0 + 5 * (np.arange(CELLS) % levels) + RNG.normal(0, 0.3, CELLS), len(times))
    time = np.repeat(times, CELLS)
    g = first + np.where(time > 0, RNG.normal(0, 0.5, time.size), 0)
    return {"cell": cell, "time": time, "g": g * 1e-6, "first": first * 1e-6, "level": level}


def guesses(columns):
    frame = pd.DataFrame({str(k): v for k, v in enumerate(columns)})
    return {name: guess.role for name, guess in infer_roles(frame, {}).items()}


def test_all_of_a_table_like_technology_c():
    t = table()
    jitter = t["time"] * (1 + RNG.normal(0, 1e-3, t["time"].size))
    found = guesses([t["cell"], jitter, 1 / t["g"], t["g"], t["first"], t["level"], t["time"]])
    assert found == {
        "0": "cell", "1": "time", "2": None, "3": "conductance", "4": "first_reading",
        "5": "level", "6": None,
    }  # fmt: skip


def test_temperature_is_told_from_a_level():
    t = table(times=(0.0, 50.0))
    parts = [np.tile(v, 4) for v in (t["cell"], t["time"], t["g"])]
    celsius = np.repeat([100, 140, 180, 220], t["cell"].size)
    assert guesses([*parts, celsius])["3"] == "temperature"


def test_cycles_count_up():
    t = table()
    parts = [np.tile(v, 3) for v in (t["cell"], t["time"], t["g"])]
    assert guesses([*parts, np.repeat([1, 2, 3], t["cell"].size)])["3"] == "cycle"


def test_resistance_alone():
    t = table()
    assert guesses([t["cell"], t["time"], 1 / t["g"]])["2"] == "resistance"


def test_what_is_not_clear_is_asked_for():
    t = table()
    frame = pd.DataFrame({0: t["cell"], 1: t["time"], 2: RNG.normal(50, 5, t["cell"].size)})
    with pytest.raises(TableError, match="no column is the conductance.*--columns conductance="):
        understand(read_table(frame))
