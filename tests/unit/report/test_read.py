"""Finding and reading a results file."""

from __future__ import annotations

import json

import pytest

from mho.errors import ConfigError, StoreError
from mho.report.read import read_results, results_file


def test_a_folder_means_the_file_inside(tmp_path):
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"format": 1, "baseline": {"accuracy": 0.5}}))
    assert results_file(tmp_path) == results_file(file) == file
    assert read_results(tmp_path)["baseline"] == {"accuracy": 0.5}


def test_the_file_and_the_place_are_named(tmp_path):
    file = tmp_path / "results.json"
    file.write_text('{\n "format": ?')
    with pytest.raises(ConfigError, match=r"results\.json: this is not JSON \(line 2, column 12\)"):
        read_results(file)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(StoreError, match="no results at"):
        read_results(tmp_path / "nowhere")
