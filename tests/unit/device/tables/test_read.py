"""Files of any usual kind become the same columns, and rows keep their numbers."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from mho.device.tables.read import Rows, Source, read_table
from mho.errors import TableError

FRAME = pd.DataFrame({"cell": [1, 2, 3], "time_s": [0.0, 1.0, 10.0], "g_uS": [5.5, 6.5, 7.5]})


def written(path, kind):
    if kind == "parquet":
        FRAME.to_parquet(path)
    elif kind == "parquet.gz":
        plain = path.with_suffix("")
        FRAME.to_parquet(plain)
        path.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        separator = {"csv": ",", "tsv": "\t", "txt": ";", "dat": " "}[kind.split(".")[0]]
        FRAME.to_csv(path, sep=separator, index=False)
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "txt", "dat", "csv.gz", "parquet", "parquet.gz"])
def test_every_kind_gives_the_same_columns(tmp_path, kind):
    raw = read_table(written(tmp_path / f"cells.{kind}", kind))
    assert raw.header
    np.testing.assert_array_equal(raw.frame.to_numpy(), FRAME.to_numpy())
    assert len(raw.rows.sources[0].sha256) == 64


def test_without_header_columns_are_numbered(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,0,5.5\n2,1,6.5\n")
    raw = read_table(path)
    assert not raw.header
    assert list(raw.frame.columns) == ["0", "1", "2"]
    assert len(raw.frame) == 2
    assert raw.rows.text([0, 1]) == "rows 1, 2"


def test_header_can_be_stated(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,2,3\n4,5,6\n")
    assert read_table(path, header=True).header
    assert list(read_table(path, header=True).frame.columns) == ["1", "2", "3"]


def test_rows_count_as_an_editor_does(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("# made by hand\n# twice\ncell,t\n1,0\n2,0\n")
    raw = read_table(path)
    assert raw.rows.text([1]) == "row 5"  # two comments, the header, the first row, this one


def test_decimal_commas_with_semicolons(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("cell;g_uS\n1;5,5\n2;6,25\n")
    assert read_table(path).frame["g_uS"].tolist() == [5.5, 6.25]


def test_several_files_are_one_table(tmp_path):
    paths = [written(tmp_path / f"{k}.csv", "csv") for k in (1, 2)]
    raw = read_table(paths)
    assert len(raw.frame) == 6
    assert raw.rows.text([1, 4]) == "rows 3 of 1.csv, 3 of 2.csv"
    assert raw.rows.name == "1.csv and 1 more"


def test_a_data_frame_keeps_its_own_counting():
    raw = read_table(FRAME)
    assert raw.rows.text([2]) == "row 2"
    assert raw.rows.sources[0].sha256 is None


def test_many_rows_are_cut_short():
    rows = Rows((Source("a", 100, 1, None),))
    assert rows.text(np.ones(100, dtype=bool)) == "rows 1, 2, 3, 4, 5 and 95 more"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "no rows of data"),
        ("a.csv", b"cell,time\n", "no rows of data"),
        ("a.csv", b"a,b\n1,2\n1,2,3,4\n", "the same number of columns"),
        ("a.parquet", b"not parquet", "not a readable Parquet file"),
        ("a.csv.gz", gzip.compress(b"cell,t\n1,2\n" * 99, mtime=0)[:40], "cut off|cannot"),
        ("a.bin", b"\x00\x01\x02\x00", "not a text file"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TableError, match=says):
        read_table(path)


def test_a_long_table_that_is_cut_off_says_so(tmp_path):
    """Its first lines are whole; only the end is missing."""
    path = tmp_path / "a.csv.gz"
    rows = b"".join(b"%d,%d\n" % (k, k * k % 9973) for k in range(20_000))
    path.write_bytes(gzip.compress(b"cell,t\n" + rows, mtime=0)[:-4000])
    with pytest.raises(TableError, match=r"a\.csv\.gz is cut off; copy the file again"):
        read_table(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match=r"nowhere\.csv"):
        read_table(tmp_path / "nowhere.csv")


def test_files_of_other_columns_do_not_mix(tmp_path):
    written(tmp_path / "a.csv", "csv")
    FRAME.rename(columns={"g_uS": "r_ohm"}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(TableError, match="the same columns"):
        read_table([tmp_path / "a.csv", tmp_path / "b.csv"])
