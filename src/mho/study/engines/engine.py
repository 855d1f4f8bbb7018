"""What an engine does: fit recoveries and run chips, here or elsewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mho.data import Data
from mho.evaluation.work import Work, threads
from mho.network.mapped import MappedNetwork
from mho.progress import Progress
from mho.recover.base import Recovery
from mho.results import Trial
from mho.study.artefacts import Artefact, Artefacts
from mho.study.spec import StepSpec, Study


@dataclass(frozen=True)
class Place:
    """Where in a study some work belongs; another process can make everything from it again.

    Attributes:
        study: The concrete study of the cell.
        base: Folder that paths are relative to.
        where: The study, to name in an error.
        artefacts: Folder of artefacts.
        before: Key of the artefact that the work starts from; None for the network as it is.
    """

    study: Study
    base: Path
    where: str
    artefacts: Path
    before: str | None


@dataclass(frozen=True, eq=False)
class Fit:
    """One recovery to be fitted.

    Attributes:
        key: Id of what it makes.
        step: The step.
        recovery: What it does.
        network: The network before it.
        data: What it may see.
    """

    key: str
    step: StepSpec
    recovery: Recovery
    network: MappedNetwork
    data: Data

    def run(self, artefacts: Artefacts, training_threads: int, progress: Progress) -> Artefact:
        """Fit the recovery, or go on with it, and keep what it makes.

        Args:
            artefacts: Where to keep it.
            training_threads: Threads that train.
            progress: Called while it works.
        """
        with artefacts.checkpoint(self.key) as checkpoint:
            start = time.perf_counter()
            with threads(training_threads):
                made = self.recovery.fit(
                    self.network,
                    self.data,
                    seed=self.step.seed,
                    progress=progress,
                    checkpoint=checkpoint,
                )
            artefact = Artefact(self.key, made, time.perf_counter() - start)
            artefacts.put(artefact, {"step": self.step.name, "method": self.step.method})
        return artefact


class Engine(ABC):
    """Where the work of a study is done. Implementations are final.

    Attributes:
        lanes: How many cells it pays to work on at once.
    """

    lanes: int = 1

    @abstractmethod
    def fit(self, place: Place, fit: Fit, progress: Progress) -> Artefact:
        """Fit a recovery and keep what it makes in the folder of artefacts.

        Args:
            place: Where it belongs.
            fit: What to fit.
            progress: Called while it works.
        """

    @abstractmethod
    def trials(
        self, place: Place, work: Work, missing: Mapping[int, Sequence[float]]
    ) -> Iterator[list[Trial]]:
        """Run chips and yield their trials as they are finished, in any order.

        Args:
            place: Where they belong.
            work: What turns chips into trials.
            missing: Seeds of the chips, with the times to run.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop everything; work in hand is finished or dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class InProcess(Engine):
    """Does the work in this process, one thing after the other.

    Args:
        evaluation_threads: Threads of torch that evaluate chips.
    """

    def __init__(self, evaluation_threads: int) -> None:
        self._threads = evaluation_threads

    def fit(self, place: Place, fit: Fit, progress: Progress) -> Artefact:
        """Fit a recovery here."""
        return fit.run(Artefacts(place.artefacts), place.study.engine.training_threads, progress)

    def trials(
        self, place: Place, work: Work, missing: Mapping[int, Sequence[float]]
    ) -> Iterator[list[Trial]]:
        """Run chips here."""
        for seed, times_s in missing.items():
            with threads(self._threads):
                trials = work.trials(seed, times_s)
            yield trials

    def close(self) -> None:
        """Nothing to stop: what was done is done."""
