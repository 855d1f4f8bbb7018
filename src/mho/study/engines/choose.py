"""Choosing an engine: what the study asks for, or what a short measurement says is fastest."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mho.evaluation.metric import Accuracy
from mho.evaluation.work import Work, threads
from mho.results import Store
from mho.study.build import Parts
from mho.study.engines.engine import Engine, InProcess
from mho.study.engines.local import LocalProcesses
from mho.study.shard import Job
from mho.study.spec import LocalEngine, RayEngine

_IMAGES = 256
"""Examples in the measurement."""
_WORTH_IT_S = 20.0
"""Work below which starting processes (some seconds each for torch) gains nothing."""


@dataclass(frozen=True)
class Speed:
    """How fast this machine is at a study.

    Attributes:
        cores: Cores that this process may use.
        alone_s: Seconds for one chip at one time, one thread.
        shared_s: The same with as many threads as there are cores.
    """

    cores: int
    alone_s: float
    shared_s: float

    @property
    def prefers_processes(self) -> bool:
        """Whether many processes of one thread do more than one process of many threads."""
        return self.cores > 1 and self.alone_s / self.cores <= self.shared_s

    @property
    def evaluation_threads(self) -> int:
        """The faster number of threads for one process."""
        return self.cores if self.shared_s < self.alone_s else 1

    @property
    def trial_s(self) -> float:
        """Seconds for one chip at one time on the whole machine, in the better way."""
        return min(self.alone_s / self.cores, self.shared_s, self.alone_s)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measure(parts: Parts) -> Speed:
    """Measure how long one chip at one time takes: a few forward passes of a part of the data.

    Args:
        parts: The study's things.
    """
    engine = parts.study.engine
    data = parts.test
    few = data.subset(range(min(_IMAGES, len(data))))
    work = Work(parts.network, few, Accuracy(), engine.batch, engine.torch_device)
    time_s = parts.hardware.device.t0_s
    counts = (1, cores())
    seconds = {count: _seconds(work, [time_s], count) for count in counts}
    share = len(data) / len(few)
    return Speed(cores(), seconds[1] * share, seconds[cores()] * share)


def _seconds(work: Work, times_s: Sequence[float], count: int) -> float:
    """Return the least time of three runs of one chip; the first run prepares."""
    found = []
    with threads(count):
        for _ in range(4):
            start = time.perf_counter()
            work.trials(0, times_s)
            found.append(time.perf_counter() - start)
    return min(found[1:])


def choose_engine(jobs: Sequence[Job], parts: Parts, store: Store) -> Engine:
    """Return the engine that the study asks for; where it says "auto", the faster one.

    Args:
        jobs: The cells to run.
        parts: Things of the first of them.
        store: What is done already.
    """
    wanted = parts.study.engine
    if isinstance(wanted, RayEngine):
        from mho.study.engines.ray import RayCluster

        return RayCluster(wanted, len(jobs))
    return _local(wanted, jobs, parts, store)


def _local(wanted: LocalEngine, jobs: Sequence[Job], parts: Parts, store: Store) -> Engine:
    if wanted.processes != "auto":
        if wanted.processes == 1:
            return InProcess(torch.get_num_threads())
        return LocalProcesses(wanted.processes, len(jobs))
    left = sum(job.cell.trials for job in jobs) - len(store)
    if torch.device(wanted.torch_device).type != "cpu" or left <= 0:
        return InProcess(torch.get_num_threads())
    speed = measure(parts)
    if speed.prefers_processes and left * speed.alone_s > _WORTH_IT_S:
        return LocalProcesses(speed.cores, len(jobs))
    return InProcess(speed.evaluation_threads)
