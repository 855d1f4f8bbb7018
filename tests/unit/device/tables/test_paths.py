"""Reads in any order become cells over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.tables.paths import build_paths
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand


def paths(columns, temperature=None):
    return build_paths(understand(read_table(pd.DataFrame(columns))), temperature)


def test_changes_are_counted_from_the_first_reading():
    found, _ = paths(
        {"cell": [1, 2, 1, 2, 1], "time_s": [0, 0, 1, 1, 10], "g_uS": [10.0, 20, 11, 19, 12]}
    )
    assert found.g0_uS.tolist() == [10, 20]
    np.testing.assert_allclose(found.change_uS, [[1, 2], [-1, np.nan]])
    assert found.times_s.tolist() == [1, 10]
    assert found.span_s == (1, 10)
    assert found.read_row.tolist() == [[2, 4], [3, -1]]


def test_a_first_reading_column_stands_for_time_zero():
    found, warnings = paths(
        {"cell": [1, 1], "time_s": [1, 10], "g_uS": [11.0, 12], "first_reading_uS": [10.0, 10.0]}
    )
    assert warnings == []
    assert found.ref_s == 0
    assert found.change_uS.tolist() == [[1, 2]]


def test_without_time_zero_the_first_time_is_the_reference():
    found, warnings = paths(
        {"cell": [1, 2, 1, 2], "time_s": [1, 1, 100, 100], "g_uS": [10.0, 20, 13, 24]}
    )
    assert found.ref_s == 1
    assert found.change_uS.tolist() == [[3], [4]]
    assert "changes are counted from 1 s" in warnings[0]


def test_cells_without_a_reference_are_left_out():
    found, warnings = paths({"cell": [1, 1, 2], "time_s": [0, 10, 10], "g_uS": [10.0, 11, 20]})
    assert len(found) == 1
    assert "1 cell(s) without a first reading left out (row 2)" in warnings[0]


def test_times_that_nearly_agree_are_one():
    rng = np.random.default_rng(0)
    t = np.concatenate([np.zeros(50), 10 * np.exp(rng.normal(0, 0.02, 50)), np.full(50, 1e4)])
    found, _ = paths({"cell": np.tile(np.arange(50), 3), "time_s": t, "g_uS": np.full(150, 5.0)})
    assert found.times_s == pytest.approx([10, 1e4], rel=0.02)


def test_times_all_different_are_cut_into_spans():
    rng = np.random.default_rng(0)
    t = np.concatenate([np.zeros(500), np.exp(rng.uniform(0, np.log(1e5), 5000))])
    cell = np.concatenate([np.arange(500), np.arange(5000) % 500])
    found, _ = paths({"cell": cell, "time_s": t, "g_uS": np.full(5500, 5.0)})
    assert 15 <= found.times_s.size <= 24
    assert (np.diff(np.log(found.times_s)) > 0.3).all()


def test_a_cell_programmed_again_is_a_path_of_its_own():
    found, _ = paths(
        {"cell": [1] * 4, "cycle": [1, 1, 2, 2], "time_s": [0, 1, 0, 1], "g_uS": [10.0, 11, 20, 19]}
    )
    assert found.cell.tolist() == [0, 0]
    assert found.change_uS.ravel().tolist() == [1, -1]


def test_one_temperature_is_taken():
    table = {
        "cell": [1] * 4, "temperature_C": [25, 25, 85, 85], "time_s": [0, 1, 0, 1],
        "g_uS": [10.0, 11, 20, 25],
    }  # fmt: skip
    found, _ = paths(table, temperature=85.0)
    assert found.change_uS.ravel().tolist() == [5]


def test_take_repeats_paths():
    found, _ = paths({"cell": [1, 2], "time_s": [0, 0], "g_uS": [10.0, 20]})
    again = found.take(np.array([1, 1, 0]))
    assert again.g0_uS.tolist() == [20, 20, 10]
