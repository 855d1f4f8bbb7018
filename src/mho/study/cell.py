"""One cell of a study: its steps in order, each fitted (or found) and evaluated."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mho.evaluation.evaluate import evaluate
from mho.evaluation.evaluation import Evaluation
from mho.evaluation.metric import Accuracy
from mho.evaluation.work import Work
from mho.progress import Progress
from mho.report.verdict import verdict
from mho.results import Label, Store, Trial
from mho.study.artefacts import Artefact, Artefacts, key_of
from mho.study.build import Parts
from mho.study.engines.engine import Engine, Fit, Place
from mho.study.figures import Done, study_figures
from mho.study.folder import Folder
from mho.study.shard import Job
from mho.study.spec import AS_IS, StepSpec


class CellRun:
    """Runs what is missing of one cell.

    Args:
        job: The cell.
        parts: Its things.
        folder: Where results go.
        store: Where trials go.
        engine: Who does the work.
        report: Told about progress.
    """

    def __init__(
        self,
        job: Job,
        parts: Parts,
        folder: Folder,
        store: Store,
        engine: Engine,
        report: Progress,
    ) -> None:
        self._cell = job.cell
        self._study = job.cell.study
        self._chips = job.chips
        self._parts = parts
        self._folder = folder
        self._store = store
        self._engine = engine
        self._report = report
        self._artefacts = Artefacts(folder.artefacts)
        self._done: dict[str, Done] = {}
        self._baseline = 0.0

    def figures(self, text: str) -> dict[str, Any]:
        """Run what is missing and return the figures as plain data.

        Args:
            text: The study's file, verbatim.
        """
        mapped = self._parts.network
        self._baseline = self._parts.baseline(self._report)
        self._finish(None, Artefact("", mapped, 0.0))
        for step in self._study.recover:
            self._finish(step, self._artefact(step))
        figures = study_figures(
            self._study,
            text,
            train=self._parts.train if self._study.recover else None,
            test=self._parts.test,
            mapped=mapped,
            baseline=self._baseline,
            done=self._done,
        )
        return {**figures, "cell": dict(self._cell.values), "verdict": verdict(figures)}

    def _finish(self, spec: StepSpec | None, artefact: Artefact) -> None:
        name = AS_IS if spec is None else spec.name
        bundle = None
        if spec is not None:
            kept = self._artefacts.bundle(artefact.key)
            bundle = str(kept.relative_to(self._folder.path))
        found = self._evaluate(name, artefact)
        self._done[name] = Done(spec, artefact, found, bundle)

    def _artefact(self, step: StepSpec) -> Artefact:
        """Return the network after a step: found in the folder, or fitted now and kept.

        Of cells that want the same artefact at once, one makes it and the others wait for it.
        """
        before = self._done[step.after].artefact
        data = self._parts.examples_for(step)
        recovery = self._parts.recovery(step)
        threads = self._study.engine.training_threads
        key = key_of(before.network, recovery, data, step.seed, threads)
        with self._parts.shelf.alone(key):
            found = self._artefacts.get(key, self._parts.network)
            if found is not None:
                return found
            fit = Fit(key, step, recovery, before.network, data)
            return self._engine.fit(self._place(before), fit, self._named(f"{step.name}: fitting"))

    def _place(self, before: Artefact) -> Place:
        return Place(
            study=self._study,
            base=self._cell.base,
            where=self._cell.where,
            artefacts=self._folder.artefacts,
            before=before.key or None,
        )

    def _evaluate(self, name: str, artefact: Artefact) -> Evaluation:
        wanted, engine = self._study.evaluate, self._study.engine
        drop = self._study.target.accuracy_drop_pp
        runner = functools.partial(self._trials, name, artefact)
        with self._parts.shelf.alone(self._cell.step_keys[name]):
            found = evaluate(
                artefact.network,
                self._parts.test,
                wanted.times,
                wanted.chips if self._chips is None else self._chips,
                seed=wanted.seed,
                target=None if drop is None else max(self._baseline - drop / 100, 0.0),
                stop=wanted.stop,
                store=self._store,
                confidence=wanted.confidence,
                metric=Accuracy(),
                batch=engine.batch,
                torch_device=engine.torch_device,
                progress=self._named(f"{name}: evaluating"),
                law_uncertainty=wanted.law_uncertainty,
                runner=runner,
            )
        self._label(name, found.task)
        return found

    def _trials(
        self, name: str, artefact: Artefact, work: Work, missing: Mapping[int, Sequence[float]]
    ) -> Iterator[list[Trial]]:
        self._label(name, work.task)
        return self._engine.trials(self._place(artefact), work, missing)

    def _label(self, name: str, task: str) -> None:
        key = self._cell.step_keys[name]
        label = Label(key, task, self._study.name, dict(self._cell.values), name)
        self._store.label(label)

    def _named(self, name: str) -> Progress:
        return lambda done, total, text: self._report(done, total, f"{name}, {text}")
