"""Columns become reads in µS, s and °C, whatever they were called and measured in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.tables.read import read_table
from mho.device.tables.understand import understand
from mho.errors import TableError

G = np.array([10.0, 20.0, 10.5, 20.5])


def reads(table, **options):
    return understand(read_table(pd.DataFrame(table)), **options)


BASE = {"cell": [1, 2, 1, 2], "time_s": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    "reading",
    [
        {"conductance_uS": G},
        {"G (S)": G * 1e-6},
        {"R (kΩ)": 1e3 / G},
        {"resistance": 1e6 / G},
        {"I (nA)": G * 0.2 * 1e3, "V_read (V)": np.full(4, 0.2)},
        {"current_uA": G * 0.2, "read_voltage_mV": np.full(4, 200.0)},
        {"conductance": G * 1e-6},
    ],
)
def test_every_reading_is_the_same_conductance(reading):
    np.testing.assert_allclose(reads({**BASE, **reading}).g_uS, G, rtol=1e-12)


def test_stated_units_win_over_names():
    found = reads({**BASE, "conductance_uS": G * 1e3}, units={"conductance": "nS"})
    np.testing.assert_allclose(found.g_uS, G)
    assert found.units["conductance"] == "nS"


def test_columns_by_name_and_by_position():
    odd = {"a": BASE["cell"], "b": [0, 0, 1000, 1000], "c": G}
    found = reads(
        odd, columns={"cell": "a", "time": 1, "conductance": "c"},
        units={"time": "ms", "conductance": "uS"},
    )  # fmt: skip
    assert found.t_s.tolist() == [0, 0, 1, 1]


def test_a_cell_is_one_of_its_die():
    found = reads({**BASE, "g_uS": G, "die": ["a", "a", "b", "b"]})
    assert found.cell.count == 4
    assert found.cell.names[0] == "a/1"


def test_row_and_column_make_a_cell():
    found = reads({"row": [0, 0, 0, 0], "col": [0, 1, 0, 1], "time_s": [0, 0, 1, 1], "g_uS": G})
    assert found.cell.code.tolist() == [0, 1, 0, 1]


def test_kelvin_becomes_celsius():
    found = reads({**BASE, "g_uS": G, "temperature_K": [373.15] * 4})
    np.testing.assert_allclose(found.temperature_C, 100.0)


def test_levels_by_words_are_in_order_of_conductance():
    found = reads({**BASE, "g_uS": G, "level": ["zero", "high", "zero", "high"]})
    assert found.level.tolist() == [0, 1, 0, 1]


def test_what_was_understood_is_echoed():
    echo = reads({**BASE, "g_uS": G, "colour": list("abcd")}).echo
    assert "g_uS: conductance in uS (by its name)" in echo
    assert "colour: not used (not recognised)" in echo


def test_a_second_reading_is_left_aside():
    found = reads({**BASE, "g_uS": G, "R (kΩ)": 1e3 / G})
    assert "R (kΩ): not used (resistance: the conductance is used)" in found.echo


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"g_uS": [10.0, np.nan, 10.5, 20.5]}, r"row 1: column 'g_uS' \(conductance\) is missing"),
        ({"g_uS": [10.0, "bad", 10.5, 20.5]}, r"row 1: .*holds text .*'bad'"),
        ({"time_s": ["0", "0", "1 s", "1 s"]}, r"rows 2, 3: column 'time_s' \(time\) holds text"),
        ({"g_uS": [10.0, np.inf, 10.5, 20.5]}, "is not finite"),
        ({"level": [0.5, 1, 0.5, 1]}, "level.*needs whole numbers"),
    ],
)
def test_bad_values_are_named_with_their_rows(change, says):
    with pytest.raises(TableError, match=says):
        reads({**BASE, "g_uS": G, **change})


def test_missing_reads_can_be_dropped():
    found = reads({**BASE, "g_uS": [10.0, np.nan, 10.5, 20.5]}, drop_missing=True)
    assert len(found) == 3
    assert "1 row without a reading left out (row 1)" in found.warnings[0]
    assert found.where(np.array([False, True, False])) == "row 2"  # counted in the table


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"time_s": [0, 1], "g_uS": [1, 2]}, "no column is the cell"),
        ({"cell": [0, 1], "g_uS": [1, 2]}, "no column is the time"),
        ({"cell": [0, 1], "time_s": [0, 1]}, "no column is the conductance"),
        ({"cell": [0, 1], "time_s": [0, 1], "I (nA)": [1, 2]}, "no column is the read_voltage"),
    ],
)
def test_a_missing_role_is_named_with_the_option(columns, says):
    with pytest.raises(TableError, match=says) as error:
        reads(columns)
    assert "--columns" in str(error.value)


def test_a_column_that_is_not_there():
    with pytest.raises(TableError, match="no column 'conductans'.*Did you mean 'conductance'"):
        reads({**BASE, "conductance": G}, columns={"conductance": "conductans"})


@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_units_off_by_a_million_are_refused(factor):
    with pytest.raises(TableError, match="no RRAM has.*--units conductance="):
        reads({**BASE, "conductance_uS": G * factor})


def test_a_unit_that_is_not_clear_is_asked_for():
    with pytest.raises(TableError, match="unit of column 'resistance'.*--units resistance="):
        reads({**BASE, "resistance": 1e3 / G})
