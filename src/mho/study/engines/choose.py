"""Choosing an engine: what the study asks for, or what a short measurement says is fastest."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mho.evaluation.metric import Accuracy
from mho.evaluation.work import Work, threads
from mho.study.build import Parts
from mho.study.engines.engine import Engine, InProcess
from mho.study.engines.local import LocalProcesses
from mho.study.engines.machine import cores as _cores
from mho.study.engines.machine import room
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
        room: For how many processes there is memory.
    """

    cores: int
    alone_s: float
    shared_s: float
    room: int = sys.maxsize

    @property
    def processes(self) -> int:
        """How many processes to start: one where one with all the threads does more."""
        most = min(self.cores, self.room)
        return most if most > 1 and self.alone_s / most <= self.shared_s else 1

    @property
    def evaluation_threads(self) -> int:
        """The faster number of threads for one process."""
        return self.cores if self.shared_s < self.alone_s else 1

    @property
    def trial_s(self) -> float:
        """Seconds for one chip at one time on the whole machine, in the better way."""
        return min(self.alone_s / self.processes, self.shared_s)


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
    counts = (1, _cores())
    seconds = {count: _seconds(work, [time_s], count) for count in counts}
    share = len(data) / len(few)
    return Speed(_cores(), seconds[1] * share, seconds[_cores()] * share, room())


def _seconds(work: Work, times_s: Sequence[float], count: int) -> float:
    """Return the least time of three runs of one chip; the first run prepares."""
    found = []
    with threads(count):
        for _ in range(4):
            start = time.perf_counter()
            work.trials(0, times_s)
            found.append(time.perf_counter() - start)
    return min(found[1:])


def check_engine(wanted: LocalEngine | RayEngine) -> None:
    """Find out whether the engine that a study asks for is there, before any work.

    Args:
        wanted: ``[engine]``.

    Raises:
        MhoError: It is not.
    """
    if isinstance(wanted, RayEngine):
        from mho.study.engines.ray import check_ray

        check_ray(wanted)


def choose_engine(cells: int, parts: Parts, left: int) -> Engine:
    """Return the engine that the study asks for; where it says "auto", the faster one.

    Args:
        cells: How many cells there are to run.
        parts: Things of the first of them.
        left: How many trials are missing.
    """
    wanted = parts.study.engine
    if isinstance(wanted, RayEngine):
        from mho.study.engines.ray import RayCluster

        return RayCluster(wanted, cells)
    if wanted.processes != "auto":
        return _processes(wanted.processes, cells, wanted)
    if torch.device(wanted.torch_device).type != "cpu" or left <= 0:
        return _processes(1, cells, wanted)
    speed = measure(parts)
    if speed.processes > 1 and left * speed.alone_s > _WORTH_IT_S:
        return _processes(speed.processes, cells, wanted)
    return InProcess(_threads(wanted, speed.evaluation_threads))


def _processes(count: int, cells: int, wanted: LocalEngine) -> Engine:
    if count == 1:
        return InProcess(_threads(wanted, torch.get_num_threads()))
    return LocalProcesses(count, cells, _threads(wanted, max(_cores() // count, 1)))


def _threads(wanted: LocalEngine, found: int) -> int:
    return found if wanted.threads == "auto" else wanted.threads
