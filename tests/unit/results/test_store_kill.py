"""A writer killed at random moments leaves a store that holds all it said was safe."""

import random
import signal
import subprocess
import sys
import time

from mho.results import Store

WRITER = """
import sys
from mho.results import Store, Trial
with Store(sys.argv[1]) as store:
    task = store.describe({"study": "kill"})
    start = len(store) // 5
    for number in range(start, start + 100_000):
        store.add([Trial(task, number, float(t), number % 100, 100) for t in range(5)])
        print(number, flush=True)
"""


def test_sigkill_at_random_moments(tmp_path):
    """Ten kills: never corrupt, no half transaction, nothing acknowledged is lost."""
    file, moments = tmp_path / "results.sqlite", random.Random(3)
    promised = 0
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True
        ) as writer:
            first = writer.stdout.readline()  # it works before it is killed
            time.sleep(moments.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            said = [int(line) for line in [first, *writer.stdout] if line.endswith("\n")]
        promised = max([promised, *(n + 1 for n in said)])
        with Store(file) as store:
            assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            trials = store.trials()
            chips = sorted({t.chip for t in trials})
            assert len(trials) == 5 * len(chips)
            assert chips == list(range(len(chips)))
            assert len(chips) >= promised
