"""``mho device report`` on the real command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mho.cli import main


def test_a_card_becomes_a_page(tmp_path):
    page = tmp_path / "card.html"
    done = subprocess.run(
        [sys.executable, "-m", "mho", "device", "report", "falcone2025", "-o", str(page)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"report: {page}" in done.stdout
    assert "falcone2025" in page.read_text(encoding="utf-8")


def test_a_fit_becomes_a_page(tmp_path, capsys):
    time = {"t_s": 1.0, "cells": 900, "mean": -0.1, "mean_fitted": -0.1, "sd": 1, "sd_fitted": 1}
    fit = {"device": {"name": "mine"}, "cells": 900, "reads": 1800,
           "times": [time, {**time, "t_s": 9.0}],
           "median_error_sd": 0.01, "largest_error_sd": 0.05}  # fmt: skip
    source, page, said = tmp_path / "fit.json", tmp_path / "fit.html", tmp_path / "said.json"
    source.write_text(json.dumps(fit))
    words = ["device", "report", str(source), "-o", str(page), "--json", str(said)]
    assert main(words) == 0
    assert "The law of mine follows 900 cells" in capsys.readouterr().out
    assert "Change over time" in page.read_text(encoding="utf-8")
    assert json.loads(said.read_text())["report"] == str(page)


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "this is not JSON"), ("[]", "not a device fit"), ('{"device": 3}', "not a device"),
     ('{"device": {"name": "a"}, "times": 7}', "'times'")],
)  # fmt: skip
def test_what_is_no_fit_is_refused_and_nothing_is_written(tmp_path, capsys, content, words):
    source = tmp_path / "fit.json"
    source.write_text(content)
    assert main(["device", "report", str(source), "-o", str(tmp_path / "page.html")]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["fit.json"]


def test_a_misspelt_card_is_answered(tmp_path, capsys):
    page = str(tmp_path / "page.html")
    assert main(["device", "report", "falcon2025", "-o", page]) == 2
    assert "Did you mean 'falcone2025'" in capsys.readouterr().err


def test_a_missing_fit_is_said(tmp_path, capsys):
    missing = str(tmp_path / "fit.json")
    assert main(["device", "report", missing, "-o", str(tmp_path / "page.html")]) == 2
    assert "cannot read" in capsys.readouterr().err
