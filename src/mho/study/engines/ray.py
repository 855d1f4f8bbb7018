"""A Ray cluster: tasks are ranges of chips; weights and data travel once to each machine."""

from __future__ import annotations

import logging
import math
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mho.errors import ConfigError, MhoError, MissingDependencyError
from mho.evaluation.work import Work
from mho.progress import Progress
from mho.results import Trial
from mho.study.artefacts import Artefact, Artefacts
from mho.study.engines import ray_worker
from mho.study.engines.engine import Engine, Fit, Place
from mho.study.objects import own_modules
from mho.study.spec import RayEngine

_ATTEMPTS = 3
"""How often Ray gives work to another worker after the one that did it was lost."""
_NEWS_EVERY_S = 1.0
"""How often the driver asks how far a fit is, and keeps its state."""


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
        self._closed = False
        self._shipped: dict[str, Any] = {}
        # A task that asks for more of the cluster leaves room for fewer others.
        options = {"num_cpus": cpus // self._workers, "max_retries": _ATTEMPTS}
        self._trials = ray.remote(**options)(ray_worker.trials)
        self._fit = ray.remote(**options)(ray_worker.fit)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        self._keeper = ray.remote(num_cpus=0, scheduling_strategy=here)(ray_worker.Keeper)

    def fit(self, place: Place, fit: Fit, progress: Progress) -> Artefact:
        """Fit a recovery on the cluster and keep its state, and what it makes, here."""
        artefacts = Artefacts(place.artefacts)
        progress(0, 1, "on the cluster")
        with self._slots, artefacts.checkpoint(fit.key) as checkpoint:
            keeper = self._keeper.remote(ray_worker.read_states(checkpoint))
            task = self._fit.remote(
                self._ship(fit.key, (fit.recovery, fit.network)),
                self._ship(fit.data.digest, fit.data),
                fit.step.seed,
                place.study.engine.training_threads,
                keeper,
            )
            try:
                self._follow(task, keeper, checkpoint, progress)
                made, seconds = self._get(task)
            finally:
                if not self._closed:
                    self._ray.cancel(task, force=True)
                    self._ray.kill(keeper)
                self._forget(fit.key)
            artefact = Artefact(fit.key, made, seconds)
            artefacts.put(artefact, {"step": fit.step.name, "method": fit.step.method})
        return artefact

    def _follow(self, task: Any, keeper: Any, checkpoint: Path, progress: Progress) -> None:
        """Report how far a fit is and keep its state, until it has ended."""
        version, running = 0, True
        while running:
            self._check_open()
            ended, _ = self._ray.wait([task], timeout=_NEWS_EVERY_S)
            running = not ended
            told, version, states = self._get(keeper.news.remote(version))
            if states is not None and running:
                ray_worker.write_states(checkpoint, states)
            progress(*told)

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
                self._check_open()
                done, waiting = self._ray.wait(waiting, timeout=_NEWS_EVERY_S)
                if done:
                    yield self._get(done[0])
        finally:
            if not self._closed:
                for task in waiting:
                    self._ray.cancel(task, force=True)
            self._forget(work.task)

    def _check_open(self) -> None:
        """End a cell that goes on after the cluster was left: Ray would start another one."""
        if self._closed:
            raise InterruptedError

    def _get(self, reference: Any) -> Any:
        self._check_open()
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
            self._check_open()
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
        closed, self._closed = self._closed, True
        self._shipped.clear()
        if self._mine and not closed:
            self._ray.shutdown()


def check_ray(settings: RayEngine) -> None:
    """Find out whether Ray is installed and someone listens at the address, before any work.

    Args:
        settings: ``[engine]``.

    Raises:
        MissingDependencyError: Ray is not installed.
        ConfigError: There is no cluster at the address.
    """
    _import_ray()
    if settings.address is not None:
        try:
            _knock(settings.address)
        except OSError as error:
            raise _unreachable(settings.address, error) from None


def _connect(ray: Any, settings: RayEngine) -> None:
    """Join the cluster at the address, or start one on this machine."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if settings.address is None:
        ray.init(num_cpus=settings.workers, include_dashboard=False, **options)
        return
    try:
        ray.init(address=settings.address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(settings.address, error) from None


def _unreachable(address: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"[engine] address: no Ray cluster answers at '{address}' "
        f"({str(error).splitlines()[0]}). Start one there with 'ray start --head', or leave "
        "the address out to start one on this machine."
    )


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
