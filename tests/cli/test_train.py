"""``mho train`` on the real command line: it trains, goes on where it stopped, and refuses well."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

RECIPE = """
name = "tiny"
architecture = "lenet5"
data = "mnist-5k"
tests = ["mnist-5k"]
epochs = {epochs}
batch = 100
peak_lr = 0.05
average = 0.9
"""


def mho(*words):
    return subprocess.run(
        [sys.executable, "-m", "mho", *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(epochs=1))
    return path


def test_a_network_is_trained_and_kept(recipe, tmp_path):
    from mho import zoo

    out, figures = tmp_path / "run", tmp_path / "figures.json"
    done = mho("train", recipe, "--out", out, "--threads", 1, "--json", figures)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(figures.read_text())
    accuracy = found["card"]["test"][0]["correct"] / 1000
    assert accuracy > 0.8
    assert f"{accuracy:.2%}" in done.stdout
    assert [epoch["epoch"] for epoch in found["history"]] == [1]
    assert zoo.card(out / "tiny.json").training.images == 4000
    assert zoo.load(out / "tiny.json").training is False
    # Another recipe does not go on from this checkpoint.
    recipe.write_text(RECIPE.format(epochs=1).replace("100", "50"))
    done = mho("train", recipe, "--out", out)
    assert done.returncode == 2
    assert "another recipe (batch differ)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_no_recipe_is_refused(tmp_path):
    done = mho("train", "lenet", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown recipe 'lenet'. Did you mean 'lenet5'?")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()
