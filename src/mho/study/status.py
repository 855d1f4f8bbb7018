"""How far a study has come: what is planned, and what of it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mho.errors import StoreError
from mho.results import Store
from mho.study.folder import STUDY, Folder
from mho.study.plan import Cell, plan
from mho.study.spec import StudyFile, read_study


@dataclass(frozen=True)
class StepStatus:
    """How much of one step of one cell is done.

    Attributes:
        cell: The cell.
        step: Name of the step.
        planned: Trials that it has; the fewest, where a stopping rule decides.
        done: How many of them are in the store.
    """

    cell: Cell
    step: str
    planned: int
    done: int


@dataclass(frozen=True)
class Status:
    """How far a study has come.

    Attributes:
        file: The study.
        cells: Its cells.
        steps: Every step of every cell, in order.
        running: Who is working on it now, or None.
    """

    file: StudyFile
    cells: Sequence[Cell]
    steps: Sequence[StepStatus]
    running: str | None

    @property
    def planned(self) -> int:
        """Trials in all."""
        return sum(step.planned for step in self.steps)

    @property
    def done(self) -> int:
        """Trials in the store."""
        return sum(step.done for step in self.steps)

    @property
    def missing(self) -> int:
        """Trials that are still to be run; a step that several cells share is run once."""
        left: dict[str, int] = {}
        for step in self.steps:
            key = step.cell.step_keys[step.step]
            left[key] = max(left.get(key, 0), step.planned - step.done)
        return sum(left.values())

    @property
    def cells_done(self) -> int:
        """Cells of which everything is in the store."""
        open_cells = {step.cell.number for step in self.steps if step.done < step.planned}
        return len(self.cells) - len(open_cells)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "study": self.file.study.name,
            "cells": len(self.cells),
            "cells_done": self.cells_done,
            "trials": self.planned,
            "trials_done": self.done,
            "running": self.running,
            "steps": [
                {
                    "cell": dict(step.cell.values),
                    "step": step.step,
                    "trials": step.planned,
                    "trials_done": step.done,
                }
                for step in self.steps
            ],
        }


def study_status(folder: str | Path) -> Status:
    """Say how far the study in a folder of results has come.

    Args:
        folder: What ``mho run`` wrote to.

    Raises:
        StoreError: There is no study in the folder.
    """
    place = Folder(Path(folder))
    copy = place.path / STUDY
    if not copy.is_file():
        raise StoreError(
            f"{folder} holds no results of a study (no {STUDY}). Give the folder that 'mho run' "
            "wrote to."
        )
    file = read_study(copy)
    return status_of(file, plan(file, yes=True), place)


def status_of(file: StudyFile, cells: Sequence[Cell], folder: Folder) -> Status:
    """Compare a plan with what is in a folder.

    Args:
        file: The study.
        cells: Its plan.
        folder: Where its results are, or would be.
    """
    if not folder.store.is_file():
        steps = [StepStatus(c, name, _planned(c), 0) for c in cells for name in c.step_keys]
        return Status(file, cells, steps, folder.holder())
    with Store(folder.store) as store:
        counts = _Counts(store)
        steps = [
            StepStatus(cell, name, _planned(cell), counts.done(cell, key))
            for cell in cells
            for name, key in cell.step_keys.items()
        ]
    return Status(file, cells, steps, folder.holder())


def _planned(cell: Cell) -> int:
    return cell.chips * len(cell.times_s)


class _Counts:
    """Trials in the store, counted once for each range of chips that cells ask for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_range: dict[tuple[int, int], dict[str, dict[float, int]]] = {}

    def done(self, cell: Cell, key: str) -> int:
        """Return how many of a step's planned trials are there."""
        wanted = (cell.study.evaluate.seed, cell.chips)
        if wanted not in self._by_range:
            self._by_range[wanted] = self._store.counts(*wanted)
        found = self._by_range[wanted].get(key, {})
        return sum(found.get(t_s, 0) for t_s in cell.times_s)
