"""What a worker process of the local engine does: make things again from their place, and work.

Nothing large travels between processes: a worker reads data, networks and artefacts itself, once,
and keeps the last few. Whether it made what the driver has is checked by the task's id.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch

from mho.allocator import keep_memory
from mho.errors import DataError
from mho.evaluation.metric import Accuracy
from mho.evaluation.work import Work
from mho.network.mapped import MappedNetwork
from mho.results import Trial
from mho.study.artefacts import Artefacts
from mho.study.build import Parts, Shelf
from mho.study.engines.engine import Fit, Place
from mho.study.spec import StepSpec

_KEPT = 3
"""Works that a worker keeps at hand: the steps of a study that are evaluated side by side."""
_shelf = Shelf()
_works: OrderedDict[str, Work] = OrderedDict()


def start(evaluation_threads: int) -> None:
    """Prepare a worker: its threads, Ctrl-C left to the driver, an end when the driver ends.

    Args:
        evaluation_threads: Threads of torch.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    torch.set_num_threads(evaluation_threads)
    threading.Thread(target=_end_with_the_driver, daemon=True).start()


def _end_with_the_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)


def trials(place: Place, task: str, missing: Mapping[int, Sequence[float]]) -> list[Trial]:
    """Run chips.

    Args:
        place: Where they belong.
        task: Id of their task, as the driver has it.
        missing: Seeds of the chips, with the times to run.

    Raises:
        DataError: A file that the study needs is not what it was when the study began.
    """
    work = _work(place, task)
    return [trial for seed, times_s in missing.items() for trial in work.trials(seed, times_s)]


def fit(place: Place, step: StepSpec, key: str) -> None:
    """Fit a recovery and keep what it makes.

    Args:
        place: Where it belongs.
        step: The step.
        key: Id of what it makes.
    """
    parts = Parts(place.study, place.base, place.where, _shelf)
    job = Fit(key, step, parts.recovery(step), _network(place, parts), parts.examples_for(step))
    job.run(
        Artefacts(place.artefacts),
        place.study.engine.training_threads,
        lambda done, total, text: None,
    )


def _network(place: Place, parts: Parts) -> MappedNetwork:
    if place.before is None:
        return parts.network
    found = Artefacts(place.artefacts).get(place.before, parts.network)
    if found is None:
        raise DataError(
            f"{place.where}: an artefact in '{place.artefacts}' was deleted while the study was "
            "running; run it again to make it anew."
        )
    return found.network


def _work(place: Place, task: str) -> Work:
    if task not in _works:
        parts = Parts(place.study, place.base, place.where, _shelf)
        engine = place.study.engine
        work = Work(
            network=_network(place, parts),
            data=parts.test,
            metric=Accuracy(),
            batch=engine.batch,
            torch_device=engine.torch_device,
            law_uncertainty=place.study.evaluate.law_uncertainty,
        )
        if work.task != task:
            raise DataError(
                f"{place.where}: a file that it needs was changed while it was running; "
                "run it again to go on with the file as it is now."
            )
        _works[task] = work
        while len(_works) > _KEPT:
            _works.popitem(last=False)
    _works.move_to_end(task)
    return _works[task]
