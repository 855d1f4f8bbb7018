"""Running a study: every part from one file, resumable at every step."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mho.data import Data
from mho.evaluation import Evaluation, digital_accuracy
from mho.evaluation.evaluate import evaluate
from mho.files import atomic_write
from mho.network.mapped import MappedNetwork
from mho.progress import Progress, progress_bar
from mho.report.page import render
from mho.report.verdict import verdict
from mho.results import Store
from mho.study.artefacts import Artefact, Artefacts, key_of
from mho.study.build import Parts
from mho.study.figures import Done, study_figures
from mho.study.folder import Folder
from mho.study.spec import AS_IS, StepSpec, read_study

DEMO = Path(__file__).with_name("demo.toml")
"""The study that ``mho demo`` runs."""


def run_study(
    path: str | Path,
    out: str | Path | None = None,
    *,
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Any]:
    """Run a study, or go on with it: what is finished is never done again.

    Everything that can be wrong with the file is found before any work. Each trained recovery is
    kept under the id of what decided it, each evaluated chip in the store, so a run that was killed
    at any moment ends with the same figures as one that was not.

    Args:
        path: The study, a TOML file.
        out: Folder for the results; ``results/<name of the study>`` by default.
        progress: None shows a bar on a terminal, False nothing; or a function of
            (done, total, text).

    Returns:
        The figures, as in ``results.json`` of that folder.

    Raises:
        ConfigError: The study says something that is not understood.
        StoreError: The folder is in use, belongs to another study, or cannot be written to.
        MhoError: Any of the errors of its parts.
    """
    file = read_study(path)
    parts = Parts(file)
    parts.check()
    folder = Folder(Path("results") / file.study.name if out is None else Path(out))
    with (
        folder.owned_by(file),
        Store(folder.store) as store,
        progress_bar(file.study.name, progress) as report,
    ):
        figures = _Run(parts, folder, store, report).all_steps()
        text = json.dumps({**figures, "report": str(folder.report)}, indent=1, allow_nan=False)
        atomic_write(folder.results, text + "\n")
        atomic_write(folder.report, render(figures))
    plain: dict[str, Any] = json.loads(text)
    return plain


@dataclass
class _Run:
    """One run of a study: steps in order, each fitted (or found) and evaluated."""

    parts: Parts
    folder: Folder
    store: Store
    report: Progress
    done: dict[str, Done] = field(default_factory=dict)
    baseline: float = 0.0

    def all_steps(self) -> dict[str, Any]:
        """Run what is missing and return the figures."""
        study = self.parts.file.study
        mapped = self.parts.network
        self.report(0, 1, "digital baseline")
        self.baseline = digital_accuracy(
            mapped, self.parts.test, torch_device=study.engine.torch_device
        )
        self._finish(None, Artefact("", mapped, 0.0))
        for step in study.recover:
            self._finish(step, self._artefact(step))
        figures = study_figures(
            study,
            self.parts.file.text,
            train=self.parts.train if study.recover else None,
            test=self.parts.test,
            mapped=mapped,
            baseline=self.baseline,
            done=self.done,
        )
        return {**figures, "verdict": verdict(figures)}

    def _finish(self, spec: StepSpec | None, artefact: Artefact) -> None:
        name = AS_IS if spec is None else spec.name
        bundle = None
        if spec is not None:
            kept = Artefacts(self.folder.artefacts).bundle(artefact.key)
            bundle = str(kept.relative_to(self.folder.path))
        found = self._evaluate(name, artefact.network)
        self.done[name] = Done(spec, artefact, found, bundle)

    def _artefact(self, step: StepSpec) -> Artefact:
        """Return the network after a step: found in the folder, or fitted now and kept."""
        artefacts = Artefacts(self.folder.artefacts)
        before = self.done[step.after].network
        data = self.parts.examples_for(step)
        recovery = self.parts.recovery(step)
        key = key_of(before, recovery, data, step.seed)
        found = artefacts.get(key, before)
        if found is not None:
            return found
        with artefacts.checkpoint(key) as checkpoint:
            made, seconds = self._fit(step, before, data, checkpoint)
            artefact = Artefact(key, made, seconds)
            artefacts.put(artefact, {"step": step.name, "method": step.method})
        return artefact

    def _fit(
        self, step: StepSpec, before: MappedNetwork, data: Data, checkpoint: Path
    ) -> tuple[MappedNetwork, float]:
        start = time.perf_counter()
        made = self.parts.recovery(step).fit(
            before,
            data,
            seed=step.seed,
            progress=self._named(f"{step.name}: fitting"),
            checkpoint=checkpoint,
        )
        return made, time.perf_counter() - start

    def _evaluate(self, name: str, network: MappedNetwork) -> Evaluation:
        study = self.parts.file.study
        drop = study.target.accuracy_drop_pp
        return evaluate(
            network,
            self.parts.test,
            study.evaluate.times,
            study.evaluate.chips,
            seed=study.evaluate.seed,
            target=None if drop is None else max(self.baseline - drop / 100, 0.0),
            stop=study.evaluate.stop,
            store=self.store,
            confidence=study.evaluate.confidence,
            batch=study.engine.batch,
            torch_device=study.engine.torch_device,
            progress=self._named(f"{name}: evaluating"),
        )

    def _named(self, name: str) -> Progress:
        return lambda done, total, text: self.report(done, total, f"{name}, {text}")
