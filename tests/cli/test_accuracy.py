"""``mho accuracy``, as a user calls it."""

import json
import subprocess
import sys

import pytest

STUDY = """
name = "sure"
[data]
name = "mnist-5k"
test_images = 400
[network]
name = "lenet5-mnist5k"
[hardware]
device = "falcone2025"
[evaluate]
times = ["1s", "10y"]
seed = 3
"""


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "mho", "accuracy", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def test_the_last_time_of_a_study(study, tmp_path):
    done = run(study, "--half-width", 0.01, "--json", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("10 y: 9")
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["met"] is True
    assert found["interval"]["high"] - found["interval"]["low"] <= 0.0201
    assert f"{found['passes']:,} passes" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--half-width", "0"], "'half_width'"),
        (["--time", "100y"], "got t = 100 y"),
        (["--cell", "2"], "has the cells 0 … 0; got --cell 2"),
        (["--bundle", "nowhere"], "nowhere"),
    ],
)
def test_refusals_are_one_sentence(study, words, sentence):
    done = run(study, *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
