"""JSON for machines and tables for people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mho.cli import output
from mho.device.law import Law
from mho.errors import StoreError


class Point(Law):
    x: float


def test_figures_of_any_plain_kind_are_written(tmp_path):
    data = {
        "mean": np.float64(0.25),
        "chips": np.int64(20),
        "all": np.array([[1.0, np.nan]], dtype=np.float32),
        "law": Point(x=2.0),
        "path": Path("a/b"),
        "none": None,
        "yes": True,
        3: "three µS",
    }
    output.write_json(tmp_path / "out.json", data)
    text = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "µS" in text
    assert json.loads(text) == {
        "mean": 0.25,
        "chips": 20,
        "all": [[1.0, None]],
        "law": {"x": 2.0},
        "path": "a/b",
        "none": None,
        "yes": True,
        "3": "three µS",
    }


def test_what_has_no_plain_form_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(TypeError, match="object has no plain form"):
        output.write_json(tmp_path / "out.json", {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_without_a_file_nothing_is_checked_or_written():
    output.check_json(None)
    output.write_json(None, {"a": object()})


def test_an_unwritable_file_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="part of the path is a file"):
        output.check_json(tmp_path / "file" / "out.json")


def test_a_table_aligns_numbers_right_and_shows_none_as_a_dash(capsys):
    output.print_table(["method", "mean"], [["as it is", "9.5 %"], ["[bold]", None]], title="Title")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "Title" in lines[0]
    assert any(line.startswith(" as it is   9.5 %") for line in lines)
    assert any(line.startswith(" [bold]         –") for line in lines), "text is not markup"


def test_a_wide_table_is_not_cut_in_a_pipe(capsys):
    output.print_table(["a", "b"], [["x" * 90, "y" * 60]])
    assert "x" * 90 in capsys.readouterr().out
