"""The folder of a study's results: who may write to it, and where things lie in it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mho.errors import StoreError
from mho.files import atomic_write, os_sentence, writable_folder
from mho.study.plan import Cell
from mho.study.spec import StudyFile

if TYPE_CHECKING:
    from mho.study.build import Parts

STUDY = "study.toml"
STORE = "results.sqlite"
RESULTS = "results.json"
REPORT = "report.html"
ARTEFACTS = "artefacts"
CELLS = "cells"
_LOCK = ".lock"
_HOLDER = ".lock-holder"


@dataclass(frozen=True)
class Folder:
    """The folder of one study's results.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def store(self) -> Path:
        """The trials."""
        return self.path / STORE

    @property
    def results(self) -> Path:
        """The figures, for machines."""
        return self.path / RESULTS

    @property
    def report(self) -> Path:
        """The figures, for people."""
        return self.path / REPORT

    @property
    def artefacts(self) -> Path:
        """What recoveries have learned, each under its id."""
        return self.path / ARTEFACTS

    @contextlib.contextmanager
    def owned_by(self, file: StudyFile, own: Sequence[Path] = ()) -> Iterator[None]:
        """Hold the folder for one study while the block runs; a killed process holds nothing.

        Args:
            file: The study; a copy is left in the folder.
            own: Files that it names, relative to its folder; copies are left beside the study's.

        Raises:
            StoreError: Another process is writing there, the folder holds another study's results,
                or it cannot be written to.
        """
        writable_folder(self.path)
        lock = FileLock(self.path / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise StoreError(
                f"{self.path} is in use by {self._holder()}. Wait until it has finished, or choose "
                "another folder with -o."
            ) from None
        except OSError as error:
            raise StoreError(os_sentence(error, "lock", self.path)) from error
        try:
            atomic_write(self.path / _HOLDER, f"process {os.getpid()} on {platform.node()}")
            self._claim(file)
            self._tidy()
            for name in own:
                self._copy(file.base / name, self.path / name)
            yield
        finally:
            (self.path / _HOLDER).unlink(missing_ok=True)
            lock.release()

    def holder(self) -> str | None:
        """Return who holds the folder now, or None."""
        if not (self.path / _LOCK).exists():
            return None
        lock = FileLock(self.path / _LOCK, timeout=0)
        try:
            with lock:
                return None
        except Timeout:
            return self._holder()
        except OSError:  # a folder that cannot be written to is held by no one
            return None

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            return f"another mho run ({(self.path / _HOLDER).read_text(encoding='utf-8')})"
        return "another mho run"

    def _claim(self, file: StudyFile) -> None:
        """Leave a copy of the study; refuse a folder that belongs to a study of another name."""
        copy = self.path / STUDY
        if copy.exists() and not copy.samefile(file.path):
            owner = name_in(copy)
            if owner not in (None, file.study.name):
                raise StoreError(
                    f"{self.path} holds the results of another study, '{owner}'. Choose another "
                    f"folder with -o, or give this study ('{file.study.name}') the same name."
                )
        if not copy.exists() or copy.read_text(encoding="utf-8") != file.text:
            atomic_write(copy, file.text)

    def _tidy(self) -> None:
        """Remove what a killed run had begun to write, hidden beside what is whole."""
        for folder in (self.artefacts, self.path / CELLS):
            for left in folder.glob(".*"):
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)

    def _copy(self, source: Path, target: Path) -> None:
        contents = source.read_bytes()
        if not target.is_file() or target.read_bytes() != contents:
            atomic_write(target, contents)

    def cell(self, cell: Cell) -> Path:
        """Return where the figures of a cell of a sweep lie."""
        return self.path / CELLS / f"{cell.key[:16]}.json"

    def keep(self, cell: Cell, figures: Mapping[str, Any]) -> None:
        """Keep the figures of a cell of a sweep.

        Raises:
            StoreError: They cannot be written.
        """
        text = json.dumps(figures, indent=1, allow_nan=False)
        atomic_write(self.cell(cell), text + "\n")

    def finished(self, cell: Cell, parts: Parts) -> dict[str, Any] | None:
        """Return the figures of a cell that was finished with the same data; else None."""
        try:
            figures = json.loads(self.cell(cell).read_text(encoding="utf-8"))
            hashes = figures["hashes"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        train = parts.train.digest if cell.study.recover else None
        same = hashes.get("data") == parts.test.digest and hashes.get("train") == train
        found: dict[str, Any] | None = figures if same else None
        return found


def name_in(path: Path) -> str | None:
    """Return the name of the study in a file, or None where it says none."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("name")
    except (OSError, ValueError):
        return None
    return found if isinstance(found, str) else None
