"""Wide tables: one column a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.tables.read import read_table
from mho.device.tables.understand import understand
from mho.device.tables.wide import time_of, unfold
from mho.errors import TableError


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("0 s", 0), ("10", 10), ("1e5", 1e5), ("t=10", 10), ("g_1h", 3600), ("g_10 ms", 0.01),
        ("1 d", 86_400), ("0.1s (uS)", 0.1), ("R at 1 min", None), ("time 5 min", 300),
        ("g_0s_uS", 0), ("R_1h_kOhm", 3600), ("g_1h_red", None),
        ("die", None), ("row1", None), ("die_2", None), ("10 parsec", None),
    ],
)  # fmt: skip
def test_names_that_are_times(name, seconds):
    assert time_of(name) == (None if seconds is None else pytest.approx(seconds))


def reads(frame, **options):
    raw, columns, units = unfold(read_table(frame), options.get("units"))
    return understand(raw, columns, {**options.get("units", {}), **units}, drop_missing=True)


def test_a_wide_table_is_the_long_one():
    found = reads(pd.DataFrame({"cell": [7, 8], "0 s": [10.0, 20], "1h": [11.0, np.nan]}))
    assert found.t_s.tolist() == [0, 0, 3600]
    assert found.g_uS.tolist() == [10, 20, 11]
    assert found.where(np.array([True, False, False])) == "row 0"


def test_the_unit_of_the_readings_may_end_the_name():
    found = reads(pd.DataFrame({"cell": [7, 8], "R_0s_kOhm": [10.0, 20], "R_1h_kOhm": [25.0, 50]}))
    assert found.t_s.tolist() == [0, 0, 3600, 3600]
    np.testing.assert_allclose(found.g_uS, [100, 50, 40, 20])


def test_rows_keep_their_numbers(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("cell,0 s,1 h\n1,10,11\n2,20,21\n3,30,-31\n")
    raw, columns, units = unfold(read_table(path))
    found = understand(raw, columns, units)
    assert found.where(found.g_uS < 0) == "row 4"


def test_without_a_cell_column_rows_are_cells():
    found = reads(pd.DataFrame({"0 s": [10.0, 20], "1h": [11.0, 21]}))
    assert found.cell.count == 2


def test_the_unit_says_what_was_read():
    found = reads(pd.DataFrame({"cell": [1], "0 s (kΩ)": [100.0], "1 s (kΩ)": [50.0]}))
    np.testing.assert_allclose(found.g_uS, [10, 20])
    stated = reads(
        pd.DataFrame({"cell": [1], "0": [100.0], "1": [50.0]}), units={"resistance": "kohm"}
    )
    np.testing.assert_allclose(stated.g_uS, [10, 20])


def test_a_long_table_is_refused():
    with pytest.raises(TableError, match="--wide expects two or more columns named by their time"):
        unfold(read_table(pd.DataFrame({"cell": [1], "time_s": [0], "g_uS": [1.0]})))
