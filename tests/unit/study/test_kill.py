"""A driver killed at random moments, and started again each time, ends as if nothing had happened.

``MHO_KILLS=100`` kills it a hundred times; the number of the usual run is kept small for its time.
"""

import json
import multiprocessing
import os
import random
import sqlite3
import time

import pytest
import torch

from mho.results import Store
from mho.study.run import run_study

KILLS = int(os.environ.get("MHO_KILLS", "8"))

TRAINED = """
[[recover]]
name = "distilled"
after = "as it is"
method = "distill"
epochs = 2

[[recover]]
name = "lasting"
method = "vera-plus"
steps = 2
testing_chips = 2
grid_per_decade = 1
max_sets = 2
"""


def content(folder):
    """Return the sorted trials, and the figures without what a clock said."""
    with Store(folder / "results.sqlite") as store:
        trials = store.trials()
        assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    figures = json.loads((folder / "results.json").read_text())
    steps = [{**step, "seconds": 0} for step in figures["steps"]]
    return trials, {**figures, "steps": steps, "created": "", "report": ""}


@pytest.fixture
def started(study):
    """Start drivers as forks of this process: they need no time to import torch."""
    study.write_text(study.read_text() + TRAINED)
    torch.set_num_threads(1)  # a fork of a process whose torch runs threads could hang
    context = multiprocessing.get_context("fork")

    def start(folder):
        driver = context.Process(target=run_study, args=(study, folder), kwargs={"progress": False})
        driver.start()
        return driver

    return start


def test_killed_at_random_moments(started, tmp_path):
    """Killed within the time that a whole run takes; nothing lost, nothing counted twice."""
    begin = time.monotonic()
    driver = started(tmp_path / "whole")
    driver.join()
    took = time.monotonic() - begin
    assert driver.exitcode == 0
    moments, kills, runs = random.Random(17), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"killed-{runs}"
        runs += 1
        while kills < KILLS:
            driver = started(folder)
            driver.join(moments.uniform(0, 0.6) * took)
            if driver.exitcode is not None:
                break
            driver.kill()
            driver.join()
            kills += 1
            _never_corrupt(folder)
        else:
            driver = started(folder)
        driver.join()
        assert driver.exitcode == 0
        assert content(folder) == content(tmp_path / "whole")
        names = {path.name for path in (folder / "artefacts").iterdir()}
        assert not [name for name in names if "checkpoint" in name or name.startswith(".")]


def _never_corrupt(folder):
    if (folder / "results.sqlite").exists():
        db = sqlite3.connect(folder / "results.sqlite")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
