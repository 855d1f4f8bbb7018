"""What is wrong with a table is named with rows; what can still be fitted is a warning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.tables.paths import build_paths
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand
from mho.errors import TableError


def table(cells=100, times=(0.0, 1.0, 10.0), seed=0):
    rng = np.random.default_rng(seed)
    cell = np.tile(np.arange(cells), len(times))
    first = 10.0 + 10 * (np.arange(cells) % 4) + rng.normal(0, 0.3, cells)
    g = np.tile(first, len(times)) + rng.normal(0, 0.2, cell.size)
    return pd.DataFrame(
        {
            "cell": cell,
            "time_s": np.repeat(times, cells),
            "g_uS": g,
            "level": np.tile(np.arange(cells) % 4, len(times)),
        }
    )


def checked(frame):
    return build_paths(understand(read_table(frame)))


def refused(frame, says):
    with pytest.raises(TableError, match=says) as error:
        checked(frame)
    assert "row" in str(error.value)


def test_a_good_table_has_nothing_to_say():
    assert checked(table())[1] == []


def test_negative_time():
    frame = table()
    frame.loc[150, "time_s"] = -1.0
    refused(frame, "row 150: the time since programming is negative")


def test_negative_conductance():
    frame = table()
    frame.loc[[7, 8], "g_uS"] = -5.0
    refused(frame, "rows 7, 8: the conductance is negative, first -5 µS")


def test_a_meters_offset_is_a_warning():
    frame = table(cells=1000)
    frame.loc[7, "g_uS"] = -0.1
    (warning,) = checked(frame)[1]
    assert "slightly negative" in warning
    assert "row 7" in warning


def test_duplicated_reads():
    frame = pd.concat([table(), table().iloc[[5]]], ignore_index=True)
    refused(frame, "row 300: cell 5 is read a second time.*--columns cycle=")


@pytest.mark.parametrize(("factor", "says"), [(1e6, "1e6"), (1e3, "1e3"), (1e-3, "1e3")])
@pytest.mark.parametrize("with_level", [True, False])
def test_mixed_units(factor, says, with_level):
    frame = table() if with_level else table().drop(columns="level")
    frame.loc[210:219, "g_uS"] *= factor
    refused(frame, f"about {says} times .* units are mixed")


def test_times_that_go_backwards():
    frame = table(cells=40, times=(0.0, 1.0, 10.0, 100.0))
    frame = frame.sort_values(["cell", "time_s"], ignore_index=True)
    frame.loc[[5, 6], "time_s"] = frame.loc[[6, 5], "time_s"].to_numpy()
    (warning,) = checked(frame)[1]
    assert "times go backwards for 1 cell(s) (row 6)" in warning


def test_any_order_of_rows_is_fine():
    shuffled = table().sample(frac=1, random_state=1, ignore_index=True)
    assert checked(shuffled)[1] == []


def test_a_saturated_meter():
    frame = table(cells=400)
    frame["g_uS"] = frame["g_uS"].clip(upper=39.9)
    (warning,) = checked(frame)[1]
    assert "meter seems saturated" in warning


def test_stuck_cells_are_no_saturation():
    frame = table(cells=400)
    frame.loc[frame["cell"] < 20, "g_uS"] = 60.0
    assert not any("saturated" in text for text in checked(frame)[1])


def test_two_windows_by_wafer():
    frame = pd.concat([table(), table(seed=1)], ignore_index=True).drop(columns="level")
    frame["wafer"] = np.repeat(["a", "b"], 300)
    frame.loc[frame["wafer"] == "b", "g_uS"] *= 4
    refused(frame, "two windows in one table: cells of wafer b")


def test_two_windows_by_file(tmp_path):
    for name, factor in (("a", 1), ("b", 4)):
        frame = table().drop(columns="level")
        frame["cell"] += 1000 * factor
        frame["g_uS"] *= factor
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(TableError, match=r"cells of file b\.csv"):
        build_paths(understand(read_table([tmp_path / "a.csv", tmp_path / "b.csv"])))


def test_two_windows_inside_levels():
    frame = pd.concat([table(), table(seed=1)], ignore_index=True)
    frame["cell"] += np.repeat([0, 1000], 300)
    frame.loc[frame["cell"] >= 1000, "g_uS"] *= 3
    refused(frame, "in 4 of 4 levels the first readings form two separate groups")
