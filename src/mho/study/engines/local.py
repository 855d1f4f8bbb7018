"""Several processes on this machine."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from mho.errors import MhoError
from mho.evaluation.work import Work
from mho.progress import Progress
from mho.results import Trial
from mho.study.artefacts import Artefact, Artefacts
from mho.study.engines import worker
from mho.study.engines.engine import Engine, Fit, Place

T = TypeVar("T")
_ATTEMPTS = 3
"""How often work is given to a new process after the one that did it died."""


class LocalProcesses(Engine):
    """Does the work in several processes of this machine, with the same numbers as in one.

    Processes are never forked from this one, so that threads of torch cannot hang in them: where
    the system can, a server that has loaded torch and runs nothing forks them at once. One that
    dies (out of memory, killed by hand) is replaced and its work done again.

    Args:
        processes: How many.
        cells: How many cells there are to work on; with one, recoveries are fitted in this
            process, where progress can be shown.
        evaluation_threads: Threads of torch in each process.
    """

    def __init__(self, processes: int, cells: int, evaluation_threads: int = 1) -> None:
        self._processes = processes
        self._threads = evaluation_threads
        self.lanes = min(cells, processes + 1)
        self._lock = threading.Lock()
        self._closed = False
        self._pool = self._new_pool()
        _begin_to_load()

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._processes,
            mp_context=_context(),
            initializer=worker.start,
            initargs=(self._threads,),
        )

    def fit(self, place: Place, fit: Fit, progress: Progress) -> Artefact:
        """Fit a recovery: here if there is one cell, else in one of the processes."""
        artefacts = Artefacts(place.artefacts)
        if self.lanes == 1:
            return fit.run(artefacts, place.study.engine.training_threads, progress)
        progress(0, 1, "in another process")
        self._result(lambda: self._submit(worker.fit, place, fit.step, fit.key))
        made = artefacts.get(fit.key, fit.network)
        if made is None:
            raise MhoError(f"artefact {fit.key[:16]} was deleted as it was made; run again.")
        return made

    def trials(
        self, place: Place, work: Work, missing: Mapping[int, Sequence[float]]
    ) -> Iterator[list[Trial]]:
        """Run chips in the processes, a few at a time."""
        waiting = {
            self._submit(worker.trials, place, work.task, part): (part, 1)
            for part in _parts(missing, self._processes)
        }
        while waiting:
            future = next(as_completed(waiting))
            part, attempt = waiting.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                self._replace_pool(future, attempt)
                again = self._submit(worker.trials, place, work.task, part)
                waiting[again] = (part, attempt + 1)

    def _result(self, submit: Callable[[], Future[T]]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            future = submit()
            try:
                return future.result()
            except BrokenProcessPool:
                self._replace_pool(future, attempt)
        raise AssertionError("the last attempt returns or raises")

    def _submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        with self._lock:
            if self._closed:
                raise InterruptedError
            with _deaf_to_ctrl_c():  # a process may be started here
                try:
                    future = self._pool.submit(function, *arguments)
                except BrokenProcessPool:  # another thread has not replaced it yet
                    self._pool = self._new_pool()
                    future = self._pool.submit(function, *arguments)
            future.pool = self._pool  # type: ignore[attr-defined]
        return future

    def _replace_pool(self, future: Future[Any], attempt: int) -> None:
        """Start new processes after one died, once for all the work that it took along."""
        if attempt == _ATTEMPTS:
            raise MhoError(
                f"a worker process died {attempt} times at the same work, probably because memory "
                f"ran out with {self._processes} processes. Set [engine] processes to fewer and "
                "run again: finished trials are kept."
            ) from None
        with self._lock:
            if self._pool is future.pool and not self._closed:  # type: ignore[attr-defined]
                self._pool = self._new_pool()

    def close(self) -> None:
        """End the processes at once: what they had in hand is run again another time.

        Nothing is cancelled, since no one who waits is told of that: with the processes gone, all
        that was asked for fails.
        """
        with self._lock:
            self._closed = True
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(1)


def _context() -> Any:
    """Return how processes are started: forked from a server of our own where there is one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__])
    return context


def _begin_to_load() -> None:
    """Let the server load torch while this process prepares the work."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver

        with _deaf_to_ctrl_c():
            forkserver.ensure_running()


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that never hear Ctrl-C, which the terminal sends to all; the driver acts.

    The driver itself acts at the end: one that stops while a process is being started would leave
    it without its work, and with a complaint.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    with _ctrl_c_at_the_end():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _ctrl_c_at_the_end() -> Iterator[None]:
    """Keep a Ctrl-C that another thread hears, whose signals are not blocked, until the end."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield  # only the main thread is ever interrupted
        return
    heard = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: heard.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if heard.is_set():
            signal.raise_signal(signal.SIGINT)


def _parts(
    missing: Mapping[int, Sequence[float]], processes: int
) -> Iterator[dict[int, Sequence[float]]]:
    """Cut the chips into parts: some eight for each process, so that none waits for another."""
    seeds = list(missing)
    size = math.ceil(len(seeds) / (8 * processes))
    for start in range(0, len(seeds), size):
        yield {seed: missing[seed] for seed in seeds[start : start + size]}
