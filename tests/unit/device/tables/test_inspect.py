"""Inspection shows what a table holds, and what stands in the way of a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mho
from mho.device.tables.inspect import inspect_table
from mho.device.tables.roles import parse_columns


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    cells = 300
    g = np.concatenate([20 + rng.normal(0, 0.5, cells), 21 + rng.normal(0, 0.5, cells)])
    return pd.DataFrame(
        {"id": np.tile(np.arange(cells), 2), "t": np.repeat([0, 1e4], cells), "G (uS)": g}
    )


def test_roles_counts_and_times(frame):
    seen = inspect_table(frame.drop(index=599))
    facts = dict(seen.facts)
    assert facts["cells"] == "300"
    assert facts["reads"] == "599"
    assert facts["time 2.78 h"] == "299 cells, missed by 1"
    assert seen.problem is None
    assert [c.understood for c in seen.columns] == [
        "cell (by its name)", "time in s (by its name, unit assumed)",
        "conductance in uS (by its name)",
    ]  # fmt: skip


def test_its_options_fit_the_table_as_it_was_understood(frame):
    seen = inspect_table(frame)
    words, _, units = seen.options.removeprefix("--columns ").partition(" --units ")
    pairs = parse_columns([words])
    fit = mho.fit_device(frame, pairs, parse_columns([units]), members=0)
    assert dict(fit.device.fit.columns) == {"cell": "id", "time": "t", "conductance": "G (uS)"}


def test_outliers_have_rows(frame):
    frame.loc[400, "G (uS)"] = 60.0
    seen = inspect_table(frame)
    assert "row 400" in dict(seen.facts)["outliers at 2.78 h"]


def test_gaps_are_told(frame):
    more = frame[frame["t"] > 0].assign(t=1.0)
    seen = inspect_table(pd.concat([frame, more], ignore_index=True))
    assert "4.0 decades without a read, 1 s to 2.78 h" in dict(seen.facts)["widest gap"]


def test_a_problem_still_shows_the_columns(frame):
    seen = inspect_table(frame.drop(columns="t"))
    assert "no column is the time" in seen.problem
    assert seen.columns[0].holds.startswith("numbers 0")
    assert seen.to_dict()["problem"] == seen.problem
