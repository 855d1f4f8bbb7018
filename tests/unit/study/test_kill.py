"""A driver killed at random moments, and started again each time, ends as if nothing had happened.

``MHO_KILLS`` sets another number of kills than the hundred that are promised.
"""

import json
import multiprocessing
import os
import random
import sqlite3
import time

import pytest
import torch

from mho.recover import training
from mho.results import Store
from mho.study.run import run_study

KILLS = int(os.environ.get("MHO_KILLS", "100"))

SMALL = """
name = "small"
[data]
name = "mnist-5k"
train_images = 64
test_images = 64
[network]
builder = "own.py:tiny"
[hardware]
device = "falcone2025"
[evaluate]
times = ["1s", "10y"]
chips = 4
[engine]
processes = 1
[[recover]]
name = "distilled"
method = "distill"
epochs = 4
batch = 16
"""

LASTING = """
[[recover]]
name = "lasting"
method = "vera-plus"
steps = 3
testing_chips = 2
grid_per_decade = 1
max_sets = 2
"""


def content(folder):
    """Return the sorted trials, and the figures without what a clock said."""
    with Store(folder / "results.sqlite") as store:
        trials = store.trials()
    figures = json.loads((folder / "results.json").read_text())
    steps = [{**step, "seconds": 0} for step in figures["steps"]]
    return trials, {**figures, "steps": steps, "created": "", "report": ""}


def never_corrupt(folder):
    """The store is sound, and no trial is in it twice; it may not be there yet."""
    if not (folder / "results.sqlite").exists():
        return
    db = sqlite3.connect(folder / "results.sqlite")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        twice = "SELECT count(*) FROM trial GROUP BY task, t_s, chip HAVING count(*) > 1"
        assert db.execute(twice).fetchall() == []
    db.close()


@pytest.fixture
def started(study, tmp_path, monkeypatch):
    """Start drivers as forks of this process, which has imported all that they need."""
    torch.set_num_threads(1)  # a fork of a process whose torch runs threads could hang
    monkeypatch.setattr(training, "_SAVE_EVERY_S", 0.0)
    study.write_text(SMALL)
    run_study(study, tmp_path / "warm", progress=False)
    context = multiprocessing.get_context("fork")

    def start(text, folder):
        study.write_text(text)
        driver = context.Process(target=run_study, args=(study, folder), kwargs={"progress": False})
        driver.start()
        return driver

    return start


def whole(started, text, folder):
    """Run a study in one piece; return how long it took."""
    begin = time.monotonic()
    driver = started(text, folder)
    driver.join()
    assert driver.exitcode == 0
    return time.monotonic() - begin


def same(folder, expected):
    assert content(folder) == content(expected)
    names = {path.name for path in (folder / "artefacts").iterdir()}
    assert not [name for name in names if "checkpoint" in name or name.startswith(".")]


def test_a_hundred_kills_at_random_moments(started, tmp_path):
    """Each within the time that a whole run takes; a run that got through begins a new folder."""
    took = whole(started, SMALL, tmp_path / "whole")
    moments, kills, runs = random.Random(17), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"killed-{runs}"
        runs += 1
        while kills < KILLS:
            driver = started(SMALL, folder)
            driver.join(moments.uniform(0, 0.5) * took)
            if driver.exitcode is not None:
                break
            driver.kill()
            driver.join()
            kills += 1
            never_corrupt(folder)
        else:
            driver = started(SMALL, folder)
        driver.join()
        assert driver.exitcode == 0
        same(folder, tmp_path / "whole")


def test_kills_in_the_middle_of_training(started, tmp_path):
    """A student and drift vectors, killed when a state of theirs lies there; they go on from it."""
    took = whole(started, SMALL + LASTING, tmp_path / "whole")
    folder, moments, kills = tmp_path / "killed", random.Random(5), 0
    for _ in range(8):
        driver = started(SMALL + LASTING, folder)
        while driver.exitcode is None and not list(folder.glob("artefacts/*.checkpoint*")):
            driver.join(0.002)
        driver.join(moments.uniform(0, 0.1) * took)
        if driver.exitcode is None:
            driver.kill()
            driver.join()
            kills += bool(list(folder.glob("artefacts/*.checkpoint*")))
    assert kills >= 3
    whole(started, SMALL + LASTING, folder)
    same(folder, tmp_path / "whole")
