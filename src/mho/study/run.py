"""Running a study: every part from one file, resumable at every step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from mho.files import atomic_write
from mho.progress import Progress, progress_bar
from mho.report.page import render
from mho.results import Store
from mho.study.build import Parts, Shelf
from mho.study.cell import CellRun
from mho.study.engines.choose import choose_engine
from mho.study.folder import Folder
from mho.study.plan import plan
from mho.study.spec import read_study

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
    shelf = Shelf()
    cell = plan(file)[0]
    parts = Parts(cell.study, cell.base, cell.where, shelf)
    parts.check()
    folder = Folder(Path("results") / file.study.name if out is None else Path(out))
    with (
        folder.owned_by(file),
        Store(folder.store) as store,
        progress_bar(file.study.name, progress) as report,
        choose_engine([cell], parts, store) as engine,
    ):
        figures = CellRun(cell, parts, folder, store, engine, report).figures(file.text)
        text = json.dumps({**figures, "report": str(folder.report)}, indent=1, allow_nan=False)
        atomic_write(folder.results, text + "\n")
        atomic_write(folder.report, render(figures))
    plain: dict[str, Any] = json.loads(text)
    return plain
