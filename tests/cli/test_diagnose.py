"""``mho diagnose``, as a user calls it."""

import json
import subprocess
import sys

import pytest

STUDY = """
name = "why"
[data]
name = "mnist-5k"
test_images = 80
[network]
name = "lenet5-mnist5k"
[hardware]
device = "charan2020"
drift_of = "falcone2025"
adc_bits = 6
calibration_images = 40
[evaluate]
times = ["1s", "10y"]
"""


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "mho", "diagnose", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def test_a_study_is_diagnosed_at_its_last_time(study, tmp_path):
    done = run(study, "--chips", 2, "--images", 60, "--json", tmp_path / "d.json")
    assert done.returncode == 0, done.stderr
    assert "At 10 y the network gives" in done.stdout
    assert "programming" in done.stdout
    found = json.loads((tmp_path / "d.json").read_text())
    assert found["images"] == 60
    assert {e["key"] for e in found["effects"]} >= {"levels", "programming", "ADC"}
    assert found["layers"][0]["layer"] == "conv1"
    assert " ".join(found["verdict"].split()) in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--cell", "3"], "has the cells 0 … 0; got --cell 3"),
        (["--time", "100y"], "got t = 100 y"),
        (["--chips", "0"], "chips must be 1 or more"),
    ],
)
def test_refusals_are_one_sentence(study, words, sentence):
    done = run(study, *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_sweep_asks_which_cell(study):
    study.write_text(STUDY + "[sweep]\nhardware.adc_bits = [5, 6]\n")
    done = run(study)
    assert done.returncode == 2
    assert "sweep of 2 cells; say which one to look at: --cell 0" in done.stderr
