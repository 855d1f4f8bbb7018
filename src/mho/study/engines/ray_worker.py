"""What runs on a Ray cluster: ranges of chips, fits, and the keeper of the state of a fit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mho.allocator import keep_memory
from mho.data import Data
from mho.evaluation.work import Work, threads
from mho.network.mapped import MappedNetwork
from mho.recover.base import Recovery
from mho.results import Trial

States = dict[str, bytes]
"""Files in which a fit keeps its state: contents by what their names end with."""

_kept: dict[str, Work] = {}
"""The work that this worker did last, with the forward pass that it prepared."""


def trials(shipped: list[Any], task: str, part: Mapping[int, Sequence[float]]) -> list[Trial]:
    """Run a range of chips; weights and data are fetched when they are new here.

    Args:
        shipped: References to the work without its data, and to the data.
        task: Id of the work.
        part: Seeds of the chips, with the times to run.
    """
    if task not in _kept:
        import ray

        keep_memory()
        bare, data = ray.get(shipped)
        _kept.clear()
        _kept[task] = replace(bare, data=data)
    work = _kept[task]
    with threads(1):
        return [trial for seed, times_s in part.items() for trial in work.trials(seed, times_s)]


def fit(
    shipped: tuple[Recovery, MappedNetwork],
    data: Data,
    seed: int,
    training_threads: int,
    keeper: Any,
) -> tuple[MappedNetwork, float]:
    """Fit a recovery, or go on with it; return what it makes and how long it took here.

    Args:
        shipped: The recovery and the network before it.
        data: What it may see.
        seed: Seed of its training.
        training_threads: Threads that train.
        keeper: The actor that keeps its state: see :class:`Keeper`.
    """
    import ray

    recovery, network = shipped
    start = time.perf_counter()
    with TemporaryDirectory() as folder, threads(training_threads):
        checkpoint = Path(folder) / "checkpoint"
        write_states(checkpoint, ray.get(keeper.states.remote()))
        stamp = _stamp(checkpoint)

        def report(done: float, total: float, text: str) -> None:
            """Tell the keeper, with the state where it has changed."""
            nonlocal stamp
            now = _stamp(checkpoint)
            changed, stamp = now != stamp, now
            keeper.tell.remote(done, total, text, read_states(checkpoint) if changed else None)

        made = recovery.fit(network, data, seed=seed, progress=report, checkpoint=checkpoint)
    return made, time.perf_counter() - start


class Keeper:
    """Holds the last state of a fit on the driver's machine, so that no lost worker takes it along.

    Args:
        states: The state to go on from.
    """

    def __init__(self, states: States) -> None:
        self._states, self._version = states, 0
        self._progress = (0.0, 1.0, "on the cluster")

    def states(self) -> States:
        """Return the state to go on from."""
        return self._states

    def tell(self, done: float, total: float, text: str, states: States | None) -> None:
        """Take what a worker reports: how far it is, and its state where that is new."""
        self._progress = (done, total, text)
        if states is not None:
            self._states, self._version = states, self._version + 1

    def news(self, version: int) -> tuple[tuple[float, float, str], int, States | None]:
        """Return the progress, and the state where it is newer than a version."""
        newer = self._states if self._version > version else None
        return self._progress, self._version, newer


def read_states(checkpoint: Path) -> States:
    """Return the files of a checkpoint: the one of this name, and those whose names begin so.

    Args:
        checkpoint: Path of the checkpoint.
    """
    found = checkpoint.parent.glob(f"{checkpoint.name}*")
    return {path.name.removeprefix(checkpoint.name): path.read_bytes() for path in sorted(found)}


def write_states(checkpoint: Path, states: States) -> None:
    """Make the files of a checkpoint what is given, each written whole.

    Args:
        checkpoint: Path of the checkpoint.
        states: What to write.

    Raises:
        StoreError: They cannot be written.
    """
    from mho.files import atomic_write

    for ending, content in states.items():
        atomic_write(checkpoint.with_name(checkpoint.name + ending), content)
    for path in checkpoint.parent.glob(f"{checkpoint.name}*"):
        if path.name.removeprefix(checkpoint.name) not in states:
            path.unlink(missing_ok=True)


def _stamp(checkpoint: Path) -> list[tuple[str, int]]:
    """Return something that changes whenever a file of a checkpoint does."""
    found = checkpoint.parent.glob(f"{checkpoint.name}*")
    return sorted((path.name, path.stat().st_mtime_ns) for path in found)
