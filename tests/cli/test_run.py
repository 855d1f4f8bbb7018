"""``mho run`` on the real command line: results, going on, and one sentence for every mistake."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
import time

import pytest

from mho.cli.main import main

STUDY = """
name = "tiny"
[data]
name = "mnist-5k"
test_images = {images}
[network]
name = "lenet5-mnist5k"
[hardware]
device = "falcone2025"
mapping = "single-device"
[evaluate]
times = ["1s", "10y"]
chips = {chips}
"""


def words(*arguments):
    return [sys.executable, "-m", "mho", *map(str, arguments)]


def mho(*arguments):
    """Run the command in this process, which has loaded torch already."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY.format(images=64, chips=3))
    return path


def refused(done):
    """Return the one sentence that a refusal prints."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_study_ends_in_results_and_a_report(study, tmp_path):
    out, figures = tmp_path / "out", tmp_path / "figures.json"
    command = words("run", study, "-o", out, "--json", figures)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(figures.read_text())
    assert found == json.loads((out / "results.json").read_text())
    late = found["steps"][0]["times"][1]
    assert late["chips"] == 3
    assert f"{late['mean']:.2%}" in done.stdout
    assert found["report"] == str(out / "report.html")
    assert str(out / "report.html") in done.stdout.replace("\n", "")
    assert (out / "report.html").read_text().startswith("<!doctype html>")


def test_ctrl_c_says_how_to_go_on_and_goes_on(tmp_path):
    """Stopped after the first of many chips; the same command then ends in the same numbers."""
    study = tmp_path / "study.toml"
    study.write_text(STUDY.format(images=500, chips=300))
    out = tmp_path / "out"
    with subprocess.Popen(
        words("run", study, "-o", out), stderr=subprocess.PIPE, text=True
    ) as process:
        while not (out / "results.sqlite").exists() or (out / "results.sqlite").stat().st_size == 0:
            assert process.poll() is None, "it ended before it was stopped"
            time.sleep(0.05)
        time.sleep(1)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=10)
        assert time.monotonic() - start < 5
    assert process.returncode == 130
    assert complaint == "error: stopped; run the same command again to go on.\n"
    study.write_text(STUDY.format(images=500, chips=2))
    assert mho("run", study, "-o", out).returncode == 0
    assert mho("run", study, "-o", tmp_path / "fresh").returncode == 0
    steps = [
        json.loads((f / "results.json").read_text())["steps"] for f in (out, tmp_path / "fresh")
    ]
    assert steps[0] == steps[1]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("chips = 3", "chip = 3", "unknown key 'evaluate.chip'. Did you mean 'chips'?"),
        ("[hardware]", "[hardwear]", "unknown key 'hardwear'. Did you mean 'hardware'?"),
        ('"falcone2025"', '"falcon2025"', "Did you mean 'falcone2025'?"),
        ('"10y"]', '"100y"]', "falcone2025' is valid from 1 s to 10 y"),
        ('"10y"]', "-3]", "must be finite and >= 0; got -3"),
        ("[data]", "data]", "is not TOML"),
        ('"mnist-5k"', '"no-such-folder/"', "no-such-folder"),
    ],
)
def test_mistakes_in_the_study(study, tmp_path, old, new, sentence):
    study.write_text(study.read_text().replace(old, new))
    assert sentence in refused(mho("run", study, "-o", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_network_with_nan_weights(study, tmp_path):
    (tmp_path / "own.py").write_text(
        "import torch\ndef build():\n    net = torch.nn.Sequential(torch.nn.Flatten(), "
        "torch.nn.Linear(784, 10))\n    net[1].weight.data[0, 0] = float('nan')\n    return net\n"
    )
    study.write_text(
        study.read_text().replace('name = "lenet5-mnist5k"', 'builder = "own.py:build"')
    )
    assert "'1.weight' has 1 of 7840 values that are NaN" in refused(mho("run", study))


def test_folders_and_files_that_cannot_be_written(study, tmp_path):
    (tmp_path / "file").write_text("mine")
    said = refused(mho("run", study, "-o", tmp_path / "file"))
    assert "part of the path is a file" in said
    said = refused(mho("run", study, "-o", tmp_path / "out", "--json", tmp_path))
    assert "it is a folder; give the name of a file" in said
    assert not (tmp_path / "out").exists()


def test_a_missing_study_and_a_misspelt_option(tmp_path):
    assert "it does not exist" in refused(mho("run", tmp_path / "none.toml"))
    assert "Did you mean '--json'?" in refused(mho("run", "x.toml", "--jason", "f"))


def test_a_store_of_a_newer_version(study, tmp_path):
    import sqlite3

    assert mho("run", study, "-o", tmp_path / "out").returncode == 0
    db = sqlite3.connect(tmp_path / "out" / "results.sqlite")
    db.execute("PRAGMA user_version = 9")
    db.close()
    said = refused(mho("run", study, "-o", tmp_path / "out"))
    assert "store format 9; this mho reads up to 1. Update mho" in said
