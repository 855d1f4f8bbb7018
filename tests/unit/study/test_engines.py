"""Engines differ in speed, never in a number: also where a worker dies half way."""

import multiprocessing
import sys
import time

import pytest

from mho.errors import ConfigError, MhoError, MissingDependencyError
from mho.results import Store
from mho.study.engines.choose import Speed, choose_engine, measure
from mho.study.engines.engine import InProcess
from mho.study.engines.local import LocalProcesses
from mho.study.plan import plan
from mho.study.run import run_study
from mho.study.shard import Job
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
"""A network whose worker dies at its first or at every pass, as if memory had run out."""

import os
import signal
import sys
from pathlib import Path

import torch

MARK = Path(__file__).with_name("died")


class Mortal(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(784, 10)

    def forward(self, x):
        worker = "spawn_main" in " ".join(sys.orig_argv) or "default_worker" in sys.argv[0]
        if worker and (ALWAYS or not MARK.exists()):
            MARK.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.linear(x.flatten(1))
'''


def outcome(study, folder):
    """Everything that an engine could change: trials, and what recoveries learned."""
    figures = run_study(study, folder, progress=False)
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


def mortal(study, always):
    (study.parent / "mortal.py").write_text(MORTAL.replace("ALWAYS", str(always)))
    text = study.read_text().split("[[recover]]")[0]
    study.write_text(text.replace('name = "lenet5-mnist5k"', 'builder = "mortal.py:Mortal"'))
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


def test_a_local_worker_that_dies_is_replaced(study, tmp_path):
    study = mortal(study, always=False)
    expected = outcome(study, tmp_path / "one")
    found = outcome(with_engine(study, "processes = 2"), tmp_path / "two")
    assert (study.parent / "died").exists()
    assert found == expected


def test_workers_that_keep_dying_end_the_run_in_a_sentence(study, tmp_path, monkeypatch):
    monkeypatch.setattr("mho.study.engines.local._ATTEMPTS", 2)
    study = with_engine(mortal(study, always=True), "processes = 2")
    with pytest.raises(MhoError, match=r"died 2 times.*Set \[engine\] processes to fewer"):
        outcome(study, tmp_path / "two")
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_ray_workers(trained, cluster, tmp_path, workers):
    study, expected = trained
    more = with_engine(study, f'kind = "ray"\nworkers = {workers}')
    assert outcome(more, tmp_path / "ray") == expected


def test_a_ray_worker_that_dies_is_replaced(study, cluster, tmp_path):
    study = mortal(study, always=False)
    expected = outcome(study, tmp_path / "one")
    found = outcome(with_engine(study, 'kind = "ray"'), tmp_path / "ray")
    assert (study.parent / "died").exists()
    assert found == expected


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
    assert Speed(cores=2, alone_s=1.0, shared_s=0.6).prefers_processes
    assert not Speed(cores=2, alone_s=1.0, shared_s=0.4).prefers_processes
    assert not Speed(cores=1, alone_s=1.0, shared_s=1.0).prefers_processes
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
    ("settings", "speed", "chips", "expected"),
    [
        ("processes = 1", None, 3, InProcess),
        ("processes = 3", None, 3, LocalProcesses),
        ('processes = "auto"', Speed(2, 1.0, 0.9), 3, LocalProcesses),  # 24 s of work
        ('processes = "auto"', Speed(2, 0.1, 0.09), 3, InProcess),  # 2 s: not worth starting any
        ('processes = "auto"', Speed(2, 1.0, 0.1), 3, InProcess),  # threads do better
    ],
)
def test_what_is_chosen(study, monkeypatch, settings, speed, chips, expected):
    from mho.study.build import Parts

    monkeypatch.setattr("mho.study.engines.choose.measure", lambda parts: speed)
    file = read_study(with_engine(study, settings))
    (cell,) = plan(file)
    parts = Parts(cell.study, cell.base, cell.where)
    with Store(":memory:") as store, choose_engine([Job(cell)], parts, store) as engine:
        assert type(engine) is expected
