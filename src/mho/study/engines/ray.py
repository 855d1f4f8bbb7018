"""A Ray cluster: tasks are ranges of chips; weights and data travel once to each machine."""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mho.data import Data
from mho.errors import ConfigError, MhoError, MissingDependencyError
from mho.evaluation.work import Work, threads
from mho.network.mapped import MappedNetwork
from mho.progress import Progress
from mho.recover.base import Recovery
from mho.results import Trial
from mho.study.artefacts import Artefact, Artefacts
from mho.study.engines.engine import Engine, Fit, Place
from mho.study.objects import own_modules
from mho.study.spec import RayEngine

_ATTEMPTS = 3
"""How often Ray gives work to another worker after the one that did it was lost."""


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise MissingDependencyError(
            "[engine] kind = 'ray' needs Ray, which is not installed: pip install 'mho[ray]'."
        ) from None
    return ray


class RayCluster(Engine):
    """Does the work on a Ray cluster, with the same numbers as in one process.

    The driver alone writes results. A worker that is lost takes nothing along: Ray gives its range
    of chips to another one.

    Args:
        settings: ``[engine]``.
        cells: How many cells there are to work on.

    Raises:
        MissingDependencyError: Ray is not installed.
        ConfigError: There is no cluster at the address.
    """

    def __init__(self, settings: RayEngine, cells: int) -> None:
        self._ray = ray = _import_ray()
        self._mine = not ray.is_initialized()
        if self._mine:
            _connect(ray, settings)
        cpus = max(int(ray.cluster_resources().get("CPU", 1)), 1)
        self._workers = min(settings.workers or cpus, cpus)
        self.lanes = min(cells, self._workers + 1)
        self._slots = threading.Semaphore(self._workers)
        self._lock = threading.Lock()
        self._shipped: dict[str, Any] = {}
        # A task that asks for more of the cluster leaves room for fewer others.
        options = {"num_cpus": cpus // self._workers, "max_retries": _ATTEMPTS}
        self._trials = ray.remote(**options)(_trials)
        self._fit = ray.remote(**options)(_fit)

    def fit(self, place: Place, fit: Fit, progress: Progress) -> Artefact:
        """Fit a recovery on the cluster and keep what it makes here."""
        progress(0, 1, "on the cluster")
        with self._slots:
            made, seconds = self._get(
                self._fit.remote(
                    self._ship(fit.key, (fit.recovery, fit.network)),
                    self._ship(fit.data.digest, fit.data),
                    fit.step.seed,
                    place.study.engine.training_threads,
                )
            )
        self._forget(fit.key)
        artefact = Artefact(fit.key, made, seconds)
        description = {"step": fit.step.name, "method": fit.step.method}
        Artefacts(place.artefacts).put(artefact, description)
        return artefact

    def trials(
        self, place: Place, work: Work, missing: Mapping[int, Sequence[float]]
    ) -> Iterator[list[Trial]]:
        """Run ranges of chips on the cluster."""
        data = self._ship(work.data.digest, work.data)
        bare = self._ship(work.task, replace(work, data=work.data.subset([0])))
        waiting = [
            self._trials.remote([bare, data], work.task, part)
            for part in ranges(missing, self._workers)
        ]
        try:
            while waiting:
                done, waiting = self._ray.wait(waiting)
                yield self._get(done[0])
        finally:
            for task in waiting:
                self._ray.cancel(task, force=True)
            self._forget(work.task)

    def _get(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause if isinstance(error.cause, MhoError) else error from None
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.RayActorError) as error:
            raise MhoError(
                f"Ray lost {_ATTEMPTS + 1} workers at the same work, probably because memory ran "
                f"out ({type(error).__name__}). Give them more of it and run again: finished "
                "trials are kept."
            ) from None

    def _ship(self, key: str, value: Any) -> Any:
        """Put something into the object store, once: it then travels once to each machine."""
        with self._lock:
            if key not in self._shipped:
                for module in own_modules():
                    self._ray.cloudpickle.register_pickle_by_value(module)
                self._shipped[key] = self._ray.put(value)
            return self._shipped[key]

    def _forget(self, key: str) -> None:
        with self._lock:
            self._shipped.pop(key, None)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._shipped.clear()
        if self._mine:
            self._ray.shutdown()


def _connect(ray: Any, settings: RayEngine) -> None:
    """Join the cluster at the address, or start one on this machine."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if settings.address is None:
        ray.init(num_cpus=settings.workers, include_dashboard=False, **options)
        return
    try:
        _knock(settings.address)
        ray.init(address=settings.address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"[engine] address: no Ray cluster answers at '{settings.address}' "
            f"({str(error).splitlines()[0]}). Start one there with 'ray start --head', or leave "
            "the address out to start one on this machine."
        ) from None


def _knock(address: str) -> None:
    """See whether anyone listens at ``host:port``: Ray itself would try for minutes.

    Raises:
        OSError: No one does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=5).close()


def ranges(
    missing: Mapping[int, Sequence[float]], workers: int
) -> Iterator[dict[int, Sequence[float]]]:
    """Cut chips into ranges: some four for each worker, so that a lost one costs little."""
    seeds = list(missing)
    size = math.ceil(len(seeds) / (4 * workers))
    for start in range(0, len(seeds), size):
        yield {seed: missing[seed] for seed in seeds[start : start + size]}


_kept: dict[str, Work] = {}
"""The work that this worker did last, with the forward pass that it prepared."""


def _trials(shipped: list[Any], task: str, part: Mapping[int, Sequence[float]]) -> list[Trial]:
    """Run a range of chips (on a worker); weights and data are fetched when they are new here."""
    if task not in _kept:
        bare, data = _import_ray().get(shipped)
        _kept.clear()
        _kept[task] = replace(bare, data=data)
    work = _kept[task]
    with threads(1):
        return [trial for seed, times_s in part.items() for trial in work.trials(seed, times_s)]


def _fit(
    shipped: tuple[Recovery, MappedNetwork], data: Data, seed: int, training_threads: int
) -> tuple[MappedNetwork, float]:
    """Fit a recovery (on a worker)."""
    recovery, network = shipped
    start = time.perf_counter()
    with TemporaryDirectory() as folder, threads(training_threads):
        made = recovery.fit(
            network,
            data,
            seed=seed,
            progress=lambda done, total, text: None,
            checkpoint=Path(folder) / "checkpoint",
        )
    return made, time.perf_counter() - start
