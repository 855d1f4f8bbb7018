"""The store: every finished trial in one SQLite file that survives a kill at any moment.

Why a rollback journal and not a write-ahead log (WAL). Both survive SIGKILL and power loss. WAL
needs memory shared between processes, which network folders do not have, and a folder it can write
to even to *read*; it also leaves results in side files that a plain copy forgets. A trial takes
seconds and a commit milliseconds, so the journal that works everywhere costs nothing here.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mho.errors import StoreError
from mho.results.digest import canonical_json, digest
from mho.results.trial import Trial

FORMAT = 1
"""Version of the tables below; the file carries it in ``PRAGMA user_version``."""

_APPLICATION = 0x6D686F31  # "mho1"
_LARGEST = 2**63 - 1
_SCHEMA = """
CREATE TABLE task (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL
);
CREATE TABLE trial (
  task INTEGER NOT NULL REFERENCES task (number),
  t_s REAL NOT NULL,
  chip INTEGER NOT NULL,
  correct INTEGER NOT NULL,
  images INTEGER NOT NULL,
  PRIMARY KEY (task, t_s, chip),
  CHECK (0 <= correct AND correct <= images AND images > 0)
) WITHOUT ROWID;
CREATE TABLE label (
  key TEXT PRIMARY KEY,
  task INTEGER NOT NULL REFERENCES task (number),
  study TEXT NOT NULL,
  cell TEXT NOT NULL,
  step TEXT NOT NULL
) WITHOUT ROWID;
"""
_CLASHES = """
SELECT task.id, new.chip, new.t_s, trial.correct, trial.images, new.correct, new.images FROM new
JOIN task ON task.id = new.id
JOIN trial ON trial.task = task.number AND trial.t_s = new.t_s AND trial.chip = new.chip
WHERE trial.correct <> new.correct OR trial.images <> new.images LIMIT 1
"""
_INSERT = """
INSERT OR IGNORE INTO trial (task, t_s, chip, correct, images)
SELECT task.number, new.t_s, new.chip, new.correct, new.images FROM new
JOIN task ON task.id = new.id ORDER BY task.number, new.t_s, new.chip
"""


@dataclass(frozen=True, slots=True)
class Label:
    """What a task is called in a study: nothing that decides an answer, everything that finds it.

    Attributes:
        key: Digest of what the study's file says of this step, known before any work.
        task: Id of the task.
        study: Name of the study.
        cell: Name and value of each swept key; empty without a sweep.
        step: Name of the step.
    """

    key: str
    task: str
    study: str
    cell: dict[str, Any]
    step: str


class Store:
    """Trials in one file: append, resume, merge; each trial is kept once, whatever happens.

    A trial is known by (task, chip, time). Adding it again changes nothing; adding it with another
    count is refused, because then something that decides the answer is missing from its task.
    Everything added by one call is there, or nothing of it.

    Args:
        path: The file; made if it does not exist.
        wait_s: How long to wait for another process that is writing, before refusing.

    Raises:
        StoreError: The file cannot be opened or written, is no store, or has a newer format.

    Example:
        >>> with Store(":memory:") as store:
        ...     task = store.describe({"network": "lenet5", "data": "mnist"})
        ...     added = store.add([Trial(task, chip=0, t_s=1.0, correct=97, images=100)])
        ...     again = store.add([Trial(task, chip=0, t_s=1.0, correct=97, images=100)])
        >>> added, again
        (1, 0)
    """

    def __init__(self, path: str | Path, *, wait_s: float = 30.0) -> None:
        self.path = str(path)
        self._wait_s = wait_s
        self._in_memory = self.path == ":memory:"
        with self._sentences("opened"):
            self._db = self._connect()
        try:
            with self._sentences("read"):
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        if self._in_memory:
            return sqlite3.connect(":memory:", isolation_level=None)
        file = Path(self.path)
        if file.exists() and not os.access(file, os.W_OK):
            uri = f"{file.absolute().as_uri()}?mode=ro"
            return sqlite3.connect(uri, uri=True, timeout=self._wait_s, isolation_level=None)
        return sqlite3.connect(file, timeout=self._wait_s, isolation_level=None)

    def _prepare(self) -> None:
        """Check what the file is, and make the tables in a new one, in one step."""
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA temp_store = MEMORY")
        if self._is_new():
            with self._writing():
                if self._is_new():  # no other process was faster
                    for statement in _SCHEMA.split(";"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
                    self._db.execute(f"PRAGMA user_version = {FORMAT}")
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if application != _APPLICATION:
            raise StoreError(
                f"{self.path} is a database, but not a store of mho results. Choose another file."
            )
        if version > FORMAT:
            raise StoreError(
                f"{self.path} has store format {version}; this mho reads up to {FORMAT}. "
                "Update mho to read it: pip install -U mho."
            )
        if version < 1:
            raise StoreError(
                f"{self.path} has store format {version}, which no mho has ever written. "
                "Choose another file."
            )
        self._db.execute(
            "CREATE TEMP TABLE new (id TEXT, t_s REAL, chip INTEGER, correct INTEGER, "
            "images INTEGER)"
        )

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _is_new(self) -> bool:
        return self._pragma("schema_version") == 0 and self._pragma("application_id") == 0

    @contextmanager
    def _sentences(self, done: str) -> Iterator[None]:
        """Turn SQLite's complaints into sentences that name the file and the remedy."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(_sentence(self.path, done, str(error), self._wait_s)) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def describe(self, description: Mapping[str, Any]) -> str:
        """Register a task by everything that decides its answer; return its id.

        Args:
            description: Plain data: digests, settings, seeds. Names and comments do not belong.

        Returns:
            The SHA-256 of the description, the ``task`` of its trials.

        Raises:
            StoreError: The file cannot be written.
        """
        task = digest(description)
        with self._sentences("written"):
            known = self._db.execute("SELECT 1 FROM task WHERE id = ?", (task,)).fetchone()
            if known is None:
                with self._writing():
                    self._db.execute(
                        "INSERT OR IGNORE INTO task (id, description) VALUES (?, ?)",
                        (task, canonical_json(description)),
                    )
        return task

    def add(self, trials: Iterable[Trial]) -> int:
        """Append trials; what is there already is left as it is.

        Args:
            trials: Finished trials of tasks that were described before.

        Returns:
            How many were new.

        Raises:
            StoreError: The file cannot be written, a task was never described, or a trial is
                there with another count. Nothing is added then.
        """
        rows = [(t.task, t.t_s, t.chip, t.correct, t.images) for t in trials]
        with self._sentences("written"), self._writing():
            self._db.executemany("INSERT INTO new VALUES (?, ?, ?, ?, ?)", rows)
            return self._take_new()

    def label(self, label: Label) -> None:
        """Note what a task is called in a study; a task may have several names, or none.

        Args:
            label: The name; one that is there under the same key is replaced.

        Raises:
            StoreError: The file cannot be written.
        """
        row = (label.key, label.study, canonical_json(label.cell), label.step, label.task)
        with self._sentences("written"), self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO label (key, study, cell, step, task) "
                "SELECT ?, ?, ?, ?, number FROM task WHERE id = ?",
                row,
            )

    def labels(self) -> list[Label]:
        """Return what tasks are called, sorted by key."""
        with self._sentences("read"):
            rows = self._db.execute(
                "SELECT key, id, study, cell, step FROM label JOIN task ON number = task "
                "ORDER BY key"
            ).fetchall()
        return [
            Label(key, task, study, json.loads(cell), step) for key, task, study, cell, step in rows
        ]

    def counts(self, first: int = 0, chips: int | None = None) -> dict[str, dict[float, int]]:
        """Count the trials of each labelled task, fast: by the label's key, then by time.

        Args:
            first: Seed of the first chip to count.
            chips: How many chips from there; all by default.
        """
        last = _LARGEST if chips is None else first + chips - 1
        found: dict[str, dict[float, int]] = {}
        with self._sentences("read"):
            for key, t_s, count in self._db.execute(
                "SELECT key, t_s, count(*) FROM label JOIN trial ON trial.task = label.task "
                "WHERE chip BETWEEN ? AND ? GROUP BY key, t_s",
                (first, last),
            ):
                found.setdefault(key, {})[t_s] = count
        return found

    def rows(self) -> list[tuple[str, float, int, int, int]]:
        """Return every trial of a labelled task, fast: key of the label, time, chip, counts."""
        with self._sentences("read"):
            return self._db.execute(
                "SELECT key, t_s, chip, correct, images FROM label "
                "JOIN trial ON trial.task = label.task ORDER BY key, t_s, chip"
            ).fetchall()

    def merge(self, other: str | Path) -> int:
        """Add everything that another store holds; what both hold is counted once.

        Args:
            other: The other file; it is only read.

        Returns:
            How many trials were new.

        Raises:
            StoreError: The other file is missing or no store, or the two disagree about a trial.
                Nothing is added then.
        """
        if not Path(other).is_file():
            raise StoreError(f"{other} does not exist. Name a results.sqlite to merge from.")
        with Store(other, wait_s=self._wait_s) as source, source._sentences("read"):
            tasks = source._db.execute("SELECT id, description FROM task ORDER BY number")
            rows = source._db.execute(
                "SELECT id, t_s, chip, correct, images FROM trial JOIN task ON number = task"
            )
            labels = source._db.execute(
                "SELECT key, study, cell, step, id FROM label JOIN task ON number = task"
            )
            with self._sentences("written"), self._writing():
                self._db.executemany(
                    "INSERT OR IGNORE INTO task (id, description) VALUES (?, ?)", tasks
                )
                self._db.executemany(
                    "INSERT OR IGNORE INTO label (key, study, cell, step, task) "
                    "SELECT ?, ?, ?, ?, number FROM task WHERE id = ?",
                    labels,
                )
                self._db.executemany("INSERT INTO new VALUES (?, ?, ?, ?, ?)", rows)
                return self._take_new()

    def _take_new(self) -> int:
        """Move the waiting rows of table ``new`` into the trials; return how many were new."""
        lost = self._db.execute(
            "SELECT new.id FROM new LEFT JOIN task ON task.id = new.id WHERE task.id IS NULL"
        ).fetchone()
        if lost is not None:
            raise StoreError(
                f"{self.path}: task {lost[0][:12]} was never described; call store.describe(...) "
                "first."
            )
        added = self._db.execute(_INSERT).rowcount
        clash = self._db.execute(_CLASHES).fetchone()
        if clash is not None:
            task, chip, t_s, *counts = clash
            raise StoreError(
                f"{self.path}: chip {chip} at {t_s:g} s of task {task[:12]} is stored with "
                f"{counts[0]} of {counts[1]} images correct and came again with {counts[2]} of "
                f"{counts[3]}. The two were not computed by the same code on the same kind of "
                "machine; keep them in separate stores."
            )
        self._db.execute("DELETE FROM new")
        return int(added)

    def trials(self, task: str | None = None) -> list[Trial]:
        """Return the trials of one task, or all, sorted by task, time and chip.

        Args:
            task: Id of the task, or None for all.
        """
        query = "SELECT id, chip, t_s, correct, images FROM trial JOIN task ON number = task "
        condition, values = ("WHERE id = ? ", (task,)) if task is not None else ("", ())
        with self._sentences("read"):
            rows = self._db.execute(query + condition + "ORDER BY id, t_s, chip", values)
            return [Trial(*row) for row in rows]

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return every task: id and what was said to decide it."""
        with self._sentences("read"):
            rows = self._db.execute("SELECT id, description FROM task ORDER BY id").fetchall()
        return {task: json.loads(text) for task, text in rows}

    def __len__(self) -> int:
        with self._sentences("read"):
            return int(self._db.execute("SELECT count(*) FROM trial").fetchone()[0])

    def close(self) -> None:
        """Close the file; everything added is already safe."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _sentence(path: str, done: str, problem: str, wait_s: float) -> str:
    """Say what SQLite's message means to the person in front of it."""
    known = {
        "database is locked": (
            f"another process is writing to it (waited {wait_s:g} s). "
            "Wait until it has finished, or choose another folder."
        ),
        "database or disk is full": (
            "the disk is full. Everything finished so far is kept: make room and run again."
        ),
        "readonly": "it is read-only. Make it writable, or choose another folder.",
        "unable to open": "its folder is missing or not writable. Choose another folder.",
        "not a database": "it is not a store of mho results. Choose another file.",
        "malformed": (
            "it is damaged. Restore a copy, or move it away: its trials will be run again."
        ),
        "disk I/O error": "the disk failed. Check it, then run again: finished trials are kept.",
    }
    reason = next((text for key, text in known.items() if key in problem), f"{problem}.")
    return f"{path} cannot be {done}: {reason}"
