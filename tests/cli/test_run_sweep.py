"""Sweeps, shards and several processes on the real command line."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
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
[evaluate]
times = ["1s", "10y"]
chips = {chips}
[engine]
processes = {processes}
[sweep]
hardware.mapping = ["single-device", "differential-pair"]
"""


def words(*arguments):
    return [sys.executable, "-m", "mho", *map(str, arguments)]


def mho(*arguments):
    """Run the command in this process, which has loaded torch already."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def right(*arguments):
    done = mho(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(*arguments):
    """Return the one sentence that a refusal prints."""
    done = mho(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY.format(images=64, chips=3, processes=1))
    return path


def test_from_the_plan_to_the_table(study, tmp_path):
    plan = tmp_path / "plan.json"
    said = right("run", study, "-o", tmp_path / "a", "--dry-run", "--json", plan)
    expected = json.loads(plan.read_text())
    assert (expected["cells"], expected["trials"], expected["trials_done"]) == (2, 12, 0)
    assert expected["seconds"] > 0
    assert "12 (0 done)" in said
    assert not (tmp_path / "a").exists()
    for share in (1, 2):
        said = right("run", study, "-o", tmp_path / str(share), "--shard", f"{share}/2")
        assert f"shard {share}/2: its work on 1 cells is done" in said
    said = right("status", tmp_path / "1")
    assert "1 of 2 cells and 6 of 12 trials are done; not running" in said
    assert f"go on: mho run {tmp_path / '1' / 'study.toml'}" in said.replace("\n", "")
    said = right("merge", tmp_path / "1", tmp_path / "2", "-o", tmp_path / "a")
    assert "12 of 12 trials of 'tiny' are there" in said
    said = right("run", study, "-o", tmp_path / "a")
    assert "hardware.mapping = single-device: 10 y: as it is" in said
    figures = json.loads((tmp_path / "a" / "results.json").read_text())
    assert [cell["values"] for cell in figures["cells"]] == [
        {"hardware.mapping": "single-device"}, {"hardware.mapping": "differential-pair"},
    ]  # fmt: skip
    table = tmp_path / "t.csv"
    right("results", tmp_path / "a", "--trials", "--csv", table)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert {row["chip"] for row in rows} == {"0", "1", "2"}
    means = [t["mean"] for t in figures["cells"][0]["steps"][0]["times"]]
    late = [float(row["accuracy"]) for row in rows if row["t_s"] != "1.0"][:3]
    assert sum(late) / 3 == pytest.approx(means[1])


TRAINED = """
[[recover]]
name = "student"
method = "distill"
epochs = 1000
"""


@pytest.mark.parametrize(
    ("step", "begun"),
    [("", lambda out: finished(out)), (TRAINED, lambda out: trained(out))],
    ids=["chips", "training"],
)
def test_ctrl_c_with_several_processes(tmp_path, step, begun):
    """Ctrl-C, which a terminal sends to all: they end within five seconds, and leave no worker.

    A second command on the same folder is refused meanwhile, and spoils nothing.
    """
    study, out = tmp_path / "study.toml", tmp_path / "out"
    study.write_text(STUDY.format(images=1000, chips=4 if step else 500, processes=2) + step)
    command = words("run", study, "-o", out)
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not begun(out) and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = descendants(run.pid)
        said = refused("run", study, "-o", out)
        assert f"{out} is in use by another mho run (process {run.pid} on " in said
        assert "running: another mho run" in right("status", out).replace("\n", " ")
        start = time.monotonic()
        os.killpg(run.pid, signal.SIGINT)
        _, complaint = run.communicate(timeout=20)
        assert time.monotonic() - start < 5
    finally:
        run.kill()
        run.communicate()
    assert run.returncode == 130
    assert complaint == "error: stopped; run the same command again to go on.\n"
    assert len(workers) >= 4  # those that evaluate, their server, and a tracker of resources
    assert not [pid for pid in workers if alive(pid)]
    assert 0 < finished(out) < 4000
    assert "not running" in right("status", out)


def finished(out):
    try:
        db = sqlite3.connect(f"file:{out / 'results.sqlite'}?mode=ro", uri=True)
        return db.execute("SELECT count(*) FROM trial").fetchone()[0]
    except sqlite3.Error:
        return 0


def trained(out):
    """Every cell has run its chips, and is at its student."""
    return finished(out) == 16


def descendants(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    below = [int(line) for line in found.stdout.split()]
    return below + [child for one in below for child in descendants(one)]


def alive(pid):
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(found.stdout.strip()) and "Z" not in found.stdout


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("processes = 1", 'kind = "ray"\naddress = "127.0.0.1:1"', "no Ray cluster answers at"),
        ("hardware.mapping = [", "hardware.maping = [", "Did you mean 'mapping'?"),
        ('["single-device", "differential-pair"]', "[]", "there is nothing to run"),
        ("processes = 1", 'kind = "rey"', "unknown kind 'rey'. Did you mean 'ray'?"),
        ("processes = 1", "procesess = 1", "Did you mean 'processes'?"),
    ],
)
def test_mistakes_in_a_sweep(study, tmp_path, old, new, sentence):
    study.write_text(study.read_text().replace(old, new))
    assert sentence in refused("run", study, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_more_than_a_million_cells_need_a_word(study, tmp_path):
    many = "{ range = { from = 1, to = 2000, steps = 2000 } }"
    study.write_text(study.read_text() + f"hardware.rows = {many}\nhardware.cols = {many}\n")
    said = refused("run", study, "-o", tmp_path / "out")
    assert "8,000,000 cells are more than 1,000,000. Take fewer values, or say --yes." in said


def test_shares_and_folders_that_make_no_sense(study, tmp_path):
    assert "such as 1/8 to 8/8" in refused("run", study, "--shard", "3/2")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no results of a study" in refused("status", empty)
    assert "holds no results of a study" in refused("merge", empty, "-o", tmp_path / "m")
    assert "holds no results of a study" in refused("results", empty)


def test_ray_that_is_not_installed(study, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    study.write_text(study.read_text().replace("processes = 1", 'kind = "ray"'))
    assert "pip install 'mho[ray]'" in refused("run", study, "-o", tmp_path / "out")


def test_results_of_another_study_and_shards_that_do_not_fit(study, tmp_path):
    right("run", study, "-o", tmp_path / "a", "--shard", "1/2")
    study.write_text(study.read_text().replace('name = "tiny"', 'name = "other"'))
    said = refused("run", study, "-o", tmp_path / "a")
    assert "holds the results of another study, 'tiny'" in said
    right("run", study, "-o", tmp_path / "b", "--shard", "2/2")
    said = refused("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "m")
    assert "do not fit together: they hold results of 'tiny' and 'other'" in said
    assert not (tmp_path / "m").exists()
