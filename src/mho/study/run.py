"""Running a study: every part from one file, resumable at every step."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Literal

from mho.files import atomic_write
from mho.progress import Progress, progress_bar
from mho.report.page import render
from mho.results import Store
from mho.study.build import Parts, Shelf
from mho.study.cell import CellRun
from mho.study.engines.choose import check_engine, choose_engine
from mho.study.engines.engine import Engine
from mho.study.figures import sweep_figures
from mho.study.folder import Folder
from mho.study.plan import Cell, key_of, own_files, plan
from mho.study.shard import Job, Shard
from mho.study.spec import StudyFile, read_study
from mho.study.status import status_of

DEMO = Path(__file__).with_name("demo.toml")
"""The study that ``mho demo`` runs."""

OnCell = Callable[[dict[str, Any]], None]
"""Called with the figures of each cell as it is finished."""


def run_study(
    path: str | Path,
    out: str | Path | None = None,
    *,
    shard: Shard | None = None,
    yes: bool = False,
    progress: Progress | Literal[False] | None = None,
    on_cell: OnCell | None = None,
) -> dict[str, Any]:
    """Run a study, or go on with it: what is finished is never done again.

    Everything that can be wrong with the file is found before any work. Each trained recovery is
    kept under the id of what decided it, each evaluated chip in the store, so a run that was killed
    at any moment ends with the same figures as one that was not.

    Args:
        path: The study, a TOML file.
        out: Folder for the results; ``results/<name of the study>`` by default.
        shard: Run only this share of the work, to be merged with the others.
        yes: Go on even if a sweep has more than a million cells.
        progress: None shows a bar on a terminal, False nothing; or a function of
            (done, total, text).
        on_cell: Called with the figures of each cell of a sweep as it is finished.

    Returns:
        The figures, as in ``results.json`` of that folder. Of a sweep: the cells, and in short what
        each came to. Of a shard: what was done.

    Raises:
        ConfigError: The study says something that is not understood.
        StoreError: The folder is in use, belongs to another study, or cannot be written to.
        MhoError: Any of the errors of its parts.
    """
    file = read_study(path)
    cells = plan(file, yes=yes)
    shelf = Shelf()
    check(cells, shelf)
    check_engine(file.study.engine)
    jobs = [Job(cell) for cell in cells] if shard is None else shard.deal(cells)
    folder = Folder(Path("results") / file.study.name if out is None else Path(out))
    with (
        folder.owned_by(file, own_files(cells)),
        progress_bar(file.study.name, progress) as report,
        choose_engine(
            len(jobs),
            _parts(jobs[0].cell, shelf),
            status_of(file, [job.cell for job in jobs], folder).missing,
        ) as engine,
    ):
        found = {}
        for cell, figures in _Run(file, folder, shelf, engine, report).all(jobs):
            found[cell.number] = figures
            if on_cell is not None and file.sweep is not None:
                on_cell(figures)
        if shard is not None:
            return {"shard": str(shard), "cells": len(jobs), "folder": str(folder.path)}
        known = {"plan": key_of(cells)}
        if file.sweep is None:
            return _keep_study(folder, found[0] | known)
        return _keep(folder, sweep_figures(file, cells, found) | known)


def check(cells: Sequence[Cell], shelf: Shelf) -> None:
    """Find everything that can be wrong with the cells, each different part of them once.

    A network is mapped once for every device and mapping: tiles and converters of another size
    cannot make it fail, and a sweep over them need not wait for it.

    Args:
        cells: The cells.
        shelf: Where their data and networks are kept.

    Raises:
        MhoError: Whatever is wrong.
    """
    settings: set[str] = set()
    networks: set[str] = set()
    for cell in cells:
        study, parts = cell.study, _parts(cell, shelf)
        said = study.model_dump_json(include={"data", "hardware", "recover"})
        said += str(study.evaluate.times) + str(study.evaluate.law_uncertainty)
        if said not in settings:
            settings.add(said)
            parts.check_settings()
        cells_of = study.hardware.model_dump_json(
            include={"device", "drift_of", "change", "mapping"}
        )
        mapped = study.model_dump_json(include={"data", "network"}) + cells_of
        if mapped not in networks:
            networks.add(mapped)
            parts.check_network()


def _parts(cell: Cell, shelf: Shelf) -> Parts:
    return Parts(cell.study, cell.base, cell.where, shelf)


def _keep_study(folder: Folder, figures: dict[str, Any]) -> dict[str, Any]:
    atomic_write(folder.report, render(figures))
    return _keep(folder, {**figures, "report": str(folder.report)})


def _keep(folder: Folder, figures: dict[str, Any]) -> dict[str, Any]:
    atomic_write(folder.results, json.dumps(figures, indent=1, allow_nan=False) + "\n")
    return figures


class _Run:
    """One run of a study: its cells, some of them at once where the engine gains by it."""

    def __init__(
        self,
        file: StudyFile,
        folder: Folder,
        shelf: Shelf,
        engine: Engine,
        report: Progress,
    ) -> None:
        self._file = file
        self._folder = folder
        self._shelf = shelf
        self._engine = engine
        self._report = report
        self._stopped = threading.Event()
        self._finished = self._total = 0

    def all(self, jobs: Sequence[Job]) -> Iterator[tuple[Cell, dict[str, Any]]]:
        """Yield each cell with its figures as it is finished."""
        self._total = len(jobs)
        if self._engine.lanes == 1:
            for job in jobs:
                yield job.cell, self._cell(job)
                self._finished += 1
            return
        with ThreadPoolExecutor(self._engine.lanes, thread_name_prefix="cell") as lanes:
            waiting: dict[Future[dict[str, Any]], Cell] = {}
            try:
                for job in jobs:
                    waiting[lanes.submit(self._cell, job)] = job.cell
                for future in as_completed(waiting):
                    self._finished += 1
                    yield waiting[future], future.result()
            except BaseException:
                self._stopped.set()
                lanes.shutdown(wait=False, cancel_futures=True)
                self._engine.close()
                raise

    def _cell(self, job: Job) -> dict[str, Any]:
        """Run one cell, or find it finished."""
        cell = job.cell
        parts = _parts(cell, self._shelf)
        swept = self._file.sweep is not None
        known = self._folder.finished(cell, parts) if swept else None
        if known is not None:
            return known
        with Store(self._folder.store) as store:
            run = CellRun(job, parts, self._folder, store, self._engine, self._told(cell))
            figures: dict[str, Any] = json.loads(json.dumps(run.figures(self._file.text)))
        if swept and job.chips is None:
            self._folder.keep(cell, figures)
        return figures

    def _told(self, cell: Cell) -> Progress:
        """Report the progress of one cell as part of the whole."""
        if self._total == 1:
            return self._report

        def tell(done: float, total: float, text: str) -> None:
            """Name the cell, or end the work of a study that was stopped."""
            if self._stopped.is_set():
                raise InterruptedError
            self._report(self._finished, self._total, f"{cell.label}: {text}")

        return tell
