"""Engines differ in speed, never in a number: also where a worker dies half way."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mho.errors import ConfigError, MhoError, MissingDependencyError
from mho.results import Store
from mho.study.engines.choose import Speed, choose_engine, measure
from mho.study.engines.engine import InProcess
from mho.study.engines.local import LocalProcesses, _deaf_to_ctrl_c
from mho.study.plan import plan
from mho.study.run import run_study
from mho.study.spec import read_study

TRAINED = """
[[recover]]
name = "distilled"
after = "as it is"
method = "distill"
epochs = 1

[[recover]]
name = "adapted"
method = "sparse-adaptation"
steps = 3
"""

MORTAL = '''
import multiprocessing
import os
import signal

import torch


class Mortal(torch.nn.Module):
    """A network whose workers die at every pass, as if memory had run out."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(784, 10)

    def forward(self, x):
        if multiprocessing.parent_process():
            os.kill(os.getpid(), signal.SIGKILL)
        return self.linear(x.flatten(1))
'''


COUNTS = """

class Counts(Scale):
    '''Count to eight, noting each number in the checkpoint and in a file.'''

    method = "counts"

    def fit(self, target, data, *, seed=0, progress=None, checkpoint=None):
        import time

        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for number in range(done + 1, 9):
            with (Path(__file__).parent / "counts.log").open("a") as log:
                log.write(f"{number} ")
            checkpoint.write_text(str(number))
            progress(number, 8, f"counted to {number}")
            time.sleep(0.2)
        return super().fit(target, data, seed=seed, progress=progress, checkpoint=checkpoint)
"""


def descendants(pid):
    """Yield the name and id of the processes below one: those of this test and no other."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stat = path.read_text()
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                child = int(path.parent.name)
                yield path.with_name("cmdline").read_text().rstrip("\0"), child
                yield from descendants(child)


def of_the_pool():
    return [process.pid for process in multiprocessing.active_children()]


def of_ray():
    ours = descendants(os.getpid())
    return [pid for name, pid in ours if name.startswith(("ray::trials", "ray::fit", "ray::IDLE"))]


class Killer:
    """Progress that kills workers, once, when some of the work is done."""

    def __init__(self, moment, find):
        self.moment, self.find, self.killed = moment, find, []

    def __call__(self, done, total, text):
        if self.moment in text and done > 0 and not self.killed:
            self.killed = list(self.find())
            for pid in self.killed:
                os.kill(pid, signal.SIGKILL)


def outcome(study, folder, progress=False):
    """Everything that an engine could change: trials, and what recoveries learned."""
    figures = run_study(study, folder, progress=progress)
    steps = figures["steps"] if "steps" in figures else figures["cells"]
    with Store(folder / "results.sqlite") as store:
        trials = store.trials()
    return trials, [(step.get("network"), step.get("paired")) for step in steps]


@pytest.fixture(scope="module")
def trained(texts, tmp_path_factory):
    """A study that trains (a student, and each chip for itself), and its outcome in one process."""
    folder = tmp_path_factory.mktemp("trained")
    own, text = texts
    (folder / "own.py").write_text(own)
    study = folder / "study.toml"
    study.write_text(text + TRAINED)
    return study, outcome(study, folder / "one")


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of three workers on this machine."""
    import ray

    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def with_engine(study, settings):
    path = study.with_name(f"{study.stem}-{len(list(study.parent.iterdir()))}.toml")
    path.write_text(study.read_text().replace("processes = 1", settings))
    return path


def many_chips(study):
    """The network as it is, on enough chips to lose some of them."""
    text = study.read_text().split("[[recover]]")[0]
    study.write_text(text.replace("chips = 3", "chips = 24"))
    return study


def test_any_number_of_local_processes(trained, tmp_path):
    study, expected = trained
    for count in (2, 4):
        more = with_engine(study, f"processes = {count}")
        assert outcome(more, tmp_path / str(count)) == expected


def test_cells_of_a_sweep_side_by_side(study, tmp_path):
    sweep = "\n[sweep]\nhardware.change.programming.sd_ln = [0.2, 0.4]\n"
    study.write_text(study.read_text() + sweep)
    expected, _ = outcome(study, tmp_path / "one")
    found, _ = outcome(with_engine(study, "processes = 2"), tmp_path / "two")
    assert found == expected


def test_an_artefact_that_cells_share_is_made_once(study, fits, tmp_path):
    """Both cells ask for the same recoveries at the same time."""
    sweep = "\n[sweep]\ntarget.accuracy_drop_pp = [1, 2]\n"
    study.write_text(study.read_text() + sweep)
    outcome(with_engine(study, "processes = 2"), tmp_path / "two")
    assert sorted(fits()) == ["0.5 40 3", "0.9 100 0", "1.1 100 0"]


def test_a_local_worker_killed_half_way_is_replaced(study, tmp_path):
    study, killer = many_chips(study), Killer(" chips", of_the_pool)
    expected = outcome(study, tmp_path / "one")
    found = outcome(with_engine(study, "processes = 2"), tmp_path / "two", killer)
    assert killer.killed
    assert found == expected


def test_workers_that_keep_dying_end_the_run_in_a_sentence(study, tmp_path, monkeypatch):
    monkeypatch.setattr("mho.study.engines.local._ATTEMPTS", 2)
    (study.parent / "mortal.py").write_text(MORTAL)
    many_chips(study)
    text = study.read_text()
    study.write_text(text.replace('name = "lenet5-mnist5k"', 'builder = "mortal.py:Mortal"'))
    with pytest.raises(MhoError, match=r"died 2 times.*Set \[engine\] processes to fewer"):
        outcome(with_engine(study, "processes = 2"), tmp_path / "two")
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_ray_workers(trained, cluster, tmp_path, workers):
    study, expected = trained
    more = with_engine(study, f'kind = "ray"\nworkers = {workers}')
    assert outcome(more, tmp_path / "ray") == expected


def test_a_ray_worker_killed_half_way_is_replaced(study, cluster, tmp_path):
    study, killer = many_chips(study), Killer(" chips", of_ray)
    expected = outcome(study, tmp_path / "one")
    found = outcome(with_engine(study, 'kind = "ray"\nworkers = 2'), tmp_path / "ray", killer)
    assert killer.killed
    assert found == expected


def test_a_ray_worker_killed_while_it_trains_goes_on_from_its_checkpoint(
    study, cluster, tmp_path, monkeypatch
):
    """The driver keeps the state of a fit; another worker, and another run, go on from it."""
    monkeypatch.setattr("mho.study.engines.ray._NEWS_EVERY_S", 0.05)
    (study.parent / "own.py").write_text((study.parent / "own.py").read_text() + COUNTS)
    text = study.read_text().split("[[recover]]")[0]
    study.write_text(text + '[[recover]]\nmethod = "own.py:Counts"\n')
    expected = outcome(study, tmp_path / "one")
    assert (study.parent / "counts.log").read_text() == "1 2 3 4 5 6 7 8 "
    (study.parent / "counts.log").unlink()
    killer = Killer("counted to 5", of_ray)
    swept = with_engine(study, 'kind = "ray"')
    assert outcome(swept, tmp_path / "ray", killer) == expected
    assert killer.killed
    counted = (study.parent / "counts.log").read_text().split()
    assert counted.count("1") == 1
    assert counted[-1] == "8"


def test_a_cluster_that_is_there_already(study, cluster, tmp_path):
    """A program of its own joins the cluster by its address."""
    import ray

    address = ray.get_runtime_context().gcs_address
    study = with_engine(many_chips(study), f'kind = "ray"\naddress = "{address}"')
    command = [sys.executable, "-m", "mho", "run", study, "-o", tmp_path / "joined"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert ray.is_initialized()
    assert ray.cluster_resources()["CPU"] == 3


def test_ray_that_is_not_installed(study, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    study = with_engine(study, 'kind = "ray"')
    with pytest.raises(MissingDependencyError, match=r"pip install 'mho\[ray\]'"):
        run_study(study, tmp_path / "out", progress=False)


def test_a_ray_cluster_that_does_not_answer(study, tmp_path, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    study = with_engine(study, 'kind = "ray"\naddress = "127.0.0.1:1"')
    with pytest.raises(ConfigError, match="no Ray cluster answers at '127.0.0.1:1'"):
        run_study(study, tmp_path / "out", progress=False)


# --- choosing ------------------------------------------------------------------------------------


def test_the_faster_way_is_preferred():
    assert Speed(cores=2, alone_s=1.0, shared_s=0.6).processes == 2
    assert Speed(cores=2, alone_s=1.0, shared_s=0.4).processes == 1
    assert Speed(cores=1, alone_s=1.0, shared_s=1.0).processes == 1
    assert Speed(cores=64, alone_s=1.0, shared_s=0.1, room=20).processes == 20
    assert Speed(cores=64, alone_s=1.0, shared_s=0.1, room=9).processes == 1
    assert Speed(cores=2, alone_s=1.0, shared_s=0.6).evaluation_threads == 2
    assert Speed(cores=2, alone_s=1.0, shared_s=1.5).evaluation_threads == 1


def test_the_measurement_is_of_the_right_size(study):
    """One chip at one time, by the clock, against the measurement: within a factor of four."""
    from mho.evaluation.metric import Accuracy
    from mho.evaluation.work import Work, threads
    from mho.study.build import Parts

    file = read_study(study)
    parts = Parts(file.study, file.base, file.where)
    work = Work(parts.network, parts.test, Accuracy(), 256, "cpu")
    with threads(1):
        work.trials(0, [1.0])
        start = time.perf_counter()
        work.trials(1, [1.0])
        took = time.perf_counter() - start
    assert took / 4 < measure(parts).alone_s < took * 4


@pytest.mark.parametrize(
    ("settings", "speed", "left", "expected", "threads"),
    [
        ("processes = 1\nthreads = 3", None, 24, InProcess, 3),
        ("processes = 3\nthreads = 5", None, 24, LocalProcesses, 5),
        ("processes = 2", None, 24, LocalProcesses, 4),  # of eight cores
        ('processes = "auto"', Speed(2, 1.0, 0.9), 24, LocalProcesses, 4),  # 24 s of work
        ('processes = "auto"', Speed(2, 0.1, 0.09), 24, InProcess, 2),  # 2 s: not worth it
        ('processes = "auto"', Speed(2, 1.0, 0.1), 24, InProcess, 2),  # threads do better
    ],
)
def test_what_is_chosen(study, monkeypatch, settings, speed, left, expected, threads):
    from mho.study.build import Parts

    monkeypatch.setattr("mho.study.engines.choose.measure", lambda parts: speed)
    monkeypatch.setattr("mho.study.engines.choose._cores", lambda: 8)
    file = read_study(with_engine(study, settings))
    (cell,) = plan(file)
    parts = Parts(cell.study, cell.base, cell.where)
    with choose_engine(1, parts, left) as engine:
        assert type(engine) is expected
        assert engine._threads == threads


def interrupted_while_deaf(steps):
    with _deaf_to_ctrl_c():
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(20):
            time.sleep(0.005)
        steps.append("through")


def test_ctrl_c_waits_until_a_process_is_started():
    """Other threads hear it, since their signals are not blocked; the main one stops afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    over, steps = threading.Event(), []
    listener = threading.Thread(target=over.wait)
    listener.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted_while_deaf(steps)
    finally:
        signal.signal(signal.SIGINT, before)
        over.set()
        listener.join()
    assert steps == ["through"]
